"""The label pages of the kind ``cutouts``: tasks, predictions, answers. Pure.

The usual page shows one cutout and its neighbours; the view `FRAMES` a whole
frame, see `cutouts_frame_page`.
"""

import json
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import pandas as pd

from ls_integration.answers import STARTS_EMPTY
from ls_integration.kinds.cutouts import KIND, POSITIVE, PRESENT_LABEL
from ls_integration.kinds.cutouts_frame_page import frame_tasks
from ls_integration.kinds.cutouts_overlay import NOTHING, overlay_html
from ls_integration.kinds.cutouts_regions import (
    ANSWERS,
    NEUTRAL,
    ONLY_TILES,
    OWN,
    Tile,
    page_config,
    read_answer,
    read_tiles,
    region,
    write_answer,
)
from ls_integration.kinds.cutouts_texts import (
    cutout_instructions,
    cutout_keys,
    frame_instructions,
)
from ls_integration.kinds.kind import Kind, Page, Tab, TabFilter
from ls_integration.kinds.page_texts import progress_texts
from ls_integration.label_config import LabelConfig, choice_result
from ls_integration.resources import label_config_xml
from ls_integration.study import Study

FRAMES = "frames"
"""The view of whole frames."""

SKY_POSITION = "sky position"
"""The row of the table that stands behind those of the file."""

BLIND_FACTS = ("image_name", "grid_id", "grid_x", "grid_y", SKY_POSITION)
"""What of the table a blind page shows; ``error_id`` would tell an error."""

_MIDDLE = 4
_INSET = 0.009
"""Of a tile's side: 1.8 of 200 px on the screen, where strokes are 2 px wide."""

_ERRORS = ("FP", "FN")
_FOR_THE_PAGE = ("context", "table", "boxes", "keys", "tiles", "item_id", STARTS_EMPTY)
_HIDDEN = (
    *(f"data.{name}" for name in _FOR_THE_PAGE),
    "inner_id",
    "completed_at",
    "avg_lead_time",
    "annotations_ids",
    "annotations_results",
    "predictions_score",
    "predictions_model_versions",
    "predictions_results",
    "total_predictions",
    "file_upload",
    "storage_filename",
    "created_at",
    "updated_at",
    "updated_by",
    "draft_exists",
)
"""Columns that are for the page and for programs; without them the others are in sight."""

_CONTEXT_PX = 600
"""Side of the neighbourhood on the screen, as the label config has it."""

_ABOVE_EDGE_PX = 12
"""The confidence stands above the dashed frame's lower side."""


def read_config(study: Study, view: str = "") -> LabelConfig:
    """Give the label page of a study.

    Parameters
    ----------
    study : Study
        Blind or not.
    view : str
        Empty, or `FRAMES`.

    Returns
    -------
    LabelConfig
        As the package has it; the boxes of a blind study are all alike.
    """
    name = "cutouts_frame" if view == FRAMES else "cutouts"
    return page_config(label_config_xml(name), blind=study.blind)


def make_page(
    study: Study,
    items: pd.DataFrame,
    predictions: pd.DataFrame,
    picture_url: Callable[[str], str],
    view: str = "",
) -> Page:
    """Write all that a project of a study shows.

    Parameters
    ----------
    study : Study
        Blind or not; its options ``tile_px`` and ``frames``.
    items : DataFrame
        The items, with pictures, ``facts``, ``tiles`` and ``frame_box``.
    predictions : DataFrame
        ``item_id``, ``label``: what each page starts from; no rows in a blind
        study.
    picture_url : callable
        Path below the media folder -> address for ``task.data``.
    view : str
        Empty, or `FRAMES`.

    Returns
    -------
    Page
        Of a blind study without anything that would tell label, prediction or
        that a cutout is an error.
    """
    config = read_config(study, view)
    if view == FRAMES:
        tasks = frame_tasks(study, items, picture_url)
        text = frame_instructions(blind=study.blind)
    else:
        tasks = cutout_tasks(study, items, predictions, config, picture_url)
        text = cutout_instructions(blind=study.blind)
    version = ONLY_TILES if study.blind else PRESENT_LABEL
    return Page(
        config,
        tasks,
        text,
        (_mode_line(study, view),),
        version,
        tabs=page_tabs(view, blind=study.blind),
    )


