"""``by`` of ``metrics.json``: the same numbers for each value of a column of the items."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ls_integration.errors import ConfigError
from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.agreement import score_agreement
from ls_integration.results.metrics.consensus import score_consensus
from ls_integration.results.metrics.model import score_model
from ls_integration.results.metrics.people import score_people

DEFAULT_COLUMN = "structure"
"""What the subgroups are of where nobody says otherwise."""

MOST_VALUES = 50
"""A column with more is no subgrouping: ids, scores, times."""


def score_subgroups(
    study: LinedUp, columns: Sequence[str] | None, seed: int, warnings: list[str]
) -> dict[str, Any]:
    """Score people, model, agreement and consensus within each subgroup.

    Parameters
    ----------
    study : LinedUp
        The study.
    columns : sequence of str or None
        Columns of its items; None for `DEFAULT_COLUMN` where that has from two
        to `MOST_VALUES` values.
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
    for name in _choose_columns(study.items, columns, warnings):
        texts = read_values(study.items[name])
        missing = int(texts.isna().sum())
        if missing:
            warnings.append(f"by.{name}: {missing} items have no {name} and are in no subgroup")
        entry[name] = {
            value: _score_one(
                study.subset((texts == value).to_numpy(dtype=bool)),
                f"by.{name}.{value}".replace(": ", ":"),
                seed,
                warnings,
            )
            for value in _sort_values(texts.dropna().unique().tolist())
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


def _choose_columns(
    items: pd.DataFrame, columns: Sequence[str] | None, warnings: list[str]
) -> list[str]:
    if columns is None:
        if DEFAULT_COLUMN not in items.columns:
            return []
        number = read_values(items[DEFAULT_COLUMN]).nunique()
        if number > MOST_VALUES:
            warnings.append(
                f"by.{DEFAULT_COLUMN}: it has {number} values, more than {MOST_VALUES} subgroups"
            )
        return [DEFAULT_COLUMN] if 2 <= number <= MOST_VALUES else []
    for name in columns:
        if name not in items.columns:
            msg = (
                f"the items have no column '{name}' to group by; "
                f"there are: {', '.join(map(str, items.columns))}"
            )
            raise ConfigError(msg)
        number = read_values(items[name]).nunique()
        if number > MOST_VALUES:
            msg = (
                f"the column '{name}' has {number} values; subgroups are for at most "
                f"{MOST_VALUES}: put them into fewer classes in a column of items.csv"
            )
            raise ConfigError(msg)
        if not number:
            msg = f"the column '{name}' has no values to group by; fill it in items.csv"
            raise ConfigError(msg)
    return list(dict.fromkeys(columns))


def read_values(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Give the values of a column as the names of subgroups.

    Parameters
    ----------
    column : Series
        Texts, numbers or truths.

    Returns
    -------
    Series of object
        ``str``, or None where there is none.
    """
    is_empty = (column.isna() | column.astype(object).eq("")).to_numpy(dtype=bool)
    return column.astype(str).astype(object).mask(is_empty, None)


def _sort_values(values: list[str]) -> list[str]:
    """Sort texts, numbers by their size."""
    try:
        return sorted(values, key=float)
    except ValueError:
        return sorted(values)
