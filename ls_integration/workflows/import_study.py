"""`import sted-quality`: a folder of images becomes a study that people can answer."""

import shutil
import tempfile
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path

import pandas as pd

from ls_integration import __version__
from ls_integration import study as studies
from ls_integration.errors import StudyError
from ls_integration.kinds import sted_quality
from ls_integration.kinds.sted_source import SourceTable
from ls_integration.progress import Reporter, silent
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.connection import Connection, connect
from ls_integration.workflows.import_items import (
    Say,
    Selection,
    check_same_source,
    read_table,
    select_rows,
)
from ls_integration.workflows.import_options import (
    ImportOptions,
    check_options,
    check_project_titles,
    check_same_options,
    remembered,
)
from ls_integration.workflows.instructions import add_instructions, find_examples, read_text
from ls_integration.workflows.item_pictures import render_items, rerender_missing
from ls_integration.workflows.new_accounts import OnAccount, keep_in_study
from ls_integration.workflows.people import check_pictures
from ls_integration.workflows.sending import ProjectOutcome, media_folder, send_projects
from ls_integration.workflows.study_projects import plan_projects


@dataclass(frozen=True)
class ImportOutcome:
    """What an import did.

    Attributes
    ----------
    folder : Path
        The study's folder.
    study : Study
        As it is now.
    n_items : int
        Things to judge.
    n_predictions : int
        Tasks whose page starts from the model's answer.
    projects : list of ProjectOutcome
        One per person, or the shared one; none after a dry run.
    """

    folder: Path
    study: Study
    n_items: int
    n_predictions: int
    projects: list[ProjectOutcome]


def import_sted_quality(
    options: ImportOptions,
    settings: Settings,
    *,
    start: Path,
    dry_run: bool = False,
    say: Say,
    on_account: OnAccount = keep_in_study,
    report: Reporter = silent,
) -> ImportOutcome:
    """Import a source, or finish what an earlier run began.

    Parameters
    ----------
    options : ImportOptions
        What to ask, and how.
    settings : Settings
        Which server.
    start : Path
        The working folder.
    dry_run : bool
        Read and render everything, keep and send nothing.
    say : callable
        Takes lines for the user.
    on_account : callable, optional
        Takes the study's folder and each account as soon as it is made: what
        fails later must not lose its password.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    ImportOutcome
        Running it again sends only what is missing.

    Raises
    ------
    IntegrationError
        Of any kind; nothing is sent before everything has been read.
    """
    table = read_table(options)
    title = options.title or default_title(table.name, options.blind)
    check_options(options, title)
    folder = (options.study or start / studies.STUDIES_FOLDER / studies.slug(title)).absolute()
    text = read_text(options.instructions) if options.instructions else None
    examples = find_examples(options.examples) if options.examples else None
    if dry_run:
        return _dry_run(table, options, title, folder, say, report)
    with studies.locked(folder):
        known = studies.load(folder) if studies.exists(folder) else None
        if known and known.kind != sted_quality.KIND:
            msg = f"{folder} is a study of the kind {known.kind}; give another folder with --study"
            raise StudyError(msg)
        connection = connect(settings, known, start)
        say(f"{connection.client.url}, study {folder.name}")
        added = _added_paths(folder, known) if known and known.extensions else ()
        selection = select_rows(table, options, say, ignored=added)
        if known and known.projects:
            check_same_options(known, options, folder)
            study, items = _resume(known, folder, selection, options, connection, report)
        else:
            study, items = _begin(known, folder, title, selection, options, connection, say, report)
        study = add_instructions(
            study, items, media_folder(connection), text=text, examples=examples
        )
        study, planned = plan_projects(
            folder, study, options.people, options.round_number, connection, on_account
        )
        study, outcomes = send_projects(
            folder, study, items, planned, connection, say=say, report=report
        )
        n_predictions = len(studies.read_predictions(folder))
        return ImportOutcome(folder, study, len(items), n_predictions, outcomes)


