"""The re-rating page in a real browser: what the keys send, and what they cannot."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from tests.live.corrections import corrected

SCREENSHOTS = os.environ.get("LS_INTEGRATION_SCREENSHOTS")
"""Where to keep pictures of the pages, for the documentation."""

FOLDER = "rating-page"
N_IMAGES = 8
MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
)

Project = tuple[str, list[int]]


@pytest.fixture
def project(live_server: EmbeddedServer, make_project: Callable[..., Project]) -> Project:
    """Make a project of small noise pictures, each with another old rating."""
    folder = live_server.media / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    rng = np.random.default_rng(5)
    tasks = []
    for number in range(1, N_IMAGES + 1):
        pixels = rng.integers(0, 255, size=(224, 224), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.webp", lossless=True)
        data = {
            "image": f"/data/local-files/?d={FOLDER}/{number}.webp",
            "item_id": f"item{number}",
            "progress": f"Image {number} of {N_IMAGES}",
            "structure": "actin",
            # The second one is as a blind study sends it.
            "old_rating": " " if number == 2 else f"Old rating: 0.71{number}",
        }
        tasks.append({"data": data})
    return make_project("Rating page", label_config_xml("sted_rating"), FOLDER, tasks)


@pytest.fixture
def owner_page(page: Page, live_server: EmbeddedServer, login: Callable[..., None]) -> Page:
    """Log the server's owner in."""
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    return page


def wait_for(page: Page, number: int) -> None:
    """Wait until the image of this number stands on the page."""
    text = page.get_by_text(f"Image {number} of {N_IMAGES}", exact=True)
    expect(text).to_be_visible(timeout=60_000)
    page.wait_for_function("document.querySelector('.lsf-image img')?.naturalWidth > 0")


def press(page: Page, *keys: str) -> None:
    """Press one key after another; ``S3`` is Shift and the digit 3."""
    for key in keys:
        page.keyboard.press(f"Shift+Digit{key[1]}" if key[0] == "S" else key)


def shown(page: Page, text: str) -> None:
    """Wait until the value that will be sent reads so."""
    page.wait_for_function(
        """text => [...document.querySelectorAll('.rating-value h1')]
            .filter(e => e.checkVisibility()).map(e => e.textContent).join('') === text""",
        arg=text,
        timeout=5_000,
    )


def rating_of(annotation: dict[str, Any]) -> str:
    """Read an answer as it is to be read: the text of both digits, in this order."""
    values = {item["from_name"]: item["value"]["choices"] for item in annotation["result"]}
    assert len(values) == len(annotation["result"])
    return "".join(values["tenths"] + values.get("hundredths", []))


def ratings(client: Client, task_id: int) -> list[str]:
    """Read all answers of a task."""
    return [rating_of(item) for item in client.get(f"/api/tasks/{task_id}")["annotations"]]


def test_three_keys_rate_to_the_hundredth(
    project: Project, owner_page: Page, client: Client
) -> None:
    """Digit, Shift and digit, Enter; what is shown is what is sent; 1.00 stands alone."""
    link, ids = project
    page = owner_page
    page.goto(link)
    keys = {
        "0.73": ["7", "S3"],
        "0.70": ["7", "S0"],
        "0.00": ["0", "S0"],
        "0.99": ["9", "S9"],
        # In the other order, and with both digits corrected.
        "0.15": ["S5", "1"],
        "0.62": ["7", "S1", "6", "S2"],
        "1.00": ["t"],
    }
    for number, (rating, typed) in enumerate(keys.items(), start=1):
        wait_for(page, number)
        shown(page, "")
        press(page, *typed)
        shown(page, rating)
        press(page, "Enter")
    wait_for(page, N_IMAGES)
    # No hundredths beside 1.00, although they had been chosen.
    press(page, "8", "S7", "t")
    shown(page, "1.00")
    expect(page.locator(".rating-row").nth(1).locator("label").first).to_be_hidden()
    with page.expect_response(lambda answer: "/annotations" in answer.url and answer.ok):
        press(page, "Enter")
    assert [ratings(client, task) for task in ids] == [[rating] for rating in [*keys, "1.00"]]


