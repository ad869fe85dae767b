"""``reorder``: a running study asks first what is most worth a look."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ls_integration.cli.console import GROUP_MODELS, print_note, print_result, progress_bars
from ls_integration.cli.options import Quiet, SkipBad, StudyName, TokenFile, Url

if TYPE_CHECKING:
    from ls_integration.workflows.reorder import ReorderedProject


def register(app: typer.Typer) -> None:
    """Add ``reorder`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("reorder", rich_help_panel=GROUP_MODELS)(reorder)


def reorder(
    context: typer.Context,
    study: StudyName,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="Whose doubt counts: a file of `train`, or net.onnx with its net.toml; else the "
            "scores of the import.",
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the images are now, if they were moved."),
    ] = None,
    skip_bad: SkipBad = False,
    url: Url = None,
    token_file: TokenFile = None,
    quiet: Quiet = False,
) -> None:
    """Ask what nobody has answered yet in the order most worth a look.

    Example: ls-integration reorder sted-quality-lab --model newer.skops

    Running it again changes nothing, or takes what was answered since out of the order.
    """
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.models.loading import load_scorer
    from ls_integration.workflows import reorder as workflow
    from ls_integration.workflows.model_notes import hash_file, notes_on
    from ls_integration.workflows.order_ranking import ReorderOptions

    folder = studies.find(study, Path.cwd())
    scorer = load_scorer(model) if model else None
    for note in notes_on(scorer) if scorer else ():
        print_note(note)
    with progress_bars(context, quiet) as report:
        done = workflow.reorder(
            folder,
            scorer,
            hash_file(model) if model else "",
            ReorderOptions(skip_bad, source),
            settings.load(url=url, token_file=token_file),
            start=Path.cwd(),
            say=print_note,
            report=report,
        )
    for project in done:
        print_result(f"{project.title}: {_what(project)}")
        print_result(f"  in this order: {project.link}")


def _what(project: "ReorderedProject") -> str:
    if not project.n_ranked + project.n_begun:
        return f"nothing to put into order, {project.n_answered} are answered"
    words = [f"{project.n_ranked} in the new order"]
    if not project.push.sent:
        words = [f"{project.n_ranked} are in this order already"]
    if project.n_begun:
        words.append(f"before them {project.n_begun} that were begun")
    if project.n_answered:
        words.append(f"{project.n_answered} are answered")
    if project.n_left:
        words.append(f"{project.n_left} whose pages start empty come last")
    return ", ".join(words)
