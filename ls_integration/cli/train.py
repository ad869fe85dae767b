"""``train``: labelled images become a model with a card."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ls_integration.cli.console import GROUP_MODELS, print_note, print_result, progress_bars
from ls_integration.cli.options import (
    Bands,
    Channel,
    Hdu,
    Origin,
    Plane,
    Predictions,
    Projection,
    Quiet,
    Ratings,
    SkipBad,
    Tile,
)


def register(app: typer.Typer) -> None:
    """Add ``train`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("train", rich_help_panel=GROUP_MODELS)(train)


def train(
    context: typer.Context,
    kind: Annotated[
        Literal["sted-quality", "cutouts"],
        typer.Argument(metavar="KIND", help="sted-quality or cutouts.", show_default=False),
    ],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="As of `import`, or for sted-quality an NPZ with images, rating and session.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="MODEL", help="The file, NAME.skops.", show_default=False
        ),
    ],
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="sted-rating (the usual one), sted-fast, sted-normal-only; cutouts.",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            metavar="T", help="Score of an anomaly or artifact: else chosen by cross-validation."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the folds and of the bootstrap.")] = 0,
    skip_bad: SkipBad = False,
    ratings: Ratings = None,
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
    """Train a model on labelled images, cross-validated by session or frame.

    Example: ls-integration train sted-quality train.npz --output sted.skops

    Cutouts: ls-integration train cutouts FRAMES --predictions test_outputs.csv --output c.skops
    """
    from ls_integration.models.saved import CARD_SUFFIX, check_model_name, save_model
    from ls_integration.models.training_data import save_training
    from ls_integration.workflows import train as workflow
    from ls_integration.workflows.image_sources import SourceOptions, open_source

    check_model_name(output)
    options = workflow.TrainOptions(recipe, threshold, seed, skip_bad)
    chosen = workflow.choose_recipe(kind, options)
    opened = open_source(
        kind,
        SourceOptions(
            source=source,
            ratings=ratings,
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
        known = workflow.learnable(opened, chosen, options, say=print_note, report=report)
        model = workflow.fit_model(opened, known, chosen, options, say=print_note)
    # First, so that no model is without.
    save_training(output, workflow.training_data(known, chosen))
    save_model(output, model)
    print_result(model.card.to_text().rstrip())
    print_note(f"wrote {output} and {output.with_suffix(CARD_SUFFIX).name}")
