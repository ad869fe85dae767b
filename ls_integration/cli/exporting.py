"""``export`` and ``export-and-score``: the answers come back."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ls_integration.cli.console import GROUP_STUDY, print_note, print_result, progress_bars
from ls_integration.cli.options import (
    Annotator,
    ErrorPictures,
    Force,
    Full,
    GroupBy,
    Output,
    Quiet,
    ResultsMedia,
    StudyName,
    TokenFile,
    Url,
)

if TYPE_CHECKING:
    from ls_integration.workflows.export import ExportOutcome


def register(app: typer.Typer) -> None:
    """Add ``export`` and ``export-and-score`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("export", rich_help_panel=GROUP_STUDY)(export)
    app.command("export-and-score", rich_help_panel=GROUP_STUDY)(export_and_score)


def export(
    context: typer.Context,
    study: StudyName,
    output: Output,
    annotator: Annotator = None,
    force: Force = False,
    full: Full = False,
    url: Url = None,
    token_file: TokenFile = None,
    quiet: Quiet = False,
) -> None:
    """Bring all answers of a study into tables and the files of the old tools.

    Example: ls-integration export sted-quality-lab --output results
    """
    _export(context, study, output, annotator, force, full, url, token_file, quiet)
    print_result(f"results: {output}")


def export_and_score(
    context: typer.Context,
    study: StudyName,
    output: Output,
    group_by: GroupBy = None,
    annotator: Annotator = None,
    error_pictures: ErrorPictures = False,
    media: ResultsMedia = None,
    force: Force = False,
    full: Full = False,
    url: Url = None,
    token_file: TokenFile = None,
    quiet: Quiet = False,
) -> None:
    """Bring all answers back and say who was right: scores and report.

    Example: ls-integration export-and-score sted-quality-lab --output results
    """
    from ls_integration import settings
    from ls_integration.cli.scoring import print_scored
    from ls_integration.workflows.result_pictures import find_media
    from ls_integration.workflows.score import score_folder

    folder = _export(context, study, output, annotator, force, full, url, token_file, quiet)
    with progress_bars(context, quiet) as report:
        scored = score_folder(
            output,
            group_by=group_by,
            media=find_media(settings.load(media=media), Path.cwd(), folder),
            error_pictures=error_pictures,
            force=force,
            report=report,
        )
    print_scored(scored)


def _export(
    context: typer.Context,
    study: str,
    output: Path,
    annotator: str | None,
    force: bool,
    full: bool,
    url: str | None,
    token_file: Path | None,
    quiet: bool,
) -> Path:
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.workflows import export as workflow

    folder = studies.find(study, Path.cwd())
    known = studies.load(folder)
    print_note(f"{known.server_url or 'no server yet'}, study {folder.name}")
    with progress_bars(context, quiet) as report:
        outcome = workflow.export(
            folder,
            settings.load(url=url, token_file=token_file),
            output,
            start=Path.cwd(),
            annotator=annotator,
            force=force,
            full=full,
            say=print_note,
            report=report,
        )
    _print_counts(outcome)
    return folder


def _print_counts(outcome: "ExportOutcome") -> None:
    print_note(
        f"{outcome.n_items} items, {outcome.n_answers} answers, {outcome.n_skipped} skipped, "
        f"{outcome.n_drafts} drafts not submitted"
    )
    if outcome.n_repeated:
        print_note(
            f"{outcome.n_repeated} times somebody answered the same image more than once: all "
            "answers are in annotations.csv, the one with the highest submission counts"
        )
