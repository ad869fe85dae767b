"""Scores that are no probabilities, made comparable with their threshold."""

import numpy as np

from ls_integration.models.folds import Bools, Floats


def scale_scores(scores: Floats, threshold: float) -> tuple[Floats, float]:
    """Bring scores and their threshold into 0 to 1 without changing any order.

    What lies in 0 to 1 stays as it is: the model may mean probabilities, and a
    study that by chance holds no score above 0.4 must not be stretched. What
    lies in -1 to 0 is such a score with its sign turned, and moves up by 1. All
    else (AnomaGUI's real scores reach 1.03, logits any number) goes from the
    lowest to the highest of the scores and the threshold: the queue asks how far
    along its side of the threshold a score is, and a side ends where the
    study's scores do.

    Parameters
    ----------
    scores : ndarray of float, shape (n_items,)
        Finite, higher is more positive.
    threshold : float
        Score from which on the model calls an item positive.

    Returns
    -------
    scores : ndarray of float64, shape (n_items,)
        In 0..1.
    threshold : float
        In 0..1.
    """
    values = np.asarray(scores, dtype="float64")
    low = min(threshold, float(values.min(initial=np.inf)))
    high = max(threshold, float(values.max(initial=-np.inf)))
    if low >= 0 and high <= 1:
        return values, threshold
    if low >= -1 and high <= 0:
        return values + 1, threshold + 1
    width = high - low or 1.0
    return (values - low) / width, (threshold - low) / width


def find_threshold(scores: Floats, called_positive: Bools) -> float | None:
    """Find the threshold that a model's decisions keep to.

    Parameters
    ----------
    scores : ndarray of float, shape (n_items,)
        Finite, at least one.
    called_positive : ndarray of bool, shape (n_items,)
        What the model said.

    Returns
    -------
    float or None
        Halfway between the highest score that was called negative and the lowest
        that was called positive; where all were called the same, the end of the
        scores on that side, or as far beyond as they are wide. None if no
        threshold fits.
    """
    low, high = float(scores.min()), float(scores.max())
    if called_positive.all():
        return low
    if not called_positive.any():
        return high + (high - low or 1.0)
    below, above = float(scores[~called_positive].max()), float(scores[called_positive].min())
    return (below + above) / 2 if below < above else None
