"""``people`` of ``metrics.json``: each person against the known labels."""

from typing import Any

import numpy as np

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.entries import write_decisions
from ls_integration.results.people import Person
from ls_integration.scoring.decisions import score_decisions


def score_people(study: LinedUp, warnings: list[str], *, seed: int = 0) -> dict[str, Any]:
    """Score each person, round by round.

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
        Name as on the files -> entry.
    """
    if not study.people:
        warnings.append("people: there are no answers")
    return {person.name: _score_person(person, study, warnings, seed) for person in study.people}


def _score_person(person: Person, study: LinedUp, warnings: list[str], seed: int) -> dict[str, Any]:
    path = f"people.{person.name}"
    judged = person.judged
    counts, measures = score_decisions(
        study.truth.positive,
        person.called,
        judged & study.truth.known,
        positive=study.positive,
        groups=study.groups,
        seed=seed,
    )
    times = person.lead_time_s[~np.isnan(person.lead_time_s)]
    entry: dict[str, Any] = {"annotator": person.annotator, "round": person.number}
    entry |= write_decisions(path, counts, measures, warnings)
    entry["classified"] = int(np.count_nonzero(judged))
    entry["skipped"] = int(np.count_nonzero(person.skipped))
    entry["unanswered"] = int(np.count_nonzero(~judged & ~person.skipped))
    entry["median_decision_time_s"] = float(np.median(times)) if len(times) else None
    entry["decision_time_quartiles_s"] = (
        [float(value) for value in np.quantile(times, [0.25, 0.75])] if len(times) else None
    )
    if not len(times):
        warnings.append(f"{path}.median_decision_time_s: no decision time is known")
    entry["assisted"] = person.assisted
    entry["prefilled"] = int(np.count_nonzero(person.prefilled))
    entry["changed"] = int(np.count_nonzero(person.changed))
    return entry
