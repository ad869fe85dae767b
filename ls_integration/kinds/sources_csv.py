"""CSV files that people write by hand or save from a spreadsheet."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ls_integration.errors import SourceError

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def parse_number(text: str, where: str, what: str, faults: list[str]) -> float | None:
    """Read decimal text as float64.

    Parameters
    ----------
    text : str
        For example ``0.700``; empty is a missing value. NaN and infinity are
        not numbers here.
    where : str
        File and line, for the message.
    what : str
        What the number is, for the message.
    faults : list of str
        Gets the message if `text` is not a number.

    Returns
    -------
    float or None
        The nearest float64: never by way of float32, in which 0.700 is less
        than 0.7.
    """
    stripped = text.strip()
    if not stripped:
        return None
    number = float(stripped) if _NUMBER.fullmatch(stripped) else float("inf")
    if abs(number) == float("inf"):
        faults.append(f"{where}: the {what} '{stripped}' is not a number; write it as 0.25")
        return None
    return number


def inside(folder: Path, written: str) -> Path | None:
    r"""Find the file that a relative path names, without leaving the folder.

    Parameters
    ----------
    folder : Path
        What the path is relative to; absolute.
    written : str
        The path as it is written; ``\\`` counts as ``/`` if there is no such file.

    Returns
    -------
    Path or None
        The absolute path, ``.`` and ``..`` resolved by the words alone (a
        symlink is followed only by whoever opens the file); None if the path
        is absolute or leaves the folder.
    """
    if "\\" in written and not is_file(folder / written):
        written = written.replace("\\", "/")
    if PurePosixPath(written).is_absolute() or re.match(r"[A-Za-z]:", written):
        return None
    parts: list[str] = []
    for part in PurePosixPath(written).parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
        else:
            return None
    return folder.joinpath(*parts) if parts else None


def is_file(path: Path) -> bool:
    """Tell whether there is such a file, whatever a hand-written path may be.

    Parameters
    ----------
    path : Path
        Perhaps too long, or with characters that no path may have.

    Returns
    -------
    bool
        False for everything that cannot be looked up.
    """
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_text(path: Path) -> str:
    """Read a text file as UTF-8, with or without a byte order mark.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        Its text, line ends as they are.

    Raises
    ------
    SourceError
        If it is missing, empty, or not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        msg = f"{path} does not exist; correct the path"
        raise SourceError(msg) from None
    except UnicodeDecodeError:
        msg = f"{path} is not UTF-8 text; save it as CSV in UTF-8"
        raise SourceError(msg) from None
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}; correct the path or its permissions"
        raise SourceError(msg) from None
    if not text.strip():
        msg = f"{path} is empty; give a file with at least one image"
        raise SourceError(msg)
    return text


def read_records(path: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV file with a header line.

    Parameters
    ----------
    path : Path
        Comma separated, UTF-8, any line ends.
    needed : sequence of str
        Columns that must be there.

    Returns
    -------
    list of (int, dict of str to str)
        Number of the line and the cells by column, for each line that is not
        empty. A missing last cell is an empty text.

    Raises
    ------
    SourceError
        If the file cannot be read, a needed column is missing, a column is
        there twice, or a line has more cells than the header.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    try:
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in needed if name not in header]
        if missing:
            msg = (
                f"{path} has no column {', '.join(missing)}, only {', '.join(header)}; "
                "name the columns in the first line, separated by commas"
            )
            raise SourceError(msg)
        if len(set(header)) < len(header):
            msg = f"{path} names a column twice in {', '.join(header)}; rename one"
            raise SourceError(msg)
        records = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                msg = (
                    f"{path} line {reader.line_num} has {len(cells)} cells for {len(header)} "
                    "columns; put cells that hold a comma in quotes"
                )
                raise SourceError(msg)
            padded = [*cells, *[""] * (len(header) - len(cells))]
            records.append((reader.line_num, dict(zip(header, padded, strict=True))))
    except csv.Error as error:
        msg = f"{path} line {reader.line_num} is not CSV ({error}); save it as CSV again"
        raise SourceError(msg) from None
    return records
