"""What came out of a review of cutouts, in a sentence and in lines for the terminal."""

from collections.abc import Mapping
from typing import Any

from ls_integration.results.headline import FILTERS

_RATES = ("precision", "recall", "f1")
_CELLS = ("tp", "fp", "fn", "tn")


def say_review(metrics: Mapping[str, Any]) -> str:
    """Say in sentences what the review changed.

    Parameters
    ----------
    metrics : mapping
        As `cutouts_metrics.build_cutout_metrics` gives it.

    Returns
    -------
    str
        Plain text.
    """
    percent = FILTERS["percent"]
    whose = f"By the answers of {metrics['annotator']}, " if metrics["annotator"] else ""
    text = f"{whose}{_say_counts(metrics)}."
    text = text[0].upper() + text[1:]
    before, after = metrics["before"], metrics["after"]
    if metrics["changed"]:
        rates = ", ".join(
            f"{'F1' if name == 'f1' else name} {percent(before[name])} before and "
            f"{percent(after[name])} after"
            for name in _RATES
        )
        text += f" The same predictions have, against the labels before and after that, {rates}."
    outside = metrics["outside_queue"]
    if outside["error_rate"] is not None:
        low, high = outside["error_rate_ci95"]
        text += (
            f" Of {outside['decided']} cutouts drawn at random outside the queue "
            f"{outside['changed']} had a wrong label: {percent(outside['error_rate'])} of those "
            f"that nobody was asked about, with a 95 % interval of {percent(low)} to "
            f"{percent(high)}."
        )
    queue, left = metrics["queue"], metrics["left"]
    if queue["enrichment"] is not None and queue["enrichment_ci95"]:
        low, high = queue["enrichment_ci95"]
        text += (
            f" A label of the queue was wrong {queue['enrichment']:.1f} times as often (95 % "
            f"interval {low:.1f} to {high:.1f})."
        )
    if left["expected_wrong"] is not None and left["expected_wrong_ci95"]:
        low, high = left["expected_wrong_ci95"]
        text += (
            f" Of the {FILTERS['count'](left['not_decided'])} cutouts that nobody decided, "
            f"{left['expected_wrong']:.0f} are expected to have a wrong label (95 % interval "
            f"{low:.0f} to {high:.0f})."
        )
    return text


def write_cutout_lines(metrics: Mapping[str, Any]) -> list[str]:
    """Write the predictions before and after the review as a table, and what was reviewed.

    Parameters
    ----------
    metrics : mapping
        As `cutouts_metrics.build_cutout_metrics` gives it.

    Returns
    -------
    list of str
        One line each.
    """
    rows = [["", "precision", "recall", "F1", *(name.upper() for name in _CELLS)]]
    for name in ("before", "after"):
        entry = metrics[name]
        rates = [_with_interval(entry, rate) for rate in _RATES]
        rows.append([name, *rates, *(str(entry[cell]) for cell in _CELLS)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    outside = metrics["outside_queue"]
    if outside["error_rate"] is not None:
        lines.append(
            f"outside the queue: {_with_interval(outside, 'error_rate')} of the labels are wrong "
            f"({outside['changed']} of {outside['decided']} drawn at random)"
        )
    queue, left = metrics["queue"], metrics["left"]
    if queue["precision"] is not None:
        lines.append(
            f"in the queue: {_with_interval(queue, 'precision')} of the labels are wrong "
            f"({queue['changed']} of {queue['decided']} decided)"
        )
    if left["expected_wrong_ci95"]:
        low, high = left["expected_wrong_ci95"]
        lines.append(
            f"expected among the {left['not_decided']} that nobody decided: "
            f"{left['expected_wrong']:.0f} wrong labels [{low:.0f}, {high:.0f}]"
        )
    whose = f" (answers of {metrics['annotator']})" if metrics["annotator"] else ""
    return [
        *lines,
        f"{_say_counts(metrics)}{whose}",
        "brackets: 95 % intervals, with the tiles of a frame taken as alike",
    ]


def _say_counts(metrics: Mapping[str, Any]) -> str:
    count = FILTERS["count"]
    beside = metrics["reviewed_unasked"]
    asked = metrics["reviewed"] - beside
    text = f"{count(asked)} of {count(metrics['asked'])} cutouts were reviewed"
    if beside:
        text += f" and {count(beside)} that were not asked about"
    text += f"; {count(metrics['changed'])} labels are changed, {count(metrics['unsure'])} unsure"
    if metrics["ties"]:
        text += f", {count(metrics['ties'])} tied in the latest answers: these keep their label"
    return text


def _with_interval(entry: Mapping[str, Any], key: str) -> str:
    if entry[key] is None:
        return "-"
    interval = entry[f"{key}_ci95"]
    bounds = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    return f"{entry[key]:.3f}{bounds}"
