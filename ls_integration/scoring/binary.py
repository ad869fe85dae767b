"""Decisions against the truth, for one positive class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ls_integration.scoring.intervals import wilson
from ls_integration.scoring.measure import Measure, undefined

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Counts:
    """The four cells of a confusion matrix.

    Attributes
    ----------
    tp, fp, fn, tn : int
        True positives, false positives, false negatives, true negatives.
    """

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def total(self) -> int:
        """Add the cells up.

        Returns
        -------
        int
            Number of items counted.
        """
        return self.tp + self.fp + self.fn + self.tn


def count_decisions(truth: Bools, decision: Bools, judged: Bools | None = None) -> Counts:
    """Count right and wrong decisions.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        True where the item is positive.
    decision : ndarray of bool, shape (n_items,)
        True where it was called positive.
    judged : ndarray of bool, shape (n_items,), optional
        Which items count; all by default.

    Returns
    -------
    Counts
        Of the judged items only.
    """
    if judged is not None:
        truth, decision = truth[judged], decision[judged]
    return Counts(
        tp=int(np.count_nonzero(truth & decision)),
        fp=int(np.count_nonzero(~truth & decision)),
        fn=int(np.count_nonzero(truth & ~decision)),
        tn=int(np.count_nonzero(~truth & ~decision)),
    )


def proportion(successes: int, total: int, reason: str) -> Measure:
    """Divide two counts, with Wilson's interval.

    Parameters
    ----------
    successes : int
        From 0 to *total*.
    total : int
        How many there are.
    reason : str
        What to say where *total* is 0.

    Returns
    -------
    Measure
        Undefined with *reason* where *total* is 0.
    """
    if total == 0:
        return undefined(reason)
    return Measure(successes / total, wilson(successes, total))
