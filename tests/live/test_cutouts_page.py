"""The page of one cutout and its neighbours in a real browser: keys, boxes, results."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from tests.live.corrections import corrected

SCREENSHOTS = os.environ.get("LS_INTEGRATION_SCREENSHOTS")
"""Where to keep pictures of the pages, for the documentation."""

FOLDER = "cutouts-page"
N_CUTOUTS = 6
KINDS = (("TN", "TP", "FP"), ("TN", "FP", "FN"), ("TP", "TN", "TN"))
"""Of the three by three tiles; the middle one is asked about."""
COLUMNS = (
    "image_name",
    "error_id",
    "grid_id",
    "grid_x",
    "grid_y",
    "label",
    "preds",
    "scores",
    "confmat_labels",
)

Project = tuple[str, list[int]]


def tile_id(row: int, column: int) -> str:
    """Write a region's id; the middle tile is row 5, column 8 of its frame."""
    return f"r{row + 4:02d}c{column + 7:02d}"


def present_label() -> list[dict[str, Any]]:
    """Write what the page starts from: the label, and a read-only box per tile."""
    result: list[dict[str, Any]] = [
        {
            "from_name": "verdict",
            "to_name": "cutout",
            "type": "choices",
            "value": {"choices": ["no artifact"]},
        }
    ]
    for row, kinds in enumerate(KINDS):
        for column, kind in enumerate(kinds):
            value = {
                "x": column * 100 / 3 + 0.3,
                "y": row * 100 / 3 + 0.3,
                "width": 100 / 3 - 0.6,
                "height": 100 / 3 - 0.6,
                "rotation": 0,
                "rectanglelabels": [f"cutout {kind}" if (row, column) == (1, 1) else kind],
            }
            box = {
                "id": tile_id(row, column),
                "from_name": "tile",
                "to_name": "context",
                "type": "rectanglelabels",
                "readonly": True,
                "original_width": 600,
                "original_height": 600,
                "image_rotation": 0,
                "value": value,
            }
            result.append(box)
    return result


@pytest.fixture
def project(live_server: EmbeddedServer, make_project: Callable[..., Project]) -> Project:
    """Make a project of cutouts whose pixels are noise."""
    folder = live_server.media / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    rng = np.random.default_rng(5)
    context = Image.fromarray(rng.integers(0, 255, size=(600, 600, 3), dtype=np.uint8))
    context.save(folder / "context.webp", lossless=True)
    context.crop((200, 200, 400, 400)).save(folder / "cutout.webp", lossless=True)
    cells = "".join(f"<tr><td>{name}</td><td>value of {name}</td></tr>" for name in COLUMNS)
    frame = f'<a href="/data/local-files/?d={FOLDER}/context.webp" target="_blank">whole frame</a>'
    tasks = [
        {
            "data": {
                "image": f"/data/local-files/?d={FOLDER}/cutout.webp",
                "context": f"/data/local-files/?d={FOLDER}/context.webp",
                "item_id": f"item{number}",
                "progress": f"Cutout {number} of {N_CUTOUTS}",
                "keys": "agree: Enter, disagree: press the other key",
                "table": f"<table>{cells}</table><p>{frame}</p>",
                "boxes": '<div style="position:absolute;left:210px;top:372px">0.987</div>',
            },
            "predictions": [
                {"model_version": "present-label", "score": 0.0, "result": present_label()}
            ],
        }
        for number in range(1, N_CUTOUTS + 1)
    ]
    return make_project("Cutouts page", label_config_xml("cutouts"), FOLDER, tasks)


@pytest.fixture
def owner_page(page: Page, live_server: EmbeddedServer, login: Callable[..., None]) -> Page:
    """Log the server's owner in."""
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    return page


