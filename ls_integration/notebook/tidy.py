"""The numbers of ``metrics.json`` as tidy tables: a row for each number."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ls_integration.notebook.show import Table
from ls_integration.results.figures.ratings import MEAN
from ls_integration.results.metrics.comparison import DAWID_SKENE, MAJORITY

COLUMNS = ("who", "measure", "value", "low", "high", "n", "reason")
"""``low`` and ``high`` bound the 95 % interval; ``n`` is what the value is over;
``reason`` says why a value or an interval is missing."""

COURSE_COLUMNS = ("who", "measure", "part", "from_s", "to_s", *COLUMNS[2:])
"""``part`` counts from 1; ``from_s`` and ``to_s`` bound the decision times of a part."""

SUBGROUP_COLUMNS = ("column", "subgroup", *COLUMNS)
"""``column`` is one of the items, ``subgroup`` a value of it."""

_WITHOUT_INTERVAL = (
    *("median_decision_time_s", "ece"),
    *("first_right_only", "second_right_only", "p", "p_holm", "model_tpr_at_fpr"),
    *("crossed_to_normal", "crossed_to_not_normal", "into_gap"),
)

_TOGETHER = {MAJORITY: "Majority", DAWID_SKENE: "Dawid-Skene"}

_CELLS = {
    "tpr": ("tp", "fn"),
    "recall": ("tp", "fn"),
    "fpr": ("fp", "tn"),
    "precision": ("tp", "fp"),
}
"""Measures that are not over all judged items."""

_OF_SCORES = {"auc", "average_precision", "brier", "ece"}
"""Measures of a model's scores; the others are of its decisions."""

_OF_CURVE = {"tpr_above_model", "model_tpr_at_fpr"}
"""Measures against the model's ROC curve, over the items that have a score."""

_ALL_CELLS = ("tp", "fp", "fn", "tn")

_TYPES = {
    **dict.fromkeys(("value", "low", "high", "from_s", "to_s"), "float64"),
    **dict.fromkeys(("n", "part"), "Int64"),
}

Entry = tuple[str, str, Mapping[str, Any]]
"""Who it is of, its place in ``metrics.json``, its numbers."""


def tidy_scores(metrics: Mapping[str, Any]) -> Table:
    """Tabulate what everybody scores: people, the majority, the model, the labels.

    Parameters
    ----------
    metrics : mapping
        What ``metrics.json`` holds, of any kind of study.

    Returns
    -------
    Table
        `COLUMNS`, people first.
    """
    return _to_table(_list_rows(metrics, _deciders(metrics), _reasons_of(metrics)), COLUMNS)


def tidy_agreement(metrics: Mapping[str, Any]) -> Table:
    """Tabulate how far people agree, all together, pair by pair and with themselves.

    Parameters
    ----------
    metrics : mapping
        What ``metrics.json`` holds, of any kind of study.

    Returns
    -------
    Table
        `COLUMNS`; ``who`` is ``all``, ``all who saw no answer`` where others did,
        ``Ada – Ben``, ``Ada, rounds 1 – 2``.
    """
    return _to_table(_list_rows(metrics, _agreeing(metrics), _reasons_of(metrics)), COLUMNS)


def tidy_comparison(metrics: Mapping[str, Any]) -> Table:
    """Tabulate everybody against the model.

    Parameters
    ----------
    metrics : mapping
        What ``metrics.json`` holds, of any kind of study.

    Returns
    -------
    Table
        `COLUMNS`; without rows where there is no model.
    """
    entries = [
        (
            _TOGETHER[entry["first"]] if entry["role"] == "together" else entry["first"],
            f"comparison.{entry['first']}.model",
            entry,
        )
        for entry in metrics.get("comparison", [])
    ]
    return _to_table(_list_rows(metrics, entries, _reasons_of(metrics)), COLUMNS)


def tidy_course(metrics: Mapping[str, Any]) -> Table:
    """Tabulate everybody's accuracy over the session and against the decision time.

    Parameters
    ----------
    metrics : mapping
        What ``metrics.json`` holds, of any kind of study.

    Returns
    -------
    Table
        `COURSE_COLUMNS`: ``accuracy`` of each part of the session,
        ``accuracy_by_time`` of each quarter of the decision times, and both odds
        ratios; without rows where answers are not compared with labels.
    """
    reasons = _reasons_of(metrics)
    rows: list[tuple[Any, ...]] = []
    for who, entry in metrics.get("course", {}).items():
        for key, measure, trend in (
            ("parts", "accuracy", "trend_odds_ratio"),
            ("by_time", "accuracy_by_time", "time_odds_ratio"),
        ):
            for number, part in enumerate(entry[key], start=1):
                times = part.get("from_s"), part.get("to_s")
                value, *rest = _read(part, "accuracy", f"course.{who}.{key}", reasons)
                rows.append((who, measure, number, *times, value, *rest[:2], part["n"], rest[2]))
            n_right = sum(part["n"] for part in entry[key]) or None
            value, *rest = _read(entry, trend, f"course.{who}", reasons)
            rows.append((who, trend, None, None, None, value, *rest[:2], n_right, rest[2]))
    return _to_table(rows, COURSE_COLUMNS)


