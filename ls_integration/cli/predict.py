"""``predict``: images and a model become a table of scores, or a folder of them."""

import os
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

_SURVEY = "A survey (--output FOLDER)"


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
        str,
        typer.Argument(
            metavar="SOURCE",
            help="As of `train`; for a folder of scores also http(s):// or s3://.",
            show_default=False,
        ),
    ],
    model: ModelFile,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="CSV|FOLDER",
            help="The table; or, of a survey, a folder: one Parquet file a frame, all tiles "
            "without --predictions.",
            show_default=False,
        ),
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
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Processes; else one a processor.", rich_help_panel=_SURVEY
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="dask|tcp://HOST:PORT",
            help="Dask on this machine, or a scheduler that runs already.",
            rich_help_panel=_SURVEY,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Score the images of a source with a model.

    Example: ls-integration predict FOLDER --model sted.skops --output scores.csv

    A survey: ls-integration predict FRAMES --model cutouts.skops --output scores/

    Interrupted, the same command goes on where it was.
    """
    from ls_integration.errors import ConfigError

    folder = Path(output)
    # Of `scores.v2/` the slash says it; Path would lose it.
    if output.endswith(("/", os.sep)) or not folder.suffix or folder.is_dir():
        from ls_integration.workflows.predict_frames import FrameOptions, predict_frames

        options = FrameOptions(
            source=source,
            model=model,
            output=folder,
            predictions=predictions,
            tile_px=tile,
            origin=origin,
            hdu=hdu,
            bands=tuple(bands or ()),
            cluster=cluster,
            n_workers=workers,
            skip_bad=skip_bad,
        )
        with progress_bars(context, quiet) as report:
            frames = predict_frames(options, say=print_note, report=report)
        again = f" ({frames.n_found} frames by an earlier run)" if frames.n_found else ""
        print_result(
            f"{folder}: {frames.n_tiles} tiles of {frames.n_frames} frames scored by "
            f"{frames.scored_with.model_version}{again}, {frames.n_positive} at or above its "
            f"threshold {frames.scored_with.threshold:.4g}"
        )
        return
    for name, value in (("--workers", workers), ("--cluster", cluster)):
        if value is not None:
            msg = (
                f"{name} {value} is for a folder of scores; give --output FOLDER/, or leave it out"
            )
            raise ConfigError(msg)
    if "://" in source:
        msg = f"{source} can be scored into a folder only; give --output FOLDER/"
        raise ConfigError(msg)
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
            source=Path(source),
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
            folder,
            skip_bad=skip_bad,
            say=print_note,
            report=report,
        )
    again = f" ({done.n_found} of them by an earlier run)" if done.n_found else ""
    print_result(
        f"{output}: {done.n_scored} scores of {scorer.version}{again}, {done.n_positive} at or "
        f"above its threshold {scorer.threshold:.4g}"
    )