def wait_for(page: Page, number: int) -> None:
    """Wait until the cutout of this number and its boxes stand on the page."""
    text = page.get_by_text(f"Cutout {number} of {N_CUTOUTS}", exact=True)
    expect(text).to_be_visible(timeout=60_000)
    for picture in (".review-image", ".review-context"):
        page.wait_for_function(
            "css => document.querySelector(`${css} .lsf-image img`)?.naturalWidth > 0", arg=picture
        )
    expect(page.locator(".review-context .konvajs-content")).to_be_visible()
    page.wait_for_timeout(500)


def press(page: Page, *keys: str) -> None:
    """Press one key after another."""
    for key in keys:
        page.keyboard.press(key)


def middle_of(page: Page, row: int, column: int) -> tuple[float, float]:
    """Find where a tile of the neighbourhood lies on the screen."""
    box = page.locator(".review-context .konvajs-content").bounding_box()
    assert box is not None
    return box["x"] + 200 * column + 100, box["y"] + 200 * row + 100


def chosen(page: Page, part: str) -> list[str]:
    """Read which choices are set; ``part`` is answer or neighbour."""
    labels = page.locator(f".review-{part} .ant-radio-wrapper-checked")
    return [text.split("[")[0] for text in labels.all_inner_texts()]


def answers(client: Client, task_id: int) -> tuple[str | None, dict[str, str]]:
    """Read the verdict and the neighbours that were touched; check the boxes."""
    (annotation,) = client.get(f"/api/tasks/{task_id}")["annotations"]
    verdict, neighbours, boxes = None, {}, {}
    for item in annotation["result"]:
        if item["from_name"] == "verdict":
            (verdict,) = item["value"]["choices"]
        elif item["from_name"] == "neighbour":
            (neighbours[item["id"]],) = item["value"]["choices"]
        elif item["from_name"] == "tile":
            boxes[item["id"]] = item["value"]
            assert item["readonly"] is True
    sent = {item["id"]: item["value"] for item in present_label() if "id" in item}
    assert boxes.keys() == sent.keys()
    for tile, value in boxes.items():
        assert value["rectanglelabels"] == sent[tile]["rectanglelabels"]
        for name in ("x", "y", "width", "height"):
            assert value[name] == pytest.approx(sent[tile][name], abs=1e-6)
    return verdict, neighbours


def test_enter_agrees_and_the_other_key_disagrees(
    project: Project, owner_page: Page, client: Client
) -> None:
    """Each page starts from the present label; unsure is an answer; nobody touched neighbours."""
    link, ids = project
    page = owner_page
    page.goto(link)
    for number, keys in enumerate([[], ["1"], ["3"], ["1", "2"]], start=1):
        wait_for(page, number)
        assert chosen(page, "answer") == ["no artifact"]
        press(page, *keys, "Enter")
    wait_for(page, 5)
    # The key of the label that is set takes it away: nothing can be sent then.
    press(page, "2", "Enter")
    expect(page.get_by_text("press 1, 2 or 3, then Enter")).to_be_visible()
    page.wait_for_timeout(1_000)
    wait_for(page, 5)
    press(page, "2", "Enter")
    wait_for(page, 6)
    verdicts = ["no artifact", "artifact", "unsure", "no artifact", "no artifact"]
    assert [answers(client, task) for task in ids[:5]] == [(verdict, {}) for verdict in verdicts]


