"""How far people agree on a rating, and how far they move away from the old one."""

import math
import warnings
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from ls_integration.scoring.intervals import LEVEL, RESAMPLES, bootstrap_sums
from ls_integration.scoring.measure import Measure, undefined, with_interval

Floats = NDArray[np.float64]

TOO_FEW = "fewer than two items were rated by all of at least two people"
NO_SPREAD = "all ratings are equal"
NO_INTERVAL = "too few items differ for an interval"
NO_PAIRS = "no item was rated by two people"
NO_WIDTH = "the items do not differ in agreement, which would give an interval of no width"

_ROUNDING = 1e-12
"""Sums of squares below this share of the whole are rounding: ratings have few digits."""


def intraclass_correlation(ratings: Floats, *, seed: int = 0) -> tuple[Measure, Measure, int]:
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
    seed : int
        Of the bootstrap over items that gives the intervals.

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
    complete = ratings[~np.isnan(ratings).any(axis=1)]
    n_items, n_people = complete.shape
    if n_items < 2 or n_people < 2:
        return undefined(TOO_FEW), undefined(TOO_FEW), n_items
    if np.ptp(complete) == 0:
        return undefined(NO_SPREAD), undefined(NO_SPREAD), n_items
    value2, value3 = _coefficients(*_mean_squares(complete), n_items, n_people)
    # All that the mean squares need are sums over items, so that a resample is cheap.
    totals = complete.sum(axis=1)
    features = np.column_stack([complete, totals**2, (complete**2).sum(axis=1)])
    interval2 = bootstrap_sums(features, lambda sums: _from_sums(sums, n_items)[0], seed=seed)
    interval3 = bootstrap_sums(features, lambda sums: _from_sums(sums, n_items)[1], seed=seed)
    return _measure(value2, interval2), _measure(value3, interval3), n_items


def _mean_squares(complete: Floats) -> tuple[float, float, float]:
    """Analyse the variance: mean squares of items, of people, and what is left."""
    item, person = np.indices(complete.shape)
    long = pd.DataFrame({"rating": complete.ravel(), "item": item.ravel(), "who": person.ravel()})
    with warnings.catch_warnings():
        # People who agree to the last bit leave no residual to test against.
        warnings.simplefilter("ignore", RuntimeWarning)
        table = anova_lm(ols("rating ~ C(item) + C(who)", data=long).fit())
    squares = table["sum_sq"] / table["df"]
    return float(squares["C(item)"]), float(squares["C(who)"]), float(squares["Residual"])


def _coefficients(
    rows: Any, columns: Any, rest: Any, n_items: int, n_people: int
) -> tuple[Any, Any]:
    """Give ICC(2,1) and ICC(3,1) of mean squares; NaN where nothing varies."""
    between = rows + (n_people - 1) * rest
    with np.errstate(invalid="ignore", divide="ignore"):
        agreement = np.divide(rows - rest, between + n_people * (columns - rest) / n_items)
        return agreement, np.divide(rows - rest, between)


def _from_sums(sums: Floats, n_items: int) -> tuple[Floats, Floats]:
    """Give both coefficients of resamples, by the sums of squares of a balanced table."""
    by_person, of_totals, of_all = sums[:, :-2], sums[:, -2], sums[:, -1]
    n_people = by_person.shape[1]
    mean = by_person.sum(axis=1) ** 2 / (n_items * n_people)
    rows = of_totals / n_people - mean
    columns = (by_person**2).sum(axis=1) / n_items - mean
    # What is exactly zero comes out as rounding, and a ratio of roundings is no number.
    left = of_all - mean - rows - columns
    rest = np.where(left > _ROUNDING * of_all, left, 0.0)
    rows = np.where(rows > _ROUNDING * of_all, rows, 0.0)
    degrees = (n_items - 1) * (n_people - 1)
    return _coefficients(
        rows / (n_items - 1), columns / (n_people - 1), rest / degrees, n_items, n_people
    )


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


def spearman(first: Floats, second: Floats, *, seed: int = 0) -> tuple[Measure, int]:
    """Correlate the ranks of two lists of ratings.

    Parameters
    ----------
    first, second : ndarray of float64, shape (n_items,)
        NaN where there is none; such items do not count.
    seed : int
        Of the percentile bootstrap over items that gives the interval.

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
    if len(one) < 3:
        return undefined("fewer than three items have both ratings"), len(one)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return undefined(NO_SPREAD), len(one)
    value = float(stats.spearmanr(one, other).statistic)
    with warnings.catch_warnings():
        # A resample in which all are equal has no correlation; `_measure` says if many have none.
        warnings.simplefilter("ignore", (stats.ConstantInputWarning, RuntimeWarning))
        found = stats.bootstrap(
            (one, other),
            _rank_correlation,
            paired=True,
            n_resamples=RESAMPLES,
            confidence_level=LEVEL,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return _measure(value, (float(found.low), float(found.high))), len(one)


def _rank_correlation(one: Floats, other: Floats, axis: int) -> Any:
    ranks = (stats.rankdata(values, axis=axis) for values in (one, other))
    return stats.pearsonr(*ranks, axis=axis).statistic


def mean_pairwise_spearman(ratings: Floats) -> Measure:
    """Average the rank correlations of all pairs of people.

    Parameters
    ----------
    ratings : ndarray of float64, shape (n_items, n_people)
        NaN where a person gave none.

    Returns
    -------
    Measure
        Over the pairs that have one.
    """
    pairs = combinations(range(ratings.shape[1]), 2)
    values = [spearman(ratings[:, one], ratings[:, other])[0].value for one, other in pairs]
    defined = [value for value in values if value is not None]
    if not defined:
        return undefined("no two people rated three items in common")
    return Measure(float(np.mean(defined)))


def _measure(value: float, interval: tuple[float, float] | None) -> Measure:
    if not math.isfinite(value):
        return undefined(NO_SPREAD)
    if interval is None or not all(math.isfinite(bound) for bound in interval):
        return Measure(value, None, NO_INTERVAL)
    return Measure(value, interval)
