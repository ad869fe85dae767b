"""The report of answers that are labels."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ls_integration.kinds import cutouts
from ls_integration.results.cutouts import without_unsure
from ls_integration.results.cutouts_headline import say_review
from ls_integration.results.headline import write_headline
from ls_integration.results.lined_up import LinedUp, line_up_study
from ls_integration.results.pictures import PictureOf
from ls_integration.results.report.section import Findings, Page
from ls_integration.results.report.sections import SECTIONS


def describe_labels(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    metrics: Mapping[str, Any],
    about: Mapping[str, Any],
    picture_of: PictureOf | None,
) -> Page:
    """Say who was how right, and show it.

    Parameters
    ----------
    items : DataFrame
        A checked items table.
    annotations : DataFrame
        A checked annotations table.
    metrics : mapping
        What `metrics.build_metrics` made of the two.
    about : mapping
        What the results folder says of its study.
    picture_of : callable or None
        Gives the picture of a row of the items.

    Returns
    -------
    Page
        What the report says.
    """
    study = line_up_results(items, annotations, metrics)
    findings = Findings(metrics, study, about, annotations, picture_of)
    review = [say_review(metrics)] if metrics["kind"] == cutouts.KIND else []
    return Page(
        headline=(*review, *write_headline(metrics)),
        sections=tuple(section for section in (make(findings) for make in SECTIONS) if section),
    )


def line_up_results(
    items: pd.DataFrame, annotations: pd.DataFrame, metrics: Mapping[str, Any]
) -> LinedUp:
    """Line up items and answers as the numbers did.

    Parameters
    ----------
    items : DataFrame
        A checked items table.
    annotations : DataFrame
        A checked annotations table.
    metrics : mapping
        What was made of the two.

    Returns
    -------
    LinedUp
        With the model's decisions at the threshold of the numbers; of cutouts,
        "unsure" is not judged.
    """
    is_cutouts = metrics["kind"] == cutouts.KIND
    return line_up_study(
        items,
        without_unsure(annotations) if is_cutouts else annotations,
        positive=metrics["positive"],
        model_threshold=metrics["model"]["threshold"],
        score_label=metrics["model"]["score_label"],
    )
