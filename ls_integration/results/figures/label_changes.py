"""Figures of the labels that a review of cutouts changed."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.ticker import MaxNLocator

from ls_integration.kinds.cutouts import NEGATIVE, POSITIVE
from ls_integration.results.figures.drawing import (
    INK,
    MUTED,
    PERSON,
    RULE,
    STYLE,
    TOGETHER,
    Drawing,
    new_figure,
    short,
)

FRAMES_AT_MOST = 30

_LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "n_changed": ("changed", {"fc": PERSON, "ec": PERSON}),
    "n_confirmed": ("confirmed", {"fc": TOGETHER, "ec": TOGETHER, "alpha": 0.55}),
    "n_undecided": ("unsure or tied", {"fc": "none", "ec": MUTED, "hatch": "///"}),
    "n_not_answered": ("not answered", {"fc": "none", "ec": MUTED}),
}


@mpl.rc_context(STYLE)
def plot_label_changes(counts: pd.DataFrame) -> Drawing:
    """Draw what became of the labels, by outcome of the prediction.

    Parameters
    ----------
    counts : DataFrame
        From `cutouts_changes.count_by_outcome`; not empty.

    Returns
    -------
    Drawing
        A bar for each outcome and label.
    """
    figure, axes = new_figure(7.6, 1.25 + 0.42 * len(counts))
    left = pd.Series(0, index=counts.index)
    for key, (name, look) in _LOOKS.items():
        bars = axes.barh(counts.index, counts[key], 0.62, left=left, label=name, lw=0.9, **look)
        most = max(1, int(counts["n_cutouts"].max()))
        texts = [f"{count}" if count > 0.03 * most else "" for count in counts[key]]
        # On paper where there are hatches; the page makes white the colour of its paper.
        color = "white" if key == "n_changed" else INK
        axes.bar_label(
            bars,
            texts,
            label_type="center",
            fontsize=8.5,
            color=color,
            bbox={"fc": "white", "lw": 0, "pad": 1.5} if key == "n_undecided" else None,
        )
        left += counts[key]
    axes.set_yticks(
        counts.index,
        [
            f"{outcome}, {label}"
            for outcome, label in zip(counts["outcome"], counts["label"], strict=True)
        ],
    )
    axes.set_ylim(len(counts) - 0.4, -0.6)
    axes.set_xlabel("Cutouts")
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(
        frameon=False, ncols=4, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0
    )
    return Drawing(
        "label_changes",
        figure,
        counts,
        "What became of the labels in the review, by the outcome of the prediction against the "
        f"label as it was given; n = {int(counts['n_cutouts'].sum())} cutouts that were asked "
        "about or answered. Where labels are right, errors of the model are confirmed. Counts, "
        f"without intervals. Positive class: {POSITIVE}.",
        "Labels changed, confirmed and left open, by outcome of the prediction; the numbers are "
        "in the table above",
    )


@mpl.rc_context(STYLE)
def plot_changes_by_frame(frames: pd.DataFrame) -> Drawing:
    """Draw which frames changed most.

    Parameters
    ----------
    frames : DataFrame
        From `cutouts_changes.count_by_frame`; some label was changed.

    Returns
    -------
    Drawing
        A bar for each frame with a change, at most `FRAMES_AT_MOST`; all frames
        are in the numbers.
    """
    changed = frames.loc[frames["n_changed"] > 0]
    shown = changed.head(FRAMES_AT_MOST).reset_index(drop=True)
    figure, axes = new_figure(7.6, 1.2 + 0.27 * len(shown))
    places = shown.index
    axes.barh(
        places, shown["n_now_no_artifact"], 0.62, fc=PERSON, ec=PERSON, label=f"to {NEGATIVE}"
    )
    axes.barh(
        places,
        shown["n_now_artifact"],
        0.62,
        left=shown["n_now_no_artifact"],
        fc="none",
        ec=PERSON,
        hatch="///",
        label=f"to {POSITIVE}",
    )
    for place, row in shown.iterrows():
        axes.annotate(
            f"{row['n_changed']} of {row['n_answered']}",
            (row["n_changed"], place),
            (4, 0),
            textcoords="offset points",
            va="center",
            size=8.5,
            color=MUTED,
        )
    axes.set_yticks(places, [short(str(name)) for name in shown["image_name"]])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 1.12 * max(1, int(shown["n_changed"].max())))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("Labels changed, of the cutouts answered")
    axes.grid(axis="x", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.legend(
        frameon=False, ncols=2, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0
    )
    others = len(frames) - len(changed)
    first = f"The {len(shown)} frames" if len(changed) > len(shown) else "Frames"
    rest = f"; nothing changed in {others} more" if others else ""
    return Drawing(
        "changes_by_frame",
        figure,
        frames,
        f"{first} in which most labels were changed (n = {int(frames['n_changed'].sum())} changes "
        f"in {len(changed)} of {len(frames)} frames{rest}). Counts, without intervals.",
        "Number of changed labels of each frame; the numbers are in plots/changes_by_frame.csv",
    )
