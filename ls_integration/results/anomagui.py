"""Session files as AnomaGUI wrote them, both ways.

``NAME.csv`` has one row, ``Name,Accuracy,TPR,FPR,FP,FN,Classified``. ``NAME.npz``
holds ``classifications`` (n_items, 4) float64 = decision (1 = anomaly), rating,
model score, decision time in s, and ``fp_errors``, ``fn_errors``: the paths of
the wrong answers. Everything is in the study's order.

A finished session gives the bytes that AnomaGUI gave. It had no unfinished
ones; here an item without an answer has NaN as its decision and its time. A rate
without a denominator, where AnomaGUI stopped with an error, is the word ``nan``:
``float("nan")`` and pandas read it as a number, an empty cell would break
scripts that call ``float``.

References
----------
https://github.com/fredbeaupre/AnomaGUI, ``anomagui.py``.
"""

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.annotations import check_annotations, newest_answers
from ls_integration.errors import SourceError, some_of
from ls_integration.files import whole_file, write_text
from ls_integration.images.npy import read_npz
from ls_integration.images.source_files import DAMAGED
from ls_integration.results.names import name_rounds, rounds_of
from ls_integration.scoring.binary import Counts, count_decisions

HEADER = ["Name", "Accuracy", "TPR", "FPR", "FP", "FN", "Classified"]
DECISION, RATING, MODEL_SCORE, DECISION_TIME_S = range(4)
"""Columns of ``classifications``."""

MAX_SESSION_BYTES = 64 * 1024 * 1024
"""Two million images of four numbers."""

_OLD_COLUMNS, _COLUMNS = 2, 4


def write_sessions(
    folder: Path, items: pd.DataFrame, annotations: pd.DataFrame, *, positive: str
) -> list[Path]:
    """Write ``NAME.csv`` and ``NAME.npz`` of every person and round.

    Parameters
    ----------
    folder : Path
        Where they go.
    items : DataFrame
        The study in its order: ``item_id``, ``source_path``, and where there
        are any ``label``, ``rating``, ``model_score``.
    annotations : DataFrame
        A checked annotations table; a person's newest answer counts.
    positive : str
        The label that AnomaGUI wrote as 1.

    Returns
    -------
    list of Path
        What was written, CSV before NPZ.
    """
    answers = newest_answers(annotations)
    names = name_rounds(rounds_of(annotations))
    written = []
    for (annotator, number), name in names.items():
        mine = answers[(answers["annotator"] == annotator) & (answers["round"] == number)]
        written += _write_session(folder, name, items, mine, positive)
    return written


def count_rows(path: Path) -> int:
    """Count the images of a session.

    Parameters
    ----------
    path : Path
        ``NAME.npz``.

    Returns
    -------
    int
        Judged or not.

    Raises
    ------
    SourceError
        If the file is not such a session.
    """
    return len(_load_classifications(path))


def read_session(
    path: Path,
    items: pd.DataFrame,
    *,
    annotator: str | None = None,
    number: int = 1,
    positive: str = "anomaly",
    negative: str = "normal",
) -> pd.DataFrame:
    """Read a finished session back into an annotations table.

    Parameters
    ----------
    path : Path
        ``NAME.npz`` with ``classifications`` of 4 columns, or of 2 (decision
        and rating) as older versions wrote it.
    items : DataFrame
        The items that were judged, in the order of the session: ``item_id`` and
        ``rating`` (NaN where there is none).
    annotator : str, optional
        Who judged; the file's stem by default.
    number : int
        The round, from 1.
    positive, negative : str
        The labels that 1 and 0 stand for.

    Returns
    -------
    DataFrame
        A checked annotations table with a row for each judged item. Nothing is
        ``prefilled``: AnomaGUI showed no answers.

    Raises
    ------
    SourceError
        If the file is not such a session, or not one of these items: another
        number of rows, or another rating in any row.
    """
    session = _load_classifications(path)
    if len(session) != len(items):
        msg = (
            f"{path} has {len(session)} answers, but there are {len(items)} items; "
            "give the source that this session was made with"
        )
        raise SourceError(msg)
    _compare_ratings(path, session[:, RATING], items["rating"].to_numpy(dtype="float64"))
    decision = session[:, DECISION]
    wrong = np.flatnonzero(~(np.isnan(decision) | (decision == 0) | (decision == 1)))
    if len(wrong):
        rows = some_of([f"{row + 1}: {decision[row]:g}" for row in wrong])
        msg = f"{path} has decisions other than 0 and 1 in row {rows}; correct or remove the file"
        raise SourceError(msg)
    judged = ~np.isnan(decision)
    frame = pd.DataFrame(
        {
            "item_id": items["item_id"].to_numpy()[judged],
            "annotator": annotator if annotator is not None else path.stem,
            "round": number,
            "label": np.where(decision[judged] == 1, positive, negative),
            "lead_time_s": session[judged, DECISION_TIME_S],
        }
    )
    try:
        return check_annotations(frame)
    except SourceError as error:
        msg = f"{path}: {error}"
        raise SourceError(msg) from error


