"""The label page in a real browser: what people see, and what their keys do."""

import os
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.annotations import read_annotations
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from ls_integration.settings import load
from ls_integration.workflows.export import export
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.sted_options import ImportOptions

SIZES = [(1366, 768), (1440, 900)]
"""Screens on which nothing may need scrolling, in CSS pixels."""

SCREENSHOTS = os.environ.get("LS_INTEGRATION_SCREENSHOTS")
"""Where to keep pictures of the pages, for the documentation."""


def make_study(
    live_server: EmbeddedServer, repository: Path, folder: Path, *, blind: bool
) -> ImportOutcome:
    """Import the first images of the sample for the owner."""
    return import_sted_quality(
        ImportOptions(
            source=repository / "data" / "sted_sample",
            title=f"Browser {'blind' if blind else 'assisted'}",
            blind=blind,
            limit=8,
            model_threshold=0.5,
        ),
        load(url=live_server.url, api_key=live_server.token, media=live_server.media),
        start=folder,
        say=lambda line: None,
    )


def open_stream(page: Page, link: str, number: int) -> None:
    """Open the stream, read and close the instructions, wait for an image."""
    page.goto(link)
    expect(page.get_by_text("Labeling Instructions")).to_be_visible(timeout=60_000)
    keep(page, "instructions")
    page.keyboard.press("Escape")
    wait_for(page, number)


def wait_for(page: Page, number: int) -> None:
    """Wait until the image of this number stands on the page."""
    expect(page.get_by_text(f"Image {number} of 8", exact=True)).to_be_visible(timeout=30_000)
    page.wait_for_function("document.querySelector('.lsf-image img')?.naturalWidth > 0")


def chosen(page: Page) -> str | None:
    """Read which choice is set."""
    set_choice = page.locator(".lsf-choice input:checked")
    return set_choice.first.get_attribute("name") if set_choice.count() else None


def keep(page: Page, name: str) -> None:
    """Keep a screenshot where the documentation asks for one."""
    if SCREENSHOTS:
        # The dialog fades in, the menu fades into its dark colour.
        page.wait_for_timeout(1_500)
        page.screenshot(path=f"{SCREENSHOTS}/{name}.png")


def answers_of(outcome: ImportOutcome, server: EmbeddedServer, output: Path) -> pd.DataFrame:
    """Export the study and read its annotations in the study's order."""
    export(
        outcome.folder,
        load(url=server.url, api_key=server.token),
        output,
        start=output.parent,
    )
    items = studies.read_items(outcome.folder)
    table = read_annotations(output / "annotations.csv")
    return table.merge(items[["item_id", "position", "model_label"]], on="item_id").sort_values(
        "position", ignore_index=True
    )


@pytest.fixture
def blind(live_server: EmbeddedServer, repository: Path, tmp_path: Path) -> ImportOutcome:
    """Make a blind study of eight images."""
    return make_study(live_server, repository, tmp_path, blind=True)


@pytest.fixture
def assisted(live_server: EmbeddedServer, repository: Path, tmp_path: Path) -> ImportOutcome:
    """Make an assisted study of eight images."""
    return make_study(live_server, repository, tmp_path, blind=False)


@pytest.fixture
def owner_page(page: Page, live_server: EmbeddedServer, login: object) -> Page:
    """Log the server's owner in, with the printed e-mail and password."""
    login(page, live_server, live_server.username, live_server.password.get_secret_value())  # type: ignore[operator]
    return page


def test_keys_label_in_the_studys_order(
    blind: ImportOutcome, owner_page: Page, live_server: EmbeddedServer, tmp_path: Path
) -> None:
    """Key and Enter answer and go on; a skip comes back at the end."""
    page = owner_page
    open_stream(page, blind.projects[0].link, 1)
    assert chosen(page) is None
    keep(page, "blind")
    for number, key in enumerate(["1", "2", None, "2", "1", "1", "2", "2"], start=1):
        wait_for(page, number)
        page.keyboard.press("Control+Space" if key is None else key)
        if key is not None:
            page.keyboard.press("Enter")
    # What was skipped is asked again, last.
    wait_for(page, 3)
    rows = answers_of(blind, live_server, tmp_path / "results")
    assert rows["position"].tolist() == list(range(8))
    expected = ["normal", "anomaly", None, "anomaly", "normal", "normal", "anomaly", "anomaly"]
    assert rows["label"].tolist() == expected
    assert rows["skipped"].tolist() == [label is None for label in expected]
    assert rows["annotator"].unique().tolist() == ["Olga Owner"]
    assert not rows["prefilled"].any()
    assert rows["changed"].isna().all()
    assert ((rows["lead_time_s"] > 0) & (rows["lead_time_s"] < 60)).all()


