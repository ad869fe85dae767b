"""People who join a study long after its import, in a real browser."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from playwright.sync_api import Browser, Page, expect
from typer.testing import CliRunner

from ls_integration import study as studies
from ls_integration.cli import app
from ls_integration.errors import ConfigError
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.people import Person
from ls_integration.settings import load
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.people import add_people
from ls_integration.workflows.sted_options import ImportOptions

TITLE = "Joined later"
N_IMAGES = 4

Run = Callable[..., Result]
Login = Callable[[Page, EmbeddedServer, str, str], None]


@pytest.fixture(scope="module")
def workplace(live_server: EmbeddedServer, repository: Path) -> Path:
    """Give a working folder beside the server, with a study of the owner's in it."""
    folder = live_server.data_dir.parent / "people"
    folder.mkdir()
    source = repository / "data" / "sted_sample"
    import_sted_quality(
        ImportOptions(source=source, title=TITLE, blind=True, limit=N_IMAGES),
        load(media=live_server.media),
        start=folder,
        say=lambda line: None,
    )
    return folder


@pytest.fixture
def run(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give the command line, run in the working folder without a terminal."""
    monkeypatch.chdir(workplace)

    def call(*words: str) -> Result:
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done

    return call


@pytest.fixture
def second_page(browser: Browser) -> Iterator[Page]:
    """Open a page of another person's browser."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    yield context.new_page()
    context.close()


def logins(file: Path) -> dict[str, tuple[str, str]]:
    """Read e-mail and password of everybody in a passwords file; the last one counts."""
    assert file.stat().st_mode & 0o077 == 0
    found = {}
    for line in file.read_text().splitlines():
        name, _, rest = line.partition(": login ")
        email, _, password = rest.partition(" password ")
        found[name] = (email, password)
    return found


def open_first_image(page: Page, link: str) -> None:
    """Open the stream, close the instructions, and see the first image."""
    page.goto(link)
    expect(page.get_by_text("Labeling Instructions")).to_be_visible(timeout=60_000)
    page.keyboard.press("Escape")
    expect(page.get_by_text(f"Image 1 of {N_IMAGES}", exact=True)).to_be_visible(timeout=30_000)
    page.wait_for_function("document.querySelector('.lsf-image img')?.naturalWidth > 0")


def test_people_join_label_and_are_counted(
    run: Run,
    workplace: Path,
    live_server: EmbeddedServer,
    page: Page,
    second_page: Page,
    login: Login,
) -> None:
    """The printed invitation is enough; nobody meets another's answers."""
    invited = run("people", "add", "joined-later", "Ada Late", "Ben Late=ben.late@example.org")
    links = [
        line.split()[-1] for line in invited.stdout.splitlines() if line.startswith("    label")
    ]
    passwords = logins(workplace / "studies" / "joined-later" / "passwords.txt")
    assert passwords["Ben Late"][0] == "ben.late@example.org"
    for email, password in passwords.values():
        assert f"login: {email}\n" in invited.stdout
        assert password not in invited.stdout + invited.stderr
    login(page, live_server, *passwords["Ada Late"])
    open_first_image(page, links[0])
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Image 2 of {N_IMAGES}", exact=True)).to_be_visible(timeout=30_000)
    login(second_page, live_server, *passwords["Ben Late"])
    open_first_image(second_page, links[1])
    expect(second_page.locator(".lsf-choice input:checked")).to_have_count(0)
    # The same person again: nothing is made, nothing is sent, no password.
    known = (workplace / "studies" / "joined-later" / "study.json").read_bytes()
    again = run("people", "add", "joined-later", "Ada Late")
    assert f"Joined later · Ada Late: all {N_IMAGES} tasks are there" in again.stdout
    assert "password: the one they have" in again.stdout
    assert links[0] in again.stdout
    assert (workplace / "studies" / "joined-later" / "study.json").read_bytes() == known
    run("people", "add", "joined-later", "Ada Late", "--round", "2")
    listed = run("people", "list", "joined-later").stdout.splitlines()
    at = next(number for number, line in enumerate(listed) if line.startswith("Ada Late  "))
    assert listed[at + 1] == f"  {TITLE} · Ada Late  {links[0]}"
    assert listed[at + 2].startswith(f"  {TITLE} · Ada Late · round 2  {live_server.url}/projects/")
    assert any("ben.late@example.org" in line for line in run("people", "list").stdout.splitlines())
    counted = [line.split() for line in run("status", "joined-later", "-q").stdout.splitlines()]
    rows = {(row[-8], row[-7]): row[-6:-2] for row in counted if row[-8] != "person"}
    assert rows["Late", "2"] == ["0", "0", "0", str(N_IMAGES)]
    both = [row[1:] for row in counted if row[0] in ("Ada", "Ben") and row[2] == "1"]
    assert [row[2:6] for row in both] == [
        ["1", "0", "0", str(N_IMAGES - 1)],
        ["0", "0", "0", str(N_IMAGES)],
    ]


def test_watching_ends_with_ctrl_c(workplace: Path) -> None:
    """130, one line, no traceback; without a terminal plain tables follow each other."""
    words = [sys.executable, "-m", "ls_integration", "status", "joined-later", "--watch"]
    with subprocess.Popen(
        words, cwd=workplace, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().startswith("person ")
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert len(said.splitlines()) == 2
    assert said.splitlines()[1].startswith("error: interrupted")


def test_a_new_password_opens_the_account_and_the_old_one_does_not(
    run: Run, workplace: Path, live_server: EmbeddedServer, page: Page, login: Login
) -> None:
    """`people reset` while the server runs; the file is the owner's alone."""
    folder = workplace / "studies" / "joined-later"
    run("people", "add", "joined-later", "Gus Forgetful")
    email, old = logins(folder / "passwords.txt")["Gus Forgetful"]
    run("people", "reset", "Gus Forgetful", "--passwords", "new.txt")
    again, new = logins(workplace / "new.txt")["Gus Forgetful"]
    assert again == email
    assert new != old
    page.goto(f"{live_server.url}/user/login/")
    page.fill('input[name="email"]', email)
    page.fill('input[name="password"]', old)
    page.click('button[type="submit"]')
    expect(page.get_by_text("The email and password you entered don't match")).to_be_visible()
    login(page, live_server, email, new)
    expect(page).not_to_have_url(f"{live_server.url}/user/login/")


def test_on_another_server_enter_becomes_the_new_persons_own_key(
    workplace: Path, live_server: EmbeddedServer, tmp_path: Path
) -> None:
    """Seen from elsewhere the server is not ours: its own keymap is not relied on."""
    made: dict[str, Person] = {}
    add_people(
        workplace / "studies" / "joined-later",
        load(url=live_server.url, api_key=live_server.token, media=live_server.media),
        ["Eve Elsewhere"],
        start=tmp_path,
        say=lambda line: None,
        on_account=lambda _, person: made.update({person.name: person}),
    )
    token = made["Eve Elsewhere"].token
    assert token is not None
    with Client(live_server.url, token) as eve:
        keys = eve.get("/api/current-user/hotkeys/")["custom_hotkeys"]
    assert keys["annotation:annotation:submit"] == {"key": "enter", "active": True}


def test_without_the_pictures_nobody_is_invited(
    workplace: Path, live_server: EmbeddedServer, client: Client, tmp_path: Path
) -> None:
    """One line says where they are looked for; no account is made."""
    folder = workplace / "studies" / "joined-later"
    before = client.get("/api/users/")
    with pytest.raises(ConfigError, match="pictures of the study are not in"):
        add_people(
            folder, load(media=tmp_path), ["Too Early"], start=workplace, say=lambda line: None
        )
    assert client.get("/api/users/") == before
    assert "Too Early" not in studies.load(folder).people
