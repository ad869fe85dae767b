"""The report of ratings that were given again."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ls_integration.annotations import newest_answers
from ls_integration.results.figures.ratings import MEAN, plot_old_new, plot_rating_changes
from ls_integration.results.figures.times import plot_times
from ls_integration.results.lined_up import number_groups
from ls_integration.results.names import name_rounds, rounds_of
from ls_integration.results.pictures import PictureOf
from ls_integration.results.rating_headline import say_ratings
from ls_integration.results.ratings import new_ratings
from ls_integration.results.report.rating_gallery import show_items
from ls_integration.results.report.section import Page, RatingFindings, Section
from ls_integration.results.report.sections import group_reasons
from ls_integration.results.report.subgroups_section import OF_RATINGS, make_section
from ls_integration.scoring.intervals import RESAMPLES


def describe_ratings(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    metrics: Mapping[str, Any],
    about: Mapping[str, Any],
    picture_of: PictureOf | None,
) -> Page:
    """Say how far people moved from the old ratings, and show it.

    Parameters
    ----------
    items : DataFrame
        The study in its order, with the old ``rating``.
    annotations : DataFrame
        A checked annotations table.
    metrics : mapping
        What `rating_metrics.build_rating_metrics` made of the two.
    about : mapping
        What the results folder says of its study.
    picture_of : callable or None
        Gives the picture of a row of the items.

    Returns
    -------
    Page
        What the report says.
    """
    newest = newest_answers(annotations)
    answered = newest.loc[~newest["skipped"]]
    times = {}
    for (person, number), name in name_rounds(rounds_of(annotations)).items():
        own = answered.loc[(answered["annotator"] == person) & (answered["round"] == number)]
        values = own["lead_time_s"].dropna().to_numpy(dtype=np.float64)
        if len(values):
            times[name] = values
    findings = RatingFindings(
        metrics, items, annotations, new_ratings(items, annotations), times, about, picture_of
    )
    return Page(
        headline=tuple(say_ratings(metrics)),
        sections=tuple(section for section in (make(findings) for make in SECTIONS) if section),
        template="rating_report.html.j2",
    )


def show_changes(findings: RatingFindings) -> Section | None:
    """Show the new ratings against the old ones.

    Parameters
    ----------
    findings : RatingFindings
        What was found.

    Returns
    -------
    Section or None
        None where no image has both.
    """
    metrics = findings.metrics
    rows = [(name, entry) for name, entry in metrics["people"].items() if entry["compared"]]
    if not rows:
        return None
    ratings = {name: findings.ratings[name].to_numpy() for name, _ in rows}
    if metrics["agreement"]["people"] > 1 and metrics["mean"]["compared"]:
        rows.append((MEAN, metrics["mean"]))
        ratings[MEAN] = findings.firsts.mean(axis=1).to_numpy()
    limits = (metrics["anomaly_below"], metrics["normal_at_least"])
    drawings = (
        plot_old_new(findings.items, ratings, limits),
        plot_rating_changes(findings.items, ratings),
    )
    return Section("rating_changes", drawings, {"rows": rows, "mean": MEAN, "resamples": RESAMPLES})


def show_rating_agreement(findings: RatingFindings) -> Section | None:
    """Show how far people agree on ratings.

    Parameters
    ----------
    findings : RatingFindings
        What was found.

    Returns
    -------
    Section or None
        None with fewer than two people.
    """
    if not findings.metrics["agreement"]["pairwise"]:
        return None
    return Section("rating_agreement", values={"resamples": RESAMPLES})


def show_rating_subgroups(findings: RatingFindings) -> Section | None:
    """Show everybody's changes and the agreement within each subgroup.

    Parameters
    ----------
    findings : RatingFindings
        What was found.

    Returns
    -------
    Section or None
        None without subgroups.
    """
    grouped = number_groups(findings.items) is not None
    interval = f"BCa bootstrap over {'groups' if grouped else 'images'}"
    return make_section(findings.metrics, OF_RATINGS, interval)


def show_rating_effort(findings: RatingFindings) -> Section | None:
    """Show what was asked of whom, and how long it took.

    Parameters
    ----------
    findings : RatingFindings
        What was found.

    Returns
    -------
    Section or None
        None without people.
    """
    if not findings.metrics["people"]:
        return None
    return Section("rating_effort", (plot_times(findings.times),) if findings.times else ())


def show_rating_reasons(findings: RatingFindings) -> Section | None:
    """Show what is undefined and why.

    Parameters
    ----------
    findings : RatingFindings
        What was found.

    Returns
    -------
    Section or None
        None where everything is defined.
    """
    if not findings.metrics["warnings"]:
        return None
    return Section("reasons", values={"reasons": group_reasons(findings.metrics)})


SECTIONS: tuple[Callable[[RatingFindings], Section | None], ...] = (
    show_changes,
    show_rating_agreement,
    show_items,
    show_rating_subgroups,
    show_rating_effort,
    show_rating_reasons,
)
"""The parts of the report of ratings, in the order of the page."""
