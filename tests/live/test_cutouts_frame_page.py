"""The page of a whole frame in a real browser, as it is imported, with every tile of a real one."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from ls_integration.settings import Settings, load
from ls_integration.workflows.connection import connect
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.export import export
from ls_integration.workflows.import_cutouts import import_cutouts
from ls_integration.workflows.status import read_status
from ls_integration.workflows.status_by import read_status_by

SCREENSHOTS = os.environ.get("LS_INTEGRATION_SCREENSHOTS")
"""Where to keep pictures of the pages, for the documentation."""

FRAMES = ("COSMOS_C01", "SN-X3_C04")
N_COLUMNS, N_ROWS = 21, 11

COLOURS = {
    "FP": (180, 92, 255),
    "FN": (61, 139, 255),
    "TP": (44, 160, 44),
    "TN": (158, 158, 158),
}
"""Of the label config."""

RED = (255, 59, 48)


@pytest.fixture
def settings(live_server: EmbeddedServer) -> Settings:
    """Give the settings of the session's server."""
    return load(url=live_server.url, api_key=live_server.token, media=live_server.media)


@pytest.fixture
def imported(
    shared_data: Path, settings: Settings, tmp_path: Path, request: pytest.FixtureRequest
) -> Callable[..., Path]:
    """Give the import of two real frames as whole frames; it returns the study's folder."""
    table = pd.read_csv(shared_data / "des_cutouts" / "test_outputs.csv")
    path = tmp_path / "two.csv"
    table[table["image_name"].isin(FRAMES)].to_csv(path, index=False)

    def run(**options: Any) -> Path:
        return import_cutouts(
            CutoutOptions(
                source=shared_data / "des_cutouts" / "images",
                predictions=path,
                title=f"Frames {request.node.name[-30:]}",
                **{"view": "frame", **options},
            ),
            settings,
            start=tmp_path,
            say=lambda _: None,
        ).folder

    return run


@pytest.fixture
def owner_page(page: Page, live_server: EmbeddedServer, login: Callable[..., None]) -> Page:
    """Log the server's owner in."""
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    return page


def project_of(study: Path, view: str = "frames") -> int:
    """Give the number of a study's project of a view."""
    (project,) = (one for one in studies.load(study).projects if one.view == view)
    assert project.project_id is not None
    return project.project_id


def open_stream(page: Page, settings: Settings, study: Path, n_tiles: int) -> None:
    """Open the stream of frames, without the instructions."""
    page.goto(f"{settings.url}/projects/{project_of(study)}/data?labeling=1")
    wait_for(page, 1, n_tiles)
    page.keyboard.press("Escape")


def wait_for(page: Page, number: int, n_tiles: int) -> None:
    """Wait until the frame of this number and all its boxes stand on the page."""
    text = f"Frame {number} of {len(FRAMES)}: {FRAMES[number - 1]}"
    expect(page.get_by_text(text, exact=True)).to_be_visible(timeout=60_000)
    page.wait_for_function(
        """n => document.querySelector('.lsf-image img')?.naturalWidth > 0
            && window.Konva?.stages?.some(stage => stage.find('Rect').length === n)""",
        arg=n_tiles,
        timeout=60_000,
    )


