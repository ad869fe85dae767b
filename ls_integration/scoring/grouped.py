"""Proportions whose items may come in groups: Wilson, or groups drawn anew."""

import numpy as np
from numpy.typing import NDArray

from ls_integration.scoring.binary import Bools, proportion
from ls_integration.scoring.intervals import RESAMPLES, Floats, bootstrap_sums, wilson
from ls_integration.scoring.measure import Measure, with_interval

NO_INTERVAL = "fewer than two groups, or too many resamples of groups without a value"
NO_WIDTH = "every resample of groups gives the same value"


def share(
    hits: Bools,
    counted: Bools,
    reason: str,
    *,
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Measure:
    """Give the share of the counted items that are hits.

    Parameters
    ----------
    hits : ndarray of bool, shape (n_items,)
        Which items are.
    counted : ndarray of bool, shape (n_items,)
        Which items count.
    reason : str
        What to say where none counts.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item, from 0.
    seed : int
        Seed of the bootstrap.
    resamples : int
        How many times groups are drawn anew.

    Returns
    -------
    Measure
        In [0, 1] with Wilson's 95 % interval, or with *groups* that of the
        BCa bootstrap over groups. Resamples of all or none cannot
        differ: then it is Wilson's with each group counted as one item, since
        the items of a group say no more than one where they are most alike.
    """
    total = int(np.count_nonzero(counted))
    successes = int(np.count_nonzero(hits & counted))
    if groups is None or not total:
        return proportion(successes, total, reason)
    n_groups = len(np.unique(groups[counted]))
    if successes in (0, total) and n_groups > 1:
        return Measure(successes / total, wilson(n_groups if successes else 0, n_groups))
    features = np.column_stack([hits[counted], np.ones(total)]).astype("float64")
    interval = bootstrap_sums(
        features, _ratio, seed=seed, groups=groups[counted], resamples=resamples
    )
    return with_interval(successes / total, interval, none=NO_INTERVAL, no_width=NO_WIDTH)


def _ratio(sums: Floats) -> Floats:
    # Every group that is drawn has an item that counts.
    return sums[:, 0] / sums[:, 1]
