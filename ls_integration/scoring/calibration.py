"""Whether a model's scores can be read as probabilities, and how it ranks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss

from ls_integration.scoring.grouped import share
from ls_integration.scoring.intervals import Bools, Floats, bootstrap_sums
from ls_integration.scoring.measure import Measure, undefined, with_interval
from ls_integration.scoring.rank_resamples import bound_by_cells, rank_down

N_BINS = 10
"""Bins of the reliability curve and of ECE, of about the same number of items."""

NO_ITEM = "no item has both a known label and a score"
ONE_CLASS = "all items with a score have the same known label"
NO_INTERVAL = "too few items or groups, or too many resamples without a value"
NO_WIDTH = "every resample gives the same value"


@dataclass(frozen=True)
class ReliabilityBin:
    """Items of similar scores.

    Attributes
    ----------
    n : int
        How many; at least 1.
    mean_score : float
        In [0, 1].
    share_positive : Measure
        In [0, 1], with Wilson's 95 % interval, or that over groups.
    """

    n: int
    mean_score: float
    share_positive: Measure


@dataclass(frozen=True)
class Calibration:
    """How scores compare to the shares of positive items.

    Attributes
    ----------
    brier : Measure
        Mean squared difference of score and truth, in [0, 1]; 0 is best.
    ece : float
        Expected calibration error, in [0, 1]; 0 is best.
    ece_if_calibrated : float
        About what chance alone gives to scores that are right: ECE is a sum of
        absolute values and never 0 in a sample.
    bins : tuple of ReliabilityBin
        By ascending score.
    """

    brier: Measure
    ece: float
    ece_if_calibrated: float
    bins: tuple[ReliabilityBin, ...]


def average_precision(
    truth: Bools, score: Floats, *, groups: NDArray[np.int64] | None = None, seed: int = 0
) -> Measure:
    """Compute average precision: the mean of precision over the steps of recall.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        True where the item is positive.
    score : ndarray of float, shape (n_items,)
        Finite; higher means more positive.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Measure
        In [0, 1], with the interval of 1000 resamples of items or groups; a
        guess has the share of positive items. Undefined with one class only.

    References
    ----------
    scikit-learn, ``average_precision_score``: no interpolation between steps.
    """
    if not len(truth):
        return undefined(NO_ITEM)
    if truth.all() or not truth.any():
        return undefined(ONE_CLASS)
    value = float(average_precision_score(truth, score))
    rank = rank_down(score)
    interval = bound_by_cells(
        2 * rank + truth,
        2 * (int(rank.max()) + 1),
        _average_precision_of_counts,
        value,
        seed=seed,
        groups=groups,
    )
    if interval is not None:
        interval = (max(interval[0], 0.0), min(interval[1], 1.0))
    return with_interval(value, interval, none=NO_INTERVAL, no_width=NO_WIDTH)


def _average_precision_of_counts(counts: Floats) -> Floats:
    """Average precision of each row: negatives and positives by rank, best first."""
    by_rank = counts.reshape(len(counts), -1, 2)
    found, called = by_rank[..., 1].cumsum(axis=1), by_rank.sum(axis=2).cumsum(axis=1)
    precision = found / np.maximum(called, 1)
    n_positive = found[:, -1]
    total = (by_rank[..., 1] * precision).sum(axis=1)
    values: Floats = np.full(len(counts), np.nan)
    np.divide(total, n_positive, out=values, where=n_positive > 0)
    return values


def explain_no_probabilities(score: Floats) -> str | None:
    """Say why scores cannot be probabilities.

    Parameters
    ----------
    score : ndarray of float, shape (n_items,)
        As the study has them; NaN where there is none.

    Returns
    -------
    str or None
        None where all are from 0 to 1.
    """
    given = score[~np.isnan(score)]
    if not len(given) or (given.min() >= 0 and given.max() <= 1):
        return None
    return f"the scores are no probabilities (from {given.min():.4g} to {given.max():.4g})"


def calibration(
    truth: Bools, probability: Floats, *, groups: NDArray[np.int64] | None = None, seed: int = 0
) -> Calibration:
    """Compare probabilities to what came true.

    Bins are cut at the deciles of the probabilities, so they have about the same
    number of items; ties stay together, so there may be fewer bins. ECE is the
    mean over items of the absolute difference between a bin's mean probability
    and its share of positive items. It has no interval: resamples of it are
    larger than it is.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        True where the item is positive; at least one item.
    probability : ndarray of float, shape (n_items,)
        Of being positive, in [0, 1].
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Calibration
        The same for the same input.

    References
    ----------
    Brier (1950), Monthly Weather Review 78, 1. ECE: Naeini, Cooper, Hauskrecht
    (2015), AAAI, 2901; with bins of equal counts: Nixon et al. (2019), CVPR
    Workshops, 38. Bins as scikit-learn's ``calibration_curve`` with
    ``strategy="quantile"``.
    """
    edges = np.quantile(probability, np.linspace(0, 1, N_BINS + 1)[1:-1])
    of_item = np.searchsorted(edges, probability)
    n = np.bincount(of_item, minlength=N_BINS)
    excess = np.bincount(of_item, weights=probability - truth, minlength=N_BINS)
    variance = np.bincount(of_item, weights=probability * (1 - probability), minlength=N_BINS)
    bins = tuple(
        ReliabilityBin(
            n=int(n[number]),
            # A mean of equal scores may be off by a rounding error.
            mean_score=float(np.clip(probability[of_item == number].mean(), 0, 1)),
            share_positive=share(truth, of_item == number, "", groups=groups, seed=seed),
        )
        for number in np.flatnonzero(n)
    )
    squares = np.column_stack([(probability - truth) ** 2, np.ones(len(truth))])
    return Calibration(
        brier=with_interval(
            float(brier_score_loss(truth, probability, labels=[False, True], pos_label=True)),
            bootstrap_sums(squares, _mean, seed=seed, groups=groups),
            none=NO_INTERVAL,
            no_width=NO_WIDTH,
        ),
        ece=float(np.abs(excess).sum() / len(truth)),
        # The mean of |x| is sqrt(2 / pi) standard deviations, where x is normal around 0.
        ece_if_calibrated=float(np.sqrt(2 / np.pi * variance).sum() / len(truth)),
        bins=bins,
    )


def _mean(sums: Floats) -> Floats:
    return sums[:, 0] / sums[:, 1]
