"""`import sted-quality`: a folder of images becomes a study that people can answer."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ls_integration import study as studies
from ls_integration.kinds import sted_quality
from ls_integration.kinds.sted_source import SourceTable
from ls_integration.progress import Reporter, Say, silent
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.import_items import (
    Selection,
    check_same_source,
    imported_paths,
    read_table,
    select_rows,
)
from ls_integration.workflows.import_run import Drawn, ImportOutcome, run_import
from ls_integration.workflows.item_pictures import render_items, rerender_missing
from ls_integration.workflows.new_accounts import OnAccount, keep_in_study
from ls_integration.workflows.sted_options import ImportOptions, check_options
from ls_integration.workflows.titles import default_title


def import_sted_quality(
    options: ImportOptions,
    settings: Settings,
    *,
    start: Path,
    dry_run: bool = False,
    say: Say,
    on_account: OnAccount = keep_in_study,
    report: Reporter = silent,
) -> ImportOutcome:
    """Import a source, or finish what an earlier run began.

    Parameters
    ----------
    options : ImportOptions
        What to ask, and how.
    settings : Settings
        Which server.
    start : Path
        The working folder.
    dry_run : bool
        Read and render everything, keep and send nothing.
    say : callable
        Takes lines for the user.
    on_account : callable, optional
        Takes the study's folder and each account as soon as it is made: what
        fails later must not lose its password.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    ImportOutcome
        Running it again sends only what is missing.

    Raises
    ------
    IntegrationError
        Of any kind; nothing is sent before everything has been read.
    """
    table = read_table(options)
    title = options.title or default_title("STED quality", table.name, blind=options.blind)
    check_options(options, title)
    return run_import(
        _Source(options, table, title),
        settings,
        start=start,
        dry_run=dry_run,
        say=say,
        on_account=on_account,
        report=report,
    )


@dataclass(frozen=True)
class _Source:
    """One source of STED images."""

    options: ImportOptions
    table: SourceTable
    title: str
    kind: str = sted_quality.KIND
    view: str = ""

    def select(self, known: Study | None, folder: Path, say: Say) -> "_Rows":
        added = _added_paths(folder, known) if known and known.extensions else ()
        paths = imported_paths(studies.read_items(folder), known) if known else None
        rows = select_rows(self.table, self.options, say, ignored=added, known_paths=paths)
        return _Rows(self.options, rows)


@dataclass(frozen=True)
class _Rows:
    """The rows of it that shall be asked about."""

    options: ImportOptions
    selection: Selection

    def draw(self, study: Study, pictures: Path, say: Say, report: Reporter) -> Drawn:
        items, left_out = render_items(
            self.selection, study, self.options, pictures, say=say, report=report
        )
        shown = items.head(0) if self.options.blind else items
        predictions = sted_quality.sent_predictions(shown, self.options.model_version)
        found = self.selection.found(self.options.order, items["source_path"].tolist())
        kept = {"stored_threshold": self.selection.threshold, **found}
        return Drawn(items, predictions, left_out, kept)

    def keep(self, folder: Path) -> None:
        """Nothing: items and predictions say it all."""

    def redraw(self, study: Study, items: pd.DataFrame, media: Path, report: Reporter) -> None:
        imported = items.loc[items["part"] == 1]
        check_same_source(self.selection, imported, study)
        rerender_missing(self.selection, imported, self.options, media, report)


def _added_paths(folder: Path, study: Study) -> list[str]:
    """Name what `extend` has added, perhaps from the same source when it had grown."""
    items = studies.read_items(folder)
    added = items.loc[items["part"] > 1, "source_path"]
    return [path for path in added if path not in set(study.left_out)]
