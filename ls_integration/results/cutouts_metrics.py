"""``metrics.json`` of a study of cutouts: the predictions before and after the review."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.annotations import newest_answers
from ls_integration.kinds.cutouts import NEGATIVE, POSITIVE, UNSURE
from ls_integration.results.cutouts import (
    TIE,
    check_cutouts,
    decide,
    find_cutouts,
    label_changes,
    without_unsure,
)
from ls_integration.results.metrics import build_metrics
from ls_integration.results.metrics.entries import put_measure
from ls_integration.results.metrics.subgroup_columns import read_values
from ls_integration.scoring.detection import detection_rates
from ls_integration.scoring.queue import (
    add,
    enrichment,
    expected_wrong,
    sample_of,
    share_wrong,
)

NO_FLOOR = (
    "no cutout outside the queue was drawn at random and answered, so nothing is known of the "
    "labels there (--random-floor)"
)
NO_QUEUE = "no cutout of the queue is decided"


def build_cutout_metrics(
    cutouts: pd.DataFrame,
    annotations: pd.DataFrame,
    *,
    annotator: str | None = None,
    study: Mapping[str, Any] | None = None,
    group_by: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Score people, model and labels of a study of cutouts.

    Beside what `metrics.build_metrics` gives, with the label that reviewers
    started from as the known one and the predictions of all cutouts as the
    model: a person's "unsure" is counted as such and not judged, and
    ``unanswered`` counts the cutouts that were asked about.

    Parameters
    ----------
    cutouts : DataFrame
        All cutouts of the table, see `kinds.cutouts.all_cutouts`.
    annotations : DataFrame
        A checked annotations table.
    annotator : str, optional
        Whose answers make ``after`` and the counts; by default everybody's
        majority.
    study : mapping, optional
        See `metrics.build_metrics`.
    group_by : sequence of str, optional
        See `metrics.build_metrics`.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    dict
        Strict JSON values, valid by `metrics.load_schema`.

    Raises
    ------
    SourceError
        If a table breaks its contract, or the two do not fit.
    """
    cutouts = check_cutouts(cutouts)
    certain = without_unsure(annotations)
    metrics = build_metrics(
        cutouts,
        certain,
        positive=POSITIVE,
        study={**(study or {}), "kind": "cutouts"},
        group_by=group_by,
        seed=seed,
    )
    _count_people(metrics, cutouts, annotations)
    for column, parts in metrics["by"].items():
        values = read_values(cutouts[column])
        for value, part in parts.items():
            theirs = cutouts.loc[values == value]
            answers = annotations["item_id"].isin(theirs["item_id"])
            _count_people(part, theirs, annotations.loc[answers])
    block, warnings = score_review(cutouts, decide(annotations, annotator=annotator), seed=seed)
    everything = [*metrics.pop("warnings"), *warnings]
    return {**metrics, "annotator": annotator, **block, "warnings": everything}


def score_review(
    cutouts: pd.DataFrame, decisions: pd.DataFrame, *, seed: int
) -> tuple[dict[str, Any], list[str]]:
    """Score the same predictions against the labels before and after the review.

    Parameters
    ----------
    cutouts : DataFrame
        All cutouts, see `cutouts.check_cutouts`.
    decisions : DataFrame
        From `cutouts.decide`.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    block : dict
        ``before`` (against the column ``label``) and ``after`` (against
        ``label_new`` with the decisions in it): ``tp, fp, fn, tn, precision,
        recall, f1`` and the intervals. Counts of cutouts: ``asked`` (queue and
        random floor), ``reviewed`` (answered, neighbours too),
        ``reviewed_unasked`` (of these, neighbours and others that were not
        asked), ``unreviewed`` (asked and not answered), ``changed`` (cells of
        ``label_new`` that the review changes), ``unsure``, ``ties``.
        ``tied_items``: their ids. ``outside_queue``: of the random floor, how
        many ``sampled``, ``decided`` (artifact or not) and ``changed``, the
        share ``error_rate`` and, carried over to those that are
        ``not_decided``, ``expected_wrong``. ``queue``: the same of what was
        shown for review; its share is the ``precision``, and ``enrichment``
        the ratio of the two. ``left``: what is expected in both together.
    warnings : list of str
        A line ``path: reason`` for each null.

    Raises
    ------
    SourceError
        If a decision is on a cutout that *cutouts* does not have.
    """
    warnings: list[str] = []
    place = find_cutouts(cutouts, decisions["item_id"])
    decision = np.full(len(cutouts), "", dtype=object)
    decision[place] = decisions["decision"].to_numpy(dtype=object)
    changes = label_changes(cutouts, decisions)
    changed = cutouts["row"].isin(changes).to_numpy(dtype=bool)
    called = (cutouts["model_label"] == POSITIVE).to_numpy(dtype=bool)
    present = (cutouts["label"] == POSITIVE).to_numpy(dtype=bool)
    labels = {
        "before": (cutouts["given_label"] == POSITIVE).to_numpy(dtype=bool),
        "after": present ^ changed,
    }
    block: dict[str, Any] = {}
    for name, label in labels.items():
        groups = cutouts["group"].to_numpy(dtype=object)
        counts, measures = detection_rates(label, called, groups, seed=seed, positive=POSITIVE)
        entry: dict[str, Any] = {
            "tp": counts.tp,
            "fp": counts.fp,
            "fn": counts.fn,
            "tn": counts.tn,
        }
        for measure_name, measure in measures.items():
            put_measure(name, measure_name, measure, entry, warnings)
        block[name] = entry
    asked, answered = _asked(cutouts), decision != ""
    tied = decision == TIE
    block |= {
        "asked": _count(asked),
        "reviewed": _count(answered),
        "reviewed_unasked": _count(answered & ~asked),
        "unreviewed": _count(asked & ~answered),
        "changed": len(changes),
        "unsure": _count(decision == UNSURE),
        "ties": _count(tied),
        "tied_items": cutouts["item_id"][tied].tolist(),
    }
    if tied.any():
        warnings.append(f"ties: {_count(tied)} cutouts are tied and keep their label")
    block |= _score_queue(cutouts, decision, changed, warnings)
    return block, warnings


