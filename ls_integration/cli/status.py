"""``status``: how far everybody is."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
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
from ls_integration.progress import Reporter, Say, silent

if TYPE_CHECKING:
    from ls_integration.workflows.status import Progress
    from ls_integration.workflows.status_by import ByValue

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
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="For each value of a column of the items, as image_name: items, done, changed, "
            "open, and the address to go on.",
        ),
    ] = None,
    url: Url = None,
    token_file: TokenFile = None,
    quiet: Quiet = False,
) -> None:
    """Say how far everybody is: done, skipped, drafts, left, and their pace.

    Example: ls-integration status sted-quality-lab --watch

    Frame by frame: ls-integration status cutouts-des --by image_name

    Skipped images are asked again, so they are among those left.
    """
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.workflows.connection import connect
    from ls_integration.workflows.status import read_status
    from ls_integration.workflows.status_by import read_status_by

    folder = studies.find(study, Path.cwd())
    known = studies.load(folder)
    connection = connect(settings.load(url=url, token_file=token_file), known, Path.cwd())
    print_note(f"{connection.client.url}, study {folder.name}")
    console = Console(highlight=False, emoji=False, markup=False)

    def look(report: Reporter = silent, say: Say | None = None) -> _Shown:
        if by is not None:
            text = by_table(by, read_status_by(folder, by, connection, report, say))
            return _Shown(text, Text(text))
        rows = read_status(folder, connection, report, say)
        return _Shown(plain_table([_HEADS, *(cells(row) for row in rows)]), _table(rows))

    with progress_bars(context, quiet or watch) as report:
        shown = look(report, print_note)
    if not watch:
        _print(shown, console)
    elif console.is_terminal:
        with Live(shown.drawn, console=console, auto_refresh=False) as live:
            while True:
                time.sleep(_REFRESH_S)
                live.update(look().drawn, refresh=True)
    else:
        while True:
            _print(shown, console)
            sys.stdout.flush()
            time.sleep(_REFRESH_S)
            shown = look()


@dataclass(frozen=True)
class _Shown:
    """The same for a file and for a terminal."""

    text: str
    drawn: Table | Text


def _print(shown: _Shown, console: Console) -> None:
    # Not by rich: it would break the addresses of a table.
    if console.is_terminal and isinstance(shown.drawn, Table):
        console.print(shown.drawn)
    else:
        print_result(shown.text)


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


def by_table(column: str, rows: "Sequence[ByValue]") -> str:
    """Write what is known of each value of a column.

    Parameters
    ----------
    column : str
        Its name.
    rows : sequence of ByValue
        What is known.

    Returns
    -------
    str
        A line for each value, with the address to go on at its end.
    """
    # Only the pages of whole frames can leave items alone.
    has_frames = any(row.untouched is not None for row in rows)
    heads = ("items", "done", *(("untouched",) if has_frames else ()), "changed", "open")
    cells: list[tuple[str, ...]] = [(column, *heads)]
    for row in rows:
        middle = (row.untouched,) if has_frames else ()
        numbers = (row.n_items, row.done, *middle, row.changed, row.open)
        counts = ("" if number is None else str(number) for number in numbers)
        cells.append((row.value, *counts))
    ends = ["go on", *(row.link or "" for row in rows)]
    lines = zip(plain_table(cells).splitlines(), ends, strict=True)
    return "\n".join(f"{line}  {end}".rstrip() for line, end in lines)


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