def _write_session(
    folder: Path, name: str, items: pd.DataFrame, answers: pd.DataFrame, positive: str
) -> list[Path]:
    """Write both files of one person and round."""
    by_item = answers[~answers["skipped"]].set_index("item_id").reindex(items["item_id"])
    judged = by_item["label"].notna().to_numpy(dtype=bool)
    called = (by_item["label"] == positive).to_numpy(dtype=bool)
    known = _texts(items, "label")
    has_truth = np.array([label is not None for label in known], dtype=bool)
    truth = np.array([label == positive for label in known], dtype=bool)

    table = np.full((len(items), _COLUMNS), np.nan)
    table[judged, DECISION] = called[judged]
    table[:, RATING] = _numbers(items, "rating")
    table[:, MODEL_SCORE] = _numbers(items, "model_score")
    table[judged, DECISION_TIME_S] = by_item["lead_time_s"].to_numpy(dtype="float64")[judged]

    paths = items["source_path"].astype(str).to_numpy()
    scored = judged & has_truth
    # As text even where there is no error: an array of objects would need pickle.
    false_positives = np.asarray(paths[scored & called & ~truth].tolist(), dtype=np.str_)
    false_negatives = np.asarray(paths[scored & ~called & truth].tolist(), dtype=np.str_)
    counts = count_decisions(truth, called, scored)

    text, binary = folder / f"{name}.csv", folder / f"{name}.npz"
    write_text(text, _summary(name, counts, int(judged.sum())))
    with whole_file(binary) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream, classifications=table, fp_errors=false_positives, fn_errors=false_negatives
        )
    return [text, binary]


def _summary(name: str, counts: Counts, n_judged: int) -> str:
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerow(HEADER)
    writer.writerow(
        [
            name,
            _rounded(counts.tp + counts.tn, counts.total),
            _rounded(counts.tp, counts.tp + counts.fn),
            _rounded(counts.fp, counts.fp + counts.tn),
            counts.fp,
            counts.fn,
            n_judged,
        ]
    )
    return lines.getvalue()


def _rounded(part: int, total: int) -> float:
    """Divide and round as AnomaGUI did; nan where it could not."""
    return round(part / total, 3) if total else float("nan")


def _load_classifications(path: Path) -> NDArray[np.float64]:
    """Load the table, with NaN as score and time where the file has none."""
    try:
        # A pickle in an old file could run anything; the real ones have none.
        table = read_npz(path, ["classifications"], MAX_SESSION_BYTES)["classifications"]
    except FileNotFoundError:
        msg = f"there is no session file {path}; check the path"
        raise SourceError(msg) from None
    except (*DAMAGED, SourceError) as error:
        msg = f"{path} is not a session of AnomaGUI: no readable array 'classifications' in it"
        raise SourceError(msg) from error
    if table.ndim != 2 or table.shape[1] not in (_OLD_COLUMNS, _COLUMNS):
        msg = (
            f"{path}: 'classifications' has the shape {table.shape}; "
            f"a session has {_COLUMNS} columns, an old one {_OLD_COLUMNS}"
        )
        raise SourceError(msg)
    if not np.issubdtype(table.dtype, np.number):
        msg = f"{path}: 'classifications' holds {table.dtype}, not numbers; remove the file"
        raise SourceError(msg)
    full = np.full((len(table), _COLUMNS), np.nan)
    full[:, : table.shape[1]] = table
    return full


def _compare_ratings(path: Path, found: NDArray[np.float64], known: NDArray[np.float64]) -> None:
    """Refuse a session of other items: each row carries its item's rating."""
    same = (found == known) | (np.isnan(found) & np.isnan(known))
    if not same.all():
        row = int(np.flatnonzero(~same)[0])
        msg = (
            f"{path} does not belong to these items: row {row + 1} has the rating "
            f"{found[row]:.16g}, the item {known[row]:.16g} ({int((~same).sum())} rows differ); "
            "give the source that this session was made with"
        )
        raise SourceError(msg)


def _numbers(items: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in items.columns:
        return np.full(len(items), np.nan)
    return items[name].to_numpy(dtype="float64", na_value=np.nan)


def _texts(items: pd.DataFrame, name: str) -> list[str | None]:
    if name not in items.columns:
        return [None] * len(items)
    return [None if pd.isna(value) else str(value) for value in items[name]]
