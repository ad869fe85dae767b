"""Measures of a confusion matrix, for many matrices at once.

Each function takes the cells as columns ``tp, fp, fn, tn``, shape (n_matrices,
at least as many as it needs), and gives shape (n_matrices,), NaN where a
denominator is 0.
"""

from collections.abc import Callable

import numpy as np

from ls_integration.scoring.intervals import Floats

TP, FP, FN, TN = 0, 1, 2, 3
"""Columns of the cells."""


def accuracy(cells: Floats) -> Floats:
    """Give the share of right decisions.

    Parameters
    ----------
    cells : ndarray of float, shape (n_matrices, 4)
        See the module.

    Returns
    -------
    ndarray of float, shape (n_matrices,)
        Values of (tp + tn) / all, in [0, 1].
    """
    return divide(cells[:, TP] + cells[:, TN], cells.sum(axis=1))


def recall(cells: Floats) -> Floats:
    """Give the share of the positive that was called so: the true positive rate.

    Parameters
    ----------
    cells : ndarray of float, shape (n_matrices, 3 or 4)
        See the module.

    Returns
    -------
    ndarray of float, shape (n_matrices,)
        Values of tp / (tp + fn), in [0, 1].
    """
    return divide(cells[:, TP], cells[:, TP] + cells[:, FN])


def false_positive_rate(cells: Floats) -> Floats:
    """Give the share of the negative that was called positive.

    Parameters
    ----------
    cells : ndarray of float, shape (n_matrices, 4)
        See the module.

    Returns
    -------
    ndarray of float, shape (n_matrices,)
        Values of fp / (fp + tn), in [0, 1].
    """
    return divide(cells[:, FP], cells[:, FP] + cells[:, TN])


def precision(cells: Floats) -> Floats:
    """Give the share of what was called positive that is so.

    Parameters
    ----------
    cells : ndarray of float, shape (n_matrices, 3 or 4)
        See the module.

    Returns
    -------
    ndarray of float, shape (n_matrices,)
        Values of tp / (tp + fp), in [0, 1].
    """
    return divide(cells[:, TP], cells[:, TP] + cells[:, FP])


def f1(cells: Floats) -> Floats:
    """Give the harmonic mean of precision and recall.

    Parameters
    ----------
    cells : ndarray of float, shape (n_matrices, 3 or 4)
        See the module.

    Returns
    -------
    ndarray of float, shape (n_matrices,)
        Values of 2 tp / (2 tp + fp + fn), in [0, 1].
    """
    return divide(2 * cells[:, TP], 2 * cells[:, TP] + cells[:, FP] + cells[:, FN])


def balanced_accuracy(cells: Floats) -> Floats:
    """Give the accuracy as it would be with both classes equally frequent.

    Parameters
    ----------
    cells : ndarray of float, shape (n_matrices, 4)
        See the module.

    Returns
    -------
    ndarray of float, shape (n_matrices,)
        Mean of the true positive and the true negative rate, in [0, 1].
    """
    return (recall(cells) + 1 - false_positive_rate(cells)) / 2


def cohen_kappa(cells: Floats) -> Floats:
    """Give the agreement of decision and truth beyond chance.

    Parameters
    ----------
    cells : ndarray of float, shape (n_matrices, 4)
        See the module.

    Returns
    -------
    ndarray of float, shape (n_matrices,)
        Cohen's kappa, in [-1, 1].
    """
    tp, fp, fn, tn = cells.T
    # Observed less expected agreement and its largest value, both times the total squared.
    beyond = 2 * (tp * tn - fp * fn)
    return divide(beyond, (tp + fp) * (fp + tn) + (tp + fn) * (fn + tn))


def matthews(cells: Floats) -> Floats:
    """Give the correlation of decision and truth.

    Parameters
    ----------
    cells : ndarray of float, shape (n_matrices, 4)
        See the module.

    Returns
    -------
    ndarray of float, shape (n_matrices,)
        Matthews' coefficient (phi), in [-1, 1].
    """
    tp, fp, fn, tn = cells.T
    # Roots first: the product of four margins of a million is too large to be exact.
    margins = np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn))
    return np.clip(divide(tp * tn - fp * fn, margins), -1, 1)


MEASURES: dict[str, Callable[[Floats], Floats]] = {
    "accuracy": accuracy,
    "tpr": recall,
    "fpr": false_positive_rate,
    "precision": precision,
    "f1": f1,
    "balanced_accuracy": balanced_accuracy,
    "cohen_kappa": cohen_kappa,
    "mcc": matthews,
}
"""Key in ``metrics.json`` -> measure."""


def divide(part: Floats, whole: Floats) -> Floats:
    """Divide, with NaN where there is nothing to divide by.

    Parameters
    ----------
    part, whole : ndarray of float, shape (n,)
        *whole* from 0.

    Returns
    -------
    ndarray of float, shape (n,)
        NaN where *whole* is 0.
    """
    ratio = np.full(len(whole), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio
