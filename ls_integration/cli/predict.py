"""``predict``: images and a model become a table of scores."""

from pathlib import Path
from typing import Annotated

import typer

from ls_integration.cli.console import GROUP_MODELS, print_note, print_result, progress_bars
from ls_integration.cli.options import (
    Bands,
    Channel,
    Hdu,
    ModelFile,
    Origin,
    Plane,
    Predictions,
    Projection,
    Quiet,
    SkipBad,
    Tile,
)


def register(app: typer.Typer) -> None:
    """Add ``predict`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("predict", rich_help_panel=GROUP_MODELS)(predict)


def predict(
    context: typer.Context,
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="As of `train`.", show_default=False)
    ],
    model: ModelFile,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="CSV", help="The table.", show_default=False),
    ],
    skip_bad: SkipBad = False,
    channel: Channel = None,
    plane: Plane = None,
    projection: Projection = None,
    predictions: Predictions = None,
    tile: Tile = 200,
    origin: Origin = None,
    hdu: Hdu = None,
    bands: Bands = None,
    quiet: Quiet = False,
) -> None:
    """Score the images of a source with a model.

    Example: ls-integration predict FOLDER --model sted.skops --output scores.csv

    Interrupted, the same command goes on where it was.
    """
    from ls_integration.models.loading import load_scorer
    from ls_integration.workflows import predict as workflow
    from ls_integration.workflows.image_sources import SourceOptions, open_source
    from ls_integration.workflows.model_notes import hash_file, notes_on

    scorer = load_scorer(model)
    for note in notes_on(scorer):
        print_note(note)
    opened = open_source(
        scorer.kind,
        SourceOptions(
            source=source,
            channel=channel,
            plane=plane,
            projection=projection,
            predictions=predictions,
            tile_px=tile,
            origin=origin,
            hdu=hdu,
            bands=tuple(bands or ()),
        ),
    )
    with progress_bars(context, quiet) as report:
        done = workflow.predict(
            opened,
            scorer,
            hash_file(model),
            output,
            skip_bad=skip_bad,
            say=print_note,
            report=report,
        )
    again = f" ({done.n_found} of them by an earlier run)" if done.n_found else ""
    print_result(
        f"{output}: {done.n_scored} scores of {scorer.version}{again}, {done.n_positive} at or "
        f"above its threshold {scorer.threshold:.4g}"
    )
