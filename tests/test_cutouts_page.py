"""The pages of cutouts: what is sent, what is hidden, how answers read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ls_integration.answers import Judgement, answers_from_tasks
from ls_integration.kinds.cutouts_page import CUTOUTS, FRAMES, facts_html
from ls_integration.label_config import check_predictions
from ls_integration.study import Study
from tests.cutout_pages import drawn_study
from tests.cutout_tables import SMALL, parse


@pytest.fixture
def frames(tmp_path: Path) -> dict[str, Path]:
    """Write the two frames of the small table: 400 x 400 and 400 x 200 px."""
    rng = np.random.default_rng(1)
    paths = {}
    for name, height in (("A", 400), ("B.x_1", 200)):
        paths[name] = tmp_path / f"{name}.png"
        noise = rng.integers(0, 255, size=(height, 400, 3), dtype=np.uint8)
        Image.fromarray(noise).save(paths[name])
    return paths


def page_of(
    frames: dict[str, Path], view: str = "", text: str = SMALL, **options: Any
) -> tuple[Any, Study, pd.DataFrame]:
    """Make a page from a table's text."""
    media = next(iter(frames.values())).parent
    study, items, predictions = drawn_study(parse(text), frames, media, **options)
    page = CUTOUTS.make_page(study, items, predictions, lambda image: f"/{image}", view)
    check_predictions(page.config, [task["predictions"][0] for task in page.tasks])
    return page, study, items


