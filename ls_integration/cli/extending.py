"""``extend``: the images of another source join a running study."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ls_integration.cli.console import GROUP_STUDY, print_note, print_result, progress_bars
from ls_integration.cli.options import Media, Quiet, ServerMedia, StudyName, TokenFile, Url

if TYPE_CHECKING:
    from ls_integration.workflows.extend import ExtendOutcome

_KEPT = "The study's own: may be repeated, cannot be changed"


def register(app: typer.Typer) -> None:
    """Add ``extend`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("extend", rich_help_panel=GROUP_STUDY)(extend)


def extend(
    context: typer.Context,
    study: StudyName,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="Folder or manifest, as of `import`.", show_default=False
        ),
    ],
    ratings: Annotated[
        Path | None, typer.Option(metavar="CSV", help="path,rating of a folder of images.")
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Only the first N images.")] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out what cannot be imported.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything, keep and send nothing.")
    ] = False,
    blind: Annotated[bool | None, typer.Option("--blind", rich_help_panel=_KEPT)] = None,
    model_threshold: Annotated[
        float | None, typer.Option(metavar="T", rich_help_panel=_KEPT)
    ] = None,
    score_high_means: Annotated[
        Literal["anomaly", "normal"] | None, typer.Option(rich_help_panel=_KEPT)
    ] = None,
    model_version: Annotated[
        str | None, typer.Option(metavar="NAME", rich_help_panel=_KEPT)
    ] = None,
    normal_at_least: Annotated[
        float | None, typer.Option(metavar="R", rich_help_panel=_KEPT)
    ] = None,
    anomaly_below: Annotated[float | None, typer.Option(metavar="R", rich_help_panel=_KEPT)] = None,
    order: Annotated[
        Literal["file", "random", "uncertain"] | None, typer.Option(rich_help_panel=_KEPT)
    ] = None,
    seed: Annotated[int | None, typer.Option(rich_help_panel=_KEPT)] = None,
    colormap: Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=_KEPT)] = None,
    scale: Annotated[str | None, typer.Option(rich_help_panel=_KEPT)] = None,
    channel: Annotated[int | None, typer.Option(metavar="N", rich_help_panel=_KEPT)] = None,
    plane: Annotated[
        int | None, typer.Option("--slice", metavar="N", rich_help_panel=_KEPT)
    ] = None,
    projection: Annotated[
        Literal["max", "mean"] | None, typer.Option(rich_help_panel=_KEPT)
    ] = None,
    url: Url = None,
    token_file: TokenFile = None,
    media: Media = None,
    server_media: ServerMedia = None,
    quiet: Quiet = False,
) -> None:
    """Add the images of another source to a running study, after those that are there.

    Example: ls-integration extend sted-quality-lab FOLDER_OF_TODAY --ratings ratings.csv

    Everybody gets them, in every round. Running it again adds nothing.
    """
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.workflows import extend as workflow
    from ls_integration.workflows.extension_options import Addition

    given: dict[str, Any] = {
        "blind": blind,
        "model_threshold": model_threshold,
        "score_high_means": score_high_means,
        "model_version": model_version,
        "normal_at_least": normal_at_least,
        "anomaly_below": anomaly_below,
        "order": order,
        "seed": seed,
        "colormap": colormap,
        "scale": scale,
        "channel": channel,
        "plane": plane,
        "projection": projection,
    }
    repeated = {name: value for name, value in given.items() if value is not None}
    folder = studies.find(study, Path.cwd())
    known = studies.load(folder)
    print_note(f"{known.server_url or 'no server yet'}, study {folder.name}")
    with progress_bars(context, quiet) as report:
        outcome = workflow.extend(
            folder,
            Addition(source, ratings, limit, skip_bad, repeated),
            settings.load(url=url, token_file=token_file, media=media, server_media=server_media),
            start=Path.cwd(),
            dry_run=dry_run,
            say=print_note,
            report=report,
        )
    _print_outcome(outcome, dry_run=dry_run)


def _print_outcome(outcome: "ExtendOutcome", *, dry_run: bool) -> None:
    total = f"the study '{outcome.study.title}' has {outcome.n_items}"
    if dry_run:
        print_result(f"would add {outcome.n_new} images; with them {total}")
        return
    for done in outcome.projects:
        push = done.push
        sent = f"{push.sent} tasks sent" if push.sent else "nothing to do"
        print_result(f"{done.project.title}: {sent}, {push.already_there} were there")
    added = f"added {outcome.n_new} images" if outcome.n_new else "nothing new: no image was added"
    print_result(f"{added}; {total}")
