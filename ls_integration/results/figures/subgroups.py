"""Figures of subgroups: the accuracy of everybody, one small panel each."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ls_integration.results.figures.drawing import (
    MODEL,
    MUTED,
    PERSON,
    RULE,
    STYLE,
    TOGETHER,
    Drawing,
    short,
)

MOST_PANELS = 12
"""Deciders that are drawn; the table has all."""

_ACROSS = 3
_LOOKS = {"person": (PERSON, "o"), "together": (TOGETHER, "D"), "model": (MODEL, "s")}


def plot_subgroups(
    number: int,
    column: str,
    deciders: Sequence[tuple[str, str, Mapping[str, Any]]],
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]],
    interval: str,
) -> Drawing:
    """Draw the accuracy of everybody within each subgroup.

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
        Value -> name -> the entry within that subgroup, with ``n_judged``.
    interval : str
        The kind of the intervals, for the caption.

    Returns
    -------
    Drawing
        A panel for each of the first `MOST_PANELS`, a row for each value; the
        thin line is the accuracy over all items.
    """
    drawn = deciders[:MOST_PANELS]
    down = -(-len(drawn) // _ACROSS)
    with mpl.rc_context(STYLE):
        height_in = down * (0.62 + 0.22 * len(parts)) + 0.2
        figure = Figure(figsize=(7.6, height_in), layout="constrained")
        FigureCanvasAgg(figure)
        figure.get_layout_engine().set(w_pad=0.08)  # type: ignore[union-attr,call-arg]
        panels = figure.subplots(down, _ACROSS, sharex=True, sharey=True, squeeze=False)
        for axes, (name, role, whole) in zip(panels.ravel(), drawn, strict=False):
            _draw_panel(axes, name, role, whole, parts)
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
        _tabulate(column, deciders, parts),
        f"Accuracy by {column} with 95 % intervals ({interval}); the dashed line is the accuracy "
        f"over all items. No mark: no judged item with a known label. n as in the table.{left_out}",
        f"Accuracy of everybody by {column}; the numbers are in the table above",
    )


def _draw_panel(
    axes: Any,
    name: str,
    role: str,
    whole: Mapping[str, Any],
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> None:
    color, marker = _LOOKS[role]
    if whole["accuracy"] is not None:
        axes.axvline(whole["accuracy"], color=MUTED, lw=0.9, ls=(0, (3, 2)), zorder=1)
    is_open = role == "together" or whole.get("assisted", "none") != "none"
    for place, entries in enumerate(parts.values()):
        entry = entries[name]
        if entry["accuracy"] is None:
            continue
        if entry["accuracy_ci95"] is not None:
            axes.plot(entry["accuracy_ci95"], [place, place], color=color, lw=1.2, zorder=2)
        axes.plot(
            *(entry["accuracy"], place, marker),
            ms=5 if marker != "D" else 5.5,
            mfc="white" if is_open else color,
            mec=color,
            mew=1.2,
            clip_on=False,
            zorder=3,
        )
    axes.set_title(short(name), fontsize=9.5, loc="left")
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _tabulate(
    column: str,
    deciders: Sequence[tuple[str, str, Mapping[str, Any]]],
    parts: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> pd.DataFrame:
    rows = []
    for value, entries in parts.items():
        for name, _, _ in deciders:
            entry = entries[name]
            low, high = entry["accuracy_ci95"] or (np.nan, np.nan)
            rows.append(
                {
                    "column": column,
                    "value": value,
                    "who": name,
                    "n_judged": entry["n_judged"],
                    "accuracy": entry["accuracy"],
                    "accuracy_low": low,
                    "accuracy_high": high,
                }
            )
    return pd.DataFrame(rows)
