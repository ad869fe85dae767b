"""How good decisions are against the truth, whoever made them: person, majority or model."""

import numpy as np
from numpy.typing import NDArray

from ls_integration.scoring.binary import Bools, Counts, count_decisions
from ls_integration.scoring.cells import MEASURES
from ls_integration.scoring.grouped import share
from ls_integration.scoring.intervals import Floats, bootstrap_sums
from ls_integration.scoring.measure import Measure, undefined, with_interval

NO_INTERVAL = "too few items or groups, or too many resamples without a value, for an interval"
NO_WIDTH = "every resample gives the same value, which would be an interval of no width"
NONE_JUDGED = "no judged item has a known label"


def score_decisions(
    truth: Bools,
    decision: Bools,
    judged: Bools,
    *,
    positive: str = "positive",
    groups: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> tuple[Counts, dict[str, Measure]]:
    """Score decisions against the truth in eight ways.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        True where the item is positive.
    decision : ndarray of bool, shape (n_items,)
        True where it was called positive.
    judged : ndarray of bool, shape (n_items,)
        Which items count: decided, with a known truth.
    positive : str
        Name of the positive class, for the reasons.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item; all intervals then resample groups.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    counts : Counts
        The four cells.
    measures : dict of str to Measure
        ``accuracy``, ``tpr``, ``fpr``, ``precision`` with Wilson's 95 %
        interval; ``f1``, ``balanced_accuracy``, ``cohen_kappa`` (decision
        against truth) and ``mcc`` with the BCa bootstrap over items.
        With *groups* all eight resample groups, see `grouped.share`.
        Formulas: `scoring.cells`. Undefined where a denominator is 0.

    References
    ----------
    Cohen (1960), Educ. Psychol. Meas. 20, 37. Matthews (1975), Biochim.
    Biophys. Acta 405, 442. Brodersen et al. (2010), ICPR, 3121 (balanced
    accuracy). van Rijsbergen (1979), Information Retrieval, chapter 7 (F1).
    """
    counts = count_decisions(truth, decision, judged)
    truth, decision = truth[judged], decision[judged]
    mine = None if groups is None else groups[judged]
    reasons = _list_reasons(counts, positive)
    proportions = {
        "accuracy": (truth == decision, np.ones(len(truth), dtype=bool)),
        "tpr": (decision, truth),
        "fpr": (decision, ~truth),
        "precision": (truth, decision),
    }
    measures = {
        name: share(hits, counted, reasons[name], groups=mine, seed=seed)
        for name, (hits, counted) in proportions.items()
    }
    cells: Floats = np.stack(
        [truth & decision, ~truth & decision, truth & ~decision, ~truth & ~decision], axis=1
    ).astype("float64")
    for name in MEASURES:
        if name in measures:
            continue
        value = float(MEASURES[name](cells.sum(axis=0)[None, :])[0])
        if np.isnan(value):
            measures[name] = undefined(reasons[name])
            continue
        interval = bootstrap_sums(cells, MEASURES[name], seed=seed, groups=mine)
        measures[name] = with_interval(value, interval, none=NO_INTERVAL, no_width=NO_WIDTH)
    return counts, measures


def _list_reasons(counts: Counts, positive: str) -> dict[str, str]:
    """Say of each measure why it would be undefined."""
    if not counts.total:
        return dict.fromkeys(MEASURES, NONE_JUDGED)
    no_positive = f"no judged item is {positive} by its known label"
    all_positive = f"every judged item with a known label is {positive}"
    one_label = all_positive if counts.tp + counts.fn else no_positive
    one_answer = f"{'everything' if counts.tp + counts.fp else 'nothing'} was called {positive}"
    has_both_labels = 0 < counts.tp + counts.fn < counts.total
    return {
        "accuracy": NONE_JUDGED,
        "tpr": no_positive,
        "fpr": all_positive,
        "precision": f"nothing was called {positive}",
        "f1": f"no judged item is {positive}, neither by its known label nor as it was called",
        "balanced_accuracy": one_label,
        "cohen_kappa": "only one label was used, so chance agreement is complete",
        "mcc": one_answer if has_both_labels else one_label,
    }