def _score_queue(
    cutouts: pd.DataFrame,
    decision: NDArray[np.object_],
    changed: NDArray[np.bool_],
    warnings: list[str],
) -> dict[str, Any]:
    """Score the queue against the random floor, and count what is left."""
    in_queue = cutouts["is_queue"].to_numpy(dtype=bool)
    floor = _asked(cutouts) & ~in_queue
    decided = np.isin(decision, [POSITIVE, NEGATIVE])
    groups = pd.factorize(cutouts["group"])[0].astype("int64")
    samples = {
        name: sample_of(changed[part & decided], groups[part & decided])
        for name, part in (("queue", in_queue), ("floor", floor))
    }
    found_share = share_wrong(samples["queue"], NO_QUEUE)
    error_rate = share_wrong(samples["floor"], NO_FLOOR)
    open_queue, open_rest = _count(in_queue & ~decided), _count(~in_queue & ~decided)
    left = (expected_wrong(found_share, open_queue), expected_wrong(error_rate, open_rest))
    queue: dict[str, Any] = {
        "shown": _count(in_queue),
        "decided": samples["queue"].n_decided,
        "changed": samples["queue"].n_wrong,
    }
    put_measure("queue", "precision", found_share, queue, warnings)
    ratio = enrichment(samples["queue"], samples["floor"])
    put_measure("queue", "enrichment", ratio, queue, warnings)
    put_measure("queue", "expected_wrong", left[0], queue, warnings)
    outside: dict[str, Any] = {
        "sampled": _count(floor),
        "decided": samples["floor"].n_decided,
        "changed": samples["floor"].n_wrong,
    }
    put_measure("outside_queue", "error_rate", error_rate, outside, warnings)
    outside["not_decided"] = open_rest
    put_measure("outside_queue", "expected_wrong", left[1], outside, warnings)
    both: dict[str, Any] = {"not_decided": open_queue + open_rest}
    put_measure("left", "expected_wrong", add(*left), both, warnings)
    return {"queue": queue, "outside_queue": outside, "left": both}


def _count_people(
    metrics: dict[str, Any], cutouts: pd.DataFrame, annotations: pd.DataFrame
) -> None:
    """Tell unsure from skipped, and count as unanswered only what was asked."""
    asked = set(cutouts["item_id"][_asked(cutouts)])
    newest = newest_answers(annotations)
    for entry in metrics["people"].values():
        is_theirs = (newest["annotator"] == entry["annotator"]) & (
            newest["round"] == entry["round"]
        )
        theirs = newest.loc[is_theirs]
        unsure = _count((~theirs["skipped"] & (theirs["label"] == UNSURE)).to_numpy(dtype=bool))
        entry["unsure"] = unsure
        entry["skipped"] -= unsure
        entry["unanswered"] = len(asked - set(theirs["item_id"]))


def _asked(cutouts: pd.DataFrame) -> NDArray[np.bool_]:
    return (cutouts["is_queue"] | cutouts["sampling_rate"].notna()).to_numpy(dtype=bool)


def _count(which: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(which))
