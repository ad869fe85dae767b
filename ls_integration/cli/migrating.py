"""``migrate``: a study moves to another server."""

from pathlib import Path
from typing import Annotated

import typer

from ls_integration.cli.console import GROUP_STUDY, print_note, print_result, progress_bars
from ls_integration.cli.options import Quiet, StudyName, TokenFile
from ls_integration.cli.replaying import _keep_password


def register(app: typer.Typer) -> None:
    """Add ``migrate`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command(rich_help_panel=GROUP_STUDY)(migrate)


def migrate(
    context: typer.Context,
    study: StudyName,
    to: Annotated[str, typer.Option(metavar="URL", help="Address of the new server.")],
    to_token_file: Annotated[
        Path, typer.Option(metavar="FILE", help="File that holds your token there.")
    ],
    to_media: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder here of the pictures that it serves.")
    ],
    to_server_media: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="The same folder as it sees it [default: the same]."),
    ] = None,
    token_file: TokenFile = None,
    quiet: Quiet = False,
) -> None:
    """Move a study to another server, with its people and all their answers.

    Nobody may answer meanwhile. Both servers are compared before the study
    changes over; what is on the old one stays there.

    Example: ls-integration migrate sted --to http://localhost:8080
    --to-token-file ~/lab/.secrets/owner_token --to-media ~/lab/pictures
    --to-server-media /label-studio/pictures
    """
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.workflows import migrate as workflow

    folder = studies.find(study, Path.cwd())
    known = studies.load(folder)
    print_note(f"{known.server_url or 'no server yet'}, study {folder.name}, to {to}")
    with progress_bars(context, quiet) as report:
        moved = workflow.migrate(
            folder,
            settings.load(url=known.server_url, token_file=token_file),
            settings.load(
                url=to,
                token_file=to_token_file,
                media=to_media,
                server_media=to_server_media or str(to_media.absolute()),
            ),
            start=Path.cwd(),
            say=print_note,
            on_account=_keep_password,
            report=report,
        )
    print_result(
        f"{moved.n_projects} projects, {moved.n_tasks} tasks and {moved.n_answers} answers are "
        f"on {moved.study.server_url}, compared with those on {known.server_url} (sha256 "
        f"{moved.sha256[:16]})"
    )
    if moved.n_drafts:
        print_note(f"{moved.n_drafts} answers that were begun and not submitted stay behind")
