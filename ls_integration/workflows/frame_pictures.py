"""Survey frames to the pictures of a study: decode once, cut, encode, write, in parallel.

Two pools of threads: a few threads decode and draw a frame each and hold it
until its pictures are made, so memory is bounded by a few frames; many encode
and write, so that one large frame keeps all processors busy as well.
"""

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ls_integration.errors import ResultsError, SourceError
from ls_integration.files import write_bytes
from ls_integration.images.frames import FrameShape, frame_shape, read_frame
from ls_integration.images.render import WEBP_LONGEST_SIDE_PX, encode_webp
from ls_integration.images.stretch import Limits, Stretch, apply, frame_limits
from ls_integration.images.tiles import (
    Box,
    Cell,
    Origin,
    as_drawn,
    cutout,
    default_origin,
    frame_box,
    neighbourhood,
    neighbourhood_cells,
    outside,
    sky_position,
)
from ls_integration.progress import Reporter, silent
from ls_integration.workflows.pictures import usable_processors

STEP = "pictures of frames"
"""The name of this step for a `Reporter`; it counts the files to be made."""

FRAMES_AT_ONCE = 3
"""How many frames are in memory at the most: one is decoded while others are cut up."""

# As in `pictures`: the work is done in libwebp, which lets go of the interpreter lock,
# and one thread can write while another encodes.
_ENCODERS_PER_PROCESSOR = 2
_REPORT_EVERY_S = 0.2
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class CutoutJob:
    """One cutout to make.

    Attributes
    ----------
    grid_x, grid_y : int
        Pixels from the frame's left edge and from its origin.
    target : Path
        The WebP file of the cutout; its folder is made if it is missing.
    neighbourhood_target : Path or None
        The WebP file of the 3 x 3 tiles around it; None makes none.
    """

    grid_x: int
    grid_y: int
    target: Path
    neighbourhood_target: Path | None = None


@dataclass(frozen=True)
class FrameJob:
    """One frame to cut up.

    Attributes
    ----------
    sources : tuple of Path
        The file, or three that become red, green and blue.
    tile_px : int
        Side of a cutout.
    cutouts : tuple of CutoutJob
        What to make of it.
    frame_target : Path or None
        The WebP file of the whole frame, shrunk to 16,383 pixels a side if it
        is larger; None makes none.
    origin : {"upper", "lower"} or None
        What `grid_y` counts from, see `images.tiles`; None is ``upper`` for
        pictures and ``lower`` for FITS and NPY.
    stretch : {"none", "minmax", "zscale", "asinh"} or None
        See `images.stretch.frame_limits`.
    limits : dict or None
        The limits of an earlier run, which then decide instead of `stretch`.
    hdu, bands
        Which part of the file is shown, see `images.frames.read_frame`.
    """

    sources: tuple[Path, ...]
    tile_px: int
    cutouts: tuple[CutoutJob, ...]
    frame_target: Path | None = None
    origin: Origin | None = None
    stretch: Stretch | None = None
    limits: Limits | None = None
    hdu: int | str | None = None
    bands: tuple[int, ...] = ()


@dataclass(frozen=True)
class CutoutResult:
    """What became of a `CutoutJob`.

    Attributes
    ----------
    job : CutoutJob
        The job.
    cells : tuple of Cell
        The nine tiles of its neighbourhood, row by row as drawn.
    frame_box : Box or None
        Where it is in the picture of the whole frame.
    sky_deg : tuple of float or None
        Right ascension and declination of its centre; None without celestial
        coordinates.
    error : str or None
        The one line that says what is wrong; then the rest is empty.
    """

    job: CutoutJob
    cells: tuple[Cell, ...] = ()
    frame_box: Box | None = None
    sky_deg: tuple[float, float] | None = None
    error: str | None = None


@dataclass(frozen=True)
class FrameResult:
    """What became of a `FrameJob`.

    Attributes
    ----------
    job : FrameJob
        The job.
    cutouts : tuple of CutoutResult
        In the order of the job; empty if the frame could not be read.
    size_px : tuple of int or None
        Width and height of the frame.
    origin : {"upper", "lower"} or None
        What `grid_y` counted from.
    limits : dict or None
        For `FrameJob.limits` of a later run. None if none were given and the
        frame was not decoded, since all its pictures were there.
    error : str or None
        The one line that says what is wrong with the frame; None if all is well.
    """

    job: FrameJob
    cutouts: tuple[CutoutResult, ...] = ()
    size_px: tuple[int, int] | None = None
    origin: Origin | None = None
    limits: Limits | None = None
    error: str | None = None


