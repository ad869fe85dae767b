"""`import cutouts`: a table of cutouts and its frames become a study."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ls_integration.errors import SourceError, StudyError
from ls_integration.files import write_bytes
from ls_integration.kinds.cutouts import KIND, make_items, present_labels
from ls_integration.kinds.cutouts_page import FRAMES
from ls_integration.kinds.cutouts_table import CutoutTable, read_predictions_table
from ls_integration.progress import Reporter, Say, silent
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.cutout_options import (
    CutoutOptions,
    check_cutout_options,
)
from ls_integration.workflows.cutout_pictures import (
    Frames,
    check_inside,
    draw_cutouts,
    find_sources,
    frame_jobs,
)
from ls_integration.workflows.cutouts_results import TABLE_FILE
from ls_integration.workflows.frame_pictures import render_frames
from ls_integration.workflows.import_items import stop_or_leave_out
from ls_integration.workflows.import_run import Drawn, ImportOutcome, run_import
from ls_integration.workflows.new_accounts import OnAccount, keep_in_study
from ls_integration.workflows.titles import default_title


def import_cutouts(
    options: CutoutOptions,
    settings: Settings,
    *,
    start: Path,
    dry_run: bool = False,
    say: Say,
    on_account: OnAccount = keep_in_study,
    report: Reporter = silent,
) -> ImportOutcome:
    """Import a table of cutouts, or finish what an earlier run began.

    Parameters
    ----------
    options : CutoutOptions
        What to ask, and how.
    settings : Settings
        Which server.
    start : Path
        The working folder.
    dry_run : bool
        Read and draw everything, keep and send nothing.
    say : callable
        Takes lines for the user.
    on_account : callable, optional
        Takes the study's folder and each account as soon as it is made.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    ImportOutcome
        Running it again sends only what is missing. With the other ``view`` it
        adds projects of that view to the same study.

    Raises
    ------
    IntegrationError
        Of any kind; nothing is sent before everything has been read.
    """
    name = options.predictions.stem
    title = options.title or default_title("Cutouts", name, blind=options.blind)
    check_cutout_options(options, title)
    table = read_predictions_table(
        options.predictions, threshold=options.threshold, tile_px=options.tile_px
    )
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
    """A table of cutouts."""

    options: CutoutOptions
    table: CutoutTable
    title: str
    kind: str = KIND

    @property
    def view(self) -> str:
        return FRAMES if self.options.view == "frame" else ""

    def select(self, known: Study | None, folder: Path, say: Say) -> "_Cutouts":
        for note in self.table.notes:
            say(note)
        if known is not None:
            _check_same_table(self.table, folder)
        # The ids depend on the study's salt: which rows are asked about does not.
        items = make_items(
            self.table,
            make_id=str,
            seed=self.options.seed,
            show=self.options.show,
            random_floor=self.options.random_floor,
        )
        if self.options.order == "random":
            order = np.random.default_rng(self.options.seed).permutation(len(items))
            items = items.iloc[order].reset_index(drop=True)
        if self.options.order == "uncertain":
            # scikit-learn takes a second to load, which other orders need not wait for.
            from ls_integration.workflows.uncertain_order import rank_cutouts

            items = items.iloc[rank_cutouts(self.table, items)].reset_index(drop=True)
        if self.options.limit is not None:
            items = items.head(self.options.limit)
        counts = items["outcome"].value_counts()
        parts = ", ".join(
            f"{counts[name]} {name}" for name in ("FP", "FN", "TP", "TN") if name in counts
        )
        say(f"{len(items)} of {len(self.table.frame)} cutouts: {parts}")
        frames = find_sources(self.options, list(dict.fromkeys(items["image_name"])))
        check_inside(frames, self.table)
        return _Cutouts(self.options, self.table, items, frames)


@dataclass(frozen=True)
class _Cutouts:
    """The cutouts that are asked about, and where their frames are."""

    options: CutoutOptions
    table: CutoutTable
    items: pd.DataFrame
    frames: Frames

    def draw(self, study: Study, pictures: Path, say: Say, report: Reporter) -> Drawn:
        ids = [study.item_id(path) for path in self.items["source_path"]]
        items, frames, problems = draw_cutouts(
            self.items.assign(item_id=ids),
            study,
            self.options,
            self.frames,
            self.table,
            pictures,
            report,
        )
        left_out = stop_or_leave_out(problems, self.options, say)
        if items.empty:
            msg = f"no cutout of {self.table.name} can be shown; see the lines above"
            raise SourceError(msg)
        shown = items.head(0) if self.options.blind else items
        return Drawn(items, present_labels(shown), left_out, {"frames": frames})

    def keep(self, folder: Path) -> None:
        write_bytes(folder / TABLE_FILE, self.table.data)

    def redraw(self, study: Study, items: pd.DataFrame, media: Path, report: Reporter) -> None:
        known: dict[str, Any] = study.options["frames"]
        # A replay may have added cutouts of other frames.
        frames = find_sources(self.options, list(dict.fromkeys(items["image_name"])))
        jobs = frame_jobs(items, study, self.options, frames, media / study.pictures_folder, known)
        for result in render_frames(jobs, report=report, skip_existing=True):
            errors = [result.error, *(one.error for one in result.cutouts)]
            for error in filter(None, errors):
                msg = f"a picture of the study is gone and cannot be made again: {error}"
                raise SourceError(msg)


def _check_same_table(table: CutoutTable, folder: Path) -> None:
    path = folder / TABLE_FILE
    if not path.is_file() or path.read_bytes() != table.data:
        msg = (
            f"{table.name} is not the table that this study was imported from (a copy is {path}); "
            "put it back, or import into another folder with --study"
        )
        raise StudyError(msg)
