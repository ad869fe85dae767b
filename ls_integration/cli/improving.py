"""``improve``: whether reviewing made the model better, and in which order it would have paid."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ls_integration.cli.console import GROUP_MODELS, print_note, print_result, progress_bars
from ls_integration.cli.options import Quiet, StudyName

if TYPE_CHECKING:
    from ls_integration.scoring.measure import Measure


def register(app: typer.Typer) -> None:
    """Add ``improve`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("improve", rich_help_panel=GROUP_MODELS)(improve)


def improve(
    context: typer.Context,
    study: StudyName,
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS",
            help="Exported results of STUDY; of cutouts also a corrected test_outputs.csv.",
            show_default=False,
        ),
    ],
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="As of `train`; the usual one by default.")
    ] = None,
    steps: Annotated[
        int, typer.Option(help="Parts of the simulated review; 0: old against corrected only.")
    ] = 8,
    repeats: Annotated[int, typer.Option(help="Random orders of the simulated review.")] = 5,
    seed: Annotated[int, typer.Option(help="Of folds, models and random orders.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder for the numbers, the curve, its picture."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace other files of these names in DIR.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Train on the labels before and after the review; simulate reviewing in other orders.

    Example: ls-integration improve STUDY results --output improvement

    Every model is scored on sessions or frames that it has not seen, against the corrected labels.
    """
    from ls_integration import study as study_folder
    from ls_integration.results.folder import open_results
    from ls_integration.results.improvement import write_improvement
    from ls_integration.workflows import improve as workflow

    options = workflow.ImproveOptions(recipe, steps, repeats, seed)
    folder = study_folder.find(study, Path.cwd())
    with progress_bars(context, quiet) as report:
        done = workflow.improve(folder, results, options, say=print_note, report=report)
    found = done.improvement
    unit = f"{done.grouped_by}s" if done.grouped_by != "item" else "items, each for itself"
    print_result(
        f"{found.n_items} items, {found.n_groups} {unit}; {done.n_reviewed} reviewed, "
        f"{found.n_corrected} labels corrected\n"
        f"AUC of a model trained on the old labels        {_write(found.auc_old)}\n"
        f"AUC of a model trained on the corrected labels  {_write(found.auc_corrected)}\n"
        f"gain                                            {_write(found.auc_gain)}\n"
        f"average precision, old and corrected            "
        f"{_write(found.average_precision_old)}, {_write(found.average_precision_corrected)}"
    )
    print_result(_say_gain(found.auc_gain))
    for curve in done.curves:
        points = "  ".join(
            f"{number}: {area:.3f}"
            for number, area in zip(curve.n_reviewed, curve.auc, strict=True)
        )
        print_result(f"AUC after reviewing, {curve.order:<10}  {points}")
    if output is not None:
        about = {"uuid": study_folder.load(folder).uuid, "command": "improve"}
        with open_results(output, about, force=force) as staged:
            write_improvement(
                staged,
                found,
                done.curves,
                recipe=done.recipe,
                grouped_by=done.grouped_by,
                n_reviewed=done.n_reviewed,
            )
        print_note(f"wrote {output}")


def _write(measure: "Measure") -> str:
    if measure.value is None:
        return f"undefined ({measure.reason})"
    interval = "" if measure.ci95 is None else f" [{measure.ci95[0]:.3f}, {measure.ci95[1]:.3f}]"
    return f"{measure.value:.3f}{interval}"


def _say_gain(gain: "Measure") -> str:
    if gain.value is None or gain.ci95 is None:
        return f"no gain that can be told: {gain.reason}"
    if gain.ci95[0] > 0:
        return "the corrected labels make a better model"
    if gain.ci95[1] < 0:
        return "the corrected labels make a worse model: look at what was corrected"
    return "no gain that these data can tell: 0 lies in the interval"
