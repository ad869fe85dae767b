"""`extend`: the images of another source join a running study, after its own."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ls_integration import study as studies
from ls_integration.errors import ConfigError, ResultsError, StudyError
from ls_integration.files import write_bytes
from ls_integration.kinds import sted_quality
from ls_integration.kinds.sted_source import SourceTable
from ls_integration.progress import Reporter, Say, silent
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.connection import Connection, connect
from ls_integration.workflows.extension_items import NewItems, known_rows, new_items
from ls_integration.workflows.extension_options import Addition, options_of, without_threshold
from ls_integration.workflows.import_items import Selection, read_table, select_rows
from ls_integration.workflows.item_pictures import rerender_missing
from ls_integration.workflows.new_part import keep_part
from ls_integration.workflows.people import check_can_grow
from ls_integration.workflows.sending import (
    ProjectOutcome,
    check_pictures,
    media_folder,
    send_projects,
)
from ls_integration.workflows.sted_options import ImportOptions
from ls_integration.workflows.uploading import shares_folder, with_own_pictures


@dataclass(frozen=True)
class ExtendOutcome:
    """What an extension did.

    Attributes
    ----------
    study : Study
        As it is now.
    n_new : int
        Images that were not in the study before.
    n_items : int
        Images of the study now.
    projects : list of ProjectOutcome
        All of the study; none after a dry run.
    """

    study: Study
    n_new: int
    n_items: int
    projects: list[ProjectOutcome]


def extend(
    study_folder: Path,
    addition: Addition,
    settings: Settings,
    *,
    start: Path,
    dry_run: bool = False,
    say: Say,
    report: Reporter = silent,
) -> ExtendOutcome:
    """Add the images of a source to all projects of a study, each exactly once.

    Parameters
    ----------
    study_folder : Path
        The study; it must have been sent.
    addition : Addition
        The source.
    settings : Settings
        Which server.
    start : Path
        The working folder.
    dry_run : bool
        Read and render everything, keep and send nothing.
    say : callable
        Takes lines for the user.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    ExtendOutcome
        Running it again adds nothing and sends only what is missing.

    Raises
    ------
    IntegrationError
        Of any kind; nothing is kept or sent before everything has been read.
    """
    with studies.locked(study_folder):
        study = studies.load(study_folder)
        check_can_grow(study)
        if study.kind != sted_quality.KIND:
            msg = (
                f"the study '{study.title}' is of the kind {study.kind}, which cannot be extended; "
                f"import the images into a study of their own with `import {study.kind}`"
            )
            raise StudyError(msg)
        items = studies.read_items(study_folder)
        options = options_of(study, addition)
        table = read_table(options)
        options = _fit_scores(table, options, len(studies.read_predictions(study_folder)) > 0, say)
        settings = with_own_pictures(settings, study_folder, is_shared=shares_folder(study))
        connection = connect(settings, study, start)
        media = media_folder(connection)
        selection = select_rows(table, options, say, report=report)
        if not dry_run:
            _mend_pictures(selection, items, study, options, media, report)
        check_pictures(items, media)
        with tempfile.TemporaryDirectory() as drawn:
            found = new_items(
                selection, items, study, options, media, Path(drawn), say=say, report=report
            )
            if dry_run:
                return ExtendOutcome(study, len(found.items), len(items) + len(found.items), [])
            if len(found.items):
                study, items = _keep(study_folder, study, items, found, options, connection)
        study, outcomes = send_projects(
            study_folder, study, items, study.projects, connection, say=say, report=report
        )
        return ExtendOutcome(study, len(found.items), len(items), outcomes)


def _fit_scores(
    table: SourceTable, options: ImportOptions, is_prefilled: bool, say: Say
) -> ImportOptions:
    """See to it that the new pages start as the old ones do."""
    has_scores = bool(table.rows["model_score"].notna().any())
    has_answers = has_scores or bool(table.rows["model_label"].notna().any())
    if has_answers and not options.blind and not is_prefilled:
        msg = (
            f"{options.source} has a model's answers, but the pages of this study start empty; "
            "take a source without them, or import it into another study"
        )
        raise ConfigError(msg)
    if is_prefilled and not has_answers:
        say(f"{options.source} has no model's answers: the pages of its images start empty")
    if not has_scores and options.order == "uncertain":
        say(f"{options.source} has no model scores: its images are asked in its own order")
        options = replace(options, order="file")
    if has_scores or options.model_threshold is None:
        return options
    return without_threshold(options)


def _mend_pictures(
    selection: Selection,
    items: pd.DataFrame,
    study: Study,
    options: ImportOptions,
    media: Path,
    report: Reporter,
) -> None:
    """Draw again what is gone of this source."""
    known = known_rows(selection, items, study, options)
    ours = items.loc[items["source_path"].isin(known["source_path"])]
    gone = [not (media / image).is_file() for image in ours["image"]]
    rerender_missing(selection, ours.loc[gone], options, media, report)


def _keep(
    folder: Path,
    study: Study,
    items: pd.DataFrame,
    found: NewItems,
    options: ImportOptions,
    connection: Connection,
) -> tuple[Study, pd.DataFrame]:
    """Write the pictures, then what makes them part of the study."""
    media = media_folder(connection)
    for drawn, image in zip(found.pictures, found.items["image"], strict=True):
        _copy(drawn, media / image)
    shown = found.items.head(0) if study.blind else found.items
    return keep_part(
        folder,
        study,
        items,
        found.items,
        sted_quality.sent_predictions(shown, options.model_version),
        source=options.source,
        ratings=options.ratings,
        limit=options.limit,
        left_out=found.left_out,
    )


def _copy(picture: Path, target: Path) -> None:
    try:
        write_bytes(target, picture.read_bytes())
    except OSError as error:
        msg = f"cannot write the picture {target}: {error.strerror or error}; mend that, rerun"
        raise ResultsError(msg) from error
