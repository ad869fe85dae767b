"""The page of a whole frame in a real browser, with every tile of a real one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer

SCREENSHOTS = os.environ.get("LS_INTEGRATION_SCREENSHOTS")
"""Where to keep pictures of the pages, for the documentation."""

FOLDER = "frame-page"
WIDTH_PX, HEIGHT_PX, TILE_PX = 4200, 2200, 200

Project = tuple[str, list[int]]


def tiles_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Write a read-only box per tile, the errors first: the order of the key."""
    is_error = table["confmat_labels"].isin(["FP", "FN"])
    ordered = table.assign(is_error=is_error).sort_values(
        ["is_error", "grid_y", "grid_x"], ascending=[False, True, True]
    )
    # Half a stroke inside the tile, so that neighbours do not cover each other.
    return [
        {
            "id": f"r{tile.grid_y // TILE_PX:02d}c{tile.grid_x // TILE_PX:02d}",
            "from_name": "tile",
            "to_name": "image",
            "type": "rectanglelabels",
            "readonly": True,
            "original_width": WIDTH_PX,
            "original_height": HEIGHT_PX,
            "image_rotation": 0,
            "value": {
                "x": 100 * (tile.grid_x + 4) / WIDTH_PX,
                "y": 100 * (tile.grid_y + 4) / HEIGHT_PX,
                "width": 100 * (TILE_PX - 8) / WIDTH_PX,
                "height": 100 * (TILE_PX - 8) / HEIGHT_PX,
                "rotation": 0,
                "rectanglelabels": [tile.confmat_labels],
            },
        }
        for tile in ordered.itertuples()
    ]


@pytest.fixture
def tiles(shared_data: Path) -> dict[str, list[dict[str, Any]]]:
    """Read the tiles of the first two real frames."""
    table = pd.read_csv(shared_data / "des_cutouts" / "test_outputs.csv")
    names = sorted(table["image_name"].unique())[:2]
    return {name: tiles_of(table[table["image_name"] == name]) for name in names}


@pytest.fixture
def project(
    tiles: dict[str, list[dict[str, Any]]],
    shared_data: Path,
    live_server: EmbeddedServer,
    make_project: Callable[..., Project],
) -> Project:
    """Make a project of two real frames."""
    folder = live_server.media / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    tasks = []
    for number, (name, boxes) in enumerate(tiles.items(), start=1):
        picture = shared_data / "des_cutouts" / "images" / f"{name}.jpg"
        (folder / picture.name).write_bytes(picture.read_bytes())
        data = {
            "image": f"/data/local-files/?d={FOLDER}/{picture.name}",
            "item_id": f"item{number}",
            "progress": f"Frame {number} of {len(tiles)}",
            "frame": name,
            "keys": "Alt+. or a click: next tile",
        }
        prediction = {"model_version": "present-label", "score": 0.0, "result": boxes}
        tasks.append({"data": data, "predictions": [prediction]})
    return make_project("Frame page", label_config_xml("cutouts_frame"), FOLDER, tasks)


@pytest.fixture
def owner_page(page: Page, live_server: EmbeddedServer, login: Callable[..., None]) -> Page:
    """Log the server's owner in."""
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    return page


def wait_for(page: Page, number: int) -> None:
    """Wait until the frame of this number and its boxes stand on the page."""
    expect(page.get_by_text(f"Frame {number} of 2", exact=True)).to_be_visible(timeout=60_000)
    page.wait_for_function(
        "document.querySelector('.lsf-image img')?.naturalWidth > 0", timeout=60_000
    )
    expect(page.locator(".konvajs-content")).to_be_visible(timeout=60_000)


def test_tiles_are_answered_from_one_to_the_next_by_key(
    project: Project, tiles: dict[str, list[dict[str, Any]]], owner_page: Page, client: Client
) -> None:
    """The errors come first; a click reaches any tile; those left alone have no answer."""
    link, ids = project
    page = owner_page
    first = next(iter(tiles.values()))
    assert len(first) == 231
    page.goto(link)
    wait_for(page, 1)
    verdict = page.locator(".review-verdict label").first
    expect(verdict).to_be_hidden()
    for key in ("2", "1", "3"):
        page.keyboard.press("Alt+.")
        expect(verdict).to_be_visible()
        page.keyboard.press(key)
    # The fourth stays as it is; a tile of the last row by mouse.
    page.keyboard.press("Alt+.")
    box = page.locator(".konvajs-content").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 20.5 / 21, box["y"] + box["height"] * 10.5 / 11)
    expect(page.locator(".review-verdict .ant-radio-wrapper-checked")).to_have_count(0)
    page.keyboard.press("1")
    expect(page.locator(".review-verdict .ant-radio-wrapper-checked")).to_have_text("artifact[1]")
    overflow = page.evaluate(
        """() => [document.documentElement, document.querySelector('.lsf-main-content')]
            .map(e => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth])"""
    )
    assert max(max(pair) for pair in overflow) <= 0
    if SCREENSHOTS:
        page.wait_for_timeout(1_500)
        page.screenshot(path=f"{SCREENSHOTS}/cutouts_frame-1366x768.png")
    page.keyboard.press("Enter")
    wait_for(page, 2)
    (annotation,) = client.get(f"/api/tasks/{ids[0]}")["annotations"]
    given = {
        item["id"]: item["value"]["choices"]
        for item in annotation["result"]
        if item["from_name"] == "verdict"
    }
    expected = [["no artifact"], ["artifact"], ["unsure"]]
    assert given == {
        **dict(zip([box["id"] for box in first[:3]], expected, strict=True)),
        "r10c20": ["artifact"],
    }
    boxes = [item for item in annotation["result"] if item["from_name"] == "tile"]
    assert [box["id"] for box in boxes] == [box["id"] for box in first]
    assert all(box["readonly"] for box in boxes)
