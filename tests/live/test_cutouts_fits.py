"""A study of a real FITS frame in a real browser: every box is around its own pixels."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Page, expect
from scipy.stats import spearmanr

from ls_integration import study as studies
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from ls_integration.settings import Settings, load
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.import_cutouts import import_cutouts

SIDE_PX, TILE_PX = 512, 100
"""Of the frame, which is no multiple of its tiles."""

FP = ((100, 0), (400, 0), (200, 200))
FN = ((300, 0), (0, 300))
TP = ((300, 100), (100, 200))

Pixels = NDArray[np.float64]


@pytest.fixture
def settings(live_server: EmbeddedServer) -> Settings:
    """Give the session's server."""
    return load(url=live_server.url, api_key=live_server.token, media=live_server.media)


@pytest.fixture
def values(shared_data: Path) -> Pixels:
    """Read the frame: row 0 of the array is at the bottom of the sky."""
    pixels = np.asarray(fits.getdata(shared_data / "fits" / "astride_long.fits"), dtype=float)
    assert pixels.shape == (SIDE_PX, SIDE_PX)
    return pixels


@pytest.fixture(params=["lower", "upper"])
def study(
    request: pytest.FixtureRequest, shared_data: Path, settings: Settings, tmp_path: Path
) -> tuple[str, Path]:
    """Import all tiles of the frame in both views; give the origin and the study's folder."""
    lines = ["image_name,grid_x,grid_y,label,scores"]
    for y in range(0, SIDE_PX - TILE_PX, TILE_PX):
        for x in range(0, SIDE_PX - TILE_PX, TILE_PX):
            label, score = int((x, y) in FN + TP), 0.98 if (x, y) in FP + TP else 0.2
            lines.append(f"astride_long,{x},{y},{label},{score}")
    (tmp_path / "fits.csv").write_text("\n".join(lines) + "\n")
    folder = Path()
    for view in ("cutout", "frame"):
        folder = import_cutouts(
            CutoutOptions(
                source=shared_data / "fits",
                predictions=tmp_path / "fits.csv",
                tile_px=TILE_PX,
                show="all",
                origin=request.param,
                view=view,
                title=f"Sky counted from the {request.param} edge",
            ),
            settings,
            start=tmp_path,
            say=lambda _: None,
        ).folder
    return request.param, folder


def tasks_of(client: Client, folder: Path, view: str) -> tuple[int, list[dict[str, Any]]]:
    """Give a study's project of a view and its tasks."""
    (project,) = (one for one in studies.load(folder).projects if one.view == view)
    assert project.project_id is not None
    tasks = pull_answers(client, project.project_id, with_predictions=True)
    return project.project_id, tasks


def served(page: Page, settings: Settings, address: str) -> Pixels:
    """Give a picture as the server shows it to whoever is logged in."""
    answer = page.request.get(f"{settings.url}{address}")
    assert answer.ok
    return np.asarray(Image.open(io.BytesIO(answer.body())).convert("L"), dtype=float)


def boxes_of(task: dict[str, Any]) -> Iterator[tuple[int, int, Pixels]]:
    """Give the grid's x and y of each region, and its corners as shares of the picture."""
    (prediction,) = task["predictions"]
    for item in prediction["result"]:
        if item["type"] == "rectanglelabels":
            row, column = item["id"][1:].split("c")
            box = item["value"]
            corners = np.array(
                [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]
            )
            yield int(column) * TILE_PX, int(row) * TILE_PX, corners / 100


def inside(picture: Pixels, corners: Pixels) -> Pixels:
    """Cut a box out of a picture."""
    height, width = picture.shape
    left, top, right, bottom = np.rint(corners * (width, height, width, height)).astype(int)
    return picture[top:bottom, left:right]


def likeness(drawn: Pixels, values: Pixels, origin: str, x: int, y: int) -> float:
    """Compare what is drawn with a tile of the array, whatever the stretch; 1 is the same."""
    tile = values[y : y + TILE_PX, x : x + TILE_PX]
    tile = tile[::-1] if origin == "lower" else tile
    # The box is a few pixels smaller than its tile, by as much on each side.
    height, width = drawn.shape
    top, left = (TILE_PX - height) // 2, (TILE_PX - width) // 2
    return float(spearmanr(drawn.ravel(), tile[top:, left:][:height, :width].ravel())[0])


def test_boxes_are_around_the_pixels_of_their_cutouts(
    study: tuple[str, Path],
    values: Pixels,
    settings: Settings,
    client: Client,
    page: Page,
    live_server: EmbeddedServer,
    login: Callable[..., None],
) -> None:
    """Cutout, neighbourhood, whole frame and screen show grid_x, grid_y of the file's array."""
    origin, folder = study
    other = {"lower": "upper", "upper": "lower"}[origin]
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    items = studies.read_items(folder).set_index("item_id")
    _, tasks = tasks_of(client, folder, "")
    assert len(tasks) == 25
    edge_and_middle = {(100, 0), (200, 200), (400, 400)}
    for task in tasks:
        item = items.loc[task["data"]["item_id"]]
        x, y = int(item["grid_x"]), int(item["grid_y"])
        if (x, y) not in edge_and_middle:
            continue
        cutout = served(page, settings, task["data"]["image"])
        assert cutout.shape == (TILE_PX, TILE_PX)
        assert likeness(cutout, values, origin, x, y) > 0.9
        assert likeness(cutout, values, other, x, y) < 0.5
        around = served(page, settings, task["data"]["context"])
        places = set()
        for at_x, at_y, corners in boxes_of(task):
            drawn = inside(around, corners)
            assert likeness(drawn, values, origin, at_x, at_y) > 0.9, (x, y, at_x, at_y)
            places.add((at_x, at_y))
        assert places == {
            (x + step_x, y + step_y)
            for step_x in (-TILE_PX, 0, TILE_PX)
            for step_y in (-TILE_PX, 0, TILE_PX)
            if 0 <= x + step_x <= 400 and 0 <= y + step_y <= 400
        }

    project_id, (frame,) = tasks_of(client, folder, "frames")
    picture = served(page, settings, frame["data"]["image"])
    page.goto(f"{settings.url}/projects/{project_id}/data?labeling=1")
    canvas = page.locator(".konvajs-content")
    expect(canvas).to_be_visible(timeout=60_000)
    page.wait_for_function(
        """() => document.querySelector('.lsf-image img')?.naturalWidth > 0
            && window.Konva?.stages?.some(stage => stage.find('Rect').length === 25)""",
        timeout=60_000,
    )
    page.keyboard.press("Escape")
    place = page.locator(".lsf-image img").bounding_box()
    assert place is not None
    page.wait_for_timeout(1_000)
    screen = Image.open(io.BytesIO(page.screenshot())).convert("L")
    left, top = place["x"], place["y"]
    area = (left, top, left + place["width"], top + place["height"])
    shown = np.asarray(screen.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX, area), dtype=float)
    boxes = list(boxes_of(frame))
    assert len(boxes) == 25
    for x, y, corners in boxes:
        assert likeness(inside(picture, corners), values, origin, x, y) > 0.9
        # Without the strokes, and the confidence at the lower edge.
        middle = corners + 0.025 * np.array([1, 1, -1, -1])
        assert likeness(inside(shown, middle), values, origin, x, y) > 0.6, (x, y)
        assert likeness(inside(shown, middle), values, other, x, y) < 0.3
