"""``status``: how far everybody is."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ls_integration.cli.console import (
    GROUP_PEOPLE,
    print_note,
    print_result,
    progress_bars,
    visible,
)
from ls_integration.cli.options import Quiet, StudyName, TokenFile, Url

if TYPE_CHECKING:
    from ls_integration.workflows.status import Progress

_REFRESH_S = 5.0
_HEADS = ("person", "round", "done", "skipped", "drafts", "left", "median s", "per hour")


def register(app: typer.Typer) -> None:
    """Add ``status`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("status", rich_help_panel=GROUP_PEOPLE)(status)


def status(
    context: typer.Context,
    study: StudyName,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every 5 seconds, until Ctrl+C.")
    ] = False,
    url: Url = None,
    token_file: TokenFile = None,
    quiet: Quiet = False,
) -> None:
    """Say how far everybody is: done, skipped, drafts, left, and their pace.

    Example: ls-integration status sted-quality-lab --watch

    Skipped images are asked again, so they are among those left.
    """
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.workflows.connection import connect
    from ls_integration.workflows.status import read_status

    folder = studies.find(study, Path.cwd())
    known = studies.load(folder)
    connection = connect(settings.load(url=url, token_file=token_file), known, Path.cwd())
    print_note(f"{connection.client.url}, study {folder.name}")
    with progress_bars(context, quiet or watch) as report:
        rows = read_status(folder, connection, report)
    console = Console(highlight=False, emoji=False, markup=False)
    if not watch:
        _print(rows, console)
    elif console.is_terminal:
        with Live(_table(rows), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(_REFRESH_S)
                live.update(_table(read_status(folder, connection)), refresh=True)
    else:
        while True:
            _print(rows, console)
            sys.stdout.flush()
            time.sleep(_REFRESH_S)
            rows = read_status(folder, connection)


def _print(rows: "Sequence[Progress]", console: Console) -> None:
    if console.is_terminal:
        console.print(_table(rows))
    else:
        print_result(plain_table([_HEADS, *(cells(row) for row in rows)]))


def _table(rows: "Sequence[Progress]") -> Table:
    table = Table(*_HEADS, box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        # Names are what people chose for themselves: no markup, no control characters.
        table.add_row(*(Text(visible(cell)) for cell in cells(row)))
    return table


def cells(row: "Progress") -> tuple[str, ...]:
    """Write one person's round as texts.

    Parameters
    ----------
    row : Progress
        What is known; nothing stands for what is not.

    Returns
    -------
    tuple of str
        In the order of the table's heads.
    """
    numbers = (row.round, row.done, row.skipped, row.drafts, row.left)
    median = "" if row.median_decision_time_s is None else f"{row.median_decision_time_s:.2f}"
    pace = "" if row.answers_per_hour is None else f"{row.answers_per_hour:.0f}"
    texts = ("" if number is None else str(number) for number in numbers)
    return (row.annotator, *texts, median, pace)


def plain_table(rows: Sequence[Sequence[str]]) -> str:
    """Align cells with spaces: the first column left, the others right.

    Parameters
    ----------
    rows : sequence of sequence of str
        All of one length, at least one.

    Returns
    -------
    str
        A line for each row; an empty cell is a ``-``.
    """
    shown = [[visible(cell) or "-" for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in shown
    )
