"""Known labels that look wrong: how many, which, and how sure."""

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.results.label_errors import rank_labels
from ls_integration.results.lined_up import line_up_study
from ls_integration.results.metrics import build_metrics
from ls_integration.results.tables import check_items
from ls_integration.scoring.label_errors import (
    contradiction,
    count_wrong_labels,
    out_of_fold_probability,
    pooled_opinion,
    precision_at,
)


def simulate(seed: int, n_items: int = 800) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True classes, given labels (12 and 5 % wrong), and the share of three people's votes."""
    random = np.random.default_rng(seed)
    true = random.random(n_items) < 0.4
    given = true ^ (random.random(n_items) < np.where(true, 0.12, 0.05))
    votes = np.column_stack([true ^ (random.random(n_items) < 0.1) for _ in range(3)])
    return true, given, votes.mean(axis=1)


def confident_joint(given: np.ndarray, opinion: np.ndarray) -> np.ndarray:
    """Follow the paper item by item: counts by given label and confident class, calibrated."""
    probability = np.column_stack([1 - opinion, opinion])
    classes = given.astype(int)
    thresholds = [probability[classes == one, one].mean() for one in (0, 1)]
    counts = np.zeros((2, 2))
    for label, row in zip(classes, probability, strict=True):
        above = [one for one in (0, 1) if row[one] >= thresholds[one] - 1e-12]
        if above:
            best = max(above, key=lambda one: (row[one], one))
            counts[label, best] += 1
    sizes = np.bincount(classes, minlength=2)
    return counts / counts.sum(axis=1, keepdims=True) * sizes[:, None]


@pytest.mark.parametrize("seed", range(3))
def test_the_count_is_the_confident_joint(seed: int) -> None:
    """All three numbers are the off-diagonal of the joint, counted item by item."""
    _, given, opinion = simulate(seed)
    joint = confident_joint(given, opinion.round(3))
    wrong, wrong_positive, wrong_negative = count_wrong_labels(given, opinion, resamples=50)
    assert wrong_positive.value == pytest.approx(joint[1, 0])
    assert wrong_negative.value == pytest.approx(joint[0, 1])
    assert wrong.value == pytest.approx(joint[1, 0] + joint[0, 1])


def test_the_interval_holds_the_number_of_wrong_labels() -> None:
    """In at least 54 of 60 studies (90 %) the interval holds the number really flipped."""
    held = 0
    for seed in range(60):
        true, given, opinion = simulate(seed)
        interval = count_wrong_labels(given, opinion, resamples=400)[0].ci95
        assert interval is not None
        held += interval[0] <= np.count_nonzero(true != given) <= interval[1]
    assert held >= 54


def test_groups_widen_the_interval() -> None:
    """Every item four times in its group: as wide as without the copies, not half as wide."""
    _, given, opinion = simulate(1, 200)
    groups = np.repeat(np.arange(200), 4)
    alone = count_wrong_labels(given, opinion)[0].ci95
    together = count_wrong_labels(np.repeat(given, 4), np.repeat(opinion, 4), groups=groups)[0].ci95
    assert alone is not None
    assert together is not None
    assert np.array(together) / 4 == pytest.approx(np.array(alone), rel=0.1)


def test_degenerate_labels_have_reasons() -> None:
    """No items, one class, one item: null or no interval, and words for it."""
    nothing = count_wrong_labels(np.zeros(0, bool), np.zeros(0))[0]
    assert nothing.value is None
    assert nothing.reason is not None
    same = count_wrong_labels(np.ones(5, bool), np.full(5, 0.2))[0]
    assert same.value is None
    assert "all known labels are the same" in str(same.reason)
    pair = count_wrong_labels(np.array([True, False]), np.array([1.0, 0.0]))[0]
    assert (pair.value, pair.ci95) == (0.0, None)


