"""Cutouts a second of `render_frames`, beside the bare cost of the work and a plain loop.

All start from the same frames and end with cutouts of 200 pixels on disk.

- ours: `render_frames`, once all tiles as cutouts, once a few cutouts with
  their 600 pixels of neighbourhood, as `import cutouts` makes them.
- bare: decode, crop and encode (lossless WebP, least effort) with Pillow
  alone, a frame a thread on as many threads, files written in place.
- plain loop: the same with one thread and Pillow's default PNG.

The frames are the real ones, repeated to 47; without them, synthetic ones. On a
busy machine the seconds of the processors are steadier than the clock; by them
ours and the loop are compared as if both had one thread.
Run from the repository: ``python benchmarks/cutouts.py [FRAMES]``.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from PIL import Image

from ls_integration.images.drawing import frame_picture_suffix
from ls_integration.workflows.frame_jobs import CutoutJob, FrameJob
from ls_integration.workflows.frame_pictures import render_frames

STATUS = Path("/proc/self/status")
ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared/data/des_cutouts/images"
N_FRAMES = 47
ALL_TILES = 231
ERRORS = 12
"""Cutouts a frame: 552 errors were checked in the 47 frames. There decoding decides."""
TILE = 200
AT_A_TIME = 4

Places = list[tuple[Path, list[tuple[int, int]]]]


def boxes(corners: list[tuple[int, int]], around: bool) -> list[tuple[int, int, int, int]]:
    """Give left, top, right and bottom of the pictures to make."""
    made = [(x, y, x + TILE, y + TILE) for x, y in corners]
    if around:
        made += [(x - TILE, y - TILE, x + 2 * TILE, y + 2 * TILE) for x, y in corners]
    return made


def bare(places: Places, target: Path, around: bool) -> None:
    """Decode, crop and encode with Pillow, with the same threads and nothing else."""

    def one(index: int) -> None:
        source, corners = places[index]
        with Image.open(source) as frame:
            frame.load()
            for number, box in enumerate(boxes(corners, around)):
                file = target / f"{index}_{number}.webp"
                frame.crop(box).save(file, lossless=True, quality=0, method=0)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(one, range(len(places))))


def plain_loop(places: Places, target: Path, around: bool) -> None:
    """Do one cutout after the other, as a script would."""
    for index, (source, corners) in enumerate(places):
        with Image.open(source) as frame:
            for number, box in enumerate(boxes(corners, around)):
                frame.crop(box).save(target / f"{index}_{number}.png")


def jobs_for(places: Places, target: Path, around: bool, *, whole: bool = False) -> list[FrameJob]:
    """Make the jobs of `render_frames`."""
    jobs = []
    for index, (source, corners) in enumerate(places):
        cutouts = []
        for x, y in corners:
            neighbours = target / f"{index}_{x}_{y}_around.webp" if around else None
            cutouts.append(CutoutJob(x, y, target / f"{index}_{x}_{y}.webp", neighbours))
        suffix = frame_picture_suffix((source,))
        frame_target = target / f"{index}{suffix}" if whole else None
        jobs.append(FrameJob((source,), TILE, tuple(cutouts), frame_target))
    return jobs


def ours(places: Places, target: Path, around: bool) -> None:
    """Make the cutouts with the workflow of `import`."""
    check(jobs_for(places, target, around))


def check(jobs: list[FrameJob]) -> None:
    """Render and stop at the first problem."""
    for result in render_frames(jobs):
        problem = result.error or next((one.error for one in result.cutouts if one.error), None)
        if problem:
            sys.exit(problem)


def choose_places(folder: Path, per_frame: int) -> Places:
    """Give each of the 47 frames its cutouts, spread over the frame."""
    sources = sorted(REAL.glob("*.jpg")) if REAL.is_dir() else synthetic(folder)
    places = []
    for index, source in enumerate(islice(cycle(sources), N_FRAMES)):
        with Image.open(source) as frame:
            width, height = frame.size
        grid = [(x, y) for y in range(0, height, TILE) for x in range(0, width, TILE)]
        chosen = np.random.default_rng(index).choice(len(grid), per_frame, replace=False)
        places.append((source, [grid[number] for number in sorted(chosen)]))
    return places


def synthetic(folder: Path) -> list[Path]:
    """Draw eight frames of noise and stars, as large as the real ones."""
    paths = []
    for index in range(8):
        random = np.random.default_rng(index)
        values = random.normal(60, 8, (2200, 4200, 3))
        for y, x in random.integers(4, 2190, (900, 2)):
            values[y - 4 : y + 4, 2 * x - 8 : 2 * x] += random.uniform(20, 190)
        paths.append(folder / f"{index}.jpg")
        Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(paths[-1], quality=95)
    return paths


def measured(
    draw: Callable[[Places, Path, bool], None], places: Places, around: bool
) -> tuple[float, float, int]:
    """Give the seconds on the clock and of all processors, and the bytes written."""
    with tempfile.TemporaryDirectory() as folder:
        clock, processors = time.perf_counter(), time.process_time()
        draw(places, Path(folder), around)
        clock, processors = time.perf_counter() - clock, time.process_time() - processors
        return clock, processors, sum(path.stat().st_size for path in Path(folder).iterdir())


def compare(title: str, places: Places, around: bool) -> None:
    """Go through the frames once, a few at a time in turns; print rates and medians of ratios."""
    ways = {"ours": ours, "bare": bare, "plain loop": plain_loop}
    figures: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    number = sum(len(corners) for _, corners in places)
    for start in range(0, len(places), AT_A_TIME):
        for name, draw in ways.items():
            # The plain loop takes long: one of the frames gives its rate.
            some = places[start : start + (1 if draw is plain_loop else AT_A_TIME)]
            count = sum(len(corners) for _, corners in some)
            clock, processors, size = measured(draw, some, around)
            figures[name].append((count / clock, count / processors, size / count))
    print(f"{title}: {number} cutouts of {len(places)} frames, {AT_A_TIME} frames at a time")
    for name, rows in figures.items():
        on_clock, on_processors, size = (
            statistics.median(column) for column in zip(*rows, strict=True)
        )
        print(
            f"{name:>10}: {on_clock:5.0f} cutouts/s, {on_processors:5.0f} a second of one "
            f"processor, {size / 1000:4.1f} kB each"
        )
    for name, least in (("bare", 0.8), ("plain loop", 4.0)):
        for column, what in ((0, "clock"), (1, "processor")):
            ratios = [
                own[column] / other[column]
                for own, other in zip(figures["ours"], figures[name], strict=True)
            ]
            wanted = f"; wanted {least}" if column == 0 else ""
            print(
                f"ours / {name} by the {what}: {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f}{wanted})"
            )


def peak_memory(n_frames: int) -> None:
    """Render everything of some frames in a process of its own and print its peak."""
    command = [sys.executable, __file__, "--peak", str(n_frames)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    print(
        f"peak memory of {n_frames:>3} frames with neighbourhoods and frame: {done.stdout}", end=""
    )


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        if sys.argv[1:2] == ["--peak"]:
            places = choose_places(Path(folder), ERRORS)
            check(jobs_for(places[: int(sys.argv[2])], Path(folder), True, whole=True))
            # Not ru_maxrss: that begins with the peak of the process that started this one.
            peak_kb = int(re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())[1])
            print(f"{peak_kb / 1000:.0f} MB")
            return
        n_frames = int(sys.argv[1]) if len(sys.argv) > 1 else N_FRAMES
        compare("all tiles", choose_places(Path(folder), ALL_TILES)[:n_frames], False)
        errors = choose_places(Path(folder), ERRORS)[:n_frames]
        compare("errors with their neighbourhoods", errors, True)
        for n_frames in (1, 8, 24):
            peak_memory(n_frames)


if __name__ == "__main__":
    main()
