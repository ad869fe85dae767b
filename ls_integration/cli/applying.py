"""``apply-ratings``: new ratings become the manifest of the next study."""

from pathlib import Path
from typing import Annotated

import typer

from ls_integration.cli.console import GROUP_STUDY, print_note, print_result


def register(app: typer.Typer) -> None:
    """Add ``apply-ratings`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("apply-ratings", rich_help_panel=GROUP_STUDY)(apply_ratings)


def apply_ratings(
    results: Annotated[
        Path,
        typer.Argument(
            metavar="RESULTS", help="Exported results of a sted-rating study.", show_default=False
        ),
    ],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="Folder or manifest of the images.", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="CSV",
            help="The new manifest, in a folder that holds all the images.",
            show_default=False,
        ),
    ],
    annotator: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whose ratings: else the mean of all first rounds."),
    ] = None,
    ratings: Annotated[
        Path | None, typer.Option(metavar="CSV", help="path,rating of a folder of images.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace CSV; never a file of the source's own.")
    ] = False,
) -> None:
    """Write a manifest with the new ratings, for the next import sted-quality.

    Example: ls-integration apply-ratings results FOLDER --output FOLDER/rated_again.csv

    Images that nobody rated keep their old rating.
    """
    from ls_integration.workflows import apply_ratings as workflow

    done = workflow.apply_ratings(
        results, source, output, ratings=ratings, annotator=annotator, force=force
    )
    added = f", {done.n_added} that the source's list leaves out" if done.n_added else ""
    print_note(
        f"{done.n_images} images, {done.n_rated} rated again, {done.n_changed} of them "
        f"changed{added}"
    )
    print_result(f"manifest: {done.output}")
