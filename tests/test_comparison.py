"""People against the model: McNemar, differences, and the point beside the curve."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_curve

from ls_integration.annotations import check_annotations, empty
from ls_integration.results.metrics import build_metrics
from ls_integration.results.tables import check_items
from ls_integration.scoring.comparison import adjust_p, compare_pair, compare_with_curve
from ls_integration.workflows.score import score_source
from tests.test_metrics import THREE, check, make_annotations, make_items

SESSIONS = ("Fred/Fred.npz", "Julia/Julia.npz", "Theresa/Theresa_2ndAnnotation.npz")


def make_right(both: int, first: int, second: int, none: int) -> tuple[np.ndarray, np.ndarray]:
    first_right = np.repeat([True, True, False, False], [both, first, second, none])
    return first_right, np.repeat([True, False, True, False], [both, first, second, none])


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 5), (12, 3), (2, 40)])
def test_mcnemar_is_a_binomial_test_of_the_discordant_items(first: int, second: int) -> None:
    """By scipy's exact binomial test; nothing discordant is p = 1 and no width."""
    paired = compare_pair(*make_right(30, first, second, 4))
    expected = binomtest(first, first + second).pvalue if first + second else 1.0
    assert paired.p == pytest.approx(expected, abs=1e-12)
    assert (paired.first_right_only, paired.second_right_only) == (first, second)
    n_items = 34 + first + second
    assert paired.accuracy_difference.value == pytest.approx((first - second) / n_items)
    assert (paired.accuracy_difference.ci95 is None) == (first + second == 0)


