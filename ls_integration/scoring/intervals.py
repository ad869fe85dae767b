"""95 % intervals of proportions, and by resampling items or groups."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEVEL = 0.95
"""Coverage of every interval of this package."""

RESAMPLES = 10_000
"""How often items are resampled; the 2.5 % quantile then has about 250 values below it."""

FEW_PATTERNS = 100
"""Up to so many, how often each occurs is drawn: 0.3 s, growing with their number; drawing items
one by one takes less beyond, once for all statistics."""

MOST_DRAWN = 1000
"""Above so many items (or groups), blocks of them are drawn; see `bootstrap_sums`."""

_CELLS_AT_ONCE = 4_000_000
_EXACT_FLOAT32 = 2**24
_MAX_UNDEFINED = 0.05


def wilson(successes: int, total: int) -> tuple[float, float] | None:
    """Bound a proportion by Wilson's score interval.

    Parameters
    ----------
    successes : int
        From 0 to *total*.
    total : int
        How many were tried.

    Returns
    -------
    tuple of float or None
        Low and high in [0, 1]; None where *total* is 0.

    References
    ----------
    Wilson (1927), J. Am. Stat. Assoc. 22, 209. Brown, Cai, DasGupta (2001),
    Statistical Science 16, 101, on why not Wald's.
    """
    if total == 0:
        return None
    low, high = proportion_confint(successes, total, alpha=1 - LEVEL, method="wilson")
    # The bound next to 0 of n or n of n comes out as 1e-17 or 1 - 1e-16.
    return (0.0 if successes == 0 else float(low), 1.0 if successes == total else float(high))


def bootstrap_sums(
    features: Floats,
    statistic: Callable[[Floats], Floats],
    *,
    seed: int,
    groups: NDArray[np.int64] | None = None,
    resamples: int = RESAMPLES,
) -> tuple[float, float] | None:
    """Bound a statistic of column sums by the BCa bootstrap over items or groups.

    The percentile bootstrap, corrected for bias and skewness: percentiles alone held
    the intraclass correlation of items in sessions in 91 of 100 studies instead of 95
    (``benchmarks/coverage.py``).

    Agreement coefficients are functions of sums over items. So a resample is a
    vector of how often each item was drawn, times *features*; items with the
    same features are drawn together, which makes the cost independent of the
    number of items where there are few patterns of answers. Where there are more
    of both than `FEW_PATTERNS` and `MOST_DRAWN`, items are put at random into
    `MOST_DRAWN` blocks of the same size, whose sums are drawn: sums of
    independent items are independent, and 1000 of them give the spread to
    about 2.2 % (1 / sqrt(2 * 1000)).

    The number of items may differ between resamples (blocks and groups are not
    all of one size), so a statistic that needs it takes it from a column of ones.

    Items of one group (a frame, an imaging session, a cell) are not independent:
    with *groups* whole groups are drawn anew.

    Parameters
    ----------
    features : ndarray of float, shape (n_items, n_features)
        What each item adds to the sums.
    statistic : callable
        Sums of shape (n_resamples, n_features) -> values of shape
        (n_resamples,), NaN where undefined.
    seed : int
        Seed of the generator: the same seed gives the same interval.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0.
    resamples : int
        How many times the items are drawn anew.

    Returns
    -------
    tuple of float or None
        See `percentile_interval`; None with fewer than two items (or groups),
        or where more than 5 % of the resamples have no value.

    References
    ----------
    Efron, Tibshirani (1993), An Introduction to the Bootstrap, chapter 14.
    Davison, Hinkley (1997), Bootstrap Methods and their Application, section
    3.8 (resampling of groups).
    """
    if groups is not None:
        features = _sum_by_group(features, groups)
    if len(features) < 2:
        return None
    patterns, counts = _find_patterns(features)
    has_many = len(patterns) > FEW_PATTERNS
    if has_many and len(features) > MOST_DRAWN:
        patterns = _sum_blocks(patterns, counts, seed)
        counts = np.ones(len(patterns), dtype="int64")
    elif has_many or (groups is not None and len(features) <= MOST_DRAWN):
        # Few groups are alike, and those drawn one by one are drawn for all statistics at once.
        patterns, counts = np.repeat(patterns, counts, axis=0), np.ones(len(features), "int64")
    parts = [statistic(sums) for sums in _resample_sums(patterns, counts, resamples, seed)]
    values = np.concatenate(parts)
    return percentile_interval(
        values,
        len(features),
        bias=_bias(values, float(statistic((counts @ patterns)[None])[0])),
        acceleration=_acceleration(patterns, counts, statistic),
    )


def percentile_interval(
    values: Floats, n_drawn: int, *, bias: float = 0.0, acceleration: float = 0.0
) -> tuple[float, float] | None:
    """Bound a statistic by the quantiles of its values in resamples.

    Resamples of n items spread less than samples do, by the square root of
    (n - 1) / n, and nobody knows the spread of few items exactly, for which
    Student's t stands in a mean's interval. So the quantiles are taken further out: 2.5 % for
    many items, 2.2 % for 60, 0.6 % for 8.

    Parameters
    ----------
    values : ndarray of float, shape (n_resamples,)
        NaN where undefined.
    n_drawn : int
        How many items (or groups) there are to draw, 2 or more.
    bias : float
        How far the statistic itself lies from the median of its resamples, in standard
        deviations of a normal distribution; BCa's z0.
    acceleration : float
        How its spread changes with its value; BCa's a.

    Returns
    -------
    tuple of float or None
        Low and high; None where more than 5 % of the values are undefined.

    References
    ----------
    Hesterberg (2015), The American Statistician 69, 371, section 4.3 (the
    expanded percentile interval). Efron (1987), J. Am. Stat. Assoc. 82, 171 (BCa).
    """
    defined = values[np.isfinite(values)]
    if len(defined) < (1 - _MAX_UNDEFINED) * len(values):
        return None
    t = stats.t.ppf((1 + LEVEL) / 2, n_drawn - 1) * np.sqrt(n_drawn / (n_drawn - 1))
    shifted = bias + np.array([-t, t])
    # Where the spread would become negative the interval ends with the resamples.
    spread = np.maximum(1 - acceleration * shifted, np.finfo("float64").eps)
    low, high = np.quantile(defined, stats.norm.cdf(bias + shifted / spread))
    return float(low), float(high)


def _bias(values: Floats, value: float) -> float:
    """Give BCa's z0; a resample that equals the value counts half."""
    defined = values[np.isfinite(values)]
    below = np.count_nonzero(defined < value) + np.count_nonzero(defined == value) / 2
    # Half a resample more on each side, for statistics at the end of their range.
    return float(stats.norm.ppf((below + 0.5) / (len(defined) + 1)))


