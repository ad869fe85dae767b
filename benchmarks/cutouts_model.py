"""How well the model of cutouts tells artifacts from sky, and what its features cost.

On real survey frames, where they are (``../shared/data/des_cutouts``; nothing
trained on them is kept). Each frame is scored by a model that was trained on the
other frames, and calibrated on them alone. Intervals draw whole frames anew. The
survey's own network is measured on the same tiles; it saw whole tiles, the model
only what is inside of the boxes that were burnt into them. ``--interior`` tells
how much that hides: the best line in one band, a feature that is not trained,
with other widths of the edge (below 28 traces of the boxes may help it).

Milliseconds are of the processor, with one thread.
Run from the repository: ``OMP_NUM_THREADS=1 python benchmarks/cutouts_model.py [--interior]``.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import fft
from sklearn.metrics import average_precision_score

from ls_integration.images.frames import read_frame
from ls_integration.models.cross_validation import out_of_fold_scores
from ls_integration.models.cutout_features import NAMES, extract
from ls_integration.models.cutouts.lines import DIRECTIONS
from ls_integration.models.estimators import make_estimator
from ls_integration.scoring.intervals import bootstrap_sums
from ls_integration.scoring.roc import auc

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "des_cutouts"
NETWORK_THRESHOLD = 0.95
SINGLE = "alone_line_8_top_high"
INTERIORS = (36, 28, 24, 20)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Give the seconds of the processor, and the result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def recall_at(scores: np.ndarray, positive: np.ndarray, precision: float) -> tuple[float, float]:
    """Give the highest recall at which the precision is reached, and its threshold."""
    best, threshold = 0.0, np.inf
    for value in np.unique(scores):
        called = scores >= value
        recall = (called & positive).sum() / positive.sum()
        if positive[called].mean() >= precision and recall > best:
            best, threshold = recall, value
    return best, threshold


def recall_interval(called: np.ndarray, positive: np.ndarray, frames: np.ndarray) -> str:
    """Write the interval of a recall over frames."""
    sums = np.column_stack([called & positive, positive]).astype("float64")
    of_item = np.unique(frames, return_inverse=True)[1]
    interval = bootstrap_sums(sums, lambda drawn: drawn[:, 0] / drawn[:, 1], seed=0, groups=of_item)
    return "no interval" if interval is None else f"[{interval[0]:.2f}, {interval[1]:.2f}]"


def report(
    name: str, scores: np.ndarray, positive: np.ndarray, frames: np.ndarray, precision: float
) -> None:
    """Print one row of the table."""
    area = auc(positive, scores, groups=frames)
    low, high = area.ci95 or (np.nan, np.nan)
    recall, threshold = recall_at(scores, positive, precision)
    within = np.mean(
        [auc(positive[frames == f], scores[frames == f]).value for f in np.unique(frames)]
    )
    print(
        f"| {name} | {area.value:.3f} [{low:.3f}, {high:.3f}] | {within:.3f} | "
        f"{average_precision_score(positive, scores):.3f} | {recall:.3f} "
        f"{recall_interval(scores >= threshold, positive, frames)} |"
    )


def line_filters(n_tiles: int) -> None:
    """Transform three planes of tiles there, and back once for each direction."""
    planes = np.ones((n_tiles, 96, 96), dtype="float32")
    for _ in range(3):
        spectrum = fft.rfft2(planes, workers=1)
        for _ in range(DIRECTIONS):
            fft.irfft2(spectrum, s=(96, 96), workers=1)


def measure_all(table: pd.DataFrame, interior: int) -> tuple[np.ndarray, float, float]:
    """Give the features of all tiles, and seconds for decoding and for measuring."""
    features = np.empty((len(table), len(NAMES)), dtype="float32")
    decoding = measuring = 0.0
    for name, mine in table.groupby("image_name"):
        path = FOLDER / "images" / f"{name}.jpg"
        seconds, read = timed(lambda path=path: read_frame(path))
        frame = read.values  # noqa: PD011
        decoding += seconds
        corners = mine[["grid_x", "grid_y"]].to_numpy()
        seconds, rows = timed(
            lambda frame=frame, corners=corners: extract(frame, corners, interior=interior)
        )
        measuring += seconds
        features[mine.index] = rows
    return features, decoding, measuring


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Measure the model of cutouts.")
    parser.add_argument("--interior", action="store_true", help="other widths of the edge, too")
    options = parser.parse_args()
    if not FOLDER.is_dir():
        print(f"{FOLDER} is not on this machine")
        return
    table = pd.read_csv(FOLDER / "test_outputs.csv")
    positive = table.label.to_numpy() == 1
    frames = table.image_name.to_numpy()
    network = table.scores.to_numpy()
    called = network >= NETWORK_THRESHOLD
    precision = positive[called].mean()
    n_frames, n_tiles = len(np.unique(frames)), len(table)
    print(
        f"{n_tiles} tiles of {n_frames} frames, {positive.sum()} with artifacts; the network at "
        f"{NETWORK_THRESHOLD:g}: precision {precision:.3f}, recall {called[positive].mean():.3f}\n"
    )
    features, decoding, measuring = measure_all(table, 28)
    print("| scores | AUC, by frame | mean of frames' AUC | average precision | recall there |")
    print("| --- | --- | --- | --- | --- |")
    target = positive.astype("float64")
    scores = out_of_fold_scores("cutouts", features, target, frames, n_folds=n_frames)
    report("`cutouts`, frame left out", scores, positive, frames, precision)
    single = features[:, NAMES.index(SINGLE)]
    report(f"`{SINGLE}` alone", single, positive, frames, precision)
    report("the survey's network", network, positive, frames, precision)
    brier, plain = np.mean((scores - target) ** 2), positive.var()
    print(
        f"\ncalibration out of frame: mean probability {scores.mean():.3f}, share "
        f"{positive.mean():.3f}, Brier {brier:.4f} (share alone {plain:.4f})"
    )
    seconds, model = timed(lambda: make_estimator("cutouts").fit(features, target, frames))
    predicting, _ = timed(lambda: model.predict_score(features))
    floor, _ = timed(lambda: line_filters(n_tiles))
    print("\n| part | ms per tile |\n| --- | --- |")
    for name, value in (
        ("decoding the frame", decoding),
        ("features", measuring),
        ("bare transforms of the line filters in three bands", floor),
        ("score from features", predicting),
        ("training, calibration included", seconds),
    ):
        print(f"| {name} | {1000 * value / n_tiles:.2f} |")
    if options.interior:
        print("\n| px left out at each edge | AUC of the best line in one band |\n| --- | --- |")
        for interior in INTERIORS:
            other = features if interior == 28 else measure_all(table, interior)[0]
            area = auc(positive, other[:, NAMES.index(SINGLE)], groups=frames)
            low, high = area.ci95 or (np.nan, np.nan)
            print(f"| {interior} | {area.value:.3f} [{low:.3f}, {high:.3f}] |")


if __name__ == "__main__":
    main()
