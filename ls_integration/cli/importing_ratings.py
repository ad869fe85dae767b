"""``import sted-rating``: selected images are rated again."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ls_integration.cli.import_runs import run_import
from ls_integration.cli.importing import import_app
from ls_integration.cli.options import (
    SCORES,
    Blind,
    BucketName,
    Channel,
    Colormap,
    DryRun,
    Endpoint,
    Examples,
    Instructions,
    Limit,
    Media,
    NormalAtLeast,
    Order,
    Overlap,
    Passwords,
    People,
    Plane,
    Projection,
    Quiet,
    Ratings,
    Round,
    Scale,
    Seed,
    ServerMedia,
    Shared,
    SkipBad,
    StudyDir,
    Title,
    TokenFile,
    Upload,
    Url,
)

_WHICH = "Which images (exactly one of these)"


def register(app: typer.Typer) -> None:  # noqa: ARG001
    """Add this kind to ``import``.

    Parameters
    ----------
    app : typer.Typer
        The command line, which has ``import`` already.
    """
    import_app.command("sted-rating")(import_sted_rating)


def import_sted_rating(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Folder or manifest, as for sted-quality.",
            show_default=False,
        ),
    ],
    select: Annotated[
        Path | None,
        typer.Option(
            metavar="NPZ", help="A list: imgs_to_check.npz (paths, ids).", rich_help_panel=_WHICH
        ),
    ] = None,
    rating_range: Annotated[
        tuple[float, float] | None,
        typer.Option(
            "--range",
            metavar="LOW HIGH",
            help="LOW <= rating < HIGH, of all images in the folders.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    from_disagreements: Annotated[
        Path | None,
        typer.Option(
            metavar="RESULTS",
            help="Exported results of a sted-quality study: what most people dispute.",
            rich_help_panel=_WHICH,
        ),
    ] = None,
    ratings: Ratings = None,
    blind: Blind = False,
    title: Title = None,
    study: StudyDir = None,
    people: People = None,
    shared: Shared = False,
    overlap: Overlap = None,
    round_number: Round = 1,
    passwords: Passwords = None,
    order: Order = "file",
    seed: Seed = 0,
    instructions: Instructions = None,
    examples: Examples = None,
    limit: Limit = None,
    skip_bad: SkipBad = False,
    dry_run: DryRun = False,
    normal_at_least: NormalAtLeast = 0.70,
    anomaly_below: Annotated[
        float,
        typer.Option(
            metavar="R",
            help="Ratings from here to the lowest normal one are the gap of the scores.",
            rich_help_panel=SCORES,
        ),
    ] = 0.60,
    model_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="T",
            help="Score from which an image counts as an anomaly, for --order uncertain.",
            rich_help_panel=SCORES,
        ),
    ] = None,
    score_high_means: Annotated[
        Literal["anomaly", "normal"],
        typer.Option(help="What a high score says, for --order uncertain.", rich_help_panel=SCORES),
    ] = "anomaly",
    colormap: Colormap = "hot",
    scale: Scale = "minmax",
    channel: Channel = None,
    plane: Plane = None,
    projection: Projection = None,
    url: Url = None,
    token_file: TokenFile = None,
    media: Media = None,
    server_media: ServerMedia = None,
    upload: Upload = False,
    bucket: BucketName = None,
    s3_endpoint: Endpoint = None,
    quiet: Quiet = False,
) -> None:
    """Ask people to rate STED images again, from 0 to 1, to the hundredth.

    Example: ls-integration import sted-rating FOLDER --select imgs_to_check.npz

    The old rating is shown, never prefilled; --blind hides it.
    """
    from ls_integration import settings
    from ls_integration.workflows import import_ratings
    from ls_integration.workflows.sted_options import PictureOptions, RatingOptions

    options = RatingOptions(
        source=source,
        select=select,
        range=rating_range,
        from_disagreements=from_disagreements,
        ratings=ratings,
        study=study,
        title=title,
        blind=blind,
        normal_at_least=normal_at_least,
        anomaly_below=anomaly_below,
        model_threshold=model_threshold,
        score_high_means=score_high_means,
        order=order,
        seed=seed,
        limit=limit,
        skip_bad=skip_bad,
        people=tuple(people or ()),
        round_number=round_number,
        shared=shared,
        overlap=overlap,
        instructions=instructions,
        examples=examples,
        upload=upload,
        bucket=bucket,
        s3_endpoint=s3_endpoint,
        picture=PictureOptions(colormap, scale, channel, plane, projection),
    )
    run_import(
        context,
        import_ratings.import_sted_rating,
        options,
        settings.load(url=url, token_file=token_file, media=media, server_media=server_media),
        passwords=passwords,
        dry_run=dry_run,
        quiet=quiet,
        things="images",
        start="an answer",
    )
