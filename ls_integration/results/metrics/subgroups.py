"""``by`` of ``metrics.json``: the same numbers for each value of a column of the items."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.agreement import score_agreement
from ls_integration.results.metrics.consensus import score_consensus
from ls_integration.results.metrics.model import score_model
from ls_integration.results.metrics.people import score_people
from ls_integration.results.metrics.subgroup_columns import find_subgroups


def score_subgroups(
    study: LinedUp, columns: Sequence[str] | None, seed: int, warnings: list[str]
) -> dict[str, Any]:
    """Score people, model, agreement and consensus within each subgroup.

    Parameters
    ----------
    study : LinedUp
        The study.
    columns : sequence of str or None
        Columns of its items; None for the default, see `find_subgroups`.
    seed : int
        Seed of the bootstrap, the same for each subgroup.
    warnings : list of str
        Gets the reasons of what is undefined, ``by.COLUMN.VALUE.path: reason``.

    Returns
    -------
    dict
        Column -> value -> ``n_items`` and the entries ``people, model,
        agreement, consensus`` as of the whole study.

    Raises
    ------
    ConfigError
        If a column that was asked for is not there or has no or too many values.
    """
    entry: dict[str, Any] = {}
    for name, parts in find_subgroups(study.items, columns, warnings).items():
        entry[name] = {
            part.value: _score_one(study.subset(part.mask), part.path, seed, warnings)
            for part in parts
        }
    return entry


def _score_one(part: LinedUp, path: str, seed: int, warnings: list[str]) -> dict[str, Any]:
    reasons: list[str] = []
    entry = {
        "n_items": len(part.items),
        "n_items_with_known_label": int(np.count_nonzero(part.truth.known)),
        "people": score_people(part, reasons),
        "model": score_model(part, reasons),
        "agreement": score_agreement(part, seed, reasons),
        "consensus": score_consensus(part, reasons, seed=seed),
    }
    warnings.extend(f"{path}.{reason}" for reason in reasons)
    return entry
