"""``consensus`` of ``metrics.json``: what the people say together."""

from typing import Any

import numpy as np

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.entries import put_measure, write_rates
from ls_integration.scoring.binary import count_decisions
from ls_integration.scoring.consensus import MISSING, TIED, majority
from ls_integration.scoring.measure import undefined

NO_DAWID_SKENE = "not computed by this version"


def score_consensus(study: LinedUp, warnings: list[str]) -> dict[str, Any]:
    """Score the people together, first rounds, one vote each.

    Parameters
    ----------
    study : LinedUp
        The study.
    warnings : list of str
        Gets the reasons of what is undefined.

    Returns
    -------
    dict
        ``majority`` and ``dawid_skene``.
    """
    truth, positive = study.truth, study.positive
    decided = majority(study.votes, len(study.labels))
    tied = decided == TIED
    chosen = (decided != TIED) & (decided != MISSING)
    number = study.labels.index(positive) if positive in study.labels else MISSING
    counts = count_decisions(truth.positive, chosen & (decided == number), chosen & truth.known)
    entry: dict[str, Any] = {"n_people": study.votes.shape[1]}
    entry |= write_rates("consensus.majority", counts, positive, warnings)
    entry["n_decided"] = int(np.count_nonzero(chosen))
    entry["n_tied"] = int(np.count_nonzero(tied))
    entry["tied_items"] = study.items["item_id"][tied].tolist()
    if tied.any():
        n_tied = entry["n_tied"]
        warnings.append(f"consensus.majority.n_tied: {n_tied} items are tied and left out")
    dawid_skene: dict[str, Any] = {}
    for name in ("accuracy", "tpr", "fpr"):
        put_measure("consensus.dawid_skene", name, undefined(NO_DAWID_SKENE), dawid_skene, warnings)
    return {"majority": entry, "dawid_skene": dawid_skene}
