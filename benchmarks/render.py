"""Images a second of `render_pictures`, beside a plain loop of the usual steps.

Both start from the same files and end with encoded pictures on disk. The loop
does what a script would: decode, matplotlib's colormap, Pillow's default PNG.
Run from the repository: ``python benchmarks/render.py [REPEATS]``.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image

from ls_integration.images.read import read_image
from ls_integration.kinds.sted_source import read_source
from ls_integration.workflows.pictures import PictureJob, render_pictures

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared/data/anomagui"
REPEATS = 3


def plain_loop(files: list[Path], target: Path) -> None:
    """Draw one image after the other, as PNG."""
    hot = matplotlib.colormaps["hot"]
    for index, file in enumerate(files):
        image = read_image(file).astype(np.float64)
        unit = (image - image.min()) / (image.max() - image.min())
        rgb = np.rint(hot(unit) * 255).astype(np.uint8)[..., :3]
        Image.fromarray(rgb).save(target / f"{index}.png")


def ours(files: list[Path], target: Path) -> None:
    """Draw them all with the workflow of `import`."""
    jobs = [PictureJob(file, target / f"{index}.webp") for index, file in enumerate(files)]
    results = render_pictures(jobs)
    if any(result.error for result in results):
        sys.exit("an image could not be drawn")


def seconds(draw: Callable[[list[Path], Path], None], files: list[Path]) -> tuple[float, int]:
    """Give the time and the bytes written."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        draw(files, Path(folder))
        elapsed = time.perf_counter() - start
        return elapsed, sum(path.stat().st_size for path in Path(folder).iterdir())


def main() -> None:
    """Measure in turns, so that a busy machine slows both alike; print the medians."""
    source = REAL if REAL.is_dir() else ROOT / "data/sted_sample"
    files = [Path(file) for file in read_source(source).rows["file"]]
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS
    times: dict[str, list[float]] = {"ours": [], "plain loop": []}
    size: dict[str, int] = {}
    for _ in range(repeats):
        for name, draw in (("ours", ours), ("plain loop", plain_loop)):
            elapsed, size[name] = seconds(draw, files)
            times[name].append(elapsed)
    print(f"{len(files)} images of {source.name}, median of {repeats} runs")
    for name, measured in times.items():
        rate = len(files) / statistics.median(measured)
        kilobytes = size[name] / len(files) / 1000
        print(f"{name:>10}: {rate:6.0f} images/s, {kilobytes:5.1f} kB each")
    ratio = statistics.median(times["plain loop"]) / statistics.median(times["ours"])
    print(
        f"     ratio: {ratio:.1f} times as fast, {size['ours'] / size['plain loop']:.2f} the size"
    )


if __name__ == "__main__":
    main()
