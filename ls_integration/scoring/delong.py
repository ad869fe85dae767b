"""Intervals of areas under ROC curves: DeLong's, and Obuchowski's for items in groups."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ls_integration.scoring.intervals import LEVEL, Bools, Floats


def delong(
    truth: Bools, score: Floats, *, groups: NDArray[np.generic] | None = None
) -> tuple[float, float] | None:
    """Bound the area under the ROC curve.

    DeLong's variance, with *groups* Obuchowski's, which is the same where each
    item is a group of its own; carried to the logit scale so that the bounds
    stay within 0 and 1 and hold better near them.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        True where the item is positive.
    score : ndarray of float, shape (n_items,)
        Finite; higher means more positive.
    groups : ndarray, shape (n_items,), optional
        Number or name of the group of each item; items of different groups are
        independent.

    Returns
    -------
    tuple of float or None
        Low and high; None with fewer than two items (groups) that hold a class,
        or where the classes are separated perfectly (the variance is then 0).

    References
    ----------
    DeLong, DeLong, Clarke-Pearson (1988), Biometrics 44, 837; by ranks: Sun, Xu
    (2014), IEEE Signal Process. Lett. 21, 1389; logit: Qin, Hotilovac (2008),
    Stat. Methods Med. Res. 17, 207; groups: Obuchowski (1997), Biometrics 53, 567.
    """
    spread = _spread_of_area(truth, [score], groups)
    if spread is None:
        return None
    area, variance = spread
    if not 0 < area < 1 or variance <= 0:
        return None
    centre = np.log(area / (1 - area))
    half = stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance) / (area * (1 - area))
    low, high = 1 / (1 + np.exp(-(centre + np.array([-half, half]))))
    return float(low), float(high)


def delong_difference(
    truth: Bools, first: Floats, second: Floats, *, groups: NDArray[np.generic] | None = None
) -> tuple[float, float] | None:
    """Bound how much larger the area under one ROC curve is than under another.

    Both score the same items, so what makes an item hard for both cancels: the
    variance is that of the differences of the placement values.

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
    tuple of float or None
        Low and high, in [-1, 1]; None with fewer than two items (groups) that
        hold a class, or where both order all pairs alike.

    References
    ----------
    As `delong`.
    """
    spread = _spread_of_area(truth, [first, second], groups)
    if spread is None or spread[1] <= 0:
        return None
    value, variance = spread
    half = float(stats.norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance))
    return max(value - half, -1.0), min(value + half, 1.0)


def _spread_of_area(
    truth: Bools, scores: Sequence[Floats], groups: NDArray[np.generic] | None
) -> tuple[float, float] | None:
    """Give the area under one curve, or of the first less the second, and its variance."""
    number = np.arange(len(truth)) if groups is None else np.unique(groups, return_inverse=True)[1]
    holding = [len(np.unique(number[mask])) for mask in (truth, ~truth)]
    if min(holding) < 2:
        return None
    above, below = _placements(truth, scores[0])
    for score in scores[1:]:
        other = _placements(truth, score)
        above, below = above - other[0], below - other[1]
    area = float(above.mean())
    n_groups = int(number.max()) + 1
    excess = [
        np.bincount(number[mask], weights=part - area, minlength=n_groups) / len(part)
        for mask, part in ((truth, above), (~truth, below))
    ]
    own = [n / (n - 1) * float(part @ part) for n, part in zip(holding, excess, strict=True)]
    shared = n_groups / (n_groups - 1) * float(excess[0] @ excess[1])
    return area, sum(own) + 2 * shared


def _placements(truth: Bools, score: Floats) -> tuple[Floats, Floats]:
    """Give of each positive the share of negatives below it, of each negative that above it."""
    together = stats.rankdata(score)
    n_positive, n_negative = np.count_nonzero(truth), np.count_nonzero(~truth)
    above = (together[truth] - stats.rankdata(score[truth])) / n_negative
    below = 1 - (together[~truth] - stats.rankdata(score[~truth])) / n_positive
    return above, below
