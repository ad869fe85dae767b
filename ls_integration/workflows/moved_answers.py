"""What a server cannot be told of an answer that comes from another one.

Label Studio gives every answer that is brought in a new id and the time of the
moment, and forgets which prediction its page had started from. What the first
server said of these is kept in the study and put back at each export.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.annotations import COLUMNS

_OWN = ["annotator", "prefilled", "changed", "first_label", "created_at", "updated_at"]
"""Columns of the annotations table that a move would lose."""

_KEY = ["project_id", "annotation_id", "item_id"]


def note_moved(
    answers: pd.DataFrame, places: Mapping[tuple[int, int], tuple[int, int, str]], url: str
) -> pd.DataFrame:
    """Note what the first server said of answers that are now on another one.

    Parameters
    ----------
    answers : DataFrame
        The annotations table of the first server.
    places : mapping
        Project and annotation there -> project, annotation and ``updated_at``
        on the new server.
    url : str
        The new server.

    Returns
    -------
    DataFrame
        A row for each answer, to be kept in the study.
    """
    new = [
        places[int(project), int(annotation)]
        for project, annotation in zip(answers["project_id"], answers["annotation_id"], strict=True)
    ]
    noted = answers[["item_id", "label", *_OWN]].reset_index(drop=True)
    return noted.assign(
        server_url=url,
        project_id=pd.array([place[0] for place in new], dtype="Int64"),
        annotation_id=pd.array([place[1] for place in new], dtype="Int64"),
        stored_at=pd.to_datetime([place[2] for place in new], utc=True, format="ISO8601"),
    )


def as_before_the_move(answers: pd.DataFrame, moved: pd.DataFrame | None, url: str) -> pd.DataFrame:
    """Put back what the first server said of moved answers.

    Parameters
    ----------
    answers : DataFrame
        The annotations table of one project, just pulled.
    moved : DataFrame or None
        From `note_moved`; None if the study was never moved.
    url : str
        The server that was asked.

    Returns
    -------
    DataFrame
        With the authors and times of before; an answer that was changed since
        the move keeps the time of its change and remembers its first label.
    """
    if moved is None or answers.empty:
        return answers
    here = moved.loc[moved["server_url"] == url]
    renamed = here.rename(columns={name: f"{name}_before" for name in ("label", *_OWN)})
    joined = answers[_KEY].merge(renamed, on=_KEY, how="left", validate="many_to_one")
    known = joined["stored_at"].notna().to_numpy(dtype=bool)
    untouched = known & (answers["updated_at"] == joined["stored_at"]).to_numpy(dtype=bool)
    whole = answers.copy()
    for name in ("annotator", "prefilled", "created_at"):
        _put(whole, name, joined, known)
    for name in ("changed", "first_label", "updated_at"):
        _put(whole, name, joined, untouched)
    corrected = known & ~untouched & whole["first_label"].isna().to_numpy()
    before = joined["first_label_before"].fillna(joined["label_before"])
    differs = (before != whole["label"]).to_numpy(dtype=bool) & before.notna().to_numpy()
    whole.loc[corrected & differs, "first_label"] = before[corrected & differs].to_numpy()
    return whole


def _put(whole: pd.DataFrame, name: str, joined: pd.DataFrame, rows: NDArray[np.bool_]) -> None:
    """Take a column's values of before in some rows; it keeps its type."""
    before = joined[f"{name}_before"].astype(object)
    values = before.where(pd.Series(rows, index=joined.index), whole[name].astype(object))
    whole[name] = pd.Series(values.to_numpy(), index=whole.index, dtype=COLUMNS[name])
