"""``select``: of a survey's scores, the tiles that deserve a person."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ls_integration.cli.console import GROUP_MODELS, print_note, print_result, progress_bars
from ls_integration.cli.options import Quiet


def register(app: typer.Typer) -> None:
    """Add ``select`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("select", rich_help_panel=GROUP_MODELS)(select)


def select(
    context: typer.Context,
    scores: Annotated[
        Path,
        typer.Argument(metavar="SCORES", help="Folder of `predict --output`.", show_default=False),
    ],
    budget: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="How many tiles people shall look at.", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="CSV", help="Table for `import cutouts`.", show_default=False
        ),
    ],
    random_floor: Annotated[
        float, typer.Option(metavar="F", help="Share of the budget that is drawn by lot.")
    ] = 0.05,
    per_frame: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Most tiles of one frame; else four times its even share."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the lot.")] = 0,
    fetch: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            metavar="SOURCE FOLDER",
            help="Copy the frames of these tiles from the survey to a folder, for the import.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Choose the tiles of a survey that deserve a person.

    Example: ls-integration select scores/ --budget 3000 --output table.csv

    First labels that the model contradicts and scores near its threshold, near-duplicates apart.
    """
    from ls_integration.workflows import select as workflow
    from ls_integration.workflows.fetch_frames import fetch_frames

    options = workflow.SelectOptions(scores, budget, output, random_floor, per_frame, seed)
    with progress_bars(context, quiet) as report:
        done = workflow.select(options, say=print_note, report=report)
        if fetch is not None:
            fetch_frames(fetch[0], done.frames_chosen, fetch[1], report=report)
    counts, n_frames = done.counts, len(done.frames_chosen)
    print_result(
        f"{output}: {sum(counts.values())} of {done.n_tiles} tiles, from {n_frames} of "
        f"{done.n_frames} frames: {counts[workflow.ERROR]} whose label the model contradicts, "
        f"{counts[workflow.UNCERTAIN]} that it doubts most, {counts[workflow.RANDOM]} by lot"
    )
    frames = str(fetch[1]) if fetch else "FRAMES"
    print_result(f"go on with: {_next_command(frames, output, done.facts)}")


def _next_command(frames: str, output: Path, facts: Mapping[str, Any]) -> str:
    """Name the import that shows these tiles."""
    words = ["ls-integration", "import", "cutouts", frames, "--predictions", str(output)]
    words += ["--show", "all", "--tile", str(facts["tile_px"])]
    for name in ("origin", "hdu"):
        if facts.get(name) is not None:
            words += [f"--{name}", str(facts[name])]
    if len(facts.get("bands", ())) == 3:
        words += ["--bands", *map(str, facts["bands"])]
    return shlex.join(words)
