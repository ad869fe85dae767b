"""The figure of the model's calibration: what its scores say and what came true."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ls_integration.results.figures.drawing import MODEL, RULE, STYLE, Drawing, Floats

N_BARS = 20


def plot_calibration(metrics: Mapping[str, Any], probability: Floats, interval: str) -> Drawing:
    """Draw the reliability curve, and how many items have which score.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it, with ``reliability``.
    probability : ndarray of float, shape (n_items,)
        Scores of the positive label, in [0, 1], of the items with a known label.
    interval : str
        The kind of the intervals, for the caption.

    Returns
    -------
    Drawing
        Two panels, one above the other.
    """
    bins = metrics["model"]["reliability"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.6, 6.0), layout="constrained")
        FigureCanvasAgg(figure)
        axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color=RULE, lw=1, zorder=1)
    for part in bins:
        if part["share_positive_ci95"] is not None:
            axes.plot(
                [part["mean_score"]] * 2, part["share_positive_ci95"], color=MODEL, lw=1.1, zorder=2
            )
    means, shares = ([part[key] for part in bins] for key in ("mean_score", "share_positive"))
    axes.plot(means, shares, "-s", color=MODEL, lw=1.2, ms=5, zorder=3, clip_on=False)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_ylabel("Share that is positive")
    counts, edges = np.histogram(probability, bins=N_BARS, range=(0, 1))
    below.bar(edges[:-1], counts, width=1 / N_BARS, align="edge", color=MODEL, alpha=0.7)
    below.set_ylabel("Items")
    below.set_xlabel("Model score")
    points = pd.DataFrame(
        [
            {
                "part": "bin",
                "n": part["n"],
                "mean_score": part["mean_score"],
                "share_positive": part["share_positive"],
                "share_positive_low": (part["share_positive_ci95"] or (None, None))[0],
                "share_positive_high": (part["share_positive_ci95"] or (None, None))[1],
            }
            for part in bins
        ]
    )
    bars = pd.DataFrame({"part": "bar", "n": counts, "score_from": edges[:-1]})
    return Drawing(
        "calibration",
        figure,
        pd.concat([points, bars], ignore_index=True),
        f"Share of items that are {metrics['positive']} against the model's mean score, in bins of "
        f"about the same number of items, with 95 % intervals ({interval}). On the diagonal a "
        f"score is a probability. Below: how many items have which score. Positive class: "
        f"{metrics['positive']}; n = {len(probability)} items with a score and a known label.",
        "Reliability curve of the model; the numbers are in plots/calibration.csv",
    )
