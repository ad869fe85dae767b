"""A person's whole session: from the printed invitation to the exported answers."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ls_integration import study as studies
from ls_integration.annotations import newest_answers, read_annotations
from ls_integration.server.embedded import EmbeddedServer
from tests.live.corrections import corrected

N_IMAGES = 5
OTHER = {"normal": "anomaly", "anomaly": "normal"}
KEYS = {"normal": "1", "anomaly": "2"}
PAUSE_S = 3.0

MAC_USER_AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.0.0 Safari/537.36"
)
MAC_PLATFORM = "Object.defineProperty(navigator, 'platform', {get: () => 'MacIntel'})"

SCREENSHOTS = os.environ.get("LS_INTEGRATION_SCREENSHOTS")
"""Where to keep pictures of the pages, to look at them."""


@dataclass(frozen=True)
class Invitation:
    """What the person is sent."""

    url: str
    login: str
    password: str
    link: str


@dataclass(frozen=True)
class Workplace:
    """A folder beside the server, and the command line in it."""

    folder: Path

    def run(self, *words: str) -> tuple[str, str]:
        """Run a command; its standard error is a terminal. Give both outputs."""
        ours, terminal = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "ls_integration", *words, "--quiet"],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
        ) as command:
            os.close(terminal)
            assert command.stdout is not None
            printed = command.stdout.read()
        said = b"".join(_read_all(ours)).decode().replace("\r\n", "\n")
        os.close(ours)
        assert command.returncode == 0, said
        return printed, said

    def invite(self, study: str, *names: str, round_number: int = 1) -> list[Invitation]:
        """Add people, and read their invitations off the screen."""
        printed, said = self.run("people", "add", study, *names, "--round", str(round_number))
        secrets = dict(re.findall(r"^(.+): login \S+ password (\S+)$", said, re.MULTILINE))
        found = re.findall(
            r"invitation for (.+)\n    Label Studio: (\S+)\n    login: (\S+)\n"
            r"    password: .+\n    label here: (\S+)\n",
            printed,
        )
        assert [name for name, *_ in found] == list(names)
        return [
            Invitation(url, login, secrets.get(name, ""), link) for name, url, login, link in found
        ]

    def answers(self, command: str, study: str, output: str) -> pd.DataFrame:
        """Export a study; give its annotations with the positions of their images, from 1."""
        self.run(command, study, "--output", output)
        items = studies.read_items(self.folder / "studies" / study)
        table = read_annotations(self.folder / output / "annotations.csv")
        table["number"] = table["item_id"].map(
            dict(zip(items["item_id"], items["position"] + 1, strict=True))
        )
        return table.sort_values(["number", "submission"], ignore_index=True)


def _read_all(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            read = os.read(terminal, 4096)
        except OSError:
            return
        if not read:
            return
        yield read


@pytest.fixture(scope="module")
def workplace(live_server: EmbeddedServer) -> Workplace:
    """Give a working folder from which the server is found."""
    folder = live_server.data_dir.parent / "sessions"
    folder.mkdir()
    return Workplace(folder)


@pytest.fixture(scope="module")
def invitations(workplace: Workplace, repository: Path) -> dict[str, Invitation]:
    """Import a blind study with instructions, then add people to it."""
    text = workplace.folder / "text.md"
    text.write_text("## What the lab looks for\n\nLook at the *rings*.")
    for name, value in (("actin/good_0.92.png", 200), ("actin/bad_0.11.png", 40)):
        path = workplace.folder / "examples" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((48, 48), value, dtype=np.uint8)).save(path)
    sample = str(repository / "data" / "sted_sample")
    workplace.run(
        *("import", "sted-quality", sample, "--blind", "--title", "Whole session"),
        *("--limit", str(N_IMAGES), "--instructions", "text.md", "--examples", "examples"),
    )
    names = ("Ida Session", "Jon Session", "Kai Mac", "Lea Twice")
    return dict(zip(names, workplace.invite("whole-session", *names), strict=True))


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Give the function that opens somebody's own browser."""
    opened: list[BrowserContext] = []

    def open_one(**options: str) -> BrowserContext:
        context = browser.new_context(viewport={"width": 1366, "height": 768}, **options)  # type: ignore[arg-type]
        opened.append(context)
        return context

    yield open_one
    for context in opened:
        context.close()


def log_in(page: Page, invitation: Invitation) -> None:
    """Do what the invitation says, up to the instructions."""
    page.goto(invitation.url)
    page.wait_for_url("**/user/login/**")
    page.fill('input[name="email"]', invitation.login)
    page.fill('input[name="password"]', invitation.password)
    page.click('button[type="submit"]')
    page.wait_for_url(lambda url: "/user/login" not in url)
    page.goto(invitation.link)


def start(page: Page, invitation: Invitation) -> None:
    """Do what the invitation says, up to the first image."""
    log_in(page, invitation)
    close_instructions(page, 1)


