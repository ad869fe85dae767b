"""The annotations table: every row is one answer of one person to one item.

It is *long*: a person's second round, a corrected answer and a skip are rows of
their own. Nothing is averaged, merged or left out; `newest_answers` picks what
counts when it counts. See `COLUMNS` for the names and types.
"""

import csv
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.errors import SourceError, some_of
from ls_integration.parquet import read_parquet
from ls_integration.spreadsheet import unquote_cells

COLUMNS = {
    "item_id": "object",
    "annotator": "object",
    "round": "int64",
    "label": "object",
    "rating": "float64",
    "remark": "object",
    "skipped": "bool",
    "prefilled": "bool",
    "changed": "boolean",
    "lead_time_s": "float64",
    "first_label": "object",
    "submission": "int64",
    "created_at": "datetime64[us, UTC]",
    "updated_at": "datetime64[us, UTC]",
    "project_id": "Int64",
    "task_id": "Int64",
    "annotation_id": "Int64",
}
"""Column name -> pandas dtype, in the order in which they are written.

Texts are Python ``str`` with None for "nothing". ``round`` and ``submission``
count from 1. ``changed`` is missing where the page did not start from an
answer. Times are UTC; ``lead_time_s`` is in seconds, NaN where unknown.
"""

REQUIRED = ("item_id", "annotator", "label")
"""The columns that a table of anybody's making must have."""

KEY = ["item_id", "annotator", "round"]
"""What one answer that counts is known by."""

_WORDS = {"true": True, "1": True, "1.0": True, "yes": True}
_WORDS |= {"false": False, "0": False, "0.0": False, "no": False}
_COUNTS = ("round", "submission")
_HIGHEST_COUNT = 1_000_000_000
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_BLOCK_BYTES = 1 << 20


def empty() -> pd.DataFrame:
    """Make an annotations table without rows.

    Returns
    -------
    DataFrame
        All of `COLUMNS` with their types.
    """
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in COLUMNS.items()})


def check_annotations(frame: pd.DataFrame) -> pd.DataFrame:
    """Bring a table to the contract, or say which rows break it.

    Parameters
    ----------
    frame : DataFrame
        At least the columns of `REQUIRED`. Where ``skipped`` is absent, a row
        with neither label nor rating is a skip. Where ``submission`` is absent,
        rows of one item, person and round count by ``updated_at``, or
        ``created_at`` where that is missing, then as they stand.

    Returns
    -------
    DataFrame
        A copy, rows in the same order, index from 0: `COLUMNS` with their
        types, then the columns that the contract does not know, untouched.

    Raises
    ------
    SourceError
        Naming the column, the first five rows (counted from 1, without the
        header), how many there are, and what to do.
    """
    missing = [name for name in REQUIRED if name not in frame.columns]
    if missing:
        msg = (
            f"the annotations table has no column {some_of(missing)}; it needs "
            f"{', '.join(REQUIRED)} (there are: {', '.join(map(str, frame.columns))})"
            f"{hint_at_header(list(frame.columns), REQUIRED)}"
        )
        raise SourceError(msg)
    frame = frame.reset_index(drop=True)
    checked = pd.DataFrame(index=frame.index)
    for name, dtype in COLUMNS.items():
        if name in frame.columns:
            refuse_other_cells(name, frame[name])
            checked[name] = _COERCE[dtype](name, frame[name])
        elif dtype == "object":
            checked[name] = pd.Series([None] * len(frame), index=frame.index, dtype=object)
        elif name in _COUNTS:
            checked[name] = np.ones(len(frame), dtype="int64")
        elif dtype == "bool":
            checked[name] = np.zeros(len(frame), dtype=bool)
        else:
            checked[name] = pd.Series(pd.NA if dtype[0] in "Ib" else None, frame.index, dtype)
    for name in ("item_id", "annotator"):
        _refuse(checked[name].isna(), name, "empty", "give every answer its item and its author")
    if "skipped" not in frame.columns:
        checked["skipped"] = (checked["label"].isna() & checked["rating"].isna()).to_numpy()
    if "submission" not in frame.columns:
        checked["submission"] = _count_submissions(checked)
    _check_values(checked)
    others = [name for name in frame.columns if name not in COLUMNS]
    return pd.concat([checked, frame[others]], axis=1)


def newest_answers(frame: pd.DataFrame) -> pd.DataFrame:
    """Pick the answer that counts: each person's newest to an item in a round.

    Parameters
    ----------
    frame : DataFrame
        A checked annotations table.

    Returns
    -------
    DataFrame
        One row per ``item_id``, ``annotator`` and ``round``, in the order of
        *frame*; a skip that came last counts as a skip.
    """
    order = frame.sort_values(["submission", "created_at"], kind="stable", na_position="first")
    kept = order.drop_duplicates(KEY, keep="last").index
    return frame.loc[frame.index.isin(kept)].reset_index(drop=True)


