"""``push-predictions``: a model's answers go to a running study."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ls_integration.cli.console import GROUP_MODELS, print_note, print_result, progress_bars
from ls_integration.cli.options import ModelFile, Quiet, SkipBad, StudyName, TokenFile, Url

if TYPE_CHECKING:
    from ls_integration.workflows.push_predictions import PushedProject


def register(app: typer.Typer) -> None:
    """Add ``push-predictions`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("push-predictions", rich_help_panel=GROUP_MODELS)(push_predictions)


def push_predictions(
    context: typer.Context,
    study: StudyName,
    model: ModelFile,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Delete models pushed before where nobody has answered yet."
        ),
    ] = False,
    unblind: Annotated[
        bool, typer.Option("--unblind", help="Make a blind study an assisted one, for good.")
    ] = False,
    start_from_model: Annotated[
        bool,
        typer.Option(
            "--start-from-model",
            help="Cutouts: pages start from the model's answer, not from the present label.",
        ),
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the images are now, if they were moved."),
    ] = None,
    skip_bad: SkipBad = False,
    url: Url = None,
    token_file: TokenFile = None,
    quiet: Quiet = False,
) -> None:
    """Score a study's images with a model and send the answers to its tasks.

    Example: ls-integration push-predictions sted-quality-lab --model sted.skops

    Running it again sends only what is missing.
    """
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.models.loading import load_scorer
    from ls_integration.workflows import push_predictions as workflow
    from ls_integration.workflows.model_notes import hash_file, notes_on

    folder = studies.find(study, Path.cwd())
    scorer = load_scorer(model)
    for note in notes_on(scorer):
        print_note(note)
    options = workflow.PushOptions(replace, unblind, start_from_model, skip_bad, source)
    with progress_bars(context, quiet) as report:
        pushed = workflow.push_model(
            folder,
            scorer,
            hash_file(model),
            options,
            settings.load(url=url, token_file=token_file),
            start=Path.cwd(),
            say=print_note,
            report=report,
        )
    for project in pushed:
        print_result(f"{project.title}: {_what(project)}")


def _what(project: "PushedProject") -> str:
    push = project.push
    words = [f"{push.sent} predictions sent, {push.already_there} were there"]
    if push.removed_copies:
        words.append(f"{push.removed_copies} surplus copies removed")
    if project.n_removed or project.n_kept:
        words.append(
            f"{project.n_removed} of older models deleted, {project.n_kept} stay with their answers"
        )
    return f"{'; '.join(words)}; pages start from '{project.starts_from}'"