def test_what_is_incomplete_is_not_sent(project: Project, owner_page: Page, client: Client) -> None:
    """A hasty "7 3 Enter" is not 0.3; no digit at all, or the same key twice, is nothing."""
    link, ids = project
    page = owner_page
    page.goto(link)
    wait_for(page, 1)
    for typed, value in ((["Enter"], ""), (["7", "3", "Enter"], "0.3"), (["3", "Enter"], "")):
        press(page, *typed)
        shown(page, value)
    press(page, "S4", "Enter")
    expect(page.get_by_role("heading", name="a digit for the tenths")).to_be_visible()
    page.wait_for_timeout(1_000)
    wait_for(page, 1)
    assert ratings(client, ids[0]) == []
    # No dialog stands in the way of what comes next.
    press(page, "7")
    shown(page, "0.74")
    press(page, "Enter")
    wait_for(page, 2)
    assert ratings(client, ids[0]) == ["0.74"]


def test_the_old_rating_is_shown_and_never_prefilled(project: Project, owner_page: Page) -> None:
    """As text; where a blind study sends none, nothing stands there."""
    page = owner_page
    page.goto(project[0])
    wait_for(page, 1)
    expect(page.get_by_text("Old rating: 0.711")).to_be_visible()
    assert page.locator(".ant-radio-wrapper-checked").count() == 0
    press(page, "5", "S5", "Enter")
    wait_for(page, 2)
    expect(page.get_by_text("Old rating")).to_have_count(0)
    expect(page.get_by_text("undefined")).to_have_count(0)
    assert page.locator(".ant-radio-wrapper-checked").count() == 0


def test_a_reload_keeps_the_digits(project: Project, owner_page: Page, client: Client) -> None:
    """Once Label Studio has saved the draft, within its five seconds."""
    link, ids = project
    page = owner_page
    page.goto(link)
    wait_for(page, 1)
    with page.expect_response(lambda answer: "/drafts" in answer.url and answer.ok):
        press(page, "7", "S2")
    page.reload()
    wait_for(page, 1)
    shown(page, "0.72")
    press(page, "Enter")
    wait_for(page, 2)
    assert ratings(client, ids[0]) == ["0.72"]


def test_a_given_rating_can_be_corrected(
    project: Project, owner_page: Page, client: Client
) -> None:
    """Back to the image before, one key, Enter: one answer, the new one."""
    link, ids = project
    page = owner_page
    page.goto(link)
    wait_for(page, 1)
    press(page, "7", "S9", "Enter")
    wait_for(page, 2)
    page.get_by_label("Previous task").click()
    wait_for(page, 1)
    shown(page, "0.79")
    with corrected(page):
        press(page, "S8")
        shown(page, "0.78")
        press(page, "Enter")
    assert ratings(client, ids[0]) == ["0.78"]


def test_the_keys_are_the_same_on_a_mac(
    project: Project,
    browser: Browser,
    live_server: EmbeddedServer,
    login: Callable[..., None],
    client: Client,
) -> None:
    """Where Label Studio takes the browser for one on a Mac."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, user_agent=MAC)
    context.add_init_script("Object.defineProperty(navigator, 'platform', {get: () => 'MacIntel'})")
    page = context.new_page()
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    page.goto(project[0])
    wait_for(page, 1)
    press(page, "6", "S1", "Enter")
    wait_for(page, 2)
    assert ratings(client, project[1][0]) == ["0.61"]
    context.close()


@pytest.mark.parametrize(("width_px", "height_px"), [(1366, 768), (1440, 900)])
def test_the_page_fits_without_scrolling(
    project: Project, owner_page: Page, width_px: int, height_px: int
) -> None:
    """Picture three times enlarged, both rows of digits and the value, all in sight, dark."""
    page = owner_page
    page.set_viewport_size({"width": width_px, "height": height_px})
    page.goto(project[0])
    wait_for(page, 1)
    press(page, "7", "S3")
    shown(page, "0.73")
    for text in ("Image 1 of 8", "How good is this image?", "1.00", "Enter sends it", "Submit"):
        box = page.get_by_text(text).locator("visible=true").first.bounding_box()
        assert box is not None, text
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width_px, text
        assert box["y"] + box["height"] <= height_px, text
    image = page.locator(".lsf-image").bounding_box()
    assert image is not None
    assert (image["width"], image["height"]) == (672, 672)
    overflow = page.evaluate(
        """() => [document.documentElement, document.querySelector('.lsf-main-content')]
            .map(e => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth])"""
    )
    assert max(max(pair) for pair in overflow) <= 0
    page.wait_for_function(
        """getComputedStyle(document.querySelector('.lsf-root')).backgroundColor
            .match(/[0-9]+/g).slice(0, 3).every(value => value < 64)"""
    )
    if SCREENSHOTS:
        page.wait_for_timeout(1_500)
        page.screenshot(path=f"{SCREENSHOTS}/sted_rating-{width_px}x{height_px}.png")
