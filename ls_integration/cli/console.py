"""How the command line speaks: results on stdout, all else on stderr."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from ls_integration.progress import Reporter, silent

EXIT_OK, EXIT_USER_ERROR, EXIT_USAGE = 0, 1, 2
"""Exit codes: done, the user can mend it, wrong words."""

GROUP_STUDY, GROUP_PEOPLE, GROUP_MODELS = "Study", "People", "Models"
"""The three groups of commands in the help."""

# Names hold colons and brackets of their own: no emoji, no markup.
_stderr = Console(stderr=True, highlight=False, emoji=False)


def print_error(message: str) -> None:
    """Print one error line to stderr.

    Parameters
    ----------
    message : str
        Without the word "error".
    """
    _stderr.print(
        f"error: {visible(' '.join(message.splitlines()))}",
        style="red",
        markup=False,
        soft_wrap=True,
    )


def print_note(message: str) -> None:
    """Print one line to stderr: what goes on, a warning, what was left out.

    Parameters
    ----------
    message : str
        The line.
    """
    _stderr.print(visible(message), markup=False, soft_wrap=True)


def print_result(message: str) -> None:
    """Print one line of the command's result to stdout.

    Parameters
    ----------
    message : str
        The line.
    """
    try:
        typer.echo(visible(message))
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted; the command's work is done. Typer
        # itself would make a failure of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(EXIT_OK) from None


def visible(message: str) -> str:
    """Escape what a file's name may hold: other control characters than a line's end act.

    Parameters
    ----------
    message : str
        Any text.

    Returns
    -------
    str
        Fit for a terminal.
    """
    text = message.encode(errors="backslashreplace").decode()
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1]
        for character in text
    )


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
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeRemainingColumn(),
        console=_stderr,
    )
    steps: dict[str, TaskID] = {}

    def report(step: str, done: int, total: int) -> None:
        if not steps:
            # Not before: where stderr is no terminal, an empty display prints an empty line.
            bars.start()
        if step not in steps:
            steps[step] = bars.add_task(step, total=total, rate="")
        task = bars.tasks[bars.task_ids.index(steps[step])]
        rate = f"{task.speed:.0f}/s" if task.speed else ""
        bars.update(steps[step], completed=done, total=total, rate=rate)

    try:
        yield report
    finally:
        if steps:
            bars.stop()
