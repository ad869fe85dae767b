"""Commands that start and stop Label Studio on this machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ls_integration.cli.console import GROUP_STUDY, print_note, print_result, progress_bars
from ls_integration.cli.options import Quiet

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Folder of the server's database and secrets.",
        show_default="the nearest .label-studio from here upwards, else a new one here",
    ),
]


def register(app: typer.Typer) -> None:
    """Add ``up`` and ``down`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command(rich_help_panel=GROUP_STUDY)(up)
    app.command(rich_help_panel=GROUP_STUDY)(down)


def up(
    context: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port to listen on.", show_default="the last one, else 8080"
        ),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on.",
            show_default="127.0.0.1, for this machine only",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            help="Your name as it shall stand on result files.",
            show_default="your login name",
        ),
    ] = None,
    data_dir: DataDir = None,
    media: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The only folder that the server shows.",
            show_default="the last one, else pictures in the data folder",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Start Label Studio on this machine and wait until it is ready.

    The first start prepares its database, about a minute. It runs on after this
    command; `down` stops it, its data stay.

    Example: ls-integration up --name "Ana B"
    """
    from ls_integration.server.embedded_files import CREDENTIALS
    from ls_integration.workflows import serve

    with progress_bars(context, quiet) as report:
        server = serve.up(
            Path.cwd(),
            data_dir=data_dir,
            host=host,
            port=port,
            name=name,
            media=media,
            report=report,
        )
    state = "is already running" if server.already_running else "is running"
    print_result(f"Label Studio {state} at {server.url}")
    print_result(f"login:    {server.username} ({server.owner_name})")
    # Not into files and pipes: those outlive the terminal and are passed on.
    if sys.stdout.isatty():
        print_result(f"password: {server.password.get_secret_value()}")
    else:
        print_result(f"password: in {server.data_dir / CREDENTIALS}")
    print_result(f"pictures: {server.media}")
    warning = serve.warning(server)
    if warning is not None:
        print_note(warning)


def down(data_dir: DataDir = None) -> None:
    """Stop the Label Studio that `up` started; its data stay.

    Example: ls-integration down
    """
    from ls_integration.workflows import serve

    folder, was_running = serve.down(Path.cwd(), data_dir=data_dir)
    if was_running:
        print_result(f"stopped; the data stay in {folder}")
    else:
        print_result(f"no server was running for {folder}")
