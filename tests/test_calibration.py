"""Average precision, Brier score, reliability: against scikit-learn, by hand, guarded."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss

from ls_integration.results.metrics import build_metrics
from ls_integration.scoring.calibration import (
    N_BINS,
    average_precision,
    calibration,
    explain_no_probabilities,
)
from ls_integration.scoring.intervals import wilson
from ls_integration.scoring.rank_resamples import MOST_RANKS, rank_down
from ls_integration.workflows.score import score_source
from tests.test_metrics import THREE, check, make_items

SESSIONS = ("Fred/Fred.npz", "Julia/Julia.npz", "Theresa/Theresa_2ndAnnotation.npz")


def make_scores(n_items: int, seed: int, decimals: int = 12) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.random(n_items) < 0.35
    score = 1 / (1 + np.exp(-generator.normal(2 * truth - 1, 1.2)))
    return truth, np.round(score, decimals)


@pytest.mark.parametrize("decimals", [1, 2, 12])
def test_the_numbers_are_those_of_scikit_learn(decimals: int) -> None:
    """With many ties and without: average precision, Brier, and the curve in ten bins."""
    truth, score = make_scores(700, 3, decimals)
    found = calibration(truth, score)
    assert average_precision(truth, score).value == average_precision_score(truth, score)
    assert found.brier.value == pytest.approx(brier_score_loss(truth, score), abs=1e-12)
    shares, means = calibration_curve(truth, score, n_bins=N_BINS, strategy="quantile")
    assert [part.mean_score for part in found.bins] == pytest.approx(list(means))
    assert [part.share_positive.value for part in found.bins] == pytest.approx(list(shares))
    assert sum(part.n for part in found.bins) == 700
    weights = [part.n / 700 for part in found.bins]
    assert found.ece == pytest.approx(np.dot(weights, np.abs(shares - means)))
    for part in found.bins:
        successes = round(part.share_positive.value * part.n)
        assert part.share_positive.ci95 == wilson(successes, part.n)
    if decimals == 12:
        assert {part.n for part in found.bins} == {70}


def test_four_items_by_hand() -> None:
    """Brier (0.01 + 0.64 + 0.04 + 0.09) / 4; average precision (1 + 2/3) / 2."""
    truth = np.array([True, False, True, False])
    score = np.array([0.9, 0.8, 0.8, 0.3])
    found = calibration(truth, score)
    assert found.brier.value == pytest.approx((0.01 + 0.64 + 0.04 + 0.09) / 4)
    # The tie at 0.8 is one step: precision 2 of 3 there.
    assert average_precision(truth, score).value == pytest.approx((1 + 2 / 3) / 2)
    # 0.3 is never positive, 0.8 one time of two, 0.9 always.
    assert found.ece == pytest.approx((0.3 + 2 * 0.3 + 0.1) / 4)


def test_ece_by_chance_alone_is_foretold() -> None:
    """Scores that are right have, on average, the ECE that is said to come by chance."""
    generator = np.random.default_rng(8)
    found = []
    for _ in range(30):
        score = generator.random(200)
        found.append(calibration(generator.random(200) < score, score))
    by_chance = np.mean([one.ece_if_calibrated for one in found])
    assert np.mean([one.ece for one in found]) == pytest.approx(by_chance, rel=0.12)


@pytest.mark.parametrize("grouped", [False, True])
def test_the_interval_of_average_precision_is_that_of_plain_resampling(grouped: bool) -> None:
    """Drawing cells is drawing items (or groups): the quantiles of a plain loop."""
    truth, score = make_scores(300, 5, 3)
    groups = np.arange(300) // 4 if grouped else None
    if grouped:
        truth, score = np.repeat(truth[:75], 4), np.repeat(score[:75], 4)
    generator = np.random.default_rng(9)
    units = np.arange(300).reshape(-1, 4 if grouped else 1)
    values = []
    for _ in range(1500):
        drawn = units[generator.integers(len(units), size=len(units))].ravel()
        values.append(average_precision_score(truth[drawn], score[drawn]))
    low, high = np.quantile(values, [0.025, 0.975])
    found = average_precision(truth, score, groups=groups).ci95
    assert found == pytest.approx((low, high), abs=0.1 * (high - low))


def test_many_different_scores_are_ranked_coarsely_and_end_where_they_belong() -> None:
    """At most so many ranks, of about equal counts, in order; the interval has the value in it."""
    truth, score = make_scores(30_000, 6)
    rank = rank_down(score)
    assert rank.max() == MOST_RANKS - 1
    assert np.bincount(rank).max() <= 30_000 / MOST_RANKS + 1
    assert (np.diff(rank[np.argsort(-score)]) >= 0).all()
    measure = average_precision(truth, score)
    low, high = measure.ci95
    assert low < measure.value < high
    # Four times as many items as in a quarter of them: half the width.
    low_4, high_4 = average_precision(truth[:7500], score[:7500]).ci95
    assert (high_4 - low_4) / (high - low) == pytest.approx(2, rel=0.15)


def test_the_order_of_the_items_does_not_matter() -> None:
    """Shuffled items, with and without groups: the same interval."""
    truth, score = make_scores(3000, 2)
    groups = np.arange(3000) // 2
    order = np.random.default_rng(1).permutation(3000)
    for several in (None, groups):
        one = average_precision(truth, score, groups=several)
        moved = None if several is None else several[order]
        other = average_precision(truth[order], score[order], groups=moved)
        assert one.ci95 == pytest.approx(other.ci95, abs=1e-12)


def test_scores_that_are_no_probabilities_are_named() -> None:
    """Logits have average precision, but neither Brier nor ECE nor a curve."""
    items = make_items(model_score=[8.2, 0.3, 0.4, -3.1, 0.2])
    metrics = build_metrics(items, THREE, positive="anomaly")
    check(metrics)
    model = metrics["model"]
    assert model["average_precision"] == pytest.approx(5 / 6)
    assert [model[key] for key in ("brier", "ece", "reliability")] == [None] * 3
    reason = "the scores are no probabilities (from -3.1 to 8.2)"
    assert f"model.brier: {reason}" in metrics["warnings"]
    assert f"model.reliability: {reason}" in metrics["warnings"]
    turned = build_metrics(items, THREE, positive="normal")
    assert f"model.brier: {reason}" in turned["warnings"]
    assert explain_no_probabilities(np.array([0.0, 1.0, np.nan])) is None


@pytest.mark.parametrize("label", ["normal", "anomaly"])
def test_one_class_has_a_brier_score_and_no_average_precision(label: str) -> None:
    """Calibration is defined with one class, ranking is not."""
    metrics = build_metrics(make_items(label=[label] * 5), THREE, positive="anomaly")
    check(metrics)
    model = metrics["model"]
    assert model["average_precision"] is None
    truth = float(label == "anomaly")
    expected = np.mean((np.array([0.9, 0.3, 0.4, 0.1, 0.2]) - truth) ** 2)
    assert model["brier"] == pytest.approx(expected)
    assert {part["share_positive"] for part in model["reliability"]} == {truth}


def test_scores_for_the_other_label_say_the_same() -> None:
    """A score p for normal is 1 - p for anomaly: the same calibration."""
    truth, score = make_scores(200, 4, 3)
    table = {
        "item_id": [f"i{row}" for row in range(200)],
        "label": np.where(truth, "anomaly", "normal").tolist(),
    }
    one = build_metrics(
        make_items(**table, model_score=score.tolist()), THREE.iloc[:0], positive="anomaly"
    )
    other = build_metrics(
        make_items(**table, model_score=(1 - score).tolist()),
        THREE.iloc[:0],
        positive="anomaly",
        study={"score_label": "normal"},
    )
    for key in ("average_precision", "brier", "ece", "ece_if_calibrated"):
        assert one["model"][key] == pytest.approx(other["model"][key], abs=1e-9)
    pairs = zip(one["model"]["reliability"], other["model"]["reliability"], strict=True)
    for part, same in pairs:
        assert part["mean_score"] == pytest.approx(same["mean_score"], abs=1e-9)
        assert part["n"] == same["n"]


def test_the_real_scores(shared_data: Path, tmp_path: Path) -> None:
    """The lab's model by scikit-learn, straight from its own table."""
    folder = shared_data / "anomagui"
    scored = score_source(
        folder, [folder / name for name in SESSIONS], tmp_path / "scores", model_threshold=0.213
    )
    items = pd.read_csv(scored.folder / "items.csv")
    truth, score = items["label"] == "anomaly", items["model_score"]
    model = scored.metrics["model"]
    assert model["average_precision"] == pytest.approx(average_precision_score(truth, score))
    if explain_no_probabilities(score.to_numpy()) is None:
        assert model["brier"] == pytest.approx(brier_score_loss(truth, score))
        assert sum(part["n"] for part in model["reliability"]) == len(items)
    else:
        assert model["brier"] is None