def tidy_subgroups(metrics: Mapping[str, Any]) -> Table:
    """Tabulate scores and agreement within each subgroup.

    Parameters
    ----------
    metrics : mapping
        What ``metrics.json`` holds, of any kind of study.

    Returns
    -------
    Table
        `SUBGROUP_COLUMNS`: what `tidy_scores` and `tidy_agreement` have of the
        whole; without rows where there are no subgroups.
    """
    reasons = _reasons_of(metrics)
    rows: list[tuple[Any, ...]] = []
    for column, parts in metrics.get("by", {}).items():
        for value, part in parts.items():
            # As `results.metrics.subgroup_columns.Subgroup.path` is written.
            path = f"by.{column}.{value}".replace(": ", ":")
            entries = [
                (who, f"{path}.{place}", entry)
                for who, place, entry in (*_deciders(part), *_agreeing(part))
            ]
            rows += [(column, value, *row) for row in _list_rows(part, entries, reasons)]
    return _to_table(rows, SUBGROUP_COLUMNS)


def _agreeing(metrics: Mapping[str, Any]) -> Iterator[Entry]:
    """Name those who agree, with the place of the entry in ``metrics.json``."""
    agreement, path = metrics["agreement"], "agreement"
    yield "all", path, agreement
    if "independent_people" in agreement:
        yield "all who saw no answer", f"{path}.independent_people", agreement["independent_people"]
    for pair in agreement["pairwise"]:
        first, second = pair["first"], pair["second"]
        yield f"{first} – {second}", f"{path}.pairwise.{first}.{second}", pair
    for entry in agreement.get("intra_rater", []):
        person, (one, other) = entry["person"], entry["rounds"]
        place = f"{path}.intra_rater.{person}.{one}-{other}"
        yield f"{person}, rounds {one} – {other}", place, entry


def _deciders(metrics: Mapping[str, Any]) -> Iterator[Entry]:
    """Name everybody, with the place of the entry in ``metrics.json``."""
    for name, entry in metrics["people"].items():
        yield name, f"people.{name}", entry
    if "mean" in metrics and metrics["agreement"]["people"] > 1:
        yield MEAN, "mean", metrics["mean"]
    if "consensus" in metrics and metrics["consensus"]["majority"]["n_people"] > 2:
        yield "Majority", "consensus.majority", metrics["consensus"]["majority"]
        yield "Dawid-Skene", "consensus.dawid_skene", metrics["consensus"]["dawid_skene"]
    model = metrics.get("model")
    if model is not None and (model["auc"] is not None or model["accuracy"] is not None):
        yield "Model", "model", model
    for key, name in (
        ("before", "Predictions, labels before"),
        ("after", "Predictions, labels after"),
        ("outside_queue", "Labels outside the queue"),
    ):
        if key in metrics:
            yield name, key, metrics[key]


def _reasons_of(metrics: Mapping[str, Any]) -> dict[str, str]:
    return dict(warning.split(": ", 1) for warning in metrics["warnings"])


def _list_rows(
    numbers: Mapping[str, Any], entries: Iterable[Entry], reasons: Mapping[str, str]
) -> Iterator[tuple[Any, ...]]:
    """Write the measures of entries of the whole study, or of a subgroup, as `COLUMNS`."""
    is_all_known = numbers.get("n_items_with_known_label") == numbers["n_items"]
    for who, path, entry in entries:
        for measure in entry:
            if f"{measure}_ci95" not in entry and measure not in _WITHOUT_INTERVAL:
                continue
            value, low, high, reason = _read(entry, measure, path, reasons)
            yield who, measure, value, low, high, _n(entry, measure, is_all_known), reason


def _read(
    entry: Mapping[str, Any], measure: str, path: str, reasons: Mapping[str, str]
) -> tuple[Any, Any, Any, str | None]:
    """Read a measure: value, both ends of its interval, why one of these is missing."""
    value, interval = entry[measure], entry.get(f"{measure}_ci95")
    low, high = interval or (None, None)
    has_all = value is not None and (interval or f"{measure}_ci95" not in entry)
    place = f"{path}.{measure}"
    return value, low, high, None if has_all else reasons.get(place, reasons.get(f"{place}_ci95"))


def _to_table(rows: Iterable[tuple[Any, ...]], columns: tuple[str, ...]) -> Table:
    table = Table(list(rows), columns=list(columns))
    return Table(table.astype({name: _TYPES.get(name, "object") for name in columns}))


def _n(entry: Mapping[str, Any], measure: str, is_all_known: bool) -> int | None:
    """Count what a measure is over, None where the metrics do not say it."""
    if measure in _OF_CURVE:
        return _first(entry, "n_items_scored")
    if measure == "median_decision_time_s":
        return _first(entry, "classified", "rated")
    if measure == "krippendorff_alpha_interval":
        return _first(entry, "n_items_rated_by_two")
    if measure.startswith(("fleiss", "icc_")):
        return _first(entry, "n_items_answered_by_all", "n_items_rated_by_all")
    if measure in _OF_SCORES:
        known = _first(entry, "n_scored_and_known")
        return known if known is not None or not is_all_known else _first(entry, "n_scored")
    if all(cell in entry for cell in _ALL_CELLS):
        return sum(int(entry[cell]) for cell in _CELLS.get(measure, _ALL_CELLS))
    return _first(entry, "n_items", "compared", "decided")


def _first(entry: Mapping[str, Any], *names: str) -> int | None:
    return next((int(entry[name]) for name in names if name in entry), None)
