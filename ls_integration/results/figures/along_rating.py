"""Figures of the errors along the rating: the first users' own, of everybody on one axis."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ls_integration.results.decisions import Decisions
from ls_integration.results.figures.drawing import (
    MODEL,
    MUTED,
    PERSON,
    RULE,
    STYLE,
    TOGETHER,
    Drawing,
    Floats,
    new_figure,
    short,
)
from ls_integration.scoring.along_rating import choose_bin_width, errors_per_bin, running_errors

COLORS = {"person": PERSON, "together": TOGETHER, "model": MODEL}
DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1, 1)),
    (0, (5, 1.5, 1, 1.5)),
)
"""People share a colour: their lines differ in these, and have their names at the end."""

Gap = tuple[float, float] | None

_NAMED_AT_MOST = 30
_POINTS_PER_LINE = 1000


@mpl.rc_context(STYLE)
def plot_regret(
    deciders: Sequence[Decisions], ranked: NDArray[np.int64], rating: Floats, gap: Gap, note: str
) -> Drawing:
    """Draw everybody's running number of errors along the rating.

    Parameters
    ----------
    deciders : sequence of Decisions
        Whose errors; at least one.
    ranked : ndarray of int, shape (n_ranked,)
        From `scoring.along_rating.rank_by_rating`; at least one.
    rating : ndarray of float, shape (n_items,)
        Of all items.
    gap : tuple of float or None
        Ratings that are neither label, marked.
    note : str
        What the caption says of who is left out, may be empty.

    Returns
    -------
    Drawing
        A line for each; the numbers have a row for each error, and the last.
    """
    wrong = np.column_stack([decider.wrong[ranked] for decider in deciders])
    sums = running_errors(wrong)
    height_in = max(4.2, 1.2 + 0.17 * min(len(deciders), _NAMED_AT_MOST))
    figure, axes = new_figure(7.6, height_in)
    rank = np.arange(1, len(ranked) + 1)
    tables = []
    for number, decider in enumerate(deciders):
        steps = np.flatnonzero(wrong[:, number])
        if not len(steps) or steps[-1] != len(ranked) - 1:
            steps = np.append(steps, len(ranked) - 1)
        drawn = _thin(steps)
        x = np.concatenate([[0], rank[drawn]])
        y = np.concatenate([[0], sums[drawn, number]])
        axes.plot(x, y, drawstyle="steps-post", **_line(decider, number))
        table = pd.DataFrame({"rank": rank[steps], "rating": rating[ranked[steps]]})
        table.insert(0, "who", decider.name)
        tables.append(table.assign(errors=sums[steps, number]))
    axes.set(xlim=(0, len(ranked)), xlabel="Images, sorted by rating")
    axes.set_ylim(0, max(1.0, 1.1 * float(sums.max())))
    axes.set_ylabel("Errors so far")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    _mark_gap_in_ranks(axes, rating[ranked], gap)
    _put_rating_on_top(axes, rating[ranked])
    _name_ends(axes, deciders, sums[-1], height_in)
    unnamed = ""
    if len(deciders) > _NAMED_AT_MOST:
        unnamed = f" Lines without a name: all but the first {_NAMED_AT_MOST} of {len(deciders)}."
    return Drawing(
        "regret",
        figure,
        pd.concat(tables, ignore_index=True),
        f"Cumulative regret: the number of errors up to each image, from the lowest rating to the "
        f"highest, n = {len(ranked)} images with rating and known label (the highest line makes "
        f"most errors; where it is steep, they are).{_say_gap(gap)}{_say_lines(deciders)}"
        f"{unnamed} Counts, without intervals.{note}",
        "Running number of errors of each person, the majority and the model over the images "
        "sorted by rating; the totals are FP and FN in the table of scores, each step is in "
        "plots/regret.csv",
    )


@mpl.rc_context(STYLE)
def plot_errors_per_bin(
    deciders: Sequence[Decisions], ranked: NDArray[np.int64], rating: Floats, gap: Gap, note: str
) -> Drawing:
    """Draw the errors in bins of neighbouring images along the rating.

    Parameters
    ----------
    deciders : sequence of Decisions
        Whose errors; at least one.
    ranked : ndarray of int, shape (n_ranked,)
        From `scoring.along_rating.rank_by_rating`; at least one.
    rating : ndarray of float, shape (n_items,)
        Of all items.
    gap : tuple of float or None
        Ratings that are neither label, marked.
    note : str
        What the caption says of who is left out, may be empty.

    Returns
    -------
    Drawing
        A row of bars for each.
    """
    width = choose_bin_width(len(ranked))
    errors, judged = errors_per_bin(
        np.column_stack([decider.wrong[ranked] for decider in deciders]),
        np.column_stack([decider.judged[ranked] for decider in deciders]),
        width,
    )
    edges = np.minimum(np.arange(len(errors) + 1) * width, len(ranked))
    figure = Figure(figsize=(7.6, 1.0 + 0.5 * len(deciders)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(deciders), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for number, (axes, decider) in enumerate(zip(panels, deciders, strict=True)):
        color = COLORS[decider.role]
        axes.stairs(errors[:, number], edges, fill=True, color=color, lw=0)
        axes.set_ylim(0, width)
        axes.set_yticks([0, width], ["", f"{width}"])
        axes.tick_params(axis="y", labelsize=8, length=2)
        axes.set_ylabel(
            short(decider.name), rotation=0, ha="right", va="center", labelpad=4, fontsize=9.5
        )
        axes.tick_params(axis="x", length=3 if axes is panels[-1] else 0)
        _mark_gap_in_ranks(axes, rating[ranked], gap, named=False)
    panels[-1].set_xlim(0, len(ranked))
    panels[-1].set_xlabel("Images, sorted by rating")
    _put_rating_on_top(panels[0], rating[ranked])
    first, last = edges[:-1], edges[1:] - 1
    table = pd.DataFrame(
        {
            "first_rank": first + 1,
            "last_rank": last + 1,
            "lowest_rating": rating[ranked[first]],
            "highest_rating": rating[ranked[last]],
        }
    )
    tables = [
        table.assign(who=decider.name, errors=errors[:, number], judged=judged[:, number])
        for number, decider in enumerate(deciders)
    ]
    numbers = pd.concat(tables, ignore_index=True)
    numbers.insert(0, "who", numbers.pop("who"))
    return Drawing(
        "errors_along_rating",
        figure,
        numbers,
        f"Errors in bins of {width} neighbouring images along the rating, n = {len(ranked)} images "
        f"with rating and known label; the height of a row is {width} errors, all of a bin."
        f"{_say_gap(gap)} Counts, without intervals.{note}",
        f"Number of errors in each bin of {width} images along the rating, a row of bars for each "
        "person, the majority and the model; the numbers are in plots/errors_along_rating.csv",
    )


def _line(decider: Decisions, number: int) -> dict[str, Any]:
    if decider.role == "person":
        # Above the others: the majority often is one person's line.
        dashes = DASHES[number % len(DASHES)]
        return {"color": PERSON, "lw": 1.3, "ls": dashes, "zorder": 3}
    return {"color": COLORS[decider.role], "lw": 2.6, "alpha": 0.75, "zorder": 2}


def _thin(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out steps that nobody could see, so that a page of many images stays small."""
    if len(steps) <= _POINTS_PER_LINE:
        return steps
    kept: NDArray[np.int64] = steps[np.linspace(0, len(steps) - 1, _POINTS_PER_LINE, dtype="int64")]
    return kept


