"""How far people agree on a rating."""

import math

import numpy as np
from numpy.typing import NDArray

from ls_integration.scoring.intervals import bootstrap_sums
from ls_integration.scoring.measure import Measure, undefined, with_interval

Floats = NDArray[np.float64]

TOO_FEW = "fewer than two items were rated by all of at least two people"
NO_SPREAD = "all ratings are equal"
NO_INTERVAL = "too few items differ for an interval"
NO_PAIRS = "no item was rated by two people"
NO_WIDTH = "the items do not differ in agreement, which would give an interval of no width"

_ROUNDING = 1e-12
"""Sums of squares below this share of the whole are rounding: ratings have few digits."""


def intraclass_correlation(
    ratings: Floats, *, groups: NDArray[np.int64] | None = None, seed: int = 0
) -> tuple[Measure, Measure, int]:
    """Compute the intraclass correlations of single ratings, two-way.

    With items as rows and people as columns, the mean squares of a two-way
    analysis of variance without interaction give

    - ICC(2,1), people a random sample, absolute agreement:
      ``(MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n)``
    - ICC(3,1), these very people, consistency:
      ``(MSR - MSE) / (MSR + (k - 1) MSE)``

    Parameters
    ----------
    ratings : ndarray of float64, shape (n_items, n_people)
        From 0 to 1; NaN where a person gave none. Items that somebody left
        out do not count.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0: the intervals then resample
        groups, else items.
    seed : int
        Of the bootstrap that gives the intervals.

    Returns
    -------
    icc2 : Measure
        ICC(2,1).
    icc3 : Measure
        ICC(3,1).
    n_items : int
        How many items were rated by all.

    References
    ----------
    Shrout, Fleiss (1979), Psychological Bulletin 86, 420, table 1 and equations
    for ICC(2,1) and ICC(3,1).
    """
    is_complete = ~np.isnan(ratings).any(axis=1)
    complete = ratings[is_complete]
    n_items, n_people = complete.shape
    if n_items < 2 or n_people < 2:
        return undefined(TOO_FEW), undefined(TOO_FEW), n_items
    if np.ptp(complete) == 0:
        return undefined(NO_SPREAD), undefined(NO_SPREAD), n_items
    # Around their mean, so that the squares of a far-off scale do not drown the differences.
    centred = complete - complete.mean()
    # All that the mean squares need are sums over items, so that a resample is cheap.
    features = np.column_stack(
        [centred, centred.sum(axis=1) ** 2, (centred**2).sum(axis=1), np.ones(n_items)]
    )
    drawn = None if groups is None else groups[is_complete]
    value2, value3 = _intraclass(features.sum(axis=0, keepdims=True))
    interval2 = bootstrap_sums(features, lambda sums: _intraclass(sums)[0], seed=seed, groups=drawn)
    interval3 = bootstrap_sums(features, lambda sums: _intraclass(sums)[1], seed=seed, groups=drawn)
    return _measure(float(value2[0]), interval2), _measure(float(value3[0]), interval3), n_items


def _intraclass(sums: Floats) -> tuple[Floats, Floats]:
    """Give ICC(2,1) and ICC(3,1) of sums, by the two-way analysis of variance.

    The sums over items, a resample a row, are those of each person's ratings,
    of the squares of the items' totals, of all squares, and of ones. NaN where
    nothing varies.
    """
    by_person, of_totals, of_all, n_items = sums[:, :-3], sums[:, -3], sums[:, -2], sums[:, -1]
    n_people = by_person.shape[1]
    mean = by_person.sum(axis=1) ** 2 / (n_items * n_people)
    of_rows = of_totals / n_people - mean
    of_columns = (by_person**2).sum(axis=1) / n_items - mean
    # What is exactly zero comes out as rounding, and a ratio of roundings is no number.
    left = of_all - mean - of_rows - of_columns
    left = np.where(left > _ROUNDING * of_all, left, 0.0)
    of_rows = np.where(of_rows > _ROUNDING * of_all, of_rows, 0.0)
    # One item (a group can be drawn so often that it is the only one) has no degrees of freedom.
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = of_rows / (n_items - 1)
        rest = left / ((n_items - 1) * (n_people - 1))
        columns = of_columns / (n_people - 1)
        between = rows + (n_people - 1) * rest
        agreement = (rows - rest) / (between + n_people * (columns - rest) / n_items)
        return agreement, (rows - rest) / between


def krippendorff_alpha_interval(
    ratings: Floats, *, groups: NDArray[np.int64] | None = None, seed: int = 0
) -> Measure:
    """Compute Krippendorff's alpha for ratings on an interval scale; some may be missing.

    One less the observed disagreement over that of all ratings paired at random;
    disagreement is the squared difference. Both are sums over items, so neither
    pairs of people nor pairs of ratings are listed.

    Parameters
    ----------
    ratings : ndarray of float64, shape (n_items, n_people)
        Finite, on any scale; NaN where a person gave none. Items with fewer than
        two ratings do not count.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0: the interval then resamples
        groups, else items.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Measure
        At most 1, with its 95 % interval.

    References
    ----------
    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability,
    https://repository.upenn.edu/asc_papers/43
    """
    is_paired = np.count_nonzero(~np.isnan(ratings), axis=1) >= 2
    paired = ratings[is_paired]
    if not len(paired):
        return undefined(NO_PAIRS)
    if np.nanmin(paired) == np.nanmax(paired):
        return undefined(NO_SPREAD)
    # Around their mean, so that the squares of a far-off scale do not drown the differences.
    centred = paired - np.nanmean(paired)
    given = np.count_nonzero(~np.isnan(paired), axis=1)
    apart = np.nansum((centred - np.nanmean(centred, axis=1, keepdims=True)) ** 2, axis=1)
    features = np.column_stack(
        [
            # The mean squared difference of an item's ratings, times their number.
            2 * given * apart / (given - 1),
            given,
            np.nansum(centred, axis=1),
            np.nansum(centred**2, axis=1),
        ]
    )
    value = float(_alpha(features.sum(axis=0, keepdims=True))[0])
    drawn = None if groups is None else groups[is_paired]
    interval = bootstrap_sums(features, _alpha, seed=seed, groups=drawn)
    return with_interval(value, interval, none=NO_INTERVAL, no_width=NO_WIDTH)


def _alpha(sums: Floats) -> Floats:
    """Give alpha of the sums of `krippendorff_alpha_interval`; NaN where all is equal."""
    within, given, total, squares = sums.T
    pairs = 2 * (given * squares - total**2)
    defined = pairs > _ROUNDING * 2 * given * squares
    return np.where(defined, 1 - (given - 1) * within / np.where(defined, pairs, 1), np.nan)


def _measure(value: float, interval: tuple[float, float] | None) -> Measure:
    if not math.isfinite(value):
        return undefined(NO_SPREAD)
    if interval is None or not all(math.isfinite(bound) for bound in interval):
        return Measure(value, None, NO_INTERVAL)
    return Measure(value, interval)
