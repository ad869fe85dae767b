"""Figures of what people call images of each rating, and how many of them are wrong."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ls_integration.results.decisions import Decisions
from ls_integration.results.figures.along_rating import Gap
from ls_integration.results.figures.drawing import (
    INK,
    MODEL,
    MUTED,
    PERSON,
    RULE,
    STYLE,
    Drawing,
    Floats,
    new_figure,
    short,
)
from ls_integration.results.people import Bools
from ls_integration.scoring.along_rating import (
    count_items_by_wrong_people,
    density,
    mean_per_bin,
    place_in_bins,
    rating_edges,
)

_SEED = 0
_DENSITY_POINTS = 201


@mpl.rc_context(STYLE)
def plot_mean_decision(
    people: Sequence[Decisions],
    model: Decisions | None,
    rating: Floats,
    gap: Gap,
    *,
    positive: str,
    groups: NDArray[np.int64] | None = None,
) -> Drawing:
    """Draw the share of people who call an image positive against its rating.

    Parameters
    ----------
    people : sequence of Decisions
        First rounds, one vote each; at least one.
    model : Decisions or None
        Drawn beside them, where it decides.
    rating : ndarray of float, shape (n_items,)
        NaN where there is none; not everywhere.
    gap : tuple of float or None
        Ratings that are neither label, marked.
    positive : str
        The positive label.
    groups : ndarray of int, shape (n_items,), optional
        Number of the group of each item; whole groups are then resampled.

    Returns
    -------
    Drawing
        Means in bins of the rating, with intervals; n of each bin at the top.
    """
    rated = np.isfinite(rating)
    edges = rating_edges(rating[rated])
    bins = place_in_bins(rating[rated], edges)
    middles = (edges[:-1] + edges[1:]) / 2
    judged = np.column_stack([person.judged[rated] for person in people])
    called = np.column_stack([person.called[rated] for person in people]) & judged
    n_answers = np.count_nonzero(judged, axis=1)
    share = np.where(
        n_answers > 0, np.count_nonzero(called, axis=1) / np.maximum(n_answers, 1), np.nan
    )
    rows = [("People", share, PERSON, "o", -0.06)]
    if model is not None:
        decided = np.where(model.judged[rated], model.called[rated].astype("float64"), np.nan)
        rows.append(("Model", decided, MODEL, "s", 0.06))
    figure, axes = new_figure(7.6, 4.0)
    if gap is not None:
        axes.axvspan(*gap, color=MUTED, alpha=0.15, lw=0)
    tables = []
    for who, values, color, marker, shift in rows:
        means, counts = mean_per_bin(
            values,
            bins,
            len(middles),
            seed=_SEED,
            groups=None if groups is None else groups[rated],
        )
        x = middles + shift * (edges[1] - edges[0])
        # NaN where there is nothing: the line is broken there.
        y = np.array([np.nan if mean.value is None else mean.value for mean in means])
        bounds = np.array([mean.ci95 or (np.nan, np.nan) for mean in means], dtype="float64")
        axes.plot(x, y, color=color, lw=1.1, alpha=0.7)
        axes.vlines(x, bounds[:, 0], bounds[:, 1], color=color, lw=1.0)
        axes.plot(x, y, marker, color=color, ms=5, label=who, clip_on=False)
        tables.append(
            pd.DataFrame(
                {
                    "who": who,
                    "rating_from": edges[:-1],
                    "rating_to": edges[1:],
                    "n_items": counts,
                    "share_positive": y,
                    "share_positive_low": bounds[:, 0],
                    "share_positive_high": bounds[:, 1],
                }
            )
        )
    for place, count in enumerate(tables[0]["n_items"]):
        if count:
            axes.annotate(
                f"{count}",
                (middles[place], 1.045),
                ha="center",
                va="bottom",
                size=7.5,
                color=MUTED,
                annotation_clip=False,
            )
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel("Rating")
    axes.set_ylabel(f"Share called {short(positive)}")
    axes.grid(axis="y", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    if len(rows) > 1:
        # Above the numbers: within the axes it would cover intervals.
        axes.legend(
            frameon=False,
            ncols=2,
            loc="lower left",
            bbox_to_anchor=(0, 1.06),
            borderpad=0,
            labelcolor="linecolor",
            fontsize=9,
        )
    resampled = "items" if groups is None else "groups of items"
    marked = "" if gap is None else f" Shaded: {gap[0]:.2f} to {gap[1]:.2f}, between the labels."
    step = edges[1] - edges[0]
    return Drawing(
        "mean_decision",
        figure,
        pd.concat(tables, ignore_index=True),
        f"Mean decision against the rating: the share of those who answered that called an image "
        f"{positive}, averaged over the images in bins of {step:.3g}; first rounds, one vote per "
        f"person. Numbers above: n, the images in the bin that somebody judged (in all "
        f"{int(tables[0]['n_items'].sum())}). Lines up and down: 95 % intervals (BCa "
        f"bootstrap over {resampled}).{marked} Positive class: {positive}.",
        "Share of people, and of the model, who call an image positive, by its rating; the numbers "
        "are in plots/mean_decision.csv",
    )


@mpl.rc_context(STYLE)
def plot_people_wrong(
    people: Sequence[Decisions], known: Bools, is_positive: Bools, *, positive: str, negative: str
) -> Drawing:
    """Draw on how many images how many people are wrong.

    Parameters
    ----------
    people : sequence of Decisions
        First rounds, one vote each; at least one.
    known : ndarray of bool, shape (n_items,)
        Which items count: with a known label and a rating.
    is_positive : ndarray of bool, shape (n_items,)
        Whether the known label is the positive one.
    positive, negative : str
        What the labels are called.

    Returns
    -------
    Drawing
        Two bars for each number of people.
    """
    wrong = np.column_stack([person.wrong for person in people])
    judged = np.column_stack([person.judged for person in people])
    counted = known & judged.any(axis=1)
    by_all = counted & judged.all(axis=1)
    numbers = np.arange(len(people) + 1)
    figure, axes = new_figure(7.6, 3.2)
    tables = []
    labels: list[tuple[str, Bools, float, dict[str, Any]]] = [
        (positive, counted & is_positive, -0.21, {"color": INK}),
        (negative, counted & ~is_positive, 0.21, {"fc": "none", "ec": INK, "lw": 1.1}),
    ]
    for label, which, shift, look in labels:
        counts = count_items_by_wrong_people(wrong, which)
        bars = axes.bar(numbers + shift, counts, 0.36, label=f"known as {short(label)}", **look)
        if len(numbers) <= 13:
            axes.bar_label(bars, fontsize=8, color=MUTED, padding=1)
        tables.append(
            pd.DataFrame({"known_label": label, "n_people_wrong": numbers, "n_items": counts})
        )
    axes.set_xlabel("Number of people who are wrong on an image")
    axes.set_ylabel("Images")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=20))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(-0.6, len(people) + 0.6)
    axes.legend(frameon=False, loc="best", fontsize=9)
    n_all = int(np.count_nonzero(by_all))
    n_counted = int(np.count_nonzero(counted))
    rest = "" if n_all == n_counted else f", {n_all} of them judged by all"
    return Drawing(
        "people_wrong",
        figure,
        pd.concat(tables, ignore_index=True),
        f"On how many images how many of the {len(people)} people contradict the known label; "
        f"first rounds, one vote per person, n = {n_counted} images that somebody judged{rest}. "
        "An image on the right has a label that everybody contradicts: look at it. Counts, without "
        f"intervals. Positive class: {positive} (filled).",
        "Number of images by how many people are wrong on them, apart for the two known labels; "
        "the numbers are in plots/people_wrong.csv",
    )


@mpl.rc_context(STYLE)
def plot_rating_density(
    deciders: Sequence[Decisions], rating: Floats, gap: Gap, *, positive: str, negative: str
) -> Drawing:
    """Draw which ratings the images have that each called positive, and the others.

    Parameters
    ----------
    deciders : sequence of Decisions
        Whose decisions; at least one.
    rating : ndarray of float, shape (n_items,)
        NaN where there is none; not everywhere.
    gap : tuple of float or None
        Ratings that are neither label, marked.
    positive, negative : str
        What the labels are called.

    Returns
    -------
    Drawing
        A panel for each, two in a row.
    """
    rated = np.isfinite(rating)
    edges = rating_edges(rating[rated])
    points = np.linspace(edges[0], edges[-1], _DENSITY_POINTS)
    down = -(-len(deciders) // 2)
    figure = Figure(figsize=(7.6, 0.8 + 1.45 * down), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, 2, sharex=True, sharey=True, squeeze=False).ravel()
    tables, highest = [], 0.0
    for axes, decider in zip(panels, deciders, strict=False):
        if gap is not None:
            axes.axvspan(*gap, color=MUTED, alpha=0.15, lw=0)
        for label, is_called, dashes in ((positive, True, "-"), (negative, False, (0, (3, 1.5)))):
            which = rated & decider.judged & (decider.called == is_called)
            counts, _ = np.histogram(rating[which], edges)
            share = counts / max(1, counts.sum()) / np.diff(edges)
            highest = max(highest, float(share.max()))
            if is_called:
                axes.stairs(share, edges, fill=True, color=INK, alpha=0.18, lw=0)
            else:
                axes.stairs(share, edges, color=MUTED, lw=0.6)
            curve = density(rating[which], points)
            if curve is not None:
                highest = max(highest, float(curve.max()))
                color = INK if is_called else MUTED
                axes.plot(points, curve, color=color, lw=1.5, ls=dashes)
            tables.append(
                pd.DataFrame(
                    {
                        "who": decider.name,
                        "called": label,
                        "rating_from": edges[:-1],
                        "rating_to": edges[1:],
                        "n_items": counts,
                        "density": share,
                    }
                )
            )
        axes.set_title(short(decider.name), fontsize=9.5, loc="left")
        axes.set_xlim(edges[0], edges[-1])
    panels[0].set_ylim(0, 1.05 * highest)
    for axes in panels[len(deciders) :]:
        axes.set_axis_off()
    figure.supxlabel("Rating", fontsize=9.5)
    figure.supylabel("Density of images", fontsize=9.5)
    marked = "" if gap is None else f" Shaded band: {gap[0]:.2f} to {gap[1]:.2f}."
    return Drawing(
        "rating_density",
        figure,
        pd.concat(tables, ignore_index=True),
        f"Ratings of the images that each called {positive} (filled, solid line) and {negative} "
        "(outline, dashed line): histograms, and Gaussian kernels (Scott's bandwidth) where there "
        f"are 20 images or more; each has the area 1, n is in plots/rating_density.csv.{marked} "
        f"No intervals. Positive class: {positive}.",
        f"Densities of the ratings of images called {positive} and {negative}, a panel for each "
        "person, the majority and the model; the numbers are in plots/rating_density.csv",
    )