def _mark_gap_in_ranks(axes: Axes, sorted_rating: Floats, gap: Gap, *, named: bool = True) -> None:
    if gap is None:
        return
    low, high = (float(np.searchsorted(sorted_rating, limit, side="left")) for limit in gap)
    # Where the images between the labels are left out, the gap has no width.
    axes.axvspan(low, high, color=MUTED, alpha=0.15, lw=0)
    for limit in {low, high}:
        axes.axvline(limit, color=MUTED, lw=0.9, ls=(0, (2, 2)), zorder=1)
    if named:
        axes.annotate(
            f"{gap[0]:.2f}–{gap[1]:.2f}",
            ((low + high) / 2, 1),
            (3, -3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="left",
            va="top",
            size=8.5,
            color=MUTED,
        )


def _put_rating_on_top(axes: Axes, sorted_rating: Floats) -> None:
    """Label the upper edge with the ratings at those ranks."""
    n_ranked = len(sorted_rating)
    values = MaxNLocator(10).tick_values(sorted_rating[0], sorted_rating[-1])
    values = values[(values >= sorted_rating[0]) & (values <= sorted_rating[-1])]
    places: list[int] = []
    labels: list[str] = []
    for value, place in zip(values, np.searchsorted(sorted_rating, values), strict=True):
        if places and place - places[-1] < 0.045 * n_ranked:
            continue
        places.append(int(place))
        labels.append(f"{value:g}")
    top = axes.secondary_xaxis("top")
    top.set_xticks(places, labels)
    top.tick_params(length=3, labelsize=8.5)
    top.set_xlabel("Rating", fontsize=9)
    top.spines["top"].set_visible(False)


def _name_ends(
    axes: Axes, deciders: Sequence[Decisions], totals: NDArray[np.int64], height_in: float
) -> None:
    """Write names behind the ends of the lines, apart from each other."""
    named = list(range(min(len(deciders), _NAMED_AT_MOST)))
    named.sort(key=lambda number: totals[number])
    top = axes.get_ylim()[1]
    # 0.165 in a line of text; about an inch of the figure is not axes.
    apart = 0.165 / (height_in - 1.0) * top
    heights = spread_out(totals[named].astype("float64"), apart, top)
    for number, height in zip(named, heights, strict=True):
        decider = deciders[number]
        axes.annotate(
            f"{short(decider.name)}: {totals[number]}",
            (1, totals[number]),
            (1.03, height),
            xycoords=("axes fraction", "data"),
            textcoords=("axes fraction", "data"),
            va="center",
            size=9,
            color=COLORS[decider.role],
            arrowprops={
                "arrowstyle": "-",
                "color": COLORS[decider.role],
                "lw": 0.6,
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
            annotation_clip=False,
        )


def spread_out(heights: Floats, apart: float, top: float) -> Floats:
    """Move heights as little as needed so that labels at them do not overlap.

    Parameters
    ----------
    heights : ndarray of float, shape (n,)
        Ascending.
    apart : float
        Least distance of two.
    top : float
        The highest place.

    Returns
    -------
    ndarray of float, shape (n,)
        Ascending, at least *apart* from each other; below *top* where there is
        room.
    """
    if not len(heights):
        return heights
    steps = apart * np.arange(len(heights))
    moved = np.asarray(np.maximum.accumulate(heights - steps), dtype="float64") + steps
    # Whatever went over the top pushes those below it down.
    limits = top - steps[::-1]
    spread: Floats = np.minimum(moved, limits)
    return spread


def _say_gap(gap: Gap) -> str:
    if gap is None:
        return ""
    return f" Dashed: ratings from {gap[0]:.2f} to {gap[1]:.2f}, between the two labels."


def _say_lines(deciders: Sequence[Decisions]) -> str:
    words = {
        "person": "thin: people",
        "together": "green: the majority",
        "model": "blue: the model",
    }
    there = [word for role, word in words.items() if any(one.role == role for one in deciders)]
    return f" Lines: {', '.join(there)}." if len(there) > 1 else ""
