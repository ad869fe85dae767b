"""``demo``: all of it on the sample, from nothing."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ls_integration.cli.console import GROUP_STUDY, print_note, print_result, progress_bars
from ls_integration.cli.options import Quiet

if TYPE_CHECKING:
    from ls_integration.workflows.demo import DemoOutcome


def register(app: typer.Typer) -> None:
    """Add ``demo`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command("demo", rich_help_panel=GROUP_STUDY)(demo)


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Everything is kept in here.")] = Path(
        "demo"
    ),
    quiet: Quiet = False,
) -> None:
    """See the whole loop: server, import, three simulated reviewers, scores.

    Example: ls-integration demo
    """
    from ls_integration.workflows.demo import run_demo

    with progress_bars(context, quiet) as report:
        outcome = run_demo(folder, say=print_note, report=report)
    _print_outcome(outcome)


def _print_outcome(outcome: "DemoOutcome") -> None:
    from ls_integration.cli.scoring import print_scores
    from ls_integration.workflows.demo import REVIEWERS, is_recovered

    for done in outcome.studies:
        print_result(f"\n{done.imported.study.title}")
        print_scores(done.scored.metrics, done.scored.report)
        people = done.scored.metrics["people"]
        for reviewer in REVIEWERS:
            entry = people[reviewer.name]
            print_result(
                f"{reviewer.name} was simulated with TPR {reviewer.tpr:.2f}, FPR "
                f"{reviewer.fpr:.2f}: "
                + ("both lie" if is_recovered(reviewer, entry) else "NOT both lie")
                + " in the intervals"
            )
    server = outcome.server
    print_result(f"\ngo on by hand: log in as {server.username}; the password is in")
    print_result(f"  {server.data_dir / 'credentials.json'}")
    for done in outcome.studies:
        print_result(f"  {done.imported.study.title}: {done.own_link}")
    command = f"{sys.executable} -m ls_integration"
    print_result(f"stop the server: {command} down --data-dir {server.data_dir}")
