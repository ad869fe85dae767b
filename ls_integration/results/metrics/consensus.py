"""``consensus`` of ``metrics.json``: what the people say together."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_integration.results.consensus_table import find_study_doubts
from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.entries import put_measure, write_decisions
from ls_integration.scoring.cells import MEASURES
from ls_integration.scoring.consensus import MISSING, REASONS, TIED, majority
from ls_integration.scoring.dawid_skene import DawidSkene, estimate_dawid_skene
from ls_integration.scoring.decisions import score_decisions
from ls_integration.scoring.measure import undefined

TWO_PEOPLE = (
    "the answers of two people do not settle how reliable each is (for two labels five unknowns, "
    "three counts): the estimate leans on its start, the shares of the votes"
)
FEW_FOR_RATES = (
    "no item was answered by three people, so the answers do not settle everybody's rates"
)
ASSISTED = (
    "the model takes people as independent of each other; some of these answers started from one "
    "that was shown"
)
SWITCHED = (
    "items of some label are mostly called something else by these people; the estimated labels "
    "may have changed places"
)
NOT_CONVERGED = "stopped before it settled, so the last digits are open"
NEVER_MET = "of the items that this person answered, none has this label by the estimate"


def score_consensus(study: LinedUp, warnings: list[str], *, seed: int = 0) -> dict[str, Any]:
    """Score the people together, first rounds, one vote each.

    Parameters
    ----------
    study : LinedUp
        The study; with groups, every interval resamples these.
    warnings : list of str
        Gets the reasons of what is undefined.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        ``majority``, ``dawid_skene``, how the two differ (``n_differ``,
        ``n_ties_decided``), and ``needs_opinion``.
    """
    by_votes = majority(study.votes, len(study.labels))
    entry = _score_decisions("consensus.majority", by_votes, study, seed, warnings)
    if entry["n_tied"]:
        warnings.append(f"consensus.majority.n_tied: {entry['n_tied']} items are tied and left out")
    estimate = estimate_dawid_skene(study.votes, len(study.labels))
    doubts = find_study_doubts(study, estimate)
    n_differ = n_ties_decided = 0
    if isinstance(estimate, DawidSkene):
        decided = estimate.decided
        n_differ = _count((by_votes >= 0) & (decided >= 0) & (by_votes != decided))
        n_ties_decided = _count((by_votes == TIED) & (decided >= 0))
    return {
        "majority": entry,
        "dawid_skene": _score_dawid_skene(estimate, study, seed, warnings),
        "n_differ": n_differ,
        "n_ties_decided": n_ties_decided,
        "needs_opinion": {
            "n_items": _count(doubts != ""),
            "by_reason": {reason: _count(doubts == reason) for reason in REASONS},
        },
    }


def _score_decisions(
    path: str, decided: NDArray[np.int64], study: LinedUp, seed: int, warnings: list[str]
) -> dict[str, Any]:
    truth, positive = study.truth, study.positive
    chosen = (decided != TIED) & (decided != MISSING)
    # No decision is the number of a label that nobody has.
    number = study.labels.index(positive) if positive in study.labels else len(study.labels)
    called, judged = decided == number, chosen & truth.known
    entry: dict[str, Any] = {"n_people": study.votes.shape[1]}
    counts, measures = score_decisions(
        truth.positive, called, judged, positive=positive, groups=study.groups, seed=seed
    )
    entry |= write_decisions(path, counts, measures, warnings)
    tied = decided == TIED
    return entry | {
        "n_decided": _count(chosen),
        "n_tied": _count(tied),
        "tied_items": study.items["item_id"][tied].tolist(),
    }


def _score_dawid_skene(
    estimate: DawidSkene | str, study: LinedUp, seed: int, warnings: list[str]
) -> dict[str, Any]:
    path = "consensus.dawid_skene"
    if isinstance(estimate, str):
        entry: dict[str, Any] = {}
        for name in MEASURES:
            put_measure(path, name, undefined(estimate), entry, warnings)
        return entry | {"n_iterations": 0, "converged": False, "people": {}}
    entry = _score_decisions(path, estimate.decided, study, seed, warnings)
    n_answers = np.count_nonzero(study.votes != MISSING, axis=1)
    if np.count_nonzero((study.votes != MISSING).any(axis=0)) == 2:
        warnings.append(f"{path}: {TWO_PEOPLE}")
    elif n_answers.max() < 3:
        warnings.append(f"{path}: {FEW_FOR_RATES}")
    if any(person.assisted != "none" for person in study.first_rounds):
        warnings.append(f"{path}: {ASSISTED}")
    if estimate.has_switched:
        warnings.append(f"{path}: {SWITCHED}")
    if not estimate.converged:
        warnings.append(f"{path}.converged: {NOT_CONVERGED}")
    return entry | {
        "n_iterations": estimate.n_iterations,
        "converged": estimate.converged,
        "prior": dict(zip(study.labels, estimate.prior.tolist(), strict=True)),
        "people": _list_rates(estimate, study, warnings),
    }


def _list_rates(
    estimate: DawidSkene, study: LinedUp, warnings: list[str]
) -> dict[str, dict[str, Any]]:
    """Give everybody's estimated confusion matrix: true label -> answer -> rate."""
    path = "consensus.dawid_skene.people"
    people: dict[str, dict[str, Any]] = {}
    for person, rates, expected in zip(
        study.first_rounds, estimate.rates, estimate.expected_items, strict=True
    ):
        confusion: dict[str, dict[str, float] | None] = {}
        for label, row in zip(study.labels, rates, strict=True):
            is_met = not np.isnan(row).any()
            confusion[label] = (
                dict(zip(study.labels, row.tolist(), strict=True)) if is_met else None
            )
            if not is_met:
                warnings.append(f"{path}.{person.name}.confusion.{label}: {NEVER_MET}")
        people[person.name] = {
            "confusion": confusion,
            "expected_items": dict(zip(study.labels, expected.tolist(), strict=True)),
        }
    return people


def _count(which: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(which))
