"""Files of a re-rating study: one array a person, and one table of all.

``NAME/reannotations.npy`` is (n, 2) float64 = new rating, row of the image in
its source. The first users' window wrote 0, 0 where nobody had rated yet; here
that is NaN beside the row's number, so that a worst image (0) can be told from
none. Both are read.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.annotations import check_annotations, newest_answers
from ls_integration.errors import SourceError, some_of
from ls_integration.files import whole_file
from ls_integration.images.npy import read_npy
from ls_integration.images.source_files import DAMAGED
from ls_integration.results.anomagui import MAX_SESSION_BYTES
from ls_integration.results.names import name_rounds, rounds_of
from ls_integration.results.tables import write_csv

REANNOTATIONS_FILE = "reannotations.npy"
RATINGS_FILE = "ratings.csv"
NEW_RATING, SOURCE_INDEX = range(2)
"""Columns of ``reannotations.npy``."""


def write_ratings(folder: Path, items: pd.DataFrame, annotations: pd.DataFrame) -> list[Path]:
    """Write ``NAME/reannotations.npy`` of every person and round, and ``ratings.csv``.

    Parameters
    ----------
    folder : Path
        Where they go.
    items : DataFrame
        The study in its order: ``item_id, source_path, source_index, rating``.
    annotations : DataFrame
        A checked annotations table; a person's newest answer of a round counts.

    Returns
    -------
    list of Path
        What was written.
    """
    ratings = new_ratings(items, annotations)
    written = []
    for name in ratings.columns:
        path = folder / name / REANNOTATIONS_FILE
        path.parent.mkdir(exist_ok=True)
        table = np.column_stack([ratings[name], items["source_index"]]).astype(np.float64)
        with whole_file(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, table)
        written.append(path)
    path = folder / RATINGS_FILE
    write_csv(path, ratings_table(items, ratings))
    return [*written, path]


def new_ratings(items: pd.DataFrame, annotations: pd.DataFrame) -> pd.DataFrame:
    """Line up everybody's new ratings with the items.

    Parameters
    ----------
    items : DataFrame
        The study in its order.
    annotations : DataFrame
        A checked annotations table.

    Returns
    -------
    DataFrame
        One row for each item, one column for each person and round, named as
        on files; float64 in [0, 1], NaN where there is none.
    """
    answers = newest_answers(annotations)
    answers = answers.loc[~answers["skipped"]]
    columns = {}
    for key, name in name_rounds(rounds_of(annotations)).items():
        own = answers.loc[(answers["annotator"] == key[0]) & (answers["round"] == key[1])]
        columns[name] = own.set_index("item_id")["rating"].reindex(items["item_id"]).to_numpy()
    return pd.DataFrame(columns, index=items.index, dtype=np.float64)


def ratings_table(items: pd.DataFrame, ratings: pd.DataFrame) -> pd.DataFrame:
    """Put old and new ratings side by side.

    Parameters
    ----------
    items : DataFrame
        The study in its order: ``item_id, source_path, rating``.
    ratings : DataFrame
        From `new_ratings`.

    Returns
    -------
    DataFrame
        ``source_path, item_id, old_rating``, a column ``rating_NAME`` for each
        person and round, ``n_ratings``, ``mean`` and ``spread`` (highest less
        lowest), NaN where nobody rated.
    """
    table = items[["source_path", "item_id"]].reset_index(drop=True)
    table["old_rating"] = items["rating"].to_numpy(dtype=np.float64)
    values = ratings.reset_index(drop=True)
    named = values.add_prefix("rating_")
    summary = pd.DataFrame(
        {
            "n_ratings": values.notna().sum(axis=1).astype(np.int64),
            # Ratings are hundredths: a mean such as 0.7249999999999999 is noise.
            "mean": values.mean(axis=1).round(6),
            "spread": (values.max(axis=1) - values.min(axis=1)).round(6),
        }
    )
    return pd.concat([table, named, summary], axis=1)


def read_reannotations(
    path: Path,
    items: pd.DataFrame,
    *,
    annotator: str | None = None,
    number: int = 1,
    skip_bad: bool = False,
) -> tuple[pd.DataFrame, list[str]]:
    """Read a session of the old window back into an annotations table.

    Parameters
    ----------
    path : Path
        ``NAME/reannotations.npy``.
    items : DataFrame
        The study: ``item_id, source_index``.
    annotator : str, optional
        Who rated; by default the name of the file's folder.
    number : int
        The round, from 1.
    skip_bad : bool
        Leave out ratings outside of 0 to 1 instead of refusing the file.

    Returns
    -------
    annotations : DataFrame
        A checked annotations table with a row for each rated item.
    bad : list of str
        The ratings that were left out, in words.

    Raises
    ------
    SourceError
        If the file is no such session, has another number of rows, names an
        image that is not in the study, or holds a rating outside of 0 to 1.
    """
    session = _load(path)
    if len(session) != len(items):
        msg = (
            f"{path} has {len(session)} rows, but there are {len(items)} images; give the "
            "session of this selection"
        )
        raise SourceError(msg)
    rating, index = session[:, NEW_RATING], session[:, SOURCE_INDEX]
    # The old window filled what was not rated yet with zeros, index and all.
    rated = ~np.isnan(rating) & ~((rating == 0) & (index == 0))
    place = pd.Index(items["source_index"]).get_indexer(pd.Index(index))
    _check_places(path, rated, index, place)
    outside = rated & ~((rating >= 0) & (rating <= 1))
    bad = [f"row {row + 1}: {rating[row]:g}" for row in np.flatnonzero(outside)]
    if bad and not skip_bad:
        msg = (
            f"{path} has ratings outside of 0 to 1 in {some_of(bad)}; correct them, or pass "
            "--skip-bad to leave them out"
        )
        raise SourceError(msg)
    kept = rated & ~outside
    frame = pd.DataFrame(
        {
            "item_id": items["item_id"].to_numpy()[place[kept]],
            "annotator": annotator if annotator is not None else path.parent.name,
            "round": number,
            "label": None,
            "rating": rating[kept],
        }
    )
    return check_annotations(frame), bad


def _check_places(
    path: Path, rated: NDArray[np.bool_], index: NDArray[np.float64], place: NDArray[np.intp]
) -> None:
    strange = np.flatnonzero(rated & (place < 0))
    if len(strange):
        rows = some_of([f"{row + 1}: {index[row]:g}" for row in strange])
        msg = f"{path} names images that are not in the study, in row {rows}; give another file"
        raise SourceError(msg)
    places = place[rated]
    values, counts = np.unique(places, return_counts=True)
    if (counts > 1).any():
        twice = [f"{index[rated][places == value][0]:g}" for value in values[counts > 1]]
        msg = f"{path} rates images twice: index {some_of(twice)}; remove the copies"
        raise SourceError(msg)


def _load(path: Path) -> NDArray[np.float64]:
    try:
        session = read_npy(path, MAX_SESSION_BYTES)
    except (*DAMAGED, SourceError) as error:
        reason = " ".join(str(error).split())[:120]
        msg = f"{path} is no session of ratings ({reason}); give a reannotations.npy"
        raise SourceError(msg) from error
    if session.dtype.kind not in "iuf":
        msg = f"{path} holds no table of numbers; give a reannotations.npy"
        raise SourceError(msg)
    if session.ndim != 2 or session.shape[1] != 2:
        msg = f"{path} has the shape {session.shape}; a reannotations.npy is (images, 2)"
        raise SourceError(msg)
    return session.astype(np.float64)
