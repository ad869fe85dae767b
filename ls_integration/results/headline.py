"""What came out, in sentences, and how the report writes numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ls_integration.kinds import cutouts

_NAMED_AT_MOST = 8


def write_headline(metrics: Mapping[str, Any]) -> list[str]:
    """Say in sentences what came out.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.

    Returns
    -------
    list of str
        One paragraph each, plain text.
    """
    sentences = [_say_people(metrics), _say_model(metrics), _say_agreement(metrics)]
    return [sentence for sentence in [*sentences, _say_independence(metrics)] if sentence]


def _say_people(metrics: Mapping[str, Any]) -> str:
    people = metrics["people"]
    if not people:
        return "There are no answers yet."
    scored = [(name, entry) for name, entry in people.items() if entry["accuracy"] is not None]
    if not scored:
        return (
            f"{_list(list(people))} judged {metrics['n_items']} items. There are no known labels "
            "to compare with, so this report is about agreement only."
        )
    scored.sort(key=lambda pair: -pair[1]["accuracy"])
    (best, first), rest = scored[0], scored[1:]
    text = (
        f"{best} agrees with the known label on {_share(first['tp'] + first['tn'], first)} of the "
        f"judged items ({_percent(first['accuracy'])}, {_percent_interval(first['accuracy_ci95'])})"
    )
    if rest:
        named = [f"{name} on {_percent(entry['accuracy'])}" for name, entry in rest]
        more = len(named) - _NAMED_AT_MOST
        named = [*named[:_NAMED_AT_MOST], f"{more} more below that"] if more > 0 else named
        text += f", {_list(named)}"
        near = [name for name, entry in rest if _overlap(first, entry)]
        if near:
            text += (
                f". The intervals of {_list([best, *near[: _NAMED_AT_MOST - 1]])} overlap, which "
                "leaves their order open"
            )
    return text + "."


def _overlap(better: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two accuracies could be the same; few groups of items give no interval."""
    interval, beside = better["accuracy_ci95"], other["accuracy_ci95"]
    return bool(interval and beside and beside[1] >= interval[0])


def _say_model(metrics: Mapping[str, Any]) -> str:
    model, positive = metrics["model"], metrics["positive"]
    sentences = []
    if model["auc"] is not None:
        sentences.append(
            f"The model scores a random item labelled {positive} above a random other one with "
            f"probability {_number(model['auc'])} (AUC, {_interval(model['auc_ci95'])})."
        )
    if model["accuracy"] is not None:
        cut = (
            "" if model["threshold"] is None else f", with its threshold at {model['threshold']:g},"
        )
        sentences.append(
            f"The model{cut} agrees with the known label on {_percent(model['accuracy'])} "
            f"({_percent_interval(model['accuracy_ci95'])}): it finds {_percent(model['tpr'])} of "
            f"the items labelled {positive} and raises a false alarm on {_percent(model['fpr'])} "
            "of the others."
        )
    compared = [
        entry
        for entry in metrics.get("comparison", [])
        # Who has seen the model's answers cannot be compared with it.
        if entry["role"] == "person"
        and entry["tpr_above_model_ci95"] is not None
        and metrics["people"][entry["first"]]["assisted"] == "none"
    ]
    results: dict[str, list[str]] = {"less": [], "more": [], "neither surely less nor more": []}
    for entry in compared:
        low, high = entry["tpr_above_model_ci95"]
        result = list(results)[0 if low > 0 else 1 if high < 0 else 2]
        results[result].append(entry["first"])
    sentences += [
        f"With as many false alarms as {_list(names[:_NAMED_AT_MOST], 'or')}, the model would find "
        f"{result}."
        for result, names in results.items()
        if names
    ]
    return " ".join(sentences)


def _say_agreement(metrics: Mapping[str, Any]) -> str:
    agreement = metrics["agreement"]
    if agreement["krippendorff_alpha"] is None:
        return ""
    is_cutouts = metrics["kind"] == cutouts.KIND
    # The review of cutouts counts latest rounds, and "unsure" as a vote.
    which = ", in first rounds and without “unsure”," if is_cutouts else ""
    text = (
        f"Among themselves{which} the people agree beyond chance with Krippendorff’s α = "
        f"{_number(agreement['krippendorff_alpha'])} "
        f"({_interval(agreement['krippendorff_alpha_ci95'])}; 1 is full agreement, 0 is chance)."
    )
    tied = metrics["consensus"]["majority"]["n_tied"]
    if tied:
        noun = f"{'cutout' if is_cutouts else 'item'}{'' if tied == 1 else 's'}"
        there = " there" if is_cutouts else ""
        text += f" On {tied} {noun} they are tied{there}; these have no majority."
    return text


def _say_independence(metrics: Mapping[str, Any]) -> str:
    people = metrics["people"]
    if not people:
        return ""
    shown = [name for name, entry in people.items() if entry["assisted"] != "none"]
    if shown:
        text = (
            f"The answers of {_list(shown)} started from one that the page showed. They are "
            "confirmations or corrections, not independent opinions, and agreement with what was "
            "shown is to be expected."
        )
        rest = [name for name in people if name not in shown]
        return text + (f" {_list(rest)} started from nothing." if rest else "")
    if metrics["blind"]:
        return "The study was blind to the model: no prediction was shown, and none was stored."
    return "No answer started from one that was shown."


def _number(value: float | None) -> str:
    """Three decimals, a real minus sign, a dash for nothing."""
    return "–" if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def _rating(value: float | None) -> str:
    """Two decimals, or as many as a rating has, up to three; a dash for nothing."""
    if value is None or math.isnan(value):
        return "–"
    text = f"{value:.3f}"
    return (text[:-1] if text.endswith("0") else text).replace("-", "\N{MINUS SIGN}")


def _range(interval: Sequence[float] | None) -> str:
    """Low to high; "to" where a minus sign stands beside."""
    if interval is None:
        return ""
    low, high = interval
    return f"{_number(low)}{' to ' if low < 0 else '–'}{_number(high)}"


def _interval(interval: Sequence[float] | None) -> str:
    return f"95 % interval {_range(interval)}" if interval else "no interval"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _percent_interval(interval: Sequence[float] | None) -> str:
    if not interval:
        return "no interval"
    return f"95 % interval {100 * interval[0]:.1f}–{100 * interval[1]:.1f}\N{NO-BREAK SPACE}%"


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _count(value: int) -> str:
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _share(part: int, entry: Mapping[str, Any]) -> str:
    total = entry["tp"] + entry["fp"] + entry["fn"] + entry["tn"]
    return f"{_count(part)} of {_count(total)}"


def _list(words: Sequence[str], last: str = "and") -> str:
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


FILTERS: dict[str, Callable[..., str]] = {
    "number": _number,
    "rating": _rating,
    "interval": _range,
    "percent": _percent,
    "seconds": _seconds,
    "count": _count,
    "listed": _list,
}
"""How the page's template writes numbers and lists."""
