"""One server of docker-compose.yml for the session; `make test-compose` runs this folder."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ls_integration import study as studies
from ls_integration.server.embedded import free_port
from tests.compose.stack import SAMPLE, Stack, clone
from tests.live.conftest import CHROMIUM_OPTIONS

HERE = Path(__file__).parent
OWNER = "Olga Owner"
BACKEND = "http://172.16.255.3:9090"
"""Of the ML backend in docker-compose.yml, as Label Studio reaches it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder; pyproject.toml leaves the mark out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.compose)


SCALED = ("label-studio", "label-studio-2", "ml-backend", "ml-backend-2")


@pytest.fixture(scope="session")
def images() -> None:
    """Make the images that are missing, once for the session."""
    told = subprocess.run(["docker", "info"], capture_output=True, check=False)
    assert told.returncode == 0, "no Docker engine answers; start one (`dockerd`)"
    subprocess.run(["python3", str(HERE / "images.py")], check=True)


@pytest.fixture(scope="session")
def fresh_clone(images: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a clone in which nothing has been run yet."""
    return clone(tmp_path_factory.mktemp("compose") / "clone")


@pytest.fixture(scope="session")
def stack(fresh_clone: Path) -> Iterator[Stack]:
    """Start the server as docs/servers.md says, once for the session."""
    server = Stack(fresh_clone, f"http://localhost:{free_port()}")
    server.ours("init", "--url", server.url, "--name", OWNER)
    try:
        server.up()
        yield server
    finally:
        (server.folder / "log.txt").write_text(server.compose("logs", "--no-color", check=False))
        server.compose("down", "--volumes", "--remove-orphans", check=False)


@pytest.fixture(scope="session")
def backend_study(stack: Stack) -> Path:
    """Import four images, start the ML backend with scores of them, and connect it."""
    words = ("--model-threshold", "0.5", "--title", "From a backend", "--limit", "4")
    stack.ours("import", "sted-quality", str(SAMPLE), *words)
    study = stack.folder / "studies" / "from-a-backend"
    items = studies.read_items(study)
    scores = pd.DataFrame({"item_id": items["item_id"], "model_score": [0.9, 0.1, 0.9, 0.1]})
    scores.to_csv(stack.folder / "scores.csv", index=False)
    settings = stack.folder / ".env"
    settings.write_text(
        settings.read_text()
        + f"COMPOSE_PROFILES=backend\nLS_INTEGRATION_SCORES={stack.folder / 'scores.csv'}\n"
        + "LS_INTEGRATION_MODEL_VERSION=svm-1\nLS_INTEGRATION_MODEL_THRESHOLD=0.5\n"
    )
    stack.up("database", "label-studio", "ml-backend")
    said = stack.ours("connect-backend", "from-a-backend", "--backend-url", BACKEND)
    assert "now starts from 'svm-1'" in said
    return study


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start the embedded server too, in a folder of its own."""
    port = free_port()
    server = Stack(tmp_path_factory.mktemp("embedded"), f"http://127.0.0.1:{port}")
    server.ours("up", "--port", str(port), "--name", OWNER)
    yield server
    server.ours("down")


@pytest.fixture
def page(stack: Stack) -> Iterator[Page]:
    """Open an empty page in a headless Chromium, logged in as the owner."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("no chromium on this machine (`apt-get install chromium`)")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable, args=list(CHROMIUM_OPTIONS)
        )
        opened = _logged_in(chromium, stack.url, stack.secret("owner_password"))
        yield opened
        chromium.close()


def _logged_in(chromium: Browser, url: str, password: str) -> Page:
    context = chromium.new_context(
        viewport={"width": 1366, "height": 768}, ignore_https_errors=True
    )
    page = context.new_page()
    page.goto(f"{url}/user/login/")
    page.fill('input[name="email"]', "owner@server.invalid")
    page.fill('input[name="password"]', password)
    page.click('button[type="submit"]')
    page.wait_for_url(lambda address: "/user/login" not in address)
    return page


@pytest.fixture
def certificates(stack: Stack) -> Path:
    """Make a certificate for this machine, as `openssl` does; the key is its owner's alone."""
    folder = stack.folder / "certificates"
    folder.mkdir(exist_ok=True)
    files = ["-keyout", str(folder / "privkey.pem"), "-out", str(folder / "fullchain.pem")]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subprocess.run([*make, *files, *subject], check=True, capture_output=True)
    (folder / "privkey.pem").chmod(0o600)
    return folder


@pytest.fixture
def secure(stack: Stack, certificates: Path) -> Iterator[str]:
    """Put the proxy before the server; give its address."""
    settings = stack.folder / ".env"
    before = settings.read_text()
    port = free_port()
    settings.write_text(f"{before}COMPOSE_PROFILES=tls\nLS_INTEGRATION_TLS_PORT={port}\n")
    stack.up("database", "label-studio", "proxy")
    yield f"https://localhost:{port}"
    settings.write_text(before)
    stack.compose("rm", "--stop", "--force", "proxy")
    stack.up()


@pytest.fixture
def scaled(stack: Stack, backend_study: Path, certificates: Path) -> Iterator[str]:
    """Start two of Label Studio and two ML backends behind the proxy; give its address."""
    settings = stack.folder / ".env"
    before = settings.read_text()
    port = free_port()
    settings.write_text(
        f"{before}COMPOSE_PROFILES=backend,tls,scale\nLS_INTEGRATION_TLS_PORT={port}\n"
    )
    stack.up("database", *SCALED, "proxy")
    yield f"https://localhost:{port}"
    settings.write_text(before)
    stack.compose("rm", "--stop", "--force", "proxy", "label-studio-2", "ml-backend-2")
    stack.up()
