"""The part of the report on subgroups: one table and one figure for each column."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ls_integration.results.figures.drawing import Drawing
from ls_integration.results.figures.ratings import MEAN
from ls_integration.results.figures.subgroups import ACCURACY, CHANGE, Measured, plot_subgroups
from ls_integration.results.report.section import Findings, Section

Decider = tuple[str, str, dict[str, Any]]
"""Name, role (``person``, ``together``, ``model``) and entry of ``metrics.json``."""


@dataclass(frozen=True)
class Shown:
    """What a kind's subgroups are shown by.

    Attributes
    ----------
    list_deciders : callable
        The numbers of the whole or of a subgroup -> everybody, in the same order.
    measured : Measured
        What is drawn, and stands in the table.
    known, known_word : str
        The key of the number of items that can be compared, and what it says
        behind that number.
    people : str
        The key, in ``agreement``, of the number of people.
    agreement : str
        The key of the coefficient of agreement in the table.
    agreement_title, agreement_note : str
        Its heading, and what it is over.
    further : tuple of (str, str)
        Keys and headings of more numbers of each entry, in a folded table.
    """

    list_deciders: Callable[[Mapping[str, Any]], list[Decider]]
    measured: Measured
    known: str
    known_word: str
    people: str
    agreement: str
    agreement_title: str
    agreement_note: str
    further: tuple[tuple[str, str], ...] = ()


def show_subgroups(findings: Findings) -> Section | None:
    """Show everybody's accuracy and the agreement within each subgroup.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None without subgroups.
    """
    return make_section(findings.metrics, OF_LABELS, findings.proportion_interval)


def make_section(metrics: Mapping[str, Any], shown: Shown, interval: str) -> Section | None:
    """Make the part of any kind.

    Parameters
    ----------
    metrics : mapping
        What ``metrics.json`` holds.
    shown : Shown
        What of it.
    interval : str
        The kind of the intervals, for the captions.

    Returns
    -------
    Section or None
        None without subgroups.
    """
    if not metrics.get("by"):
        return None
    measured = shown.measured
    deciders = [
        decider for decider in shown.list_deciders(metrics) if decider[2][measured.name] is not None
    ]
    drawings: list[Drawing] = []
    tables = []
    for number, (column, parts) in enumerate(metrics["by"].items(), start=1):
        entries = {
            value: {name: entry for name, _, entry in shown.list_deciders(part)}
            for value, part in parts.items()
        }
        if deciders:
            drawings.append(plot_subgroups(number, column, deciders, entries, interval, measured))
        tables.append(
            {
                "column": column,
                "figure": f"subgroups_{number}",
                "rows": [
                    {
                        "value": value,
                        "n_items": part["n_items"],
                        "n_known": part[shown.known],
                        "agreement": part["agreement"],
                        "entries": [entries[value][name] for name, _, _ in deciders],
                    }
                    for value, part in parts.items()
                ],
            }
        )
    values = {
        "tables": tables,
        "deciders": [(name, role) for name, role, _ in deciders],
        "has_agreement": metrics["agreement"][shown.people] > 1,
        "shown": shown,
    }
    return Section("subgroups", tuple(drawings), values)


def _list_deciders(numbers: Mapping[str, Any]) -> list[Decider]:
    found = [(name, "person", dict(entry)) for name, entry in numbers["people"].items()]
    majority, model = numbers["consensus"]["majority"], numbers["model"]
    if majority["n_people"] > 2:
        found.append(("Majority", "together", dict(majority)))
    found.append(("Model", "model", dict(model)))
    return [(name, role, entry | {"n_judged": _n_judged(entry)}) for name, role, entry in found]


def _n_judged(entry: Mapping[str, Any]) -> int:
    """Count the judged items with a known label."""
    return sum(entry.get(cell, 0) for cell in ("tp", "fp", "fn", "tn"))


def _list_raters(numbers: Mapping[str, Any]) -> list[Decider]:
    found = [(name, "person", dict(entry)) for name, entry in numbers["people"].items()]
    if numbers["agreement"]["people"] > 1:
        found.append((MEAN, "together", dict(numbers["mean"])))
    return found


OF_LABELS = Shown(
    _list_deciders,
    ACCURACY,
    known="n_items_with_known_label",
    known_word="known",
    people="n_people",
    agreement="mean_pairwise_cohen_kappa",
    agreement_title="Cohen’s κ",
    agreement_note="mean over the pairs of people, first rounds",
)
OF_RATINGS = Shown(
    _list_raters,
    CHANGE,
    known="n_items_with_old_rating",
    known_word="with an old rating",
    people="people",
    agreement="icc_2_1",
    agreement_title="ICC(2,1)",
    agreement_note="over the images that all rated, first rounds",
    further=(
        ("mean_absolute_change", "Mean size of change"),
        ("spearman_with_old", "Spearman’s ρ with the old"),
        ("crossed_to_normal", "Became normal"),
        ("crossed_to_not_normal", "No longer normal"),
        ("into_gap", "Now in the gap"),
    ),
)
