"""Text cells that a spreadsheet must not take for formulas.

Excel and LibreOffice run a cell that starts with ``=``, ``+``, ``-``, ``@``, a
tab or a carriage return. In our own CSV tables such a text gets an apostrophe
in front, as a spreadsheet itself writes it, and reading takes it off again.

References
----------
OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection
"""

import re
from collections.abc import Callable
from typing import Any

import pandas as pd

_STARTS = ("=", "+", "-", "@", "\t", "\r")
_DANGEROUS = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def quote_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before each text that a spreadsheet would run.

    Parameters
    ----------
    frame : DataFrame
        Any table. Columns of numbers, and texts that are plain numbers, stay.

    Returns
    -------
    DataFrame
        A copy; `unquote_cells` gives *frame* back.
    """
    # An apostrophe that already stands before a dangerous character is doubled,
    # or reading the table back could not tell ours from the author's.
    # The names of columns are cells, too.
    named = frame.rename(columns=lambda name: _quote(name) if isinstance(name, str) else name)
    return _change_texts(named, (*_STARTS, "'"), _quote)


def unquote_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Take off the apostrophes that `quote_cells` put.

    Parameters
    ----------
    frame : DataFrame
        A table as read from a CSV file of ours.

    Returns
    -------
    DataFrame
        A copy with the texts as they were.
    """
    named = frame.rename(columns=lambda name: unquote_text(name) if isinstance(name, str) else name)
    return _change_texts(named, ("'",), unquote_text)


def _quote(text: str) -> str:
    is_harmless = _NUMBER.fullmatch(text) or not _DANGEROUS.match(text)
    return text if is_harmless else f"'{text}"


def unquote_text(text: str) -> str:
    """Take off the apostrophe that `quote_cells` put before one text.

    Parameters
    ----------
    text : str
        A cell as it stands in a CSV file of ours.

    Returns
    -------
    str
        As it was.
    """
    return text[1:] if _DANGEROUS.match(text) else text


def _change_texts(
    frame: pd.DataFrame, starts: tuple[str, ...], change: Callable[[str], str]
) -> pd.DataFrame:
    """Change the texts that start with one of *starts*; most tables have few."""
    changed = frame.copy()
    for name in frame.columns:
        if not _is_text(frame[name]):
            continue
        values = frame[name].to_numpy(dtype=object, copy=True)
        rows = [
            row
            for row, value in enumerate(values)
            if isinstance(value, str) and value.startswith(starts)
        ]
        if rows:
            for row in rows:
                values[row] = change(values[row])
            changed[name] = pd.Series(values, index=frame.index, dtype=object)
    return changed


def _is_text(column: "pd.Series[Any]") -> bool:
    return bool(
        pd.api.types.is_object_dtype(column.dtype)
        or pd.api.types.is_string_dtype(column.dtype)
        or isinstance(column.dtype, pd.CategoricalDtype)
    )
