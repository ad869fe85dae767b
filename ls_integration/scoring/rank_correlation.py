"""How far two lists of ratings have the same order."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ls_integration.scoring.intervals import RESAMPLES, percentile_interval
from ls_integration.scoring.measure import Measure, undefined, with_interval

Floats = NDArray[np.float64]
Groups = NDArray[np.int64] | None

TOO_FEW = "fewer than three items have both ratings"
NO_SPREAD = "all ratings are equal"
NO_INTERVAL = "too few items differ for an interval"
NO_WIDTH = "the order is the same in every resample, which would give an interval of no width"
NO_PAIRS = "no two people rated three items in common"

_CELLS_AT_ONCE = 4_000_000
_ROUNDING = 1e-12
"""Variances below this share of the squared ranks are rounding."""


def spearman(
    first: Floats, second: Floats, *, groups: Groups = None, seed: int = 0
) -> tuple[Measure, int]:
    """Correlate the ranks of two lists of ratings.

    Parameters
    ----------
    first, second : ndarray of float64, shape (n_items,)
        NaN where there is none; such items do not count.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0: the interval then resamples
        groups, else items.
    seed : int
        Of the percentile bootstrap that gives the interval.

    Returns
    -------
    measure : Measure
        Spearman's rho.
    n_items : int
        How many items have both.

    References
    ----------
    Spearman (1904), American Journal of Psychology 15, 72; ties share their
    mean rank (`scipy.stats.spearmanr`).
    """
    both = ~(np.isnan(first) | np.isnan(second))
    one, other = first[both], second[both]
    value = _value(one, other)
    if value is None:
        return undefined(TOO_FEW if len(one) < 3 else NO_SPREAD), len(one)
    drawn = None if groups is None else groups[both]
    values = [correlate_ranks(weights, one, other) for weights in _draw(len(one), drawn, seed)]
    n_drawn = len(one) if drawn is None else len(np.unique(drawn))
    interval = percentile_interval(np.concatenate(values), n_drawn)
    return with_interval(value, interval, none=NO_INTERVAL, no_width=NO_WIDTH), len(one)


def mean_pairwise_spearman(ratings: Floats, *, groups: Groups = None, seed: int = 0) -> Measure:
    """Average the rank correlations of all pairs of people.

    Parameters
    ----------
    ratings : ndarray of float64, shape (n_items, n_people)
        NaN where a person gave none.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0: the interval then resamples
        groups, else items.
    seed : int
        Of the percentile bootstrap that gives the interval.

    Returns
    -------
    Measure
        Over the pairs that have one.
    """
    pairs = []
    values = []
    for one, other in combinations(ratings.T, 2):
        both = ~(np.isnan(one) | np.isnan(other))
        value = _value(one[both], other[both])
        if value is not None:
            pairs.append((both, one[both], other[both]))
            values.append(value)
    if not pairs:
        return undefined(NO_PAIRS)
    means = [
        np.mean([correlate_ranks(weights[:, both], *pair) for both, *pair in pairs], axis=0)
        for weights in _draw(len(ratings), groups, seed)
    ]
    n_drawn = len(ratings) if groups is None else len(np.unique(groups))
    interval = percentile_interval(np.concatenate(means), n_drawn)
    return with_interval(float(np.mean(values)), interval, none=NO_INTERVAL, no_width=NO_WIDTH)


def correlate_ranks(weights: Floats, one: Floats, other: Floats) -> Floats:
    """Correlate ranks in resamples, given how often each item was drawn.

    Each list is sorted once; a resample moves the ranks of its values by how
    many are drawn below them.

    Parameters
    ----------
    weights : ndarray of float64, shape (n_resamples, n_items)
        Whole numbers from 0.
    one, other : ndarray of float64, shape (n_items,)
        Finite.

    Returns
    -------
    ndarray of float64, shape (n_resamples,)
        NaN where all that was drawn is equal in one of the lists.
    """
    first, second = _centred_ranks(weights, one), _centred_ranks(weights, other)
    both = np.einsum("ij,ij,ij->i", weights, first, second)
    square = np.einsum("ij,ij,ij->i", weights, first, first)
    square *= np.einsum("ij,ij,ij->i", weights, second, second)
    # Ranks go up to n, so their squares sum up to n ** 3.
    defined = square > _ROUNDING * weights.sum(axis=1) ** 6
    return np.where(defined, both / np.sqrt(np.where(defined, square, 1.0)), np.nan)


def _centred_ranks(weights: Floats, values: Floats) -> Floats:
    """Rank the values in each resample, ties sharing their mean rank, less the mean of all."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    order = np.argsort(place, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    drawn = np.add.reduceat(weights[:, order], starts, axis=1)
    ranks: Floats = np.cumsum(drawn, axis=1) - (drawn - 1) / 2
    # The mean of the ranks 1 to n, with ties or without.
    ranks -= (weights.sum(axis=1, keepdims=True) + 1) / 2
    return ranks[:, place]


def _value(one: Floats, other: Floats) -> float | None:
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(stats.spearmanr(one, other).statistic)


def _draw(n_items: int, groups: Groups, seed: int) -> Iterator[Floats]:
    """Draw items, or whole groups, anew: how often each item is in each resample."""
    generator = np.random.default_rng(seed)
    # A number that no item has is no group.
    place = np.unique(np.arange(n_items) if groups is None else groups, return_inverse=True)[1]
    n_drawn = int(place.max()) + 1
    step = max(1, _CELLS_AT_ONCE // n_items)
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        drawn = generator.multinomial(n_drawn, np.full(n_drawn, 1 / n_drawn), size=size)
        yield drawn[:, place].astype(np.float64)
