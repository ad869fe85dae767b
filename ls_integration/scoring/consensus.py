"""What the people say together."""

import numpy as np
from numpy.typing import NDArray

MISSING = -1
"""In an array of votes: this person did not answer this item."""

TIED = -2
"""In an array of decisions: two labels have the most votes, none decides."""

SURE = 0.9
"""An item whose most probable label is less probable than this needs one more opinion."""

ENOUGH = 3
"""With so many answers an item needs no more for their number alone."""

SKIPPED_BY_ALL = "skipped by all"
TIE = "tied"
DOUBTFUL = "doubtful"
FEW_ANSWERS = "fewer answers"

REASONS = (SKIPPED_BY_ALL, TIE, DOUBTFUL, FEW_ANSWERS)
"""Why an item needs one more opinion, the strongest first."""


def count_votes(votes: NDArray[np.int64], n_labels: int) -> NDArray[np.int64]:
    """Count the votes for each label.

    Parameters
    ----------
    votes : ndarray of int, shape (n_items, n_people)
        Label numbers from 0, `MISSING` where there is no answer.
    n_labels : int
        How many labels there are.

    Returns
    -------
    ndarray of int, shape (n_items, n_labels)
        Votes per item and label.
    """
    counts = np.zeros((len(votes), n_labels), dtype="int64")
    for label in range(n_labels):
        counts[:, label] = np.count_nonzero(votes == label, axis=1)
    return counts


def majority(votes: NDArray[np.int64], n_labels: int) -> NDArray[np.int64]:
    """Decide each item by the most votes, one per person.

    Parameters
    ----------
    votes : ndarray of int, shape (n_items, n_people)
        Label numbers from 0, `MISSING` where there is no answer.
    n_labels : int
        How many labels there are.

    Returns
    -------
    ndarray of int, shape (n_items,)
        The label with the most votes; `TIED` where two have as many (never
        broken at random), `MISSING` where nobody answered.
    """
    counts = count_votes(votes, n_labels)
    if not n_labels:
        return np.full(len(votes), MISSING, dtype="int64")
    most = counts.max(axis=1)
    decided: NDArray[np.int64] = counts.argmax(axis=1).astype("int64")
    decided[np.count_nonzero(counts == most[:, None], axis=1) > 1] = TIED
    decided[most == 0] = MISSING
    return decided


def find_doubts(
    votes: NDArray[np.int64],
    n_labels: int,
    *,
    skipped: NDArray[np.bool_],
    posterior: NDArray[np.float64] | None = None,
) -> NDArray[np.object_]:
    """Find the items that need one more opinion.

    Parameters
    ----------
    votes : ndarray of int, shape (n_items, n_people)
        Label numbers from 0, `MISSING` where there is no answer.
    n_labels : int
        How many labels there are.
    skipped : ndarray of bool, shape (n_items,)
        Whether somebody saw the item and did not decide.
    posterior : ndarray of float, shape (n_items, n_labels), optional
        Probability of each label, where it was estimated.

    Returns
    -------
    ndarray of str, shape (n_items,)
        The first of these that holds, else empty: `SKIPPED_BY_ALL`, nobody
        answered and somebody skipped; `TIE`, two labels have the most votes;
        `DOUBTFUL`, the most probable label has a probability below `SURE`;
        `FEW_ANSWERS`, fewer answers than `ENOUGH`, and than at least half of the
        answered items have. An item that nobody has seen is still open, not in doubt.
    """
    n_answers = np.count_nonzero(votes != MISSING, axis=1)
    answered = n_answers > 0
    doubts = np.full(len(votes), "", dtype=object)
    if answered.any():
        usual = np.quantile(n_answers[answered], 0.5, method="higher")
        doubts[answered & (n_answers < min(usual, ENOUGH))] = FEW_ANSWERS
    if posterior is not None and n_labels:
        doubts[answered & (np.nan_to_num(posterior).max(axis=1) < SURE)] = DOUBTFUL
    doubts[majority(votes, n_labels) == TIED] = TIE
    doubts[~answered & skipped] = SKIPPED_BY_ALL
    return doubts
