"""The parts of the report, in the order of the page."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ls_integration.results.figures.drawing import Floats
from ls_integration.results.figures.rates import plot_confusion, plot_rates, plot_roc
from ls_integration.results.figures.times import plot_times
from ls_integration.results.lined_up import LinedUp
from ls_integration.results.report.along_rating import show_along_rating
from ls_integration.results.report.course_section import show_course
from ls_integration.results.report.gallery import show_gallery
from ls_integration.results.report.label_errors_section import show_label_errors
from ls_integration.results.report.model_section import show_model
from ls_integration.results.report.review import show_review
from ls_integration.results.report.section import Findings, Section, SectionMaker
from ls_integration.results.report.subgroups_section import show_subgroups
from ls_integration.results.report.together_section import show_agreement, show_consensus
from ls_integration.scoring.roc import roc_points


def show_rates(findings: Findings) -> Section | None:
    """Show people and model against the known labels.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None without known labels, or without anybody who decides.
    """
    metrics = findings.metrics
    curve = trace_model(findings.study)
    if not metrics["n_items_with_known_label"] or not (metrics["people"] or curve):
        return None
    negative, interval = findings.study.negative, findings.proportion_interval
    drawings = (
        plot_roc(metrics, curve, interval),
        plot_rates(metrics, interval),
        plot_confusion(metrics, negative),
    )
    values = {"deciders": list_deciders(metrics), "negative": negative, "interval": interval}
    return Section("rates", drawings, values)


def show_effort(findings: Findings) -> Section | None:
    """Show what was asked of whom, and how long it took.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None without people.
    """
    times = {
        person.name: person.lead_time_s[~np.isnan(person.lead_time_s)]
        for person in findings.study.people
        if not np.isnan(person.lead_time_s).all()
    }
    if not findings.metrics["people"]:
        return None
    return Section("effort", (plot_times(times),) if times else ())


def show_reasons(findings: Findings) -> Section | None:
    """Show what is undefined and why.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None where everything is defined.
    """
    if not findings.metrics["warnings"]:
        return None
    return Section("reasons", values={"reasons": group_reasons(findings.metrics)})


SECTIONS: tuple[SectionMaker, ...] = (
    show_review,
    show_rates,
    show_model,
    show_along_rating,
    show_agreement,
    show_consensus,
    show_label_errors,
    show_gallery,
    show_subgroups,
    show_course,
    show_effort,
    show_reasons,
)


def trace_model(study: LinedUp) -> tuple[Floats, Floats] | None:
    """Trace the model's ROC curve over the items with a score and a known label.

    Parameters
    ----------
    study : LinedUp
        The study.

    Returns
    -------
    tuple of ndarray or None
        FPR and TPR; None where the curve is undefined.
    """
    both = study.truth.known & study.model.scored
    positive = study.truth.positive[both]
    if not positive.any() or positive.all():
        return None
    fpr, tpr, _ = roc_points(positive, study.model.score[both])
    return fpr, tpr


def list_deciders(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List everybody who decides, people first, as the tables show them.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.

    Returns
    -------
    list of dict
        The entries of ``metrics.json`` with ``name`` and ``role`` (``person``,
        ``together``, ``model``) added.
    """
    rows = [{"name": name, "role": "person", **entry} for name, entry in metrics["people"].items()]
    majority, model = metrics["consensus"]["majority"], metrics["model"]
    if majority["n_people"] > 2:
        rows.append({"name": "Majority", "role": "together", **majority})
    if model["accuracy"] is not None:
        rows.append({"name": "Model", "role": "model", **model})
    return rows


def group_reasons(metrics: Mapping[str, Any]) -> dict[str, list[str]]:
    """Put the warnings of one reason together.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.

    Returns
    -------
    dict of str to list of str
        Reason -> the keys of ``metrics.json`` that it explains.
    """
    grouped: dict[str, list[str]] = {}
    for warning in metrics["warnings"]:
        key, reason = warning.split(": ", 1)
        grouped.setdefault(reason, []).append(key)
    return grouped
