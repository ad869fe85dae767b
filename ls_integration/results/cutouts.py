"""What people said about cutouts: one decision each, and who said what."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.annotations import as_numbers, as_text
from ls_integration.errors import SourceError, some_of
from ls_integration.kinds.cutouts import NEGATIVE, POSITIVE, UNSURE
from ls_integration.results.tables import write_csv
from ls_integration.scoring.consensus import MISSING, TIED, count_votes, majority

TIE = "tie"
"""The decision where two answers have as many votes."""

REVIEWERS = "reviewers.csv"

_ANSWERS = [POSITIVE, NEGATIVE, UNSURE]
_TEXTS = ("item_id", "label", "given_label", "model_label", "image_name", "group")
_NUMBERS = ("row", "grid_x", "grid_y", "error_id")
_TRUTHS = {"true": True, "false": False}


def check_cutouts(frame: pd.DataFrame) -> pd.DataFrame:
    """Bring a table of all cutouts to its types, as one read from a CSV needs.

    Parameters
    ----------
    frame : DataFrame
        From `kinds.cutouts.all_cutouts`, or read from the ``items.csv`` that
        was written from it.

    Returns
    -------
    DataFrame
        A copy, rows in the same order, index from 0.

    Raises
    ------
    SourceError
        If a column is missing or its values cannot be.
    """
    needed = [*_TEXTS, *_NUMBERS, "is_queue", "sampling_rate"]
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        msg = (
            f"the items table has no column {some_of(missing)}; give the items.csv that "
            "`export` wrote for this study"
        )
        raise SourceError(msg)
    checked = frame.reset_index(drop=True).copy()
    for name in _TEXTS:
        checked[name] = as_text(name, checked[name])
    for name in _NUMBERS:
        numbers = as_numbers(name, checked[name])
        _refuse(numbers.isna() | (numbers % 1 != 0), name, "not a whole number")
        checked[name] = numbers.astype("int64")
    checked["sampling_rate"] = as_numbers("sampling_rate", checked["sampling_rate"])
    words = checked["is_queue"].astype(str).str.lower()
    _refuse(~words.isin(_TRUTHS), "is_queue", "neither true nor false")
    checked["is_queue"] = words.map(_TRUTHS).astype(bool)
    for name in ("label", "given_label", "model_label"):
        _refuse(~checked[name].isin([POSITIVE, NEGATIVE]), name, f"no {POSITIVE} or {NEGATIVE}")
    return checked


def decide(annotations: pd.DataFrame, *, annotator: str | None = None) -> pd.DataFrame:
    """Make one decision for each cutout that was answered.

    Each person has one vote: the answer given or changed last, in their latest
    round, whichever view it came from. "unsure" is a vote like the others, so
    that one certain person does not overrule two who could not tell.

    Parameters
    ----------
    annotations : DataFrame
        A checked annotations table.
    annotator : str, optional
        Take this person's answers only.

    Returns
    -------
    DataFrame
        One row per cutout that has an answer which is no skip, in the order of
        the first: ``item_id``; ``decision`` (the answer with the most votes, or
        `TIE`); ``n_people``, ``n_artifact``, ``n_no_artifact``, ``n_unsure``.

    Raises
    ------
    SourceError
        If nobody is called *annotator*, or an answer is none of the three.
    """
    if annotator is not None:
        people = list(dict.fromkeys(annotations["annotator"]))
        if annotator not in people:
            msg = f"nobody called {annotator} has answered; there are {some_of(people)}"
            raise SourceError(msg)
        annotations = annotations.loc[annotations["annotator"] == annotator]
    votes = latest_answers(annotations)
    votes = votes.loc[~votes["skipped"]]
    strange = list(dict.fromkeys(votes.loc[~votes["label"].isin(_ANSWERS), "label"]))
    if strange:
        msg = f"answers that this study does not have: {some_of(strange)}; correct the table"
        raise SourceError(msg)
    items, item_ids = pd.factorize(votes["item_id"])
    voters, names = pd.factorize(votes["annotator"])
    cast = np.full((len(item_ids), len(names)), MISSING, dtype="int64")
    cast[items, voters] = pd.Index(_ANSWERS).get_indexer(pd.Index(votes["label"]))
    counts = count_votes(cast, len(_ANSWERS))
    decided = majority(cast, len(_ANSWERS))
    words = np.array([*_ANSWERS, TIE], dtype=object)
    return pd.DataFrame(
        {
            "item_id": np.array(item_ids, dtype=object),
            "decision": words[np.where(decided == TIED, len(_ANSWERS), decided)],
            "n_people": counts.sum(axis=1),
            "n_artifact": counts[:, 0],
            "n_no_artifact": counts[:, 1],
            "n_unsure": counts[:, 2],
        }
    )


def latest_answers(annotations: pd.DataFrame) -> pd.DataFrame:
    """Pick each person's answer to each cutout that counts.

    Not `annotations.newest_answers`, which goes by when an answer was first
    given: a cutout can be answered in two views, and one changed after the
    other was given is the later one.

    Parameters
    ----------
    annotations : DataFrame
        A checked annotations table.

    Returns
    -------
    DataFrame
        One row per ``item_id`` and ``annotator``, in the order of
        *annotations*: of the latest round, the one with the latest
        ``updated_at`` (``created_at`` where there is none).
    """
    said = annotations["updated_at"].fillna(annotations["created_at"])
    order = annotations.assign(said=said).sort_values(
        ["round", "said", "submission"], kind="stable", na_position="first"
    )
    kept = order.drop_duplicates(["item_id", "annotator"], keep="last").index
    return annotations.loc[annotations.index.isin(kept)].reset_index(drop=True)


def without_unsure(annotations: pd.DataFrame) -> pd.DataFrame:
    """Take "unsure" for no judgement, as a skip is none.

    Parameters
    ----------
    annotations : DataFrame
        A checked annotations table.

    Returns
    -------
    DataFrame
        A copy in which such answers are skipped.
    """
    is_unsure = ~annotations["skipped"] & (annotations["label"] == UNSURE)
    return annotations.assign(skipped=annotations["skipped"] | is_unsure)


def label_changes(cutouts: pd.DataFrame, decisions: pd.DataFrame) -> dict[int, bool]:
    """Find the labels that the decisions change.

    Parameters
    ----------
    cutouts : DataFrame
        All cutouts, see `check_cutouts`.
    decisions : DataFrame
        From `decide`.

    Returns
    -------
    dict of int to bool
        Row of the table -> True for artifact, ascending; for
        `test_outputs.splice_labels`. "unsure" and ties change nothing.

    Raises
    ------
    SourceError
        If a decision is on a cutout that *cutouts* does not have.
    """
    place = find_cutouts(cutouts, decisions["item_id"])
    decision = decisions["decision"].to_numpy(dtype=object)
    differs = np.isin(decision, [POSITIVE, NEGATIVE]) & (
        decision != cutouts["label"].to_numpy(dtype=object)[place]
    )
    rows = cutouts["row"].to_numpy()[place[differs]].tolist()
    return dict(sorted(zip(rows, (decision[differs] == POSITIVE).tolist(), strict=True)))


def list_reviews(cutouts: pd.DataFrame, annotations: pd.DataFrame) -> pd.DataFrame:
    """List every answer, also those that were corrected or outvoted.

    Parameters
    ----------
    cutouts : DataFrame
        All cutouts, see `check_cutouts`.
    annotations : DataFrame
        A checked annotations table.

    Returns
    -------
    DataFrame
        In the order of the table, then of time: ``image_name``, ``grid_x``,
        ``grid_y`` (px), ``error_id``, ``annotator``, ``round``, ``label``,
        ``changed`` (whether the answer differs from the label that was there;
        missing for a skip, False for "unsure"), ``skipped``, ``remark``,
        ``lead_time_s``, ``created_at``, ``updated_at``.

    Raises
    ------
    SourceError
        If an answer is on a cutout that *cutouts* does not have.
    """
    place = find_cutouts(cutouts, annotations["item_id"])
    known = cutouts.iloc[place].reset_index(drop=True)
    answers = annotations.reset_index(drop=True)
    changed = (answers["label"] != known["label"]) & (answers["label"] != UNSURE)
    reviews = pd.concat(
        [
            known[["image_name", "grid_x", "grid_y", "error_id"]],
            answers[["annotator", "round", "label"]],
            changed.astype("boolean").mask(answers["skipped"]).rename("changed"),
            answers[["skipped", "remark", "lead_time_s", "created_at", "updated_at"]],
        ],
        axis=1,
    )
    order = pd.DataFrame({"row": known["row"], "time": reviews["created_at"]})
    sorted_rows = order.sort_values(["row", "time"], kind="stable", na_position="first").index
    return reviews.loc[sorted_rows].reset_index(drop=True)


def write_reviewers(folder: Path, reviews: pd.DataFrame) -> Path:
    """Write ``reviewers.csv``.

    Parameters
    ----------
    folder : Path
        Where it goes.
    reviews : DataFrame
        From `list_reviews`.

    Returns
    -------
    Path
        The file: UTF-8, times in ISO 8601, texts that a spreadsheet would run
        are quoted.
    """
    path = folder / REVIEWERS
    write_csv(path, reviews)
    return path


def find_cutouts(cutouts: pd.DataFrame, item_ids: "pd.Series[Any]") -> NDArray[np.int64]:
    """Find the places of cutouts.

    Parameters
    ----------
    cutouts : DataFrame
        All cutouts, see `check_cutouts`.
    item_ids : Series of str
        Whose places.

    Returns
    -------
    ndarray of int64, shape (n_item_ids,)
        From 0.

    Raises
    ------
    SourceError
        If *cutouts* does not have one of them.
    """
    index = pd.Index(cutouts["item_id"])
    place: NDArray[np.int64] = np.asarray(index.get_indexer(pd.Index(item_ids)), dtype="int64")
    unknown = list(dict.fromkeys(item_ids[place < 0]))
    if unknown:
        msg = (
            f"there are answers on cutouts that the table does not have: {some_of(unknown)}; give "
            "the items.csv of this study, or remove the rows"
        )
        raise SourceError(msg)
    return place


def _refuse(wrong: "pd.Series[bool]", name: str, what: str) -> None:
    rows = [int(row) + 1 for row in np.flatnonzero(wrong.to_numpy(dtype=bool))]
    if rows:
        msg = f"column {name} of the items table is {what} in row {some_of(rows)}; correct it"
        raise SourceError(msg)
