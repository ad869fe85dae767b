"""``metrics.json``: every number of the report, for programs.

Its form is `SCHEMA_FILE` in the package. Beside a proportion or coefficient
``x`` stands ``x_ci95`` = [low, high]. What is undefined is null, and
``warnings`` has a line ``path.of.the.key: reason``.
"""

import json
from collections.abc import Mapping
from importlib import resources
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from ls_integration.results.people import (
    Model,
    Person,
    Truth,
    find_labels,
    line_up,
    read_model,
    read_truth,
)
from ls_integration.scoring.agreement import (
    FEW_PEOPLE,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    mean_pairwise_cohen_kappa,
    observed_agreement,
)
from ls_integration.scoring.binary import Counts, count_decisions, proportion, rates
from ls_integration.scoring.consensus import MISSING, TIED, majority
from ls_integration.scoring.measure import Measure, undefined
from ls_integration.scoring.roc import auc

SCHEMA = 1
"""Version of the form of ``metrics.json``."""

SCHEMA_FILE = "schema/metrics.schema.json"

SCORE_LABEL = "anomaly"
"""What a high model score speaks for in the items tables of this package."""

NO_DAWID_SKENE = "not computed by this version"
ASSISTED_AGREEMENT = (
    "some of these answers started from an answer that was shown, so the people are not "
    "independent of it or of each other"
)


def load_schema() -> dict[str, Any]:
    """Load the JSON Schema of ``metrics.json``.

    Returns
    -------
    dict
        Draft 2020-12.
    """
    text = resources.files("ls_integration.results").joinpath(SCHEMA_FILE).read_text("utf-8")
    return dict(json.loads(text))