def result_of(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the result of a task's one prediction."""
    (prediction,) = task["predictions"]
    result: list[dict[str, Any]] = prediction["result"]
    return result


def test_a_page_starts_from_the_present_label_and_boxes_in_the_colour_of_the_outcome(
    frames: dict[str, Path],
) -> None:
    """The queue in the order of error_id; tiles outside of the frame have no box."""
    page, study, items = page_of(frames)
    assert list(items["error_id"]) == [0, 1, 2]
    assert page.model_version == "present-label"
    texts = [task["data"]["progress"] for task in page.tasks]
    assert texts == [f"Cutout {number} of 3" for number in (1, 2, 3)]
    verdict, *boxes = result_of(page.tasks[0])
    assert verdict["value"] == {"choices": ["no artifact"]}
    assert result_of(page.tasks[1])[0]["value"] == {"choices": ["artifact"]}
    labels = {box["id"]: box["value"]["rectanglelabels"] for box in boxes}
    expected = {"r00c00": ["TN"], "r00c01": ["cutout FP"], "r01c00": ["TP"], "r01c01": ["FN"]}
    assert labels == expected
    data = page.tasks[0]["data"]
    assert data["tiles"] == {
        f"r{row:02d}c{column:02d}": study.item_id(f"A/{200 * column}/{200 * row}")
        for row in range(2)
        for column in range(2)
    }
    # FP and TP of the four; the red box of the TP, which is on the left below the middle.
    assert data["boxes"].count("<div") == 3
    assert ">0.990<" in data["boxes"]
    assert ">0.970<" in data["boxes"]
    assert "left:4.0px;top:404.0px;width:192.0px;height:192.0px;box-sizing" in data["boxes"]
    assert (data["outcome"], data["score"], data["image_name"]) == ("FP", 0.99, "A")


def test_boxes_are_where_the_tiles_are_and_do_not_touch(frames: dict[str, Path]) -> None:
    """Half a stroke inside of each tile, in the neighbourhood as in the frame."""
    page, *_ = page_of(frames)
    box = result_of(page.tasks[0])[1]["value"]
    assert (box["x"], box["y"]) == pytest.approx((0.3, 100 / 3 + 0.3))
    assert box["width"] == pytest.approx(100 / 3 - 0.6)
    frame, *_ = page_of(frames, FRAMES)
    first = result_of(frame.tasks[0])[0]
    assert first["id"] == "r00c01"
    assert (first["value"]["x"], first["value"]["y"]) == pytest.approx((51.0, 1.0))
    assert (first["original_width"], first["original_height"]) == (400, 400)


def test_a_frame_shows_all_its_items_the_errors_first(frames: dict[str, Path]) -> None:
    """One task per frame, under an id that is no item's."""
    page, study, items = page_of(frames, FRAMES, show="all")
    texts = [task["data"]["progress"] for task in page.tasks]
    assert texts == ["Frame 1 of 2: A", "Frame 2 of 2: B.x_1"]
    labels = [box["value"]["rectanglelabels"] for box in result_of(page.tasks[0])]
    assert labels == [["FP"], ["FN"], ["TN"], ["TP"]]
    # Fitted in, the frame of 400 x 400 stands 640 px high: its tiles are 320 px wide.
    overlay = page.tasks[0]["data"]["boxes"]
    assert overlay.count("<div") == 3
    red = (
        f"left:{320 * 0.02 + 2.2:.1f}px;top:{320 * 1.02 + 2.2:.1f}px;width:{320 * 0.96 - 4.4:.1f}px"
    )
    assert red in overlay
    assert [text in overlay for text in (">0.990<", ">0.970<")] == [True, True]
    assert page.tasks[0]["data"]["item_id"] == study.item_id("frame/A")
    shown = {item for task in page.tasks for item in task["data"]["tiles"].values()}
    assert shown == set(items["item_id"])


@pytest.mark.parametrize("view", ["", FRAMES])
def test_a_blind_page_is_the_same_whatever_the_table_says(
    frames: dict[str, Path], view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither label, prediction, score, outcome nor error id changes anything that is sent."""
    monkeypatch.setattr("ls_integration.study.model.secrets.token_hex", lambda n: "5a" * n)
    pages = []
    other = (
        "grid_id,image_name,grid_x,grid_y,label,scores\n"
        "g0,A,0,0,1,0.2\ng1,A,200,0,1,0.98\ng2,A,0,200,0,0.1\ng3,A,200,200,0,0.999\n"
        "g4,B.x_1,0,0,0,0.5\ng5,B.x_1,200,0,0,0.96\n"
    )
    for text in (SMALL, other):
        page, *_ = page_of(frames, view, text, blind=True, show="all")
        tasks = [
            {**task, "data": {**task["data"], "progress": ""}}
            for task in sorted(page.tasks, key=lambda task: str(task["data"]["item_id"]))
        ]
        pages.append((page.config.xml, tasks, page.instructions, page.model_version, page.tabs))
    assert pages[0] == pages[1]
    assert all(item["type"] == "rectanglelabels" for task in tasks for item in result_of(task))
    if not view:
        assert "grid_x" in tasks[0]["data"]["table"]


def test_the_table_is_text_in_its_own_order() -> None:
    """What stands in the file cannot become part of the page; blind, only places are shown."""
    facts = [["image_name", "<img src=x>"], ["error_id", "3"], ["grid_x", "0"], ["label", "1"]]
    shown = facts_html(facts, '/a?d=1&b="2"', blind=False)
    assert "<img" not in shown
    assert [shown.index(f"<td>{name}<") for name, _ in facts] == sorted(
        shown.index(f"<td>{name}<") for name, _ in facts
    )
    assert 'href="/a?d=1&amp;b=&quot;2&quot;"' in shown
    hidden = facts_html(facts, "/a", blind=True)
    assert "error_id" not in hidden
    assert "label" not in hidden
    assert "grid_x" in hidden


def choice(name: str, value: str, region: str | None = None) -> dict[str, Any]:
    """Write one choice as Label Studio stores it."""
    item = {"from_name": name, "type": "choices", "value": {"choices": [value]}}
    return {**item, "id": region} if region else item


def test_an_answer_is_about_the_cutout_and_the_neighbours_that_were_touched() -> None:
    """The own cutout first; its own region, and regions of nobody, say nothing."""
    read = CUTOUTS.read_answer(CUTOUTS.read_config(Study(kind="", title="", blind=False), ""))
    task = {"data": {"item_id": "own", "tiles": {"r01c01": "own", "r00c01": "above"}}}
    result = [
        choice("neighbour", "artifact", "r00c01"),
        choice("neighbour", "artifact", "r01c01"),
        choice("neighbour", "artifact", "drawn"),
        choice("verdict", "unsure"),
        {"from_name": "remark", "type": "textarea", "value": {"text": ["a trail"]}},
    ]
    expected = [
        Judgement("own", label="unsure", remark="a trail"),
        Judgement("above", label="artifact"),
    ]
    assert read(task, result) == expected
    assert read(task, []) == [Judgement("own")]


def annotated(task_id: int, data: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Write a task with one annotation, as it is pulled."""
    annotation = {
        "id": task_id,
        "completed_by": 1,
        "lead_time": 2.0,
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "parent_prediction": 7,
        "was_cancelled": False,
        "result": [],
        **fields,
    }
    return {"id": task_id, "data": data, "annotations": [annotation]}


@pytest.mark.parametrize("blind", [False, True])
def test_a_frame_says_something_of_touched_tiles_only(blind: bool) -> None:
    """A skipped frame gives no row; boxes alone are no start from an answer."""
    data: dict[str, Any] = {"item_id": "frame", "tiles": {"r00c00": "x", "r00c01": "y"}}
    if blind:
        data["starts_empty"] = True
    given = [choice("verdict", "artifact", "r00c01")]
    box = {"from_name": "tile", "type": "rectanglelabels", "origin": "prediction", "id": "r00c00"}
    tasks = [
        annotated(1, data, result=[*given, box]),
        annotated(2, data, result=given, was_cancelled=True),
        annotated(3, data, result=[box]),
    ]
    study = Study(kind="", title="", blind=blind)
    rows = answers_from_tasks(
        json.loads(json.dumps(tasks)),
        read=CUTOUTS.read_answer(CUTOUTS.read_config(study, FRAMES)),
        labels=CUTOUTS.labels,
        project_id=1,
        round_number=1,
        names={},
        sent_labels={} if blind else {"y": "no artifact"},
    )
    assert list(rows["item_id"]) == ["y"]
    assert list(rows["label"]) == ["artifact"]
    assert list(rows["prefilled"]) == [not blind]
    assert rows["changed"].isna().all() if blind else rows["changed"].all()
