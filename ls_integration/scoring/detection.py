"""Precision, recall and F1, with intervals that resample whole groups.

Tiles of one telescope frame share its sky, its seeing and its satellites; so
the frame is what is drawn anew, not the tile.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.scoring.binary import Bools, Counts, count_decisions
from ls_integration.scoring.cells import f1, precision, recall
from ls_integration.scoring.intervals import bootstrap_sums
from ls_integration.scoring.measure import Measure, undefined, with_interval

NO_INTERVAL = "fewer than two frames, or too many resamples of frames without a value"
NO_WIDTH = "every resample of frames gives the same value"

_STATISTICS = {"precision": precision, "recall": recall, "f1": f1}


def detection_rates(
    truth: Bools,
    decision: Bools,
    groups: NDArray[np.object_],
    *,
    seed: int,
    positive: str = "positive",
) -> tuple[Counts, dict[str, Measure]]:
    """Score decisions against the truth.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        True where the item is positive.
    decision : ndarray of bool, shape (n_items,)
        True where it was called positive.
    groups : ndarray, shape (n_items,)
        Name of the group that each item belongs to.
    seed : int
        Seed of the bootstrap.
    positive : str
        Name of the positive class, for the reasons.

    Returns
    -------
    counts : Counts
        The four cells.
    measures : dict of str to Measure
        ``precision`` = tp / (tp + fp), ``recall`` = tp / (tp + fn), ``f1`` =
        2 tp / (2 tp + fp + fn), each in [0, 1] with the BCa interval
        over groups; undefined where the denominator is 0.

    References
    ----------
    van Rijsbergen (1979), Information Retrieval, chapter 7. Davison, Hinkley
    (1997), Bootstrap Methods and their Application, section 3.8 (resampling
    of groups).
    """
    counts = count_decisions(truth, decision)
    codes = pd.factorize(groups)[0].astype("int64")
    cells = np.column_stack([truth & decision, ~truth & decision, truth & ~decision]).astype(float)
    reasons = {
        "precision": f"nothing is predicted to be {positive}",
        "recall": f"nothing is labelled {positive}",
        "f1": f"nothing is labelled or predicted to be {positive}",
    }
    measures = {}
    for name, statistic in _STATISTICS.items():
        value = float(statistic(cells.sum(axis=0)[None, :])[0])
        if np.isnan(value):
            measures[name] = undefined(reasons[name])
            continue
        interval = bootstrap_sums(cells, statistic, seed=seed, groups=codes)
        measures[name] = with_interval(value, interval, none=NO_INTERVAL, no_width=NO_WIDTH)
    return counts, measures
