"""The question "artifact or no artifact?" about cutouts of telescope frames.

Items of the kind ``cutouts``; pure. The reader of its table is
`cutouts_table`.
"""

import math
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.errors import ConfigError
from ls_integration.kinds.cutouts_table import CutoutTable

KIND = "cutouts"
POSITIVE = "artifact"
NEGATIVE = "no artifact"
UNSURE = "unsure"
"""An answer that leaves the label as it is."""

PRESENT_LABEL = "present-label"
"""Version of the predictions that say the present label: not the model's opinion."""

Show = Literal["errors", "positives", "all"]

_QUEUES: dict[str, frozenset[str]] = {
    "errors": frozenset({"FP", "FN"}),
    "positives": frozenset({"FP", "FN", "TP"}),
    "all": frozenset({"FP", "FN", "TP", "TN"}),
}
"""``positives``: what has a box in the notebook, an artifact by label or prediction."""


def label_of(is_artifact: bool) -> str:
    """Name a label.

    Parameters
    ----------
    is_artifact : bool
        As in the table.

    Returns
    -------
    str
        `POSITIVE` or `NEGATIVE`.
    """
    return POSITIVE if is_artifact else NEGATIVE


def make_items(
    table: CutoutTable,
    *,
    make_id: Callable[[str], str],
    seed: int,
    show: Show = "errors",
    random_floor: float = 0.0,
) -> pd.DataFrame:
    """Make the items table: the queue, and a random floor mixed into it.

    The queue are the errors in the order of ``error_id``, one stream over all
    frames, then whatever else *show* asks for in the order of the file.

    The random floor is a simple random sample, without replacement, of
    ``ceil(random_floor * n)`` of the *n* cutouts outside the queue. So 0.05 of
    1,633 correct ones are 82: where none of them is mislabelled, at most 3.6 %
    of the others are (95 %, one-sided). A share of the queue would be the
    smaller, and say the less, the better the model is.

    Parameters
    ----------
    table : CutoutTable
        The table.
    make_id : callable
        ``source_path`` -> opaque id.
    seed : int
        Of the sample and of the places at which it is mixed in.
    show : {"errors", "positives", "all"}
        The queue: FP and FN; these and TP; everything.
    random_floor : float
        Share in [0, 1] of the cutouts outside the queue.

    Returns
    -------
    DataFrame
        One row per item: ``item_id``, ``position`` from 0, ``image`` (None as
        yet), ``source_path`` (image_name/grid_x/grid_y), ``label`` (the present
        one), ``given_label`` (the column ``label``), ``model_score``,
        ``model_label``, ``outcome``, ``error_id``, ``image_name``, ``grid_id``,
        ``grid_x``, ``grid_y`` (px), ``row`` of the table, ``group`` (the frame),
        ``is_queue`` (False for the random floor), ``sampling_rate`` (the
        probability with which the item was drawn; 1 in the queue).

    Raises
    ------
    ConfigError
        If there is nothing to show, or *random_floor* is no share.
    """
    if show not in _QUEUES:
        msg = f"--show {show} is not known; give one of {', '.join(_QUEUES)}"
        raise ConfigError(msg)
    if not 0 <= random_floor <= 1:
        msg = f"a random floor of {random_floor} is no share; give one between 0 and 1, as 0.05"
        raise ConfigError(msg)
    frame = table.frame
    is_queue = frame["outcome"].isin(_QUEUES[show]).to_numpy(dtype=bool)
    error_id = frame["error_id"].to_numpy()
    rows = np.flatnonzero(is_queue)
    last = np.iinfo(np.int64).max
    queue = rows[np.argsort(np.where(error_id[rows] < 0, last, error_id[rows]), kind="stable")]
    outside = np.flatnonzero(~is_queue)
    floor, places = _draw(outside, len(queue), random_floor, seed)
    mixed = np.empty(len(queue) + len(floor), dtype="int64")
    is_floor = np.zeros(len(mixed), dtype=bool)
    is_floor[places] = True
    mixed[is_floor], mixed[~is_floor] = floor, queue
    if not len(mixed):
        msg = (
            f"{table.name} has no cutouts of --show {show}: predictions and labels agree; "
            "give --show all, or --random-floor"
        )
        raise ConfigError(msg)
    items = _items_of(table, mixed, make_id)
    items["is_queue"] = ~is_floor
    items["sampling_rate"] = np.where(is_floor, len(floor) / max(1, len(outside)), 1.0)
    return items


