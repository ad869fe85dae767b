"""A whole study as arrays in the order of its items: what is scored and drawn."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.results.people import (
    Model,
    Person,
    Truth,
    find_labels,
    line_up,
    read_model,
    read_truth,
)

_Part = TypeVar("_Part", Person, Truth, Model)

SCORE_LABEL = "anomaly"
"""What a high model score speaks for in the items tables of this package."""


@dataclass(frozen=True)
class LinedUp:
    """Items, people, truth and model, lined up with each other.

    Attributes
    ----------
    items : DataFrame
        A checked items table.
    labels : list of str
        Sorted; the numbers in `Person.votes` are places in it.
    positive : str
        The positive label.
    score_label : str
        The label that a high ``model_score`` speaks for.
    people : list of Person
        A person's rounds are entries of their own.
    truth : Truth
        The known labels.
    model : Model
        The model's scores and decisions.
    groups : ndarray of int, shape (n_items,), or None
        Number of the group of each item (``group`` of the items), from 0; None
        where items are taken as independent. An item without one is a group of
        its own.
    """

    items: pd.DataFrame
    labels: list[str]
    positive: str
    score_label: str
    people: list[Person]
    truth: Truth
    model: Model
    groups: NDArray[np.int64] | None

    @property
    def negative(self) -> str:
        """Name what is not positive.

        Returns
        -------
        str
            The other label where there is one other, else ``not POSITIVE``.
        """
        others = [label for label in self.labels if label != self.positive]
        return others[0] if len(others) == 1 else f"not {self.positive}"

    @property
    def first_rounds(self) -> list[Person]:
        """List everybody's first round: one vote per person.

        Returns
        -------
        list of Person
            Without people who have later rounds only.
        """
        return [person for person in self.people if person.number == 1]

    @cached_property
    def votes(self) -> NDArray[np.int64]:
        """Put the votes of the first rounds side by side.

        Returns
        -------
        ndarray of int, shape (n_items, n_people)
            Label numbers, `scoring.consensus.MISSING` where there is no answer.
        """
        if not self.first_rounds:
            return np.empty((len(self.items), 0), dtype="int64")
        return np.column_stack([person.votes for person in self.first_rounds])

    def subset(self, mask: NDArray[np.bool_]) -> "LinedUp":
        """Take some of the items, with everybody's answers to them.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_items,)
            Which items.

        Returns
        -------
        LinedUp
            Of these items in the same order. Labels and people stay as they are,
            also people who answered none of these items.
        """
        groups = None if self.groups is None else self.groups[mask]
        if groups is not None and len(np.unique(groups)) == len(groups):
            groups = None
        return replace(
            self,
            items=self.items.loc[mask].reset_index(drop=True),
            people=[_take(person, mask) for person in self.people],
            truth=_take(self.truth, mask),
            model=_take(self.model, mask),
            groups=groups,
        )


def _take(part: _Part, mask: NDArray[np.bool_]) -> _Part:
    """Take the items of every array that a person, the truth or the model has."""
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    taken: dict[str, Any] = {
        name: value[mask] for name, value in values.items() if isinstance(value, np.ndarray)
    }
    return replace(part, **taken)


def line_up_study(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    *,
    positive: str,
    model_threshold: float | None = None,
    score_label: str | None = None,
) -> LinedUp:
    """Line up everything that is known of a study.

    Parameters
    ----------
    items : DataFrame
        A checked items table; ``label`` is the known label, where there is one.
    annotations : DataFrame
        A checked annotations table; a person's newest answer of a round counts.
    positive : str
        The positive label.
    model_threshold : float, optional
        A ``model_score`` from here on is *score_label*.
    score_label : str, optional
        The label that a high ``model_score`` speaks for; by default `SCORE_LABEL`
        where that is one of the labels, else *positive*.

    Returns
    -------
    LinedUp
        The same for the same tables.

    Raises
    ------
    SourceError
        If an answer is on an item that *items* does not have.
    """
    labels = find_labels(items, annotations)
    score_label = score_label or (SCORE_LABEL if SCORE_LABEL in labels else positive)
    return LinedUp(
        items=items,
        labels=labels,
        positive=positive,
        score_label=score_label,
        people=line_up(items, annotations, positive=positive, labels=labels),
        truth=read_truth(items, positive),
        model=read_model(items, positive, model_threshold, score_label=score_label),
        groups=number_groups(items),
    )


def number_groups(items: pd.DataFrame) -> NDArray[np.int64] | None:
    """Give each item the number of its group; items of one group are not independent.

    Parameters
    ----------
    items : DataFrame
        A checked items table, with or without ``group``.

    Returns
    -------
    ndarray of int, shape (n_items,), or None
        Numbers from 0; None where nothing groups the items: no such column, or
        no two items in one group.
    """
    if "group" not in items.columns:
        return None
    numbers = pd.factorize(items["group"])[0].astype("int64")
    alone = numbers < 0
    numbers[alone] = numbers.max() + 1 + np.arange(np.count_nonzero(alone))
    return numbers if len(np.unique(numbers)) < len(numbers) else None
