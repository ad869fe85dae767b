"""Which given labels look wrong, and how many probably are.

Two classes: the positive one and the rest. The opinion on an item is what its
people and the model say together, each with one vote: a person's is 0 or 1, the
model's is a probability.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_predict

from ls_integration.scoring.binary import Bools
from ls_integration.scoring.intervals import LEVEL, RESAMPLES, Floats
from ls_integration.scoring.measure import Measure, undefined, with_interval

FOLDS = 5
"""How many parts the out-of-fold probabilities are made in."""

NO_OPINION = "no item has both a known label and an answer or a model score"
ONE_CLASS = "all known labels are the same, so there is no second class to confuse them with"
NO_INTERVAL = "too few items, or too many resamples without a value, for an interval"
NO_WIDTH = "every resample of the items gives the same number"

_DECIMALS = 3
"""Probabilities are told apart up to here, so that a resample costs the same for any study."""

_CELLS_AT_ONCE = 4_000_000


def out_of_fold_probability(
    truth: Bools, score: Floats, *, groups: NDArray[np.int64] | None = None, seed: int = 0
) -> Floats | None:
    """Turn a model's scores into probabilities that have not seen the item's own label.

    A logistic regression of the known label on the score, fitted to the other
    parts of the items; a group is never split. What the model itself was
    trained on is not known here: scores of a model that was trained on these
    very labels repeat their errors.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        Whether the known label is the positive one.
    score : ndarray of float, shape (n_items,)
        Finite; higher means more positive.
    groups : ndarray of int, shape (n_items,), optional
        Items of one group are not independent.
    seed : int
        Of the division into parts.

    Returns
    -------
    ndarray of float, shape (n_items,), or None
        From 0 to 1; None where a class is in fewer than `FOLDS` items (or
        groups), or all in one part.
    """
    units = np.arange(len(truth)) if groups is None else groups
    if min(len(np.unique(units[side])) for side in (truth, ~truth)) < FOLDS:
        return None
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    maker = kind(FOLDS, shuffle=True, random_state=seed)
    folds = list(maker.split(score, truth, groups))
    if any(truth[rest].all() or not truth[rest].any() for rest, _ in folds):
        return None
    spread = float(score.std())
    column = ((score - score.mean()) / (spread or 1.0))[:, None]
    probability = cross_val_predict(
        LogisticRegression(), column, truth, cv=folds, method="predict_proba"
    )
    result: Floats = probability[:, 1].astype("float64")
    return result


def pooled_opinion(
    n_positive: NDArray[np.int64], n_answers: NDArray[np.int64], model: Floats
) -> Floats:
    """Pool the people's votes and the model's, which counts as one.

    Parameters
    ----------
    n_positive, n_answers : ndarray of int, shape (n_items,)
        People who called the item positive, people who answered it.
    model : ndarray of float, shape (n_items,)
        The model's probability of positive; NaN where it says nothing.

    Returns
    -------
    ndarray of float, shape (n_items,)
        Share of the votes for positive, 0 to 1; NaN where nobody voted.
    """
    has_model = ~np.isnan(model)
    votes = n_answers + has_model
    positive = n_positive + np.where(has_model, model, 0.0)
    return np.where(votes > 0, positive / np.where(votes > 0, votes, 1), np.nan)


def contradiction(truth: Bools, opinion: Floats, n_votes: NDArray[np.int64]) -> Floats:
    """Measure how strongly the votes contradict the given label.

    ``(votes against + 1/2) / (votes + 1)``: three of three count for more than
    one of one.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        Whether the given label is the positive one.
    opinion : ndarray of float, shape (n_items,)
        From `pooled_opinion`.
    n_votes : ndarray of int, shape (n_items,)
        Of people and model.

    Returns
    -------
    ndarray of float, shape (n_items,)
        Above 0 and below 1; NaN where nobody voted.

    References
    ----------
    Jeffreys (1946), Proc. R. Soc. A 186, 453: the mean of the posterior under
    his prior for a proportion, Beta(1/2, 1/2).
    """
    against: Floats = n_votes * np.where(truth, 1.0 - opinion, opinion)
    return (against + 0.5) / (n_votes + 1)


def count_wrong_labels(
    truth: Bools,
    opinion: Floats,
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Measure, Measure, Measure]:
    """Estimate by the confident joint how many given labels are wrong.

    An item counts as confidently of a class if its probability for that class
    is at least the mean probability of the items that are labelled so; of two
    such classes the more probable one. Items that are confident of no class do
    not count; each label's row is then scaled to the number of its items.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        Whether the given label is the positive one.
    opinion : ndarray of float, shape (n_items,)
        Probability of positive, 0 to 1, finite; told apart up to three decimals.
    groups : ndarray of int, shape (n_items,), optional
        Resample these instead of items.
    seed : int
        Of the percentile bootstrap.
    resamples : int
        How many times the items are drawn anew.

    Returns
    -------
    wrong : Measure
        Number of wrong labels, 0 to n_items.
    wrong_positive, wrong_negative : Measure
        Of these, labelled positive and labelled otherwise.

    References
    ----------
    Northcutt, Jiang, Chuang (2021), J. Artif. Intell. Res. 70, 1373, section
    3.1 (thresholds, equation 2; collisions, equation 1; calibration, equation
    3).
    """
    if not len(truth):
        return (undefined(NO_OPINION),) * 3
    if truth.all() or not truth.any():
        return (undefined(ONE_CLASS),) * 3
    pattern, probability, label = _patterns(truth, opinion)
    values = _wrong_labels(np.bincount(pattern)[None, :].astype("float64"), probability, label)[0]
    drawn = _resampled(pattern, len(probability), groups, seed, resamples)
    found = [_wrong_labels(weights, probability, label) for weights in drawn]
    everything = np.vstack(found) if found else np.empty((0, 3))
    measures = []
    for value, column in zip(values, everything.T, strict=True):
        defined = column[np.isfinite(column)]
        interval = None
        if len(defined) >= 0.95 * resamples:
            low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            interval = (float(low), float(high))
        measures.append(with_interval(float(value), interval, none=NO_INTERVAL, no_width=NO_WIDTH))
    return measures[0], measures[1], measures[2]


def precision_at(is_wrong: Bools, ranks: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Count the wrong labels among the first of a ranking.

    Parameters
    ----------
    is_wrong : ndarray of bool, shape (n_ranked,)
        Whether the label is wrong by a better truth, most suspicious first.
    ranks : sequence of int
        How many of the first to look at; those beyond the ranking are left out.

    Returns
    -------
    dict of int to (int, int)
        Rank -> wrong labels among the first, and how many these are.
    """
    return {
        rank: (int(np.count_nonzero(is_wrong[:rank])), rank)
        for rank in ranks
        if 0 < rank <= len(is_wrong)
    }


