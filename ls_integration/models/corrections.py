"""Training data and what people said since: put together, and compared fairly. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ls_integration.models.cross_validation import N_FOLDS
from ls_integration.models.estimators import find_positive, make_estimator
from ls_integration.models.folds import split_groups
from ls_integration.models.model import Floats
from ls_integration.models.training_data import TrainingData


@dataclass(frozen=True)
class Corrected:
    """Training data with corrections in them.

    Attributes
    ----------
    data : TrainingData
        The rows that there were, some with another target, then new ones.
    n_changed : int
        Rows that there were whose target is another one now.
    n_added : int
        New rows.
    """

    data: TrainingData
    n_changed: int
    n_added: int


def correct(before: TrainingData, answered: TrainingData) -> Corrected:
    """Put what people said into the training data.

    An item that was trained on is known again by its features, which are those
    of the same pixels bit by bit; it keeps its group. Others are added, in the
    group of their name.

    Parameters
    ----------
    before : TrainingData
        What the model was trained on.
    answered : TrainingData
        The items that people judged.

    Returns
    -------
    Corrected
        The next training's data.
    """
    rows: dict[bytes, list[int]] = {}
    for row, features in enumerate(before.features):
        rows.setdefault(features.tobytes(), []).append(row)
    target = before.target.copy()
    added = []
    for row, features in enumerate(answered.features):
        known = rows.get(features.tobytes())
        if known is None:
            added.append(row)
        else:
            target[known] = answered.target[row]
    after = TrainingData(
        np.concatenate([before.features, answered.features[added]]),
        np.concatenate([target, answered.target[added]]),
        np.concatenate([before.groups, answered.groups[added]]),
        before.features_version,
    )
    n_changed = int(np.count_nonzero(target != before.target))
    return Corrected(after, n_changed, len(added))


def compare(
    before: TrainingData, after: TrainingData, recipe: str, seed: int
) -> tuple[float, float]:
    """Tell whether other training data make a better model of unseen groups.

    The same folds of whole groups for both: the old one learns from *before*,
    the new one from *after*, and both are measured on the targets of *after*
    in the groups that neither has seen.

    Parameters
    ----------
    before, after : TrainingData
        What the present model has learnt from, and what the next one would.
    recipe : str
        One of `estimators.RECIPES`.
    seed : int
        Of the folds and of the models.

    Returns
    -------
    before, after : float
        Areas under the ROC curve, out of fold.

    Raises
    ------
    ValueError
        If there is too little to learn from.
    """
    groups = after.group_numbers
    positive = find_positive(recipe, after.target)
    places = {features.tobytes(): row for row, features in enumerate(after.features)}
    # Rows of before that are gone, since an answer was deleted, take no part.
    place = np.array([places.get(features.tobytes(), -1) for features in before.features])
    old, new = np.full(len(positive), np.nan), np.full(len(positive), np.nan)
    for training, test in split_groups(positive, groups, N_FOLDS, seed):
        early = np.flatnonzero(np.isin(place, training))
        first = make_estimator(recipe, seed)
        first.fit(before.features[early], before.target[early], groups[place[early]])
        old[test] = first.predict_score(after.features[test])
        second = make_estimator(recipe, seed)
        second.fit(after.features[training], after.target[training], groups[training])
        new[test] = second.predict_score(after.features[test])
    return _area(positive, old), _area(positive, new)


def _area(positive: NDArray[np.bool_], scores: Floats) -> float:
    if positive.all() or not positive.any():
        msg = "items of both kinds are needed"
        raise ValueError(msg)
    return float(roc_auc_score(positive, scores))