def test_holm_by_hand() -> None:
    """0.01 * 3, 0.02 * 2, and never below the one before."""
    assert adjust_p([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert adjust_p([0.9, 0.6]) == [1.0, 1.0]
    assert adjust_p([]) == []


def test_the_interval_of_the_difference_covers() -> None:
    """In 300 made-up studies of 150 items about 95 % of the intervals hold the true difference."""
    generator = np.random.default_rng(12)
    shares = [0.62, 0.2, 0.08, 0.1]
    held = 0
    for seed in range(300):
        counts = generator.multinomial(150, shares)
        low, high = compare_pair(*make_right(*counts), seed=seed).accuracy_difference.ci95
        held += low <= shares[1] - shares[2] <= high
    assert 0.91 <= held / 300 <= 0.985


def test_groups_widen_the_difference() -> None:
    """Items that are copies of each other in one group: the same value, a wider interval."""
    first, second = (np.repeat(right, 4) for right in make_right(30, 9, 4, 4))
    alone = compare_pair(first, second).accuracy_difference
    grouped = compare_pair(first, second, groups=np.arange(188) // 4).accuracy_difference
    assert grouped.value == alone.value
    assert np.ptp(grouped.ci95) == pytest.approx(2 * np.ptp(alone.ci95), rel=0.1)


def make_curve(n_items: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.random(n_items) < 0.4
    score = np.round(generator.normal(truth * 1.2, 1), 2)
    return truth, truth ^ (generator.random(n_items) < 0.15), score


def test_the_point_beside_the_curve_by_hand() -> None:
    """Four items: on a riser its upper end, between points the straight line."""
    truth = np.array([True, False, True, False])
    score = np.array([0.9, 0.8, 0.7, 0.1])
    # Curve: (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1).
    for called, at_fpr, above in (
        ([False, False, False, False], 0.5, -0.5),
        ([True, False, True, False], 0.5, 0.5),
        ([True, True, False, False], 1.0, -0.5),
        ([True, True, True, True], 1.0, 0.0),
    ):
        found = compare_with_curve(truth, np.array(called), score)
        assert (found[0].value, found[1].value) == (at_fpr, above)
    tied = compare_with_curve(truth, np.array([True, True, True, False]), np.zeros(4))
    assert (tied[0].value, tied[1].value) == (0.5, 0.5)


@pytest.mark.parametrize("grouped", [False, True])
def test_the_interval_beside_the_curve_is_that_of_plain_resampling(grouped: bool) -> None:
    """Value and quantiles by scikit-learn's curve in a plain loop over items or groups."""
    truth, called, score = make_curve(240, 3)
    if grouped:
        truth, called, score = (np.repeat(each[:80], 3) for each in (truth, called, score))

    def above(which: np.ndarray) -> float:
        fpr, tpr, _ = roc_curve(truth[which], score[which])
        right = called[which]
        return right[truth[which]].mean() - np.interp(right[~truth[which]].mean(), fpr, tpr)

    generator = np.random.default_rng(2)
    units = np.arange(240).reshape(-1, 3 if grouped else 1)
    values = [
        above(units[generator.integers(len(units), size=len(units))].ravel()) for _ in range(1500)
    ]
    low, high = np.quantile(values, [0.025, 0.975])
    groups = np.arange(240) // 3 if grouped else None
    _, found = compare_with_curve(truth, called, score, groups=groups)
    assert found.value == pytest.approx(above(np.arange(240)), abs=1e-12)
    assert found.ci95 == pytest.approx((low, high), abs=0.1 * (high - low))


def test_a_person_who_decides_as_the_model_is_on_its_curve() -> None:
    """The model's own decisions at a threshold lie on its curve: no difference."""
    truth, _, score = make_curve(500, 5)
    at_fpr, above = compare_with_curve(truth, score >= 0.7, score)
    assert at_fpr.value == pytest.approx((score >= 0.7)[truth].mean(), abs=1e-12)
    assert above.value == pytest.approx(0, abs=1e-12)


def test_the_block_by_hand() -> None:
    """Three people, five items: who alone is right on which, worked out on paper."""
    metrics = build_metrics(make_items(), THREE, positive="anomaly", model_threshold=0.35)
    check(metrics)
    block = {entry["first"]: entry for entry in metrics["comparison"]}
    assert list(block)[:4] == ["Ann", "Bob", "Cas", "majority"]
    assert {entry["second"] for entry in block.values()} == {"model"}
    # The model (0.35) misses b and calls c; Ann misses b and calls d.
    ann = block["Ann"]
    assert (ann["n_items"], ann["first_right_only"], ann["second_right_only"]) == (5, 1, 1)
    assert (ann["p"], ann["p_holm"], ann["accuracy_difference"]) == (1.0, 1.0, 0.0)
    # Her FPR is 1/3, where the curve has b already: 1; her TPR is 1/2.
    assert (ann["model_tpr_at_fpr"], ann["tpr_above_model"]) == (1.0, -0.5)
    bob = block["Bob"]
    assert (bob["n_items"], bob["first_right_only"], bob["second_right_only"]) == (4, 1, 0)
    # Of the ties c and d nothing is decided.
    assert block["majority"]["n_items"] == 3


def test_the_real_sessions(shared_data: Path, tmp_path: Path) -> None:
    """Counts, p, Holm and the point beside the curve, straight from the sessions' own files."""
    folder = shared_data / "anomagui"
    scored = score_source(
        folder, [folder / name for name in SESSIONS], tmp_path / "scores", model_threshold=0.213
    )
    items = pd.read_csv(scored.folder / "items.csv")
    truth = (items["label"] == "anomaly").to_numpy()
    score = items["model_score"].to_numpy()
    people = scored.metrics["comparison"][:3]
    p_values = []
    for entry, name in zip(people, SESSIONS, strict=True):
        called = np.load(folder / name)["classifications"][:, 0] == 1
        right, model_right = called == truth, (score >= 0.213) == truth
        only, only_model = int((right & ~model_right).sum()), int((model_right & ~right).sum())
        assert (entry["first_right_only"], entry["second_right_only"]) == (only, only_model)
        assert entry["p"] == pytest.approx(binomtest(only, only + only_model).pvalue)
        assert entry["accuracy_difference"] == pytest.approx(right.mean() - model_right.mean())
        fpr, tpr, _ = roc_curve(truth, score)
        at_fpr = np.interp(called[~truth].mean(), fpr, tpr)
        assert entry["model_tpr_at_fpr"] == pytest.approx(at_fpr)
        assert entry["tpr_above_model"] == pytest.approx(called[truth].mean() - at_fpr)
        p_values.append(entry["p"])
    p_values += [entry["p"] for entry in scored.metrics["comparison"][3:]]
    ranks = np.argsort(p_values)
    steps = np.array(p_values)[ranks] * np.arange(len(p_values), 0, -1)
    holm = np.empty(len(p_values))
    holm[ranks] = np.minimum(np.maximum.accumulate(steps), 1)
    assert [entry["p_holm"] for entry in scored.metrics["comparison"]] == pytest.approx(list(holm))


def test_scores_for_the_other_label_say_the_same() -> None:
    """A score p for normal and its threshold are 1 - p for anomaly: the same comparison."""
    one = build_metrics(make_items(), THREE, positive="anomaly", model_threshold=0.35)
    other = build_metrics(
        make_items(model_score=[0.1, 0.7, 0.6, 0.9, 0.8]),
        THREE,
        positive="anomaly",
        model_threshold=0.65,
        study={"score_label": "normal"},
    )
    assert one["comparison"] == other["comparison"]


def test_what_cannot_be_compared_is_explained() -> None:
    """No model, no threshold, one class, nobody in common: null, with the reason."""
    metrics = build_metrics(make_items(model_score=[np.nan] * 5), THREE, positive="anomaly")
    check(metrics)
    assert metrics["comparison"] == []
    assert "comparison: the items have no model scores" in metrics["warnings"]
    metrics = build_metrics(make_items(), THREE, positive="anomaly")
    check(metrics)
    entry = metrics["comparison"][0]
    assert (entry["p"], entry["n_items"], entry["model_tpr_at_fpr"]) == (None, 0, 1.0)
    one_class = make_items(label=["normal"] * 5)
    metrics = build_metrics(one_class, THREE, positive="anomaly", model_threshold=0.35)
    check(metrics)
    entry = metrics["comparison"][0]
    assert entry["p"] is not None
    assert entry["tpr_above_model"] is None
    apart = make_items(model_score=[np.nan, 0.3, 0.4, 0.1, 0.2])
    alone = make_annotations([("a", "Ann", "anomaly")])
    metrics = build_metrics(apart, alone, positive="anomaly", model_threshold=0.35)
    check(metrics)
    (entry,) = metrics["comparison"]
    assert (entry["p"], entry["p_holm"], entry["tpr_above_model"]) == (None, None, None)
    check(build_metrics(make_items(), empty(), positive="anomaly", model_threshold=0.35))


def test_decisions_without_scores_are_compared() -> None:
    """A model that gave labels only: McNemar, but no curve."""
    items = make_items(model_label=["anomaly", "normal", "anomaly", "normal", "normal"])
    items = items.drop(columns="model_score")
    metrics = build_metrics(check_items(items), THREE, positive="anomaly")
    check(metrics)
    entry = metrics["comparison"][0]
    assert (entry["n_items"], entry["p"]) == (5, 1.0)
    assert entry["model_tpr_at_fpr"] is None


def test_grouped_items_are_said_to_be_dependent() -> None:
    """With groups the exact test is printed with its caveat, and intervals draw groups."""
    generator = np.random.default_rng(3)
    truth = generator.random(90) < 0.5
    items = check_items(
        pd.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(90)],
                "label": np.where(truth, "anomaly", "normal"),
                "group": [f"g{row // 3}" for row in range(90)],
                "model_score": np.clip(generator.normal(0.3 + 0.4 * truth, 0.2), 0, 1),
            }
        )
    )
    answers = pd.DataFrame(
        {
            "item_id": items["item_id"],
            "annotator": "Ann",
            "label": np.where(truth ^ (generator.random(90) < 0.2), "anomaly", "normal"),
        }
    )
    metrics = build_metrics(items, check_annotations(answers), positive="anomaly")
    check(metrics)
    metrics = build_metrics(
        items, check_annotations(answers), positive="anomaly", model_threshold=0.5
    )
    check(metrics)
    assert any("takes items as independent" in line for line in metrics["warnings"])
    assert metrics["comparison"][0]["tpr_above_model_ci95"] is not None
