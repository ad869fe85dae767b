"""The command line: words in, one workflow called, lines out. No logic.

Every command module has ``register(app)``. Workflows are imported inside the
commands: ``--help`` and ``up`` must not wait for pandas or scikit-learn.
"""

import errno
import logging
import sys
from typing import NoReturn

import typer

from ls_integration import __version__
from ls_integration.cli import (
    applying,
    backend,
    checking,
    demo,
    exporting,
    extending,
    importing,
    importing_cutouts,
    importing_ratings,
    improving,
    initialising,
    migrating,
    people,
    predict,
    push_predictions,
    reorder,
    replaying,
    retraining,
    scoring,
    selecting,
    serve,
    status,
    train,
)
from ls_integration.cli.console import EXIT_OK, EXIT_USER_ERROR, print_error
from ls_integration.errors import IntegrationError

app = typer.Typer(
    name="ls-integration",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    # Typer's own traceback prints local variables, and one may be a token.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ls-integration {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress, results only."),
    version: bool = typer.Option(  # noqa: ARG001  (its callback acts)
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Expert review of image classifiers in Label Studio, with scores.

    Start with `ls-integration demo`, or with your own images:

        ls-integration up

        ls-integration import sted-quality FOLDER --model-threshold 0.213

        ls-integration export-and-score STUDY --output results
    """
    context.obj = {"debug": debug, "quiet": quiet}
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )
    # urllib3 writes full request lines at DEBUG; the others are noise.
    for name in ("urllib3", "PIL", "matplotlib", "httpx", "httpcore", "filelock", "faker"):
        logging.getLogger(name).setLevel(logging.WARNING)


for _module in (
    serve,
    initialising,
    importing,
    importing_cutouts,
    importing_ratings,
    extending,
    replaying,
    migrating,
    checking,
    exporting,
    scoring,
    applying,
    people,
    status,
    train,
    predict,
    selecting,
    push_predictions,
    reorder,
    backend,
    improving,
    retraining,
    demo,
):
    _module.register(app)


def main() -> NoReturn:
    """Run the command line and leave with its exit code.

    Raises
    ------
    SystemExit
        0 done, 1 the user can mend it, 2 usage, 130 interrupted.
    """
    debug = "--debug" in sys.argv[1:]
    try:
        app()
    except IntegrationError as error:
        if debug:
            raise
        print_error(str(error))
        sys.exit(EXIT_USER_ERROR)
    except OSError as error:
        # Asking whether a file is there is enough to meet it, anywhere.
        if debug or error.errno != errno.ENAMETOOLONG:
            raise
        print_error(
            f"the name {str(error.filename)[:80]}... is longer than a file's can be; shorten it"
        )
        sys.exit(EXIT_USER_ERROR)
    sys.exit(EXIT_OK)
