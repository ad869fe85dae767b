"""The boxes around cutouts: what both pages of the kind ``cutouts`` draw and read. Pure.

A region's id carries row and column of its tile in the frame, and is the key of
the task's ``tiles``, which says whose item it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from xml.etree import ElementTree

from ls_integration.answers import Judgement, Reader, Writer
from ls_integration.kinds.cutouts import NEGATIVE, POSITIVE, UNSURE
from ls_integration.label_config import LabelConfig, choice_result, parse, read_choice

ONLY_TILES = "tiles"
"""The version of predictions that show boxes and nothing else."""

OUTCOMES = ("FP", "FN", "TP", "TN")
NEUTRAL = "tile"
"""The label of every box in a blind study."""

OWN = "cutout "
"""Stands before the label of the cutout that is asked about, among its neighbours."""

ANSWERS = (POSITIVE, NEGATIVE, UNSURE)

_NEUTRAL_COLOUR = "#e0e0e0"
_UNPRESSED_KEYS = ("ctrl+alt+shift+f13", "ctrl+alt+shift+f14")
"""Keys that no keyboard has: nobody is to draw."""

_OF_A_BOX = (
    *("id", "from_name", "to_name", "type", "readonly", "value"),
    *("original_width", "original_height", "image_rotation"),
)


@dataclass(frozen=True)
class Tile:
    """A cutout in the picture of a neighbourhood or of a frame.

    Attributes
    ----------
    region_id : str
        Row and column in the frame, as ``r05c08``.
    item_id : str
        The cutout's.
    outcome : str
        TP, FP, FN or TN.
    score : float or None
        The model's confidence that it is an artifact.
    label : str
        The present one.
    box : tuple of float
        x, y, width and height in per cent of the picture.
    """

    region_id: str
    item_id: str
    outcome: str
    score: float | None
    label: str
    box: tuple[float, float, float, float]

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry of the items' column ``tiles``.

        Parameters
        ----------
        entry : mapping
            ``id, item_id, outcome, score, label, box``.

        Returns
        -------
        Tile
            The same.
        """
        x, y, width, height = (float(number) for number in entry["box"])
        return cls(
            region_id=str(entry["id"]),
            item_id=str(entry["item_id"]),
            outcome=str(entry["outcome"]),
            score=None if entry["score"] is None else float(entry["score"]),
            label=str(entry["label"]),
            box=(x, y, width, height),
        )


def read_tiles(text: str) -> list[Tile | None]:
    """Read the column ``tiles`` of an item.

    Parameters
    ----------
    text : str
        JSON of nine entries, row by row as drawn.

    Returns
    -------
    list of Tile or None
        The fifth is the cutout itself; None where the table has none.
    """
    return [None if entry is None else Tile.read(entry) for entry in json.loads(text)]


def region(
    tile: Tile, label: str, *, to_name: str, size_px: tuple[int, int], inset: float
) -> dict[str, Any]:
    """Write a read-only box, as Label Studio stores it.

    Parameters
    ----------
    tile : Tile
        Where.
    label : str
        One of the label config.
    to_name : str
        Name of the picture in the label config.
    size_px : tuple of int
        Width and height of the picture.
    inset : float
        By how much of its side the box is smaller on each side, so that half
        of its stroke does not cover its neighbour's.

    Returns
    -------
    dict
        An item of a ``result``.
    """
    x, y, width, height = tile.box
    return {
        "id": tile.region_id,
        "from_name": "tile",
        "to_name": to_name,
        "type": "rectanglelabels",
        "readonly": True,
        "original_width": size_px[0],
        "original_height": size_px[1],
        "image_rotation": 0,
        "value": {
            "x": x + inset * width,
            "y": y + inset * height,
            "width": (1 - 2 * inset) * width,
            "height": (1 - 2 * inset) * height,
            "rotation": 0,
            "rectanglelabels": [label],
        },
    }


