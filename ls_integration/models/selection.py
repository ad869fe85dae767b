"""Of more tiles than fit in memory, those that deserve a person: found in one pass over frames.

Each frame offers its best tiles. What is kept in memory is bounded by the number
that is asked for, however many tiles there are.
"""

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from ls_integration.models.folds import Floats

Places = NDArray[np.int64]

CANDIDATES = 4
"""So many candidates for each place in the queue: enough to leave out near-duplicates."""

MOST_SPREAD = 20_000
"""So many candidates are kept apart by their looks: 13 MB of features, half a minute of work."""

EVEN_SHARES = 4
"""A frame gives at most so many times its even share of the queue: one in which everything looks
odd (a passing satellite, a failed flat field) would fill it."""


class Smallest:
    """The tiles with the smallest keys of all that were offered; of equal ones the earlier.

    Parameters
    ----------
    n_kept : int
        How many.
    """

    def __init__(self, n_kept: int) -> None:
        self._n_kept = n_kept
        self._keys: list[Floats] = []
        self._places: list[Places] = []
        self._n_waiting = 0
        self._limit = math.inf

    def offer(self, frame: int, rows: NDArray[np.intp], keys: Floats) -> None:
        """Offer tiles of a frame; frames come in ascending order.

        Parameters
        ----------
        frame : int
            The frame's number.
        rows : ndarray of int, shape (n_tiles,)
            The tiles' rows in it.
        keys : ndarray of float64, shape (n_tiles,)
            The smaller the better.
        """
        # Of equal keys the earlier stays, and these are later.
        good = keys < self._limit
        if not good.any():
            return
        self._keys.append(keys[good])
        numbers = np.full(int(good.sum()), frame, dtype=np.int64)
        self._places.append(np.column_stack([numbers, rows[good]]))
        self._n_waiting += len(numbers)
        if self._n_waiting > 2 * self._n_kept + 1000:
            self._cut()

    def kept(self) -> tuple[Places, Floats]:
        """Give them.

        Returns
        -------
        places : ndarray of int64, shape (n_tiles, 2)
            Frame and row; by key, then in the order of the frames and rows.
        keys : ndarray of float64, shape (n_tiles,)
            Ascending.
        """
        if not self._keys:
            return np.zeros((0, 2), dtype=np.int64), np.zeros(0)
        self._cut()
        return self._places[0], self._keys[0]

    def _cut(self) -> None:
        keys, places = np.concatenate(self._keys), np.concatenate(self._places)
        order = np.lexsort((places[:, 1], places[:, 0], keys))[: self._n_kept]
        self._keys, self._places = [keys[order]], [places[order]]
        self._n_waiting = len(order)
        if len(order) == self._n_kept and len(order):
            self._limit = float(keys[order[-1]])


def random_keys(seed: int, name: str, n_tiles: int) -> Floats:
    """Draw a random key for each tile of a frame.

    Those with the smallest keys are a simple random sample. A frame's keys do not
    depend on which others there are: a survey that grows keeps most of its sample.

    Parameters
    ----------
    seed : int
        Of the sample.
    name : str
        The frame's.
    n_tiles : int
        How many.

    Returns
    -------
    ndarray of float64, shape (n_tiles,)
        In 0..1.
    """
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).digest()
    generator = np.random.default_rng([seed, int.from_bytes(digest[:8], "big")])
    keys: Floats = generator.random(n_tiles)
    return keys


def even_share(n_wanted: int, n_frames: int) -> int:
    """Say how many tiles a frame may give.

    Parameters
    ----------
    n_wanted : int
        Tiles wanted in all.
    n_frames : int
        Frames, at least one.

    Returns
    -------
    int
        `EVEN_SHARES` even shares, at least 1.
    """
    return max(1, math.ceil(EVEN_SHARES * n_wanted / n_frames))


def best_rows(worth: Floats, n_most: int) -> NDArray[np.intp]:
    """Give the rows that are worth most.

    Parameters
    ----------
    worth : ndarray of float64, shape (n_tiles,)
        See `queue.relevance`.
    n_most : int
        How many at the most.

    Returns
    -------
    ndarray of int
        Best first; of equal ones the earlier.
    """
    return np.argsort(-worth, kind="stable")[:n_most]
