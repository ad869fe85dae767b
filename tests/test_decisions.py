"""Decisions against the truth: scikit-learn's numbers, nulls with reasons, groups."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from ls_integration.scoring.binary import Counts
from ls_integration.scoring.decisions import score_decisions
from ls_integration.scoring.measure import Measure

ORACLE = {
    "accuracy": sklearn_metrics.accuracy_score,
    "tpr": sklearn_metrics.recall_score,
    "fpr": lambda truth, called: 1 - sklearn_metrics.recall_score(~truth, ~called),
    "precision": sklearn_metrics.precision_score,
    "f1": sklearn_metrics.f1_score,
    "balanced_accuracy": sklearn_metrics.balanced_accuracy_score,
    "cohen_kappa": sklearn_metrics.cohen_kappa_score,
    "mcc": sklearn_metrics.matthews_corrcoef,
}


def score(truth: list[int], called: list[int]) -> tuple[Counts, dict[str, Measure]]:
    one, other = np.array(truth, dtype=bool), np.array(called, dtype=bool)
    return score_decisions(one, other, np.ones(len(one), dtype=bool), positive="anomaly")


@pytest.mark.parametrize("seed", range(6))
def test_the_measures_are_those_of_scikit_learn(seed: int) -> None:
    """Eight measures of random decisions, good and bad, equal an independent computation."""
    generator = np.random.default_rng(seed)
    truth = generator.random(300) < generator.uniform(0.1, 0.9)
    called = np.where(generator.random(300) < generator.uniform(0.2, 0.9), truth, ~truth)
    judged = generator.random(300) < 0.8
    _, measures = score_decisions(truth, called, judged)
    assert list(measures) == list(ORACLE)
    for name, oracle in ORACLE.items():
        measure = measures[name]
        assert measure.value == pytest.approx(oracle(truth[judged], called[judged])), name
        assert measure.ci95 is not None
        assert measure.ci95[0] <= measure.value <= measure.ci95[1]


@pytest.mark.parametrize("name", ["Fred/Fred", "Julia/Julia", "Theresa/Theresa_2ndAnnotation"])
def test_real_sessions_equal_scikit_learn(shared_data: Path, name: str) -> None:
    """People who sat before real images, and the model at its threshold, come out the same."""
    with np.load(shared_data / "anomagui" / f"{name}.npz", allow_pickle=True) as stored:
        table = stored["classifications"]
    truth = table[:, 1] < 0.7
    everything = np.ones(len(truth), dtype=bool)
    for called in (table[:, 0] == 1, table[:, 2] >= 0.213):
        _, measures = score_decisions(truth, called, everything)
        for key, oracle in ORACLE.items():
            assert measures[key].value == pytest.approx(oracle(truth, called)), key


def test_intervals_by_another_road() -> None:
    """The bootstrap of the cells gives the interval of items drawn one by one."""
    generator = np.random.default_rng(5)
    truth = generator.random(200) < 0.4
    called = np.where(generator.random(200) < 0.8, truth, ~truth)
    _, measures = score_decisions(truth, called, np.ones(200, dtype=bool))
    drawn = generator.integers(0, 200, size=(1000, 200))
    for name in ("f1", "balanced_accuracy", "cohen_kappa", "mcc"):
        values = [ORACLE[name](truth[rows], called[rows]) for rows in drawn]
        assert measures[name].ci95 == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.02)


@pytest.mark.parametrize(
    ("truth", "called", "undefined"),
    [
        (
            [],
            [],
            dict.fromkeys(ORACLE, "no judged item has a known label"),
        ),
        (
            [1, 1, 0, 0],
            [0, 0, 0, 0],
            {"precision": "nothing was called anomaly", "mcc": "nothing was called anomaly"},
        ),
        ([1, 1, 0, 0], [1, 1, 1, 1], {"mcc": "everything was called anomaly"}),
        (
            [0, 0, 0],
            [0, 0, 0],
            {
                "tpr": "no judged item is anomaly by its known label",
                "precision": "nothing was called anomaly",
                "f1": "no judged item is anomaly, neither by its known label nor as it was called",
                "balanced_accuracy": "no judged item is anomaly by its known label",
                "cohen_kappa": "only one label was used, so chance agreement is complete",
                "mcc": "no judged item is anomaly by its known label",
            },
        ),
        (
            [1, 1, 1],
            [1, 0, 1],
            {
                "fpr": "every judged item with a known label is anomaly",
                "balanced_accuracy": "every judged item with a known label is anomaly",
                "mcc": "every judged item with a known label is anomaly",
            },
        ),
    ],
    ids=["nothing", "nothing called", "all called", "no anomaly", "only anomaly"],
)
def test_what_is_undefined_says_why(
    truth: list[int], called: list[int], undefined: dict[str, str]
) -> None:
    """A denominator of 0 gives no number, no warning of a division, but a reason."""
    _, measures = score(truth, called)
    reasons = {name: measure.reason for name, measure in measures.items() if measure.value is None}
    assert reasons == undefined


def test_groups_are_drawn_whole() -> None:
    """Ten copies of each item, as groups, give the interval of the items themselves."""
    generator = np.random.default_rng(2)
    truth = generator.random(60) < 0.5
    called = np.where(generator.random(60) < 0.75, truth, ~truth)
    one = score_decisions(
        truth, called, np.ones(60, dtype=bool), groups=np.arange(60, dtype="int64")
    )[1]
    copies = np.repeat(np.arange(60), 10)
    every = np.ones(600, dtype=bool)
    ten = score_decisions(truth[copies], called[copies], every, groups=copies)[1]
    alone = score_decisions(truth[copies], called[copies], every)[1]
    for name in ORACLE:
        assert ten[name].value == pytest.approx(one[name].value)
        assert ten[name].ci95 == pytest.approx(one[name].ci95)
        low, high = alone[name].ci95 or (0, 0)
        assert high - low < 0.6 * (ten[name].ci95[1] - ten[name].ci95[0])  # type: ignore[index]


def test_all_right_in_few_groups_is_not_certain() -> None:
    """A rate of 1 in four groups is bounded as four of four, however many items they hold."""
    truth = np.tile([True, False], 200)
    _, measures = score_decisions(
        truth, truth, np.ones(400, dtype=bool), groups=np.repeat(np.arange(4), 100)
    )
    assert measures["accuracy"].ci95 == pytest.approx((0.5101, 1.0), abs=1e-4)
    assert measures["fpr"].ci95 == pytest.approx((0.0, 0.4899), abs=1e-4)
    assert measures["mcc"].ci95 is None
    assert measures["mcc"].reason
