"""A table of cutouts as cells, and where in the file each cell stands.

Python's csv module says what the cells are. No library says where they stand,
which is what changing a single cell and nothing else needs; so a small scanner
does, and every row of it is compared with the csv module's.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ls_integration.errors import SourceError, some_of

BYTE_ORDER_MARK = "\ufeff"

DELIMITERS = (",", ";", "\t")
"""What may stand between two cells, the likeliest first."""


@dataclass(frozen=True)
class Cells:
    """A CSV file, read.

    Attributes
    ----------
    name : str
        What the file is called, for messages.
    text : str
        All of it, the byte order mark and the line ends too: its UTF-8 is the
        file, byte for byte.
    delimiter : str
        One of `DELIMITERS`.
    header : tuple of str
        Names of the columns, without blanks around them.
    rows : tuple of list of str
        The cells of each row; empty lines are no rows.
    lines : ndarray of int64, shape (n_rows,)
        Line of the file on which each row starts, from 1.
    """

    name: str
    text: str
    delimiter: str
    header: tuple[str, ...]
    rows: tuple[list[str], ...]
    lines: NDArray[np.int64]

    def column(self, name: str) -> list[str]:
        """Give the cells of a column.

        Parameters
        ----------
        name : str
            One of `header`.

        Returns
        -------
        list of str
            As in the file, without the quotes.
        """
        place = self.header.index(name)
        return [row[place] for row in self.rows]


def read_cells(data: bytes, name: str, needed: Sequence[str], one_of: Sequence[str] = ()) -> Cells:
    r"""Read a CSV file with a header line.

    Parameters
    ----------
    data : bytes
        UTF-8 with or without a byte order mark; cells separated by commas,
        semicolons or tabs; lines ended by ``\n``, ``\r\n`` or ``\r``.
    name : str
        What the file is called, for messages.
    needed : sequence of str
        Columns that must be there.
    one_of : sequence of str
        Columns of which one must be there.

    Returns
    -------
    Cells
        At least one row, each with as many cells as the header.

    Raises
    ------
    SourceError
        If the bytes are not UTF-8 or not CSV, a column is missing or there
        twice, a row has more or fewer cells than the header, or there are no
        rows.
    """
    text = _decode(data, name)
    delimiter, header = _read_header(text, name, [*needed, *one_of])
    missing = [column for column in needed if column not in header]
    if one_of and not set(one_of) & set(header):
        missing.append(" or ".join(one_of))
    if missing:
        msg = (
            f"{name} has no column {', '.join(missing)}, only {', '.join(header)}; name the "
            "columns in the first line"
        )
        raise SourceError(msg)
    twice = list(dict.fromkeys(column for column in header if header.count(column) > 1))
    if twice:
        msg = f"{name} names a column twice: {some_of(twice)}; rename one of each"
        raise SourceError(msg)
    rows, lines = _read_rows(text, name, delimiter)
    ragged = [
        f"{line} ({len(row)})"
        for line, row in zip(lines, rows, strict=True)
        if len(row) != len(header)
    ]
    if ragged:
        msg = (
            f"{name} has rows with another number of cells than the header's {len(header)}: line "
            f"{some_of(ragged)}; put cells that hold the separator in quotes"
        )
        raise SourceError(msg)
    if not rows:
        msg = f"{name} has no rows below its header; give a table with at least one cutout"
        raise SourceError(msg)
    return Cells(name, text, delimiter, header, tuple(rows), np.array(lines, dtype="int64"))


def find_spans(cells: Cells, column: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find where the cells of a column stand in the text.

    Parameters
    ----------
    cells : Cells
        The file.
    column : str
        One of its columns.

    Returns
    -------
    spans : ndarray of int64, shape (n_rows + 1, 2)
        First character of the cell and the one behind its last, quotes
        included; the header first.
    row_ends : ndarray of int64, shape (n_rows + 1,)
        The character behind the row's last cell; the header first.

    Raises
    ------
    SourceError
        If the scanner and the csv module do not see the same cells.
    """
    place, n_columns = cells.header.index(column), len(cells.header)
    between = re.escape(cells.delimiter)
    # Nothing is ever tried twice (the plus signs and (?>...)): a cell can be read in one way.
    cell = rf'(?>"[^"]*+(?:""[^"]*+)*+"|[^"{between}\r\n][^{between}\r\n]*+|)'
    row = re.compile(
        rf"[\r\n]*+((?:{cell}{between}){{{place}}}({cell})"
        rf"(?:{between}{cell}){{{n_columns - place - 1}}})(?=[\r\n]|\Z)"
    )
    single = re.compile(rf"(?:\A|{between})({cell})")
    start = len(BYTE_ORDER_MARK) if cells.text.startswith(BYTE_ORDER_MARK) else 0
    header, _ = _read_rows(cells.text, cells.name, cells.delimiter, only_header=True)
    found: list[tuple[int, int, int]] = []
    lines, rows = chain([1], cells.lines.tolist()), chain(header, cells.rows)
    for line, expected in zip(lines, rows, strict=True):
        match = row.match(cells.text, start)
        if match is None or _split(match[1], cells.delimiter, single) != expected:
            msg = (
                f"{cells.name} line {line}: the place of its cells in the file is not clear; save "
                "it as CSV again"
            )
            raise SourceError(msg)
        found.append((match.start(2), match.end(2), match.end(1)))
        start = match.end()
    numbers = np.array(found, dtype="int64")
    return numbers[:, :2], numbers[:, 2]


def _split(row: str, delimiter: str, single: re.Pattern[str]) -> list[str]:
    if '"' not in row:
        return row.split(delimiter)
    return [
        cell[1:-1].replace('""', '"') if cell.startswith('"') else cell
        for cell in single.findall(row)
    ]


def _decode(data: bytes, name: str) -> str:
    if not data.strip():
        msg = f"{name} is empty; give a table with at least one cutout"
        raise SourceError(msg)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1
        msg = (
            f"{name} line {line} is not UTF-8 text (byte 0x{data[error.start]:02x}); save the "
            "table as CSV in UTF-8"
        )
        raise SourceError(msg) from None


def _read_header(text: str, name: str, wanted: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Take the delimiter that gives the most of the wanted columns, then the most columns."""
    headers = []
    for delimiter in DELIMITERS:
        try:
            rows, _ = _read_rows(text, name, delimiter, only_header=True)
        except SourceError:
            continue  # with another delimiter a quote may stand where none can
        header = tuple(column.strip() for column in rows[0]) if rows else ()
        headers.append((len(set(wanted) & set(header)), len(header), delimiter, header))
    if not headers:
        msg = f"{name} line 1 is not CSV; save the table as CSV again"
        raise SourceError(msg)
    _, _, delimiter, header = max(headers, key=lambda found: found[:2])
    return delimiter, header


def _read_rows(
    text: str, name: str, delimiter: str, *, only_header: bool = False
) -> tuple[list[list[str]], list[int]]:
    """Read the header only, or everything below it; with the lines on which rows start."""
    lines = io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")
    # Strict: text behind a closing quote, or a quote never closed, is a fault.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    starts: list[int] = []
    start = 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                starts.append(start)
                if only_header:
                    break
            start = reader.line_num + 1
    except csv.Error as error:
        msg = f"{name} line {start} is not CSV ({error}); save the table as CSV again"
        raise SourceError(msg) from None
    return (rows, starts) if only_header else (rows[1:], starts[1:])