def further_items(
    table: CutoutTable,
    items: pd.DataFrame,
    rows: Iterable[int] | None = None,
    *,
    make_id: Callable[[str], str],
) -> pd.DataFrame:
    """Make items of cutouts that were not asked about.

    Neighbours can be corrected in the picture of another cutout, and an old
    session may have answered anything.

    Parameters
    ----------
    table : CutoutTable
        The table.
    items : DataFrame
        The items that there are.
    rows : iterable of int, optional
        Rows of the table, those of *items* being left out; all by default.
    make_id : callable
        ``source_path`` -> opaque id.

    Returns
    -------
    DataFrame
        Columns as in *items*, rows in the order of the table; ``position`` goes
        on, ``is_queue`` is False and ``sampling_rate`` NaN.
    """
    wanted = np.arange(len(table.frame)) if rows is None else np.array(sorted(set(rows)), "int64")
    wanted = np.setdiff1d(wanted, items["row"].to_numpy())
    further = _items_of(table, wanted, make_id)
    further["position"] += len(items)
    further["is_queue"] = False
    further["sampling_rate"] = np.nan
    return further


def all_cutouts(
    table: CutoutTable, items: pd.DataFrame, *, make_id: Callable[[str], str]
) -> pd.DataFrame:
    """Put the rest of the table behind the items.

    Parameters
    ----------
    table : CutoutTable
        The table.
    items : DataFrame
        The items.
    make_id : callable
        ``source_path`` -> opaque id.

    Returns
    -------
    DataFrame
        One row per row of the table, see `further_items`: what the results are
        made from.
    """
    further = further_items(table, items, make_id=make_id)
    if not len(further):
        return items.reset_index(drop=True)
    return pd.concat([items, further], ignore_index=True)


def all_item_ids(table: CutoutTable, make_id: Callable[[str], str]) -> NDArray[np.object_]:
    """Give every cutout of the table its id, asked about or not.

    Parameters
    ----------
    table : CutoutTable
        The table.
    make_id : callable
        ``source_path`` -> opaque id.

    Returns
    -------
    ndarray of str, shape (n_rows,)
        In the order of the table.
    """
    ids = [make_id(path) for path in source_paths(table)]
    return np.array(ids, dtype=object)


def source_paths(table: CutoutTable) -> list[str]:
    """Name every cutout of the table.

    Parameters
    ----------
    table : CutoutTable
        The table.

    Returns
    -------
    list of str
        Each is image_name/grid_x/grid_y; unique.
    """
    return _source_paths(table.frame)


def source_path(image_name: str, grid_x: int, grid_y: int) -> str:
    """Name a cutout.

    Parameters
    ----------
    image_name : str
        Its frame.
    grid_x, grid_y : int
        Its place in the frame, in px.

    Returns
    -------
    str
        The name, image_name/grid_x/grid_y.
    """
    return f"{image_name}/{grid_x}/{grid_y}"


def present_labels(items: pd.DataFrame) -> pd.DataFrame:
    """Choose what the pages of cutouts start from.

    Parameters
    ----------
    items : DataFrame
        Items whose present label is shown; none of a blind study.

    Returns
    -------
    DataFrame
        ``item_id, label, score, model_version``: a prediction each.
    """
    return pd.DataFrame(
        {
            "item_id": items["item_id"],
            "label": items["label"],
            "score": items["model_score"].fillna(0.0),
            "model_version": PRESENT_LABEL,
        }
    )


def _source_paths(frame: pd.DataFrame) -> list[str]:
    columns = (frame["image_name"], frame["grid_x"], frame["grid_y"])
    return [source_path(*place) for place in zip(*columns, strict=True)]


def _draw(
    outside: NDArray[np.int64], n_queue: int, share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the floor's rows, in random order, and their places among the items."""
    # Rounded first: 0.07 * 100 is 7.000000000000001, which is not 8.
    n_floor = math.ceil(round(share * len(outside), 6))
    generator = np.random.default_rng(seed)
    floor = generator.choice(outside, size=n_floor, replace=False)
    places = generator.choice(n_queue + n_floor, size=n_floor, replace=False)
    return floor.astype("int64"), places.astype("int64")


def _items_of(
    table: CutoutTable, rows: NDArray[np.int64], make_id: Callable[[str], str]
) -> pd.DataFrame:
    frame = table.frame.iloc[rows].reset_index(drop=True)
    names = {False: NEGATIVE, True: POSITIVE}
    paths = _source_paths(frame)
    return pd.DataFrame(
        {
            "item_id": pd.Series([make_id(path) for path in paths], dtype=object),
            "position": np.arange(len(rows), dtype="int64"),
            "image": pd.Series([None] * len(rows), dtype=object),
            "source_path": pd.Series(paths, dtype=object),
            "label": pd.Series([names[bool(is_it)] for is_it in table.present[rows]], dtype=object),
            "given_label": frame["label"].map(names).astype(object),
            "model_score": frame["score"],
            "model_label": frame["prediction"].map(names).astype(object),
            "outcome": frame["outcome"],
            "error_id": frame["error_id"],
            "image_name": frame["image_name"],
            "grid_id": frame["grid_id"],
            "grid_x": frame["grid_x"],
            "grid_y": frame["grid_y"],
            "row": frame["row"],
            "group": frame["image_name"],
        }
    )