def _acceleration(
    patterns: Floats, counts: NDArray[np.int64], statistic: Callable[[Floats], Floats]
) -> float:
    """Give BCa's a: from the skewness of the values without one item each."""
    without = statistic(counts @ patterns - patterns)
    if not np.isfinite(without).all():
        return 0.0
    change = counts @ without / counts.sum() - without
    spread = float(counts @ change**2)
    return 0.0 if spread == 0 else float(counts @ change**3) / (6 * spread**1.5)


def _sum_by_group(features: Floats, groups: NDArray[np.int64]) -> Floats:
    columns = [np.bincount(groups, weights=column) for column in features.T]
    members = np.bincount(groups)
    # A number that no item has is no group.
    sums: Floats = np.column_stack(columns)[members > 0].astype("float64")
    return sums


def _find_patterns(features: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Find the different rows, in an order of their own, and how often each occurs.

    As `numpy.unique` by rows, but with a hash table for each column, not by
    sorting whole rows.
    """
    codes = np.zeros(len(features), dtype="int64")
    n_codes = 1
    for column in features.T:
        found, values = pd.factorize(column, use_na_sentinel=False)
        if len(values) > 1:
            # Fewer than n_items ** 2, so there is no overflow.
            codes, seen = pd.factorize(codes * len(values) + found)
            n_codes = len(seen)
        if n_codes == len(features):
            break
    first = np.full(n_codes, len(features), dtype="int64")
    np.minimum.at(first, codes, np.arange(len(features)))
    patterns, counts = features[first], np.bincount(codes, minlength=n_codes)
    # The order of the rows of a table shall not change an interval.
    order = np.lexsort(patterns.T)
    return np.asarray(patterns[order], dtype="float64"), counts[order]


def _sum_blocks(patterns: Floats, counts: NDArray[np.int64], seed: int) -> Floats:
    """Put items at random into `MOST_DRAWN` blocks, and add each block up."""
    of_item = np.repeat(np.arange(len(patterns)), counts)
    block = np.random.default_rng([seed, 1]).permutation(len(of_item)) % MOST_DRAWN
    return np.column_stack(
        [np.bincount(block, weights=column[of_item], minlength=MOST_DRAWN) for column in patterns.T]
    )


def _resample_sums(
    patterns: Floats, counts: NDArray[np.int64], resamples: int, seed: int
) -> Iterator[Floats]:
    """Give the column sums of each resample, some resamples at a time."""
    step = max(1, _CELLS_AT_ONCE // len(counts))
    if (counts == 1).all():
        drawn = _draw_evenly(len(counts), resamples, seed)
        # Sums of whole numbers are exact up to here; a row drawn ten times is rarer than that.
        if (patterns % 1 == 0).all() and 10 * np.abs(patterns).sum(axis=0).max() < _EXACT_FLOAT32:
            yield (drawn @ patterns.astype("float32")).astype("float64")
            return
        for start in range(0, resamples, step):
            yield drawn[start : start + step].astype("float64") @ patterns
        return
    generator = np.random.default_rng(seed)
    share = counts / counts.sum()
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        yield generator.multinomial(counts.sum(), share, size=size) @ patterns


# All numbers of a study draw the same groups (or blocks) anew; the largest takes 40 MB.
@lru_cache(maxsize=6)
def _draw_evenly(n_drawn: int, resamples: int, seed: int) -> NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    drawn = np.empty((resamples, n_drawn), dtype="float32")
    step = max(1, _CELLS_AT_ONCE // n_drawn)
    for start in range(0, resamples, step):
        places = generator.integers(0, n_drawn, size=(min(step, resamples - start), n_drawn))
        places += n_drawn * np.arange(len(places))[:, None]
        found = np.bincount(places.ravel(), minlength=places.size)
        drawn[start : start + len(places)] = found.reshape(places.shape)
    return drawn
