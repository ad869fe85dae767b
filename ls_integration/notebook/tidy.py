"""The numbers of ``metrics.json`` as tidy tables: a row for each number."""

from collections.abc import Iterator, Mapping
from typing import Any

from ls_integration.notebook.show import Table
from ls_integration.results.figures.ratings import MEAN

COLUMNS = ("who", "measure", "value", "low", "high", "n", "reason")
"""``low`` and ``high`` bound the 95 % interval; ``n`` is what the value is over;
``reason`` says why a value or an interval is missing."""

_WITHOUT_INTERVAL = ("median_decision_time_s", "ece")

_CELLS = {
    "tpr": ("tp", "fn"),
    "recall": ("tp", "fn"),
    "fpr": ("fp", "tn"),
    "precision": ("tp", "fp"),
}
"""Measures that are not over all judged items."""

_OF_SCORES = {"auc", "average_precision", "brier", "ece"}
"""Measures of a model's scores; the others are of its decisions."""

_ALL_CELLS = ("tp", "fp", "fn", "tn")


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
    return _tabulate(metrics, list(_deciders(metrics)))


def tidy_agreement(metrics: Mapping[str, Any]) -> Table:
    """Tabulate how far people agree, all together and pair by pair.

    Parameters
    ----------
    metrics : mapping
        What ``metrics.json`` holds, of any kind of study.

    Returns
    -------
    Table
        `COLUMNS`; ``who`` is ``all`` or ``Ada – Ben``.
    """
    agreement = metrics["agreement"]
    entries = [("all", "agreement", agreement)]
    for pair in agreement["pairwise"]:
        first, second = pair["first"], pair["second"]
        entries.append((f"{first} – {second}", f"agreement.pairwise.{first}.{second}", pair))
    return _tabulate(metrics, entries)


def _deciders(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
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


def _tabulate(
    metrics: Mapping[str, Any], entries: list[tuple[str, str, Mapping[str, Any]]]
) -> Table:
    is_all_known = metrics.get("n_items_with_known_label") == metrics["n_items"]
    reasons = dict(warning.split(": ", 1) for warning in metrics["warnings"])
    rows = []
    for who, path, entry in entries:
        for measure in entry:
            if f"{measure}_ci95" not in entry and measure not in _WITHOUT_INTERVAL:
                continue
            low, high = entry.get(f"{measure}_ci95") or (None, None)
            place = f"{path}.{measure}"
            reason = reasons.get(place) or reasons.get(f"{place}_ci95")
            rows.append(
                (who, measure, entry[measure], low, high, _n(entry, measure, is_all_known), reason)
            )
    table = Table(rows, columns=list(COLUMNS))
    types = {"value": "float64", "low": "float64", "high": "float64", "n": "Int64"}
    return Table(table.astype(types))


def _n(entry: Mapping[str, Any], measure: str, is_all_known: bool) -> int | None:
    """Count what a measure is over, None where the metrics do not say it."""
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
