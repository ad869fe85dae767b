"""Command that prepares a lab's server: secrets and settings for docker compose."""

from pathlib import Path
from typing import Annotated

import typer

from ls_integration.cli.console import GROUP_STUDY, print_note, print_result


def register(app: typer.Typer) -> None:
    """Add ``init`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command(rich_help_panel=GROUP_STUDY)(init)


def init(
    url: Annotated[
        str, typer.Option(help="Address under which people will reach the server.")
    ] = "http://localhost:8080",
    media: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The only folder that the server shows.",
            show_default="pictures, here",
        ),
    ] = None,
    bind: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address of this machine to publish it on; 0.0.0.0 is all."
        ),
    ] = "127.0.0.1",
    name: Annotated[
        str, typer.Option(help="The owner's name as it shall stand on result files.")
    ] = "Owner",
    scores: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Score table; the ML backend is started with it."),
    ] = None,
    certificates: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with fullchain.pem and privkey.pem; people then come by HTTPS only.",
        ),
    ] = None,
) -> None:
    """Prepare a lab's server: write .env and .secrets for docker compose.

    In a clone of ls-integration, once. `docker compose up --detach` starts the
    server then.

    Example: ls-integration init --name "Ana B"
    """
    from ls_integration.workflows.init import init as write

    server = write(
        Path.cwd(),
        url=url,
        media=media,
        bind=bind,
        name=name,
        scores=scores,
        certificates=certificates,
    )
    print_result(f"settings: {server.env_file}")
    print_result(f"pictures: {server.media}")
    print_result(f"login:    {server.username} ({name})")
    print_result(f"password: in {server.password_file}")
    print_result(f"next: `docker compose up --detach`, then open {server.url}")
    if certificates is None and bind != "127.0.0.1":
        print_note(
            f"warning: everybody who reaches {bind} reaches the server, by plain HTTP: passwords "
            "and pictures can be read on the way; use --certificates outside a trusted network"
        )