def screen(page: Page) -> NDArray[np.int64]:
    """Give the pixels of the page."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return np.asarray(picture).astype(np.int64)


def has_line(
    pixels: NDArray[np.int64], x: float, y: float, colour: tuple[int, int, int], width: int
) -> bool:
    """Tell whether an upright line of a colour begins within some pixels of a place."""
    part = pixels[round(y) - 8 : round(y) + 8, max(0, round(x)) : round(x) + width]
    near = np.abs(part - np.array(colour)).max(axis=2) < 60
    return bool(near.any(axis=1).mean() > 0.7)


def test_every_tile_has_its_colour_and_is_answered_by_key(
    imported: Callable[..., Path],
    settings: Settings,
    owner_page: Page,
    client: Client,
    tmp_path: Path,
) -> None:
    """231 boxes, red in each TP, confidence on FP and TP; what was answered, and only that."""
    study = imported(show="all")
    items = studies.read_items(study)
    first = items[items["image_name"] == FRAMES[0]]
    assert len(first) == N_COLUMNS * N_ROWS == 231
    assert set(first["outcome"]) == set(COLOURS)
    page = owner_page
    open_stream(page, settings, study, 231)
    box = page.locator(".konvajs-content").bounding_box()
    assert box is not None
    side = box["width"] / N_COLUMNS
    page.wait_for_timeout(1_000)
    pixels = screen(page)
    for tile in first.itertuples():
        left = box["x"] + tile.grid_x / 200 * side
        middle = box["y"] + (tile.grid_y / 200 + 0.4) * side
        seen = {name for name, rgb in COLOURS.items() if has_line(pixels, left, middle, rgb, 3)}
        assert tile.outcome in seen, tile.source_path
        is_red = has_line(pixels, left + 3, middle, RED, 3)
        assert is_red == (tile.outcome == "TP"), tile.source_path
    in_order = first.assign(is_error=first["outcome"].isin(["FP", "FN"])).sort_values(
        ["is_error", "grid_y", "grid_x"], ascending=[False, True, True]
    )
    scored = in_order[in_order["outcome"].isin(["FP", "TP"])]
    overlay = page.locator(".review-boxes")
    assert overlay.inner_text().split() == [f"{score:.3f}" for score in scored["model_score"]]

    # What cannot follow a zoom is away, and there again.
    page.keyboard.press("Control+Equal")
    expect(overlay).to_be_hidden()
    page.keyboard.press("Control+Minus")
    expect(overlay).to_be_visible()

    verdict = page.locator(".review-verdict label").first
    expect(verdict).to_be_hidden()
    for key in ("2", "1", "3"):
        page.keyboard.press("Alt+.")
        expect(verdict).to_be_visible()
        page.keyboard.press(key)
    # The fourth stays as it is; the tile in the corner by mouse, through what lies over it.
    page.keyboard.press("Alt+.")
    page.mouse.click(box["x"] + side * 20.5, box["y"] + side * 10.5)
    checked = page.locator(".review-verdict .ant-radio-wrapper-checked")
    expect(checked).to_have_count(0)
    page.keyboard.press("1")
    expect(checked).to_have_text("artifact[1]")
    overflow = page.evaluate(
        """() => [document.documentElement, document.querySelector('.lsf-main-content')]
            .map(e => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth])"""
    )
    assert max(max(pair) for pair in overflow) <= 0
    if SCREENSHOTS:
        page.wait_for_timeout(1_500)
        page.screenshot(path=f"{SCREENSHOTS}/cutouts_frame-1366x768.png")
    page.keyboard.press("Enter")
    wait_for(page, 2, 231)

    corner = first[(first["grid_x"] == 4000) & (first["grid_y"] == 2000)]["item_id"].iloc[0]
    expected = dict(
        zip(in_order["item_id"], ["no artifact", "artifact", "unsure"], strict=False),
        **{corner: "artifact"},
    )
    (task, _) = pull_answers(client, project_of(study), with_predictions=True)
    (annotation,) = task["annotations"]
    boxes = [item for item in annotation["result"] if item["from_name"] == "tile"]
    assert [item["id"] for item in boxes] == list(task["data"]["tiles"])
    assert all(item["readonly"] for item in boxes)
    export(study, settings, tmp_path / "out", start=tmp_path)
    answers = pd.read_csv(tmp_path / "out" / "annotations.csv")
    assert dict(zip(answers["item_id"], answers["label"], strict=True)) == expected


def test_a_frame_that_was_only_submitted_is_done_and_reviews_nothing(
    imported: Callable[..., Path], settings: Settings, owner_page: Page, tmp_path: Path
) -> None:
    """No row is made up; the page is done, its tiles are untouched, and nothing is left open."""
    study = imported()
    items = studies.read_items(study)
    sizes = items["image_name"].value_counts().to_dict()
    page = owner_page
    connection = connect(settings, studies.load(study), tmp_path)

    def by_frame() -> dict[str, tuple[int, int | None, int, bool]]:
        rows = read_status_by(study, "image_name", connection)
        return {row.value: (row.done, row.untouched, row.open, row.link is None) for row in rows}

    open_stream(page, settings, study, sizes[FRAMES[0]])
    page.keyboard.press("Enter")
    wait_for(page, 2, sizes[FRAMES[1]])
    progress = read_status(study, connection)[-1]
    assert (progress.done, progress.skipped, progress.left) == (1, 0, 1)
    second = (0, 0, sizes[FRAMES[1]], False)
    assert by_frame() == {FRAMES[0]: (0, sizes[FRAMES[0]], 0, True), FRAMES[1]: second}
    page.keyboard.press("Alt+.")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No More Tasks Left in Queue")).to_be_visible(timeout=30_000)
    progress = read_status(study, connection)[-1]
    assert (progress.done, progress.left) == (2, 0)
    assert by_frame() == {
        FRAMES[0]: (0, sizes[FRAMES[0]], 0, True),
        FRAMES[1]: (1, sizes[FRAMES[1]] - 1, 0, True),
    }
    outcome = export(study, settings, tmp_path / "out", start=tmp_path)
    assert outcome.n_answers == 1
    assert len(pd.read_csv(tmp_path / "out" / "annotations.csv")) == 1

    # With the other view, what was left alone has a page that nobody has answered.
    assert imported(view="cutout") == study
    connection = connect(settings, studies.load(study), tmp_path)
    assert by_frame() == {
        FRAMES[0]: (0, 0, sizes[FRAMES[0]], False),
        FRAMES[1]: (1, 0, sizes[FRAMES[1]] - 1, False),
    }
    progress = read_status(study, connection)[-1]
    assert (progress.done, progress.left) == (2, len(items))
    (row, _) = read_status_by(study, "image_name", connection)
    assert f"/projects/{project_of(study, '')}/" in str(row.link)
