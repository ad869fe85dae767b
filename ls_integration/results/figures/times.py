"""Figures of how long people took."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ls_integration.results.figures.drawing import (
    PERSON,
    RULE,
    Drawing,
    Floats,
    new_figure,
    short,
)

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the decision times: what a row of the figure shows."""


def plot_times(times: Mapping[str, Floats]) -> Drawing:
    """Draw how long each person took for an answer.

    Parameters
    ----------
    times : mapping of str to ndarray of float
        Name -> decision times in s, without NaN, not empty.

    Returns
    -------
    Drawing
        Median, middle half and 5 to 95 %, logarithmic.
    """
    figure, axes = new_figure(7.6, 0.85 + 0.3 * max(len(times), 1))
    for place, values in enumerate(times.values()):
        # A clock may say 0; a logarithmic axis has no place for it.
        low, first, middle, third, high = np.quantile(np.maximum(values, 0.01), QUANTILES)
        axes.plot([low, high], [place, place], color=PERSON, lw=1.0)
        axes.plot([first, third], [place, place], color=PERSON, lw=5, solid_capstyle="butt")
        axes.plot(middle, place, "o", ms=6, mfc="white", mec=PERSON, mew=1.3)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    low_edge, high_edge = axes.get_xlim()
    ticks = [base * 10.0**power for power in range(-2, 6) for base in (1, 2, 5)]
    axes.set_xticks([tick for tick in ticks if low_edge <= tick <= high_edge])
    axes.set_xlim(low_edge, high_edge)
    axes.set_xlabel("Decision time (s)")
    axes.set_yticks(range(len(times)), [short(name) for name in times])
    axes.set_ylim(len(times) - 0.4, -0.6)
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    quantiles = [np.quantile(values, QUANTILES) for values in times.values()]
    numbers = pd.DataFrame(quantiles, columns=[f"q{100 * share:g}_s" for share in QUANTILES])
    numbers.insert(0, "who", list(times))
    numbers.insert(1, "n_answers", [len(values) for values in times.values()])
    return Drawing(
        "decision_times",
        figure,
        numbers,
        "Decision times: median (point), middle half (bar), 5 % to 95 % (line); logarithmic axis. "
        "n as in the table.",
        "Decision times of each person; medians and quartiles are in the table above",
    )
