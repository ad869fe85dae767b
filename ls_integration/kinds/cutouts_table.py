"""The table of a model's cutouts: read, completed, and checked against itself.

Positive means artifact. What the table says of its own predictions, outcomes
and error ids is trusted where it is there and proves right, and computed where
it is not there.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.errors import ConfigError, SourceError
from ls_integration.kinds.cutouts_cells import Bools, note
from ls_integration.kinds.cutouts_complete import (
    LABEL_NEW,
    NEEDED,
    SCORES,
    count_errors,
    decide_predictions,
    name_outcomes,
    read_columns,
)
from ls_integration.kinds.cutouts_csv import Cells, find_spans, read_cells

DISPLAYED = (
    "image_name",
    "error_id",
    "grid_id",
    "grid_x",
    "grid_y",
    "label",
    "preds",
    "scores",
    "confmat_labels",
)
"""The table beside each cutout, as the notebook showed it."""

_OWN = ("row", "prediction", "score", "outcome")


@dataclass(frozen=True)
class CutoutTable:
    """A table of cutouts, one row each, in the order of the file.

    Attributes
    ----------
    name : str
        The file's name.
    frame : DataFrame
        ``row`` int64 from 0; ``image_name`` str; ``grid_x``, ``grid_y`` int64
        in px; ``label``, ``prediction`` bool, True for artifact; ``score``
        float64; ``outcome`` TP, FP, FN or TN, of the prediction against
        ``label``; ``error_id`` int64, -1 where the outcome is no error;
        ``label_new`` boolean, NA where empty or absent; ``grid_id`` str or
        None; then every other column as text, with ``_in_file`` behind its name
        if that is one of these.
    texts : DataFrame
        Those of `DISPLAYED` that are in the file, as they stand there, and what
        was computed; ``grid_id`` only if the file has it.
    label_texts : tuple of str
        How the file writes the labels False and True.
    cells : Cells
        The file.
    spans : ndarray of int64, shape (n_rows + 1, 2)
        Where the cells of ``label_new`` stand in the text, or those of
        ``label`` if there is no such column; the header first.
    row_ends : ndarray of int64, shape (n_rows + 1,)
        Where the rows end in the text; the header first.
    threshold : float or None
        A score from here on is an artifact; None where the file's predictions
        are trusted.
    tile_px : int
        Side of a cutout in px.
    notes : tuple of str
        Lines for the user on what is allowed and may still be a mistake.
    """

    name: str
    frame: pd.DataFrame
    texts: pd.DataFrame
    label_texts: tuple[str, str]
    cells: Cells
    spans: NDArray[np.int64]
    row_ends: NDArray[np.int64]
    threshold: float | None
    tile_px: int
    notes: tuple[str, ...]

    @property
    def data(self) -> bytes:
        """Give the file back.

        Returns
        -------
        bytes
            As read.
        """
        return self.cells.text.encode()

    @property
    def has_label_new(self) -> bool:
        """Tell whether the file has the column ``label_new``.

        Returns
        -------
        bool
            False also means that there is no present value but ``label``.
        """
        return LABEL_NEW in self.cells.header

    @property
    def present(self) -> Bools:
        """Give the labels that reviewers start from.

        Returns
        -------
        ndarray of bool, shape (n_rows,)
            ``label_new`` where it is given, else ``label``; True for artifact.
        """
        new, old = self.frame["label_new"], self.frame["label"]
        return new.fillna(old.astype("boolean")).to_numpy(dtype=bool)


def read_predictions_table(
    path: Path, *, threshold: float | None = None, tile_px: int = 200
) -> CutoutTable:
    """Read a table of cutouts from disk.

    Parameters
    ----------
    path : Path
        See `parse_predictions_table`.
    threshold : float, optional
        A score from here on is an artifact.
    tile_px : int
        Side of a cutout in px.

    Returns
    -------
    CutoutTable
        Checked.

    Raises
    ------
    SourceError
        If the file cannot be read or contradicts itself.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}; correct the path or its permissions"
        raise SourceError(msg) from None
    return parse_predictions_table(data, path.name, threshold=threshold, tile_px=tile_px)


