"""What the people say together."""

import numpy as np
from numpy.typing import NDArray

MISSING = -1
"""In an array of votes: this person did not answer this item."""

TIED = -2
"""In an array of decisions: two labels have the most votes, none decides."""


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