def test_a_neighbour_is_corrected_in_place(
    project: Project, owner_page: Page, client: Client
) -> None:
    """Click and key; only it comes back as answered, under the id of its row and column."""
    link, ids = project
    page = owner_page
    page.goto(link)
    wait_for(page, 1)
    # No tile is selected: the key does nothing.
    press(page, "Shift+Digit1")
    page.mouse.click(*middle_of(page, 0, 2))
    expect(page.get_by_text("This tile:")).to_be_visible()
    assert chosen(page, "neighbour") == []
    press(page, "Shift+Digit2")
    page.mouse.click(*middle_of(page, 1, 2))
    press(page, "Shift+Digit2", "Shift+Digit1")
    assert chosen(page, "neighbour") == ["artifact"]
    # The middle one is asked about by the other keys; it has no such answer.
    page.mouse.click(*middle_of(page, 1, 1))
    expect(page.locator(".review-neighbour label").first).to_be_hidden()
    press(page, "Shift+Digit1", "1", "Enter")
    wait_for(page, 2)
    touched = {tile_id(0, 2): "no artifact", tile_id(1, 2): "artifact"}
    assert answers(client, ids[0]) == ("artifact", touched)
    # Back, and another opinion.
    page.get_by_label("Previous task").click()
    wait_for(page, 1)
    with corrected(page):
        page.mouse.click(*middle_of(page, 0, 2))
        expect(page.get_by_text("This tile:")).to_be_visible()
        assert chosen(page, "neighbour") == ["no artifact"]
        press(page, "Shift+Digit1", "Enter")
    assert answers(client, ids[0]) == ("artifact", {**touched, tile_id(0, 2): "artifact"})


def test_the_boxes_cannot_be_changed(project: Project, owner_page: Page, client: Client) -> None:
    """Neither dragged nor deleted, and none can be drawn."""
    link, ids = project
    page = owner_page
    page.goto(link)
    wait_for(page, 1)
    page.mouse.click(*middle_of(page, 0, 0))
    for _ in range(2):
        page.mouse.move(*middle_of(page, 0, 0))
        page.mouse.down()
        page.mouse.move(*middle_of(page, 2, 2), steps=5)
        page.mouse.up()
        press(page, "Backspace", "Escape")
    press(page, "Enter")
    wait_for(page, 2)
    assert answers(client, ids[0]) == ("no artifact", {})


def test_a_remark_does_not_hold_the_keys(
    project: Project, owner_page: Page, client: Client
) -> None:
    """Digits in it are text; after its Enter the keys answer again."""
    link, ids = project
    page = owner_page
    page.goto(link)
    wait_for(page, 1)
    page.locator("[name=remark]").click()
    page.keyboard.type("2 trails, 1 star")
    press(page, "Enter", "1", "Enter")
    wait_for(page, 2)
    assert answers(client, ids[0])[0] == "artifact"
    (annotation,) = client.get(f"/api/tasks/{ids[0]}")["annotations"]
    (remark,) = [item for item in annotation["result"] if item["from_name"] == "remark"]
    assert remark["value"]["text"] == ["2 trails, 1 star"]


def test_all_is_in_sight(project: Project, owner_page: Page) -> None:
    """Cutout twice enlarged, neighbourhood, table in its order, confidence; the frame by a link."""
    page = owner_page
    page.goto(project[0])
    wait_for(page, 1)
    rows = page.locator(".review-side td:first-child").all_inner_texts()
    assert tuple(rows) == COLUMNS
    for text in (*COLUMNS, "0.987", "agree: Enter", "Correct a neighbour", "whole frame", "Submit"):
        box = page.get_by_text(text, exact=text in COLUMNS).first.bounding_box()
        assert box is not None, text
        assert box["x"] + box["width"] <= 1366, text
        assert box["y"] + box["height"] <= 768, text
    for picture, side_px in ((".review-image", 400), (".review-context", 600)):
        box = page.locator(f"{picture} .lsf-image").bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (side_px, side_px)
        shown = page.locator(f"{picture} .lsf-image img").first
        assert shown.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"
    overflow = page.evaluate(
        """() => [document.documentElement, document.querySelector('.lsf-main-content')]
            .map(e => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth])"""
    )
    assert max(max(pair) for pair in overflow) <= 0
    if SCREENSHOTS:
        page.wait_for_timeout(1_500)
        page.screenshot(path=f"{SCREENSHOTS}/cutouts-1366x768.png")
    with page.expect_popup() as frame:
        page.get_by_text("whole frame").click()
    assert frame.value.url.endswith(f"/data/local-files/?d={FOLDER}/context.webp")
