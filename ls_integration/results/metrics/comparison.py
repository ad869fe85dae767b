"""``comparison`` of ``metrics.json``: each person and the consensus against the model."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.calibration import NO_SCORES
from ls_integration.results.metrics.entries import put_measure
from ls_integration.results.people import Bools
from ls_integration.scoring.comparison import (
    Paired,
    adjust_p,
    compare_pair,
    compare_with_curve,
)
from ls_integration.scoring.consensus import MISSING, TIED, majority
from ls_integration.scoring.dawid_skene import DawidSkene, estimate_dawid_skene
from ls_integration.scoring.measure import undefined

MAJORITY = "majority"
DAWID_SKENE = "dawid_skene"

NO_DECISIONS = "no threshold was given, so the model's decisions are unknown"
NO_COMMON = "no item with a known label was decided by both"
GROUPED = (
    "McNemar's exact test takes items as independent; these come in groups, so its p-values are "
    "rather too small; the intervals draw groups anew"
)


def score_comparison(study: LinedUp, warnings: list[str], *, seed: int = 0) -> list[dict[str, Any]]:
    """Compare everybody with the model, each on the items that both have decided.

    Parameters
    ----------
    study : LinedUp
        The study; first rounds only.
    warnings : list of str
        Gets the reasons of what is undefined.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    list of dict
        People, and with three or more of them the majority and Dawid-Skene;
        empty where there is no model.
    """
    model = study.model
    if not model.scored.any() and not model.decided.any():
        warnings.append(f"comparison: {NO_SCORES}")
        return []
    entries: list[dict[str, Any]] = []
    for name, role, called, judged in _list_first(study):
        entry: dict[str, Any] = {"first": name, "second": "model", "role": role}
        path = f"comparison.{name}.model"
        _put_pair(path, called, judged, study, seed, entry, warnings)
        _put_curve(path, called, judged, study, seed, entry, warnings)
        entries.append(entry)
    tested = [entry for entry in entries if entry["p"] is not None]
    for entry, adjusted in zip(tested, adjust_p([e["p"] for e in tested]), strict=True):
        entry["p_holm"] = adjusted
    if tested and study.groups is not None:
        warnings.append(f"comparison.p: {GROUPED}")
    return entries


def _list_first(study: LinedUp) -> Iterator[tuple[str, str, Bools, Bools]]:
    """List who is compared: name, role, called positive, decided."""
    for person in study.first_rounds:
        yield person.name, "person", person.called, person.judged
    if len(study.first_rounds) < 3:
        return
    together = {MAJORITY: majority(study.votes, len(study.labels))}
    estimate = estimate_dawid_skene(study.votes, len(study.labels))
    if isinstance(estimate, DawidSkene):
        together[DAWID_SKENE] = estimate.decided
    number = study.labels.index(study.positive) if study.positive in study.labels else MISSING
    for name, decided in together.items():
        chosen = (decided != TIED) & (decided != MISSING)
        yield name, "together", chosen & (decided == number), chosen


def _put_pair(
    path: str,
    called: Bools,
    judged: Bools,
    study: LinedUp,
    seed: int,
    entry: dict[str, Any],
    warnings: list[str],
) -> None:
    model, truth = study.model, study.truth
    both = judged & model.decided & truth.known
    if not both.any():
        reason = NO_COMMON if model.decided.any() else NO_DECISIONS
        paired = Paired(0, 0, 0, 1.0, undefined(reason))
        warnings.extend(f"{path}.{name}: {reason}" for name in ("p", "p_holm"))
    else:
        paired = compare_pair(
            (called == truth.positive)[both],
            (model.called == truth.positive)[both],
            groups=_take(study.groups, both),
            seed=seed,
        )
    entry |= {
        "n_items": paired.n_items,
        "first_right_only": paired.first_right_only,
        "second_right_only": paired.second_right_only,
        "p": paired.p if both.any() else None,
        "p_holm": None,
    }
    put_measure(path, "accuracy_difference", paired.accuracy_difference, entry, warnings)


def _put_curve(
    path: str,
    called: Bools,
    judged: Bools,
    study: LinedUp,
    seed: int,
    entry: dict[str, Any],
    warnings: list[str],
) -> None:
    model, truth = study.model, study.truth
    both = judged & model.scored & truth.known
    if model.scored.any():
        at_fpr, above = compare_with_curve(
            truth.positive[both],
            called[both],
            model.score[both],
            groups=_take(study.groups, both),
            seed=seed,
        )
    else:
        at_fpr = above = undefined(NO_SCORES)
    entry["n_items_scored"] = int(np.count_nonzero(both))
    entry["model_tpr_at_fpr"] = at_fpr.value
    if at_fpr.value is None:
        warnings.append(f"{path}.model_tpr_at_fpr: {at_fpr.reason}")
    put_measure(path, "tpr_above_model", above, entry, warnings)


def _take(groups: NDArray[np.int64] | None, mask: Bools) -> NDArray[np.int64] | None:
    return None if groups is None else groups[mask]
