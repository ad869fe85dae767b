"""``label_errors`` of ``metrics.json``: how many known labels look wrong."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.results.label_errors import TRUE_LABEL
from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.entries import put_measure
from ls_integration.scoring.binary import proportion
from ls_integration.scoring.label_errors import count_wrong_labels, precision_at

RANKS = (10, 20, 50, 100, 200, 500)
"""How many of the most doubtful labels to look at, where a better truth is known."""

SHOWN = (
    "some answers started from one that was shown, so they contradict labels less than they would"
)


def score_label_errors(
    study: LinedUp, ranking: pd.DataFrame, seed: int, warnings: list[str]
) -> dict[str, Any]:
    """Estimate how many known labels are wrong, and how good the ranking is.

    Parameters
    ----------
    study : LinedUp
        The study.
    ranking : DataFrame
        From `results.label_errors.rank_labels`.
    seed : int
        Seed of the bootstrap.
    warnings : list of str
        Gets the reasons of what is undefined.

    Returns
    -------
    dict
        The entry.
    """
    path = "label_errors"
    place = ranking["place"].to_numpy(dtype="int64")
    truth = study.truth.positive[place]
    groups = None if study.groups is None else study.groups[place]
    opinion = ranking["opinion"].to_numpy(dtype="float64")
    measures = count_wrong_labels(truth, opinion, groups=groups, seed=seed)
    entry: dict[str, Any] = {
        "n_ranked": len(ranking),
        "n_contradicted": int(ranking["suggested_label"].notna().sum()),
        "n_with_model": int(ranking["model_probability"].notna().sum()),
    }
    names = ("estimated_wrong", "estimated_wrong_positive", "estimated_wrong_negative")
    for name, measure in zip(names, measures, strict=True):
        put_measure(path, name, measure, entry, warnings)
    if any(person.assisted != "none" for person in study.first_rounds):
        warnings.append(f"{path}.estimated_wrong: {SHOWN}")
    entry["precision_at"] = _precision_at(study, place, warnings)
    return entry


def _precision_at(
    study: LinedUp, place: NDArray[np.int64], warnings: list[str]
) -> list[dict[str, Any]]:
    """Score the ranking against the better truth; empty where there is none."""
    if TRUE_LABEL not in study.items.columns:
        return []
    better = study.items[TRUE_LABEL].to_numpy(dtype=object)[place]
    checked = pd.notna(better)
    is_wrong = (better == study.positive)[checked] != study.truth.positive[place][checked]
    rows = []
    for rank, (n_wrong, n_looked_at) in precision_at(is_wrong, RANKS).items():
        row: dict[str, Any] = {"k": rank, "n_wrong": n_wrong}
        measure = proportion(n_wrong, n_looked_at, "nothing is ranked")
        put_measure(f"label_errors.precision_at.{rank}", "precision", measure, row, warnings)
        rows.append(row)
    return rows
