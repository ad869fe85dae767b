"""Which items are most worth a person's look, first to last."""

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from ls_integration.models.folds import Bools, Floats, Numbers

RELEVANCE_WEIGHT = 0.7
"""Of relevance against novelty, both in 0..1. Carbonell and Goldstein call it lambda and name 0.7
for those who want the best first but not the same again; at 1 nothing is spread."""

MOST_SPREAD = 2000
"""So many of the most relevant items are spread, the others follow by relevance: more than anybody
looks at in a day, and a tenth of a second of work."""


def rank_queue(
    scores: Floats,
    threshold: float,
    positive: Bools | None = None,
    known: Bools | None = None,
    features: Numbers | None = None,
    most_spread: int = MOST_SPREAD,
    n_first: int | None = None,
) -> NDArray[np.intp]:
    """Order items so that those most worth a look come first.

    An item is relevant as far as the model is unsure of it, or as far as the
    model is sure that its label is wrong (`relevance`). With *features*, items
    that look like one already in the queue come later: maximal marginal
    relevance, with the cosine of standardised features as likeness.

    Parameters
    ----------
    scores : ndarray of float, shape (n_items,)
        In 0..1, higher is more positive.
    threshold : float
        Score from which on the model calls an item positive.
    positive : ndarray of bool, shape (n_items,), optional
        The present labels.
    known : ndarray of bool, shape (n_items,), optional
        Where there is a label; all where only *positive* is given.
    features : ndarray of float, shape (n_items, n_features), optional
        Finite; what likeness is measured by.
    most_spread : int
        So many of the most relevant items are spread; the others follow.
    n_first : int, optional
        Only the order of the first so many matters: the rest follows by relevance.

    Returns
    -------
    ndarray of int, shape (n_items,)
        Places of the items, first to look at first. Of two alike in all that
        counts the earlier comes first.

    References
    ----------
    Carbonell, Goldstein (1998), SIGIR, 335 (maximal marginal relevance). Lewis,
    Gale (1994), SIGIR, 3 (uncertainty sampling).
    """
    worth = relevance(scores, threshold, positive, known)
    by_worth = np.argsort(-worth, kind="stable")
    if features is None or len(scores) < 3:
        return by_worth
    head = by_worth[:most_spread]
    return np.concatenate(
        [head[_spread(worth[head], features[head], n_first)], by_worth[most_spread:]]
    )


def relevance(
    scores: Floats, threshold: float, positive: Bools | None = None, known: Bools | None = None
) -> Floats:
    """Say how much each item is worth a look.

    Parameters
    ----------
    scores : ndarray of float, shape (n_items,)
        In 0..1, higher is more positive.
    threshold : float
        Score from which on the model calls an item positive, in 0..1.
    positive : ndarray of bool, shape (n_items,), optional
        The present labels.
    known : ndarray of bool, shape (n_items,), optional
        Where there is a label.

    Returns
    -------
    ndarray of float64, shape (n_items,)
        In 0..1. How near the score is to the threshold, of the way from the
        threshold to the end of its side; where the label contradicts the model,
        how far, if that is more.
    """
    above = scores >= threshold
    # A threshold at an end leaves no way on that side: all there is then at the threshold.
    way = np.where(above, 1 - threshold, threshold)
    distance = np.abs(scores - threshold) / np.where(way > 0, way, 1)
    worth: Floats = 1 - np.clip(distance, 0, 1)
    if positive is not None:
        contradicted = above != positive
        if known is not None:
            contradicted &= known
        worth = np.where(contradicted, np.maximum(worth, np.clip(distance, 0, 1)), worth)
    return worth


def _spread(worth: Floats, features: Numbers, n_first: int | None) -> NDArray[np.intp]:
    """Order items, which come by relevance, by maximal marginal relevance."""
    standard = StandardScaler().fit_transform(np.asarray(features, dtype="float64"))
    length = np.linalg.norm(standard, axis=1, keepdims=True)
    directions = (standard / np.where(length > 0, length, 1)).astype("float32")
    n_items = len(worth)
    likest = np.zeros(n_items, dtype="float32")
    left = np.ones(n_items, dtype=bool)
    n_ranked = n_items if n_first is None else min(n_first, n_items)
    order = np.empty(n_ranked, dtype=np.intp)
    for place in range(n_ranked):
        marginal = RELEVANCE_WEIGHT * worth - (1 - RELEVANCE_WEIGHT) * likest
        chosen = int(np.argmax(np.where(left, marginal, -np.inf)))
        order[place] = chosen
        left[chosen] = False
        np.maximum(likest, directions @ directions[chosen], out=likest)
    return np.concatenate([order, np.flatnonzero(left)])
