"""The tables of a results folder: ``annotations.csv``, ``.parquet``, ``items.csv``."""

import csv
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ls_integration.annotations import (
    as_numbers,
    as_text,
    hint_at_header,
    read_annotations,
    read_table,
    refuse_other_cells,
)
from ls_integration.errors import SourceError, some_of
from ls_integration.files import whole_file
from ls_integration.spreadsheet import quote_cells

ANNOTATIONS, ITEMS = "annotations", "items"
"""Stems of the two tables."""

ITEM_TEXTS = (
    "item_id",
    "image",
    "source_path",
    "label",
    "model_label",
    "structure",
    "group",
    "true_label",
)
"""Columns of ``items`` that are text in every study."""

ITEM_NUMBERS = ("rating", "model_score", "peak_count")
"""Columns of ``items`` that are float64 in every study."""


def write_annotations(folder: Path, annotations: pd.DataFrame) -> list[Path]:
    """Write the annotations table as CSV and as Parquet.

    Parameters
    ----------
    folder : Path
        Where they go.
    annotations : DataFrame
        A checked annotations table.

    Returns
    -------
    list of Path
        ``annotations.csv`` (for people: UTF-8, times in ISO 8601, texts that a
        spreadsheet would run are quoted) and ``annotations.parquet`` (for
        programs: exact types).
    """
    text, binary = folder / f"{ANNOTATIONS}.csv", folder / f"{ANNOTATIONS}.parquet"
    write_csv(text, annotations)
    with whole_file(binary) as temporary:
        annotations.to_parquet(temporary, index=False)
    return [text, binary]


def write_items(folder: Path, items: pd.DataFrame) -> Path:
    """Write the items table as CSV.

    Parameters
    ----------
    folder : Path
        Where it goes.
    items : DataFrame
        One row per item, in the study's order.

    Returns
    -------
    Path
        ``items.csv``.
    """
    path = folder / f"{ITEMS}.csv"
    write_csv(path, items)
    return path


def find_table(folder: Path, stem: str) -> Path | None:
    """Find a table in a folder.

    Parameters
    ----------
    folder : Path
        Where to look.
    stem : str
        `ANNOTATIONS` or `ITEMS`.

    Returns
    -------
    Path or None
        The CSV, which people may have edited, before the Parquet.
    """
    for suffix in (".csv", ".parquet"):
        path = folder / f"{stem}{suffix}"
        if path.is_file():
            return path
    return None


def read_folder(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Read both tables of a folder.

    Parameters
    ----------
    folder : Path
        Holds ``annotations.csv`` or ``.parquet``, and maybe ``items``.

    Returns
    -------
    annotations : DataFrame
        Checked, see `annotations.check_annotations`.
    items : DataFrame or None
        Checked, see `check_items`.

    Raises
    ------
    SourceError
        If there is no annotations table, or a table breaks its contract.
    """
    found = find_table(folder, ANNOTATIONS)
    if found is None:
        msg = (
            f"there is no {ANNOTATIONS}.csv in {folder}; give a folder that `export` wrote, or "
            "one with a table of item_id, annotator, label"
        )
        raise SourceError(msg)
    items = find_table(folder, ITEMS)
    return read_annotations(found), read_items(items) if items else None


def read_items(path: Path) -> pd.DataFrame:
    """Read an items table from disk.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.parquet`` file.

    Returns
    -------
    DataFrame
        Checked, see `check_items`.

    Raises
    ------
    SourceError
        If the file cannot be read or breaks the contract.
    """
    try:
        return check_items(read_table(path))
    except SourceError as error:
        msg = f"{path}: {error}"
        raise SourceError(msg) from error


def check_items(frame: pd.DataFrame) -> pd.DataFrame:
    """Bring an items table to the contract, or say which rows break it.

    Parameters
    ----------
    frame : DataFrame
        At least ``item_id``. Without ``position`` the rows are in order.

    Returns
    -------
    DataFrame
        A copy in the study's order, index from 0; `ITEM_TEXTS` and
        `ITEM_NUMBERS` that are there have their types, other columns stay.

    Raises
    ------
    SourceError
        If ``item_id`` is missing, empty or not unique, or a number is none.
    """
    if "item_id" not in frame.columns:
        msg = (
            f"the items table has no column item_id (there are: {', '.join(frame.columns)})"
            f"{hint_at_header(list(frame.columns), ['item_id'])}"
        )
        raise SourceError(msg)
    items = frame.reset_index(drop=True).copy()
    for name in ITEM_TEXTS:
        if name in items.columns:
            refuse_other_cells(name, items[name])
            items[name] = as_text(name, items[name])
    for name in ITEM_NUMBERS:
        if name in items.columns:
            refuse_other_cells(name, items[name])
            items[name] = as_numbers(name, items[name])
    empty = [row + 1 for row in np.flatnonzero(items["item_id"].isna())]
    if empty:
        msg = f"column item_id is empty in row {some_of(empty)}; give every item an id"
        raise SourceError(msg)
    twice = items["item_id"][items["item_id"].duplicated()].tolist()
    if twice:
        msg = f"item_id is not unique: {some_of(twice)} stand more than once; keep one row each"
        raise SourceError(msg)
    if "position" not in items.columns:
        items.insert(1, "position", np.arange(len(items), dtype="int64"))
    else:
        position = as_numbers("position", items["position"])
        wrong = [
            row + 1
            for row in np.flatnonzero(
                position.isna() | (position % 1 != 0) | (position.abs() > 2**53)
            )
        ]
        if wrong:
            msg = f"column position is not a whole number in row {some_of(wrong)}; correct it"
            raise SourceError(msg)
        items["position"] = position.astype("int64")
        items = items.sort_values("position", kind="stable").reset_index(drop=True)
    return items


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table of ours: shortest exact numbers, ISO times, quoted formulas.

    Parameters
    ----------
    path : Path
        The file.
    frame : DataFrame
        Any table.
    """
    table = quote_cells(frame)
    for name in table.columns:
        if isinstance(table[name].dtype, pd.DatetimeTZDtype):
            times = table[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            table[name] = times.where(times.notna(), None)
        elif pd.api.types.is_bool_dtype(table[name].dtype):
            table[name] = table[name].astype("boolean").map({True: "true", False: "false"})
    # With line ends of \n Python leaves a \r in a cell unquoted, and readers end the row there.
    texts = table.select_dtypes("object")
    has_return = any(
        isinstance(text, str) and "\r" in text for name in texts for text in texts[name]
    )
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if has_return else csv.QUOTE_MINIMAL
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8", quoting=quoting)
