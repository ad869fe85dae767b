"""``metrics.json``: every number of the report, for programs.

Its form is `SCHEMA_FILE` in the package. Beside a proportion or coefficient
``x`` stands ``x_ci95`` = [low, high]. What is undefined is null, and
``warnings`` has a line ``path.of.the.key: reason``.
"""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from ls_integration.results.label_errors import rank_labels
from ls_integration.results.lined_up import line_up_study
from ls_integration.results.metrics.agreement import score_agreement
from ls_integration.results.metrics.answers import remark_on_answers
from ls_integration.results.metrics.comparison import score_comparison
from ls_integration.results.metrics.consensus import score_consensus
from ls_integration.results.metrics.course import score_course
from ls_integration.results.metrics.label_errors import score_label_errors
from ls_integration.results.metrics.model import score_model
from ls_integration.results.metrics.people import score_people
from ls_integration.results.metrics.subgroups import score_subgroups

__all__ = ["SCHEMA", "SCHEMA_FILE", "build_metrics", "load_schema"]

SCHEMA = 1
"""Version of the form of ``metrics.json``."""

SCHEMA_FILE = "schema/metrics.schema.json"


def load_schema(file: str = SCHEMA_FILE) -> dict[str, Any]:
    """Load the JSON Schema of ``metrics.json``.

    Parameters
    ----------
    file : str
        Of the package; that of labels by default.

    Returns
    -------
    dict
        Draft 2020-12.
    """
    text = resources.files("ls_integration.results").joinpath(file).read_text("utf-8")
    return dict(json.loads(text))


def build_metrics(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    *,
    positive: str,
    model_threshold: float | None = None,
    study: Mapping[str, Any] | None = None,
    group_by: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Score people, model and consensus against the known labels.

    Parameters
    ----------
    items : DataFrame
        A checked items table; ``label`` is the known label, where there is one.
    annotations : DataFrame
        A checked annotations table; a person's newest answer of a round counts.
    positive : str
        The positive label: TPR and FPR are of this one.
    model_threshold : float, optional
        A ``model_score`` from here on is ``score_label``.
    study : mapping, optional
        ``title``, ``kind`` and ``blind`` are copied; ``score_label`` is the
        label that a high ``model_score`` speaks for: by default ``anomaly``
        where that is one of the labels, else *positive*.
    group_by : sequence of str, optional
        Columns of *items* whose values are subgroups that are scored on their
        own, by default `subgroup_columns.DEFAULT_COLUMN` where it has two values or
        more. Not to be taken for the column ``group``, which says what items
        are not independent.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        Strict JSON values, valid by `load_schema`, the same for the same input.

    Raises
    ------
    SourceError
        If an answer is on an item that *items* does not have.
    ConfigError
        If *group_by* names a column that *items* does not have, or one with
        more than `subgroup_columns.MOST_VALUES` values.
    """
    study = study or {}
    lined_up = line_up_study(
        items,
        annotations,
        positive=positive,
        model_threshold=model_threshold,
        score_label=study.get("score_label"),
    )
    known = lined_up.truth.known
    warnings: list[str] = []
    if known.any() and not known.all():
        without = int(np.count_nonzero(~known))
        warnings.append(f"n_items_with_known_label: {without} items have no known label")
    remark_on_answers(lined_up, annotations, warnings)
    return {
        "schema": SCHEMA,
        "study": str(study.get("title", "")),
        "kind": study.get("kind"),
        "blind": study.get("blind"),
        "positive": positive,
        "labels": lined_up.labels,
        "n_items": len(items),
        "n_items_with_known_label": int(np.count_nonzero(known)),
        "people": score_people(lined_up, warnings, seed=seed),
        "model": score_model(lined_up, warnings, seed=seed),
        "agreement": score_agreement(lined_up, seed, warnings),
        "consensus": score_consensus(lined_up, warnings, seed=seed),
        "comparison": score_comparison(lined_up, warnings, seed=seed),
        "label_errors": score_label_errors(
            lined_up, rank_labels(lined_up, seed=seed), seed, warnings
        ),
        "course": score_course(lined_up, seed, warnings),
        "by": score_subgroups(lined_up, group_by, seed, warnings),
        "warnings": warnings,
    }
