"""What came out of a re-rating study, in lines for the terminal."""

from collections.abc import Mapping
from typing import Any

_NAMES = (
    "rated",
    "mean change",
    "mean |change|",
    "Spearman with old",
    "to normal",
    "to not",
    "gap",
)


def write_rating_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Write the table of people, their agreement, and what the words mean.

    Parameters
    ----------
    metrics : mapping
        As `rating_metrics.build_rating_metrics` gives it.

    Returns
    -------
    list of str
        One line each.
    """
    people = dict(metrics["people"])
    if not people:
        return ["there are no ratings yet"]
    rows = [*people.items()]
    if metrics["agreement"]["people"] > 1:
        rows.append(("mean of all", metrics["mean"]))
    cells = [["", *_NAMES], *([name, *_cells(entry)] for name, entry in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in cells
    ]
    return [*lines, *_agreement(metrics["agreement"]), _legend(metrics)]


def _cells(entry: Mapping[str, Any]) -> list[str]:
    return [
        str(entry["rated"]),
        _number(entry["mean_change"], sign=True),
        _number(entry["mean_absolute_change"]),
        _with_interval(entry, "spearman_with_old"),
        str(entry["crossed_to_normal"]),
        str(entry["crossed_to_not_normal"]),
        str(entry["into_gap"]),
    ]


def _agreement(agreement: Mapping[str, Any]) -> list[str]:
    if agreement["people"] < 2:
        return []
    return [
        f"agreement of {agreement['people']} people on the {agreement['n_items_rated_by_all']} "
        f"images that all rated: ICC(2,1) {_with_interval(agreement, 'icc_2_1')}, "
        f"ICC(3,1) {_with_interval(agreement, 'icc_3_1')}; "
        f"mean pairwise Spearman {_number(agreement['mean_pairwise_spearman'])}"
    ]


def _legend(metrics: Mapping[str, Any]) -> str:
    normal, low = metrics["normal_at_least"], metrics["anomaly_below"]
    return (
        f"new less old rating; to normal: from below {normal:g} to {normal:g} or more; to not: the "
        f"other way; gap: now from {low:g} to below {normal:g}, which leaves a study of normal and "
        "anomaly; brackets: 95 % intervals"
    )


def _with_interval(entry: Mapping[str, Any], key: str) -> str:
    interval = entry[f"{key}_ci95"]
    bounds = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    return f"{_number(entry[key])}{bounds}"


def _number(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:+.3f}" if sign else f"{value:.3f}"
