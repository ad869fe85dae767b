"""The long table, lined up with the items: one array per person and question."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.annotations import KEY, newest_answers
from ls_integration.errors import SourceError, some_of
from ls_integration.results.names import name_rounds, rounds_of
from ls_integration.scoring.calibration import explain_no_probabilities
from ls_integration.scoring.consensus import MISSING

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


AT_ONCE_S = 0.1
"""Answers closer together were sent, not given; a replay has longer gaps between its requests."""


_SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True)
class Person:
    """One person's answers of one round, in the order of the items.

    Attributes
    ----------
    name : str
        As on their files; unique.
    annotator : str
        As in the annotations table.
    number : int
        The round, from 1.
    votes : ndarray of int, shape (n_items,)
        Number of the label, `consensus.MISSING` where there is no answer.
    called : ndarray of bool, shape (n_items,)
        Whether the answer is the positive label.
    skipped, prefilled, changed : ndarray of bool, shape (n_items,)
        Skipped by the person; started from an answer; that answer overruled.
        The latter two are False where nothing was judged.
    lead_time_s : ndarray of float, shape (n_items,)
        Decision time in s, NaN where unknown or not judged.
    turn : ndarray of int, shape (n_items,)
        Place of the answer in the order of answering: higher is later; -1 where
        not judged.
    order : str
        What that order is: ``answered``, by the time of the first answer to each
        item, or ``study``, the order of the items, where times are missing or, as
        after a replay, closer together than anybody can answer. AnomaGUI asked
        in that order.
    """

    name: str
    annotator: str
    number: int
    votes: NDArray[np.int64]
    called: Bools
    skipped: Bools
    prefilled: Bools
    changed: Bools
    lead_time_s: Floats
    turn: NDArray[np.int64]
    order: str

    @property
    def judged(self) -> Bools:
        """Find the items with an answer that has a label.

        Returns
        -------
        ndarray of bool, shape (n_items,)
            Skipped and unanswered items are False.
        """
        return np.not_equal(self.votes, MISSING)

    @property
    def assisted(self) -> str:
        """Say how many judged answers started from one that was shown.

        Returns
        -------
        str
            ``all``, ``some`` or ``none``.
        """
        shown = int(np.count_nonzero(self.prefilled))
        if not shown:
            return "none"
        return "all" if shown == np.count_nonzero(self.judged) else "some"


@dataclass(frozen=True)
class Truth:
    """The known labels, in the order of the items.

    Attributes
    ----------
    known : ndarray of bool, shape (n_items,)
        Whether the item has a known label.
    positive : ndarray of bool, shape (n_items,)
        Whether that is the positive one; False where unknown.
    """

    known: Bools
    positive: Bools


@dataclass(frozen=True)
class Model:
    """The model's opinion, in the order of the items.

    Attributes
    ----------
    score : ndarray of float, shape (n_items,)
        Higher means more positive, whatever it meant in the items table; NaN
        where there is none.
    decided : ndarray of bool, shape (n_items,)
        Where the model's decision is known.
    called : ndarray of bool, shape (n_items,)
        Whether that decision is the positive label.
    threshold : float or None
        On the scale of the items table; None where decisions were given, or
        there are none.
    probability : ndarray of float, shape (n_items,)
        Of the positive label; NaN everywhere where the scores are no probabilities.
    no_probabilities : str or None
        Why they are none: decided once, on all items of a study. None where they
        can be read so.
    """

    score: Floats
    decided: Bools
    called: Bools
    threshold: float | None
    probability: Floats
    no_probabilities: str | None

    @property
    def scored(self) -> Bools:
        """Find the items with a score.

        Returns
        -------
        ndarray of bool, shape (n_items,)
            False where the model says nothing.
        """
        return ~np.isnan(self.score)


def find_labels(items: pd.DataFrame, annotations: pd.DataFrame) -> list[str]:
    """List every label that the known labels or an answer have.

    Parameters
    ----------
    items : DataFrame
        A checked items table.
    annotations : DataFrame
        A checked annotations table.

    Returns
    -------
    list of str
        Sorted; its places are the numbers in `Person.votes`.
    """
    known = items["label"].dropna().unique() if "label" in items.columns else np.array([])
    answered = annotations.loc[~annotations["skipped"], "label"].dropna()
    return sorted({str(label) for label in [*known, *answered.unique()]})


def line_up(
    items: pd.DataFrame, annotations: pd.DataFrame, *, positive: str, labels: list[str]
) -> list[Person]:
    """Line up everybody's newest answers with the items.

    Parameters
    ----------
    items : DataFrame
        A checked items table.
    annotations : DataFrame
        A checked annotations table.
    positive : str
        The positive label.
    labels : list of str
        As `find_labels` gives them.

    Returns
    -------
    list of Person
        People as they first appear, their rounds ascending.

    Raises
    ------
    SourceError
        If an answer is on an item that the items table does not have.
    """
    first_at = annotations["created_at"].fillna(annotations["updated_at"])
    if annotations.duplicated(KEY).any():
        # Whoever corrects an answer later has met the item when it was answered first.
        keys = [annotations[name] for name in KEY]
        first_at = first_at.groupby(keys, sort=False).transform("min")
    answers = newest_answers(annotations.assign(first_at=first_at))
    place = pd.Index(items["item_id"]).get_indexer(pd.Index(answers["item_id"]))
    unknown = list(dict.fromkeys(answers["item_id"][place < 0]))
    if unknown:
        msg = (
            f"there are answers on items that the items table does not have: {some_of(unknown)}; "
            "give the items.csv of this study, or remove the rows"
        )
        raise SourceError(msg)
    number_of = pd.Index(labels).get_indexer(pd.Index(answers["label"].astype(object)))
    answers = answers.assign(
        place=place, vote=np.where(answers["skipped"], MISSING, number_of).astype("int64")
    )
    positive_vote = labels.index(positive) if positive in labels else MISSING - 1
    names = name_rounds(rounds_of(annotations))
    groups = dict(iter(answers.groupby(["annotator", "round"], sort=False)))
    return [
        _line_up_one(name, key, groups[key], len(items), positive_vote)
        for key, name in names.items()
    ]


def _line_up_one(
    name: str, key: tuple[str, int], mine: pd.DataFrame, n_items: int, positive_vote: int
) -> Person:
    place = mine["place"].to_numpy()
    votes = np.full(n_items, MISSING, dtype="int64")
    votes[place] = mine["vote"].to_numpy()
    judged = votes != MISSING

    def spread(column: str) -> Bools:
        values = np.zeros(n_items, dtype=bool)
        values[place] = mine[column].fillna(False).to_numpy(dtype=bool)
        return values

    lead_time_s = np.full(n_items, np.nan)
    lead_time_s[place] = mine["lead_time_s"].to_numpy(dtype="float64")
    lead_time_s[~judged] = np.nan
    turn, order = _find_order(place, mine["first_at"], judged)
    return Person(
        name=name,
        annotator=key[0],
        number=int(key[1]),
        votes=votes,
        called=votes == positive_vote,
        skipped=spread("skipped"),
        prefilled=spread("prefilled") & judged,
        changed=spread("changed") & judged,
        lead_time_s=lead_time_s,
        turn=turn,
        order=order,
    )


def _find_order(
    place: NDArray[np.int64], first_at: "pd.Series[Any]", judged: Bools
) -> tuple[NDArray[np.int64], str]:
    """Give each judged item its turn in the order of answering, and name that order."""
    turn = np.full(len(judged), -1, dtype="int64")
    order = place[judged[place]]
    times = first_at[judged[place]]
    gaps_s = np.diff(np.sort(times.dropna().to_numpy(dtype="datetime64[us]"))) / _SECOND
    if times.isna().any() or len(gaps_s) < 1 or np.median(gaps_s) < AT_ONCE_S:
        turn[judged] = np.arange(np.count_nonzero(judged))
        return turn, "study"
    # At the same time: in the study's order.
    order = order[np.lexsort([order, times.astype("int64").to_numpy()])]
    turn[order] = np.arange(len(order))
    return turn, "answered"


def read_truth(items: pd.DataFrame, positive: str) -> Truth:
    """Take the known labels out of the items.

    Parameters
    ----------
    items : DataFrame
        A checked items table, with or without ``label``.
    positive : str
        The positive label.

    Returns
    -------
    Truth
        Nothing known where there is no such column.
    """
    if "label" not in items.columns:
        nothing = np.zeros(len(items), dtype=bool)
        return Truth(nothing, nothing)
    known = items["label"].notna().to_numpy(dtype=bool)
    return Truth(known, known & (items["label"] == positive).to_numpy(dtype=bool))


def read_model(
    items: pd.DataFrame, positive: str, threshold: float | None, *, score_label: str | None = None
) -> Model:
    """Take the model's scores and decisions out of the items.

    Parameters
    ----------
    items : DataFrame
        A checked items table, with or without ``model_score``, ``model_label``.
    positive : str
        The positive label.
    threshold : float or None
        Where given, a score >= threshold is *score_label*; else ``model_label``
        says what the model decided.
    score_label : str, optional
        The label that a high score speaks for; *positive* by default. If it is
        the other one, scores change their sign and decisions turn round.

    Returns
    -------
    Model
        Without scores and decisions where there are none.
    """
    is_reversed = score_label is not None and score_label != positive
    score = np.full(len(items), np.nan)
    if "model_score" in items.columns:
        score = items["model_score"].to_numpy(dtype="float64", na_value=np.nan)
    decided = called = np.zeros(len(items), dtype=bool)
    if threshold is not None and not np.isnan(score).all():
        decided = ~np.isnan(score)
        above = np.nan_to_num(score, nan=-np.inf) >= threshold
        called = decided & (above != is_reversed)
    else:
        threshold = None
        if "model_label" in items.columns:
            decided = items["model_label"].notna().to_numpy(dtype=bool)
            called = (items["model_label"] == positive).to_numpy(dtype=bool)
    no_probabilities = explain_no_probabilities(score)
    probability = 1 - score if is_reversed else score
    return Model(
        score=0.0 - score if is_reversed else score,
        decided=decided,
        called=called,
        threshold=threshold,
        probability=probability if no_probabilities is None else np.full(len(items), np.nan),
        no_probabilities=no_probabilities,
    )