def page_tabs(view: str = "", *, blind: bool) -> tuple[Tab, ...]:
    """Name the lists of tasks in the Data Manager.

    Parameters
    ----------
    view : str
        Empty, or `FRAMES`.
    blind : bool
        None that would need the outcome or the confidence.

    Returns
    -------
    tuple of Tab
        For cutouts all, FP, FN, unchecked, by confidence; for frames all and
        unchecked.
    """
    every = Tab("All", hidden=_HIDDEN)
    unchecked = Tab(
        "Unchecked", (TabFilter("total_annotations", 0, type="Number"),), hidden=_HIDDEN
    )
    if blind or view == FRAMES:
        return every, unchecked
    return (
        every,
        *(Tab(name, (TabFilter("data.outcome", name),), hidden=_HIDDEN) for name in _ERRORS),
        unchecked,
        Tab(
            "By confidence",
            order_by="data.score",
            is_descending=True,
            hidden=_HIDDEN,
            numbers=("data.score",),
        ),
    )


def cutout_tasks(
    study: Study,
    items: pd.DataFrame,
    predictions: pd.DataFrame,
    config: LabelConfig,
    picture_url: Callable[[str], str],
) -> list[dict[str, Any]]:
    """Write one task per cutout, in the study's order.

    Parameters
    ----------
    study : Study
        See `make_page`.
    items : DataFrame
        See `make_page`.
    predictions : DataFrame
        See `make_page`.
    config : LabelConfig
        The page.
    picture_url : callable
        See `make_page`.

    Returns
    -------
    list of dict
        ``data`` and ``predictions``.
    """
    starts = dict(zip(predictions["item_id"], predictions["label"], strict=True))
    places = progress_texts(items["part"].tolist(), "Cutout")
    side_px = 3 * int(study.options["tile_px"])
    keys = cutout_keys(blind=study.blind)
    tasks = []
    for item, place in zip(items.to_dict("records"), places, strict=True):
        tiles = read_tiles(item["tiles"])
        item_id = str(item["item_id"])
        data: dict[str, Any] = {
            "image": picture_url(item["image"]),
            "context": picture_url(item["context"]),
            "item_id": item_id,
            "progress": place,
            "keys": keys,
            "table": facts_html(
                json.loads(item["facts"]), picture_url(item["frame_image"]), blind=study.blind
            ),
            "boxes": NOTHING if study.blind else _overlay(tiles),
            "tiles": {tile.region_id: tile.item_id for tile in tiles if tile is not None},
        }
        if study.blind:
            data[STARTS_EMPTY] = True
        else:
            score = item["model_score"]
            data["image_name"] = item["image_name"]
            data["outcome"] = item["outcome"]
            data["score"] = None if pd.isna(score) else float(score)
        start = None if study.blind else starts.get(item_id)
        result = choice_result(config.controls["verdict"], start) if start else []
        for place_of_tile, tile in enumerate(tiles):
            if tile is not None:
                label = NEUTRAL if study.blind else tile.outcome
                if place_of_tile == _MIDDLE:
                    label = OWN + label
                size_px = (side_px, side_px)
                result.append(region(tile, label, to_name="context", size_px=size_px, inset=_INSET))
        score = data.get("score")
        prediction = {
            "model_version": ONLY_TILES if study.blind else PRESENT_LABEL,
            "score": 0.0 if score is None else score,
            "result": result,
        }
        tasks.append({"data": data, "predictions": [prediction]})
    return tasks


def facts_html(facts: Sequence[Sequence[str]], frame_url: str, *, blind: bool) -> str:
    """Write the table beside a cutout, and the link to its whole frame.

    Parameters
    ----------
    facts : sequence of pairs of str
        Column and text, in the order in which they shall stand.
    frame_url : str
        Address of the frame's picture.
    blind : bool
        Only `BLIND_FACTS`.

    Returns
    -------
    str
        HTML; whatever stood in the file is text in it.
    """
    rows = "".join(
        f"<tr><td>{escape(str(name))}</td><td>{escape(str(text))}</td></tr>"
        for name, text in facts
        if not blind or name in BLIND_FACTS
    )
    link = f'<a href="{escape(frame_url)}" target="_blank">whole frame</a>'
    return f"<table>{rows}</table><p>{link}</p>"


def _overlay(tiles: Sequence[Tile | None]) -> str:
    shown_px = (_CONTEXT_PX, _CONTEXT_PX)
    return overlay_html(tiles, shown_px, inset=_INSET, above_edge_px=_ABOVE_EDGE_PX)


def _mode_line(study: Study, view: str) -> str:
    if study.blind:
        return "BLIND: the server holds nothing of labels, predictions and errors"
    if view == FRAMES:
        return "reviewers see what label and model say by the colour of each tile's box"
    return "pages start from the present label; reviewers see label, prediction and confidence"


CUTOUTS = Kind(
    name=KIND,
    positive=POSITIVE,
    labels=ANSWERS,
    read_config=read_config,
    make_page=make_page,
    read_answer=read_answer,
    write_answer=write_answer,
    example_labels=ANSWERS[:2],
)
