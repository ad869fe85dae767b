"""What came out of a re-rating study, in sentences and in lines for the terminal."""

from collections.abc import Mapping
from typing import Any

from ls_integration.results.headline import FILTERS

_NAMED_AT_MOST = 4

_NAMES = (
    "rated",
    "mean change",
    "mean |change|",
    "Spearman with old",
    "to normal",
    "to not",
    "gap",
)


def say_ratings(metrics: Mapping[str, Any]) -> list[str]:
    """Say in sentences what came out.

    Parameters
    ----------
    metrics : mapping
        As `rating_metrics.build_rating_metrics` gives it.

    Returns
    -------
    list of str
        One paragraph each, plain text.
    """
    people = metrics["people"]
    if not any(entry["rated"] for entry in people.values()):
        return ["There are no ratings yet."]
    several = metrics["agreement"]["people"] > 1
    named = [(name, entry) for name, entry in people.items() if entry["rated"]]
    paragraphs = [_say_person(name, entry, metrics) for name, entry in named[:_NAMED_AT_MOST]]
    if len(named) > _NAMED_AT_MOST:
        paragraphs.append(f"{len(named) - _NAMED_AT_MOST} more are in the table below.")
    mean = metrics["mean"]
    if several and mean["compared"]:
        paragraphs.append(f"By the mean of all first rounds {_say_crossings(mean, metrics)}.")
    if several and metrics["agreement"]["icc_2_1"] is not None:
        paragraphs.append(_say_rating_agreement(metrics["agreement"]))
    if metrics["blind"] is not None:
        paragraphs.append(
            "The study was blind: the old ratings were not on the server."
            if metrics["blind"]
            else "The pages showed the old rating, so the new ones are not independent of it."
        )
    return paragraphs


def _say_person(name: str, entry: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    count, number = FILTERS["count"], FILTERS["number"]
    text = f"{name} rated {count(entry['rated'])} of {count(metrics['n_items'])} images again"
    if entry["mean_change"] is None:
        return f"{text}, of which none has an old rating."
    interval = entry["mean_change_ci95"]
    bounds = f" (95 % interval {FILTERS['interval'](interval)})" if interval else ""
    return (
        f"{text}. New less old rating is {number(entry['mean_change'])} on average{bounds}, and "
        f"{number(entry['mean_absolute_change'])} in size; {_say_crossings(entry, metrics)}."
    )


def _say_crossings(entry: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    count = FILTERS["count"]
    normal, low = metrics["normal_at_least"], metrics["anomaly_below"]
    gap = entry["into_gap"]
    return (
        f"{count(entry['crossed_to_normal'])} became normal ({normal:g} or more), "
        f"{count(entry['crossed_to_not_normal'])} no longer are, and {count(gap)} "
        f"{'lies' if gap == 1 else 'lie'} now between {low:g} and {normal:g}"
    )


def _say_rating_agreement(agreement: Mapping[str, Any]) -> str:
    number, bounds = FILTERS["number"], FILTERS["interval"]
    interval = agreement["icc_2_1_ci95"]
    text = (
        f"On the {FILTERS['count'](agreement['n_items_rated_by_all'])} images that all "
        f"{agreement['people']} rated, single ratings agree with ICC(2,1) = "
        f"{number(agreement['icc_2_1'])}"
    )
    if interval:
        text += f" (95 % interval {bounds(interval)})"
    return f"{text}; 1 is full agreement."


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
