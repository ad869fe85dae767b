"""A table of cutouts, completed: predictions, outcomes, error ids.

Where the file has a column for them it is compared, and each line that
contradicts another column is noted.
"""

import numpy as np
import pandas as pd

from ls_integration.kinds.cutouts_cells import (
    named_texts,
    note,
    note_cells,
    read_forms,
    read_scores,
    read_truths,
    read_whole_numbers,
)
from ls_integration.kinds.cutouts_csv import Cells

NEEDED = ("image_name", "grid_x", "grid_y", "label")
"""Columns that every table has."""

SCORES = ("scores", "confidence")
"""Columns of which one must be there; the first of them that is counts."""

LABEL_NEW = "label_new"
DEFAULT_THRESHOLD = 0.95
"""Where neither predictions nor a threshold are given, as in the notebook."""


def read_columns(
    cells: Cells, score_column: str, faults: list[str]
) -> tuple[pd.DataFrame, tuple[str, str]]:
    """Read what every table has, and ``label_new`` and ``grid_id`` where they are.

    Parameters
    ----------
    cells : Cells
        The file.
    score_column : str
        Which of `SCORES` counts.
    faults : list of str
        Gets a message for each column with unreadable cells.

    Returns
    -------
    frame : DataFrame
        As `cutouts_table.CutoutTable.frame`; ``prediction``, ``outcome`` and
        ``error_id`` are not filled in yet.
    label_texts : tuple of str
        How the file writes the labels False and True.
    """
    lines, n_rows = cells.lines, len(cells.rows)
    names = [text.strip() for text in cells.column("image_name")]
    nameless = np.array([not text for text in names], dtype=bool)
    note(faults, "image_name is empty", nameless, lines)
    label_cells = cells.column("label")
    label, known = read_truths(label_cells, "label", lines, faults, may_be_empty=False)
    forms = read_forms(label_cells, label, lines, faults) if known.all() else ("0", "1")
    label_new = np.full(n_rows, pd.NA, dtype=object)
    if LABEL_NEW in cells.header:
        new_cells = cells.column(LABEL_NEW)
        new, given = read_truths(new_cells, LABEL_NEW, lines, faults, may_be_empty=True)
        label_new[given] = new[given]
    grid_ids = cells.column("grid_id") if "grid_id" in cells.header else [""] * n_rows
    columns = {
        "row": np.arange(n_rows, dtype="int64"),
        "image_name": np.array(names, dtype=object),
        "grid_x": read_whole_numbers(cells.column("grid_x"), "grid_x", lines, faults, minimum=0),
        "grid_y": read_whole_numbers(cells.column("grid_y"), "grid_y", lines, faults, minimum=0),
        "label": label,
        "prediction": np.zeros(n_rows, dtype=bool),
        "score": read_scores(cells.column(score_column), score_column, lines, faults),
        "outcome": np.full(n_rows, "", dtype=object),
        "error_id": np.full(n_rows, -1, dtype="int64"),
        "label_new": pd.array(label_new, dtype="boolean"),
        "grid_id": np.array(named_texts(grid_ids), dtype=object),
    }
    return pd.DataFrame(columns), forms


def decide_predictions(
    cells: Cells, frame: pd.DataFrame, threshold: float | None, faults: list[str]
) -> float | None:
    """Fill in ``prediction``, and compare it with the threshold.

    Parameters
    ----------
    cells : Cells
        The file.
    frame : DataFrame
        From `read_columns`; changed.
    threshold : float or None
        A score from here on is positive.
    faults : list of str
        Gets a message if ``preds`` contradicts the threshold.

    Returns
    -------
    float or None
        The threshold that the predictions keep to; None where they are trusted.
    """
    score = frame["score"].to_numpy()
    if "preds" not in cells.header:
        used = DEFAULT_THRESHOLD if threshold is None else threshold
        frame["prediction"] = score >= used
        return used
    texts = cells.column("preds")
    called, known = read_truths(texts, "preds", cells.lines, faults, may_be_empty=False)
    frame["prediction"] = called
    if threshold is not None:
        what = f"preds contradicts the threshold {threshold:g} (a score from there on is positive)"
        note_cells(faults, what, known & (called != (score >= threshold)), cells.lines, texts)
    return threshold


def name_outcomes(cells: Cells, frame: pd.DataFrame, faults: list[str]) -> None:
    """Fill in ``outcome``, and compare it with ``confmat_labels``.

    Parameters
    ----------
    cells : Cells
        The file.
    frame : DataFrame
        With predictions; changed.
    faults : list of str
        Gets a message if they contradict each other.
    """
    label, called = frame["label"].to_numpy(), frame["prediction"].to_numpy()
    outcome = np.select(
        [label & called, ~label & called, label & ~called], ["TP", "FP", "FN"], "TN"
    )
    frame["outcome"] = outcome.astype(object)
    if "confmat_labels" in cells.header:
        texts = cells.column("confmat_labels")
        wrong = np.array([text.strip().upper() for text in texts], dtype=object) != outcome
        note_cells(faults, "confmat_labels contradicts label and preds", wrong, cells.lines, texts)


def count_errors(cells: Cells, frame: pd.DataFrame, faults: list[str]) -> None:
    """Fill in ``error_id``, or compare the file's with the outcomes.

    Parameters
    ----------
    cells : Cells
        The file.
    frame : DataFrame
        With outcomes; changed.
    faults : list of str
        Gets a message if they contradict each other.
    """
    is_error = frame["outcome"].isin(["FP", "FN"]).to_numpy(dtype=bool)
    if "error_id" not in cells.header:
        frame["error_id"] = np.where(is_error, np.cumsum(is_error) - 1, -1)
        return
    texts, lines = cells.column("error_id"), cells.lines
    numbers = read_whole_numbers(texts, "error_id", lines, faults, minimum=-1)
    frame["error_id"] = numbers
    readable = numbers >= -1
    what = "error_id is -1 for an error (label and preds differ)"
    note(faults, what, is_error & (numbers == -1), lines)
    what = "error_id is given to what is no error (label and preds agree)"
    note_cells(faults, what, ~is_error & (numbers >= 0), lines, texts)
    again = readable & (numbers >= 0) & frame["error_id"].duplicated().to_numpy(dtype=bool)
    note_cells(faults, "error_id stands again", again, lines, texts)
