"""A ``test_outputs.csv`` whose ``label_new`` was edited in the notebook."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ls_integration.errors import SourceError
from ls_integration.kinds.cutouts_cells import read_truths, read_whole_numbers
from ls_integration.kinds.cutouts_complete import LABEL_NEW, NEEDED
from ls_integration.kinds.cutouts_csv import read_cells
from ls_integration.kinds.cutouts_table import CutoutTable


def read_edited_outputs(
    path: Path, table: CutoutTable, *, reviewed_rows: Iterable[int] = ()
) -> dict[int, bool]:
    """Read what somebody answered in the notebook.

    Parameters
    ----------
    path : Path
        The edited file: the columns of `NEEDED` and ``label_new``. A library
        may have written it anew (200.0 for 200, other quotes); its rows must be
        those of the study's table, in the same order.
    table : CutoutTable
        The study's table.
    reviewed_rows : iterable of int
        Rows that were looked at and so are answers also where nothing was
        changed, for example those of the queue.

    Returns
    -------
    dict of int to bool
        Row of the table -> True for artifact, ascending: the rows whose
        ``label_new`` differs from the present value, and *reviewed_rows*, with
        the present value where the cell is empty.

    Raises
    ------
    SourceError
        If the file cannot be read, has no ``label_new``, or does not have the
        table's rows; names the first that differs.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}; correct the path or its permissions"
        raise SourceError(msg) from None
    cells = read_cells(data, path.name, [*NEEDED, LABEL_NEW])
    faults: list[str] = []
    lines, frame = cells.lines, table.frame
    label, _ = read_truths(cells.column("label"), "label", lines, faults, may_be_empty=False)
    new, given = read_truths(cells.column(LABEL_NEW), LABEL_NEW, lines, faults, may_be_empty=True)
    grid = {
        name: read_whole_numbers(cells.column(name), name, lines, faults, minimum=0)
        for name in ("grid_x", "grid_y")
    }
    if faults:
        msg = f"{path.name}: {'; '.join(faults)}; correct these cells"
        raise SourceError(msg)
    names = np.array([text.strip() for text in cells.column("image_name")], dtype=object)
    theirs = list(zip(names, grid["grid_x"], grid["grid_y"], label, strict=True))
    columns = (frame["image_name"], frame["grid_x"], frame["grid_y"], frame["label"])
    ours = list(zip(*columns, strict=True))
    for row, (their, our) in enumerate(zip(theirs, ours, strict=False)):
        if their != our:
            msg = (
                f"{path.name} line {lines[row]} is {_name(their, table)}, where the study has "
                f"{_name(our, table)}; give a copy of the study's table in which only "
                f"{LABEL_NEW} was edited"
            )
            raise SourceError(msg)
    if len(theirs) != len(ours):
        msg = (
            f"{path.name} has {len(theirs)} rows, the study's table {len(ours)}; give a copy of "
            f"the study's table in which only {LABEL_NEW} was edited"
        )
        raise SourceError(msg)
    final = np.where(given, new, table.present)
    answered = final != table.present
    answered[list(reviewed_rows)] = True
    return {int(row): bool(final[row]) for row in np.flatnonzero(answered)}


def _name(cutout: tuple[object, ...], table: CutoutTable) -> str:
    image_name, grid_x, grid_y, label = cutout
    return f"{image_name}/{grid_x}/{grid_y} with label {table.label_texts[bool(label)]}"