def shown_boxes(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the boxes that a task's page shows and nobody may move.

    Parameters
    ----------
    task : mapping
        With its ``predictions``.

    Returns
    -------
    list of dict
        Items of a ``result``, none of them an answer; none where the page of
        another kind starts from no boxes. An annotation without them opens
        without boxes, and a box that is not there cannot be answered.
    """
    return [
        {name: item[name] for name in _OF_A_BOX}
        for prediction in task.get("predictions", [])[:1]
        for item in prediction["result"]
        if item["type"] == "rectanglelabels" and item.get("readonly")
    ]


def page_config(xml: str, *, blind: bool) -> LabelConfig:
    """Give one of the kind's label pages.

    Parameters
    ----------
    xml : str
        As the package has it.
    blind : bool
        All boxes alike.

    Returns
    -------
    LabelConfig
        The page.
    """
    config = parse(xml)
    if not blind:
        return config
    root = ElementTree.fromstring(xml)
    for labels in root.iter("RectangleLabels"):
        has_own = any(str(label.get("value")).startswith(OWN) for label in labels)
        for label in list(labels):
            labels.remove(label)
        names = (NEUTRAL, OWN + NEUTRAL) if has_own else (NEUTRAL,)
        for name, key in zip(names, _UNPRESSED_KEYS, strict=False):
            attributes = {"value": name, "background": _NEUTRAL_COLOUR, "hotkey": key}
            ElementTree.SubElement(labels, "Label", attributes)
    for choices in root.iter("Choices"):
        if choices.get("whenLabelValue"):
            choices.set("whenLabelValue", NEUTRAL)
    return parse(ElementTree.tostring(root, encoding="unicode"))


def read_answer(config: LabelConfig) -> Reader:
    """Make the reader of the answers that a page gives.

    Parameters
    ----------
    config : LabelConfig
        The page of one cutout and its neighbours, or of a whole frame.

    Returns
    -------
    callable
        A task and a result -> for a cutout its own verdict, then the neighbours
        that were answered; for a frame the tiles that were answered.
    """
    if "neighbour" not in config.controls:
        return _read_frame
    verdict = config.controls["verdict"]

    def read(task: Mapping[str, Any], result: Sequence[Mapping[str, Any]]) -> list[Judgement]:
        own_id = str(task["data"]["item_id"])
        own = Judgement(own_id, label=read_choice(verdict, result), remark=_remark(result))
        neighbours = _answered(task, result, "neighbour")
        return [own, *(one for one in neighbours if one.item_id != own_id)]

    return read


def write_answer(config: LabelConfig) -> Writer:
    """Make the writer of verdicts that were given elsewhere.

    Parameters
    ----------
    config : LabelConfig
        The page of one cutout and its neighbours.

    Returns
    -------
    callable
        A judgement of a task's own cutout -> the ``result`` that says it,
        without the boxes of the page, see `shown_boxes`.
    """
    verdict = config.controls["verdict"]

    def write(judgement: Judgement) -> list[dict[str, Any]]:
        return choice_result(verdict, judgement.label or "")

    return write


def _read_frame(task: Mapping[str, Any], result: Sequence[Mapping[str, Any]]) -> list[Judgement]:
    return _answered(task, result, "verdict")


def _answered(
    task: Mapping[str, Any], result: Sequence[Mapping[str, Any]], name: str
) -> list[Judgement]:
    """Read the regions that have an answer; a region of nobody's is no cutout."""
    tiles = task["data"].get("tiles") or {}
    judgements = []
    for item in result:
        if item.get("from_name") != name or item.get("id") not in tiles:
            continue
        choices = item.get("value", {}).get("choices", [])
        if len(choices) == 1:
            judgements.append(Judgement(str(tiles[item["id"]]), label=str(choices[0])))
    return judgements


def _remark(result: Sequence[Mapping[str, Any]]) -> str | None:
    for item in result:
        if item.get("from_name") == "remark":
            text = item.get("value", {}).get("text", [])
            # Older pages give the text itself.
            lines = [text] if isinstance(text, str) else text
            return "\n".join(str(line) for line in lines).strip() or None
    return None
