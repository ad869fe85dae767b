"""The numbers of a re-rating study: how far people move, and how far they agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.annotations import newest_answers
from ls_integration.kinds.sted_rating import KIND
from ls_integration.results.lined_up import number_groups
from ls_integration.results.metrics import SCHEMA
from ls_integration.results.metrics.entries import put_measure
from ls_integration.results.metrics.subgroup_columns import find_subgroups
from ls_integration.results.names import name_rounds, rounds_of
from ls_integration.results.ratings import new_ratings
from ls_integration.scoring.intervals import bootstrap_sums
from ls_integration.scoring.measure import Measure, undefined, with_interval
from ls_integration.scoring.rank_correlation import mean_pairwise_spearman, spearman
from ls_integration.scoring.ratings import intraclass_correlation, krippendorff_alpha_interval

SCHEMA_FILE = "schema/ratings.schema.json"
"""JSON Schema of ``metrics.json`` of this kind, in the package: see `metrics.load_schema`."""

NOT_COMPARED = "no image has an old and a new rating"
NO_INTERVAL = "fewer than two images (or groups of them) have an old and a new rating"
NO_WIDTH = "all images changed alike, which would give an interval of no width"
OLD_SHOWN = "the pages showed the old rating, so the people are not independent of it"

Floats = NDArray[np.float64]
Groups = NDArray[np.int64] | None


def build_rating_metrics(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    *,
    normal_at_least: float,
    anomaly_below: float,
    study: Mapping[str, Any] | None = None,
    group_by: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare new ratings with the old ones and with each other.

    Parameters
    ----------
    items : DataFrame
        The study in its order, with the old ``rating``; intervals resample
        ``group`` where it groups them.
    annotations : DataFrame
        A checked annotations table; a person's newest answer of a round counts.
    normal_at_least, anomaly_below : float
        Limits in [0, 1]: a rating between them leaves the study.
    study : mapping, optional
        ``title`` and ``blind`` are copied.
    group_by : sequence of str, optional
        Columns of *items* whose values are subgroups, see `metrics.build_metrics`.
    seed : int
        Of the bootstraps.

    Returns
    -------
    dict
        Strict JSON values, valid by `SCHEMA_FILE`. ``people.{NAME}`` and ``mean`` (of the first
        rounds) hold the changes, ``agreement`` the coefficients, ``by`` the same for
        each subgroup. What is undefined is null, with its reason in ``warnings``.

    Raises
    ------
    ConfigError
        If *group_by* names a column that *items* does not have, or one with no
        or too many values.
    """
    about = study or {}
    blind = about.get("blind")
    rated = _Rated(
        items=items,
        ratings=new_ratings(items, annotations),
        newest=newest_answers(annotations),
        named=name_rounds(rounds_of(annotations)),
        limits=(anomaly_below, normal_at_least),
        blind=blind,
        seed=seed,
    )
    warnings: list[str] = []
    return {
        "schema": SCHEMA,
        "study": str(about.get("title", "")),
        "kind": KIND,
        "blind": blind,
        "normal_at_least": normal_at_least,
        "anomaly_below": anomaly_below,
        **_score(rated, warnings),
        "by": _score_subgroups(rated, group_by, warnings),
        "warnings": warnings,
    }


@dataclass(frozen=True)
class _Rated:
    """Items with their old and new ratings, and how they are compared.

    ``named`` are all rounds of the study, also where a part has no answer of one.
    """

    items: pd.DataFrame
    ratings: pd.DataFrame
    newest: pd.DataFrame
    named: Mapping[tuple[str, int], str]
    limits: tuple[float, float]
    blind: bool | None
    seed: int

    def subset(self, mask: NDArray[np.bool_]) -> "_Rated":
        items = self.items.loc[mask]
        own = self.newest["item_id"].isin(items["item_id"])
        return replace(
            self, items=items, ratings=self.ratings.loc[mask], newest=self.newest.loc[own]
        )


def _score(rated: _Rated, warnings: list[str]) -> dict[str, Any]:
    items, ratings, named, seed = rated.items, rated.ratings, rated.named, rated.seed
    old = items["rating"].to_numpy(dtype=np.float64)
    groups = number_groups(items)
    people = {}
    for key, name in named.items():
        path, new = f"people.{name}", ratings[name].to_numpy()
        people[name] = {"annotator": key[0], "round": key[1]}
        people[name] |= _changes(path, old, new, rated.limits, groups, seed, warnings)
        people[name] |= _effort(path, rated.newest, key, len(items), warnings)
    firsts = ratings[[name for (_, number), name in named.items() if number == 1]]
    means = _row_means(firsts.to_numpy())
    return {
        "n_items": len(items),
        "n_items_with_old_rating": int(np.count_nonzero(~np.isnan(old))),
        "people": people,
        "mean": _changes("mean", old, means, rated.limits, groups, seed, warnings),
        "agreement": _agreement(firsts, groups, rated.blind, seed, warnings),
    }


