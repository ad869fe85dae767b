"""``test_outputs.csv``: the scientist's own table with corrected labels in it."""

import csv
import io
from collections.abc import Mapping

from ls_integration.kinds.cutouts_complete import LABEL_NEW
from ls_integration.kinds.cutouts_csv import BYTE_ORDER_MARK
from ls_integration.kinds.cutouts_table import CutoutTable

TEST_OUTPUTS = "test_outputs.csv"


def splice_labels(table: CutoutTable, changes: Mapping[int, bool]) -> bytes:
    """Write corrected labels into the bytes of the table that was read.

    Only cells of ``label_new`` change, and only where an answer differs from
    the present value (``label_new``, or ``label`` where that is empty); byte
    order mark, line ends, separators and quotes stay. A cell that was quoted
    stays quoted. Without changes the bytes are those of the input.

    A table without the column ``label_new`` gets it, behind the last column of
    every row, with the row's label or its change; nothing else is different.
    Names and values are then quoted where the header's and row's ``label`` is.

    Parameters
    ----------
    table : CutoutTable
        As read.
    changes : mapping of int to bool
        Row of the table -> corrected label, True for artifact.

    Returns
    -------
    bytes
        The file, with values in the text form of its ``label``. Read again, it
        has the input's cells everywhere else: that is checked each time.

    Raises
    ------
    IndexError
        If a row is not one of the table's.
    """
    n_rows = len(table.frame)
    strange = [row for row in changes if not 0 <= row < n_rows]
    if strange:
        msg = f"row {strange[0]} is none of the {n_rows} rows of {table.name}"
        raise IndexError(msg)
    present = table.present
    wanted = {
        row: table.label_texts[bool(changes[row])]
        for row in sorted(changes)
        if bool(changes[row]) != present[row]
    }
    if not table.has_label_new:
        texts = [table.label_texts[int(label)] for label in present]
        for row, text in wanted.items():
            texts[row] = text
        return _checked(table, _append(table, [LABEL_NEW, *texts]), dict(enumerate(texts)))
    return _checked(table, _replace(table, wanted), wanted)


def _replace(table: CutoutTable, wanted: Mapping[int, str]) -> str:
    text, pieces, place = table.cells.text, [], 0
    for row, value in wanted.items():
        # The first span is the header's.
        start, end = table.spans[row + 1].tolist()
        pieces += [text[place:start], _as_quoted(value, text, start)]
        place = end
    return "".join([*pieces, text[place:]])


def _append(table: CutoutTable, values: list[str]) -> str:
    text, pieces, place = table.cells.text, [], 0
    starts, ends = table.spans[:, 0].tolist(), table.row_ends.tolist()
    for value, start, end in zip(values, starts, ends, strict=True):
        pieces += [text[place:end], table.cells.delimiter, _as_quoted(value, text, start)]
        place = end
    return "".join([*pieces, text[place:]])


def _as_quoted(value: str, text: str, start: int) -> str:
    return f'"{value}"' if text.startswith('"', start) else value


def _checked(table: CutoutTable, text: str, wanted: Mapping[int, str]) -> bytes:
    """Read what was made with Python's own reader, and compare every cell."""
    lines = io.StringIO(text.removeprefix(BYTE_ORDER_MARK), newline="")
    reader = csv.reader(lines, delimiter=table.cells.delimiter, strict=True)
    header, *rows = [row for row in reader if row]
    names = [name.strip() for name in header]
    place = names.index(LABEL_NEW)
    is_same = tuple(names[: len(table.cells.header)]) == table.cells.header
    is_same &= len(rows) == len(table.cells.rows)
    for number, (old, new) in enumerate(zip(table.cells.rows, rows, strict=False)):
        if number in wanted:
            is_same &= new == [*old[:place], wanted[number], *old[place + 1 :]]
        else:
            is_same &= new == old
    if not is_same:
        msg = f"the labels of {table.name} could not be put in without changing other cells"
        raise RuntimeError(msg)
    return text.encode()
