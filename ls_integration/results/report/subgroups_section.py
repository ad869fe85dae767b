"""The part of the report on subgroups: one table and one figure for each column."""

from collections.abc import Mapping
from typing import Any

from ls_integration.results.figures.drawing import Drawing
from ls_integration.results.figures.subgroups import plot_subgroups
from ls_integration.results.report.section import Findings, Section


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
    metrics = findings.metrics
    if not metrics.get("by"):
        return None
    deciders = [
        decider for decider in _list_deciders(metrics) if decider[2]["accuracy"] is not None
    ]
    drawings: list[Drawing] = []
    tables = []
    for number, (column, parts) in enumerate(metrics["by"].items(), start=1):
        entries = {
            value: {name: entry | {"n_judged": _n_judged(entry)} for name, _, entry in found}
            for value, found in ((value, _list_deciders(part)) for value, part in parts.items())
        }
        if deciders:
            drawings.append(
                plot_subgroups(number, column, deciders, entries, findings.proportion_interval)
            )
        tables.append(
            {
                "column": column,
                "figure": f"subgroups_{number}",
                "rows": [
                    {
                        "value": value,
                        "n_items": part["n_items"],
                        "n_known": part["n_items_with_known_label"],
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
        "has_agreement": metrics["agreement"]["n_people"] > 1,
    }
    return Section("subgroups", tuple(drawings), values)


def _list_deciders(numbers: Mapping[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Name, role and entry of everybody, in the same order for a subgroup as for the whole."""
    found = [(name, "person", dict(entry)) for name, entry in numbers["people"].items()]
    majority, model = numbers["consensus"]["majority"], numbers["model"]
    if majority["n_people"] > 2:
        found.append(("Majority", "together", dict(majority)))
    found.append(("Model", "model", dict(model)))
    return found


def _n_judged(entry: Mapping[str, Any]) -> int:
    """Count the judged items with a known label."""
    return sum(entry.get(cell, 0) for cell in ("tp", "fp", "fn", "tn"))