def _score_subgroups(
    rated: _Rated, columns: Sequence[str] | None, warnings: list[str]
) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for name, parts in find_subgroups(rated.items, columns, warnings).items():
        entry[name] = {}
        for part in parts:
            reasons: list[str] = []
            entry[name][part.value] = _score(rated.subset(part.mask), reasons)
            warnings.extend(f"{part.path}.{reason}" for reason in reasons)
    return entry


def _changes(
    path: str,
    old: Floats,
    new: Floats,
    limits: tuple[float, float],
    groups: Groups,
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
    drawn = None if groups is None else groups[both]
    moved = after - before
    for name, values in (("mean_change", moved), ("mean_absolute_change", np.abs(moved))):
        put_measure(path, name, _mean(values, drawn, seed), entry, warnings)
    ranks, _ = spearman(old, new, groups=groups, seed=seed)
    put_measure(path, "spearman_with_old", ranks, entry, warnings)
    return entry


def _mean(values: Floats, groups: Groups, seed: int) -> Measure:
    if not len(values):
        return undefined(NOT_COMPARED)
    features = np.column_stack([values, np.ones(len(values))])
    interval = bootstrap_sums(
        features, lambda sums: sums[:, 0] / sums[:, 1], seed=seed, groups=groups
    )
    return with_interval(float(np.mean(values)), interval, none=NO_INTERVAL, no_width=NO_WIDTH)


def _effort(
    path: str,
    newest: pd.DataFrame,
    key: tuple[str, int],
    n_items: int,
    warnings: list[str],
) -> dict[str, Any]:
    own = newest.loc[(newest["annotator"] == key[0]) & (newest["round"] == key[1])]
    times = own.loc[~own["skipped"], "lead_time_s"].dropna()
    if not len(times):
        warnings.append(f"{path}.median_decision_time_s: no decision time is known")
    return {
        "skipped": int(own["skipped"].sum()),
        "unanswered": n_items - len(own),
        "median_decision_time_s": float(times.median()) if len(times) else None,
        "decision_time_quartiles_s": (
            [float(value) for value in times.quantile([0.25, 0.75])] if len(times) else None
        ),
    }


def _agreement(
    firsts: pd.DataFrame, groups: Groups, blind: bool | None, seed: int, warnings: list[str]
) -> dict[str, Any]:
    path, ratings = "agreement", firsts.to_numpy()
    icc2, icc3, n_common = intraclass_correlation(ratings, groups=groups, seed=seed)
    alpha = krippendorff_alpha_interval(ratings, groups=groups, seed=seed)
    mean = mean_pairwise_spearman(ratings, groups=groups, seed=seed)
    entry: dict[str, Any] = {
        "people": firsts.shape[1],
        # Where the old rating was shown, everybody has seen the same number.
        "independent": blind,
        "n_items_rated_by_all": n_common if firsts.shape[1] else 0,
        "n_items_rated_by_two": int(np.count_nonzero((~np.isnan(ratings)).sum(axis=1) >= 2)),
    }
    if blind is False and firsts.shape[1] > 1:
        warnings.append(f"{path}.independent: {OLD_SHOWN}")
    for name, measure in (
        ("icc_2_1", icc2),
        ("icc_3_1", icc3),
        ("krippendorff_alpha_interval", alpha),
        ("mean_pairwise_spearman", mean),
    ):
        put_measure(path, name, measure, entry, warnings)
    pairs = combinations(firsts.columns, 2)
    entry["pairwise"] = [_score_pair(firsts, pair, groups, seed, warnings) for pair in pairs]
    return entry


def _score_pair(
    firsts: pd.DataFrame, pair: Sequence[str], groups: Groups, seed: int, warnings: list[str]
) -> dict[str, Any]:
    first, second = pair
    path = f"agreement.pairwise.{first}.{second}"
    one, other = firsts[first].to_numpy(), firsts[second].to_numpy()
    ranks, n_items = spearman(one, other, groups=groups, seed=seed)
    entry: dict[str, Any] = {"first": first, "second": second, "n_items": n_items}
    both = ~(np.isnan(one) | np.isnan(other))
    drawn = None if groups is None else groups[both]
    apart = _mean(np.abs(one[both] - other[both]), drawn, seed)
    if apart.value is None:
        apart = undefined("no image was rated by both")
    put_measure(path, "mean_absolute_difference", apart, entry, warnings)
    put_measure(path, "spearman", ranks, entry, warnings)
    return entry


def _row_means(ratings: Floats) -> Floats:
    means: Floats = pd.DataFrame(ratings).mean(axis=1).to_numpy(dtype=np.float64)
    return means