def read_annotations(path: Path) -> pd.DataFrame:
    """Read an annotations table from disk.

    Parameters
    ----------
    path : Path
        A ``.csv`` (UTF-8, comma, header) or ``.parquet`` file.

    Returns
    -------
    DataFrame
        Checked, see `check_annotations`.

    Raises
    ------
    SourceError
        If the file cannot be read or breaks the contract.
    """
    try:
        return check_annotations(read_table(path))
    except SourceError as error:
        msg = f"{path}: {error}"
        raise SourceError(msg) from error


def read_table(path: Path) -> pd.DataFrame:
    """Read any table of ours: CSV cells as text, Parquet with its types.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.parquet`` file.

    Returns
    -------
    DataFrame
        Empty CSV cells are empty texts; the apostrophes that protect
        spreadsheets are taken off.

    Raises
    ------
    SourceError
        If the file is missing, empty, not a table or not UTF-8.
    """
    if not path.is_file():
        msg = f"there is no table {path.name} in {path.parent}; check the path"
        raise SourceError(msg)
    try:
        if path.suffix == ".parquet":
            return read_parquet(path)
        frame = _read_csv(path)
    except pd.errors.EmptyDataError as error:
        msg = f"{path.name} is empty; write at least a header line, or remove the file"
        raise SourceError(msg) from error
    except pd.errors.ParserWarning as error:
        msg = f"{path.name} has rows with more cells than its header; quote cells that hold a comma"
        raise SourceError(msg) from error
    except (OSError, ValueError, csv.Error) as error:
        reason = str(error).splitlines()[0]
        msg = f"cannot read {path.name} as a table: {reason}; give UTF-8 CSV or Parquet"
        raise SourceError(msg) from error
    return unquote_cells(frame)


def _read_csv(path: Path) -> pd.DataFrame:
    """Read cells as texts, and refuse what pandas would mend without a word."""
    with path.open("rb") as stream:
        blocks = iter(lambda: stream.read(_BLOCK_BYTES), b"")
        if any(b"\0" in block for block in blocks):
            # pandas ends the cell there.
            msg = "there is a character 0 in it, as in UTF-16"
            raise ValueError(msg)
    with path.open(encoding="utf-8-sig", newline="") as text:
        header = next(csv.reader(text), [])
    twice = list(dict.fromkeys(name for name in header if name and header.count(name) > 1))
    if twice:
        # pandas would call the second one label.1.
        msg = f"{path.name} has two columns {some_of(twice)}; rename or remove one"
        raise SourceError(msg)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        # Text first: pandas would turn the id 007 into 7 and a person NA into nothing. Without
        # index_col=False a longer row would move all cells of the table by one column.
        return pd.read_csv(
            path, dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False
        )


def hint_at_header(found: Sequence[object], wanted: Sequence[str]) -> str:
    """Say what keeps the columns of a table from being recognised, where that is seen.

    Parameters
    ----------
    found : sequence
        The names of its columns.
    wanted : sequence of str
        The names that it should have.

    Returns
    -------
    str
        To stand behind an error message; empty where there is nothing to say.
    """
    names = [str(name) for name in found]
    if len(names) == 1:
        for separator, word in _SEPARATORS.items():
            if separator in names[0]:
                return f"; its columns are separated by {word}, save it with commas"
    plain = {name.strip().lower() for name in names}
    if set(wanted) <= plain:
        return "; take spaces and capitals out of the header"
    return ""


def refuse_other_cells(name: str, column: "pd.Series[Any]") -> None:
    """Refuse a column whose cells hold several values or bytes, as Parquet files can.

    Parameters
    ----------
    name : str
        Its name, for the message.
    column : Series
        Of any type.

    Raises
    ------
    SourceError
        Naming the first rows.
    """
    # A look in C spares most tables the one at each cell.
    if column.dtype == object and pd.api.types.infer_dtype(column) not in ("string", "empty"):
        is_several = [isinstance(cell, list | tuple | dict | set | np.ndarray) for cell in column]
        _refuse(np.array(is_several, dtype=bool), name, "a list", "give one value a cell")
        is_bytes = [isinstance(cell, bytes) for cell in column]
        _refuse(np.array(is_bytes, dtype=bool), name, "bytes", "write it as text")


