"""A browser to look at the embedded Label Studio of the session."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.storage import ensure_local_storage

CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-sync",
    "--disable-component-update",
    "--disable-quic",
)

HERE = Path(__file__).parent

Login = Callable[[Page, EmbeddedServer, str, str], None]

MakeProject = Callable[[str, str, str, list[dict[str, Any]]], tuple[str, list[int]]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as live."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.live)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start a headless Chromium, once for the session."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("no chromium on this machine (`apt-get install chromium`)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable, args=list(CHROMIUM_OPTIONS)
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open an empty page at 1366x768 with cookies of its own."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def login() -> Login:
    """Give the function that logs a page in: ``login(page, server, email, password)``."""

    def log_in(page: Page, server: EmbeddedServer, email: str, password: str) -> None:
        page.goto(f"{server.url}/user/login/")
        page.fill('input[name="email"]', email)
        page.fill('input[name="password"]', password)
        page.click('button[type="submit"]')
        page.wait_for_url(lambda url: "/user/login" not in url)

    return log_in


@pytest.fixture
def make_project(live_server: EmbeddedServer, client: Client) -> MakeProject:
    """Give the function that makes a project: ``(title, XML, pictures' folder, tasks)``.

    It gives the address of the stream and the tasks' ids, in order. Only for
    pages that no command makes yet.
    """

    def make(
        title: str, xml: str, folder: str, tasks: list[dict[str, Any]]
    ) -> tuple[str, list[int]]:
        project = client.post(
            "/api/projects",
            json={
                "title": title,
                "label_config": xml,
                "sampling": "Sequential sampling",
                "enable_empty_annotation": False,
            },
        )["id"]
        ensure_local_storage(client, project, str(live_server.media / folder))
        sent = client.post(f"/api/projects/{project}/import?return_task_ids=true", json=tasks)
        return f"{live_server.url}/projects/{project}/data?labeling=1", sent["task_ids"]

    return make
