"""The figures of the report, as SVG for the page and PNG for slides.

Colours are those of Okabe and Ito, which colour-blind people tell apart. In the
SVG each colour is a CSS variable, so that the page can be light or dark.

References
----------
Okabe, Ito (2008), Color Universal Design, https://jfly.uni-koeln.de/color/
"""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ls_integration.files import whole_file
from ls_integration.results.plot_labels import NamedPoint, place_labels

Floats = NDArray[np.float64]

INK, MUTED, RULE = "#1a1a1b", "#66666b", "#d9d9de"
MODEL, PERSON, TOGETHER = "#0072b2", "#d55e00", "#00805e"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    MODEL: "var(--model)",
    PERSON: "var(--person)",
    TOGETHER: "var(--together)",
}

TOGETHER_MARKER = "D"
PNG_DPI = 200
_LONGEST_NAME = 24
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    # Outlines, not fonts: labels must keep the place that was measured here.
    "svg.fonttype": "path",
    "svg.hashsalt": "ls_integration",
}


def plot_roc(metrics: Mapping[str, Any], curve: tuple[Floats, Floats] | None) -> Figure:
    """Draw the model's ROC curve with every person as a point.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.
    curve : tuple of ndarray or None
        FPR and TPR of the model at each threshold; None without scores.

    Returns
    -------
    Figure
        Square; crosses are 95 % intervals, hollow points saw answers.
    """
    figure, axes = _figure(5.6, 5.4)
    axes.plot([0, 1], [0, 1], color=RULE, lw=1, zorder=1)
    if curve is not None:
        axes.plot(*curve, color=MODEL, lw=1.6, zorder=2, solid_joinstyle="round")
    points = []
    for name, entry, color, marker in _points(metrics):
        x, y = entry["fpr"], entry["tpr"]
        (x_low, x_high), (y_low, y_high) = entry["fpr_ci95"], entry["tpr_ci95"]
        axes.plot([x_low, x_high], [y, y], color=color, lw=0.9, alpha=0.75, zorder=3)
        axes.plot([x, x], [y_low, y_high], color=color, lw=0.9, alpha=0.75, zorder=3)
        # The majority often lies on the person in the middle: a frame around it hides nobody.
        face = color if _is_filled(entry, marker) else "none"
        size = 11 if marker == TOGETHER_MARKER else 6.5
        axes.plot(x, y, marker, ms=size, mfc=face, mec=color, mew=1.3, zorder=4, clip_on=False)
        points.append(NamedPoint(x, y, _short(name), color, (x_low, x_high, y_low, y_high)))
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel("False positive rate")
    axes.set_ylabel("True positive rate")
    with mpl.rc_context(_STYLE):
        place_labels(figure, axes, points, curve)
    return figure


def plot_rates(metrics: Mapping[str, Any]) -> Figure:
    """Draw accuracy, TPR and FPR of everybody with their intervals.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.

    Returns
    -------
    Figure
        Three panels, a row for each person, the model and the majority.
    """
    rows = _rows(metrics)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.6, 0.75 + 0.3 * max(len(rows), 1)), layout="constrained")
        FigureCanvasAgg(figure)
        figure.get_layout_engine().set(w_pad=0.1)  # type: ignore[union-attr,call-arg]
        panels = figure.subplots(1, 3, sharey=True)
    titles = {"accuracy": "Accuracy", "tpr": "True positive rate", "fpr": "False positive rate"}
    for axes, (key, title) in zip(panels, titles.items(), strict=True):
        for place, (_, entry, color, marker) in enumerate(rows):
            if entry[key] is None:
                axes.text(0.5, place, "undefined", ha="center", va="center", color=MUTED, size=8)
                continue
            axes.plot(entry[f"{key}_ci95"], [place, place], color=color, lw=1.2)
            face = color if _is_filled(entry, marker) else "none"
            axes.plot(
                entry[key], place, marker, ms=5.5, mfc=face, mec=color, mew=1.2, clip_on=False
            )
        axes.set_title(title, fontsize=9.5, loc="left")
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
        axes.get_xticklabels()[0].set_ha("left")
        axes.get_xticklabels()[-1].set_ha("right")
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(axis="x", color=RULE, lw=0.6)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(rows)), [_short(row[0]) for row in rows])
    return figure


