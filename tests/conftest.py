"""What all tests share: a clean environment, and the real data where they are."""

import os
import signal
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

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
