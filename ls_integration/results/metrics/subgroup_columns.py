"""Which columns of the items make subgroups, and which items each of them has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.errors import ConfigError

DEFAULT_COLUMN = "structure"
"""What the subgroups are of where nobody says otherwise."""

MOST_VALUES = 50
"""A column with more is no subgrouping: ids, scores, times."""


@dataclass(frozen=True)
class Subgroup:
    """The items of one value of a column.

    Attributes
    ----------
    value : str
        Its name.
    mask : ndarray of bool, shape (n_items,)
        Which items.
    path : str
        Where its numbers stand, for the warnings: ``by.COLUMN.VALUE``.
    """

    value: str
    mask: NDArray[np.bool_]
    path: str


def find_subgroups(
    items: pd.DataFrame, columns: Sequence[str] | None, warnings: list[str]
) -> dict[str, list[Subgroup]]:
    """Split the items by the values of columns.

    Parameters
    ----------
    items : DataFrame
        A checked items table.
    columns : sequence of str or None
        Columns of it; None for `DEFAULT_COLUMN` where that has from two to
        `MOST_VALUES` values.
    warnings : list of str
        Gets how many items are in no subgroup, and why there are none by default.

    Returns
    -------
    dict of str to list of Subgroup
        Column -> its subgroups, numbers by their size.

    Raises
    ------
    ConfigError
        If a column that was asked for is not there or has no or too many values.
    """
    found: dict[str, list[Subgroup]] = {}
    for name in _choose_columns(items, columns, warnings):
        texts = read_values(items[name])
        missing = int(texts.isna().sum())
        if missing:
            warnings.append(f"by.{name}: {missing} items have no {name} and are in no subgroup")
        found[name] = [
            Subgroup(
                value,
                (texts == value).to_numpy(dtype=bool),
                f"by.{name}.{value}".replace(": ", ":"),
            )
            for value in _sort_values(texts.dropna().unique().tolist())
        ]
    return found


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
