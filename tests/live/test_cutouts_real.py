"""The pages of cutouts as they are made of real frames, in a real browser."""

import io
import json
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

from ls_integration.answers import answers_from_tasks
from ls_integration.kinds.cutouts_frame_page import frame_item_id
from ls_integration.kinds.cutouts_page import BLIND_FACTS, CUTOUTS, FRAMES, page_tabs
from ls_integration.kinds.cutouts_regions import read_tiles
from ls_integration.kinds.cutouts_table import DISPLAYED, CutoutTable, read_predictions_table
from ls_integration.label_config import check_predictions
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from ls_integration.server.storage import picture_url
from ls_integration.server.tabs import ensure_tabs
from ls_integration.study import Study
from ls_integration.workflows.study_projects import show_predictions
from tests.cutout_pages import drawn_study

SCREENSHOTS = os.environ.get("LS_INTEGRATION_SCREENSHOTS")
"""Where to keep pictures of the pages, for the documentation."""

N_CUTOUTS = 10

COLOURS = {
    "FP": (180, 92, 255),
    "FN": (61, 139, 255),
    "TP": (44, 160, 44),
    "TN": (158, 158, 158),
}
"""Of the label config."""

RED = (255, 59, 48)

Rgb = tuple[int, int, int]
MakeProject = Callable[..., tuple[str, list[int]]]
Push = Callable[..., tuple[str, int, Study, pd.DataFrame, pd.DataFrame]]


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> dict[str, Path]:
    """Find the real frames."""
    return {path.stem: path for path in (shared_data / "des_cutouts" / "images").glob("*.jpg")}


@pytest.fixture(scope="module")
def table(shared_data: Path) -> CutoutTable:
    """Read the real table."""
    return read_predictions_table(shared_data / "des_cutouts" / "test_outputs.csv")


@pytest.fixture
def owner_page(page: Page, live_server: EmbeddedServer, login: Callable[..., None]) -> Page:
    """Log the server's owner in."""
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    return page


@pytest.fixture
def pushed(
    table: CutoutTable,
    frames: dict[str, Path],
    live_server: EmbeddedServer,
    client: Client,
    make_project: MakeProject,
) -> Push:
    """Give the function that draws cutouts and makes their project."""

    def push(title: str, view: str = "", **options: Any) -> tuple[Any, ...]:
        study, items, predictions = drawn_study(table, frames, live_server.media, **options)
        made = CUTOUTS.make_page(study, items, predictions, picture_url, view)
        check_predictions(made.config, [task["predictions"][0] for task in made.tasks])
        link, _ = make_project(title, made.config.xml, study.pictures_folder, made.tasks)
        project_id = int(link.split("/projects/")[1].split("/")[0])
        assert made.model_version is not None
        show_predictions(client, project_id, made.model_version)
        return link, project_id, study, items, predictions

    return push


def wait_for(page: Page, text: str) -> None:
    """Wait until the cutout or frame of this number and its boxes stand on the page."""
    expect(page.get_by_text(text, exact=True)).to_be_visible(timeout=60_000)
    page.wait_for_function(
        """() => [...document.querySelectorAll('.lsf-image')]
            .every(picture => picture.querySelector('img')?.naturalWidth > 0)""",
        timeout=60_000,
    )
    expect(page.locator(".konvajs-content").last).to_be_visible(timeout=60_000)
    page.wait_for_timeout(500)


def take(page: Page, name: str) -> None:
    """Keep a picture of the page, if somebody wants them."""
    if SCREENSHOTS:
        page.wait_for_timeout(1_000)
        page.screenshot(path=f"{SCREENSHOTS}/{name}.png")


def answers(
    client: Client, project_id: int, predictions: pd.DataFrame, view: str = ""
) -> pd.DataFrame:
    """Read what came back, as the export does."""
    blind = not len(predictions)
    study = Study(kind="cutouts", title="any", blind=blind)
    return answers_from_tasks(
        pull_answers(client, project_id, with_predictions=not blind),
        read=CUTOUTS.read_answer(CUTOUTS.read_config(study, view)),
        labels=CUTOUTS.labels,
        project_id=project_id,
        round_number=1,
        names={},
        sent_labels=dict(zip(predictions["item_id"], predictions["label"], strict=True)),
    )


def said(rows: pd.DataFrame) -> dict[str, str]:
    """Give each item's label in a table of answers."""
    return dict(zip(rows["item_id"], rows["label"], strict=True))


