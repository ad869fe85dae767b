"""The model's ROC curve. A score is higher for "more positive", always."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from ls_integration.scoring.delong import delong, delong_difference
from ls_integration.scoring.measure import Measure, undefined

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def roc_points(truth: Bools, score: Floats) -> tuple[Floats, Floats, Floats]:
    """Trace the ROC curve, so that each person can be placed beside it.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        True where the item is positive.
    score : ndarray of float, shape (n_items,)
        Finite; higher means more positive, no unit.

    Returns
    -------
    fpr, tpr, thresholds : ndarray of float, each of shape (n_thresholds,)
        Fractions in [0, 1]; ``thresholds`` descends and starts at infinity.

    Raises
    ------
    ValueError
        If *truth* has one class only: the curve is then undefined.

    References
    ----------
    Fawcett (2006), Pattern Recognition Letters 27, 861.
    """
    if truth.all() or not truth.any():
        msg = "a ROC curve needs items of both classes"
        raise ValueError(msg)
    fpr, tpr, thresholds = roc_curve(truth, score)
    return (
        np.asarray(fpr, dtype="float64"),
        np.asarray(tpr, dtype="float64"),
        np.asarray(thresholds, dtype="float64"),
    )


def auc(truth: Bools, score: Floats, *, groups: NDArray[np.generic] | None = None) -> Measure:
    """Compute the area under the ROC curve.

    It is the probability that a positive item has a higher score than a
    negative one, ties counting one half.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        True where the item is positive.
    score : ndarray of float, shape (n_items,)
        Finite; higher means more positive.
    groups : ndarray, shape (n_items,), optional
        Number or name of the group of each item.

    Returns
    -------
    Measure
        In [0, 1] with the 95 % interval of `delong.delong`; undefined with
        one class only.
    """
    if not len(truth):
        return undefined("no item has both a known label and a score")
    if truth.all() or not truth.any():
        return undefined("all items with a score have the same known label")
    interval = delong(truth, score, groups=groups)
    reason = None if interval else "too few items or groups, or the classes are separated perfectly"
    return Measure(float(roc_auc_score(truth, score)), interval, reason)


def auc_difference(
    truth: Bools, first: Floats, second: Floats, *, groups: NDArray[np.generic] | None = None
) -> Measure:
    """Compare the areas under two ROC curves of the same items.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        True where the item is positive.
    first, second : ndarray of float, shape (n_items,)
        Finite; higher means more positive.
    groups : ndarray, shape (n_items,), optional
        Number or name of the group of each item.

    Returns
    -------
    Measure
        Area of *first* less that of *second*, in [-1, 1], with the 95 %
        interval of `delong.delong_difference`; undefined with one class only.
    """
    if not len(truth) or truth.all() or not truth.any():
        return undefined("the items with scores have no two known labels")
    interval = delong_difference(truth, first, second, groups=groups)
    reason = None if interval else "too few items or groups, or both order all pairs alike"
    value = float(roc_auc_score(truth, first) - roc_auc_score(truth, second))
    return Measure(value, interval, reason)
