"""Survey frames to the pictures of a study: decode once, cut, encode, write, in parallel.

Two pools of threads: a few threads decode and draw a frame each and hold it
until its pictures are made, so memory is bounded by a few frames; many encode
and write, so that one large frame keeps all processors busy as well.
"""

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from ls_integration.errors import ResultsError, SourceError
from ls_integration.files import whole_files
from ls_integration.images.drawing import JPEG_SUFFIX, draw_frame
from ls_integration.images.frames import FrameShape, frame_shape
from ls_integration.images.jpeg import read_plain_jpeg
from ls_integration.images.render import WEBP_LONGEST_SIDE_PX, encode_picture
from ls_integration.images.tiles import (
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
from ls_integration.workflows.frame_jobs import CutoutJob, CutoutResult, FrameJob, FrameResult
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
_Drawing = tuple[Path, Callable[[], bytes]]


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
    picture: Image.Image | None = None
    limits = job.limits
    try:
        if missing:
            picture, limits, shape = draw_frame(
                job.sources, hdu=job.hdu, bands=job.bands, stretch=job.stretch, limits=limits
            )
        else:
            shape = frame_shape(job.sources, hdu=job.hdu)
        origin = job.origin or default_origin(shape.has_top)
        results = tuple(_located(one, job, shape, origin) for one in job.cutouts)
        if picture is not None:
            picture = as_drawn(picture, shape.has_top, origin)
            drawings = _drawings(job, results, picture, origin)
            _write_all([one for one in drawings if one[0] in missing], encoders)
    except SourceError as error:
        return FrameResult(job, error=str(error))
    finally:
        counter.add(len(targets))
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
    job: FrameJob, results: Sequence[CutoutResult], picture: Image.Image, origin: Origin
) -> list[_Drawing]:
    """Pair each target with what makes it; nothing is copied yet."""
    drawings: list[_Drawing] = []
    if job.frame_target is not None:
        # First, since it takes longest.
        is_copy = job.frame_target.suffix == JPEG_SUFFIX
        whole = partial(read_plain_jpeg, job.sources[0]) if is_copy else partial(_whole, picture)
        drawings.append((job.frame_target, whole))
    for result in results:
        if result.error is not None:
            continue
        one = result.job
        place = (picture, one.grid_x, one.grid_y, job.tile_px, origin)
        drawings.append((one.target, partial(_part, cutout, place)))
        if one.neighbourhood_target is not None:
            drawings.append((one.neighbourhood_target, partial(_part, neighbourhood, place)))
    return drawings


def _part(cut: Callable[..., Image.Image], place: tuple[Any, ...]) -> bytes:
    return encode_picture(cut(*place))


def _whole(picture: Image.Image) -> bytes:
    """Encode a frame; shrunk, by means of its pixels, if it is larger than its format."""
    factor = max(picture.size) / WEBP_LONGEST_SIDE_PX
    if factor > 1:
        width, height = (max(1, math.floor(side / factor)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BOX)
    return encode_picture(picture)


def _write_all(drawings: Sequence[_Drawing], encoders: ThreadPoolExecutor) -> None:
    """Make files; they appear together, once the disk has them all.

    A study may point at whatever was written here, so a power cut must not
    lose it. This thread waits for the disk, while the encoders go on with
    another frame. Not one `os.sync` for all frames: it would wait for what
    others write, and leave empty files that a later run takes for pictures.
    """
    try:
        with whole_files() as write:
            futures: list[Future[None]] = []
            try:
                for one in drawings:
                    futures.append(encoders.submit(_make, write, *one))
                for future in futures:
                    future.result()
            finally:
                # On an error or interrupt: none may write any more when all is removed.
                for future in futures:
                    if not future.cancel():
                        future.exception()
    except OSError as error:
        raise _unwritten(drawings[0][0].parent, error) from error


def _make(write: Callable[[Path, bytes], None], path: Path, make: Callable[[], bytes]) -> None:
    content = make()
    try:
        write(path, content)
    except OSError as error:
        raise _unwritten(path, error) from error


def _unwritten(path: Path, error: OSError) -> ResultsError:
    reason = error.strerror or error
    return ResultsError(f"cannot write the picture {path}: {reason}; mend that, rerun")
