"""``replay``: sessions of the old tool come in as their authors' answers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ls_integration.cli.console import GROUP_STUDY, print_note, print_result, progress_bars
from ls_integration.cli.options import Media, Quiet, ServerMedia, StudyName, TokenFile, Url

if TYPE_CHECKING:
    from ls_integration.server.people import Person
    from ls_integration.workflows.replay_answers import ReplayedSession


def register(app: typer.Typer) -> None:
    """Add ``replay`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("replay", rich_help_panel=GROUP_STUDY)(replay)


def replay(
    context: typer.Context,
    study: StudyName,
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULTS...",
            help="AnomaGUI's NAME.npz, NAME/reannotations.npy of ratings, or the table of "
            "cutouts with an edited label_new.",
            show_default=False,
        ),
    ],
    annotator: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="Whose session: else the name of the file, or of its folder for ratings.",
        ),
    ] = None,
    round_number: Annotated[
        int, typer.Option("--round", min=1, help="Which round of theirs it is.")
    ] = 1,
    replace: Annotated[
        bool, typer.Option("--replace", help="Overwrite answers of theirs that differ.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out ratings outside of 0 to 1.")
    ] = False,
    all_reviewed: Annotated[
        bool,
        typer.Option(
            "--all-reviewed", help="Cutouts: labels that were left as they are count as confirmed."
        ),
    ] = False,
    url: Url = None,
    token_file: TokenFile = None,
    media: Media = None,
    server_media: ServerMedia = None,
    quiet: Quiet = False,
) -> None:
    """Bring finished sessions of the old tools in as the answers of their authors.

    Example: ls-integration replay sted-quality-lab Fred.npz Julia.npz

    A second pass: ls-integration replay sted-quality-lab again.npz --as Theresa --round 2

    Running it again sends only what is missing.
    """
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.workflows import replay as workflow

    folder = studies.find(study, Path.cwd())
    known = studies.load(folder)
    print_note(f"{known.server_url or 'no server yet'}, study {folder.name}")
    with progress_bars(context, quiet) as report:
        outcome = workflow.replay(
            folder,
            results,
            settings.load(url=url, token_file=token_file, media=media, server_media=server_media),
            start=Path.cwd(),
            annotator=annotator,
            round_number=round_number,
            replace=replace,
            skip_bad=skip_bad,
            all_reviewed=all_reviewed,
            say=print_note,
            on_account=_keep_password,
            report=report,
        )
    for done in outcome:
        print_result(f"{done.title}: {_what(done)}")


def _what(done: "ReplayedSession") -> str:
    if not done.sent and not done.replaced:
        return f"nothing to do, all {done.already_there} answers are there"
    replaced = f", {done.replaced} replaced" if done.replaced else ""
    return f"{done.sent} answers sent{replaced}, {done.already_there} were there"


def _keep_password(folder: Path, person: "Person") -> None:
    """Keep it in the study: who answered years ago need not log in today."""
    from ls_integration.workflows import new_accounts

    new_accounts.keep_in_study(folder, person)
    print_note(
        f"made an account for {person.name}; the password is in "
        f"{folder / new_accounts.PASSWORDS_FILE}"
    )
