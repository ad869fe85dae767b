"""Two that decide on the same items, and a person beside a model's ROC curve."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from ls_integration.scoring.calibration import NO_INTERVAL, NO_WIDTH
from ls_integration.scoring.intervals import Bools, Floats, bootstrap_sums
from ls_integration.scoring.measure import Measure, undefined, with_interval
from ls_integration.scoring.rank_resamples import bound_by_cells, rank_down
from ls_integration.scoring.roc import roc_points


@dataclass(frozen=True)
class Paired:
    """Who is right on which of the items that both decided.

    Attributes
    ----------
    n_items : int
        How many.
    first_right_only, second_right_only : int
        Items on which one is right and the other wrong.
    p : float
        Of the exact test, two-sided, in [0, 1]; 1 where both are right on the same items.
    accuracy_difference : Measure
        Accuracy of the first less that of the second, in [-1, 1].
    """

    n_items: int
    first_right_only: int
    second_right_only: int
    p: float
    accuracy_difference: Measure


def compare_pair(
    first_right: Bools,
    second_right: Bools,
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> Paired:
    """Compare two by McNemar's exact test and by the difference of their accuracies.

    The test takes items as independent, also where there are groups; the
    interval then draws whole groups.

    Parameters
    ----------
    first_right, second_right : ndarray of bool, shape (n_items,)
        Whether each is right; at least one item, all decided by both.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Paired
        Counts, test and difference.

    References
    ----------
    McNemar (1947), Psychometrika 12, 153; exact by the binomial distribution.
    """
    only_first, only_second = first_right & ~second_right, ~first_right & second_right
    n_first, n_second = int(np.count_nonzero(only_first)), int(np.count_nonzero(only_second))
    features = np.column_stack([only_first, only_second, np.ones(len(only_first))])
    return Paired(
        n_items=len(first_right),
        first_right_only=n_first,
        second_right_only=n_second,
        p=float(mcnemar([[0, n_first], [n_second, 0]], exact=True).pvalue),
        accuracy_difference=with_interval(
            (n_first - n_second) / len(first_right),
            bootstrap_sums(features.astype("float64"), _difference, seed=seed, groups=groups),
            none=NO_INTERVAL,
            no_width=NO_WIDTH,
        ),
    )


def _difference(sums: Floats) -> Floats:
    return (sums[:, 0] - sums[:, 1]) / sums[:, 2]


def adjust_p(values: Sequence[float]) -> list[float]:
    """Adjust p-values for how many there are.

    Parameters
    ----------
    values : sequence of float
        In [0, 1].

    Returns
    -------
    list of float
        In their order; the chance that any of those below 0.05 is a mistake is
        at most 5 %.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65.
    """
    if not values:
        return []
    return [float(value) for value in multipletests(values, method="holm")[1]]


def compare_with_curve(
    truth: Bools,
    called: Bools,
    score: Floats,
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> tuple[Measure, Measure]:
    """Place decisions beside the ROC curve of scores on the same items.

    Between its points the curve is straight; where it rises at the very false
    positive rate of the decisions, its upper end counts.

    Parameters
    ----------
    truth, called : ndarray of bool, shape (n_items,)
        Whether the item is positive; whether it was called so.
    score : ndarray of float, shape (n_items,)
        Finite; higher means more positive.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    tpr_at_fpr, tpr_above : Measure
        True positive rate of the curve at the false positive rate of the
        decisions, in [0, 1], without interval; by how much theirs is higher, in
        [-1, 1], with that of 1000 resamples of items or groups. Undefined with
        one class only.

    References
    ----------
    Fawcett (2006), Pattern Recognition Letters 27, 861, on the curve.
    """
    if truth.all() or not truth.any():
        reason = "all items in common with the model's scores have the same known label"
        if not len(truth):
            reason = "no item with a known label has both an answer and a score"
        return undefined(reason), undefined(reason)
    fpr, tpr, _ = roc_points(truth, score)
    at_fpr = float(np.interp(called[~truth].mean(), fpr, tpr))
    above = float(called[truth].mean()) - at_fpr
    rank = rank_down(score)
    interval = bound_by_cells(
        4 * rank + 2 * truth + called,
        4 * (int(rank.max()) + 1),
        _tpr_above_of_counts,
        above,
        seed=seed,
        groups=groups,
    )
    if interval is not None:
        interval = (max(interval[0], -1.0), min(interval[1], 1.0))
    return Measure(at_fpr), with_interval(above, interval, none=NO_INTERVAL, no_width=NO_WIDTH)


def _tpr_above_of_counts(counts: Floats) -> Floats:
    """TPR above the curve, of each row: by rank, best first, truth times answer."""
    by_rank = counts.reshape(len(counts), -1, 4)
    # From (0, 0) on, the curve in counts: no rounding decides where the decisions lie on it.
    negative, positive = (
        np.pad((by_rank[..., cell] + by_rank[..., cell + 1]).cumsum(axis=1), ((0, 0), (1, 0)))
        for cell in (0, 2)
    )
    hits, false_alarms = by_rank[..., 3].sum(axis=1), by_rank[..., 1].sum(axis=1)
    rows = np.arange(len(counts))
    after = np.count_nonzero(negative <= false_alarms[:, None], axis=1)
    after, last = np.minimum(after, negative.shape[1] - 1), after - 1
    gap = negative[rows, after] - negative[rows, last]
    part = (false_alarms - negative[rows, last]) / np.maximum(gap, 1)
    curve = positive[rows, last] + part * (positive[rows, after] - positive[rows, last])
    is_defined = (positive[:, -1] > 0) & (negative[:, -1] > 0)
    above: Floats = np.full(len(counts), np.nan)
    np.divide(hits - curve, positive[:, -1], out=above, where=is_defined)
    return above
