"""Items drawn anew by the rank of their score: for what is no function of a few sums."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ls_integration.scoring.intervals import MOST_DRAWN, Floats, percentile_interval

Ints = NDArray[np.int64]

RANK_RESAMPLES = 1000
"""How often items are resampled here; the 2.5 % quantile then has about 25 values below it."""

MOST_RANKS = 2000
"""More scores that differ are put into so many ranks, of about the same number of items."""

_CELLS_AT_ONCE = 2_000_000


def rank_down(score: Floats) -> Ints:
    """Rank the scores, the highest is 0; ties stay together.

    Parameters
    ----------
    score : ndarray of float, shape (n_items,)
        Finite.

    Returns
    -------
    ndarray of int, shape (n_items,)
        From 0 without gaps; exact up to `MOST_RANKS` different scores, beyond
        these neighbours share a rank.
    """
    _, place, counts = np.unique(-score, return_inverse=True, return_counts=True)
    if len(counts) > MOST_RANKS:
        before = np.cumsum(counts) - counts
        _, merged = np.unique(before * MOST_RANKS // len(score), return_inverse=True)
        place = merged[place]
    return np.asarray(place, dtype="int64")


def bound_by_cells(
    cells: Ints,
    n_cells: int,
    statistic: Callable[[Floats], Floats],
    value: float,
    *,
    seed: int,
    groups: Ints | None = None,
) -> tuple[float, float] | None:
    """Bound a statistic of how many items are in each cell, by the percentile bootstrap.

    Drawing items is drawing how many are in each cell, so the cost does not
    grow with the number of items. Where cells are coarser than the scores
    (`rank_down`), the interval is moved by what that changes over all items.

    Parameters
    ----------
    cells : ndarray of int, shape (n_items,)
        The cell of each item: its rank together with what is known of it.
    n_cells : int
        How many cells there are.
    statistic : callable
        Counts of shape (n_resamples, n_cells) -> values of shape
        (n_resamples,), NaN where undefined.
    value : float
        The statistic of the items themselves, by their exact scores.
    seed : int
        Seed of the generator.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item: whole groups are drawn. More than
        `intervals.MOST_DRAWN` cells or groups are put into so many blocks of
        items or groups at random, as in `intervals.bootstrap_sums`.

    Returns
    -------
    tuple of float or None
        By `intervals.percentile_interval` of `RANK_RESAMPLES` resamples; None
        with fewer than two items (or groups), or where more than 5 % of the
        resamples have no value.

    References
    ----------
    Efron, Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    generator = np.random.default_rng(seed)
    unit, cell, sizes = _list_units(cells, groups, generator)
    units = sparse.csr_array((np.ones(len(cell)), (unit, cell)), shape=(len(sizes), n_cells))
    n_drawn = int(sizes.sum())
    if n_drawn < 2:
        return None
    step = max(1, _CELLS_AT_ONCE // n_cells)
    values = np.concatenate(
        [
            statistic(
                generator.multinomial(
                    n_drawn, sizes / n_drawn, size=min(step, RANK_RESAMPLES - start)
                )
                @ units
            )
            for start in range(0, RANK_RESAMPLES, step)
        ]
    )
    n_groups = len(cells) if groups is None else len(np.unique(groups))
    interval = percentile_interval(values, n_groups)
    if interval is None:
        return None
    counts = np.bincount(cells, minlength=n_cells).astype("float64")
    shift = value - float(statistic(counts[None, :])[0])
    return interval[0] + shift, interval[1] + shift


def _list_units(
    cells: Ints, groups: Ints | None, generator: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """List what is drawn: units and the cells that each adds to, how often each unit occurs.

    In an order of its own: that of the rows of a table shall not change an interval.
    """
    unit: Ints
    if groups is None:
        present, counts = np.unique(cells, return_counts=True)
        if len(present) <= MOST_DRAWN:
            # Items of one cell are drawn together.
            return np.arange(len(present)), present, counts
        unit, cell, n_units = np.arange(len(cells)), np.sort(cells), len(cells)
    else:
        _, group = np.unique(groups, return_inverse=True)
        sums = [np.bincount(group, weights=cells**power) for power in (2, 1, 0)]
        n_units = len(sums[0])
        place = np.empty(n_units, dtype="int64")
        place[np.lexsort(sums)] = np.arange(n_units)
        unit, cell = place[group], cells
    if n_units > MOST_DRAWN:
        unit, n_units = (generator.permutation(n_units) % MOST_DRAWN)[unit], MOST_DRAWN
    return unit, cell, np.ones(n_units, dtype="int64")
