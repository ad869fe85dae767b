"""Figures of subgroups: one measure of everybody, one small panel each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ls_integration.results.figures.drawing import (
    LOOKS,
    MUTED,
    RULE,
    STYLE,
    Drawing,
    short,
)

MOST_PANELS = 12
"""Deciders that are drawn; the table has all."""

_ACROSS = 3


@dataclass(frozen=True)
class Measured:
    """What is drawn of each entry.

    Attributes
    ----------
    name : str
        Its key in ``metrics.json``; ``NAME_ci95`` is its interval.
    count : str
        The key of what it is over.
    title : str
        For the caption, which begins with it.
    note : str
        What it is over.
    missing : str
        Why there may be no mark.
    limits : tuple of float, optional
        Of the axis; without them it reaches as far to both sides of 0 as the
        largest value or interval.
    """

    name: str
    count: str
    title: str
    note: str
    missing: str
    limits: tuple[float, float] | None = None


ACCURACY = Measured(
    "accuracy",
    "n_judged",
    "Accuracy",
    "over the items that each has judged",
    "no judged item with a known label",
    (0.0, 1.0),
)
CHANGE = Measured(
    "mean_change",
    "compared",
    "Mean change",
    "new less old rating, over the images that have both",
    "no image with an old and a new rating",
)


def plot_subgroups(
    number: int,
    column: str,
    deciders: Sequence[tuple[str, str, Mapping[str, Any]]],
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]],
    interval: str,
    measured: Measured = ACCURACY,
) -> Drawing:
    """Draw a measure of everybody within each subgroup.

    Parameters
    ----------
    number : int
        Which of the columns this is, from 1: the name of its files.
    column : str
        What the subgroups are of.
    deciders : sequence of (str, str, mapping)
        Name, role (``person``, ``together``, ``model``) and the entry over all
        items.
    parts : mapping
        Value -> name -> the entry within that subgroup.
    interval : str
        The kind of the intervals, for the caption.
    measured : Measured
        What is drawn of the entries.

    Returns
    -------
    Drawing
        A panel for each of the first `MOST_PANELS`, a row for each value; the
        dashed line is the value over all items.
    """
    drawn = deciders[:MOST_PANELS]
    limits = measured.limits or _around_zero(measured.name, deciders, parts)
    down = -(-len(drawn) // _ACROSS)
    with mpl.rc_context(STYLE):
        height_in = down * (0.62 + 0.22 * len(parts)) + 0.2
        figure = Figure(figsize=(7.6, height_in), layout="constrained")
        FigureCanvasAgg(figure)
        figure.get_layout_engine().set(w_pad=0.08)  # type: ignore[union-attr,call-arg]
        panels = figure.subplots(down, _ACROSS, sharex=True, sharey=True, squeeze=False)
        for axes, (name, role, whole) in zip(panels.ravel(), drawn, strict=False):
            _draw_panel(axes, name, role, whole, parts, measured.name)
            _scale(axes, limits)
        for axes in panels.ravel()[len(drawn) :]:
            axes.set_axis_off()
        panels[0, 0].set_yticks(range(len(parts)), [short(value) for value in parts])
        panels[0, 0].set_ylim(len(parts) - 0.4, -0.6)
        # Where the last row is not full, the panel above the gap has the scale.
        for axes in panels[down - 2, len(drawn) - (down - 1) * _ACROSS :] if down > 1 else ():
            axes.tick_params(labelbottom=True)
    more = len(deciders) - len(drawn)
    left_out = f" {more} more are in the table only." if more else ""
    return Drawing(
        f"subgroups_{number}",
        figure,
        _tabulate(column, deciders, parts, measured),
        f"{measured.title} by {column} with 95 % intervals ({interval}); the dashed line is the "
        f"value over all items. No mark: {measured.missing}. n as in the table.{left_out}",
        f"{measured.title} of everybody by {column}; the numbers are in the table above",
    )


def _draw_panel(
    axes: Any,
    name: str,
    role: str,
    whole: Mapping[str, Any],
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]],
    measure: str,
) -> None:
    color, marker = LOOKS[role]
    if whole[measure] is not None:
        axes.axvline(whole[measure], color=MUTED, lw=0.9, ls=(0, (3, 2)), zorder=1)
    is_open = role == "together" or whole.get("assisted", "none") != "none"
    for place, entries in enumerate(parts.values()):
        entry = entries[name]
        if entry[measure] is None:
            continue
        if entry[f"{measure}_ci95"] is not None:
            axes.plot(entry[f"{measure}_ci95"], [place, place], color=color, lw=1.2, zorder=2)
        axes.plot(
            *(entry[measure], place, marker),
            ms=5 if marker != "D" else 5.5,
            mfc="white" if is_open else color,
            mec=color,
            mew=1.2,
            clip_on=False,
            zorder=3,
        )
    axes.set_title(short(name), fontsize=9.5, loc="left")
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _around_zero(
    measure: str,
    deciders: Sequence[tuple[str, str, Mapping[str, Any]]],
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> tuple[float, float]:
    """Give the least tenth that holds all values and intervals, to both sides."""
    drawn = [parts[value][name] for value in parts for name, _, _ in deciders]
    entries = [*drawn, *(whole for _, _, whole in deciders)]
    ends = [end for entry in entries for end in (entry[f"{measure}_ci95"] or [entry[measure]])]
    farthest = max((abs(end) for end in ends if end is not None), default=0.0)
    reach = max(np.ceil(farthest * 10 - 1e-9) / 10, 0.1)
    return -reach, reach


def _scale(axes: Any, limits: tuple[float, float]) -> None:
    axes.set_xlim(*limits)
    places = np.linspace(*limits, 5)
    texts = [f"{place:.1g}".replace("-", "\N{MINUS SIGN}") for place in places]
    axes.set_xticks(places, [texts[0], "", texts[2], "", texts[4]])


def _tabulate(
    column: str,
    deciders: Sequence[tuple[str, str, Mapping[str, Any]]],
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]],
    measured: Measured,
) -> pd.DataFrame:
    measure = measured.name
    rows = []
    for value, entries in parts.items():
        for name, role, _ in deciders:
            entry = entries[name]
            low, high = entry[f"{measure}_ci95"] or (np.nan, np.nan)
            rows.append(
                {
                    "column": column,
                    "value": value,
                    "who": name,
                    "role": role,
                    measured.count: entry[measured.count],
                    measure: entry[measure],
                    f"{measure}_low": low,
                    f"{measure}_high": high,
                }
            )
    return pd.DataFrame(rows)