def screen(page: Page) -> NDArray[np.int64]:
    """Give the pixels of the page."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return np.asarray(picture).astype(np.int64)


def has_line(pixels: NDArray[np.int64], x: float, y: float, colour: Rgb) -> bool:
    """Tell whether an upright line of a colour goes through a place of the screen."""
    part = pixels[round(y) - 10 : round(y) + 10, round(x) - 1 : round(x) + 3]
    near = np.abs(part - np.array(colour)).max(axis=2) < 45
    return bool(near.any(axis=1).mean() > 0.7)


def test_the_boxes_have_the_colours_of_the_outcomes(pushed: Push, owner_page: Page) -> None:
    """Purple FP, blue FN, green TP with red in it, grey TN; none outside of the frame."""
    page = owner_page
    link, _, _, items, _ = pushed("Real cutouts", rows=slice(0, N_CUTOUTS))
    page.goto(link)
    seen = set()
    for number, item in enumerate(items.itertuples(), start=1):
        wait_for(page, f"Cutout {number} of {N_CUTOUTS}")
        cells = page.locator(".review-side td").all_inner_texts()
        assert tuple(cells[::2]) == DISPLAYED
        assert cells[1::2][:2] == [item.image_name, str(item.error_id)]
        assert cells[1::2][-1] == item.outcome
        page.wait_for_timeout(700)
        pixels = screen(page)
        box = page.locator(".review-context .konvajs-content").bounding_box()
        assert box is not None
        for place, tile in enumerate(read_tiles(item.tiles)):
            left = box["x"] + 200 * (place % 3) + 1
            middle = box["y"] + 200 * (place // 3) + 100
            colours = {name for name in COLOURS if has_line(pixels, left, middle, COLOURS[name])}
            assert colours == ({tile.outcome} if tile else set()), (number, place)
            # Where the dashed frame of the cutout itself is, red would be hard to find.
            is_red = has_line(pixels, left + 4, middle + 40, RED)
            assert is_red == (tile is not None and tile.outcome == "TP"), (number, place)
            seen.add(tile.outcome if tile else None)
        scored = [t for t in read_tiles(item.tiles) if t and t.outcome in ("FP", "TP")]
        texts = page.locator(".review-boxes").inner_text().split()
        assert texts == [f"{tile.score:.3f}" for tile in scored]
        take(page, f"cutouts-real-{number}")
        page.keyboard.press("Enter")
    assert seen == {"FP", "FN", "TP", "TN", None}


def test_what_is_said_by_keyboard_comes_back(
    pushed: Push, owner_page: Page, client: Client
) -> None:
    """Agreed, changed, unsure with a remark, a neighbour; a skip is no answer."""
    page = owner_page
    link, project_id, _, items, predictions = pushed("Real answers", rows=slice(0, 5))
    page.goto(link)
    wait_for(page, "Cutout 1 of 5")
    page.keyboard.press("Enter")
    wait_for(page, "Cutout 2 of 5")
    box = page.locator(".review-context .konvajs-content").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 500, box["y"] + 300)
    expect(page.get_by_text("This tile:")).to_be_visible()
    page.keyboard.press("Shift+Digit1")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    wait_for(page, "Cutout 3 of 5")
    page.locator("[name=remark]").click()
    page.keyboard.type("a faint trail?")
    for key in ("Enter", "3", "Enter"):
        page.keyboard.press(key)
    wait_for(page, "Cutout 4 of 5")
    page.keyboard.press("Control+Space")
    wait_for(page, "Cutout 5 of 5")
    rows = answers(client, project_id, predictions)
    given = rows[~rows["skipped"]]
    right = read_tiles(items["tiles"].iloc[1])[5]
    assert right is not None
    first, second, third = items["item_id"].iloc[:3]
    assert said(given) == {
        first: "no artifact",
        second: "artifact",
        right.item_id: "artifact",
        third: "unsure",
    }
    by_item = given.set_index("item_id")
    assert list(by_item.loc[[first, second, third], "changed"]) == [False, True, True]
    assert by_item.loc[third, "remark"] == "a faint trail?"
    assert by_item["prefilled"].all()
    assert list(rows.loc[rows["skipped"], "item_id"]) == [items["item_id"].iloc[3]]


@pytest.mark.parametrize("view", ["", FRAMES])
def test_a_blind_page_tells_nothing(
    pushed: Push, owner_page: Page, client: Client, view: str
) -> None:
    """Boxes all alike, nothing chosen, only the place in the table; answers are not prefilled."""
    page = owner_page
    link, project_id, study, items, predictions = pushed(
        f"Real blind {view or 'cutouts'}", view, blind=True, random_floor=0.05, rows=slice(0, 6)
    )
    page.goto(link)
    first = items.iloc[0]
    n_frames = items["image_name"].nunique()
    progress = f"Frame 1 of {n_frames}: {first.image_name}" if view else "Cutout 1 of 6"
    following = f"Frame 2 of {n_frames}" if view else "Cutout 2 of 6"
    wait_for(page, progress)
    take(page, f"cutouts-blind-{view or 'cutout'}")
    sent = json.dumps(client.get("/api/tasks", params={"project": project_id, "fields": "all"}))
    # What the page can show of ours: tasks and these. Its own scripts may have any word in them.
    project = client.get(f"/api/projects/{project_id}/")
    ours = [
        project[name] for name in ("title", "description", "label_config", "expert_instruction")
    ]
    shown = page.locator("body").inner_text()
    for text in ('"FP"', '"FN"', '"TP"', '"TN"', "preds", "scores", "error_id", "confmat"):
        for told in (sent, *ours, shown):
            before, found, after = told.partition(text)
            assert not found, f"...{before[-200:]}{found}{after[:200]}..."
    scores = [text for score in items["model_score"] if len(text := str(score)[:6]) == 6]
    assert scores
    assert not [text for text in scores if text in sent]
    expect(page.locator(".ant-radio-wrapper-checked")).to_have_count(0)
    if view:
        page.keyboard.press("Alt+.")
    else:
        names = page.locator(".review-side td:first-child").all_inner_texts()
        assert set(names) <= set(BLIND_FACTS)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text(following)).to_be_visible(timeout=60_000)
    rows = answers(client, project_id, predictions, view)
    if not view:
        assert said(rows) == {first.item_id: "artifact"}
    assert list(rows["label"]) == ["artifact"]
    assert set(rows["item_id"]) <= set(items["item_id"])
    assert not rows["prefilled"].any()
    assert rows["changed"].isna().all()
    assert study.blind


def test_a_frame_gives_the_tiles_that_were_answered(
    pushed: Push, owner_page: Page, client: Client
) -> None:
    """All tiles of a real frame; the first error and no other comes back; a skip is nothing."""
    page = owner_page
    link, project_id, study, items, predictions = pushed("Real frames", FRAMES, show="all")
    names = list(items["image_name"].unique())
    page.goto(link)
    wait_for(page, f"Frame 1 of 8: {names[0]}")
    page.keyboard.press("Alt+.")
    expect(page.locator(".review-verdict label").first).to_be_visible()
    page.keyboard.press("1")
    take(page, "cutouts-frame-real")
    page.keyboard.press("Enter")
    wait_for(page, f"Frame 2 of 8: {names[1]}")
    page.keyboard.press("Alt+.")
    page.keyboard.press("1")
    page.keyboard.press("Control+Space")
    wait_for(page, f"Frame 3 of 8: {names[2]}")
    rows = answers(client, project_id, predictions, FRAMES)
    errors = items[(items["image_name"] == names[0]) & items["outcome"].isin(["FP", "FN"])]
    first = errors.sort_values(["grid_y", "grid_x"]).iloc[0]
    assert said(rows) == {first.item_id: "artifact"}
    assert list(rows["changed"]) == [first.label != "artifact"]
    assert frame_item_id(study, names[1]) not in set(rows["item_id"])


def test_tabs_list_and_sort_the_tasks_and_are_made_once(
    pushed: Push, owner_page: Page, client: Client
) -> None:
    """FP, FN, unchecked, by confidence; a second call changes nothing; the stream follows."""
    page = owner_page
    link, project_id, _, items, _ = pushed("Real tabs", rows=slice(0, 12))
    tabs = page_tabs(blind=False)
    made = ensure_tabs(client, project_id, tabs)
    assert list(made) == ["All", "FP", "FN", "Unchecked", "By confidence"]
    assert ensure_tabs(client, project_id, tabs) == made
    assert len(client.get("/api/dm/views", params={"project": project_id})) == len(tabs)

    def listed(title: str) -> list[str]:
        tasks = client.get("/api/tasks", params={"project": project_id, "view": made[title]})
        return [task["data"]["item_id"] for task in tasks["tasks"]]

    client_tasks = client.get("/api/tasks", params={"project": project_id})["tasks"]
    answered = client_tasks[0]
    result = [
        {
            "from_name": "verdict",
            "to_name": "cutout",
            "type": "choices",
            "value": {"choices": ["unsure"]},
        }
    ]
    client.post(f"/api/tasks/{answered['id']}/annotations/", json={"result": result})
    assert listed("All") == list(items["item_id"])
    for outcome in ("FP", "FN"):
        of_it = items.loc[items["outcome"] == outcome, "item_id"]
        assert len(of_it)
        assert listed(outcome) == list(of_it)
    unchecked = [one for one in items["item_id"] if one != answered["data"]["item_id"]]
    assert listed("Unchecked") == unchecked
    ordered = items.sort_values("model_score", ascending=False)
    assert listed("By confidence") == list(ordered["item_id"])
    page.goto(link.replace("labeling=1", f"tab={made['FN']}"))
    expect(page.get_by_text("By confidence").first).to_be_visible(timeout=60_000)
    page.wait_for_timeout(1_000)
    take(page, "cutouts-tabs")
    for column in ("image_name", "outcome", "score"):
        box = page.get_by_text(column, exact=True).first.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 1366, column
    page.goto(link.replace("labeling=1", f"tab={made['FN']}&labeling=1"))
    number = list(items["outcome"]).index("FN") + 1
    wait_for(page, f"Cutout {number} of 12")
