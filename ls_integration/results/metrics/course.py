"""``course`` of ``metrics.json``: whether people get better or worse, and with time to decide."""

from typing import Any

import numpy as np

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.entries import put_measure
from ls_integration.results.people import Person
from ls_integration.scoring.course import Part, score_by_time, score_session


def score_course(study: LinedUp, seed: int, warnings: list[str]) -> dict[str, Any]:
    """Score everybody over the course of the session and against the decision time.

    Parameters
    ----------
    study : LinedUp
        The study.
    seed : int
        Seed of the bootstrap over groups.
    warnings : list of str
        Gets the reasons of what is undefined.

    Returns
    -------
    dict
        Name as on the files -> entry, of those who judged an item with a known
        label.
    """
    return {
        person.name: _score_person(person, study, seed, warnings)
        for person in study.people
        if (person.judged & study.truth.known).any()
    }


def _score_person(person: Person, study: LinedUp, seed: int, warnings: list[str]) -> dict[str, Any]:
    places = np.flatnonzero(person.judged & study.truth.known)
    places = places[np.argsort(person.turn[places], kind="stable")]
    right = person.called[places] == study.truth.positive[places]
    groups = None if study.groups is None else study.groups[places]
    parts, trend = score_session(right, groups=groups, seed=seed)
    quarters, time_trend = score_by_time(
        right, person.lead_time_s[places], groups=groups, seed=seed
    )
    path = f"course.{person.name}"
    reasons: list[str] = []
    entry: dict[str, Any] = {"order": person.order}
    entry["parts"] = [_write_part(f"{path}.parts", part, reasons) for part in parts]
    put_measure(path, "trend_odds_ratio", trend, entry, reasons)
    entry["by_time"] = [
        {"from_s": part.low, "to_s": part.high, **_write_part(f"{path}.by_time", part, reasons)}
        for part in quarters
    ]
    put_measure(path, "time_odds_ratio", time_trend, entry, reasons)
    # Several parts may have the same reason.
    warnings.extend(dict.fromkeys(reasons))
    return entry


def _write_part(path: str, part: Part, reasons: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"n": part.n, "n_right": part.n_right}
    put_measure(path, "accuracy", part.accuracy, entry, reasons)
    return entry
