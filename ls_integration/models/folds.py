"""Ratings to classes, and items to folds that keep a session or frame together."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Groups = NDArray[np.generic]
Numbers = NDArray[np.floating]

NORMAL_AT_LEAST = 0.70
"""Lowest rating of a normal image (the authors of the rated STED images: Durand et al. 2018,
Nat. Commun. 9, 5247)."""

CALIBRATION_FOLDS = 5
"""Each fifth of the groups is scored by a model of the other four, which are nearly as many as
the final model is trained on."""


def is_below(rating: Floats, limit: float) -> Bools:
    """Tell which ratings are below a limit, also where they went by way of float32.

    Parameters
    ----------
    rating : ndarray of float, shape (n_items,)
        As they were given, to at most six decimals.
    limit : float
        The lowest rating that is not below.

    Returns
    -------
    ndarray of bool, shape (n_items,)
        True below it; 0.699999988, which is 0.7 in float32, is not below 0.7.
    """
    below: Bools = np.round(np.asarray(rating, dtype="float64"), 6) < limit
    return below


def split_groups(
    positive: Bools, groups: Groups | None, n_folds: int, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Deal whole groups out to folds with about the same share of positives.

    Parameters
    ----------
    positive : ndarray of bool, shape (n_items,)
        Which items are anomalous.
    groups : ndarray, shape (n_items,), optional
        The imaging session or frame of each item; without it each is its own.
    n_folds : int
        How many folds; fewer where there are fewer groups, or items of a class.
    seed : int
        Of the shuffle.

    Yields
    ------
    training, test : ndarray of int
        Places of the items, ascending.

    Raises
    ------
    ValueError
        If all items are of one group: nothing is left to learn from.
    """
    of_item = (
        np.arange(len(positive)) if groups is None else np.unique(groups, return_inverse=True)[1]
    )
    n_groups = len(np.unique(of_item))
    if n_groups < 2:
        msg = "cross-validation needs at least two groups"
        raise ValueError(msg)
    # More folds than a class has items would leave some without it.
    rarest = min(np.count_nonzero(positive), np.count_nonzero(~positive))
    n_folds = min(n_folds, n_groups, max(int(rarest), 2))
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    yield from folds.split(np.zeros((len(positive), 1)), positive, of_item)
