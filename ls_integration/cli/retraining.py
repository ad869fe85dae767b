"""The command that lets a model learn from what people corrected."""

from pathlib import Path
from typing import Annotated

import typer

from ls_integration.cli.console import GROUP_MODELS, print_note, print_result


def register(app: typer.Typer) -> None:
    """Add ``retrain`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command(rich_help_panel=GROUP_MODELS)(retrain)


def retrain(
    study: Annotated[str, typer.Argument(help="Name or folder of an assisted study.")],
    model: Annotated[Path, typer.Option(metavar="FILE", help="The model, which `train` wrote.")],
    url: Annotated[str | None, typer.Option(help="Address of Label Studio.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File that holds your token.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File that holds the backend's password.")
    ] = None,
) -> None:
    """Train a model again, with what people corrected; the better one stays.

    Example: ls-integration retrain sted-quality --model sted.skops
    """
    from ls_integration import settings
    from ls_integration import study as study_folder
    from ls_integration.workflows import retrain as workflow

    start = Path.cwd()
    folder = study_folder.find(study, start)
    chosen = settings.load(url=url, token_file=token_file, password_file=password_file)
    workflow.go_last()
    done = workflow.retrain(folder, model.absolute(), chosen, start, say=print_note)
    if done.is_kept:
        print_result(
            f"{done.after} takes the place of {done.before} (area under the ROC curve "
            f"{done.auc_after:.4f}, before {done.auc_before:.4f}); {done.n_sent} predictions sent"
        )
    elif done.after == done.before:
        print_result(f"{done.before} stays: it has learnt from these very answers")
    else:
        print_result(
            f"{done.before} stays: with the answers the area under the ROC curve would be "
            f"{done.auc_after:.4f}, not {done.auc_before:.4f}"
        )
