"""`predict` over a survey: tiles a second for one process, two, and Dask; killed and resumed.

python benchmarks/predict.py [FRAMES [SIDE_PX]]

Draws seeded frames, scores all of their tiles with each engine in turn, kills the
command with all its processes in the middle and runs it again. All four folders
must be the same, byte for byte.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.survey_frames import survey_model

N_FRAMES, SIDE_PX, TILE_PX = 60, 1000, 200
WAYS = {
    "1 process": (1, ["--workers", "1"]),
    "2 processes": (2, ["--workers", "2"]),
    "Dask, 2 workers": (2, ["--cluster", "dask", "--workers", "2"]),
}
SAMPLED_EVERY_S = 0.5

STARTED = 0.2
"""From this share of the frames on all workers have loaded their libraries: rates count from it."""


@dataclass
class Run:
    """What a command took."""

    clock_s: float
    processor_s: float
    peak_mb: float
    frames_per_s: float
    processor_s_per_frame: float


def draw(folder: Path, n_frames: int, side_px: int) -> None:
    """Draw frames of noise, stars and a streak, each from its own seed."""
    folder.mkdir()
    for number in range(n_frames):
        generator = np.random.default_rng(number)
        values = generator.normal(400, 20, (side_px, side_px))
        for y, x in generator.integers(4, side_px - 4, (side_px * side_px // 10_000, 2)):
            values[y - 3 : y + 3, x - 3 : x + 3] += generator.uniform(50, 5000)
        values[generator.integers(side_px)] += 60
        np.save(folder / f"{number:05d}.npy", np.clip(values, 0, 65535).astype(np.uint16))


def command(folder: Path, output: Path, words: list[str]) -> list[str]:
    """Give the words of the command."""
    predict = [sys.executable, "-m", "ls_integration", "--quiet", "predict", str(folder / "frames")]
    return [
        *(*predict, "--model", str(folder / "m.skops"), "--tile", str(TILE_PX)),
        *("--output", f"{output}/", *words),
    ]


def tree(process: psutil.Process) -> list[psutil.Process]:
    """List a process and all below it."""
    return [process, *process.children(recursive=True)]


def finished(output: Path) -> list[Path]:
    """List what is finished."""
    return [path for path in output.glob("*.parquet") if not path.name.startswith(".")]


def measured(words: list[str], output: Path, n_frames: int) -> Run:
    """Run a command and watch its processes."""
    begin, peak, processor = time.perf_counter(), 0.0, {}
    samples: list[tuple[int, float]] = []
    process = psutil.Popen(words, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        memory = 0
        for one in tree(process):
            try:
                # Pages that several share count once.
                memory += one.memory_full_info().pss
                times = one.cpu_times()
                processor[one.pid] = times.user + times.system
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        peak = max(peak, memory)
        if STARTED * n_frames <= len(finished(output)) < n_frames:
            samples.append((len(finished(output)), sum(processor.values())))
        time.sleep(SAMPLED_EVERY_S)
    if process.returncode:
        sys.exit(f"failed: {' '.join(words)}")
    times = sorted(path.stat().st_mtime for path in finished(output))
    times = times[int(STARTED * n_frames) :]
    (first, before), (last, after) = samples[0], samples[-1]
    return Run(
        time.perf_counter() - begin,
        sum(processor.values()),
        peak / 1e6,
        (len(times) - 1) / (times[-1] - times[0]),
        (after - before) / max(1, last - first),
    )


def killed(words: list[str], output: Path, n_frames: int) -> int:
    """Run a command until half is done, kill all of its processes, say how many are done."""
    process = psutil.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(finished(output)) < n_frames / 2:
        if process.poll() is not None:
            sys.exit(f"failed: {' '.join(words)}")
        time.sleep(SAMPLED_EVERY_S)
    for one in tree(process):
        one.kill()
    process.wait()
    return len(finished(output))


def digest(output: Path) -> str:
    """Hash names and content of all files."""
    whole = hashlib.sha256()
    for path in sorted(finished(output)):
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def main() -> None:
    """Measure."""
    n_frames = int(sys.argv[1]) if len(sys.argv) > 1 else N_FRAMES
    side_px = int(sys.argv[2]) if len(sys.argv) > 2 else SIDE_PX
    n_tiles = n_frames * (-(-side_px // TILE_PX)) ** 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        survey_model(folder / "m.skops")
        draw(folder / "frames", n_frames, side_px)
        print(f"{n_frames} frames of {side_px} x {side_px}, {n_tiles} tiles of {TILE_PX} px")
        print(f"{os.cpu_count()} processors, load before: {os.getloadavg()[0]:.1f}", flush=True)
        digests: dict[str, str] = {}
        alone: Run | None = None
        for way, (n_workers, words) in WAYS.items():
            output = folder / way.replace(" ", "-")
            run = measured(command(folder, output, words), output, n_frames)
            digests[way] = digest(output)
            alone = alone or run
            by_clock = run.frames_per_s / alone.frames_per_s / n_workers
            by_processor = alone.processor_s_per_frame / run.processor_s_per_frame
            a_frame = n_tiles / n_frames
            print(
                f"{way:>16}: {run.frames_per_s * a_frame:6.1f} tiles/s while scoring, "
                f"{1000 * run.processor_s_per_frame / a_frame:.1f} ms of the processor a tile; "
                f"efficiency {by_clock:.2f} by the clock, {by_processor:.2f} by the processor; "
                f"whole command {run.clock_s:.0f} s, {run.processor_s:.0f} s of the processor, "
                f"peak {run.peak_mb:.0f} MB, load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
        output = folder / "killed"
        words = command(folder, output, WAYS["2 processes"][1])
        n_done = killed(words, output, n_frames)
        begin = time.perf_counter()
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        resumed_s = time.perf_counter() - begin
        digests["killed and resumed"] = digest(output)
        size = sum(path.stat().st_size for path in finished(output))
        print(f"killed after {n_done} frames; the same command then took {resumed_s:.0f} s")
        print(f"{size / n_tiles:.0f} bytes a tile in {output.name}/")
        same = len(set(digests.values())) == 1
        print("all four folders are the same" if same else f"DIFFERENT: {digests}")
        sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
