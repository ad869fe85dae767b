"""A study, or any two tables, as a scientist looks at them in a notebook."""

import html
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ls_integration.notebook.show import Pictures, ReportPage, Table
from ls_integration.notebook.tidy import (
    tidy_agreement,
    tidy_comparison,
    tidy_course,
    tidy_scores,
    tidy_subgroups,
)
from ls_integration.results.ratings import new_ratings, ratings_table
from ls_integration.results.report import Report, make_report
from ls_integration.workflows.result_pictures import study_pictures
from ls_integration.workflows.results_by_kind import results_of
from ls_integration.workflows.score import choose_positive

POSITIVE = "positive="
"""What error lines call the argument of `open_study` and `score`."""

_CALLS = (
    (".items", "what was asked about"),
    (".annotations()", "every answer of everybody"),
    (".scores()", "each person, the majority and the model, with 95 % intervals"),
    (".agreement()", "how far people agree, with each other and with themselves"),
    (".comparison()", "everybody against the model"),
    (".course()", "accuracy over the session and against the decision time"),
    (".subgroups()", "scores and agreement for each structure, or of group_by="),
    (".consensus()", "what they say together of each item"),
    (".figures()", "the figures of the report"),
    (".report()", "the whole report; .report('report.html') also saves it"),
)


class ScoredStudy:
    """Items and answers, and everything that follows from them.

    Made by `open_study` and `score`. Answers are fetched and scored when they
    are first asked for, then kept: open the study again for newer ones.

    Parameters
    ----------
    about : mapping
        What is known of the study: ``title``, ``kind``, ``blind``,
        ``positive``, ``model_threshold``, ``normal_at_least``,
        ``anomaly_below``, ``annotator``, ``group_by``, each only where known.
    items : DataFrame
        A checked items table.
    read_annotations : callable
        Gives the checked annotations table; called once.
    media : Path, optional
        Folder of the rendered pictures, for the report.
    """

    def __init__(
        self,
        about: Mapping[str, Any],
        items: pd.DataFrame,
        read_annotations: Callable[[], pd.DataFrame],
        media: Path | None = None,
    ) -> None:
        self._about = dict(about)
        self._items = items
        self._read_annotations = read_annotations
        self._media = media

    @property
    def title(self) -> str:
        """Give the study's title.

        Returns
        -------
        str
            As on the report.
        """
        return str(self._about.get("title") or "Results")

    @property
    def items(self) -> pd.DataFrame:
        """Give the items.

        Returns
        -------
        DataFrame
            One row per item, in the study's order; a copy.
        """
        return self._items.copy()

    def annotations(self) -> pd.DataFrame:
        """Give all answers.

        Returns
        -------
        DataFrame
            One row per answer, see ``docs/files.md``; a copy.

        Raises
        ------
        IntegrationError
            If they cannot be had: the server does not answer, or refuses.
        """
        return self._annotations.copy()

    def scores(self) -> Table:
        """Tabulate what everybody scores.

        Returns
        -------
        DataFrame
            ``who, measure, value, low, high, n, reason``: a row for each number,
            with its 95 % interval, what it is over, and why one is missing.

        Raises
        ------
        IntegrationError
            If the answers cannot be had, or do not fit the items.
        """
        return tidy_scores(self.metrics)

    def agreement(self) -> Table:
        """Tabulate how far people agree: all together, pair by pair, with themselves.

        Returns
        -------
        DataFrame
            Columns as in `scores`.

        Raises
        ------
        IntegrationError
            If the answers cannot be had, or do not fit the items.
        """
        return tidy_agreement(self.metrics)

    def comparison(self) -> Table:
        """Tabulate people, majority and Dawid-Skene against the model.

        Returns
        -------
        DataFrame
            Columns as in `scores`; differences are theirs less the model's.
            Without rows where there is no model.

        Raises
        ------
        IntegrationError
            If the answers cannot be had, or do not fit the items.
        """
        return tidy_comparison(self.metrics)

    def course(self) -> Table:
        """Tabulate accuracy over the course of the session and against the decision time.

        Returns
        -------
        DataFrame
            As in `scores`, with ``part`` (from 1) and its bounds ``from_s`` and
            ``to_s``: ``accuracy`` in parts of the session, ``accuracy_by_time`` in
            quarters of the decision times, and the odds ratio of each. Without
            rows where there is no known label.

        Raises
        ------
        IntegrationError
            If the answers cannot be had, or do not fit the items.
        """
        return tidy_course(self.metrics)

    def subgroups(self) -> Table:
        """Tabulate scores and agreement within each subgroup.

        Returns
        -------
        DataFrame
            As in `scores` and `agreement`, with ``column`` and ``subgroup``: of
            ``structure`` where it has two values or more, or of ``group_by``.

        Raises
        ------
        IntegrationError
            If the answers cannot be had, or do not fit the items.
        """
        return tidy_subgroups(self.metrics)

    def consensus(self) -> Table:
        """Tabulate what the people say together.

        Returns
        -------
        DataFrame
            One row per item: what ``consensus.csv`` holds, or of ratings
            ``ratings.csv``.

        Raises
        ------
        IntegrationError
            If the answers cannot be had, or do not fit the items.
        """
        items, annotations = self._items, self._annotations
        tabulate = results_of(self._about.get("kind")).tabulate_consensus
        if tabulate is not None:
            return Table(
                tabulate(items, annotations, self.metrics["positive"]).reset_index(drop=True)
            )
        named = items if "source_path" in items.columns else items.assign(source_path=None)
        return Table(ratings_table(named, new_ratings(items, annotations)))

    def figures(self) -> Pictures:
        """Draw the figures of the report.

        Returns
        -------
        mapping of str to Picture
            A notebook shows all of them, or one: ``study.figures()["roc"]``. A
            picture has ``figure`` (matplotlib's), ``numbers`` and ``caption``.

        Raises
        ------
        IntegrationError
            If the answers cannot be had, or do not fit the items.
        """
        return Pictures(self._made.drawings)

    def report(self, path: str | Path | None = None) -> ReportPage:
        """Make the report.

        Parameters
        ----------
        path : str or Path, optional
            Also save it here.

        Returns
        -------
        ReportPage
            Shown in the notebook; ``save`` writes it.

        Raises
        ------
        IntegrationError
            If the answers cannot be had, or do not fit the items.
        """
        page = ReportPage(self._made.html)
        if path is not None:
            page.save(path)
        return page

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Give every number.

        Returns
        -------
        dict
            What ``metrics.json`` holds.

        Raises
        ------
        IntegrationError
            If the answers cannot be had, or do not fit the items.
        """
        positive = choose_positive(
            self._items,
            self._annotations,
            None,
            self._about.get("positive"),
            argument=POSITIVE,
        )
        return results_of(self._about.get("kind")).measure(
            self._items,
            self._annotations,
            positive,
            self._about.get("model_threshold"),
            self._about,
        )

    @cached_property
    def _annotations(self) -> pd.DataFrame:
        return self._read_annotations()

    @cached_property
    def _made(self) -> Report:
        return make_report(
            self._items,
            self._annotations,
            self.metrics,
            about=self._about,
            picture_of=study_pictures(self._items, self._media),
        )

    def __repr__(self) -> str:
        return f"<{self.title}: {', '.join(self._facts())}>"

    def _repr_html_(self) -> str:
        facts = " · ".join(self._facts())
        rows = "".join(
            f'<tr><td style="text-align:left"><code>{html.escape(call)}</code></td>'
            f'<td style="text-align:left">{html.escape(what)}</td></tr>'
            for call, what in _CALLS
        )
        return (
            f"<p><strong>{html.escape(self.title)}</strong><br>{facts}</p>"
            f"<table><tbody>{rows}</tbody></table>"
        )

    def _facts(self) -> list[str]:
        """Say how much there is, without fetching anything; words and counts only."""
        facts = [f"{len(self._items)} items"]
        # A look at the object must not go to a server.
        if "_annotations" not in self.__dict__:
            return [*facts, "answers not read yet"]
        answers = self._annotations
        people, given = answers["annotator"].nunique(), int((~answers["skipped"]).sum())
        facts += [f"{people} {'person' if people == 1 else 'people'}", f"{given} answers"]
        blind = self._about.get("blind")
        return facts if blind is None else [*facts, "blind" if blind else "not blind"]
