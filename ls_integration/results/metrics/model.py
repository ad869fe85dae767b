"""``model`` of ``metrics.json``: the model against the known labels."""

from typing import Any

import numpy as np

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.calibration import score_calibration
from ls_integration.results.metrics.entries import put_measure
from ls_integration.scoring.binary import Counts
from ls_integration.scoring.cells import MEASURES
from ls_integration.scoring.decisions import score_decisions
from ls_integration.scoring.measure import undefined
from ls_integration.scoring.roc import auc


def score_model(study: LinedUp, warnings: list[str], *, seed: int = 0) -> dict[str, Any]:
    """Score the model's ranking and its decisions.

    Parameters
    ----------
    study : LinedUp
        The study.
    warnings : list of str
        Gets the reasons of what is undefined.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        The entry.
    """
    model, truth = study.model, study.truth
    both = model.scored & truth.known
    entry: dict[str, Any] = {"threshold": model.threshold}
    if not model.scored.any() and not model.decided.any():
        reason = "the items have no model scores"
        area = undefined(reason)
        measures = dict.fromkeys(MEASURES, undefined(reason))
        counts = Counts(0, 0, 0, 0)
    else:
        groups = None if study.groups is None else study.groups[both]
        area = auc(truth.positive[both], model.score[both], groups=groups)
        counts, measures = score_decisions(
            truth.positive,
            model.called,
            model.decided & truth.known,
            positive=study.positive,
            groups=study.groups,
            seed=seed,
        )
        if not model.decided.any():
            reason = "no threshold was given, so the model's decisions are unknown"
            measures = dict.fromkeys(measures, undefined(reason))
        if model.scored.any() and not model.scored.all():
            without = int(np.count_nonzero(~model.scored))
            warnings.append(f"model.n_scored: {without} items have no model score")
    put_measure("model", "auc", area, entry, warnings)
    entry |= score_calibration(study, warnings, seed=seed)
    for name, measure in measures.items():
        put_measure("model", name, measure, entry, warnings)
    if model.decided.any():
        entry |= {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "tn": counts.tn}
    entry["n_scored"] = int(np.count_nonzero(model.scored))
    entry["score_label"] = study.score_label
    return entry
