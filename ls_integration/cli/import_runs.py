"""What every kind of ``import`` does once its options are known."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ls_integration.cli.accounts import account_keeper
from ls_integration.cli.console import print_note, print_result, progress_bars

if TYPE_CHECKING:
    from ls_integration.settings import Settings
    from ls_integration.workflows.import_run import ImportOutcome


def run_import(
    context: typer.Context,
    workflow: "Callable[..., ImportOutcome]",
    options: Any,
    settings: "Settings",
    *,
    passwords: Path | None,
    dry_run: bool,
    quiet: bool,
    things: str,
    start: str,
) -> None:
    """Run the import of a kind, and print what it did and where to label.

    Parameters
    ----------
    context : typer.Context
        The command's context.
    workflow : callable
        Of the kind.
    options : StudyOptions
        Of the kind.
    settings : Settings
        Which server.
    passwords : Path or None
        File for new passwords.
    dry_run : bool
        Keep and send nothing.
    quiet : bool
        No progress bars.
    things : str
        What is judged, in the plural.
    start : str
        What a page may start from.
    """
    with progress_bars(context, quiet) as report:
        outcome = workflow(
            options,
            settings,
            start=Path.cwd(),
            dry_run=dry_run,
            say=print_note,
            on_account=account_keeper(passwords),
            report=report,
        )
    _print_outcome(outcome, things, start, dry_run=dry_run)


def _print_outcome(outcome: "ImportOutcome", things: str, start: str, *, dry_run: bool) -> None:
    if dry_run:
        answered = f", {outcome.n_predictions} with {start}" if outcome.n_predictions else ""
        print_result(
            f"would make the study '{outcome.study.title}' in {outcome.folder}: "
            f"{outcome.n_items} {things}{answered}"
        )
        return
    for done in outcome.projects:
        push = done.push
        what = (
            f"{push.sent} tasks sent, {push.already_there} were there"
            if push.sent
            else f"nothing to do, all {push.already_there} tasks are there"
        )
        copies = f", {push.removed_copies} surplus copies removed" if push.removed_copies else ""
        print_result(f"{done.project.title}: {what}{copies}")
        print_result(f"  label here: {done.link}")
    print_result(f"study: {outcome.folder.name}")
