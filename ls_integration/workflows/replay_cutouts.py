"""Tables that were edited in the notebook: whose answers they are, and what they ask about anew."""

from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from ls_integration.answers import Judgement
from ls_integration.errors import ConfigError, SourceError, some_of
from ls_integration.kinds.cutouts import (
    all_item_ids,
    further_items,
    label_of,
    present_labels,
)
from ls_integration.kinds.cutouts_edited import read_edited_outputs
from ls_integration.progress import Reporter
from ls_integration.results.test_outputs import TEST_OUTPUTS
from ls_integration.study import Study
from ls_integration.workflows.connection import Connection
from ls_integration.workflows.cutout_options import options_of_study
from ls_integration.workflows.cutout_pictures import check_inside, draw_cutouts, find_sources
from ls_integration.workflows.cutouts_results import read_study_table
from ls_integration.workflows.new_part import keep_part
from ls_integration.workflows.old_sessions import Answer, Session, session_names
from ls_integration.workflows.sending import media_folder


def read_edited_tables(
    paths: Sequence[Path],
    items: pd.DataFrame,
    study: Study,
    folder: Path,
    *,
    annotator: str | None,
    all_reviewed: bool,
) -> list[Session]:
    """Read what people answered in the notebook.

    Parameters
    ----------
    paths : sequence of Path
        Copies of the study's table with another ``label_new``.
    items : DataFrame
        The study's items.
    study : Study
        For the ids of cutouts that were not asked about.
    folder : Path
        The study's folder.
    annotator : str or None
        Who edited the one file; by default each file's stem.
    all_reviewed : bool
        Whoever edited them looked at the whole queue: what was left as it was
        is an answer too.

    Returns
    -------
    list of Session
        In the order of *paths*; without times.

    Raises
    ------
    ConfigError
        If it is not said who edited a file that is called as all are.
    SourceError
        If a file does not have the rows of the study's table, or says nothing.
    """
    if annotator is None and any(path.name == TEST_OUTPUTS for path in paths):
        msg = f"every edited table is called {TEST_OUTPUTS}; say whose it is with --as NAME"
        raise ConfigError(msg)
    names = session_names(paths, annotator)
    table = read_study_table(study, folder)
    ids = all_item_ids(table, study.item_id)
    reviewed = items.loc[items["is_queue"], "row"].tolist() if all_reviewed else []
    sessions = []
    for path, name in zip(paths, names, strict=True):
        edited = read_edited_outputs(path, table, reviewed_rows=reviewed)
        if not edited:
            msg = (
                f"{path} has the labels that the study starts from, so it holds no answer; if all "
                "of the queue was looked at and found right, pass --all-reviewed"
            )
            raise SourceError(msg)
        answers = {
            str(ids[row]): Answer(Judgement(str(ids[row]), label=label_of(is_artifact)), None)
            for row, is_artifact in edited.items()
        }
        sessions.append(Session(path, name, answers))
    return sessions


def ask_about(
    answered: Collection[str],
    items: pd.DataFrame,
    study: Study,
    folder: Path,
    connection: Connection,
    source: Path,
    report: Reporter,
) -> tuple[Study, pd.DataFrame]:
    """Let a study ask about cutouts that were answered and are not in it.

    Parameters
    ----------
    answered : collection of str
        Ids of the cutouts.
    items : DataFrame
        The study's items.
    study : Study
        The study; its lock must be held.
    folder : Path
        Its folder.
    connection : Connection
        Knows where the pictures go.
    source : Path
        The edited table, for the study's records.
    report : Reporter
        Told of progress.

    Returns
    -------
    study : Study
        With a record of what was added, if anything was.
    items : DataFrame
        With the new items last, as a part of their own; drawn and on disk.

    Raises
    ------
    SourceError
        If a frame is gone or cannot be drawn.
    """
    new_ids = set(answered) - set(items["item_id"])
    if not new_ids:
        return study, items
    table = read_study_table(study, folder)
    ids = all_item_ids(table, study.item_id)
    rows = [row for row, item_id in enumerate(ids) if item_id in new_ids]
    further = further_items(table, items, rows, make_id=study.item_id)
    options = options_of_study(study)
    frames = find_sources(options, list(dict.fromkeys(further["image_name"])))
    check_inside(frames, table)
    pictures = media_folder(connection) / study.pictures_folder
    drawn, known, problems = draw_cutouts(further, study, options, frames, table, pictures, report)
    if problems:
        lines = [f"{path}: {message}" for path, message in problems]
        msg = f"cutouts of {source} cannot be drawn: {some_of(lines, 3)}; mend that, run it again"
        raise SourceError(msg)
    # The limits of a frame that was drawn before stay.
    all_frames = {**known, **study.options["frames"]}
    study = study.model_copy(update={"options": {**study.options, "frames": all_frames}})
    shown = drawn.head(0) if study.blind else drawn
    return keep_part(folder, study, items, drawn, present_labels(shown), source=source)
