"""What every `import` does: make the study or find it again, and send it.

The kind's own part is an `Importer`: it knows the source, draws its pictures
and makes the tables. Nothing is sent before all of that is on disk.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from ls_integration import __version__
from ls_integration import study as studies
from ls_integration.errors import StudyError
from ls_integration.kinds.registry import KINDS
from ls_integration.progress import Reporter, Say, silent
from ls_integration.server.storage import picture_url
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.connection import Connection, connect
from ls_integration.workflows.examples import find_examples
from ls_integration.workflows.import_options import StudyOptions, check_same_options, remembered
from ls_integration.workflows.instructions import add_instructions, read_text
from ls_integration.workflows.new_accounts import OnAccount, keep_in_study
from ls_integration.workflows.sending import (
    ProjectOutcome,
    check_pictures,
    media_folder,
    send_projects,
)
from ls_integration.workflows.study_projects import plan_projects
from ls_integration.workflows.titles import check_project_titles
from ls_integration.workflows.uploading import (
    UrlOf,
    ensure_uploaded,
    shares_folder,
    with_own_pictures,
)


@dataclass(frozen=True)
class Drawn:
    """A source whose pictures have been drawn.

    Attributes
    ----------
    items : DataFrame
        The items, with ``image``.
    predictions : DataFrame
        ``item_id, label, score, model_version`` of what the pages start from.
    left_out : list of str
        Source paths that ``--skip-bad`` left out.
    found : mapping
        What was learnt meanwhile and the study's options shall keep; JSON values.
    """

    items: pd.DataFrame
    predictions: pd.DataFrame
    left_out: list[str] = field(default_factory=list)
    found: Mapping[str, Any] = field(default_factory=dict)


class Chosen(Protocol):
    """The rows of a source that a study shall ask about."""

    def draw(self, study: Study, pictures: Path, say: Say, report: Reporter) -> Drawn:
        """Draw every picture and make the tables.

        Parameters
        ----------
        study : Study
            For ids and the name of the pictures' folder.
        pictures : Path
            Where the pictures go; not there yet, or empty.
        say : callable
            Told of what is left out.
        report : Reporter
            Told of progress.

        Returns
        -------
        Drawn
            Ready to be kept.
        """

    def keep(self, folder: Path) -> None:
        """Keep what else the export will need of the source.

        Parameters
        ----------
        folder : Path
            The study's.
        """

    def redraw(self, study: Study, items: pd.DataFrame, media: Path, report: Reporter) -> None:
        """Refuse a source that has changed; draw again the pictures that are gone.

        Parameters
        ----------
        study : Study
            As it was imported.
        items : DataFrame
            What it asks about.
        media : Path
            The media folder.
        report : Reporter
            Told of progress.
        """


class Importer(Protocol):
    """One source of one kind, read and not drawn yet."""

    @property
    def kind(self) -> str:
        """Name the kind."""

    @property
    def title(self) -> str:
        """Give the title of the study."""

    @property
    def options(self) -> StudyOptions:
        """Give what was asked for."""

    @property
    def view(self) -> str:
        """Name the page of the projects; empty for the usual one."""

    def select(self, known: Study | None, folder: Path, say: Say) -> Chosen:
        """Choose the rows.

        Parameters
        ----------
        known : Study or None
            What was imported before.
        folder : Path
            The study's.
        say : callable
            Told of what is left out.

        Returns
        -------
        Chosen
            What is asked about.
        """


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
        Tasks whose page starts from an answer.
    projects : list of ProjectOutcome
        One per person, or the shared one; none after a dry run.
    """

    folder: Path
    study: Study
    n_items: int
    n_predictions: int
    projects: list[ProjectOutcome]


