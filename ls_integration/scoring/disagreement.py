"""Which items people contradict most: each other, the known label, and the model with them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ls_integration.scoring.consensus import MISSING, count_votes

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Disagreement:
    """How far opinions on each item differ.

    Attributes
    ----------
    n_answers : ndarray of int, shape (n_items,)
        How many people answered.
    n_against : ndarray of int, shape (n_items,)
        How many of them contradict the known label; 0 where there is none.
    contradiction : ndarray of float, shape (n_items,)
        ``n_against / (n_answers + 1)``, from 0 to below 1: the share that
        contradicts, the known label being one more opinion. So three of three
        (0.75) come before one of one (0.5).
    division : ndarray of float, shape (n_items,)
        Share of the pairs of people whose answers differ, from 0 (all agree, or
        fewer than two answered) to 1; largest at a tie.
    model_contradicts : ndarray of bool, shape (n_items,)
        Whether the model contradicts the known label too.
    """

    n_answers: Integers
    n_against: Integers
    contradiction: Floats
    division: Floats
    model_contradicts: Bools


def measure_disagreement(
    votes: Integers, known: Integers, model_contradicts: Bools, n_labels: int
) -> Disagreement:
    """Measure how far opinions on each item differ.

    Parameters
    ----------
    votes : ndarray of int, shape (n_items, n_people)
        Label numbers from 0, one vote per person; `consensus.MISSING` where
        there is no answer.
    known : ndarray of int, shape (n_items,)
        Number of the known label, `consensus.MISSING` where there is none.
    model_contradicts : ndarray of bool, shape (n_items,)
        Whether the model contradicts the known label.
    n_labels : int
        How many labels there are.

    Returns
    -------
    Disagreement
        Item by item.
    """
    counts = count_votes(votes, n_labels)
    n_answers = counts.sum(axis=1)
    has_label = known != MISSING
    rows = np.arange(len(known))
    with_label = np.zeros(len(known), dtype="int64")
    if n_labels:
        with_label = counts[rows, np.where(has_label, known, 0)]
    n_against = np.where(has_label, n_answers - with_label, 0)
    pairs = n_answers * (n_answers - 1)
    differing = n_answers**2 - (counts**2).sum(axis=1)
    return Disagreement(
        n_answers=n_answers,
        n_against=n_against,
        contradiction=n_against / (n_answers + 1),
        division=differing / np.maximum(pairs, 1),
        model_contradicts=model_contradicts & has_label,
    )


def rank_by_disagreement(found: Disagreement) -> Integers:
    """Sort items, the most disputed first.

    Parameters
    ----------
    found : Disagreement
        From `measure_disagreement`.

    Returns
    -------
    ndarray of int, shape (n_disputed,)
        Places of the items on which somebody contradicts the known label or
        somebody else: by contradiction, then by division, then those that the
        model contradicts too, then in the order of the study.
    """
    disputed = np.flatnonzero((found.contradiction > 0) | (found.division > 0))
    # The last key of lexsort is the first to count.
    order = np.lexsort(
        (
            ~found.model_contradicts[disputed],
            -found.division[disputed],
            -found.contradiction[disputed],
        )
    )
    ranked: Integers = disputed[order].astype("int64")
    return ranked
