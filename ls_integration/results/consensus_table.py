"""``consensus.csv``: what the people say together of each item."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.tables import write_csv
from ls_integration.scoring.consensus import TIED, count_votes, find_doubts, majority
from ls_integration.scoring.dawid_skene import DawidSkene, estimate_dawid_skene

CONSENSUS_FILE = "consensus.csv"


def make_consensus(study: LinedUp) -> pd.DataFrame:
    """Tabulate votes, majority and the model of Dawid and Skene, a row per item.

    Parameters
    ----------
    study : LinedUp
        The study; first rounds only, one vote per person.

    Returns
    -------
    DataFrame
        In the order of the items: ``item_id``; ``source_path`` where it is
        known; ``n_answers``; ``votes_LABEL`` for each label; ``majority``, empty
        where ``tied`` or nobody answered; ``dawid_skene``, the most probable
        label, and ``dawid_skene_POSITIVE``, the probability of the positive one
        (both empty where the model has no estimate); ``known_label`` where there
        is one; ``needs_opinion``, a reason of `scoring.consensus.REASONS` or
        empty.
    """
    votes, labels, items = study.votes, study.labels, study.items
    counts = count_votes(votes, len(labels))
    decided = majority(votes, len(labels))
    table: dict[str, object] = {"item_id": items["item_id"]}
    if "source_path" in items.columns:
        table["source_path"] = items["source_path"]
    table["n_answers"] = counts.sum(axis=1)
    table |= {f"votes_{label}": counts[:, number] for number, label in enumerate(labels)}
    table["majority"] = name_labels(decided, labels)
    table["tied"] = decided == TIED
    estimate = estimate_dawid_skene(votes, len(labels))
    probability: NDArray[np.float64] = np.full(len(items), np.nan)
    together: NDArray[np.object_] = np.full(len(items), None, dtype=object)
    if isinstance(estimate, DawidSkene):
        together = name_labels(estimate.decided, labels)
        if study.positive in labels:
            probability = estimate.posterior[:, labels.index(study.positive)]
    table["dawid_skene"] = together
    table[f"dawid_skene_{study.positive}"] = probability
    if "label" in items.columns:
        table["known_label"] = items["label"]
    table["needs_opinion"] = find_study_doubts(study, estimate)
    return pd.DataFrame(table)


def find_study_doubts(study: LinedUp, estimate: DawidSkene | str) -> NDArray[np.object_]:
    """Find the items of a study that need one more opinion.

    Parameters
    ----------
    study : LinedUp
        The study; first rounds only.
    estimate : DawidSkene or str
        What `estimate_dawid_skene` said of its votes.

    Returns
    -------
    ndarray of str, shape (n_items,)
        As `scoring.consensus.find_doubts` gives them.
    """
    skipped = np.zeros(len(study.items), dtype=bool)
    for person in study.first_rounds:
        skipped |= person.skipped
    posterior = estimate.posterior if isinstance(estimate, DawidSkene) else None
    return find_doubts(study.votes, len(study.labels), skipped=skipped, posterior=posterior)


def name_labels(numbers: NDArray[np.int64], labels: list[str]) -> NDArray[np.object_]:
    """Give decisions their names.

    Parameters
    ----------
    numbers : ndarray of int, shape (n_items,)
        Places in *labels*, or a negative number where nothing is decided.
    labels : list of str
        The labels.

    Returns
    -------
    ndarray of object, shape (n_items,)
        The label, None where nothing is decided.
    """
    # Negative numbers are places from the end: two empty ones stand there.
    names: NDArray[np.object_] = np.array([*labels, None, None], dtype=object)[numbers]
    return names


def write_consensus(folder: Path, table: pd.DataFrame) -> Path:
    """Write the consensus as CSV.

    Parameters
    ----------
    folder : Path
        Where it goes.
    table : DataFrame
        From `make_consensus`.

    Returns
    -------
    Path
        ``consensus.csv``.
    """
    path = folder / CONSENSUS_FILE
    write_csv(path, table)
    return path