def plot_times(times: Mapping[str, Floats]) -> Figure:
    """Draw how long each person took for an answer.

    Parameters
    ----------
    times : mapping of str to ndarray of float
        Name -> decision times in s, without NaN, not empty.

    Returns
    -------
    Figure
        Median, middle half and 5 to 95 %, logarithmic.
    """
    figure, axes = _figure(7.6, 0.85 + 0.3 * max(len(times), 1))
    for place, values in enumerate(times.values()):
        # A clock may say 0; a logarithmic axis has no place for it.
        low, first, middle, third, high = np.quantile(
            np.maximum(values, 0.01), [0.05, 0.25, 0.5, 0.75, 0.95]
        )
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
    axes.set_yticks(range(len(times)), [_short(name) for name in times])
    axes.set_ylim(len(times) - 0.4, -0.6)
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def plot_confusion(metrics: Mapping[str, Any], negative: str) -> Figure:
    """Draw the confusion matrix of everybody against the known labels.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.
    negative : str
        What an item is called that is not positive.

    Returns
    -------
    Figure
        Small matrices, four in a row; shade is the share of the row.
    """
    rows = _rows(metrics)
    positive = metrics["positive"]
    across = min(4, max(len(rows), 1))
    down = -(-max(len(rows), 1) // across)
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(0.7 + 1.9 * across, 2.1 * down), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, (name, entry, color, _) in zip(panels, rows, strict=False):
        cells = np.array([[entry["tp"], entry["fn"]], [entry["fp"], entry["tn"]]])
        total = np.maximum(cells.sum(axis=1, keepdims=True), 1)
        for (row, column), count in np.ndenumerate(cells):
            share = float(count / total[row, 0])
            box = mpl.patches.Rectangle((column, row), 1, 1, fc=color, alpha=0.55 * share, lw=0)
            axes.add_patch(box)
            axes.text(column + 0.5, row + 0.5, f"{count}", ha="center", va="center", size=10)
        axes.set_title(_short(name), fontsize=9)
        axes.set(xlim=(0, 2), ylim=(2, 0), aspect="equal")
        axes.set_xticks([0.5, 1.5], [_short(positive), _short(negative)])
        axes.set_yticks([0.5, 1.5], [_short(positive), _short(negative)], rotation=90, va="center")
        axes.tick_params(length=0, labelsize=8)
        axes.spines[:].set_visible(False)
    for axes in panels[len(rows) :]:
        axes.set_axis_off()
    figure.supxlabel("answer", fontsize=9)
    figure.supylabel("known label", fontsize=9)
    return figure


def write_png(path: Path, figure: Figure) -> Path:
    """Write a figure as PNG on white.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    figure : Figure
        As the functions of this module give it.

    Returns
    -------
    Path
        *path*.
    """
    with whole_file(path) as temporary, mpl.rc_context(_STYLE):
        # No software name and date: the same numbers give the same bytes.
        figure.savefig(
            temporary, format="png", dpi=PNG_DPI, facecolor="white", metadata={"Software": None}
        )
    return path


def to_svg(figure: Figure) -> str:
    """Turn a figure into SVG that can stand in an HTML page.

    Parameters
    ----------
    figure : Figure
        As the functions of this module give it.

    Returns
    -------
    str
        An ``<svg>`` element: transparent, colours as CSS variables, no address
        of any kind in it.
    """
    stream = io.StringIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, variable)
    # White fills are the paper; matplotlib's white is nowhere else.
    text = text.replace("#ffffff", "var(--paper)")
    return text.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)


def _figure(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        # The canvas measures text; no window, no state of pyplot's.
        FigureCanvasAgg(figure)
        return figure, figure.subplots()


def _rows(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], str, str]]:
    """Everybody who decides: name, entry, colour, marker."""
    rows = [(name, entry, PERSON, "o") for name, entry in metrics["people"].items()]
    majority, model = metrics["consensus"]["majority"], metrics["model"]
    if majority["n_people"] > 2:
        rows.append(("Majority", majority, TOGETHER, TOGETHER_MARKER))
    if model["accuracy"] is not None:
        rows.append(("Model", model, MODEL, "s"))
    return rows


def _points(metrics: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], str, str]]:
    return [
        row for row in _rows(metrics) if row[1]["tpr"] is not None and row[1]["fpr"] is not None
    ]


def _is_filled(entry: Mapping[str, Any], marker: str) -> bool:
    """Tell whether a point is filled: a hollow one saw answers, or is the majority."""
    return marker != TOGETHER_MARKER and entry.get("assisted", "none") == "none"


def _short(name: str) -> str:
    # A dollar sign would start matplotlib's mathematics.
    name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    return name.replace("$", r"\$")
