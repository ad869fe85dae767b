"""``check``: what is wrong between here and the reviewers' screens."""

from pathlib import Path
from typing import Annotated

import typer

from ls_integration.cli.console import EXIT_USER_ERROR, GROUP_STUDY, print_result
from ls_integration.cli.options import Media, ServerMedia, TokenFile, Url


def register(app: typer.Typer) -> None:
    """Add ``check`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("check", rich_help_panel=GROUP_STUDY)(check)


def check(
    study: Annotated[
        str | None,
        typer.Argument(
            metavar="STUDY",
            help="Name or folder of a study; without one, the server only.",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    token_file: TokenFile = None,
    media: Media = None,
    server_media: ServerMedia = None,
) -> None:
    """Look for what keeps reviewers from answering, and say what to do.

    Each line is ok, wrong (!!) or not checked (--); nothing is changed.

    Example: ls-integration check sted-quality-lab
    """
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.workflows import check as workflow

    start = Path.cwd()
    folder = None if study is None else studies.find(study, start)
    chosen = settings.load(url=url, token_file=token_file, media=media, server_media=server_media)
    is_wrong = False
    for line in workflow.check(folder, chosen, start):
        print_result(str(line))
        is_wrong = is_wrong or line.state == "!!"
    if is_wrong:
        raise typer.Exit(EXIT_USER_ERROR)
