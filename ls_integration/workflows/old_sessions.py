"""Finished AnomaGUI sessions beside a study: whose they are, and what is new in them. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ls_integration.answers import Judgement, Reader, Writer
from ls_integration.errors import ConfigError, SourceError, some_of
from ls_integration.results.anomagui import count_rows, read_session
from ls_integration.study import Study
from ls_integration.workflows.session_rows import items_of_session, name_selection
from ls_integration.workflows.titles import person_names


class Answer(NamedTuple):
    """One answer of an old session."""

    judgement: Judgement
    """What was said of the item."""
    lead_time_s: float | None
    """Decision time in s; None where the file has none."""


@dataclass(frozen=True)
class Session:
    """What one person answered, once.

    Attributes
    ----------
    path : Path
        The file.
    annotator : str
        As it shall stand on result files.
    answers : dict of str to Answer
        By ``item_id``; an image without a decision is not in it.
    """

    path: Path
    annotator: str
    answers: dict[str, Answer]


@dataclass(frozen=True)
class Comparison:
    """A session beside the tasks of its project.

    Attributes
    ----------
    n_same : int
        Answers that are there as the session has them.
    missing : dict of str to int
        ``item_id`` -> task that has no answer of that person.
    differing : dict of str to int
        ``item_id`` -> annotation of that person that says something else.
    """

    n_same: int
    missing: dict[str, int]
    differing: dict[str, int]


def session_names(
    paths: Sequence[Path], annotator: str | None, *, default: Sequence[str] | None = None
) -> list[str]:
    """Say whose sessions the files are.

    Parameters
    ----------
    paths : sequence of Path
        The files.
    annotator : str or None
        The name, where it is not the file's.
    default : sequence of str, optional
        The names that the tool gave; the files' stems where it gave these.

    Returns
    -------
    list of str
        One for each file, no name twice.

    Raises
    ------
    ConfigError
        If one name is given to several files, or is no name.
    """
    if annotator is not None and len(paths) > 1:
        msg = f"--as {annotator} names one person, but there are {len(paths)} files; give one file"
        raise ConfigError(msg)
    own = [path.stem for path in paths] if default is None else default
    names = [
        " ".join((name if annotator is None else annotator).split())  # as `person_names`
        for name in own
    ]
    for name, path in zip(names, paths, strict=True):
        if not name or not name.isprintable():
            msg = f"{name!r} (of {path}) cannot be a person's name; give one with --as NAME"
            raise ConfigError(msg)
    if len(person_names(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        msg = (
            f"several files are of {some_of(twice)}; replay them one by one, a second pass with "
            "--as NAME --round 2"
        )
        raise ConfigError(msg)
    return names


def read_old_sessions(
    paths: Sequence[Path],
    items: pd.DataFrame,
    study: Study,
    *,
    annotator: str | None,
    round_number: int,
    say: Callable[[str], None],
) -> list[Session]:
    """Read all files, and prove that each is of this study's images.

    Parameters
    ----------
    paths : sequence of Path
        ``NAME.npz`` as AnomaGUI wrote them.
    items : DataFrame
        The study's items, in its order.
    study : Study
        Knows how that order was made.
    annotator : str or None
        Whose session; by default each file's stem.
    round_number : int
        Counted from 1.
    say : callable
        Told which files are of the study before it was extended.

    Returns
    -------
    list of Session
        In the order of *paths*.

    Raises
    ------
    ConfigError
        As `session_names`.
    StudyError
        As `items_of_session`.
    SourceError
        If a file is no session, or not one of these images: another number of
        rows, or another rating (the first row that differs is named).
    """
    names = session_names(paths, annotator)
    sessions = []
    for path, name in zip(paths, names, strict=True):
        ordered = items_of_session(count_rows(path), items, study)
        try:
            table = read_session(path, ordered, annotator=name, number=round_number)
        except SourceError as error:
            selection = name_selection(items, study)
            if not selection:
                raise
            msg = f"{error} (the study '{study.title}' was imported with {selection})"
            raise SourceError(msg) from error
        if len(ordered) < len(items):
            n_open = len(items) - len(ordered)
            say(
                f"{path} is of the study before it was extended: {n_open} of its {len(items)} "
                "images stay open"
            )
        columns = (table["item_id"], table["label"], table["lead_time_s"])
        answers = {
            item_id: Answer(
                Judgement(item_id, label=label),
                None if np.isnan(lead_time_s) else float(lead_time_s),
            )
            for item_id, label, lead_time_s in zip(*columns, strict=True)
        }
        sessions.append(Session(path, name, answers))
    return sessions


def annotation_of(answer: Answer, write: Writer, user_id: int) -> dict[str, Any]:
    """Write an answer as Label Studio's annotation, finished and by its author.

    Parameters
    ----------
    answer : Answer
        Of a session.
    write : callable
        How the study's kind writes an answer.
    user_id : int
        The author's account.

    Returns
    -------
    dict
        Without ``parent_prediction``: the old tools showed no answers, so it is
        independent also where the study is assisted.
    """
    annotation: dict[str, Any] = {
        "result": write(answer.judgement),
        "completed_by": user_id,
        "was_cancelled": False,
        # Left out, an import would make it true.
        "ground_truth": False,
    }
    if answer.lead_time_s is not None:
        annotation["lead_time"] = answer.lead_time_s
    return annotation


def compare(
    session: Session, tasks: Sequence[Mapping[str, Any]], read: Reader, user_id: int
) -> Comparison:
    """Find what of a session is not on the server yet, or is there otherwise.

    Parameters
    ----------
    session : Session
        The person's answers.
    tasks : sequence of dict
        Of their project, from `server.pull.pull_answers`.
    read : callable
        How the study's kind reads an answer.
    user_id : int
        The person's account; what others answered there is not looked at.

    Returns
    -------
    Comparison
        A person's newest annotation of a task counts, and a skip is no
        answer. A file without times says nothing against those on the server.
    """
    n_same = 0
    missing: dict[str, int] = {}
    differing: dict[str, int] = {}
    for task in tasks:
        item_id = str(task["data"].get("item_id"))
        answer = session.answers.get(item_id)
        if answer is None:
            continue
        own = [given for given in task.get("annotations", []) if given["completed_by"] == user_id]
        if not own:
            missing[item_id] = int(task["id"])
            continue
        newest = max(own, key=lambda given: (given["created_at"], given["id"]))
        is_same = (
            not newest["was_cancelled"]
            and read(task, newest["result"])[0].said == answer.judgement.said
            and answer.lead_time_s in (None, newest.get("lead_time"))
        )
        if is_same:
            n_same += 1
        else:
            differing[item_id] = int(newest["id"])
    return Comparison(n_same, missing, differing)