def _patterns(truth: Bools, opinion: Floats) -> tuple[NDArray[np.int64], Floats, Bools]:
    """Find the distinct pairs of label and probability; give each item the number of its pair."""
    pairs = np.column_stack([truth, np.round(opinion, _DECIMALS)])
    distinct, pattern = np.unique(pairs, axis=0, return_inverse=True)
    probability: Floats = distinct[:, 1].astype("float64")
    label: Bools = distinct[:, 0].astype(bool)
    return pattern.reshape(-1).astype("int64"), probability, label


def _resampled(
    pattern: NDArray[np.int64],
    n_patterns: int,
    groups: NDArray[np.int64] | None,
    seed: int,
    resamples: int,
) -> Iterator[Floats]:
    """Draw the items (or groups) anew: how often each pattern, some resamples at a time."""
    if groups is None:
        n_drawn, share = len(pattern), np.bincount(pattern, minlength=n_patterns) / len(pattern)
    else:
        used, number = np.unique(groups, return_inverse=True)
        n_drawn, share = len(used), np.full(len(used), 1 / len(used))
        cells = (np.ones(len(pattern)), (number.reshape(-1), pattern))
        members = sparse.csr_array(cells, shape=(len(used), n_patterns))
    if n_drawn < 2:
        return
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS_AT_ONCE // max(n_patterns, len(share)))
    for start in range(0, resamples, step):
        drawn = generator.multinomial(n_drawn, share, size=min(step, resamples - start))
        yield (drawn if groups is None else drawn @ members).astype("float64")


def _wrong_labels(weights: Floats, probability: Floats, label: Bools) -> Floats:
    """Give wrong labels in all, of the positive and of the others, for each row of weights."""
    positive, negative = weights * label, weights * ~label
    n_positive, n_negative = positive.sum(axis=1), negative.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may lack a class
        threshold = ((positive @ probability) / n_positive)[:, None]
        other_threshold = ((negative @ (1 - probability)) / n_negative)[:, None]
        # Equal up to rounding counts as reached, as where all probabilities are the same.
        reached = probability >= threshold - 1e-12
        other_reached = 1 - probability >= other_threshold - 1e-12
        is_positive = reached & (~other_reached | (probability >= 0.5))
        is_negative = other_reached & (~reached | (probability < 0.5))
        wrong_positive = _share(positive, is_negative, is_positive) * n_positive
        wrong_negative = _share(negative, is_positive, is_negative) * n_negative
    return np.column_stack([wrong_positive + wrong_negative, wrong_positive, wrong_negative])


def _share(weights: Floats, against: Bools, along: Bools) -> Floats:
    """Share of a label's confident items that are confident of the other class."""
    wrong, right = (weights * against).sum(axis=1), (weights * along).sum(axis=1)
    share: Floats = wrong / (wrong + right)
    return share
