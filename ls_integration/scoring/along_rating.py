"""Decisions along the rating of the items: where on the scale people go wrong."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ls_integration.scoring.intervals import bootstrap_sums
from ls_integration.scoring.measure import Measure, undefined, with_interval

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

IMAGES_PER_BIN = 10
"""Width of a bin along the rank, as in the first users' scripts."""

MOST_BINS = 100
"""A larger study has wider bins, or nobody could see them."""

RATING_BINS = 20
"""Bins along the rating itself: 0.05 wide on a scale from 0 to 1."""

DENSITY_FROM = 20
"""With fewer values a smooth curve would show what is not there."""


def rank_by_rating(rating: Floats, usable: Bools) -> Integers:
    """Sort items by their rating.

    Parameters
    ----------
    rating : ndarray of float, shape (n_items,)
        NaN where there is none.
    usable : ndarray of bool, shape (n_items,)
        Which items to sort.

    Returns
    -------
    ndarray of int, shape (n_ranked,)
        Places of the usable items that have a rating, lowest rating first; of
        equal ratings the first in the study first.
    """
    places = np.flatnonzero(usable & np.isfinite(rating))
    ranked: Integers = places[np.argsort(rating[places], kind="stable")].astype("int64")
    return ranked


def running_errors(wrong: Bools) -> Integers:
    """Sum errors up along the rank: the cumulative regret of a decider.

    Parameters
    ----------
    wrong : ndarray of bool, shape (n_ranked, n_deciders)
        Whether the decision differs from the known label; False where there
        is no decision.

    Returns
    -------
    ndarray of int, shape (n_ranked, n_deciders)
        Errors up to and with each item.
    """
    summed: Integers = np.cumsum(wrong, axis=0, dtype="int64")
    return summed


def choose_bin_width(n_ranked: int) -> int:
    """Choose how many images stand in a bin along the rank.

    Parameters
    ----------
    n_ranked : int
        Number of images.

    Returns
    -------
    int
        `IMAGES_PER_BIN`, or the next multiple of it that gives at most
        `MOST_BINS` bins.
    """
    tens = -(-n_ranked // (IMAGES_PER_BIN * MOST_BINS))
    return IMAGES_PER_BIN * max(1, tens)


def errors_per_bin(wrong: Bools, judged: Bools, width: int) -> tuple[Integers, Integers]:
    """Count errors in bins of neighbouring ranks.

    Parameters
    ----------
    wrong, judged : ndarray of bool, shape (n_ranked, n_deciders)
        Whether the decision is wrong; whether there is one.
    width : int
        Images in a bin; the last one may have fewer.

    Returns
    -------
    errors, decisions : ndarray of int, shape (n_bins, n_deciders)
        How many decisions are wrong, of how many.
    """
    starts = np.arange(0, len(wrong), width)
    if not len(starts):
        empty = np.zeros((0, wrong.shape[1]), dtype="int64")
        return empty, empty
    errors: Integers = np.add.reduceat(wrong.astype("int64"), starts, axis=0)
    decisions: Integers = np.add.reduceat(judged.astype("int64"), starts, axis=0)
    return errors, decisions


def rating_edges(rating: Floats) -> Floats:
    """Choose bins along the rating.

    Parameters
    ----------
    rating : ndarray of float, shape (n,)
        Finite, not empty.

    Returns
    -------
    ndarray of float, shape (RATING_BINS + 1,)
        From 0 to 1 where all ratings lie there, else from the lowest to the
        highest one. A bin has its lower edge, the last one both.
    """
    low, high = float(rating.min()), float(rating.max())
    if low >= 0 and high <= 1:
        # Not linspace: 14 * 0.05 is above 0.7, and a rating of 0.70 would fall below it.
        return np.arange(RATING_BINS + 1, dtype="float64") / RATING_BINS
    width = (high - low if high > low else 1.0) / RATING_BINS
    edges = low + width * np.arange(RATING_BINS + 1, dtype="float64")
    # Rounding must not leave the highest one outside.
    edges[-1] = max(edges[-1], high)
    return edges


def place_in_bins(rating: Floats, edges: Floats) -> Integers:
    """Find the bin of each rating.

    Parameters
    ----------
    rating : ndarray of float, shape (n,)
        Finite, from the first to the last edge.
    edges : ndarray of float, shape (n_bins + 1,)
        From `rating_edges`.

    Returns
    -------
    ndarray of int, shape (n,)
        From 0.
    """
    bins = np.searchsorted(edges, rating, side="right") - 1
    placed: Integers = np.minimum(bins, len(edges) - 2).astype("int64")
    return placed


def mean_per_bin(
    values: Floats,
    bins: Integers,
    n_bins: int,
    *,
    seed: int,
    groups: Integers | None = None,
) -> tuple[list[Measure], Integers]:
    """Average values in bins.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        NaN where there is none.
    bins : ndarray of int, shape (n,)
        The bin of each, from 0.
    n_bins : int
        How many bins there are.
    seed : int
        Seed of the bootstrap.
    groups : ndarray of int, shape (n,), optional
        Number of the group of each; whole groups are then resampled.

    Returns
    -------
    means : list of Measure
        With the BCa bootstrap interval over items (or groups).
    counts : ndarray of int, shape (n_bins,)
        How many values are in each bin.
    """
    there = ~np.isnan(values)
    counts = np.bincount(bins[there], minlength=n_bins).astype("int64")
    means = []
    for number in range(n_bins):
        inside = there & (bins == number)
        if not counts[number]:
            means.append(undefined("no judged item has such a rating"))
            continue
        features = np.column_stack([values[inside], np.ones(counts[number])])
        interval = bootstrap_sums(
            features,
            lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1),
            seed=seed,
            groups=None if groups is None else groups[inside],
        )
        means.append(
            with_interval(
                float(values[inside].mean()),
                interval,
                none="fewer than two independent items have such a rating",
                no_width="all items of such a rating have the same value",
            )
        )
    return means, counts


def count_items_by_wrong_people(wrong: Bools, which: Bools) -> Integers:
    """Count items by how many people are wrong on them.

    Parameters
    ----------
    wrong : ndarray of bool, shape (n_items, n_people)
        Whether each answer is wrong; False where there is none.
    which : ndarray of bool, shape (n_items,)
        Which items to count.

    Returns
    -------
    ndarray of int, shape (n_people + 1,)
        Number of items on which 0, 1, ... people are wrong.
    """
    n_wrong = np.count_nonzero(wrong[which], axis=1)
    counts: Integers = np.bincount(n_wrong, minlength=wrong.shape[1] + 1).astype("int64")
    return counts


def density(values: Floats, at: Floats) -> Floats | None:
    """Estimate the density of values by Gaussian kernels.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        Finite.
    at : ndarray of float, shape (n_points,)
        Where to estimate it.

    Returns
    -------
    ndarray of float, shape (n_points,), or None
        Scott's bandwidth; None with fewer than `DENSITY_FROM` values, or where
        all are the same.

    References
    ----------
    Scott (1992), Multivariate Density Estimation, section 6.5.
    """
    if len(values) < DENSITY_FROM:
        return None
    # Ratings repeat: each different one once, so that the cost does not grow with the study.
    different, counts = np.unique(values, return_counts=True)
    if len(different) < 2:
        return None
    kernels = stats.gaussian_kde(different, bw_method=len(values) ** -0.2, weights=counts)
    estimated: Floats = kernels(at)
    return estimated
