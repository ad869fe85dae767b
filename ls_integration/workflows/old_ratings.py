"""Finished sessions of the old rating window beside a study. Pure but for the files."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from ls_integration.answers import Judgement
from ls_integration.results.ratings import read_reannotations
from ls_integration.workflows.old_sessions import Answer, Session, session_names


def read_old_ratings(
    paths: Sequence[Path],
    items: pd.DataFrame,
    *,
    annotator: str | None,
    round_number: int,
    skip_bad: bool,
    say: Callable[[str], None],
) -> list[Session]:
    """Read all files, and prove that each is of this study's images.

    Parameters
    ----------
    paths : sequence of Path
        ``NAME/reannotations.npy`` as the old window wrote them.
    items : DataFrame
        The study's items; rows are found by their index in the source.
    annotator : str or None
        Whose session; by default each file's folder.
    round_number : int
        Counted from 1.
    skip_bad : bool
        Leave out ratings outside of 0 to 1 instead of refusing their file.
    say : callable
        Told of each rating that was left out.

    Returns
    -------
    list of Session
        In the order of *paths*. Such files hold no times.

    Raises
    ------
    ConfigError
        As `session_names`.
    SourceError
        If a file is no session of these images, or holds a rating that is none.
    """
    names = session_names(paths, annotator, default=[path.absolute().parent.name for path in paths])
    sessions = []
    for path, name in zip(paths, names, strict=True):
        table, bad = read_reannotations(
            path, items, annotator=name, number=round_number, skip_bad=skip_bad
        )
        for rating in bad:
            say(f"left out: {path}, {rating}")
        answers = {
            item_id: Answer(Judgement(item_id, rating=float(rating)), None)
            for item_id, rating in zip(table["item_id"], table["rating"], strict=True)
        }
        sessions.append(Session(path, name, answers))
    return sessions
