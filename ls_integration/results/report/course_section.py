"""The part of the report about fatigue, learning and haste."""

from collections.abc import Mapping
from typing import Any

from ls_integration.results.figures.course import MOST_PANELS, plot_by_time, plot_course
from ls_integration.results.report.section import Findings, Section

_NAMED_AT_MOST = 6


def show_course(findings: Findings) -> Section | None:
    """Show accuracy over the course of the session and against the decision time.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None where nobody has enough answers with a known label.
    """
    course = {name: entry for name, entry in findings.metrics["course"].items() if entry["parts"]}
    if not course:
        return None
    timed = {name: entry for name, entry in course.items() if entry["by_time"]}
    is_grouped = findings.study.groups is not None
    interval = "groups drawn anew" if is_grouped else "Wilson"
    drawings = [plot_course(course, interval)]
    if timed:
        drawings.append(plot_by_time(timed, interval))
    people = findings.metrics["people"]
    values = {
        "over_session": describe_trends(
            course,
            "trend_odds_ratio",
            ("gets worse over the session", "gets better over the session"),
            "from beginning to end",
        ),
        "by_time": describe_trends(
            timed,
            "time_odds_ratio",
            (
                "is less often right after longer thought",
                "is more often right after longer thought",
            ),
            "for twice the time",
        ),
        "in_study_order": _name(
            [name for name, entry in course.items() if entry["order"] == "study"], len(course)
        ),
        "assisted": _name(
            [name for name in course if people[name]["assisted"] != "none"], len(course)
        ),
        "is_grouped": is_grouped,
    }
    return Section("course", tuple(drawings), values)


def describe_trends(
    course: Mapping[str, Mapping[str, Any]], key: str, words: tuple[str, str], span: str
) -> list[str]:
    """Say who has a trend, a sentence each, and who has none that can be told.

    Parameters
    ----------
    course : mapping
        Name -> entry of ``course`` in ``metrics.json``.
    key : str
        ``trend_odds_ratio`` or ``time_odds_ratio``.
    words : tuple of str
        What somebody does whose odds ratio is below 1, and above it.
    span : str
        What the odds ratio is over.

    Returns
    -------
    list of str
        The first `MOST_PANELS` trends whose interval leaves 1 out; then everybody
        else in one sentence or two.
    """
    found, untold, undefined = [], [], []
    for name, entry in course.items():
        ratio, bounds = entry[key], entry[f"{key}_ci95"]
        if ratio is None or bounds is None:
            undefined.append(name)
            continue
        low, high = bounds
        span_of_ratio = f"{_round(low)} to {_round(high)}"
        if low <= 1 <= high:
            untold.append(f"{name} (×{_round(ratio)}, {span_of_ratio})")
        else:
            found.append(
                f"{name} {words[0] if high < 1 else words[1]}: odds of a right answer "
                f"×{_round(ratio)} {span}, 95 % interval {span_of_ratio}."
            )
    more = len(found) - MOST_PANELS
    sentences = found[:MOST_PANELS]
    if more > 0:
        sentences.append(f"{more} more have a trend; they are in metrics.json.")
    if untold:
        sentences.append(f"No trend that the data can tell: {_name(untold)}.")
    if undefined:
        sentences.append(f"No trend or interval can be estimated: {_name(undefined)}.")
    return sentences


def _name(names: list[str], everybody: int | None = None) -> str:
    """Name the first few, or say that it is everybody."""
    if everybody is not None and len(names) == everybody and everybody > 1:
        return "everybody"
    named = ", ".join(names[:_NAMED_AT_MOST])
    more = len(names) - _NAMED_AT_MOST
    return f"{named} and {more} more" if more > 0 else named


def _round(ratio: float) -> str:
    if 100 <= ratio < 10_000:
        return f"{ratio:.0f}"
    return f"{ratio:.2f}" if 0.1 <= ratio < 100 else f"{ratio:.2g}"
