"""Counts and rates for one positive class."""

import numpy as np
from sklearn.metrics import confusion_matrix

from ls_integration.scoring.binary import Counts, count_decisions


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
