"""`import sted-rating`: selected images of a source are rated again by people."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration import study as studies
from ls_integration.errors import ConfigError, SourceError
from ls_integration.kinds import sted_quality, sted_rating
from ls_integration.kinds.rating_selection import (
    SELECTION_FILE,
    Listed,
    read_selection,
    select_disputed,
    select_listed,
    select_range,
    write_selection,
)
from ls_integration.kinds.sted_source import (
    SourceTable,
    model_labels,
    read_all_images,
    read_source,
)
from ls_integration.progress import Reporter, Say, silent
from ls_integration.results.folder import read_manifest
from ls_integration.results.tables import read_folder
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.import_items import (
    Selection,
    check_same_source,
    find_order,
    imported_paths,
    in_order,
    stop_or_leave_out,
    without_given_ids,
)
from ls_integration.workflows.import_options import check_study_options
from ls_integration.workflows.import_run import Drawn, ImportOutcome, run_import
from ls_integration.workflows.item_pictures import draw_items, rerender_missing
from ls_integration.workflows.new_accounts import OnAccount, keep_in_study
from ls_integration.workflows.sted_options import RatingOptions, check_picture_options
from ls_integration.workflows.titles import default_title


def import_sted_rating(
    options: RatingOptions,
    settings: Settings,
    *,
    start: Path,
    dry_run: bool = False,
    say: Say,
    on_account: OnAccount = keep_in_study,
    report: Reporter = silent,
) -> ImportOutcome:
    """Import the images to rate again, or finish what an earlier run began.

    Parameters
    ----------
    options : RatingOptions
        Which images, and how.
    settings : Settings
        Which server.
    start : Path
        The working folder.
    dry_run : bool
        Read and draw everything, keep and send nothing.
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
    check_selection(options)
    check_picture_options(options.picture)
    read = read_source if options.range is None else read_all_images
    table = read(options.source, ratings=options.ratings)
    title = options.title or default_title("STED rating", table.name, blind=options.blind)
    check_study_options(options, title)
    return run_import(
        _Source(options, table, title),
        settings,
        start=start,
        dry_run=dry_run,
        say=say,
        on_account=on_account,
        report=report,
    )


def check_selection(options: RatingOptions) -> None:
    """Refuse no selection at all, and more than one.

    Parameters
    ----------
    options : RatingOptions
        All of them.

    Raises
    ------
    ConfigError
        Naming what was given.
    """
    given = {
        "--select": options.select,
        "--range": options.range,
        "--from-disagreements": options.from_disagreements,
    }
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        raise ConfigError(_which(named))
    if options.model_threshold is not None and options.order != "uncertain":
        msg = (
            f"--model-threshold {options.model_threshold:g} says what the model doubts, for "
            "--order uncertain; leave it out: the page shows nothing of a model"
        )
        raise ConfigError(msg)


def _which(named: list[str]) -> str:
    return (
        f"{' and '.join(named) or 'which images shall be rated again'}: give exactly one of "
        f"--select {SELECTION_FILE}, --range LOW HIGH and --from-disagreements RESULTS"
    )


def choose_rows(rows: pd.DataFrame, options: RatingOptions) -> pd.DataFrame:
    """Pick the images that shall be rated again.

    Parameters
    ----------
    rows : DataFrame
        As `SourceTable.rows`, no path twice; its index is the row in the source.
    options : RatingOptions
        With one selection.

    Returns
    -------
    DataFrame
        With a column ``source_index``.

    Raises
    ------
    SourceError
        If an image is not in the source, or no image is selected.
    ConfigError
        If the selection cannot be right.
    """
    if options.select is not None:
        return select_listed(rows, read_selection(options.select), name=str(options.select))
    if options.range is not None:
        low, high = options.range
        chosen = select_range(rows, low, high)
        nothing = f"no image of {options.source} has a rating in --range {low:g} {high:g}"
    elif options.from_disagreements is not None:
        folder = options.from_disagreements
        chosen = select_disputed(rows, *_read_results(folder))
        nothing = f"people dispute no rating of {options.source} in {folder}"
    else:
        raise ConfigError(_which([]))
    if chosen.empty:
        msg = f"{nothing}; there is nothing to rate again"
        raise SourceError(msg)
    return chosen


def _read_results(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read items and answers of a finished study of normal and anomaly."""
    kind = read_manifest(folder)["study"].get("kind", sted_quality.KIND)
    annotations, items = read_folder(folder)
    if items is None or not {"source_path", "label"} <= set(items.columns):
        msg = (
            f"{folder} has no items.csv with source_path and label; give a folder that `export` "
            f"wrote of a {sted_quality.KIND} study"
        )
        raise SourceError(msg)
    if kind != sted_quality.KIND:
        msg = f"{folder} holds results of the kind {kind}; give those of a {sted_quality.KIND} one"
        raise SourceError(msg)
    return items, annotations


@dataclass(frozen=True)
class _Source:
    """One source of STED images, some of which are rated again."""

    options: RatingOptions
    table: SourceTable
    title: str
    kind: str = sted_rating.KIND
    view: str = ""

    def select(self, known: Study | None, folder: Path, say: Say) -> "_Rows":
        for note in self.table.notes:
            say(note)
        rows = self.table.rows.drop_duplicates("source_path")
        if known is not None and self.options.from_disagreements is not None:
            # More people may have answered there since; the study asks what it asked.
            items = studies.read_items(folder)
            paths, indices = tuple(items["source_path"]), items["source_index"].to_numpy()
            chosen = select_listed(rows, Listed(paths, indices), name="the study")
            return _Rows(self.options, Selection(chosen, known.left_out, None))
        chosen = choose_rows(rows, self.options)
        wanted = set(chosen["source_path"])
        faults = [
            (problem.source_path, problem.message)
            for problem in self.table.problems
            if problem.source_path in wanted
        ]
        left_out = stop_or_leave_out(faults, self.options, say)
        chosen = chosen.loc[~chosen["source_path"].isin(left_out)].reset_index(drop=True)
        chosen = without_given_ids(chosen, self.options, say)
        order = self._order(chosen, known, folder)
        chosen = in_order(chosen, self.options, order)
        return _Rows(self.options, Selection(chosen, left_out, None))

    def _order(self, rows: pd.DataFrame, known: Study | None, folder: Path) -> NDArray[np.intp]:
        options = self.options
        if options.order != "uncertain":
            return find_order(rows, options, None)
        decisions = model_labels(
            rows, options.model_threshold, score_high_means=options.score_high_means
        )
        paths = imported_paths(studies.read_items(folder), known) if known else None
        return find_order(decisions.rows, options, decisions.threshold, known_paths=paths)


@dataclass(frozen=True)
class _Rows:
    """The images that shall be rated again."""

    options: RatingOptions
    selection: Selection

    def draw(self, study: Study, pictures: Path, say: Say, report: Reporter) -> Drawn:
        rows = self.selection.rows
        items = sted_rating.make_items(rows, make_id=study.item_id)
        items, left_out = draw_items(
            rows, items, study, self.options, pictures, say=say, report=report
        )
        nothing = pd.DataFrame({"item_id": [], "label": [], "score": [], "model_version": []})
        return Drawn(items, nothing, [*self.selection.left_out, *left_out])

    def keep(self, folder: Path) -> None:
        rows = self.selection.rows
        write_selection(
            folder / SELECTION_FILE, rows["source_path"].tolist(), rows["source_index"].tolist()
        )

    def redraw(self, study: Study, items: pd.DataFrame, media: Path, report: Reporter) -> None:
        check_same_source(self.selection, items, study)
        rerender_missing(self.selection, items, self.options, media, report)
