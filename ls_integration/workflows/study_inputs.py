"""The items of a study -> the files that a model looks at: those of the study's own source."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ls_integration import study as study_folder
from ls_integration.errors import SourceError, StudyError, TaskError
from ls_integration.kinds import cutouts
from ls_integration.kinds.sted_source import read_all_images
from ls_integration.serving.inputs import CutoutInput, FrameInput, Input, StedInput
from ls_integration.study import Study
from ls_integration.workflows.cutout_options import options_of_study
from ls_integration.workflows.cutout_pictures import find_sources

_Stamp = tuple[tuple[int, int, int], ...]


def study_inputs(study: Study, items: pd.DataFrame) -> dict[str, Input]:
    """Find what a model is to look at, for each item of a study.

    Parameters
    ----------
    study : Study
        With the options of its import: where the sources are, which part of
        each file is meant.
    items : DataFrame
        Its items.

    Returns
    -------
    dict of str to Input
        By ``item_id``. Items whose file is not to be found are left out.

    Raises
    ------
    SourceError
        If a source as a whole is not there any more.
    """
    if study.kind == cutouts.KIND:
        return _cutout_inputs(study, items)
    return _sted_inputs(study, items)


class StudyInputs:
    """Finds what a model is to look at, by a task's ``item_id``; follows a study that grows.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Raises
    ------
    StudyError
        If it is no study, or a blind one.
    SourceError
        If its sources are not where they were.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._stamp = self._current_stamp()
        self._inputs = self._read()

    def __call__(self, data: Mapping[str, Any]) -> Input:
        """Find an item.

        Parameters
        ----------
        data : mapping
            A task's data.

        Returns
        -------
        Input
            Its file.

        Raises
        ------
        TaskError
            If the study has no such item, or its file is gone.
        """
        item_id = data.get("item_id")
        if not isinstance(item_id, str):
            msg = "the task has no item_id; it is none of the study's"
            raise TaskError(msg)
        found = self._inputs.get(item_id) or self._looked_up_again(item_id)
        if found is None:
            msg = f"the item {item_id[:40]} is not of the study, or its source file is gone"
            raise TaskError(msg)
        return found

    def _looked_up_again(self, item_id: str) -> Input | None:
        """Read the study again if it has grown since."""
        with self._lock:
            stamp = self._current_stamp()
            if stamp != self._stamp:
                self._inputs, self._stamp = self._read(), stamp
        return self._inputs.get(item_id)

    def _read(self) -> dict[str, Input]:
        return study_inputs(study_folder.load(self._folder), study_folder.read_items(self._folder))

    def _current_stamp(self) -> _Stamp:
        try:
            found = [path.stat() for path in sorted(self._folder.glob("*.parquet"))]
        except OSError as error:
            msg = f"cannot read the study {self._folder}: {error.strerror or error}"
            raise StudyError(msg) from None
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


def _sted_inputs(study: Study, items: pd.DataFrame) -> dict[str, Input]:
    options = study.options
    found: dict[str, Input] = {}
    for part, rows in items.groupby("part"):
        source, ratings = study.sources[int(str(part))]
        table = read_all_images(source, ratings=ratings).rows
        files = dict(zip(table["source_path"], table["file"], strict=True))
        for item_id, path in zip(rows["item_id"], rows["source_path"], strict=True):
            if path in files:
                found[str(item_id)] = StedInput(
                    Path(files[path]),
                    channel=options.get("channel"),
                    plane=options.get("plane"),
                    projection=options.get("projection"),
                )
    return found


def _cutout_inputs(study: Study, items: pd.DataFrame) -> dict[str, Input]:
    options = options_of_study(study)
    names = [str(name) for name in dict.fromkeys(items["image_name"])]
    frames = find_sources(options, names)
    if not frames.sources:
        msg = f"the frames of the study '{study.title}' are not in {options.source}; put them back"
        raise SourceError(msg)
    columns = (items["item_id"], items["image_name"], items["grid_x"], items["grid_y"])
    return {
        str(item_id): CutoutInput(
            FrameInput(frames.sources[str(name)], frames.hdu, frames.bands),
            int(x),
            int(y),
            options.tile_px,
            options.origin,
        )
        for item_id, name, x, y in zip(*columns, strict=True)
    }
