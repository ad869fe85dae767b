"""`status`: how far everybody is, from the server's own listing and times."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ls_integration import study as studies
from ls_integration.annotations import newest_answers
from ls_integration.answers import Judgement, Reader, in_one_table
from ls_integration.kinds.registry import kind_of
from ls_integration.progress import Reporter, Say, silent
from ls_integration.server.pull import tasks_with_drafts
from ls_integration.workflows.connection import Connection
from ls_integration.workflows.project_answers import check_sent, read_projects

PAUSE_S = 300.0
"""A longer time between two answers is a pause."""

AT_ONCE_S = 0.1
"""Nobody answers faster: answers closer together came in one import."""


@dataclass(frozen=True)
class Asked:
    """What one person is asked in one round.

    Attributes
    ----------
    annotator : str
        The person.
    round : int
        1, 2, ...
    items : frozenset of str or None
        What has a page of its own in the project: ids of items, or of frames.
        None if it is shared.
    n_drafts : int or None
        Answers begun there and not submitted; None if it is shared.
    """

    annotator: str
    round: int
    items: frozenset[str] | None
    n_drafts: int | None


@dataclass(frozen=True)
class Progress:
    """How far one person is in one round.

    Attributes
    ----------
    annotator : str
        The person.
    round : int
        1, 2, ...
    done : int
        Items answered.
    skipped : int
        Items skipped and not answered yet; they are asked again.
    drafts : int or None
        Answers begun and not submitted; None for somebody without a project
        of their own.
    left : int or None
        Items without an answer, the skipped ones among them; None for somebody
        without a project of their own.
    median_decision_time_s : float or None
        Of the items answered, in seconds; None if no time is known.
    answers_per_hour : float or None
        While the person was at it; None if that cannot be told.
    """

    annotator: str
    round: int
    done: int
    skipped: int
    drafts: int | None
    left: int | None
    median_decision_time_s: float | None
    answers_per_hour: float | None


def read_status(
    study_folder: Path,
    connection: Connection,
    report: Reporter = silent,
    say: Say | None = None,
) -> list[Progress]:
    """Ask the server how far everybody is. Nothing is kept, nothing is locked.

    Parameters
    ----------
    study_folder : Path
        The study; read anew, since people may be added meanwhile.
    connection : Connection
        The server.
    report : Reporter, optional
        Told of progress.
    say : callable, optional
        Takes one line for each project that was edited by hand.

    Returns
    -------
    list of Progress
        In the order of the projects, then others who answered; of a shared
        study the people's, then for each round what has enough answers. Pages
        are counted: a whole frame is one, done when it was submitted.

    Raises
    ------
    StudyError
        If the study was never sent.
    ServerError
        If Label Studio refuses, or a project is gone.
    """
    study = studies.load(study_folder)
    check_sent(study)
    asked: list[Asked] = []
    together: list[Asked] = []
    tables = []
    item_ids = dict.fromkeys(studies.read_items(study_folder)["item_id"])
    for found in read_projects(
        study,
        connection,
        report,
        item_ids=item_ids,
        read=_read_whole(kind_of(study).labels),
        say=say,
    ):
        project = found.project
        # An item whose task was deleted is left to do; whole frames have pages of their own.
        pages = frozenset(
            (str(task["data"]["item_id"]) for task in found.tasks) if project.view else item_ids
        )
        n_drafts = len(tasks_with_drafts(connection.client, found.project_id))
        if project.shared:
            asked += [Asked(name, project.round, None, None) for name in study.people]
        own = Asked(project.annotator, project.round, pages, n_drafts)
        (together if project.shared else asked).append(own)
        tables.append(found.annotations)
    annotations = in_one_table(tables)
    rows = progress_of(annotations, asked)
    return rows + progress_together(annotations, together, study.overlap or 1)


def _read_whole(labels: Sequence[str]) -> Reader:
    """Read that a task was answered, whatever was said and however many items it is about."""
    label, rating = (labels[0], None) if labels else (None, 0.0)

    def read(task: Mapping[str, Any], result: Sequence[Mapping[str, Any]]) -> list[Judgement]:
        item_id = str(task["data"]["item_id"])
        return [Judgement(item_id, label, rating) if result else Judgement(item_id)]

    return read


def progress_of(annotations: pd.DataFrame, asked: Sequence[Asked]) -> list[Progress]:
    """Count everybody's answers and measure their pace.

    A person's newest answer to an item in a round counts, wherever it was given.

    Parameters
    ----------
    annotations : DataFrame
        A checked annotations table.
    asked : sequence of Asked
        The projects.

    Returns
    -------
    list of Progress
        One for each person and round of *asked*, in that order, then one for
        each other person and round with answers, by name.
    """
    newest = newest_answers(annotations)
    keys = list(dict.fromkeys((one.annotator, one.round) for one in asked))
    others = set(zip(newest["annotator"], newest["round"], strict=True)) - set(keys)
    rows = []
    for annotator, number in [*keys, *sorted(others)]:
        own = [one for one in asked if (one.annotator, one.round) == (annotator, number)]
        rows.append(_progress(newest, annotator, int(number), own))
    return rows


def _progress(
    newest: pd.DataFrame, annotator: str, round_number: int, own: Sequence[Asked]
) -> Progress:
    mine = newest.loc[(newest["annotator"] == annotator) & (newest["round"] == round_number)]
    answers = mine.loc[~mine["skipped"].to_numpy(dtype=bool)]
    times_s = answers["lead_time_s"].dropna()
    # Of a person with two projects of a round, the same item is to do once, but each view's page.
    pages = [one.items for one in own if one.items is not None]
    to_do = frozenset[str]().union(*pages)
    drafts = [one.n_drafts for one in own if one.n_drafts is not None]
    return Progress(
        annotator=annotator,
        round=round_number,
        done=len(answers),
        skipped=len(mine) - len(answers),
        drafts=sum(drafts) if drafts else None,
        left=len(to_do - set(answers["item_id"])) if pages else None,
        median_decision_time_s=float(times_s.median()) if len(times_s) else None,
        answers_per_hour=answers_per_hour(answers["created_at"]),
    )


def progress_together(
    annotations: pd.DataFrame, asked: Sequence[Asked], overlap: int
) -> list[Progress]:
    """Count which items of shared projects have enough answers.

    Parameters
    ----------
    annotations : DataFrame
        A checked annotations table.
    asked : sequence of Asked
        The shared projects.
    overlap : int
        Answers wanted for each item, of different people.

    Returns
    -------
    list of Progress
        One for each round. ``done`` and ``left`` count items, ``skipped``
        those that somebody skipped and that are left.
    """
    newest = newest_answers(annotations)
    rounds = dict.fromkeys(one.round for one in asked)
    return [
        _together(newest, [one for one in asked if one.round == number], number, overlap)
        for number in rounds
    ]


def _together(
    newest: pd.DataFrame, asked: Sequence[Asked], round_number: int, overlap: int
) -> Progress:
    ours = newest.loc[newest["round"] == round_number]
    is_skip = ours["skipped"].to_numpy(dtype=bool)
    answers = ours.loc[~is_skip]
    per_item = answers["item_id"].value_counts()
    enough = set(per_item.index[per_item >= overlap])
    times_s = answers["lead_time_s"].dropna()
    to_do = frozenset[str]().union(*(one.items or () for one in asked))
    return Progress(
        annotator=f"together ({overlap} each)",
        round=round_number,
        done=len(enough),
        skipped=len(set(ours.loc[is_skip, "item_id"]) - enough),
        drafts=sum(one.n_drafts or 0 for one in asked),
        left=len(to_do - enough),
        median_decision_time_s=float(times_s.median()) if len(times_s) else None,
        answers_per_hour=answers_per_hour(answers["created_at"]),
    )


def answers_per_hour(created_at: "pd.Series[Any]") -> float | None:
    """Measure the pace of one person while they were at it.

    Parameters
    ----------
    created_at : Series
        When the server stored each answer; NaT is left out.

    Returns
    -------
    float or None
        Answers that followed another within `PAUSE_S`, by the time between
        them. Answers that came in at once are left out. None if none is left.
    """
    times_s = np.sort(created_at.dropna().to_numpy(dtype="datetime64[us]").astype(np.int64)) / 1e6
    if len(times_s) < 2:
        return None
    gaps_s = np.diff(times_s)
    at_once = gaps_s < AT_ONCE_S
    imported = np.append(at_once, False) | np.insert(at_once, 0, False)
    gaps_s = np.diff(times_s[~imported])
    working_s = gaps_s[gaps_s <= PAUSE_S]
    spent_s = math.fsum(working_s)
    return 3600.0 * len(working_s) / spent_s if len(working_s) else None
