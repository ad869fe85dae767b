"""Items of the kind ``cutouts`` as an import makes them, for the tests of its pages."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ls_integration.images.drawing import frame_picture_suffix
from ls_integration.kinds.cutouts import all_item_ids, make_items
from ls_integration.kinds.cutouts_table import CutoutTable
from ls_integration.study import Study
from ls_integration.workflows.frame_jobs import CutoutJob, CutoutResult, FrameJob, FrameResult
from ls_integration.workflows.frame_pictures import render_frames


def drawn_study(
    table: CutoutTable,
    frames: Mapping[str, Path],
    media: Path,
    *,
    blind: bool = False,
    rows: slice = slice(None),
    **selection: Any,
) -> tuple[Study, pd.DataFrame, pd.DataFrame]:
    """Draw the cutouts of a table; give the study, its items and what its pages start from."""
    study = Study(kind="cutouts", title="Cutouts", blind=blind)
    items = make_items(table, make_id=study.item_id, seed=3, **selection).iloc[rows]
    items = items.reset_index(drop=True)
    folder = study.pictures_folder
    # As closed as an import leaves it.
    (media / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    stems = items["item_id"]
    jobs = []
    for name, group in items.groupby("image_name", sort=False):
        cutouts = tuple(
            CutoutJob(
                int(item.grid_x),
                int(item.grid_y),
                media / folder / f"{item.item_id}.webp",
                media / folder / f"{item.item_id}-context.webp",
            )
            for item in group.itertuples()
        )
        suffix = frame_picture_suffix([frames[str(name)]])
        target = media / folder / f"{study.item_id(f'frame/{name}')}{suffix}"
        jobs.append(FrameJob((frames[str(name)],), table.tile_px, cutouts, target))
    results = dict(zip(items["image_name"].unique(), render_frames(jobs), strict=True))
    assert all(result.error is None for result in results.values())
    by_item = {one.job.target.stem: one for result in results.values() for one in result.cutouts}
    ids, places = all_item_ids(table, study.item_id), _places(table)
    items = items.assign(
        part=1,
        image=[f"{folder}/{stem}.webp" for stem in stems],
        context=[f"{folder}/{stem}-context.webp" for stem in stems],
        frame_image=[
            f"{folder}/{results[name].job.frame_target.name}"  # type: ignore[union-attr]
            for name in items["image_name"]
        ],
        frame_box=[_box(by_item[stem].frame_box) for stem in stems],
        facts=[
            json.dumps([[name, table.texts[name].iloc[row]] for name in table.texts])
            for row in items["row"]
        ],
        tiles=[
            _tiles(table, ids, places[item.image_name], by_item[item.item_id], results[item.group])
            for item in items.itertuples()
        ],
    )
    options = {
        "tile_px": table.tile_px,
        "frames": {name: {"size_px": list(one.size_px)} for name, one in results.items()},
    }
    predictions = pd.DataFrame(
        {"item_id": stems, "label": items["label"], "score": items["model_score"].fillna(0.0)}
    )
    predictions["model_version"] = "present-label"
    return (
        study.model_copy(update={"options": options}),
        items,
        predictions.iloc[:0] if blind else predictions,
    )


def _places(table: CutoutTable) -> dict[str, dict[tuple[int, int], int]]:
    """Give the rows of each frame's cutouts by ``grid_x`` and ``grid_y``."""
    found: dict[str, dict[tuple[int, int], int]] = {}
    for row in table.frame.itertuples():
        found.setdefault(str(row.image_name), {})[int(row.grid_x), int(row.grid_y)] = int(row.Index)
    return found


def _tiles(
    table: CutoutTable,
    ids: Any,
    places: Mapping[tuple[int, int], int],
    result: CutoutResult,
    frame: FrameResult,
) -> str:
    assert frame.size_px is not None
    height, side = frame.size_px[1], table.tile_px
    entries: list[dict[str, Any] | None] = []
    for cell in result.cells:
        row = places.get(cell.grid) if cell.grid else None
        if row is None or cell.grid is None:
            entries.append(None)
            continue
        x, y = cell.grid
        top = y if frame.origin == "upper" else height - y - side
        score = float(table.frame["score"].iloc[row])
        entries.append(
            {
                "id": f"r{top // side:02d}c{x // side:02d}",
                "item_id": ids[row],
                "outcome": table.frame["outcome"].iloc[row],
                "score": None if math.isnan(score) else score,
                "label": "artifact" if table.present[row] else "no artifact",
                "box": [cell.box.x, cell.box.y, cell.box.width, cell.box.height],
            }
        )
    return json.dumps(entries)


def _box(box: Any) -> str:
    return json.dumps([box.x, box.y, box.width, box.height])
