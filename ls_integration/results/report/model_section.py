"""The part of the report on the model: its scores as probabilities, people against it."""

from collections.abc import Mapping
from typing import Any

from ls_integration.results.figures.calibration import plot_calibration
from ls_integration.results.figures.drawing import Drawing
from ls_integration.results.metrics.comparison import DAWID_SKENE, MAJORITY
from ls_integration.results.report.section import Findings, Section
from ls_integration.scoring.rank_resamples import RANK_RESAMPLES

_TOGETHER = {MAJORITY: "Majority", DAWID_SKENE: "Dawid–Skene"}


def show_model(findings: Findings) -> Section | None:
    """Show the model's calibration and everybody against the model.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None where nothing of it is defined.
    """
    metrics, study = findings.metrics, findings.study
    model = metrics["model"]
    compared = [
        entry | _describe(entry, metrics)
        for entry in metrics.get("comparison", [])
        if entry["n_items"] or entry["tpr_above_model"] is not None
    ]
    if model["average_precision"] is None and model["brier"] is None and not compared:
        return None
    grouped = study.groups is not None
    drawings: tuple[Drawing, ...] = ()
    if model["reliability"]:
        probability = study.model.probability[study.model.scored & study.truth.known]
        drawings = (plot_calibration(metrics, probability, findings.proportion_interval),)
    reasons = [
        line.partition(": ")[2] for line in metrics["warnings"] if line.startswith("model.brier: ")
    ]
    values = {
        "compared": compared,
        "grouped": grouped,
        "reasons": reasons,
        "resamples": RANK_RESAMPLES,
    }
    return Section("model", drawings, values)


def _describe(entry: Mapping[str, Any], metrics: Mapping[str, Any]) -> dict[str, str]:
    """Name who is compared, and say who saw an answer, as the table of rates does."""
    first = entry["first"]
    if entry["role"] == "together":
        shown = "" if metrics["agreement"]["independent"] else "some saw an answer first"
        return {"name": _TOGETHER[first], "shown": shown}
    shown = "" if metrics["people"][first]["assisted"] == "none" else "saw an answer first"
    return {"name": first, "shown": shown}