def default_title(source_name: str, blind: bool) -> str:
    """Make a study's title from its source's name.

    Parameters
    ----------
    source_name : str
        Name of the folder or manifest.
    blind : bool
        Said in the title, so that both forms of one source can be had.

    Returns
    -------
    str
        Cut to what leaves room for a person's name.
    """
    return f"STED quality {source_name[:20]}{' (blind)' if blind else ''}"


def _dry_run(
    table: SourceTable,
    options: ImportOptions,
    title: str,
    folder: Path,
    say: Say,
    report: Reporter,
) -> ImportOutcome:
    check_project_titles(title, _named(options), options.round_number)
    study = Study(kind=sted_quality.KIND, title=title, blind=options.blind)
    selection = select_rows(table, options, say)
    with tempfile.TemporaryDirectory() as pictures:
        items, left_out = render_items(
            selection, study, options, Path(pictures), say=say, report=report
        )
    predictions = _predictions(items, options)
    study = study.model_copy(update={"left_out": left_out})
    return ImportOutcome(folder, study, len(items), len(predictions), [])


def _begin(
    known: Study | None,
    folder: Path,
    title: str,
    selection: Selection,
    options: ImportOptions,
    connection: Connection,
    say: Say,
    report: Reporter,
) -> tuple[Study, pd.DataFrame]:
    """Make the study's folder, pictures and tables; nothing is sent yet."""
    check_project_titles(title, _named(options), options.round_number)
    media = media_folder(connection)
    # A study of which nothing was sent is begun anew, under the same uuid.
    study = Study(
        kind=sted_quality.KIND,
        title=title,
        blind=options.blind,
        options={**remembered(options), "stored_threshold": selection.threshold},
    )
    if known:
        study = study.model_copy(update={"uuid": known.uuid, "salt": known.salt})
        shutil.rmtree(media / known.pictures_folder, ignore_errors=True)
    studies.save(folder, study)
    pictures = media / study.pictures_folder
    try:
        items, left_out = render_items(selection, study, options, pictures, say=say, report=report)
    except BaseException:
        shutil.rmtree(pictures, ignore_errors=True)
        raise
    # As open as the media folder: a server in a container reads as another user.
    shutil.copymode(media, pictures)
    study = study.model_copy(
        update={
            "left_out": left_out,
            "server_url": connection.client.url,
            "versions": _versions(connection),
        }
    )
    studies.write_items(folder, items)
    studies.write_predictions(folder, _predictions(items, options))
    studies.save(folder, study)
    return study, items


def _resume(
    study: Study,
    folder: Path,
    selection: Selection,
    options: ImportOptions,
    connection: Connection,
    report: Reporter,
) -> tuple[Study, pd.DataFrame]:
    items = studies.read_items(folder)
    imported = items.loc[items["part"] == 1]
    check_same_source(selection, imported, study)
    media = media_folder(connection)
    rerender_missing(selection, imported, options, media, report)
    check_pictures(items, media)
    shutil.copymode(media, media / study.pictures_folder)
    return study, items


def _named(options: ImportOptions) -> tuple[str, ...]:
    """Give the people whose names stand in titles."""
    return () if options.shared else options.people


def _added_paths(folder: Path, study: Study) -> list[str]:
    """Name what `extend` has added, perhaps from the same source when it had grown."""
    items = studies.read_items(folder)
    added = items.loc[items["part"] > 1, "source_path"]
    return [path for path in added if path not in set(study.left_out)]


def _predictions(items: pd.DataFrame, options: ImportOptions) -> pd.DataFrame:
    shown = items.head(0) if options.blind else items
    return sted_quality.sent_predictions(shown, options.model_version)


def _versions(connection: Connection) -> dict[str, str]:
    server = connection.client.get("/api/version")
    return {
        "ls_integration": __version__,
        "label_studio": str(server.get("release", "unknown")),
        "label_studio_sdk": package_version("label-studio-sdk"),
    }
