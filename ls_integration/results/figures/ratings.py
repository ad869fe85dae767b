"""Figures of ratings that were given again."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ls_integration.results.figures.drawing import (
    MUTED,
    PERSON,
    RULE,
    STYLE,
    TOGETHER,
    Drawing,
    Floats,
    short,
)

MEAN = "Mean of all"
"""Who stands for everybody's first round together."""

MOST_PANELS = 12

BIN = 0.05
"""Width of a bar of the histogram, in ratings; one bar has no change in its middle."""

_ACROSS = 3


def plot_old_new(
    items: pd.DataFrame, ratings: Mapping[str, Floats], limits: tuple[float, float]
) -> Drawing:
    """Draw everybody's new ratings over the old ones.

    Parameters
    ----------
    items : DataFrame
        ``item_id`` and the old ``rating``.
    ratings : mapping of str to ndarray of float, shape (n_items,)
        Name -> new ratings in [0, 1], NaN where there is none.
    limits : tuple of float
        Anomaly below, normal at least.

    Returns
    -------
    Drawing
        A square a person, with the line of no change and both limits.
    """
    old = items["rating"].to_numpy(dtype=np.float64)
    figure, panels = _panels(len(ratings), 2.6, "Old rating", "New rating")
    for axes, (name, new) in zip(panels, ratings.items(), strict=False):
        axes.plot([0, 1], [0, 1], color=RULE, lw=1, zorder=1)
        for limit in limits:
            axes.axhline(limit, color=MUTED, lw=0.7, ls=(0, (4, 3)), zorder=1)
            axes.axvline(limit, color=MUTED, lw=0.7, ls=(0, (4, 3)), zorder=1)
        color = TOGETHER if name == MEAN else PERSON
        # An image without one of the two is no point.
        axes.plot(old, new, "o", ms=3.6, mfc=color, mec="none", alpha=0.6, zorder=2, clip_on=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
        n_both = np.count_nonzero(~(np.isnan(old) | np.isnan(new)))
        axes.set_title(f"{short(name)}, n = {n_both}", fontsize=9, loc="left")
    low, high = limits
    return Drawing(
        "old_new",
        figure,
        _table(items, ratings),
        "New ratings over the old ones, a point for each image that has both; below the diagonal "
        f"the new one is lower. Dashed: {low:g}, below which an image is an anomaly, and {high:g}, "
        f"from which it is normal. n in each title.{_say_left_out(len(ratings))}",
        "Scatter of new over old ratings for each person; mean changes and correlations are in the "
        "table above",
    )


def plot_rating_changes(items: pd.DataFrame, ratings: Mapping[str, Floats]) -> Drawing:
    """Draw how often everybody moved a rating how far.

    Parameters
    ----------
    items : DataFrame
        ``item_id`` and the old ``rating``.
    ratings : mapping of str to ndarray of float, shape (n_items,)
        Name -> new ratings in [0, 1], NaN where there is none.

    Returns
    -------
    Drawing
        A histogram a person, all on the same axes.
    """
    old = items["rating"].to_numpy(dtype=np.float64)
    moved = {name: (new - old)[~np.isnan(new - old)] for name, new in ratings.items()}
    farthest = max((float(np.abs(one).max()) for one in moved.values() if len(one)), default=BIN)
    n_bars = int(np.ceil(farthest / BIN - 0.5 + 1e-9))
    edges = (np.arange(-n_bars, n_bars + 2) - 0.5) * BIN
    figure, panels = _panels(len(moved), 1.85, "New less old rating", "Images", share=True)
    for axes, (name, values) in zip(panels, moved.items(), strict=False):
        color = TOGETHER if name == MEAN else PERSON
        axes.hist(values, edges.tolist(), color=color, alpha=0.75, lw=0)
        axes.axvline(0, color=MUTED, lw=0.8)
        axes.set_title(short(name), fontsize=9, loc="left")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.tick_params(labelbottom=True)
    rows = [
        {"who": name, "change_from": low, "change_to": high, "n_items": int(count)}
        for name, values in moved.items()
        for low, high, count in zip(
            edges[:-1].round(3), edges[1:].round(3), np.histogram(values, edges)[0], strict=True
        )
    ]
    return Drawing(
        "rating_changes",
        figure,
        pd.DataFrame(rows),
        f"How far ratings moved, in steps of {BIN:g}; left of the line the new rating is lower. "
        f"n as in the figure before.{_say_left_out(len(ratings))}",
        "Histogram of the changes of each person; mean changes are in the table above",
    )


def _panels(
    n_panels: int, height_in: float, below: str, beside: str, *, share: bool = False
) -> tuple[Figure, list[Axes]]:
    """Make panels, three in a row also where there are fewer: all figures have one size of text."""
    shown = max(1, min(n_panels, MOST_PANELS))
    down = -(-shown // _ACROSS)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, height_in * down + 0.2), layout="constrained")
        FigureCanvasAgg(figure)
        # The layout measures panels before they become squares, and is a little off then.
        figure.get_layout_engine().set(h_pad=0.12)  # type: ignore[union-attr,call-arg]
        grid = figure.subplots(down, _ACROSS, squeeze=False, sharex=share, sharey=share)
        panels: list[Axes] = list(grid.ravel())
        for place, axes in enumerate(panels[:shown]):
            if place % _ACROSS == 0:
                axes.set_ylabel(beside)
            if place + _ACROSS >= shown:
                axes.set_xlabel(below)
    for axes in panels[shown:]:
        axes.set_axis_off()
    return figure, panels[:shown]


def _table(items: pd.DataFrame, ratings: Mapping[str, Floats]) -> pd.DataFrame:
    old = items["rating"].to_numpy(dtype=np.float64)
    parts = [
        pd.DataFrame({"who": name, "item_id": items["item_id"], "old": old, "new": new})
        for name, new in ratings.items()
    ]
    return pd.concat(parts, ignore_index=True).dropna().reset_index(drop=True)


def _say_left_out(n_panels: int) -> str:
    if n_panels <= MOST_PANELS:
        return ""
    return f" The first {MOST_PANELS} of {n_panels}; the others are in the table of this figure."
