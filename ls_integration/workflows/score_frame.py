"""The unit of work of `predict` over a survey: one frame, decoded once, to one file of scores.

Runs in worker processes, maybe of other machines: it is given paths and numbers,
and gives back a few numbers.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from ls_integration.errors import ModelError, SourceError, some_of
from ls_integration.images.frames import Frame, read_frame
from ls_integration.images.tiles import outside
from ls_integration.models.loading import load_scorer
from ls_integration.models.model import Model, Scorer
from ls_integration.workflows.cutout_images import frame_corners
from ls_integration.workflows.frame_store import fetched, read_stamp
from ls_integration.workflows.model_notes import hash_file
from ls_integration.workflows.score_files import (
    ScoredWith,
    TileScores,
    read_facts,
    read_tiles,
    write_scores,
)

Places = NDArray[np.int64]

GRID: Final = "grid"
"""In the place of a hash where all tiles of a frame are scored."""


@dataclass(frozen=True)
class FrameTask:
    """A frame to score.

    Attributes
    ----------
    name : str
        As in tables.
    addresses : tuple of str
        Its file, or three that become red, green and blue.
    target : Path
        The file of its scores.
    model : Path
        The model's file, as every worker sees it.
    scored_with : ScoredWith
        What decides about the scores.
    places : ndarray of int64, shape (n_tiles, 2), or None
        ``grid_x``, ``grid_y``; None: all tiles that begin inside of the frame.
    labels : ndarray of bool, shape (n_tiles,), or None
        True for an artifact; None where nobody knows.
    """

    name: str
    addresses: tuple[str, ...]
    target: Path
    model: Path
    scored_with: ScoredWith
    places: Places | None = None
    labels: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class FrameOutcome:
    """What became of a frame.

    Attributes
    ----------
    n_tiles : int
        Tiles with a score.
    n_positive : int
        Of these at or above the threshold.
    was_there : bool
        Whether an earlier run had scored them.
    problem : str or None
        The one line that says why there are none.
    """

    n_tiles: int = 0
    n_positive: int = 0
    was_there: bool = False
    problem: str | None = None


def score_frame(task: FrameTask) -> FrameOutcome:
    """Score a frame, unless its file of scores fits already.

    Parameters
    ----------
    task : FrameTask
        The frame.

    Returns
    -------
    FrameOutcome
        With a problem if the frame cannot be read or scored.

    Raises
    ------
    ModelError
        If the model is another one than the task's.
    ConfigError
        If a library is missing.
    ResultsError
        If the scores cannot be written.
    """
    wanted = {**task.scored_with.as_facts(), "tiles": _hash_tiles(task)}
    there = read_facts(task.target)
    fits = {key: there.get(key) for key in wanted} == wanted
    try:
        stamp = read_stamp(task.addresses)
        if fits and stamp and there.get("stamp") == stamp and (found := _found(task)):
            return found
        with fetched(task.addresses) as files:
            content = _hash_files(files)
            if fits and there.get("frame_sha256") == content and (found := _found(task)):
                return found
            scorer = _scorer(task.model, task.scored_with.model_sha256)
            tiles = _score(task, files, scorer)
    except SourceError as error:
        return FrameOutcome(problem=str(error))
    facts = {**wanted, "frame_sha256": content, "stamp": stamp}
    write_scores(task.target, task.name, tiles, facts)
    return _outcome(task, tiles.scores)


def grid_places(size_px: tuple[int, int], tile_px: int) -> Places:
    """List the tiles of a frame, those included that reach over its edges.

    Parameters
    ----------
    size_px : tuple of int
        Width and height.
    tile_px : int
        Side of a tile.

    Returns
    -------
    ndarray of int64, shape (n_tiles, 2)
        ``grid_x``, ``grid_y``, row by row.
    """
    width, height = size_px
    rows, columns = np.meshgrid(
        np.arange(0, height, tile_px), np.arange(0, width, tile_px), indexing="ij"
    )
    return np.column_stack([columns.ravel(), rows.ravel()]).astype(np.int64)


def _score(task: FrameTask, files: Sequence[Path], scorer: Scorer) -> TileScores:
    how = task.scored_with
    try:
        frame = read_frame(files if len(files) > 1 else files[0], hdu=how.hdu, bands=how.bands)
    except SourceError as error:
        # A copy's path means nothing to anybody.
        text = str(error)
        for file, address in zip(files, task.addresses, strict=True):
            text = text.replace(str(file), address)
        raise SourceError(text) from error
    places = grid_places(frame.shape.size_px, how.tile_px) if task.places is None else task.places
    _refuse_outside(task, frame, places)
    origin: Any = how.origin
    corners = frame_corners(frame, places, how.tile_px, origin)
    # One thread: others work beside this one, and sums do not depend on their number.
    with threadpool_limits(1):
        try:
            if isinstance(scorer, Model):
                look = scorer.describe_cutouts(frame.values, corners, how.tile_px)
                scores = scorer.score_features(look)
            else:
                look = None
                scores = scorer.score_cutouts(frame.values, corners, how.tile_px)
        except ModelError as error:
            msg = f"{task.addresses[0]}: {error}"
            raise SourceError(msg) from None
    return TileScores(places, scores, task.labels, look)


def _refuse_outside(task: FrameTask, frame: Frame, places: Places) -> None:
    size, tile_px = frame.shape.size_px, task.scored_with.tile_px
    stray = [f"{x}, {y}" for x, y in places.tolist() if outside(size, x, y, tile_px)]
    if stray:
        msg = (
            f"{task.name} has {size[0]} x {size[1]} pixels, its cutouts at {some_of(stray)} are "
            "outside of it; correct grid_x and grid_y or --tile"
        )
        raise SourceError(msg)


@lru_cache(maxsize=1)
def _scorer(model: Path, model_sha256: str) -> Scorer:
    """Load the model once a process."""
    if hash_file(model) != model_sha256:
        msg = f"the model {model} has changed since predict began; run the command again"
        raise ModelError(msg)
    return load_scorer(model, n_threads=1)


def _hash_tiles(task: FrameTask) -> str:
    if task.places is None:
        return GRID
    digest = hashlib.sha256(np.ascontiguousarray(task.places, dtype="<i8").tobytes())
    if task.labels is not None:
        digest.update(task.labels.astype("u1").tobytes())
    return digest.hexdigest()


def _hash_files(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            msg = f"cannot read {path}: {error.strerror or error}; correct its permissions"
            raise SourceError(msg) from None
    return digest.hexdigest()


def _found(task: FrameTask) -> FrameOutcome | None:
    """Count what an earlier run has scored; nothing if its file is damaged."""
    try:
        scores = read_tiles(task.target, ["model_score"])["model_score"]
    except SourceError:
        return None
    return _outcome(task, scores, was_there=True)


def _outcome(
    task: FrameTask, scores: NDArray[np.float64], *, was_there: bool = False
) -> FrameOutcome:
    n_positive = int(np.count_nonzero(scores >= task.scored_with.threshold))
    return FrameOutcome(len(scores), n_positive, was_there)