def test_enter_without_an_answer_keeps_the_image(
    assisted: ImportOutcome, owner_page: Page, client: Client
) -> None:
    """Pressing the key of the choice that is set un-selects it: nothing is submitted then."""
    page = owner_page
    open_stream(page, assisted.projects[0].link, 1)
    page.keyboard.press("1" if chosen(page) == "normal" else "2")
    assert chosen(page) is None
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Submit current annotation")).to_be_disabled()
    page.wait_for_timeout(1_000)
    wait_for(page, 1)
    tasks = pull_answers(client, assisted.projects[0].project_id, with_predictions=False)
    assert not any(task["annotations"] for task in tasks)


def test_assisted_pages_start_from_the_models_answer(
    assisted: ImportOutcome, owner_page: Page, live_server: EmbeddedServer, tmp_path: Path
) -> None:
    """Enter confirms, the other key overrules; the export says which was which."""
    items = studies.read_items(assisted.folder)
    page = owner_page
    open_stream(page, assisted.projects[0].link, 1)
    assert chosen(page) == items["model_label"].iloc[0]
    expect(page.get_by_text("agree: Enter")).to_be_visible()
    keep(page, "assisted")
    page.keyboard.press("Enter")
    wait_for(page, 2)
    suggestion = items["model_label"].iloc[1]
    assert chosen(page) == suggestion
    page.keyboard.press("2" if suggestion == "normal" else "1")
    page.keyboard.press("Enter")
    wait_for(page, 3)
    page.keyboard.press("Control+Space")
    wait_for(page, 4)
    rows = answers_of(assisted, live_server, tmp_path / "results")
    other = {"normal": "anomaly", "anomaly": "normal"}
    assert rows["label"].tolist() == [
        items["model_label"].iloc[0],
        other[suggestion],
        None,
    ]
    assert rows["prefilled"].tolist()[:2] == [True, True]
    assert rows["changed"].tolist()[:2] == [False, True]
    assert rows["skipped"].tolist() == [False, False, True]
    assert (rows["lead_time_s"] > 0).all()


@pytest.mark.parametrize(("width_px", "height_px"), SIZES)
def test_the_page_fits_without_scrolling(
    assisted: ImportOutcome, owner_page: Page, width_px: int, height_px: int
) -> None:
    """Question, criterion, keys, counter and a picture three times enlarged, all in sight."""
    page = owner_page
    page.set_viewport_size({"width": width_px, "height": height_px})
    open_stream(page, assisted.projects[0].link, 1)
    for text in (
        "Image 1 of 8",
        "Normal or anomaly?",
        "normal: a quality of 0.70 or more",
        "agree: Enter",
        "Submit",
    ):
        box = page.get_by_text(text).first.bounding_box()
        assert box is not None, text
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width_px, text
        assert box["y"] + box["height"] <= height_px, text
    image = page.locator(".lsf-image").bounding_box()
    assert image is not None
    assert (image["width"], image["height"]) == (672, 672)
    bar = page.locator(".lsf-bottombar").bounding_box()
    assert bar is not None
    assert image["y"] + image["height"] <= bar["y"] + 1
    overflow = page.evaluate(
        """() => [document.documentElement, document.querySelector('.lsf-main-content')]
            .map(e => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth])"""
    )
    assert max(max(pair) for pair in overflow) <= 0
    keep(page, f"assisted-{width_px}x{height_px}")


def test_the_page_is_dark_and_has_no_empty_panels(
    assisted: ImportOutcome, owner_page: Page
) -> None:
    """Whatever theme the browser asks for."""
    page = owner_page
    open_stream(page, assisted.projects[0].link, 1)
    for selector in (".lsf-root", ".lsf-bottombar", ".lsf-menu-header"):
        # The menu fades into its colour; a page that stays light runs into the time limit.
        page.wait_for_function(
            """selector => getComputedStyle(document.querySelector(selector)).backgroundColor
                .match(/[0-9]+/g).slice(0, 3).every(value => value < 64)""",
            arg=selector,
            timeout=5_000,
        )
    for panel in ("View region details", "Labeled regions will appear here"):
        expect(page.get_by_text(panel)).to_be_hidden()


def test_the_picture_is_shown_pixel_by_pixel(
    blind: ImportOutcome, owner_page: Page, client: Client
) -> None:
    """Each pixel is a block of three by three of its colour: nothing is smoothed."""
    import io

    import numpy as np
    from PIL import Image

    page = owner_page
    open_stream(page, blind.projects[0].link, 1)
    page.wait_for_timeout(500)
    box = page.locator(".lsf-image").bounding_box()
    assert box is not None
    # Without the margin in which the toolbar or a rounding of the frame could stand.
    shown = np.asarray(
        Image.open(
            io.BytesIO(
                page.screenshot(clip={"x": box["x"], "y": box["y"], "width": 600, "height": 600})
            )
        ).convert("RGB")
    )
    image = studies.read_items(blind.folder)["image"].iloc[0]
    content, _ = client.get_bytes(f"/data/local-files/?d={image}")
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    expected = pixels[:200, :200].repeat(3, axis=0).repeat(3, axis=1)
    same = (np.abs(shown.astype(int) - expected.astype(int)).max(axis=2) <= 1).mean()
    assert same > 0.999
