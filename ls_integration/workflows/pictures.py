"""Source images to the pictures of a study: read, render, encode, write, in parallel."""

import hashlib
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ls_integration.errors import ResultsError, SourceError
from ls_integration.files import write_bytes
from ls_integration.images.read import Projection, read_image
from ls_integration.images.render import MINMAX, Scale, check_colormap, encode_webp, render
from ls_integration.progress import Reporter, silent

STEP = "pictures"
"""The name of this step for a `Reporter`."""

PICTURE_SUFFIX = ".webp"
"""Ending of the names of the files that `render_pictures` writes."""

# Threads, not processes: 85 % of the time is spent in libwebp and zlib, which
# let go of the interpreter lock, and a thread costs no start and no pickling.
_FEW_JOBS = 8
_QUEUED_PER_WORKER = 4


@dataclass(frozen=True)
class PictureJob:
    """One picture to make.

    Attributes
    ----------
    source : Path
        The image file.
    target : Path
        The WebP file to write; its folder is made if it is missing.
    channel, plane, projection
        Which part of the file is shown, see `images.read.read_image`.
    colormap : str
        A name that matplotlib knows.
    scale : Scale
        Which values become the first and the last colour.
    """

    source: Path
    target: Path
    channel: int | None = None
    plane: int | None = None
    projection: Projection | None = None
    colormap: str = "hot"
    scale: Scale = MINMAX


@dataclass(frozen=True)
class PictureResult:
    """What became of a `PictureJob`.

    Attributes
    ----------
    job : PictureJob
        The job.
    peak_count : float or None
        Largest value of the source image; None if it was not read.
    pixels_sha256 : str or None
        SHA-256 of the picture's bytes before encoding (height x width x 3), in
        hex digits; None if nothing was drawn.
    error : str or None
        The one line that says what is wrong with the image; None if all is well.
    """

    job: PictureJob
    peak_count: float | None = None
    pixels_sha256: str | None = None
    error: str | None = None


def render_pictures(
    jobs: Sequence[PictureJob],
    *,
    report: Reporter = silent,
    workers: int | None = None,
    skip_existing: bool = False,
) -> list[PictureResult]:
    """Make the pictures of many images.

    At most a few images a worker are in memory at a time. An image that cannot
    be shown is told in its result; the others are made.

    Parameters
    ----------
    jobs : sequence of PictureJob
        What to make.
    report : Reporter
        Told of progress.
    workers : int, optional
        How many images at once; by default twice the processors that this
        process may use, so that one can write while another draws.
    skip_existing : bool
        Leave a target that is there as it is, without reading its source.

    Returns
    -------
    list of PictureResult
        In the order of `jobs`.

    Raises
    ------
    ConfigError
        If a colormap is unknown.
    ResultsError
        If a picture cannot be written (disk full, no permission).
    """
    for colormap in {job.colormap for job in jobs}:
        check_colormap(colormap)
    total = len(jobs)
    report(STEP, 0, total)
    results: list[PictureResult] = []
    count = min(workers or 2 * usable_processors(), total)
    if count <= 1 or total < _FEW_JOBS:
        for job in jobs:
            results.append(_make(job, skip_existing))
            report(STEP, len(results), total)
        return results
    waiting = iter(jobs)
    pool = ThreadPoolExecutor(count, thread_name_prefix="pictures")
    try:
        pending: deque[Future[PictureResult]] = deque()
        for job in islice(waiting, count * _QUEUED_PER_WORKER):
            pending.append(pool.submit(_make, job, skip_existing))
        while pending:
            results.append(pending.popleft().result())
            for job in islice(waiting, 1):
                pending.append(pool.submit(_make, job, skip_existing))
            report(STEP, len(results), total)
    finally:
        # On an interrupt: what is being drawn ends within milliseconds, the rest is not begun.
        pool.shutdown(wait=True, cancel_futures=True)
    return results


def usable_processors() -> int:
    """Count the processors that this process may use.

    Returns
    -------
    int
        At least 1; fewer than the machine has where the process is confined.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _make(job: PictureJob, skip_existing: bool) -> PictureResult:
    if skip_existing and job.target.is_file():
        return PictureResult(job)
    try:
        image = read_image(
            job.source, channel=job.channel, plane=job.plane, projection=job.projection
        )
        pixels = render(image, job.colormap, job.scale)
        content = encode_webp(pixels)
    except SourceError as error:
        return PictureResult(job, error=str(error))
    try:
        write_bytes(job.target, content)
    except OSError as error:
        msg = f"cannot write the picture {job.target}: {error.strerror or error}; mend that, rerun"
        raise ResultsError(msg) from error
    return PictureResult(
        job,
        peak_count=float(image.max()),
        pixels_sha256=hashlib.sha256(pixels.tobytes()).hexdigest(),
    )