def as_text(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Turn a column into texts, None for "nothing".

    Parameters
    ----------
    name : str
        Its name, for the message.
    column : Series
        Texts, whole numbers, booleans or missing values.

    Returns
    -------
    Series of object
        ``str`` or None.

    Raises
    ------
    SourceError
        If the column holds floating-point numbers: 7.0 may have been 007.
    """
    missing = (column.isna() | column.astype(object).eq("")).to_numpy(dtype=bool)
    if pd.api.types.is_float_dtype(column.dtype) and not missing.all():
        _refuse(~missing, name, "a floating-point number", "read the column as text")
    values = column.astype(str).to_numpy(dtype=object, copy=True)
    values[missing] = None
    return pd.Series(values, index=column.index, dtype=object)


def as_numbers(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Turn a column into float64, NaN for "nothing".

    Parameters
    ----------
    name : str
        Its name, for the message.
    column : Series
        Numbers or their decimal texts, correctly rounded (0.700 is 0.7).

    Returns
    -------
    Series of float64
        NaN where the cell is empty.

    Raises
    ------
    SourceError
        If a cell is neither empty nor a finite number.
    """
    if not pd.api.types.is_numeric_dtype(column.dtype):
        values = column.astype(object).to_numpy(copy=True)
        values[(column.isna() | column.astype(object).eq("")).to_numpy(dtype=bool)] = np.nan
        try:
            # Python's float() and not pandas' faster parser, which can be one bit off.
            column = pd.Series(values.astype("float64"), index=column.index)
        except (TypeError, ValueError):
            wrong = pd.Series([not _is_number(value) for value in values], index=column.index)
            _refuse(wrong, name, "not a number", "correct the cells or leave them empty")
    numbers = pd.Series(column.to_numpy(dtype="float64", na_value=np.nan), index=column.index)
    _refuse(np.isinf(numbers), name, "infinite", "correct the cells or leave them empty")
    return numbers


def _as_counts(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    numbers = as_numbers(name, column)
    if name in _COUNTS:
        wrong = numbers.isna() | (numbers < 1) | (numbers % 1 != 0)
        _refuse(wrong, name, "not a whole number from 1", "count from 1")
        _refuse(numbers > _HIGHEST_COUNT, name, "too high for a count", "count from 1")
        return numbers.astype("int64")
    _refuse(numbers % 1 > 0, name, "not a whole number", "correct the cells or leave them empty")
    return numbers.astype("Int64")


def _as_truths(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Read true/false, 1/0, yes/no; empty is missing."""
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.astype("boolean")
    # Few different cells in a column of truths: each is read once.
    texts = column.dropna().astype(str)
    words = {text: _WORDS.get(text.strip().lower()) for text in texts.unique()}
    known = texts.map(words).reindex(column.index).astype("boolean")
    is_given = column.notna() & column.astype(object).ne("")
    _refuse(is_given & known.isna(), name, "neither true nor false", "write true or false")
    return known


def _as_plain_truths(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    return _as_truths(name, column).fillna(False).astype(bool)


def _as_times(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    given = column.replace("", None) if column.dtype == object else column
    times = pd.to_datetime(given, utc=True, errors="coerce", format="ISO8601")
    _refuse(given.notna() & times.isna(), name, "not a time", "write it as 2024-05-01T12:00:00Z")
    return times.astype("datetime64[us, UTC]")


_COERCE: dict[str, Callable[[str, "pd.Series[Any]"], "pd.Series[Any]"]] = {
    "object": as_text,
    "float64": as_numbers,
    "int64": _as_counts,
    "Int64": _as_counts,
    "bool": _as_plain_truths,
    "boolean": _as_truths,
    "datetime64[us, UTC]": _as_times,
}


def _count_submissions(checked: pd.DataFrame) -> "pd.Series[Any]":
    # The last word counts, also where it was said by correcting the earlier of two answers.
    said_at = checked["updated_at"].fillna(checked["created_at"])
    order = checked.loc[said_at.sort_values(kind="stable", na_position="first").index]
    return (order.groupby(KEY, sort=False).cumcount() + 1).reindex(checked.index)


def _check_values(checked: pd.DataFrame) -> None:
    """Refuse what has the right type and still cannot be."""
    _refuse(checked["lead_time_s"] < 0, "lead_time_s", "negative", "give seconds from 0")
    silent = ~checked["skipped"] & checked["label"].isna() & checked["rating"].isna()
    remedy = "set skipped to true, or leave the row out"
    _refuse(silent, "label", "empty, with no rating and no skip", remedy)
    doubled = checked.duplicated([*KEY, "submission"], keep=False)
    remedy = "leave the column out, or count each person's answers to an item from 1"
    _refuse(doubled, "submission", "the same twice for one item, person and round", remedy)


def _refuse(wrong: "pd.Series[Any] | NDArray[np.bool_]", name: str, what: str, remedy: str) -> None:
    rows = [int(row) + 1 for row in np.flatnonzero(np.asarray(wrong, dtype=bool))]
    if rows:
        msg = f"column {name} is {what} in row {some_of(rows)}; {remedy}"
        raise SourceError(msg)


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