def test_opinion_and_contradiction_by_hand() -> None:
    """People and model have one vote each; three of three weigh more than one of one."""
    model = np.array([0.8, np.nan, np.nan, 0.9])
    opinion = pooled_opinion(np.array([3, 1, 0, 0]), np.array([3, 1, 0, 0]), model)
    assert opinion == pytest.approx([3.8 / 4, 1.0, np.nan, 0.9], nan_ok=True)
    doubt = contradiction(np.zeros(4, bool), opinion, np.array([4, 1, 0, 1]))
    assert doubt == pytest.approx([4.3 / 5, 1.5 / 2, np.nan, 1.4 / 2], nan_ok=True)


def test_a_label_does_not_vouch_for_itself() -> None:
    """Turning one label round leaves its own probability as it was, and moves others'."""
    random = np.random.default_rng(0)
    truth = random.random(60) < 0.5
    score = random.normal(truth * 1.0)
    turned = truth.copy()
    turned[7] = ~turned[7]
    groups = np.arange(60) // 2
    before = out_of_fold_probability(truth, score, groups=groups)
    assert before is not None
    for made in (before, out_of_fold_probability(truth, score)):
        assert made is not None
        assert ((made > 0) & (made < 1)).all()
    # A score far from all others, with a label against it: the fit has not seen it.
    score[7] = 8.0
    alone = [out_of_fold_probability(labels, score) for labels in (truth, turned)]
    assert all(made is not None and made[7] > 0.95 for made in alone)
    assert out_of_fold_probability(truth[:6], score[:6]) is None


def test_the_ranking_of_a_small_study() -> None:
    """Doubt, suggestion and order by hand; unsure is no vote, unknown labels are left out."""
    items = check_items(
        pd.DataFrame(
            {
                "item_id": list("abcde"),
                "label": ["normal", "normal", "anomaly", None, "anomaly"],
                "true_label": ["anomaly", "normal", "anomaly", None, None],
            }
        )
    )
    said = {
        "a": ["anomaly", "anomaly", "anomaly"],
        "b": ["normal", "anomaly", "unsure"],
        "c": ["normal", None, "unsure"],
        "d": ["anomaly", "anomaly", "anomaly"],
    }
    rows = [
        (item, name, label)
        for item, labels in said.items()
        for name, label in zip(("Ann", "Bob", "Cas"), labels, strict=True)
    ]
    annotations = check_annotations(pd.DataFrame(rows, columns=["item_id", "annotator", "label"]))
    study = line_up_study(items, annotations, positive="anomaly")
    ranking = rank_labels(study)
    assert ranking["item_id"].tolist() == ["a", "c", "b"]
    assert ranking["contradiction"].tolist() == pytest.approx([3.5 / 4, 1.5 / 2, 1.5 / 3])
    assert ranking["suggested_label"].tolist() == ["anomaly", study.negative, None]
    assert ranking["n_answers"].tolist() == [3, 1, 2]
    assert ranking["n_against"].tolist() == [3, 1, 1]
    entry = build_metrics(items, annotations, positive="anomaly")["label_errors"]
    assert (entry["n_ranked"], entry["n_contradicted"], entry["n_with_model"]) == (3, 2, 0)


def test_the_ranking_against_a_better_truth() -> None:
    """Half of the first ten are wrong by the better truth: precision 0.5 with Wilson's interval."""
    assert precision_at(np.array([True, False, True]), (2, 3, 4)) == {2: (1, 2), 3: (2, 3)}
    n_items = 20
    items = pd.DataFrame({"item_id": [f"i{row:02}" for row in range(n_items)], "label": "normal"})
    items.loc[15:, "label"] = "anomaly"
    items["true_label"] = items["label"]
    items.loc[:4, "true_label"] = "anomaly"
    called = ["anomaly"] * 10 + ["normal"] * 5 + ["anomaly"] * 5
    answers = pd.DataFrame({"item_id": items["item_id"], "annotator": "Ann", "label": called})
    metrics = build_metrics(check_items(items), check_annotations(answers), positive="anomaly")
    first = metrics["label_errors"]["precision_at"][0]
    assert (first["k"], first["n_wrong"], first["precision"]) == (10, 5, 0.5)
    assert first["precision_ci95"] == pytest.approx([0.2366, 0.7634], abs=1e-4)
