"""Figures of the course of a session: everybody's accuracy along it, and along decision time."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ls_integration.results.figures.drawing import MUTED, PERSON, RULE, STYLE, Drawing, short

MOST_PANELS = 12
"""People that are drawn; the numbers have all."""

_ACROSS = 3


@mpl.rc_context(STYLE)
def plot_course(course: Mapping[str, Mapping[str, Any]], interval: str) -> Drawing:
    """Draw everybody's accuracy in tenths of the session.

    Parameters
    ----------
    course : mapping
        Name -> entry of ``course`` in ``metrics.json``, with parts.
    interval : str
        The kind of the intervals, for the caption.

    Returns
    -------
    Drawing
        A panel for each of the first `MOST_PANELS`.
    """
    figure, panels = _make_panels(course, "parts")
    for axes, entry in zip(panels, course.values(), strict=False):
        sizes = np.array([part["n"] for part in entry["parts"]])
        middle = 100 * (np.cumsum(sizes) - sizes / 2) / sizes.sum()
        accuracy, low, high = _read(entry["parts"])
        axes.fill_between(middle, low, high, color=PERSON, alpha=0.22, lw=0)
        axes.plot(middle, accuracy, color=PERSON, lw=1.3, marker="o", ms=3.5, clip_on=False)
        axes.set_xlim(0, 100)
        axes.set_xticks([0, 25, 50, 75, 100], ["0", "", "50", "", "100"])
    figure.supxlabel("Answers, in their order (%)", fontsize=9.5)
    return Drawing(
        "accuracy_over_session",
        figure,
        _tabulate(course, "parts"),
        "Accuracy over the course of the session, in tenths of each person's answers with a known "
        f"label; band: 95 % intervals ({interval}); dashed: accuracy over all of them."
        f"{_say_answers(course, 'parts')}{_say_left_out(course)}",
        "Accuracy of each person in tenths of the session; the numbers are in "
        "plots/accuracy_over_session.csv",
    )


@mpl.rc_context(STYLE)
def plot_by_time(course: Mapping[str, Mapping[str, Any]], interval: str) -> Drawing:
    """Draw everybody's accuracy in quarters of the decision time.

    Parameters
    ----------
    course : mapping
        Name -> entry of ``course`` in ``metrics.json``, with parts by time.
    interval : str
        The kind of the intervals, for the caption.

    Returns
    -------
    Drawing
        A panel for each of the first `MOST_PANELS`.
    """
    figure, panels = _make_panels(course, "by_time")
    drawn = list(course.values())[:MOST_PANELS]
    shortest = min(entry["by_time"][0]["from_s"] for entry in drawn)
    longest = max(entry["by_time"][-1]["to_s"] for entry in drawn)
    ticks = [10.0**power for power in range(-4, 8) if shortest <= 10.0**power <= longest]
    for axes, entry in zip(panels, drawn, strict=False):
        accuracy, low, high = _read(entry["by_time"])
        limits = np.array([(part["from_s"], part["to_s"]) for part in entry["by_time"]])
        middle = np.sqrt(limits.prod(axis=1))
        axes.hlines(accuracy, *limits.T, color=PERSON, lw=1.8, clip_on=False)
        axes.vlines(middle, low, high, color=PERSON, lw=1.0)
        axes.plot(middle, accuracy, "o", color=PERSON, ms=4, clip_on=False)
        axes.set_xscale("log")
        axes.set_xlim(shortest / 1.2, longest * 1.2)
        axes.set_xticks(ticks or [shortest], [f"{tick:g}" for tick in ticks or [shortest]])
        axes.xaxis.set_minor_formatter(NullFormatter())
    figure.supxlabel("Decision time (s), logarithmic", fontsize=9.5)
    return Drawing(
        "accuracy_by_time",
        figure,
        _tabulate(course, "by_time"),
        "Accuracy in quarters of each person's decision times: from the shortest to the longest "
        f"time of a quarter (across), 95 % interval (up; {interval}); dashed: accuracy over all "
        f"answers with a time.{_say_answers(course, 'by_time')}{_say_left_out(course)}",
        "Accuracy of each person in quarters of the decision time; the numbers are in "
        "plots/accuracy_by_time.csv",
    )


def _make_panels(course: Mapping[str, Mapping[str, Any]], key: str) -> tuple[Figure, list[Any]]:
    """Make a panel for each person, with its name, scale and the accuracy over all."""
    drawn = list(course.items())[:MOST_PANELS]
    down = -(-len(drawn) // _ACROSS)
    figure = Figure(figsize=(7.6, 0.4 + 1.75 * down), layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.09)  # type: ignore[union-attr,call-arg]
    grid = figure.subplots(down, _ACROSS, sharex=True, sharey=True, squeeze=False)
    figure.supylabel("Accuracy", fontsize=9.5)
    panels = list(grid.ravel())
    for axes, (name, entry) in zip(panels, drawn, strict=False):
        parts = entry[key]
        whole = sum(part["n_right"] for part in parts) / sum(part["n"] for part in parts)
        axes.axhline(whole, color=MUTED, lw=0.9, ls=(0, (3, 2)), zorder=1)
        axes.set_title(short(name), fontsize=9.5, loc="left")
        axes.set_ylim(0, 1)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
        axes.grid(axis="y", color=RULE, lw=0.6)
        axes.set_axisbelow(True)
    for axes in panels[len(drawn) :]:
        axes.set_axis_off()
    # Where the last row is not full, the panel above the gap has the scale.
    for axes in grid[down - 2, len(drawn) - (down - 1) * _ACROSS :] if down > 1 else ():
        axes.tick_params(labelbottom=True)
    return figure, panels[: len(drawn)]


def _read(parts: list[dict[str, Any]]) -> tuple[Any, Any, Any]:
    bounds = [part["accuracy_ci95"] or (np.nan, np.nan) for part in parts]
    low, high = np.array(bounds, dtype="float64").T
    return np.array([part["accuracy"] for part in parts]), low, high


def _say_answers(course: Mapping[str, Mapping[str, Any]], key: str) -> str:
    counts = [sum(part["n"] for part in entry[key]) for entry in course.values()]
    low, high = min(counts), max(counts)
    return f" n = {low} answers each." if low == high else f" n = {low} to {high} answers each."


def _say_left_out(course: Mapping[str, Any]) -> str:
    more = len(course) - MOST_PANELS
    return f" The first {MOST_PANELS} people; {more} more are in metrics.json." if more > 0 else ""


def _tabulate(course: Mapping[str, Mapping[str, Any]], key: str) -> pd.DataFrame:
    rows = []
    for name, entry in course.items():
        for number, part in enumerate(entry[key], start=1):
            low, high = part["accuracy_ci95"] or (np.nan, np.nan)
            times = {limit: part[limit] for limit in ("from_s", "to_s") if limit in part}
            rows.append(
                {
                    "who": name,
                    "part": number,
                    **times,
                    "n": part["n"],
                    "n_right": part["n_right"],
                    "accuracy": part["accuracy"],
                    "accuracy_low": low,
                    "accuracy_high": high,
                }
            )
    return pd.DataFrame(rows)
