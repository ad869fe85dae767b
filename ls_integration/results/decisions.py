"""Everybody's decisions against the known labels, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ls_integration.kinds import sted_quality
from ls_integration.kinds.sted_source import ANOMALY_BELOW, NORMAL_AT_LEAST
from ls_integration.results.lined_up import LinedUp
from ls_integration.results.people import Bools
from ls_integration.scoring.consensus import MISSING, TIED, majority

Role = Literal["person", "together", "model"]


@dataclass(frozen=True)
class Decisions:
    """What one person, the majority or the model decided, in the order of the items.

    Attributes
    ----------
    name : str
        As the report and the files call them; unique, also where capitals do
        not count.
    role : {"person", "together", "model"}
        Who it is.
    called : ndarray of bool, shape (n_items,)
        Whether the decision is the positive label.
    judged : ndarray of bool, shape (n_items,)
        Whether there is a decision: not skipped, not tied.
    wrong : ndarray of bool, shape (n_items,)
        Whether the decision contradicts a known label.
    """

    name: str
    role: Role
    called: Bools
    judged: Bools
    wrong: Bools


def list_decisions(study: LinedUp) -> list[Decisions]:
    """List the decisions of everybody who decides.

    Parameters
    ----------
    study : LinedUp
        The study.

    Returns
    -------
    list of Decisions
        People and their rounds; the majority of the first rounds, where there
        are three people or more; the model, where its decisions are known.
    """
    taken: set[str] = set()

    def compare(name: str, role: Role, called: Bools, judged: Bools) -> Decisions:
        # A person may be called Model.
        unique, count = name, 1
        while unique.casefold() in taken:
            count += 1
            unique = f"{name}-{count}"
        taken.add(unique.casefold())
        wrong = judged & study.truth.known & (called != study.truth.positive)
        return Decisions(unique, role, called, judged, wrong)

    rows = [compare(person.name, "person", person.called, person.judged) for person in study.people]
    if len(study.first_rounds) > 2:
        decided = majority(study.votes, len(study.labels))
        chosen = (decided != TIED) & (decided != MISSING)
        number = study.labels.index(study.positive) if study.positive in study.labels else MISSING
        rows.append(compare("Majority", "together", chosen & (decided == number), chosen))
    if study.model.decided.any():
        rows.append(compare("Model", "model", study.model.called, study.model.decided))
    return rows


def read_gap(about: Mapping[str, Any]) -> tuple[float, float] | None:
    """Tell which ratings are neither one label nor the other.

    Parameters
    ----------
    about : mapping
        What the results folder says of its study.

    Returns
    -------
    tuple of float or None
        The first rating that is no anomaly, the first that is normal; None
        where the study says nothing of them.
    """
    low, high = about.get("anomaly_below"), about.get("normal_at_least")
    if about.get("kind") == sted_quality.KIND:
        low = ANOMALY_BELOW if low is None else low
        high = NORMAL_AT_LEAST if high is None else high
    if low is None or high is None:
        return None
    return float(low), float(np.maximum(low, high))
