"""Counts and rates for one positive class."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from ls_integration.scoring.binary import Counts, count_decisions, rates


def test_counts_by_hand() -> None:
    """Five items, one of each kind and one more, one of them not judged."""
    truth = np.array([True, True, False, False, True])
    called = np.array([True, False, True, False, True])
    assert count_decisions(truth, called) == Counts(tp=2, fp=1, fn=1, tn=1)
    judged = np.array([True, True, True, True, False])
    assert count_decisions(truth, called, judged) == Counts(tp=1, fp=1, fn=1, tn=1)


def test_counts_agree_with_scikit_learn() -> None:
    """The four cells are those of scikit-learn's confusion matrix."""
    generator = np.random.default_rng(1)
    truth, called = generator.random((2, 500)) < 0.4
    tn, fp, fn, tp = confusion_matrix(truth, called).ravel()
    assert count_decisions(truth, called) == Counts(int(tp), int(fp), int(fn), int(tn))


def test_rates_by_hand() -> None:
    """Accuracy, TPR and FPR from the cells."""
    found = rates(Counts(tp=3, fp=1, fn=1, tn=5), "anomaly")
    assert found["accuracy"].value == pytest.approx(0.8)
    assert found["tpr"].value == pytest.approx(0.75)
    assert found["fpr"].value == pytest.approx(1 / 6)
    low, high = found["tpr"].ci95 or (0, 0)
    assert low < 0.75 < high


@pytest.mark.parametrize(
    ("counts", "undefined"),
    [
        (Counts(0, 0, 0, 0), {"accuracy", "tpr", "fpr"}),
        (Counts(0, 2, 0, 3), {"tpr"}),
        (Counts(2, 0, 3, 0), {"fpr"}),
    ],
)
def test_a_rate_without_a_denominator_has_a_reason(counts: Counts, undefined: set[str]) -> None:
    """Undefined is None with words, never NaN and never 0."""
    found = rates(counts, "anomaly")
    for name, measure in found.items():
        assert (measure.value is None) == (name in undefined)
        assert (measure.ci95 is None) == (name in undefined)
        assert bool(measure.reason) == (name in undefined)
