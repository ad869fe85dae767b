"""How far people agree beyond chance. Votes: one per person and item.

Label numbers start at 0; `consensus.MISSING` stands where a person did not
answer. Chance-corrected coefficients are 1 for full agreement, 0 for what chance
would give, and undefined where everybody gave the same label to everything.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.inter_rater import fleiss_kappa as statsmodels_fleiss

from ls_integration.scoring.consensus import MISSING, count_votes
from ls_integration.scoring.intervals import Floats, bootstrap_sums
from ls_integration.scoring.measure import Measure, undefined, with_interval

Votes = NDArray[np.int64]
Groups = NDArray[np.int64]

FEW_PEOPLE = "agreement needs the answers of two people"
ONE_LABEL = "only one label was used, so chance agreement is complete"
NO_COMMON = "no item was answered by both"
NO_WIDTH = "the items do not differ in agreement, which would give an interval of no width"
NO_INTERVAL = "too few items, or too many resamples without a value, for an interval"
NO_PAIRS = "no item was answered by two people"


def cohen_kappa(
    first: Votes, second: Votes, n_labels: int, *, groups: Groups | None = None, seed: int = 0
) -> Measure:
    """Compare two people on the items that both answered.

    Parameters
    ----------
    first, second : ndarray of int, shape (n_items,)
        Their votes.
    n_labels : int
        How many labels there are.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0.
    seed : int
        Seed of the bootstrap over groups.

    Returns
    -------
    Measure
        In [-1, 1] with the large-sample 95 % interval; with *groups* that of the
        BCa bootstrap over groups.

    References
    ----------
    Cohen (1960), Educ. Psychol. Meas. 20, 37. Fleiss, Cohen, Everitt (1969),
    Psychol. Bull. 72, 323 (the standard error).
    """
    both = (first != MISSING) & (second != MISSING)
    if not both.any():
        return undefined(NO_COMMON)
    table = count_pairs(first, second, n_labels)
    if np.count_nonzero(table.sum(axis=0) + table.sum(axis=1)) < 2:
        return undefined(ONE_LABEL)
    # A label that neither used would make statsmodels divide by zero.
    used = (table.sum(axis=0) + table.sum(axis=1)) > 0
    # With one item or an empty margin the standard error is 0/0.
    with np.errstate(invalid="ignore", divide="ignore"):
        result = cohens_kappa(table[np.ix_(used, used)])
    if groups is not None:
        features = _pair_features(first[both], second[both], n_labels)
        interval = bootstrap_sums(
            features,
            lambda sums: _kappas(sums.reshape(len(sums), n_labels, n_labels)),
            seed=seed,
            groups=groups[both],
        )
        return _with_interval(float(result.kappa), interval)
    low, high = max(-1.0, float(result.kappa_low)), min(1.0, float(result.kappa_upp))
    return _with_interval(float(result.kappa), (low, high))


def mean_pairwise_cohen_kappa(
    votes: Votes, n_labels: int, *, groups: Groups | None = None, seed: int = 0
) -> Measure:
    """Average Cohen's kappa over all pairs of people.

    Parameters
    ----------
    votes : ndarray of int, shape (n_items, n_people)
        Their votes.
    n_labels : int
        How many labels there are.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0: groups are then drawn anew.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    Measure
        The mean over the pairs whose kappa is defined (Light's kappa).

    References
    ----------
    Light (1971), Psychol. Bull. 76, 365.
    """
    pairs = list(combinations(range(votes.shape[1]), 2))
    if not pairs:
        return undefined(FEW_PEOPLE)
    # In an order of the answers, not of the people: who comes first shall not change the draws.
    votes = votes[:, sorted(range(votes.shape[1]), key=lambda one: votes[:, one].tobytes())]
    features = np.hstack([_pair_features(votes[:, a], votes[:, b], n_labels) for a, b in pairs])

    def mean_kappa(sums: Floats) -> Floats:
        tables = sums.reshape(len(sums), len(pairs), n_labels, n_labels)
        return _mean_defined(_kappas(tables))

    value = float(mean_kappa(features.sum(axis=0, keepdims=True))[0])
    if np.isnan(value):
        return undefined("no pair of people has a defined kappa")
    return _with_interval(value, bootstrap_sums(features, mean_kappa, seed=seed, groups=groups))


def fleiss_kappa(
    votes: Votes, n_labels: int, *, groups: Groups | None = None, seed: int = 0
) -> tuple[Measure, int]:
    """Compute Fleiss' kappa on the items that everybody answered.

    Parameters
    ----------
    votes : ndarray of int, shape (n_items, n_people)
        Their votes.
    n_labels : int
        How many labels there are.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0: groups are then drawn anew.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    kappa : Measure
        In [-1, 1] with its 95 % interval.
    n_items : int
        How many items everybody answered.

    References
    ----------
    Fleiss (1971), Psychol. Bull. 76, 378.
    """
    n_people = votes.shape[1]
    by_all = (votes != MISSING).all(axis=1) & bool(n_people)
    answered = votes[by_all]
    if n_people < 2:
        return undefined(FEW_PEOPLE), len(answered)
    if not len(answered):
        return undefined("no item was answered by everybody"), 0
    counts = count_votes(answered, n_labels)
    if np.count_nonzero(counts.sum(axis=0)) < 2:
        return undefined(ONE_LABEL), len(answered)
    pairs = (counts * (counts - 1)).sum(axis=1, keepdims=True) / (n_people * (n_people - 1))
    features = np.hstack([pairs, counts / n_people, np.ones((len(counts), 1))])

    def kappa(sums: Floats) -> Floats:
        n_items = sums[:, -1]
        observed = sums[:, 0] / n_items
        chance = ((sums[:, 1:-1] / n_items[:, None]) ** 2).sum(axis=1)
        return _corrected(observed, chance)

    value = float(statsmodels_fleiss(counts, method="fleiss"))
    drawn = None if groups is None else groups[by_all]
    interval = bootstrap_sums(features, kappa, seed=seed, groups=drawn)
    return _with_interval(value, interval), len(answered)


def krippendorff_alpha(
    votes: Votes, n_labels: int, *, groups: Groups | None = None, seed: int = 0
) -> Measure:
    """Compute Krippendorff's alpha for nominal labels; answers may be missing.

    Parameters
    ----------
    votes : ndarray of int, shape (n_items, n_people)
        Their votes; items with fewer than two answers do not count.
    n_labels : int
        How many labels there are.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0: groups are then drawn anew.
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
    if votes.shape[1] < 2:
        return undefined(FEW_PEOPLE)
    counts = count_votes(votes, n_labels).astype("float64")
    is_paired = counts.sum(axis=1) >= 2
    counts = counts[is_paired]
    if not len(counts):
        return undefined(NO_PAIRS)
    if np.count_nonzero(counts.sum(axis=0)) < 2:
        return undefined(ONE_LABEL)
    answers = counts.sum(axis=1, keepdims=True)
    agreeing = (counts * (counts - 1)).sum(axis=1, keepdims=True) / (answers - 1)
    features = np.hstack([agreeing, counts])

    def alpha(sums: Floats) -> Floats:
        per_label = sums[:, 1:]
        total = per_label.sum(axis=1)
        observed = sums[:, 0] / total
        chance = (per_label * (per_label - 1)).sum(axis=1) / (total * (total - 1))
        return _corrected(observed, chance)

    value = float(alpha(features.sum(axis=0, keepdims=True))[0])
    drawn = None if groups is None else groups[is_paired]
    return _with_interval(value, bootstrap_sums(features, alpha, seed=seed, groups=drawn))


def overall_agreement(
    votes: Votes, n_labels: int, *, groups: Groups | None = None, seed: int = 0
) -> tuple[Measure, int]:
    """Compute how often two answers to one item are the same, not corrected for chance.

    An item's agreement is the share of its pairs of answers that are the same;
    the mean is taken over the items with two answers or more. Where everybody
    answered everything, this is the mean over the pairs of people.

    Parameters
    ----------
    votes : ndarray of int, shape (n_items, n_people)
        Their votes.
    n_labels : int
        How many labels there are.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0: groups are then drawn anew.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    agreement : Measure
        In [0, 1] with its 95 % interval.
    n_items : int
        How many items have two answers or more.

    References
    ----------
    Fleiss (1971), Psychol. Bull. 76, 378 (equation 2, its mean over items);
    Gwet (2014), Handbook of Inter-Rater Reliability, 4th edition, chapter 2
    (the same with missing answers).
    """
    if votes.shape[1] < 2:
        return undefined(FEW_PEOPLE), 0
    counts = count_votes(votes, n_labels)
    answers = counts.sum(axis=1)
    is_paired = answers >= 2
    if not is_paired.any():
        return undefined(NO_PAIRS), 0
    counts, answers = counts[is_paired], answers[is_paired]
    agreed = (counts * (counts - 1)).sum(axis=1) / (answers * (answers - 1))
    features = np.column_stack([agreed, np.ones(len(agreed))])
    drawn = None if groups is None else groups[is_paired]
    interval = bootstrap_sums(
        features, lambda sums: sums[:, 0] / sums[:, 1], seed=seed, groups=drawn
    )
    return _with_interval(float(agreed.mean()), interval), len(agreed)


def count_pairs(first: Votes, second: Votes, n_labels: int) -> NDArray[np.int64]:
    """Count the answers of two people against each other.

    Parameters
    ----------
    first, second : ndarray of int, shape (n_items,)
        Their votes.
    n_labels : int
        How many labels there are.

    Returns
    -------
    ndarray of int, shape (n_labels, n_labels)
        Items that both answered: rows are the first's answer, columns the second's.
    """
    both = (first != MISSING) & (second != MISSING)
    cells = np.bincount(first[both] * n_labels + second[both], minlength=n_labels**2)
    return cells.reshape(n_labels, n_labels).astype("int64")


def _pair_features(first: Votes, second: Votes, n_labels: int) -> Floats:
    """Mark the cell of the pair's table that each item falls into."""
    features = np.zeros((len(first), n_labels**2))
    both = np.flatnonzero((first != MISSING) & (second != MISSING))
    features[both, first[both] * n_labels + second[both]] = 1
    return features


def _kappas(tables: Floats) -> Floats:
    """Cohen's kappa of each table in the last two axes; NaN where undefined."""
    total = tables.sum(axis=(-2, -1))
    safe = np.where(total > 0, total, 1)
    observed = np.trace(tables, axis1=-2, axis2=-1) / safe
    chance = (tables.sum(axis=-1) * tables.sum(axis=-2)).sum(axis=-1) / safe**2
    return np.where(total > 0, _corrected(observed, chance), np.nan)


def _corrected(observed: Floats, chance: Floats) -> Floats:
    room = 1 - chance
    defined = room > 1e-12
    return np.where(defined, (observed - chance) / np.where(defined, room, 1), np.nan)


def _mean_defined(values: Floats) -> Floats:
    defined = np.isfinite(values)
    count = defined.sum(axis=-1)
    total = np.where(defined, values, 0).sum(axis=-1)
    return np.where(count > 0, total / np.where(count > 0, count, 1), np.nan)


def _with_interval(value: float, interval: tuple[float, float] | None) -> Measure:
    return with_interval(value, interval, none=NO_INTERVAL, no_width=NO_WIDTH)
