"""Figures of how far people agree with each other."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import pandas as pd

from ls_integration.results.figures.drawing import (
    MUTED,
    PERSON,
    RULE,
    STYLE,
    TOGETHER,
    Drawing,
    new_figure,
    short,
)

_DARKEST = 0.6
"""Opacity of a full shade: the number on it stays readable in light and dark."""

_NUMBERS_UP_TO = 16
"""With more people than this a number no longer fits into its square."""


def plot_agreement(metrics: Mapping[str, Any], intervals: str) -> Drawing:
    """Draw Cohen's kappa of every pair of people as a matrix.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it, with two people or more.
    intervals : str
        What kind of interval the numbers have, for the caption.

    Returns
    -------
    Drawing
        A square for each pair, the value written in it; green above chance,
        orange below.
    """
    pairs = metrics["agreement"]["pairwise"]
    names = list(dict.fromkeys(name for pair in pairs for name in (pair["first"], pair["second"])))
    place = {name: number for number, name in enumerate(names)}
    longest = max(len(short(name)) for name in names)
    # As wide as the page, so that letters are as large as elsewhere; the matrix stands left.
    side = min(0.62, (7.2 - 0.075 * longest) / len(names))
    figure, axes = new_figure(7.6, len(names) * side + 0.06 * longest + 0.45)
    size = min(9.0, 17.0 * side)
    for pair in pairs:
        row, column = place[pair["first"]], place[pair["second"]]
        for x, y in ((row, column), (column, row)):
            _draw_square(
                axes, x, y, pair["cohen_kappa"], size if len(names) <= _NUMBERS_UP_TO else 0
            )
    with mpl.rc_context(STYLE):
        for number in range(len(names)):
            box = mpl.patches.Rectangle((number, number), 1, 1, fc="none", ec=RULE, lw=0.8)
            axes.add_patch(box)
        centres = [number + 0.5 for number in range(len(names))]
        shown = [short(name) for name in names]
        axes.set(xlim=(0, len(names)), ylim=(len(names), 0), aspect="equal", anchor="W")
        axes.xaxis.tick_top()
        slant: dict[str, Any] = {"rotation": 40, "ha": "left", "rotation_mode": "anchor"}
        axes.set_xticks(centres, shown, **(slant if len(names) > 2 or longest > 8 else {}))
        axes.set_yticks(centres, shown)
        axes.tick_params(length=0, labelsize=min(9.5, 26 * side))
        axes.spines[:].set_visible(False)
    return Drawing("agreement", figure, _tabulate(pairs), _caption(metrics, intervals), _say(pairs))


def _draw_square(axes: Any, x: int, y: int, kappa: float | None, size: float) -> None:
    """Shade a square by kappa and write it in; *size* 0 leaves the number out."""
    if kappa is not None:
        color = TOGETHER if kappa >= 0 else PERSON
        shade = _DARKEST * min(1.0, abs(kappa))
        axes.add_patch(mpl.patches.Rectangle((x, y), 1, 1, fc=color, alpha=shade, lw=0))
    axes.add_patch(mpl.patches.Rectangle((x, y), 1, 1, fc="none", ec=RULE, lw=0.8))
    if size:
        text = "–" if kappa is None else f"{kappa:.2f}".replace("-", "\N{MINUS SIGN}")
        with mpl.rc_context(STYLE):
            color = MUTED if kappa is None else STYLE["text.color"]
            axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", size=size, color=color)


def _tabulate(pairs: list[dict[str, Any]]) -> pd.DataFrame:
    rows = []
    for pair in pairs:
        row = {name: pair[name] for name in ("first", "second", "n_items")}
        for name in ("cohen_kappa", "observed_agreement"):
            row[name] = pair[name]
            row[f"{name}_low"], row[f"{name}_high"] = pair[f"{name}_ci95"] or (None, None)
        rows.append(row)
    return pd.DataFrame(rows)


def _caption(metrics: Mapping[str, Any], intervals: str) -> str:
    numbers = sorted({pair["n_items"] for pair in metrics["agreement"]["pairwise"]})
    n_items = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    shown = metrics["agreement"]["assisted_people"]
    return (
        "Cohen’s κ of each pair of people, first rounds, over the items that both answered "
        f"(n = {n_items}). Green: more agreement than chance would give, the stronger the "
        f"more; orange: less; a dash: undefined. 95 % intervals ({intervals}) in the table below. "
        + (f"Saw an answer first: {', '.join(shown)}. " if shown else "")
        + "It is the same whichever class is positive."
    )


def _say(pairs: list[dict[str, Any]]) -> str:
    known = [pair for pair in pairs if pair["cohen_kappa"] is not None]
    text = "Matrix of Cohen’s kappa between people"
    if known:
        low, high = (
            choose(known, key=lambda pair: pair["cohen_kappa"])["cohen_kappa"]
            for choose in (min, max)
        )
        text += f", from {low:.2f} to {high:.2f}"
    return text + "; the numbers are in the table below"
