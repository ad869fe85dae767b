"""Figures of people and model against the known labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ls_integration.results.figures.drawing import (
    LOOKS,
    MODEL,
    MUTED,
    RULE,
    STYLE,
    Drawing,
    Floats,
    new_figure,
    short,
)
from ls_integration.results.figures.names_beside_points import NamedPoint, place_labels

Decider = tuple[str, str, Mapping[str, Any]]
"""Name, role (``person``, ``together``, ``model``) and entry of ``metrics.json``."""


def plot_roc(
    metrics: Mapping[str, Any], curve: tuple[Floats, Floats] | None, interval: str
) -> Drawing:
    """Draw the model's ROC curve with every person as a point.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.
    curve : tuple of ndarray or None
        FPR and TPR of the model at each threshold; None without scores.
    interval : str
        The kind of the intervals, for the caption.

    Returns
    -------
    Drawing
        Square; crosses are 95 % intervals, hollow points saw answers.
    """
    figure, axes = new_figure(5.6, 5.4)
    axes.plot([0, 1], [0, 1], color=RULE, lw=1, zorder=1)
    if curve is not None:
        axes.plot(*curve, color=MODEL, lw=1.6, zorder=2, solid_joinstyle="round")
    points = []
    for name, role, entry in _points(metrics):
        color, marker = LOOKS[role]
        x, y = entry["fpr"], entry["tpr"]
        # Groups drawn anew may give no interval.
        x_low, x_high = entry["fpr_ci95"] or (x, x)
        y_low, y_high = entry["tpr_ci95"] or (y, y)
        axes.plot([x_low, x_high], [y, y], color=color, lw=0.9, alpha=0.75, zorder=3)
        axes.plot([x, x], [y_low, y_high], color=color, lw=0.9, alpha=0.75, zorder=3)
        # The majority often lies on the person in the middle: a frame around it hides nobody.
        face = color if _is_filled(entry, role) else "none"
        size = 11 if role == "together" else 6.5
        axes.plot(x, y, marker, ms=size, mfc=face, mec=color, mew=1.3, zorder=4, clip_on=False)
        points.append(NamedPoint(x, y, short(name), color, (x_low, x_high, y_low, y_high)))
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel("False positive rate")
    axes.set_ylabel("True positive rate")
    with mpl.rc_context(STYLE):
        place_labels(figure, axes, points, curve)
    numbers = _table_of(_points(metrics), ("fpr", "tpr"))
    if curve is not None:
        steps = {"who": "Model, each threshold", "role": "model", "fpr": curve[0], "tpr": curve[1]}
        numbers = pd.concat([numbers, pd.DataFrame(steps)], ignore_index=True)
    return Drawing(
        "roc",
        figure,
        numbers,
        _caption_roc(metrics, interval),
        "ROC curve of the model with each person as a point; the numbers are in the table above",
    )


def _caption_roc(metrics: Mapping[str, Any], interval: str) -> str:
    model, has_majority = metrics["model"], _has_majority(metrics)
    first = "What" if model["auc"] is None else "ROC curve of the model (line) and what"
    others = [
        "each person",
        *(["the majority"] if has_majority else []),
        *(["the model at its threshold"] if model["accuracy"] is not None else []),
    ]
    named = " and ".join([", ".join(others[:-1]), others[-1]] if len(others) > 1 else others)
    sentences = [
        f"{first} {named} decided (points).",
        f"Arms of the crosses: 95 % intervals ({interval}).",
        "Up and left is better; the diagonal is guessing.",
        "Open diamond: the majority." if has_majority else "",
        "Hollow circles: the answers started from one that was shown."
        if metrics["agreement"]["assisted_people"]
        else "",
        f"Positive class: {metrics['positive']};",
        f"n = {metrics['n_items_with_known_label']} items with a known label.",
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def plot_rates(metrics: Mapping[str, Any], interval: str) -> Drawing:
    """Draw accuracy, TPR and FPR of everybody with their intervals.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.
    interval : str
        The kind of the intervals, for the caption.

    Returns
    -------
    Drawing
        Three panels, a row for each person, the model and the majority.
    """
    rows = _rows(metrics)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 0.75 + 0.3 * max(len(rows), 1)), layout="constrained")
        FigureCanvasAgg(figure)
        figure.get_layout_engine().set(w_pad=0.1)  # type: ignore[union-attr,call-arg]
        panels = figure.subplots(1, 3, sharey=True)
    titles = {"accuracy": "Accuracy", "tpr": "True positive rate", "fpr": "False positive rate"}
    for axes, (key, title) in zip(panels, titles.items(), strict=True):
        for place, (_, role, entry) in enumerate(rows):
            color, marker = LOOKS[role]
            if entry[key] is None:
                axes.text(0.5, place, "undefined", ha="center", va="center", color=MUTED, size=8)
                continue
            low_high = entry[f"{key}_ci95"] or [entry[key], entry[key]]
            axes.plot(low_high, [place, place], color=color, lw=1.2)
            face = color if _is_filled(entry, role) else "none"
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
    panels[0].set_yticks(range(len(rows)), [short(row[0]) for row in rows])
    return Drawing(
        "rates",
        figure,
        _table_of(rows, tuple(titles)),
        f"Accuracy, true and false positive rate with 95 % intervals ({interval}). For the false "
        f"positive rate, left is better. Positive class: {metrics['positive']}; n as in the table.",
        "Accuracy, true positive rate and false positive rate with their intervals; the numbers "
        "are in the table above",
    )


def plot_confusion(metrics: Mapping[str, Any], negative: str) -> Drawing:
    """Draw the confusion matrix of everybody against the known labels.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.
    negative : str
        What an item is called that is not positive.

    Returns
    -------
    Drawing
        Small matrices, four in a row; shade is the share of the row.
    """
    rows = _rows(metrics)
    positive = metrics["positive"]
    across = min(4, max(len(rows), 1))
    down = -(-max(len(rows), 1) // across)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(0.7 + 1.9 * across, 2.1 * down), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, (name, role, entry) in zip(panels, rows, strict=False):
        color, _ = LOOKS[role]
        cells = np.array([[entry["tp"], entry["fn"]], [entry["fp"], entry["tn"]]])
        total = np.maximum(cells.sum(axis=1, keepdims=True), 1)
        for (row, column), count in np.ndenumerate(cells):
            share = float(count / total[row, 0])
            box = mpl.patches.Rectangle((column, row), 1, 1, fc=color, alpha=0.55 * share, lw=0)
            axes.add_patch(box)
            axes.text(column + 0.5, row + 0.5, f"{count}", ha="center", va="center", size=10)
        axes.set_title(short(name), fontsize=9)
        axes.set(xlim=(0, 2), ylim=(2, 0), aspect="equal")
        axes.set_xticks([0.5, 1.5], [short(positive), short(negative)])
        axes.set_yticks([0.5, 1.5], [short(positive), short(negative)], rotation=90, va="center")
        axes.tick_params(length=0, labelsize=8)
        axes.spines[:].set_visible(False)
    for axes in panels[len(rows) :]:
        axes.set_axis_off()
    figure.supxlabel("answer", fontsize=9)
    figure.supylabel("known label", fontsize=9)
    table = [
        {
            **{"who": name, "role": role},
            **{"known_label": label, "answer": answer, "n_items": entry[cell]},
        }
        for name, role, entry in rows
        for label, answer, cell in (
            (positive, positive, "tp"),
            (positive, negative, "fn"),
            (negative, positive, "fp"),
            (negative, negative, "tn"),
        )
    ]
    return Drawing("confusion", figure, pd.DataFrame(table), on_page=False)


def _rows(metrics: Mapping[str, Any]) -> list[Decider]:
    """List everybody who decides."""
    rows: list[Decider] = [(name, "person", entry) for name, entry in metrics["people"].items()]
    majority, model = metrics["consensus"]["majority"], metrics["model"]
    if _has_majority(metrics):
        rows.append(("Majority", "together", majority))
    if model["accuracy"] is not None:
        rows.append(("Model", "model", model))
    return rows


def _points(metrics: Mapping[str, Any]) -> list[Decider]:
    return [
        row for row in _rows(metrics) if row[2]["tpr"] is not None and row[2]["fpr"] is not None
    ]


def _has_majority(metrics: Mapping[str, Any]) -> bool:
    return bool(metrics["consensus"]["majority"]["n_people"] > 2)


def _table_of(rows: Sequence[Decider], keys: Sequence[str]) -> pd.DataFrame:
    """Tabulate measures and their intervals."""
    table = []
    for name, role, entry in rows:
        row: dict[str, Any] = {"who": name, "role": role}
        for key in keys:
            row[key] = entry[key]
            row[f"{key}_low"], row[f"{key}_high"] = entry[f"{key}_ci95"] or (None, None)
        table.append(row)
    return pd.DataFrame(table)


def _is_filled(entry: Mapping[str, Any], role: str) -> bool:
    """Tell whether a point is filled: a hollow one saw answers, or is the majority."""
    return role != "together" and entry.get("assisted", "none") == "none"