def run_import(
    importer: Importer,
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
    importer : Importer
        The source, its table read and its options checked.
    settings : Settings
        Which server.
    start : Path
        The working folder.
    dry_run : bool
        Read and draw everything, keep and send nothing.
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
    options, title = importer.options, importer.title
    folder = (options.study or start / studies.STUDIES_FOLDER / studies.slug(title)).absolute()
    text = read_text(options.instructions) if options.instructions else None
    labels = KINDS[importer.kind].example_labels
    examples = find_examples(options.examples, labels) if options.examples else None
    if dry_run:
        return _dry_run(importer, folder, say, report)
    with studies.locked(folder):
        known = studies.load(folder) if studies.exists(folder) else None
        if known and known.kind != importer.kind:
            msg = f"{folder} is a study of the kind {known.kind}; give another folder with --study"
            raise StudyError(msg)
        is_shared = not options.upload and options.bucket is None
        if known is not None:
            is_shared = is_shared and shares_folder(known)
        settings = with_own_pictures(settings, folder, is_shared=is_shared)
        connection = connect(settings, known, start)
        say(f"{connection.client.url}, study {folder.name}")
        media = media_folder(connection)
        if known and known.projects:
            chosen = importer.select(known, folder, say)
            check_same_options(known, options, folder)
            study, items = known, studies.read_items(folder)
            chosen.redraw(study, items, media, report)
            check_pictures(items, media)
            shutil.copymode(media, media / study.pictures_folder)
        else:
            study, items = _begin(importer, known, folder, connection, media, say, report)

        def show(images: list[str]) -> UrlOf:
            if shares_folder(study):
                return picture_url
            # Also with a bucket: in instructions Label Studio resolves no address of one.
            return ensure_uploaded(folder, study, images, connection, media, say=say, report=report)

        study = add_instructions(study, items, media, text=text, examples=examples, show=show)
        study, planned = plan_projects(
            folder,
            study,
            options.people,
            options.round_number,
            connection,
            on_account,
            view=importer.view,
        )
        study, outcomes = send_projects(
            folder, study, items, planned, connection, say=say, report=report
        )
        n_predictions = len(studies.read_predictions(folder))
        return ImportOutcome(folder, study, len(items), n_predictions, outcomes)


def _dry_run(importer: Importer, folder: Path, say: Say, report: Reporter) -> ImportOutcome:
    options = importer.options
    check_project_titles(importer.title, _named(options), options.round_number)
    chosen = importer.select(None, folder, say)
    study = _new_study(importer)
    with tempfile.TemporaryDirectory() as pictures:
        drawn = chosen.draw(study, Path(pictures), say, report)
    study = study.model_copy(update={"left_out": drawn.left_out})
    return ImportOutcome(folder, study, len(drawn.items), len(drawn.predictions), [])


def _begin(
    importer: Importer,
    known: Study | None,
    folder: Path,
    connection: Connection,
    media: Path,
    say: Say,
    report: Reporter,
) -> tuple[Study, pd.DataFrame]:
    """Make the study's folder, pictures and tables; nothing is sent yet."""
    options = importer.options
    chosen = importer.select(None, folder, say)
    check_project_titles(importer.title, _named(options), options.round_number)
    study = _new_study(importer)
    # A study of which nothing was sent is begun anew, under the same uuid.
    if known:
        study = study.model_copy(update={"uuid": known.uuid, "salt": known.salt})
        shutil.rmtree(media / known.pictures_folder, ignore_errors=True)
    studies.save(folder, study)
    pictures = media / study.pictures_folder
    try:
        drawn = chosen.draw(study, pictures, say, report)
    except BaseException:
        shutil.rmtree(pictures, ignore_errors=True)
        raise
    # As open as the media folder: a server in a container reads as another user.
    shutil.copymode(media, pictures)
    study = study.model_copy(
        update={
            "left_out": drawn.left_out,
            "options": {**study.options, **drawn.found},
            "server_url": connection.client.url,
            "versions": _versions(connection),
        }
    )
    chosen.keep(folder)
    studies.write_items(folder, drawn.items)
    studies.write_predictions(folder, drawn.predictions)
    studies.save(folder, study)
    return study, drawn.items


def _new_study(importer: Importer) -> Study:
    options = importer.options
    return Study(
        kind=importer.kind,
        title=importer.title,
        blind=options.blind,
        options=remembered(options),
    )


def _named(options: StudyOptions) -> tuple[str, ...]:
    """Give the people whose names stand in titles."""
    return () if options.shared else options.people


def _versions(connection: Connection) -> dict[str, str]:
    server = connection.client.get("/api/version")
    return {
        "ls_integration": __version__,
        "label_studio": str(server.get("release", "unknown")),
        "label_studio_sdk": package_version("label-studio-sdk"),
    }