def close_instructions(page: Page, number: int) -> None:
    """Close what every load of the stream opens with, and wait for an image."""
    expect(page.get_by_text("Labeling Instructions")).to_be_visible(timeout=60_000)
    page.keyboard.press("Escape")
    wait_for(page, number)


def wait_for(page: Page, number: int) -> None:
    """Wait until the image of this number stands on the page."""
    text = re.compile(rf"^Image {number} of \d+$")
    expect(page.get_by_text(text)).to_be_visible(timeout=30_000)
    page.wait_for_function("document.querySelector('.lsf-image img')?.naturalWidth > 0")


def picture(page: Page) -> list[int]:
    """Read the bytes of the picture on the page."""
    content: list[int] = page.evaluate(
        """async () => {
            const answer = await fetch(document.querySelector('.lsf-image img').src);
            return [...new Uint8Array(await answer.arrayBuffer())];
        }"""
    )
    return content


def answer(page: Page, label: str) -> None:
    """Press the key of an answer, then Enter."""
    page.keyboard.press(KEYS[label])
    expect(page.locator(".lsf-choice input:checked")).to_have_attribute("name", label)
    page.keyboard.press("Enter")


def chosen(page: Page) -> str | None:
    """Read which choice is set."""
    choice = page.locator(".lsf-choice input:checked")
    return choice.first.get_attribute("name") if choice.count() else None


def keep(page: Page, name: str) -> None:
    """Keep a screenshot where one is asked for."""
    if SCREENSHOTS:
        page.wait_for_timeout(1_500)
        page.screenshot(path=f"{SCREENSHOTS}/{name}.png")


def test_a_session_from_the_invitation_to_the_scores(
    workplace: Workplace,
    invitations: dict[str, Invitation],
    open_context: Callable[..., BrowserContext],
) -> None:
    """Log in, read, label, skip, correct, reload, finish; a second person meets none of it."""
    page = open_context().new_page()
    log_in(page, invitations["Ida Session"])
    for words in ("What the lab looks for", "0.92", "0.11", "Option+Enter"):
        expect(page.get_by_text(words).first).to_be_visible(timeout=60_000)
    page.wait_for_function(
        """() => {
            const shown = [...document.querySelectorAll('td img')];
            return shown.length === 2 && shown.every(image => image.naturalWidth === 48);
        }"""
    )
    keep(page, "session-instructions")
    page.keyboard.press("Escape")
    pictures = []
    for number, label in enumerate(["normal", "anomaly", None], start=1):
        wait_for(page, number)
        pictures.append(picture(page))
        if label:
            answer(page, label)
    page.keyboard.press("Control+Space")
    wait_for(page, 4)
    # Back over the skipped one, and correct.
    for number in (3, 2):
        page.get_by_label("Previous task").click()
        wait_for(page, number)
    assert chosen(page) == "anomaly"
    with corrected(page):
        answer(page, "normal")
    wait_for(page, 2)
    expect(page.get_by_label("Update")).to_be_disabled()
    assert chosen(page) == "normal"
    keep(page, "session-corrected")
    for number in (3, 4):
        page.get_by_label("Next task").click()
        wait_for(page, number)
    page.reload()
    close_instructions(page, 4)
    assert chosen(page) is None
    answer(page, "anomaly")
    wait_for(page, 5)
    answer(page, "normal")
    # What was skipped is asked again at the end, and then there is no more.
    wait_for(page, 3)
    answer(page, "anomaly")
    expect(page.get_by_text("No More Tasks")).to_be_visible(timeout=30_000)

    second = open_context().new_page()
    start(second, invitations["Jon Session"])
    assert len({str(content) for content in pictures}) == 3
    for number, content in enumerate(pictures, start=1):
        wait_for(second, number)
        assert picture(second) == content
        assert chosen(second) is None
        if number == 1:
            expect(second.get_by_label("No previous task")).to_be_disabled()
        answer(second, "anomaly")
    wait_for(second, 4)

    table = workplace.answers("export-and-score", "whole-session", "session-results")
    idas = table[table["annotator"] == "Ida Session"]
    newest = newest_answers(idas)
    assert newest["label"].tolist() == ["normal", "normal", "anomaly", "anomaly", "normal"]
    assert newest["first_label"].tolist() == [None, "anomaly", None, None, None]
    skips = idas[idas["skipped"]]
    assert (skips["number"].tolist(), skips["submission"].tolist()) == ([3], [1])
    jons = table[table["annotator"] == "Jon Session"]
    assert jons["label"].tolist() == ["anomaly"] * 3
    assert jons["first_label"].isna().all()
    decisions = np.load(workplace.folder / "session-results" / "Ida Session.npz")
    assert decisions["classifications"][:, 0].tolist() == [0, 0, 1, 1, 0]


