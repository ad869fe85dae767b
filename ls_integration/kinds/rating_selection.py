"""Which images of a source are rated again: a list, a range, or what people dispute.

All three are joined to the source by ``source_path``, never by position: the
ids of two studies of one source differ, and a folder may have grown since.

``imgs_to_check.npz`` is the list that the first users' notebook wrote: ``paths``
(text) and ``ids`` (float64), the row of each path in ``test_paths.csv``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.annotations import newest_answers
from ls_integration.errors import ConfigError, SourceError, some_of
from ls_integration.files import whole_file
from ls_integration.images.npy import read_npz
from ls_integration.images.source_files import DAMAGED

SELECTION_FILE = "imgs_to_check.npz"

MAX_SELECTION_BYTES = 256 * 1024 * 1024
"""Half a million paths of 128 characters, of 4 bytes each."""


@dataclass(frozen=True)
class Listed:
    """A list of images to rate again.

    Attributes
    ----------
    source_paths : tuple of str
        As the source writes them, in the order in which they are asked.
    indices : ndarray of float64, shape (n,)
        What stands in the second column of ``reannotations.npy``: the row of
        the image in its source, from 0.
    """

    source_paths: tuple[str, ...]
    indices: NDArray[np.float64]


def read_selection(path: Path) -> Listed:
    """Read an ``imgs_to_check.npz``.

    Parameters
    ----------
    path : Path
        With ``paths`` and ``ids`` of one length; pickled objects are not read.

    Returns
    -------
    Listed
        At least one image.

    Raises
    ------
    SourceError
        If it is no such file, is empty, or names an image twice.
    """
    try:
        arrays = read_npz(path, ["paths", "ids"], MAX_SELECTION_BYTES)
        paths, ids = arrays["paths"], arrays["ids"]
    except (*DAMAGED, SourceError) as error:
        reason = " ".join(str(error).split())[:120]
        msg = f"{path} is not a list of images ({reason}); give an npz file with 'paths' and 'ids'"
        raise SourceError(msg) from error
    if paths.ndim != 1 or paths.dtype.kind != "U" or not len(paths):
        msg = f"{path}: 'paths' must be a list of texts, it is {paths.dtype} of {paths.shape}"
        raise SourceError(msg)
    if ids.shape != paths.shape or ids.dtype.kind not in "iuf":
        msg = f"{path}: 'ids' must be one number for each of the {len(paths)} paths"
        raise SourceError(msg)
    names = tuple(str(name) for name in paths)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = f"{path} names images twice: {some_of(twice)}; remove the copies"
        raise SourceError(msg)
    indices = ids.astype(np.float64)
    values, counts = np.unique(indices, return_counts=True)
    if (counts > 1).any():
        doubled = some_of([f"{value:g}" for value in values[counts > 1]])
        msg = f"{path}: 'ids' tell the images of a session apart, but {doubled} stand twice"
        raise SourceError(msg)
    return Listed(names, indices)


def write_selection(path: Path, source_paths: Sequence[str], indices: Sequence[float]) -> None:
    """Write an ``imgs_to_check.npz`` as the first users' scripts read it.

    Parameters
    ----------
    path : Path
        Where it goes.
    source_paths : sequence of str
        The images, in the order in which they are asked.
    indices : sequence of float
        Their rows in the source.
    """
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream,
            paths=np.asarray(source_paths, dtype=np.str_),
            ids=np.asarray(indices, dtype=np.float64),
        )


def select_listed(rows: pd.DataFrame, listed: Listed, *, name: str) -> pd.DataFrame:
    """Pick the listed images of a source, in the list's order.

    Parameters
    ----------
    rows : DataFrame
        As `sources_table.SourceTable.rows`.
    listed : Listed
        From `read_selection`.
    name : str
        Of the list, for messages.

    Returns
    -------
    DataFrame
        Rows with a column ``source_index``.

    Raises
    ------
    SourceError
        Naming the listed images that the source does not have.
    """
    place = pd.Index(rows["source_path"]).get_indexer(pd.Index(listed.source_paths))
    missing = [path for path, at in zip(listed.source_paths, place, strict=True) if at < 0]
    if missing:
        msg = (
            f"{len(missing)} images of {name} are not in the source: {some_of(missing)}; give the "
            "source that the list was made from"
        )
        raise SourceError(msg)
    chosen: pd.DataFrame = rows.iloc[place].reset_index(drop=True)
    chosen["source_index"] = listed.indices
    return chosen


def select_range(rows: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
    """Pick the images whose rating lies in a range.

    Parameters
    ----------
    rows : DataFrame
        As `sources_table.SourceTable.rows`; its index is the row in the source.
    low, high : float
        In [0, 1]; half-open, so that neighbouring ranges share no image.

    Returns
    -------
    DataFrame
        In the source's order, with a column ``source_index``.

    Raises
    ------
    ConfigError
        If the limits make no range.
    """
    if not 0.0 <= low < high <= 1.0:
        msg = f"--range {low:g} {high:g} is no range of ratings; give two numbers in 0 to 1"
        raise ConfigError(msg)
    # The scale's end has no neighbour: a range up to 1 holds the best images too.
    below = rows["rating"] < high if high < 1.0 else rows["rating"] <= high
    chosen = (rows["rating"] >= low) & below
    return _with_index(rows, chosen.to_numpy(dtype=bool))


def select_disputed(
    rows: pd.DataFrame, items: pd.DataFrame, annotations: pd.DataFrame
) -> pd.DataFrame:
    """Pick the images on which most people contradict the rating.

    Parameters
    ----------
    rows : DataFrame
        As `sources_table.SourceTable.rows`; its index is the row in the source.
    items : DataFrame
        Of a finished study of normal and anomaly: ``item_id, source_path, label``.
    annotations : DataFrame
        Its checked annotations table.

    Returns
    -------
    DataFrame
        In the source's order, with a column ``source_index``: strictly more
        than half of those who answered disagree. One vote each: a person's
        newest answer of the first round that they answered.

    Raises
    ------
    SourceError
        If a disputed image is not in the source.
    """
    answers = newest_answers(annotations)
    answers = answers.loc[~answers["skipped"] & answers["label"].notna()]
    votes = answers.sort_values("round", kind="stable").drop_duplicates(["item_id", "annotator"])
    known = items.loc[items["label"].notna(), ["item_id", "source_path", "label"]]
    judged = votes[["item_id", "label"]].merge(
        known, on="item_id", suffixes=("", "_known"), validate="many_to_one"
    )
    disagrees = (judged["label"] != judged["label_known"]).astype(np.float64)
    share = disagrees.groupby(judged["source_path"]).mean()
    disputed = set(share.index[share.to_numpy() > 0.5])
    missing = disputed - set(rows["source_path"])
    if missing:
        msg = (
            f"{len(missing)} disputed images are not in the source: {some_of(sorted(missing))}; "
            "give the source of that study"
        )
        raise SourceError(msg)
    return _with_index(rows, rows["source_path"].isin(disputed).to_numpy(dtype=bool))


def _with_index(rows: pd.DataFrame, chosen: NDArray[np.bool_]) -> pd.DataFrame:
    index = rows.index[chosen].to_numpy(dtype=np.float64)
    return rows.loc[chosen].reset_index(drop=True).assign(source_index=index)
