"""Which images of a source a study has already, and which are new to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ls_integration.errors import SourceError, StudyError, some_of
from ls_integration.kinds.sted_quality import make_items
from ls_integration.progress import Reporter, Say
from ls_integration.study import Study
from ls_integration.workflows.examples import hash_pixels, is_example
from ls_integration.workflows.import_items import Selection, stop_or_leave_out
from ls_integration.workflows.item_pictures import render_rows
from ls_integration.workflows.pictures import PICTURE_SUFFIX
from ls_integration.workflows.sted_options import ImportOptions


@dataclass(frozen=True)
class NewItems:
    """The images of a source that a study does not have.

    Attributes
    ----------
    items : DataFrame
        As `make_items`, with ``image`` and ``peak_count``; perhaps no rows.
    pictures : list of Path
        Their pictures, drawn and not yet in the study's folder.
    left_out : list of str
        Source paths that ``--skip-bad`` left out.
    """

    items: pd.DataFrame
    pictures: list[Path]
    left_out: list[str]


def known_rows(
    selection: Selection, items: pd.DataFrame, study: Study, options: ImportOptions
) -> pd.DataFrame:
    """Find the rows that came from this very source before, perhaps when it was smaller.

    Parameters
    ----------
    selection : Selection
        The source's rows.
    items : DataFrame
        The study's items.
    study : Study
        Knows which part came from where.
    options : ImportOptions
        The source.

    Returns
    -------
    DataFrame
        Some of the rows.

    Raises
    ------
    StudyError
        If a rating or score is another one now: answers were given to it.
    """
    source = str(options.source.absolute())
    parts = [known.part for known in study.extensions if known.source == source]
    if study.options["source"] == source:
        parts.append(1)
    ours = items.loc[items["part"].isin(parts)].set_index("source_path")
    rows = selection.rows.loc[selection.rows["source_path"].isin(ours.index)]
    then = ours.loc[rows["source_path"]]
    for column in ("rating", "model_score"):
        now_values, then_values = rows[column].to_numpy(float), then[column].to_numpy(float)
        is_other = ~((now_values == then_values) | (np.isnan(now_values) & np.isnan(then_values)))
        if is_other.any():
            msg = (
                f"the {column} of images that the study has is another one now in "
                f"{options.source}: {some_of(rows.loc[is_other, 'source_path'].tolist())}; put it "
                "back, since answers were given to them"
            )
            raise StudyError(msg)
    return rows


def new_items(
    selection: Selection,
    items: pd.DataFrame,
    study: Study,
    options: ImportOptions,
    media: Path,
    drawn: Path,
    *,
    say: Say,
    report: Reporter,
) -> NewItems:
    """Draw what the study may not have, and keep what it does not.

    Parameters
    ----------
    selection : Selection
        The source's rows.
    items : DataFrame
        The study's items, with their pictures on disk.
    study : Study
        The study.
    options : ImportOptions
        The study's, with the source.
    media : Path
        The media folder.
    drawn : Path
        An empty folder for the pictures.
    say : callable
        Told of every image that is left out.
    report : Reporter
        Told of progress.

    Returns
    -------
    NewItems
        In the study's order, without position and part.

    Raises
    ------
    SourceError
        If an image cannot be shown or has the name of another one, and
        ``skip_bad`` is not set; or if one is an example in the instructions.
    StudyError
        As `known_rows`.
    """
    known = known_rows(selection, items, study, options)
    rows = selection.rows.drop(index=known.index).reset_index(drop=True)
    added = make_items(rows, make_id=study.item_id, normal_at_least=options.normal_at_least)
    names = [f"{study.item_id(path)}{PICTURE_SUFFIX}" for path in added["source_path"]]
    results = render_rows(rows, names, options, drawn, report, skip_existing=False)
    added["image"] = [f"{study.pictures_folder}/{name}" for name in names]
    added["peak_count"] = np.array([result.peak_count for result in results], dtype=np.float64)
    pixels = [None if result.error else hash_pixels(result.job.target) for result in results]
    of_study = (
        {hash_pixels(media / image): path for image, path in _pictures(items)} if len(rows) else {}
    )
    paths, item_ids = set(items["source_path"]), set(items["item_id"])
    there = known["source_path"].tolist()
    faults: list[tuple[str, str]] = []
    is_new = np.zeros(len(added), dtype=bool)
    columns = (added["source_path"], added["item_id"], pixels, results)
    for row, (path, item_id, shown, result) in enumerate(zip(*columns, strict=True)):
        if shown is None:
            faults.append((path, str(result.error)))
        elif shown in of_study:
            there.append(path if of_study[shown] == path else f"{path} (as {of_study[shown]})")
        elif path in paths or item_id in item_ids:
            name = path if path in paths else f"the item_id {item_id}"
            fault = f"{name} stands for another picture in the study; give {path} another name"
            faults.append((path, fault))
        else:
            is_new[row] = True
    left_out = selection.left_out + stop_or_leave_out(faults, options, say)
    if there:
        say(f"in the study already, not added again: {some_of(there)}")
    new_pixels = [shown for shown, wanted in zip(pixels, is_new, strict=True) if wanted and shown]
    new = added.loc[is_new].reset_index(drop=True)
    _refuse_examples(new, new_pixels, study)
    pictures = [drawn / name for name, wanted in zip(names, is_new, strict=True) if wanted]
    return NewItems(new, pictures, left_out)


def _refuse_examples(new: pd.DataFrame, pixels: Sequence[str], study: Study) -> None:
    told = [
        path
        for path, shown in zip(new["source_path"], pixels, strict=True)
        if is_example(shown, study)
    ]
    if told:
        msg = (
            f"images that are also examples in the instructions: {some_of(told)}; their ratings "
            "would be the answers: take them out of the source, or import again with other examples"
        )
        raise SourceError(msg)


def _pictures(items: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(items["image"], items["source_path"], strict=True))
