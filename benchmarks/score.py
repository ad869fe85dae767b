"""Seconds and peak memory of the whole ``score`` command on large tables.

Synthetic tables of 10 people: each answers 95 % of the items with their own
rates of error, and has a time for each answer; half of the items have a known
label; all have a model score and one of two structures. ``--groups`` puts
about 20 items into each group, so that intervals resample groups; ``--profile``
prints what takes the time instead.

Every row is a process of its own. On a busy machine the seconds of the
processor (user and system) are steadier than the clock.
Run from the repository: ``python benchmarks/score.py [N_ITEMS...] [--groups] [--profile]``.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

SIZES = (549, 10_000, 30_000, 100_000)
N_PEOPLE = 10
ANSWERED = 0.95
LABELLED = 0.5
PER_GROUP = 20
LIMIT_MB = 2048


def write_tables(folder: Path, n_items: int, *, groups: bool, seed: int = 0) -> int:
    """Write ``annotations.csv`` and ``items.csv``; give the number of answers."""
    random = np.random.default_rng(seed)
    truth = random.random(n_items) < 0.4
    ids = np.array([f"{number:016x}" for number in random.permutation(n_items)])
    words = np.array(["normal", "anomaly"])
    known = np.where(random.random(n_items) < LABELLED, words[truth.astype(int)], "")
    items = pd.DataFrame(
        {
            "item_id": ids,
            "label": known,
            "structure": np.where(random.random(n_items) < 0.8, "actin", "tubulin"),
            "model_score": random.normal(truth * 1.2),
        }
    )
    if groups:
        items["group"] = [f"session {number}" for number in np.arange(n_items) // PER_GROUP]
    items.to_csv(folder / "items.csv", index=False)
    # People err on the same items, as real ones do.
    hard = random.normal(0, 1, n_items)
    parts = []
    for number in range(N_PEOPLE):
        share = random.normal(hard, 1) > random.uniform(0.8, 2)
        answered = random.random(n_items) < ANSWERED
        parts.append(
            pd.DataFrame(
                {
                    "item_id": ids,
                    "annotator": f"Person {number}",
                    "label": words[(truth ^ share).astype(int)],
                    "lead_time_s": random.lognormal(0.5, 0.6, n_items).round(3),
                }
            )[answered]
        )
    table = pd.concat(parts, ignore_index=True)
    table.to_csv(folder / "annotations.csv", index=False)
    return len(table)


def measure(folder: Path) -> tuple[float, float, float]:
    """Score a folder in a process: seconds by the clock, of the processor, and peak MB."""
    command = [sys.executable, "-m", "ls_integration", "score", str(folder), "--quiet"]
    options = ["--model-threshold", "0.6", "--output", str(folder / "scores")]
    start = time.perf_counter()
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read().decode()
        # wait4 gives what this one child used.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"score failed: {said}")
    clock_s = time.perf_counter() - start
    return clock_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def profile(folder: Path) -> None:
    """Print what takes the time of one run."""
    code = (
        "import cProfile, pstats, sys\n"
        "from pathlib import Path\n"
        "from ls_integration.workflows.score import score_folder\n"
        "folder = Path(sys.argv[1])\n"
        "run = cProfile.Profile()\n"
        "run.runcall(score_folder, folder, model_threshold=0.6, output=folder / 'scores')\n"
        "pstats.Stats(run).sort_stats('cumulative').print_stats(70)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES, metavar="N_ITEMS")
    parser.add_argument("--groups", action="store_true", help="items in groups of 20")
    parser.add_argument("--profile", action="store_true", help="print what takes the time")
    parser.add_argument("--repeat", type=int, default=1, help="times each; the least counts")
    given = parser.parse_args()
    print(f"{'items':>8} {'answers':>9} {'clock s':>8} {'cpu s':>7} {'MB':>6} {'ms/1000':>8}  load")
    for n_items in given.sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            # In a process of its own: a child's peak begins with that of its parent.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                n_answers = pool.submit(write_tables, folder, n_items, groups=given.groups).result()
            if given.profile:
                profile(folder)
                continue
            runs = [measure(folder) for _ in range(given.repeat)]
            clock_s, cpu_s, peak_mb = (min(column) for column in zip(*runs, strict=True))
            print(
                f"{n_items:>8} {n_answers:>9} {clock_s:>8.1f} {cpu_s:>7.1f} {peak_mb:>6.0f} "
                f"{1e6 * cpu_s / n_answers:>8.1f}  {os.getloadavg()[0]:.1f}"
                + ("" if peak_mb <= LIMIT_MB else f"  more than {LIMIT_MB} MB")
            )


if __name__ == "__main__":
    main()
