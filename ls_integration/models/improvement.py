"""Whether corrected labels make a better model, and how many have to be looked at for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ls_integration.models.cross_validation import N_FOLDS, score_folds
from ls_integration.models.estimators import find_positive
from ls_integration.models.folds import Floats, Groups, Numbers, split_groups
from ls_integration.scoring.calibration import average_precision
from ls_integration.scoring.measure import Measure
from ls_integration.scoring.roc import auc, auc_difference

Places = NDArray[np.intp]


@dataclass(frozen=True)
class Improvement:
    """The same recipe, trained on the old and on the corrected labels.

    Attributes
    ----------
    n_items, n_groups, n_corrected : int
        Items, groups, and labels that differ.
    auc_old, auc_corrected : Measure
        Area under the ROC curve of the model trained on each.
    auc_gain : Measure
        *auc_corrected* less *auc_old*, in [-1, 1], on the same items.
    average_precision_old, average_precision_corrected : Measure
        Average precision of each.
    """

    n_items: int
    n_groups: int
    n_corrected: int
    auc_old: Measure
    auc_corrected: Measure
    auc_gain: Measure
    average_precision_old: Measure
    average_precision_corrected: Measure


@dataclass(frozen=True)
class ReviewCurve:
    """Quality against the number of reviewed items, for one order of looking.

    Attributes
    ----------
    order : str
        Name of the order.
    n_reviewed : tuple of int
        How many items were looked at, ascending.
    n_corrected : tuple of float
        How many labels that corrected; the mean over the repeats.
    auc : tuple of float
        Area under the ROC curve of a model trained on the labels as they then
        are, against the corrected labels of groups that it has not seen; the
        mean over the repeats.
    auc_lowest, auc_highest : tuple of float
        The least and the greatest of the repeats.
    n_repeats : int
        1 but for random orders.
    """

    order: str
    n_reviewed: tuple[int, ...]
    n_corrected: tuple[float, ...]
    auc: tuple[float, ...]
    auc_lowest: tuple[float, ...]
    auc_highest: tuple[float, ...]
    n_repeats: int


def measure_improvement(
    recipe: str,
    features: Numbers,
    old: Floats,
    corrected: Floats,
    groups: Groups | None = None,
    *,
    n_folds: int = N_FOLDS,
    seed: int = 0,
) -> Improvement:
    """Train on the old and on the corrected targets, score both against the corrected.

    Each item is scored by two models that have seen neither it nor its group.
    The folds are the same for both.

    Parameters
    ----------
    recipe : str
        One of `estimators.RECIPES`.
    features : ndarray of float, shape (n_items, n_features)
        Finite.
    old, corrected : ndarray of float, shape (n_items,)
        Targets as the recipe wants them, before and after the review.
    groups : ndarray, shape (n_items,), optional
        Imaging session or frame of each item.
    n_folds : int
        How many folds; fewer where there are fewer groups.
    seed : int
        Of the folds and of the models.

    Returns
    -------
    Improvement
        Undefined measures where the corrected labels have one class only.

    Raises
    ------
    ValueError
        If all items are of one group, or a fold leaves nothing to learn from.
    """
    positive = find_positive(recipe, corrected)
    folds = list(split_groups(positive, groups, n_folds, seed))
    by_old, by_corrected = (
        score_folds(recipe, features, target, groups, folds, seed) for target in (old, corrected)
    )
    numbers = None if groups is None else np.unique(groups, return_inverse=True)[1]
    return Improvement(
        n_items=len(positive),
        n_groups=len(positive) if numbers is None else int(numbers.max()) + 1,
        n_corrected=int(np.count_nonzero(old != corrected)),
        auc_old=auc(positive, by_old, groups=numbers),
        auc_corrected=auc(positive, by_corrected, groups=numbers),
        auc_gain=auc_difference(positive, by_corrected, by_old, groups=numbers),
        average_precision_old=average_precision(positive, by_old, groups=numbers, seed=seed),
        average_precision_corrected=average_precision(
            positive, by_corrected, groups=numbers, seed=seed
        ),
    )


def trace_review(
    recipe: str,
    features: Numbers,
    old: Floats,
    corrected: Floats,
    orders: Mapping[str, Sequence[Places]],
    n_reviewed: Sequence[int],
    groups: Groups | None = None,
    *,
    n_folds: int = N_FOLDS,
    seed: int = 0,
    report: Callable[[int, int], object] = lambda _done, _total: None,
) -> list[ReviewCurve]:
    """Simulate the review: train again after so many items have been looked at.

    Looking at an item gives it the corrected label. Labels of unseen groups are
    always the corrected ones when a model is scored, also where it was trained on
    few corrections.

    Parameters
    ----------
    recipe : str
        One of `estimators.RECIPES`.
    features : ndarray of float, shape (n_items, n_features)
        Finite.
    old, corrected : ndarray of float, shape (n_items,)
        Targets before and after the whole review.
    orders : mapping of str to sequence of ndarray of int
        Name -> one or more orders (repeats) in which items are looked at, as
        their places. Items that are in none keep their old label.
    n_reviewed : sequence of int
        After how many items to train again, ascending.
    groups : ndarray, shape (n_items,), optional
        Imaging session or frame of each item.
    n_folds : int
        How many folds.
    seed : int
        Of the folds and of the models: the same at each step.
    report : callable, optional
        Told how many points of how many are there.

    Returns
    -------
    list of ReviewCurve
        In the order of *orders*.

    Raises
    ------
    ValueError
        If the corrected labels have one class only, or all items are of one
        group.
    """
    positive = find_positive(recipe, corrected)
    if positive.all() or not positive.any():
        msg = "a curve needs corrected labels of both classes"
        raise ValueError(msg)
    folds = list(split_groups(positive, groups, n_folds, seed))
    known: dict[bytes, float] = {}

    def area(target: Floats) -> float:
        # Many steps correct nothing, and all orders begin and end alike.
        key = target.tobytes()
        if key not in known:
            scores = score_folds(recipe, features, target, groups, folds, seed)
            known[key] = float(roc_auc_score(positive, scores))
        return known[key]

    curves = []
    n_points = sum(len(repeats) for repeats in orders.values()) * len(n_reviewed)
    n_done = 0
    for name, repeats in orders.items():
        areas = np.empty((len(repeats), len(n_reviewed)))
        n_corrected = np.empty_like(areas)
        for row, order in enumerate(repeats):
            for column, number in enumerate(n_reviewed):
                target = old.copy()
                target[order[:number]] = corrected[order[:number]]
                areas[row, column] = area(target)
                n_corrected[row, column] = np.count_nonzero(target != old)
                n_done += 1
                report(n_done, n_points)
        curves.append(
            ReviewCurve(
                order=name,
                n_reviewed=tuple(n_reviewed),
                n_corrected=tuple(n_corrected.mean(axis=0).tolist()),
                auc=tuple(areas.mean(axis=0).tolist()),
                auc_lowest=tuple(areas.min(axis=0).tolist()),
                auc_highest=tuple(areas.max(axis=0).tolist()),
                n_repeats=len(repeats),
            )
        )
    return curves
