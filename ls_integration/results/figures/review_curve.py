"""The figure of the simulated review: quality against the number of reviewed items."""

from collections.abc import Sequence

import pandas as pd

from ls_integration.models.improvement import ReviewCurve
from ls_integration.results.figures.drawing import (
    INK,
    MODEL,
    MUTED,
    PERSON,
    RULE,
    TOGETHER,
    Drawing,
    new_figure,
)

LOOKS = {
    "queue": (MODEL, "-", "o", "the study's order"),
    "uncertain": (TOGETHER, "-", "s", "uncertain first"),
    "confidence": (PERSON, "-", "^", "most confident contradictions first"),
    "random": (MUTED, "--", "v", "random"),
}
"""Colour, line, marker and words of each order: told apart without colour, too."""


def draw_review_curves(curves: Sequence[ReviewCurve], grouped_by: str) -> Drawing:
    """Draw the area under the ROC curve against the number of reviewed items.

    Parameters
    ----------
    curves : sequence of ReviewCurve
        One for each order.
    grouped_by : str
        ``session``, ``frame`` or ``item``.

    Returns
    -------
    Drawing
        A line for each order; the band of random orders is from the worst to
        the best of them.
    """
    figure, axes = new_figure(7.6, 4.2)
    for curve in curves:
        color, line, marker, words = LOOKS.get(curve.order, (INK, ":", "x", curve.order))
        if curve.n_repeats > 1:
            axes.fill_between(
                curve.n_reviewed, curve.auc_lowest, curve.auc_highest, color=color, alpha=0.2, lw=0
            )
            words += f" (mean and range of {curve.n_repeats})"
        axes.plot(
            curve.n_reviewed, curve.auc, line, marker=marker, ms=4.5, lw=1.3, color=color,
            label=words,
        )  # fmt: skip
    axes.set_xlabel("Items reviewed")
    axes.set_ylabel("AUC against the corrected labels")
    axes.grid(axis="y", color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="best")
    return Drawing(
        "review_curve",
        figure,
        tabulate_review_curves(curves),
        "How good a model is that was trained on the labels as they are after so many items have "
        f"been reviewed, in each order: on {grouped_by}s that it has not seen, against the "
        "corrected labels.",
        "Quality of the model against the number of reviewed items; the numbers are in the table",
    )


def tabulate_review_curves(curves: Sequence[ReviewCurve]) -> pd.DataFrame:
    """Put the curves into a long table.

    Parameters
    ----------
    curves : sequence of ReviewCurve
        One for each order.

    Returns
    -------
    DataFrame
        ``order, n_reviewed, n_corrected, auc, auc_lowest, auc_highest,
        n_repeats``, a row for each point.
    """
    columns = ("n_reviewed", "n_corrected", "auc", "auc_lowest", "auc_highest")
    return pd.DataFrame(
        [
            {
                "order": curve.order,
                **{name: getattr(curve, name)[point] for name in columns},
                "n_repeats": curve.n_repeats,
            }
            for curve in curves
            for point in range(len(curve.n_reviewed))
        ],
        columns=["order", *columns, "n_repeats"],
    )
