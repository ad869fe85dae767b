"""``import cutouts``: the cutouts of telescope frames become a study."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ls_integration.cli.import_runs import run_import
from ls_integration.cli.importing import import_app
from ls_integration.cli.options import (
    BucketName,
    DryRun,
    Endpoint,
    Instructions,
    Limit,
    Media,
    Passwords,
    People,
    Quiet,
    Round,
    Seed,
    ServerMedia,
    SkipBad,
    StudyDir,
    Title,
    TokenFile,
    Upload,
    Url,
)

_QUEUE, _PICTURES = "Queue", "Pictures"


def register(_app: typer.Typer) -> None:
    """Add the kind to ``import``.

    Parameters
    ----------
    _app : typer.Typer
        The command line, which has ``import`` already.
    """
    import_app.command("cutouts")(import_cutouts)


def import_cutouts(
    context: typer.Context,
    images: Annotated[
        Path,
        typer.Argument(
            metavar="IMAGES",
            help="Folder of the frames: JPEG, PNG, TIFF, NPY or FITS.",
            show_default=False,
        ),
    ],
    predictions: Annotated[
        Path,
        typer.Option(
            metavar="CSV",
            help="image_name,grid_x,grid_y,label and scores or confidence; further columns are "
            "kept.",
            show_default=False,
        ),
    ],
    threshold: Annotated[
        float | None,
        typer.Option(metavar="T", help="Score of an artifact; checked where the table has preds."),
    ] = None,
    tile: Annotated[int, typer.Option(metavar="PX", min=1, help="Side of a cutout.")] = 200,
    show: Annotated[
        Literal["errors", "positives", "all"],
        typer.Option(help="Which cutouts are asked about.", rich_help_panel=_QUEUE),
    ] = "errors",
    random_floor: Annotated[
        float,
        typer.Option(
            metavar="F",
            help="Mix in this share of the other cutouts, unmarked, to estimate the errors "
            "outside the queue.",
            rich_help_panel=_QUEUE,
        ),
    ] = 0.0,
    view: Annotated[
        Literal["cutout", "frame"],
        typer.Option(help="A page for each cutout, or one for each frame."),
    ] = "cutout",
    blind: Annotated[
        bool,
        typer.Option("--blind", help="Neither label, prediction nor score goes to the server."),
    ] = False,
    title: Title = None,
    study: StudyDir = None,
    people: People = None,
    round_number: Round = 1,
    shared: Annotated[
        bool,
        typer.Option("--shared/--each", help="One project for all people, or one for each."),
    ] = True,
    overlap: Annotated[
        int | None,
        typer.Option(metavar="N", help="Answers per cutout of a shared project: else 1."),
    ] = None,
    passwords: Passwords = None,
    order: Annotated[
        Literal["file", "random", "uncertain"],
        typer.Option(
            help="By error_id, one seeded order for all, or first what the model doubts or what "
            "contradicts it."
        ),
    ] = "file",
    seed: Seed = 0,
    instructions: Instructions = None,
    examples: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Pictures NAME_artifact.png and NAME_no-artifact.png for the instructions.",
        ),
    ] = None,
    limit: Limit = None,
    skip_bad: SkipBad = False,
    dry_run: DryRun = False,
    stretch: Annotated[
        Literal["none", "minmax", "zscale", "asinh"] | None,
        typer.Option(
            help="Limits are of each frame; else zscale, for 8-bit pictures none.",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    origin: Annotated[
        Literal["upper", "lower"] | None,
        typer.Option(
            help="Edge from which grid_y counts; else upper for pictures, lower for FITS and NPY.",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    hdu: Annotated[
        str | None,
        typer.Option(metavar="N|NAME", help="Unit of FITS files.", rich_help_panel=_PICTURES),
    ] = None,
    bands: Annotated[
        tuple[str, str, str] | None,
        typer.Option(
            metavar="R G B",
            help="Three files of each frame by their bands' names, or three planes by number.",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    url: Url = None,
    token_file: TokenFile = None,
    media: Media = None,
    server_media: ServerMedia = None,
    upload: Upload = False,
    bucket: BucketName = None,
    s3_endpoint: Endpoint = None,
    quiet: Quiet = False,
) -> None:
    """Ask people which cutouts of telescope frames hold an artifact.

    Example: ls-integration import cutouts FRAMES --predictions test_outputs.csv

    Running it again sends only what is missing.
    """
    from ls_integration import settings
    from ls_integration.workflows import import_cutouts as workflow
    from ls_integration.workflows.cutout_options import CutoutOptions

    options = CutoutOptions(
        source=images,
        predictions=predictions,
        threshold=threshold,
        tile_px=tile,
        show=show,
        random_floor=random_floor,
        view=view,
        blind=blind,
        title=title,
        study=study,
        people=tuple(people or ()),
        round_number=round_number,
        shared=shared,
        overlap=overlap,
        order=order,
        seed=seed,
        instructions=instructions,
        examples=examples,
        upload=upload,
        bucket=bucket,
        s3_endpoint=s3_endpoint,
        limit=limit,
        skip_bad=skip_bad,
        stretch=stretch,
        origin=origin,
        hdu=hdu,
        bands=tuple(bands or ()),
    )
    run_import(
        context,
        workflow.import_cutouts,
        options,
        settings.load(url=url, token_file=token_file, media=media, server_media=server_media),
        passwords=passwords,
        dry_run=dry_run,
        quiet=quiet,
        things="cutouts",
        start="a present label",
    )
