"""The page of a whole frame and its cutouts, of the kind ``cutouts``. Pure."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pandas as pd

from ls_integration.answers import STARTS_EMPTY
from ls_integration.kinds.cutouts import PRESENT_LABEL
from ls_integration.kinds.cutouts_overlay import NOTHING, overlay_html
from ls_integration.kinds.cutouts_regions import (
    NEUTRAL,
    ONLY_TILES,
    Tile,
    read_tiles,
    region,
)
from ls_integration.kinds.cutouts_texts import frame_keys
from ls_integration.study import Study

_INSET = 0.02
"""Of a tile's side: 4 px of 200, about one on the screen where a frame is 4200 wide."""

_LARGEST_PX = (1100, 640)
"""Into which width and height the page fits the frame, as the label config has it."""

_ABOVE_EDGE_PX = 2

_MIDDLE = 4
_ERRORS = ("FP", "FN")


def frame_item_id(study: Study, image_name: str) -> str:
    """Give the id of the task of a frame, which is no item.

    Parameters
    ----------
    study : Study
        The study.
    image_name : str
        The frame.

    Returns
    -------
    str
        As opaque as an item's.
    """
    return study.item_id(f"frame/{image_name}")


def frame_tasks(
    study: Study, items: pd.DataFrame, picture_url: Callable[[str], str]
) -> list[dict[str, Any]]:
    """Write one task per frame, in the order in which the items reach them.

    Parameters
    ----------
    study : Study
        Its salt, its frames' sizes, and whether it is blind.
    items : DataFrame
        With ``frame_image``, ``frame_box`` and ``tiles``.
    picture_url : callable
        ``frame_image`` -> address for ``task.data``.

    Returns
    -------
    list of dict
        ``data`` and ``predictions``: boxes without answers, since a tile with
        one could not be told from a tile that was answered.
    """
    frames = [(str(name), rows) for name, rows in items.groupby("image_name", sort=False)]
    tasks = []
    for number, (name, rows) in enumerate(frames, start=1):
        tiles = _tiles_of(rows, blind=study.blind)
        width, height = study.options["frames"][name]["size_px"]
        size_px = (int(width), int(height))
        data: dict[str, Any] = {
            "image": picture_url(str(rows["frame_image"].iloc[0])),
            "item_id": frame_item_id(study, name),
            "progress": f"Frame {number} of {len(frames)}: {name}",
            "frame": f"{len(tiles)} {'tile' if len(tiles) == 1 else 'tiles'}",
            "keys": frame_keys(blind=study.blind),
            "boxes": NOTHING if study.blind else _overlay(tiles, size_px),
            "tiles": {tile.region_id: tile.item_id for tile in tiles},
        }
        if study.blind:
            data[STARTS_EMPTY] = True
        else:
            data["image_name"] = name
        result = [
            region(
                tile,
                NEUTRAL if study.blind else tile.outcome,
                to_name="image",
                size_px=size_px,
                inset=_INSET,
            )
            for tile in tiles
        ]
        version = ONLY_TILES if study.blind else PRESENT_LABEL
        prediction = {"model_version": version, "score": 0.0, "result": result}
        tasks.append({"data": data, "predictions": [prediction]})
    return tasks


def _overlay(tiles: list[Tile], size_px: tuple[int, int]) -> str:
    width, height = size_px
    scale = min(_LARGEST_PX[0] / width, _LARGEST_PX[1] / height)
    shown_px = (scale * width, scale * height)
    return overlay_html(tiles, shown_px, inset=_INSET, above_edge_px=_ABOVE_EDGE_PX)


def _tiles_of(rows: pd.DataFrame, *, blind: bool) -> list[Tile]:
    """Give a frame's tiles in the order of the key: row by row, the errors first if shown."""
    tiles = []
    for text, box in zip(rows["tiles"], rows["frame_box"], strict=True):
        tile = read_tiles(text)[_MIDDLE]
        if tile is None:
            # The cutout itself is always in the table.
            continue
        x, y, width, height = (float(number) for number in json.loads(box))
        tiles.append(replace(tile, box=(x, y, width, height)))
    return sorted(
        tiles,
        key=lambda tile: (not blind and tile.outcome not in _ERRORS, tile.box[1], tile.box[0]),
    )