def test_pauses_reloads_and_second_tabs(
    workplace: Workplace, repository: Path, open_context: Callable[..., BrowserContext]
) -> None:
    """A pause counts, a draft comes back, a second tab adds no answer; all stay prefilled."""
    sample = str(repository / "data" / "sted_sample")
    workplace.run(
        *("import", "sted-quality", sample, "--model-threshold", "0.5"),
        *("--title", "Interrupted session", "--limit", "4"),
    )
    (invitation,) = workplace.invite("interrupted-session", "Nan Interrupted")
    page = open_context().new_page()
    start(page, invitation)
    page.wait_for_timeout(PAUSE_S * 1_000)
    page.keyboard.press("Enter")
    wait_for(page, 2)
    suggested = chosen(page)
    assert suggested is not None
    # A choice that was made just now is lost by a reload; after five seconds it is a draft.
    page.keyboard.press(KEYS[OTHER[suggested]])
    assert chosen(page) == OTHER[suggested]
    page.reload()
    close_instructions(page, 2)
    assert chosen(page) == suggested
    with page.expect_response(lambda response: "/drafts" in response.url, timeout=30_000):
        page.keyboard.press(KEYS[OTHER[suggested]])
    page.reload()
    close_instructions(page, 2)
    assert chosen(page) == OTHER[suggested]
    page.keyboard.press("Enter")
    wait_for(page, 3)
    third = chosen(page)
    assert third is not None
    tab = page.context.new_page()
    tab.goto(invitation.link)
    close_instructions(tab, 3)
    page.bring_to_front()
    answer(page, OTHER[third])
    wait_for(page, 4)
    tab.bring_to_front()
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("Annotation is not saved").first).to_be_visible(timeout=30_000)
    keep(tab, "session-second-tab")
    tab.reload()
    close_instructions(tab, 4)
    table = workplace.answers("export", "interrupted-session", "interrupted-results")
    assert table["number"].tolist() == [1, 2, 3]
    assert table["submission"].tolist() == [1, 1, 1]
    assert table["label"].tolist()[1:] == [OTHER[suggested], OTHER[third]]
    assert table["prefilled"].tolist() == [True, True, True]
    assert table["changed"].tolist() == [False, True, True]
    # The pause counts, and so does the time before the reload that a draft survived.
    assert table["lead_time_s"][0] >= PAUSE_S
    assert table["lead_time_s"][1] >= 4.0


def test_on_a_mac_the_same_keys_work_and_the_page_names_them(
    invitations: dict[str, Invitation], open_context: Callable[..., BrowserContext]
) -> None:
    """1, 2, Enter, Ctrl+Space as the button's hint says, Option+Enter as the instructions say."""
    context = open_context(user_agent=MAC_USER_AGENT)
    context.add_init_script(MAC_PLATFORM)
    page = context.new_page()
    start(page, invitations["Kai Mac"])
    assert page.evaluate("navigator.platform") == "MacIntel"
    for label, key in KEYS.items():
        expect(page.get_by_text(f"{label}[{key}]")).to_be_visible()
    expect(page.get_by_text("then Enter")).to_be_visible()
    page.get_by_label("skip-task").hover()
    expect(page.get_by_text("[ Ctrl+Space ]")).to_be_visible()
    keep(page, "session-mac")
    answer(page, "normal")
    wait_for(page, 2)
    page.keyboard.press("Control+Space")
    wait_for(page, 3)
    page.keyboard.press("Alt+Enter")
    wait_for(page, 4)
    answer(page, "anomaly")
    wait_for(page, 5)
    page.get_by_role("button", name="Instructions").click()
    expect(page.get_by_text("Option+Enter")).to_be_visible()


def test_a_second_round_asks_again(
    workplace: Workplace,
    invitations: dict[str, Invitation],
    open_context: Callable[..., BrowserContext],
) -> None:
    """From the first image on, without the first round's answers; the export tells them apart."""
    page = open_context().new_page()
    start(page, invitations["Lea Twice"])
    answer(page, "normal")
    wait_for(page, 2)
    (again,) = workplace.invite("whole-session", "Lea Twice", round_number=2)
    assert again.password == ""
    assert again.link != invitations["Lea Twice"].link
    page.goto(again.link)
    close_instructions(page, 1)
    assert chosen(page) is None
    expect(page.get_by_label("No previous task")).to_be_disabled()
    answer(page, "anomaly")
    wait_for(page, 2)
    table = workplace.answers("export", "whole-session", "round-results")
    leas = table[table["annotator"] == "Lea Twice"].sort_values("round")
    assert leas["round"].tolist() == [1, 2]
    assert leas["label"].tolist() == ["normal", "anomaly"]
    assert leas["submission"].tolist() == [1, 1]
    assert leas["first_label"].isna().all()
    assert (workplace.folder / "round-results" / "Lea Twice_round2.csv").is_file()
