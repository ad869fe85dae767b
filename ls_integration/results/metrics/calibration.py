"""``average_precision, brier, ece, reliability`` of ``model`` in ``metrics.json``."""

from typing import Any

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.entries import put_measure
from ls_integration.scoring.calibration import (
    NO_ITEM,
    average_precision,
    calibration,
)
from ls_integration.scoring.measure import undefined

NO_SCORES = "the items have no model scores"


def score_calibration(study: LinedUp, warnings: list[str], *, seed: int = 0) -> dict[str, Any]:
    """Score the model's ranking by precision, and its scores as probabilities.

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
        A part of the entry of the model.
    """
    model, truth = study.model, study.truth
    both = model.scored & truth.known
    groups = None if study.groups is None else study.groups[both]
    entry: dict[str, Any] = {"n_scored_and_known": int(both.sum())}
    ranking = average_precision(truth.positive[both], model.score[both], groups=groups, seed=seed)
    if not model.scored.any():
        ranking = undefined(NO_SCORES)
    put_measure("model", "average_precision", ranking, entry, warnings)
    reason = model.no_probabilities
    if not both.any():
        reason = NO_ITEM if model.scored.any() else NO_SCORES
    if reason is not None:
        put_measure("model", "brier", undefined(reason), entry, warnings)
        without = dict.fromkeys(("ece", "ece_if_calibrated", "reliability"))
        warnings.extend(f"model.{name}: {reason}" for name in without)
        return entry | without
    scored = calibration(truth.positive[both], model.probability[both], groups=groups, seed=seed)
    put_measure("model", "brier", scored.brier, entry, warnings)
    entry |= {"ece": scored.ece, "ece_if_calibrated": scored.ece_if_calibrated}
    reasons: list[str] = []
    entry["reliability"] = []
    for part in scored.bins:
        shown: dict[str, Any] = {"n": part.n, "mean_score": part.mean_score}
        put_measure("model.reliability", "share_positive", part.share_positive, shown, reasons)
        entry["reliability"].append(shown)
    warnings.extend(dict.fromkeys(reasons))
    return entry
