"""How the command line speaks: results on stdout, all else on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from ls_integration.progress import Reporter, silent

EXIT_OK, EXIT_USER_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130
"""Exit codes: done, the user can mend it, wrong words, Ctrl+C."""

GROUP_STUDY, GROUP_PEOPLE, GROUP_MODELS = "Study", "People", "Models"
"""The three groups of commands in the help."""

_stderr = Console(stderr=True, highlight=False)


def print_error(message: str) -> None:
    """Print one error line to stderr.

    Parameters
    ----------
    message : str
        Without the word "error".
    """
    _stderr.print(f"error: {message}", style="red", markup=False, soft_wrap=True)


def print_note(message: str) -> None:
    """Print one line to stderr: what goes on, a warning, what was left out.

    Parameters
    ----------
    message : str
        The line.
    """
    _stderr.print(message, markup=False, soft_wrap=True)


def print_result(message: str) -> None:
    """Print one line of the command's result to stdout.

    Parameters
    ----------
    message : str
        The line.
    """
    typer.echo(message)


def is_quiet(context: typer.Context) -> bool:
    """Tell whether ``--quiet`` was given.

    Parameters
    ----------
    context : typer.Context
        The command's context.

    Returns
    -------
    bool
        True if only results shall be printed.
    """
    return bool((context.find_root().obj or {}).get("quiet", False))


@contextmanager
def progress_bars(context: typer.Context, quiet: bool = False) -> Iterator[Reporter]:
    """Show progress bars on stderr while the block runs.

    Parameters
    ----------
    context : typer.Context
        The command's context.
    quiet : bool
        Show nothing; so does ``--quiet`` before the command.

    Yields
    ------
    Reporter
        Call it as ``report(step, done, total)``; see `ls_integration.progress`.
    """
    if quiet or is_quiet(context):
        yield silent
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeRemainingColumn(),
        console=_stderr,
    ) as bars:
        steps = {}

        def report(step: str, done: int, total: int) -> None:
            if step not in steps:
                steps[step] = bars.add_task(step, total=total, rate="")
            task = bars.tasks[bars.task_ids.index(steps[step])]
            rate = f"{task.speed:.0f}/s" if task.speed else ""
            bars.update(steps[step], completed=done, total=total, rate=rate)

        yield report
