"""``score``: who was right, from tables on disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ls_integration.cli.console import GROUP_STUDY, print_note, print_result, progress_bars
from ls_integration.cli.options import (
    Annotator,
    ErrorPictures,
    Force,
    GroupBy,
    Quiet,
    ResultsMedia,
)

if TYPE_CHECKING:
    from ls_integration.workflows.score import Scored


def register(app: typer.Typer) -> None:
    """Add ``score`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("score", rich_help_panel=GROUP_STUDY)(score)


def score(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR | NAME.npz...",
            help="Folder with annotations.csv (item_id,annotator,label at least) and maybe "
            "items.csv; with --from, finished AnomaGUI sessions.",
            show_default=False,
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="SOURCE", help="What the sessions judged, as for import."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for the results, else DIR."),
    ] = None,
    positive: Annotated[
        str | None, typer.Option(metavar="LABEL", help="The label that TPR and FPR are of.")
    ] = None,
    model_threshold: Annotated[
        float | None, typer.Option(metavar="SCORE", help="A model score from here on is positive.")
    ] = None,
    ratings: Annotated[
        Path | None, typer.Option(metavar="CSV", help="path,rating of a SOURCE without ratings.")
    ] = None,
    group_by: GroupBy = None,
    annotator: Annotator = None,
    error_pictures: ErrorPictures = False,
    media: ResultsMedia = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Score people, model and consensus: metrics.json and report.html, no server.

    ls-integration score results

    ls-integration score --from FOLDER Fred.npz Julia.npz --model-threshold 0.213 --output scores
    """
    from ls_integration import settings
    from ls_integration.workflows.result_pictures import find_media
    from ls_integration.workflows.score import score_folder, score_source

    if source is None:
        if len(paths) != 1:
            msg = "give one folder, or --from SOURCE before the session files"
            raise typer.BadParameter(msg)
        if ratings is not None:
            msg = "--ratings goes with --from"
            raise typer.BadParameter(msg)
        with progress_bars(context, quiet) as report:
            scored = score_folder(
                paths[0],
                output=output,
                positive=positive,
                model_threshold=model_threshold,
                group_by=group_by,
                annotator=annotator,
                media=find_media(settings.load(media=media), Path.cwd()),
                error_pictures=error_pictures,
                force=force,
                report=report,
            )
    else:
        if annotator is not None:
            msg = "--annotator is for a folder of a study of cutouts, not for --from"
            raise typer.BadParameter(msg)
        if media is not None:
            msg = "--media is for a folder of a study; --from draws the images of SOURCE"
            raise typer.BadParameter(msg)
        if output is None:
            msg = "--from needs --output DIR for the results"
            raise typer.BadParameter(msg)
        with progress_bars(context, quiet) as report:
            scored = score_source(
                source,
                paths,
                output,
                ratings=ratings,
                positive=positive,
                model_threshold=model_threshold,
                group_by=group_by,
                error_pictures=error_pictures,
                force=force,
                report=report,
            )
    print_scored(scored)


def print_scored(scored: "Scored") -> None:
    """Print what came out of scoring, in the words of the study's kind.

    Parameters
    ----------
    scored : Scored
        From `workflows.score`.
    """
    if scored.n_error_pictures is not None:
        without = scored.n_without_picture
        missing = f"; {without} errors are on items without a picture" if without else ""
        print_note(
            f"{scored.n_error_pictures} pictures of errors in {scored.folder}/errors{missing}"
        )
    lines = scored.lines
    if lines is None:
        print_scores(scored.metrics, scored.report)
        return
    for line in lines:
        print_result(line)
    if scored.metrics["warnings"]:
        print_note(f"undefined, with the reason in {scored.numbers}: {_keys(scored.metrics)}")
    print_result(f"report: {scored.report}")


def print_scores(metrics: Mapping[str, Any], report: Path) -> None:
    """Print the results as a table, then where the report is.

    Parameters
    ----------
    metrics : mapping
        What ``metrics.json`` holds.
    report : Path
        The report.
    """
    rows = [(name, entry, entry["classified"]) for name, entry in metrics["people"].items()]
    majority, model = metrics["consensus"]["majority"], metrics["model"]
    if majority["n_people"] > 2:
        rows.append(("majority", majority, majority["n_decided"]))
    if model["accuracy"] is not None:
        rows.append(("model", model, model["tp"] + model["fp"] + model["fn"] + model["tn"]))
    cells = [["", "judged", "accuracy", "TPR", "FPR", "TP", "FP", "FN", "TN"]]
    for name, entry, judged in rows:
        rates = [_with_interval(entry, key) for key in ("accuracy", "tpr", "fpr")]
        counts = [str(entry[key]) for key in ("tp", "fp", "fn", "tn")]
        cells.append([name, str(judged), *rates, *counts])
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        first = row[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print_result("  ".join([first, *rest]))
    if model["auc"] is not None:
        print_result(f"model AUC {_with_interval(model, 'auc')}")
    agreement = metrics["agreement"]
    if agreement["krippendorff_alpha"] is not None:
        shown = "" if agreement["independent"] else " (not independent: answers were shown)"
        value = _with_interval(agreement, "krippendorff_alpha")
        print_result(f"agreement of the people: Krippendorff's alpha {value}{shown}")
    print_result(f"positive: {metrics['positive']}; brackets: 95 % intervals")
    if metrics["warnings"]:
        print_note(f"undefined or left out, with the reason in the report: {_keys(metrics)}")
    print_result(f"report: {report}")


def _with_interval(entry: Mapping[str, Any], key: str) -> str:
    if entry[key] is None:
        return "-"
    interval = entry[f"{key}_ci95"]
    bounds = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    return f"{entry[key]:.3f}{bounds}"


def _keys(metrics: Mapping[str, Any]) -> str:
    from ls_integration.errors import some_of

    return some_of([warning.split(": ", 1)[0] for warning in metrics["warnings"]])