def render_frames(
    jobs: Sequence[FrameJob],
    *,
    report: Reporter = silent,
    skip_existing: bool = False,
    workers: int | None = None,
) -> list[FrameResult]:
    """Make the pictures of many frames.

    A frame that cannot be read, and a cutout outside of its frame, is told in
    its result; the others are made.

    Parameters
    ----------
    jobs : sequence of FrameJob
        What to make.
    report : Reporter
        Told of progress, in files, from the thread that called.
    skip_existing : bool
        Leave pictures that are there as they are; a frame whose pictures are
        all there is not decoded.
    workers : int, optional
        How many pictures are encoded at once; by default twice the processors
        that this process may use.

    Returns
    -------
    list of FrameResult
        In the order of `jobs`.

    Raises
    ------
    ResultsError
        If a picture cannot be written (disk full, no permission).
    ConfigError
        If a stretch is unknown.
    """
    encoders = ThreadPoolExecutor(
        workers or _ENCODERS_PER_PROCESSOR * usable_processors(), thread_name_prefix="encode"
    )
    frames = ThreadPoolExecutor(FRAMES_AT_ONCE, thread_name_prefix="frames")
    counter = _Counter(sum(len(_targets(job)) for job in jobs))
    report(STEP, 0, counter.total)
    try:
        pending = [
            frames.submit(_render_frame, job, skip_existing, encoders, counter) for job in jobs
        ]
        results = [_awaited(future, counter, report) for future in pending]
    finally:
        # On an interrupt or a full disk: what is being encoded ends, the rest is not begun.
        frames.shutdown(wait=False, cancel_futures=True)
        encoders.shutdown(wait=True, cancel_futures=True)
        frames.shutdown(wait=True)
    report(STEP, counter.total, counter.total)
    return results


class _Counter:
    """How many files are settled, counted by many threads."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self._lock = threading.Lock()

    def add(self, number: int) -> None:
        with self._lock:
            self.done += number


def _awaited(future: Future[_Made], counter: _Counter, report: Reporter) -> _Made:
    while not wait((future,), timeout=_REPORT_EVERY_S).done:
        report(STEP, counter.done, counter.total)
    made = future.result()
    report(STEP, counter.done, counter.total)
    return made


def _targets(job: FrameJob) -> list[Path]:
    targets = [job.frame_target]
    for one in job.cutouts:
        targets += [one.target, one.neighbourhood_target]
    return [target for target in targets if target is not None]


def _render_frame(
    job: FrameJob, skip_existing: bool, encoders: ThreadPoolExecutor, counter: _Counter
) -> FrameResult:
    targets = _targets(job)
    missing = {path for path in targets if not (skip_existing and path.is_file())}
    drawn: NDArray[np.uint8] | None = None
    limits = job.limits
    try:
        if missing:
            frame = read_frame(job.sources, hdu=job.hdu, bands=job.bands)
            limits = limits or frame_limits(frame, job.stretch)
            shape = frame.shape
            drawn = apply(frame, limits)
            del frame  # up to 1.4 GB that encoding needs no more
        else:
            shape = frame_shape(job.sources, hdu=job.hdu)
    except SourceError as error:
        counter.add(len(targets))
        return FrameResult(job, error=str(error))
    origin = job.origin or default_origin(shape.has_top)
    results = tuple(_located(one, job, shape, origin) for one in job.cutouts)
    wanted: list[tuple[Path, Callable[[], NDArray[np.uint8]]]] = []
    if drawn is not None:
        drawings = _drawings(job, results, as_drawn(drawn, shape.has_top, origin), origin)
        wanted = [(path, draw) for path, draw in drawings if path in missing]
    counter.add(len(targets) - len(wanted))
    futures = [encoders.submit(_write, path, draw, counter) for path, draw in wanted]
    for future in futures:
        future.result()
    return FrameResult(job, results, shape.size_px, origin, limits)


def _located(one: CutoutJob, job: FrameJob, shape: FrameShape, origin: Origin) -> CutoutResult:
    place = (one.grid_x, one.grid_y, job.tile_px)
    if outside(shape.size_px, *place):
        width, height = shape.size_px
        msg = (
            f"the cutout at grid_x {one.grid_x}, grid_y {one.grid_y} is outside of "
            f"{job.sources[0]} ({width} x {height} pixels); correct the table"
        )
        return CutoutResult(one, error=msg)
    return CutoutResult(
        one,
        neighbourhood_cells(shape.size_px, *place, origin),
        frame_box(shape.size_px, *place, origin),
        sky_position(shape.wcs, *place),
    )


def _drawings(
    job: FrameJob, results: Sequence[CutoutResult], drawn: NDArray[np.uint8], origin: Origin
) -> list[tuple[Path, Callable[[], NDArray[np.uint8]]]]:
    """Pair each target with what draws it; nothing is copied yet."""
    drawings: list[tuple[Path, Callable[[], NDArray[np.uint8]]]] = []
    if job.frame_target is not None:
        # First, since it takes longest.
        drawings.append((job.frame_target, partial(_shrunk, drawn)))
    for result in results:
        if result.error is not None:
            continue
        one = result.job
        place = (drawn, one.grid_x, one.grid_y, job.tile_px, origin)
        drawings.append((one.target, partial(cutout, *place)))
        if one.neighbourhood_target is not None:
            drawings.append((one.neighbourhood_target, partial(neighbourhood, *place)))
    return drawings


def _shrunk(pixels: NDArray[np.uint8], longest_px: int = WEBP_LONGEST_SIDE_PX) -> NDArray[np.uint8]:
    """Shrink a picture that is larger than its format can express, by means of its pixels."""
    height, width = pixels.shape[:2]
    factor = max(height, width) / longest_px
    if factor <= 1:
        return pixels
    size = (max(1, math.floor(width / factor)), max(1, math.floor(height / factor)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))


def _write(path: Path, draw: Callable[[], NDArray[np.uint8]], counter: _Counter) -> None:
    content = encode_webp(draw())
    try:
        write_bytes(path, content)
    except OSError as error:
        msg = f"cannot write the picture {path}: {error.strerror or error}; mend that, rerun"
        raise ResultsError(msg) from error
    counter.add(1)
