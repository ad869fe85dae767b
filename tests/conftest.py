"""What all tests share: a clean environment, the real data, and one embedded Label Studio."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from ls_integration.server import embedded
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

OWNER = "Olga Owner"

USERS_OWN = {
    "HOST": "http://elsewhere.example/prefix",
    "DEBUG": "true",
    "DJANGO_DB": "default",
    "POSTGRE_HOST": "10.0.0.1",
    "LABEL_STUDIO_DEBUG": "true",
    "SECRET_KEY": "known-to-everybody",
}
"""In the environment of whoever starts the server; it must not reach it."""

_OURS = ("LABEL_STUDIO_", "LS_INTEGRATION_")


def pytest_configure() -> None:
    """Let commands that the tests start hear Ctrl+C, also where a shell runs us in the background.

    Such a shell has it ignored, and whatever is started inherits that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Give the folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of the real data, or skip where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data are not on this machine (no folder ../shared/data)")
    return SHARED_DATA


@pytest.fixture(scope="session")
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """Start Label Studio as `up` does, once for the session, and stop it."""
    folder = tmp_path_factory.mktemp("live")
    data_dir = folder / embedded.DEFAULT_NAME
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in USERS_OWN.items():
                patch.setenv(name, value)
            server = embedded.start(
                data_dir, port=embedded.free_port(), owner_name=OWNER, working_dir=folder
            )
        yield server
    finally:
        if data_dir.is_dir():
            embedded.stop(data_dir)


@pytest.fixture
def client(live_server: EmbeddedServer) -> Iterator[Client]:
    """Open a session of the server's owner."""
    with Client(live_server.url, live_server.token) as session:
        yield session
