"""What a part of the report is made of."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ls_integration.results.figures.drawing import Drawing, Floats
from ls_integration.results.lined_up import LinedUp
from ls_integration.results.pictures import PictureOf


@dataclass(frozen=True)
class Findings:
    """What the report is about.

    Attributes
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.
    study : LinedUp
        Items, people, truth and model.
    about : mapping
        What the results folder says of its study; empty where it says nothing.
    annotations : DataFrame or None
        The answers, as they were read.
    picture_of : callable or None
        Gives the picture of a row of the items; None where there are none.
    """

    metrics: Mapping[str, Any]
    study: LinedUp
    about: Mapping[str, Any] = field(default_factory=dict)
    annotations: pd.DataFrame | None = None
    picture_of: PictureOf | None = None

    @property
    def proportion_interval(self) -> str:
        """Name the interval of a proportion, see `scoring.grouped.share`.

        Returns
        -------
        str
            For a caption.
        """
        return "Wilson" if self.study.groups is None else "BCa bootstrap over groups"


@dataclass(frozen=True)
class RatingFindings:
    """What the report of ratings is about.

    Attributes
    ----------
    metrics : mapping
        As `rating_metrics.build_rating_metrics` gives it.
    items : DataFrame
        The study in its order, with the old ``rating``.
    annotations : DataFrame
        A checked annotations table.
    ratings : DataFrame
        As `results.ratings.new_ratings` gives it.
    times : mapping of str to ndarray of float
        Name -> decision times in s, of those who have any.
    about : mapping
        What the results folder says of its study; empty where it says nothing.
    picture_of : callable or None
        Gives the picture of a row of the items; None where there are none.
    """

    metrics: Mapping[str, Any]
    items: pd.DataFrame
    annotations: pd.DataFrame
    ratings: pd.DataFrame
    times: Mapping[str, Floats]
    about: Mapping[str, Any] = field(default_factory=dict)
    picture_of: PictureOf | None = None

    @property
    def firsts(self) -> pd.DataFrame:
        """Give the ratings of everybody's first round.

        Returns
        -------
        DataFrame
            One row for each item, one column for each person.
        """
        people = self.metrics["people"]
        return self.ratings[[name for name, entry in people.items() if entry["round"] == 1]]


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes
    ----------
    name : str
        Its template is ``templates/sections/NAME.html.j2``.
    drawings : tuple of Drawing
        Its figures. The template places those that the page shows by
        ``{{ figure("name") }}``; all are files.
    values : mapping
        What its template needs beside ``metrics``.
    """

    name: str
    drawings: tuple[Drawing, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


SectionMaker = Callable[[Findings], Section | None]
"""Makes a section, or None where there is nothing to say."""


@dataclass(frozen=True)
class Page:
    """What a kind's report says; how it looks is the same for all.

    Attributes
    ----------
    headline : tuple of str
        What came out, in sentences: a paragraph each, plain text.
    sections : tuple of Section
        The parts, in their order.
    template : str
        ``report.html.j2``, or one that extends it with a line under the title
        and explanations of its own.
    """

    headline: tuple[str, ...]
    sections: tuple[Section, ...]
    template: str = "report.html.j2"
