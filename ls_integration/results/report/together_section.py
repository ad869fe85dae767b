"""The parts of the report about people together: agreement and consensus."""

from collections.abc import Mapping, Sequence
from typing import Any

from ls_integration.results.figures.drawing import Drawing
from ls_integration.results.figures.together import plot_agreement
from ls_integration.results.report.section import Findings, Section
from ls_integration.scoring.consensus import SURE
from ls_integration.scoring.intervals import RESAMPLES

OPEN_UP_TO = 6
"""With more people than this, what is shown for each pair is folded away."""

DRAWN_UP_TO = 40
"""With more people than this a matrix of pairs is no picture any more."""

MATRICES_UP_TO = 66
"""Pairs of twelve people; with more, the counts are in ``metrics.json`` only."""

LABELS_UP_TO = 6


def show_agreement(findings: Findings) -> Section | None:
    """Show how far people agree, with each other, with themselves, with the model.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None with fewer than two people and no second round.
    """
    agreement = findings.metrics["agreement"]
    if not agreement["pairwise"] and not agreement["intra_rater"]:
        return None
    grouped = findings.study.groups is not None
    drawings: tuple[Drawing, ...] = ()
    if agreement["pairwise"] and agreement["n_people"] <= DRAWN_UP_TO:
        kind = "BCa bootstrap over groups" if grouped else "large-sample"
        drawings = (plot_agreement(findings.metrics, kind),)
    pairs = [(pair["first"], pair["second"], pair) for pair in agreement["pairwise"]]
    with_model = [
        (entry["person"], "Model", entry) for entry in agreement["with_model"] if entry["n_items"]
    ]
    values = {
        "resamples": RESAMPLES,
        "grouped": grouped,
        "is_open": agreement["n_people"] <= OPEN_UP_TO,
        "matrices": list_matrices(pairs),
        "with_model": list_matrices(with_model),
    }
    return Section("agreement", drawings, values)


def show_consensus(findings: Findings) -> Section | None:
    """Show what people say together, and where one more opinion is needed.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None with fewer than two people.
    """
    metrics = findings.metrics
    if metrics["agreement"]["n_people"] < 2:
        return None
    skene = metrics["consensus"]["dawid_skene"]
    starts = ("consensus.dawid_skene.accuracy: ", "consensus.dawid_skene: ")
    notes = [line.partition(": ")[2] for line in metrics["warnings"] if line.startswith(starts)]
    deciders = [("Majority", metrics["consensus"]["majority"])]
    if skene["people"]:
        deciders.append(("Dawid–Skene", skene))
    values = {
        "deciders": deciders,
        "notes": notes
        if not skene["people"]
        else [note for note in notes if "known label" not in note],
        "sure": SURE,
        "grouped": findings.study.groups is not None,
        "is_open": len(skene["people"]) <= OPEN_UP_TO,
        "shows_matrices": len(metrics["labels"]) <= LABELS_UP_TO
        and len(skene["people"]) <= MATRICES_UP_TO,
    }
    return Section("consensus", values=values)


def list_matrices(pairs: Sequence[tuple[str, str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """List the counts of pairs as their small tables show them.

    Parameters
    ----------
    pairs : sequence of (str, str, mapping)
        Whose answers are the rows, whose the columns, and an entry with
        ``counts`` and ``n_items``.

    Returns
    -------
    list of dict
        ``first``, ``second``, ``labels``, and ``rows``: a label and its cells
        (count, share of all). Empty where there would be too many, or too wide.
    """
    if len(pairs) > MATRICES_UP_TO:
        return []
    matrices = []
    for first, second, entry in pairs:
        counts, total = entry["counts"], max(entry["n_items"], 1)
        if len(counts) > LABELS_UP_TO:
            return []
        rows = [
            (label, [(count, count / total) for count in row.values()])
            for label, row in counts.items()
        ]
        matrices.append({"first": first, "second": second, "labels": list(counts), "rows": rows})
    return matrices