def build_metrics(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    *,
    positive: str,
    model_threshold: float | None = None,
    study: Mapping[str, Any] | None = None,
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
    """
    study = study or {}
    labels = find_labels(items, annotations)
    people = line_up(items, annotations, positive=positive, labels=labels)
    truth = read_truth(items, positive)
    score_label = study.get("score_label") or _guess_score_label(labels, positive)
    model = read_model(items, positive, model_threshold, score_label=score_label)
    warnings: list[str] = []
    metrics: dict[str, Any] = {
        "schema": SCHEMA,
        "study": str(study.get("title", "")),
        "kind": study.get("kind"),
        "blind": study.get("blind"),
        "positive": positive,
        "labels": labels,
        "n_items": len(items),
        "n_items_with_known_label": int(np.count_nonzero(truth.known)),
    }
    if not people:
        warnings.append("people: there are no answers")
    if truth.known.any() and not truth.known.all():
        without = int(np.count_nonzero(~truth.known))
        warnings.append(f"n_items_with_known_label: {without} items have no known label")
    metrics["people"] = {
        person.name: _score_person(person, truth, positive, warnings) for person in people
    }
    metrics["model"] = _score_model(model, truth, positive, warnings)
    metrics["model"]["score_label"] = score_label
    first = [person for person in people if person.number == 1]
    later_only = {person.annotator for person in people} - {person.annotator for person in first}
    for annotator in sorted(later_only):
        warnings.append(f"agreement: {annotator} has no first round and is left out")
    votes = _votes(first, len(items))
    metrics["agreement"] = _score_agreement(first, votes, len(labels), seed, warnings)
    metrics["consensus"] = _score_consensus(items, votes, labels, truth, positive, warnings)
    metrics["warnings"] = warnings
    return metrics


def _guess_score_label(labels: list[str], positive: str) -> str:
    return SCORE_LABEL if SCORE_LABEL in labels else positive


def _score_person(
    person: Person, truth: Truth, positive: str, warnings: list[str]
) -> dict[str, Any]:
    path = f"people.{person.name}"
    judged = person.judged
    counts = count_decisions(truth.positive, person.called, judged & truth.known)
    times = person.lead_time_s[~np.isnan(person.lead_time_s)]
    entry: dict[str, Any] = {"annotator": person.annotator, "round": person.number}
    entry |= _rates(path, counts, positive, warnings)
    entry["classified"] = int(np.count_nonzero(judged))
    entry["skipped"] = int(np.count_nonzero(person.skipped))
    entry["unanswered"] = int(np.count_nonzero(~judged & ~person.skipped))
    entry["median_decision_time_s"] = float(np.median(times)) if len(times) else None
    entry["decision_time_quartiles_s"] = (
        [float(value) for value in np.quantile(times, [0.25, 0.75])] if len(times) else None
    )
    if not len(times):
        warnings.append(f"{path}.median_decision_time_s: no decision time is known")
    entry["assisted"] = person.assisted
    entry["prefilled"] = int(np.count_nonzero(person.prefilled))
    entry["changed"] = int(np.count_nonzero(person.changed))
    return entry


def _score_model(model: Model, truth: Truth, positive: str, warnings: list[str]) -> dict[str, Any]:
    both = model.scored & truth.known
    entry: dict[str, Any] = {"threshold": model.threshold}
    if not model.scored.any() and not model.decided.any():
        reason = "the items have no model scores"
        area = undefined(reason)
        measures = dict.fromkeys(("accuracy", "tpr", "fpr"), undefined(reason))
        counts = Counts(0, 0, 0, 0)
    else:
        area = auc(truth.positive[both], model.score[both])
        counts = count_decisions(truth.positive, model.called, model.decided & truth.known)
        measures = rates(counts, positive)
        if not model.decided.any():
            reason = "no threshold was given, so the model's decisions are unknown"
            measures = dict.fromkeys(measures, undefined(reason))
        if model.scored.any() and not model.scored.all():
            without = int(np.count_nonzero(~model.scored))
            warnings.append(f"model.n_scored: {without} items have no model score")
    put_measure("model", "auc", area, entry, warnings)
    for name, measure in measures.items():
        put_measure("model", name, measure, entry, warnings)
    if model.decided.any():
        entry |= {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "tn": counts.tn}
    entry["n_scored"] = int(np.count_nonzero(model.scored))
    return entry


def _score_agreement(
    people: list[Person], votes: Any, n_labels: int, seed: int, warnings: list[str]
) -> dict[str, Any]:
    path = "agreement"
    shown = [person.name for person in people if person.assisted != "none"]
    entry: dict[str, Any] = {
        "n_people": len(people),
        "independent": not shown,
        "assisted_people": shown,
    }
    if shown and len(people) > 1:
        warnings.append(f"{path}.independent: {ASSISTED_AGREEMENT}: {', '.join(shown)}")
    if len(people) < 2:
        for name in ("fleiss_kappa", "krippendorff_alpha", "mean_pairwise_cohen_kappa"):
            put_measure(path, name, undefined(FEW_PEOPLE), entry, warnings)
        return entry | {"n_items_answered_by_all": 0, "pairwise": []}
    fleiss, n_common = fleiss_kappa(votes, n_labels, seed=seed)
    put_measure(path, "fleiss_kappa", fleiss, entry, warnings)
    entry["n_items_answered_by_all"] = n_common
    alpha = krippendorff_alpha(votes, n_labels, seed=seed)
    put_measure(path, "krippendorff_alpha", alpha, entry, warnings)
    mean = mean_pairwise_cohen_kappa(votes, n_labels, seed=seed)
    put_measure(path, "mean_pairwise_cohen_kappa", mean, entry, warnings)
    entry["pairwise"] = [
        _score_pair(one, other, n_labels, warnings) for one, other in combinations(people, 2)
    ]
    return entry


def _score_pair(one: Person, other: Person, n_labels: int, warnings: list[str]) -> dict[str, Any]:
    path = f"agreement.pairwise.{one.name}.{other.name}"
    agreed, both = observed_agreement(one.votes, other.votes)
    entry: dict[str, Any] = {"first": one.name, "second": other.name, "n_items": both}
    observed = proportion(agreed, both, "no item was answered by both")
    put_measure(path, "observed_agreement", observed, entry, warnings)
    put_measure(path, "cohen_kappa", cohen_kappa(one.votes, other.votes, n_labels), entry, warnings)
    return entry


def _score_consensus(
    items: pd.DataFrame,
    votes: Any,
    labels: list[str],
    truth: Truth,
    positive: str,
    warnings: list[str],
) -> dict[str, Any]:
    decided = majority(votes, len(labels))
    tied = decided == TIED
    chosen = (decided != TIED) & (decided != MISSING)
    number = labels.index(positive) if positive in labels else MISSING
    counts = count_decisions(truth.positive, chosen & (decided == number), chosen & truth.known)
    entry: dict[str, Any] = {"n_people": votes.shape[1]}
    entry |= _rates("consensus.majority", counts, positive, warnings)
    entry["n_decided"] = int(np.count_nonzero(chosen))
    entry["n_tied"] = int(np.count_nonzero(tied))
    entry["tied_items"] = items["item_id"][tied].tolist()
    if tied.any():
        n_tied = entry["n_tied"]
        warnings.append(f"consensus.majority.n_tied: {n_tied} items are tied and left out")
    dawid_skene: dict[str, Any] = {}
    for name in ("accuracy", "tpr", "fpr"):
        put_measure("consensus.dawid_skene", name, undefined(NO_DAWID_SKENE), dawid_skene, warnings)
    return {"majority": entry, "dawid_skene": dawid_skene}


def _rates(path: str, counts: Counts, positive: str, warnings: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    for name, measure in rates(counts, positive).items():
        put_measure(path, name, measure, entry, warnings)
    return entry | {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "tn": counts.tn}


def put_measure(
    path: str, name: str, measure: Measure, entry: dict[str, Any], warnings: list[str]
) -> None:
    """Write a measure, its interval, and the reason why one is missing.

    Parameters
    ----------
    path : str
        Where *entry* stands, for the warnings.
    name : str
        Its key.
    measure : Measure
        What to write.
    entry : dict
        Gets ``name`` and ``name_ci95``.
    warnings : list of str
        Gets the reason.
    """
    entry[name] = measure.value
    entry[f"{name}_ci95"] = list(measure.ci95) if measure.ci95 else None
    if measure.value is None:
        warnings.append(f"{path}.{name}: {measure.reason}")
    elif measure.ci95 is None:
        warnings.append(f"{path}.{name}_ci95: {measure.reason}")


def _votes(people: list[Person], n_items: int) -> Any:
    if not people:
        return np.empty((n_items, 0), dtype="int64")
    return np.column_stack([person.votes for person in people])