def parse_predictions_table(
    data: bytes, name: str, *, threshold: float | None = None, tile_px: int = 200
) -> CutoutTable:
    """Read a table of cutouts: complete what is absent, check what is there.

    Parameters
    ----------
    data : bytes
        CSV in UTF-8, see `cutouts_csv.read_cells`, with the columns `NEEDED`
        and one of `SCORES` of `cutouts_complete`; maybe ``preds``,
        ``confmat_labels``, ``error_id`` (counted from 0 in the order of the
        rows where absent), ``label_new``, ``grid_id``; any others.
    name : str
        What the file is called, for messages.
    threshold : float, optional
        A score from here on is an artifact. If the file has ``preds``, they
        must agree; without it they are trusted. If it has none, the default
        is
        `cutouts_complete.DEFAULT_THRESHOLD`.
    tile_px : int
        Side of a cutout in px.

    Returns
    -------
    CutoutTable
        Checked.

    Raises
    ------
    ConfigError
        If the threshold is not finite or the cutouts have no size.
    SourceError
        If the table breaks its form or contradicts itself; names the lines.
    """
    if tile_px < 1 or not (threshold is None or np.isfinite(threshold)):
        msg = f"a tile of {tile_px} px and a threshold of {threshold}: give finite, positive ones"
        raise ConfigError(msg)
    cells = read_cells(data, name, NEEDED, SCORES)
    score_column = next(column for column in SCORES if column in cells.header)
    faults: list[str] = []
    frame, label_texts = read_columns(cells, score_column, faults)
    _refuse(name, faults, "correct these cells")
    note(
        faults,
        "a cutout (image_name, grid_x, grid_y) stands again",
        frame.duplicated(["image_name", "grid_x", "grid_y"]).to_numpy(dtype=bool),
        cells.lines,
    )
    used = decide_predictions(cells, frame, threshold, faults)
    name_outcomes(cells, frame, faults)
    count_errors(cells, frame, faults)
    remedy = "correct these lines, or leave out the wrong column: what is absent is computed"
    _refuse(name, faults, remedy)
    spans, row_ends = find_spans(cells, LABEL_NEW if LABEL_NEW in cells.header else "label")
    return CutoutTable(
        name=name,
        frame=_with_other_columns(cells, frame, score_column),
        texts=_shown_texts(cells, frame, score_column, label_texts),
        label_texts=label_texts,
        cells=cells,
        spans=spans,
        row_ends=row_ends,
        threshold=used,
        tile_px=tile_px,
        notes=_notes(frame, tile_px),
    )


def _refuse(name: str, faults: list[str], remedy: str) -> None:
    if faults:
        msg = f"{name}: {'; '.join(faults)}; {remedy}"
        raise SourceError(msg)


def _with_other_columns(cells: Cells, frame: pd.DataFrame, score_column: str) -> pd.DataFrame:
    read = {*NEEDED, score_column, "preds", "confmat_labels", "error_id", LABEL_NEW, "grid_id"}
    others = {}
    for column in cells.header:
        if column not in read:
            name = column
            while name in _OWN or (name != column and name in cells.header):
                name += "_in_file"
            others[name] = pd.Series(cells.column(column), dtype=object)
    return pd.concat([frame, pd.DataFrame(others, index=frame.index)], axis=1)


def _shown_texts(
    cells: Cells, frame: pd.DataFrame, score_column: str, label_texts: tuple[str, str]
) -> pd.DataFrame:
    computed = {
        "error_id": frame["error_id"].astype(str),
        "preds": frame["prediction"].map({False: label_texts[0], True: label_texts[1]}),
        "confmat_labels": frame["outcome"],
    }
    shown: dict[str, pd.Series[str]] = {}
    for name in DISPLAYED:
        column = score_column if name == "scores" else name
        if column in cells.header:
            shown[name] = pd.Series(cells.column(column), dtype=object)
        elif name in computed:
            shown[name] = computed[name].astype(object)
    return pd.DataFrame(shown, index=frame.index)


def _notes(frame: pd.DataFrame, tile_px: int) -> tuple[str, ...]:
    notes = []
    for column in ("grid_x", "grid_y"):
        places = np.unique(frame[column].to_numpy())
        step = int(np.diff(places).min()) if len(places) > 1 else tile_px
        if step % tile_px:
            notes.append(
                f"{column} goes in steps of {step} px, a cutout has {tile_px} px; if that is not "
                f"intended, give --tile {step}"
            )
    different = (frame["label_new"].notna() & (frame["label_new"] != frame["label"])).fillna(False)
    if different.any():
        notes.append(
            f"label_new differs from label in {int(different.sum())} rows; reviewers start from "
            "label_new"
        )
    return tuple(notes)
