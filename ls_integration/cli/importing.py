"""``import``: images become a study in Label Studio."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from ls_integration.cli.console import (
    EXIT_USAGE,
    GROUP_STUDY,
    print_note,
)
from ls_integration.cli.import_runs import run_import
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

_TELLING = {
    "--predictions": "cutouts",
    "--select": "sted-rating",
    "--range": "sted-rating",
    "--from-disagreements": "sted-rating",
}
"""Options by which a kind is known; what comes without is of the kind `_OTHERS`."""
_OTHERS = "sted-quality"
_EXAMPLES = """four examples:
  ls-integration import sted-quality FOLDER --model-threshold 0.213
  ls-integration import sted-quality manifest.csv --blind --people Ada --people Ben
  ls-integration import sted-rating FOLDER --select imgs_to_check.npz
  ls-integration import cutouts FRAMES --predictions test_outputs.csv
more with: ls-integration import KIND --help"""


class KindGroup(TyperGroup):
    """The kinds of ``import``; a SOURCE without one is taken as the kind it is of."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the kind's command.

        Parameters
        ----------
        ctx : Context
            Of ``import``.
        args : list of str
            A kind or a source, then the rest.

        Returns
        -------
        tuple
            Name, command and the arguments left for it.
        """
        if args[0] not in self.commands and Path(args[0]).exists():
            kind = next((kind for option, kind in _TELLING.items() if option in args), _OTHERS)
            print_note(f"{args[0]} is taken as {kind}")
            args = [kind, *args]
        return super().resolve_command(ctx, args)


import_app = typer.Typer(cls=KindGroup, invoke_without_command=True, rich_markup_mode="rich")


@import_app.callback()
def choose_kind(context: typer.Context) -> None:
    """Put images before people in Label Studio, or finish what was begun.

    Example: ls-integration import sted-quality FOLDER --model-threshold 0.213
    """
    if context.invoked_subcommand is None:
        print_note(_EXAMPLES)
        raise typer.Exit(EXIT_USAGE)


def register(app: typer.Typer) -> None:
    """Add ``import`` and its kinds to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.add_typer(import_app, name="import", rich_help_panel=GROUP_STUDY)


@import_app.command("sted-quality")
def import_sted_quality(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="Folder as AnomaGUI's (test_paths.csv), manifest CSV "
            "(path,rating[,structure][,group][,model_score][,model_label][,item_id]), or any "
            "folder of images.",
            show_default=False,
        ),
    ],
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
    model_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="T",
            help="Score from which an image counts as an anomaly.",
            rich_help_panel=SCORES,
        ),
    ] = None,
    score_high_means: Annotated[
        Literal["anomaly", "normal"],
        typer.Option(help="What a high score says.", rich_help_panel=SCORES),
    ] = "anomaly",
    model_version: Annotated[
        str, typer.Option(metavar="NAME", help="The model's name.", rich_help_panel=SCORES)
    ] = "model",
    normal_at_least: NormalAtLeast = 0.70,
    anomaly_below: Annotated[
        float,
        typer.Option(
            metavar="R",
            help="Ratings from here to the lowest normal one are left out.",
            rich_help_panel=SCORES,
        ),
    ] = 0.60,
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
    """Ask people which STED images are normal and which are anomalies.

    Example: ls-integration import sted-quality FOLDER --model-threshold 0.213

    Running it again sends only what is missing.
    """
    from ls_integration import settings
    from ls_integration.workflows import import_study
    from ls_integration.workflows.sted_options import ImportOptions, PictureOptions

    options = ImportOptions(
        source=source,
        ratings=ratings,
        study=study,
        title=title,
        blind=blind,
        model_threshold=model_threshold,
        score_high_means=score_high_means,
        model_version=model_version,
        normal_at_least=normal_at_least,
        anomaly_below=anomaly_below,
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
        import_study.import_sted_quality,
        options,
        settings.load(url=url, token_file=token_file, media=media, server_media=server_media),
        passwords=passwords,
        dry_run=dry_run,
        quiet=quiet,
        things="images",
        start="the model's answer",
    )
