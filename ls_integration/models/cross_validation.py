"""How good a recipe is on groups that it has not seen, and where its threshold belongs."""

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from ls_integration.models.estimators import find_positive, make_estimator
from ls_integration.models.folds import Bools, Floats, Groups, Numbers, split_groups
from ls_integration.scoring.decisions import score_decisions
from ls_integration.scoring.measure import Measure
from ls_integration.scoring.roc import auc

N_FOLDS = 5
"""Each model then learns from four fifths of the groups."""

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Places of the items to learn from, and of those to score."""

Rule = Literal["balanced", "precision", "specificity"]
"""How a threshold is chosen."""


def out_of_fold_scores(
    recipe: str,
    features: Numbers,
    target: Floats,
    groups: Groups | None = None,
    n_folds: int = N_FOLDS,
    seed: int = 0,
) -> Floats:
    """Score each item by a model that has not seen its group.

    Parameters
    ----------
    recipe : str
        One of `estimators.RECIPES`.
    features : ndarray of float, shape (n_items, n_features)
        Finite.
    target : ndarray of float, shape (n_items,)
        As the recipe wants it.
    groups : ndarray, shape (n_items,), optional
        Imaging session or frame of each item; without it each is its own.
    n_folds : int
        How many folds; fewer where there are fewer groups.
    seed : int
        Of the folds and of the models.

    Returns
    -------
    ndarray of float64, shape (n_items,)
        In 0..1.

    Raises
    ------
    ValueError
        If all items are of one group, or a fold leaves nothing to learn from.
    """
    folds = split_groups(find_positive(recipe, target), groups, n_folds, seed)
    return score_folds(recipe, features, target, groups, folds, seed)


def score_folds(
    recipe: str,
    features: Numbers,
    target: Floats,
    groups: Groups | None,
    folds: Iterable[Fold],
    seed: int = 0,
) -> Floats:
    """Score the items of each fold by a model that has learnt from the rest.

    Parameters
    ----------
    recipe : str
        One of `estimators.RECIPES`.
    features : ndarray of float, shape (n_items, n_features)
        Finite.
    target : ndarray of float, shape (n_items,)
        As the recipe wants it.
    groups : ndarray, shape (n_items,), or None
        Imaging session or frame of each item.
    folds : iterable of (ndarray of int, ndarray of int)
        Places of the items to learn from and to score; each is scored once.
    seed : int
        Of the models.

    Returns
    -------
    ndarray of float64, shape (n_items,)
        In 0..1.

    Raises
    ------
    ValueError
        If a fold leaves nothing to learn from.
    """
    scores = np.empty(len(target))
    for training, test in folds:
        mine = None if groups is None else groups[training]
        model = make_estimator(recipe, seed).fit(features[training], target[training], mine)
        scores[test] = model.predict_score(features[test])
    return scores


def measure_scores(
    positive: Bools,
    scores: Floats,
    threshold: float,
    groups: Groups | None = None,
    seed: int = 0,
) -> dict[str, Measure]:
    """Measure scores as a ranking and as decisions, with intervals by group.

    Parameters
    ----------
    positive : ndarray of bool, shape (n_items,)
        Which items are positive.
    scores : ndarray of float, shape (n_items,)
        Out of fold.
    threshold : float
        Items that score at least so high are called positive.
    groups : ndarray, shape (n_items,), optional
        Whole groups are then drawn anew.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict of str to Measure
        ``auc`` and those of `scoring.decisions.score_decisions`.
    """
    numbers = None if groups is None else np.unique(groups, return_inverse=True)[1]
    everything = np.ones(len(scores), dtype=bool)
    _counts, measures = score_decisions(
        positive, scores >= threshold, everything, groups=numbers, seed=seed
    )
    return {"auc": auc(positive, scores, groups=numbers), **measures}


def choose_threshold(
    scores: Floats, positive: Bools, rule: Rule = "balanced", at_least: float | None = None
) -> tuple[float, str]:
    """Choose the score from which items are called positive.

    Parameters
    ----------
    scores : ndarray of float, shape (n_items,)
        Out of fold: on its own training items a model is too good.
    positive : ndarray of bool, shape (n_items,)
        Which items are positive; both classes have to occur.
    rule : {"balanced", "precision", "specificity"}
        ``balanced``: where true positive rate minus false positive rate is
        highest (Youden 1950, Cancer 3, 32), whatever the share of positives.
        The others: the lowest threshold at which that measure is reached.
    at_least : float, optional
        What has to be reached, in 0..1; needed for all rules but ``balanced``.

    Returns
    -------
    threshold : float
        Half way between the two scores that it separates.
    how : str
        The rule in words, with what it came to.

    Raises
    ------
    ValueError
        If one class is missing, *at_least* is missing, or no threshold reaches
        it.
    """
    if positive.all() or not positive.any():
        msg = "a threshold needs items of both classes"
        raise ValueError(msg)
    if rule == "balanced":
        fpr, tpr, thresholds = roc_curve(positive, scores, drop_intermediate=False)
        best = int(np.argmax(tpr - fpr))
        found = max(float(thresholds[best]), float(scores.min()))
        how = f"highest balanced accuracy out of fold ({(1 + tpr[best] - fpr[best]) / 2:.3f})"
        return _between(scores, found), how
    if at_least is None:
        msg = f"the rule {rule!r} needs what has to be reached"
        raise ValueError(msg)
    if rule == "precision":
        reached, recall, thresholds = precision_recall_curve(positive, scores)
        reached, recall = reached[:-1], recall[:-1]
    else:
        fpr, recall, thresholds = roc_curve(positive, scores, drop_intermediate=False)
        # The first has nothing called positive, at an infinite threshold.
        reached, recall, thresholds = 1 - fpr[1:], recall[1:], thresholds[1:]
    enough = np.flatnonzero(reached >= at_least)
    if not len(enough):
        msg = f"no threshold has a {rule} of {at_least:g}; the best is {reached.max():.3f}"
        raise ValueError(msg)
    lowest = enough[np.argmin(thresholds[enough])]
    how = (
        f"lowest with a {rule} of at least {at_least:g} out of fold "
        f"({reached[lowest]:.3f}, recall {recall[lowest]:.3f})"
    )
    return _between(scores, float(thresholds[lowest])), how


def _between(scores: Floats, lowest_positive: float) -> float:
    """Give the middle of a score and the next lower one."""
    lower = scores[scores < lowest_positive]
    if not len(lower):
        return lowest_positive
    middle = (float(lower.max()) + lowest_positive) / 2
    # Two scores that are neighbours in float64 have no middle above the lower one.
    return middle if middle > lower.max() else lowest_positive
