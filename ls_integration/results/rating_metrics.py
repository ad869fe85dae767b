"""The numbers of a re-rating study: how far people move, and how far they agree."""

import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.annotations import newest_answers
from ls_integration.results.names import name_rounds, rounds_of
from ls_integration.results.ratings import new_ratings
from ls_integration.scoring.measure import Measure, undefined
from ls_integration.scoring.ratings import (
    intraclass_correlation,
    mean_pairwise_spearman,
    spearman,
)

KIND = "sted-rating"

SCHEMA_FILE = "schema/ratings.schema.json"
"""JSON Schema of ``metrics.json`` of this kind, in the package."""

Floats = NDArray[np.float64]


def load_schema() -> dict[str, Any]:
    """Read the JSON Schema of ``metrics.json`` of a re-rating study.

    Returns
    -------
    dict
        Draft 2020-12.
    """
    text = resources.files("ls_integration.results").joinpath(SCHEMA_FILE).read_text("utf-8")
    return dict(json.loads(text))


def build_rating_metrics(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    *,
    normal_at_least: float,
    anomaly_below: float,
    study: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare new ratings with the old ones and with each other.

    Parameters
    ----------
    items : DataFrame
        The study in its order, with the old ``rating``.
    annotations : DataFrame
        A checked annotations table; a person's newest answer of a round counts.
    normal_at_least, anomaly_below : float
        Limits in [0, 1]: a rating between them leaves the study.
    study : mapping, optional
        ``title`` and ``blind`` are copied.
    seed : int
        Of the bootstraps.

    Returns
    -------
    dict
        Strict JSON values, valid by `load_schema`. ``people.{NAME}`` and ``mean`` (of the first
        rounds) hold the changes, ``agreement`` the coefficients. What is
        undefined is null, with its reason in ``warnings``.
    """
    study = study or {}
    ratings = new_ratings(items, annotations)
    old = items["rating"].to_numpy(dtype=np.float64)
    limits = (anomaly_below, normal_at_least)
    warnings: list[str] = []
    named = name_rounds(rounds_of(annotations))
    people = {}
    for key, name in named.items():
        path = f"people.{name}"
        entry = _changes(path, old, ratings[name].to_numpy(), limits, seed, warnings)
        people[name] = entry | _effort(path, annotations, key, warnings)
    firsts = ratings[[name for (_, number), name in named.items() if number == 1]].to_numpy()
    return {
        "schema": 1,
        "study": str(study.get("title", "")),
        "kind": KIND,
        "blind": study.get("blind"),
        "n_items": len(items),
        "n_items_with_old_rating": int(np.count_nonzero(~np.isnan(old))),
        "normal_at_least": normal_at_least,
        "anomaly_below": anomaly_below,
        "people": people,
        "mean": _changes("mean", old, _row_means(firsts), limits, seed, warnings),
        "agreement": _agreement(firsts, seed, warnings),
        "warnings": warnings,
    }


def _changes(
    path: str,
    old: Floats,
    new: Floats,
    limits: tuple[float, float],
    seed: int,
    warnings: list[str],
) -> dict[str, Any]:
    anomaly_below, normal_at_least = limits
    both = ~(np.isnan(old) | np.isnan(new))
    before, after = old[both], new[both]
    was_normal, is_normal = before >= normal_at_least, after >= normal_at_least
    in_gap = (after >= anomaly_below) & ~is_normal
    entry: dict[str, Any] = {
        "rated": int(np.count_nonzero(~np.isnan(new))),
        "compared": int(np.count_nonzero(both)),
        # Across the limit of normal, either way; into the gap counts as well.
        "crossed_to_normal": int(np.count_nonzero(~was_normal & is_normal)),
        "crossed_to_not_normal": int(np.count_nonzero(was_normal & ~is_normal)),
        "into_gap": int(np.count_nonzero(in_gap)),
    }
    moved = after - before
    nothing = undefined("no image has an old and a new rating")
    change = Measure(float(np.mean(moved))) if both.any() else nothing
    distance = Measure(float(np.mean(np.abs(moved)))) if both.any() else nothing
    _put(path, "mean_change", change, entry, warnings)
    _put(path, "mean_absolute_change", distance, entry, warnings)
    _put_with_interval(path, "spearman_with_old", spearman(old, new, seed=seed)[0], entry, warnings)
    return entry


def _effort(
    path: str, annotations: pd.DataFrame, key: tuple[str, int], warnings: list[str]
) -> dict[str, Any]:
    newest = newest_answers(annotations)
    own = newest.loc[(newest["annotator"] == key[0]) & (newest["round"] == key[1])]
    times = own.loc[~own["skipped"], "lead_time_s"].dropna()
    entry: dict[str, Any] = {"skipped": int(own["skipped"].sum())}
    median = Measure(float(times.median())) if len(times) else undefined("no times are known")
    _put(path, "median_decision_time_s", median, entry, warnings)
    return entry


def _agreement(firsts: Floats, seed: int, warnings: list[str]) -> dict[str, Any]:
    icc2, icc3, n_common = intraclass_correlation(firsts, seed=seed)
    entry: dict[str, Any] = {"people": firsts.shape[1], "n_items_rated_by_all": n_common}
    _put_with_interval("agreement", "icc_2_1", icc2, entry, warnings)
    _put_with_interval("agreement", "icc_3_1", icc3, entry, warnings)
    mean = mean_pairwise_spearman(firsts)
    _put("agreement", "mean_pairwise_spearman", mean, entry, warnings)
    return entry


def _row_means(ratings: Floats) -> Floats:
    means: Floats = pd.DataFrame(ratings).mean(axis=1).to_numpy(dtype=np.float64)
    return means


def _put(
    path: str, name: str, measure: Measure, entry: dict[str, Any], warnings: list[str]
) -> None:
    entry[name] = measure.value
    if measure.reason is not None:
        warnings.append(f"{path}.{name}: {measure.reason}")


def _put_with_interval(
    path: str, name: str, measure: Measure, entry: dict[str, Any], warnings: list[str]
) -> None:
    _put(path, name, measure, entry, warnings)
    entry[f"{name}_ci95"] = list(measure.ci95) if measure.ci95 else None
