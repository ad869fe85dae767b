"""The demo's choices that need no server; tests/live/test_demo.py runs it."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from ls_integration.errors import StudyError
from ls_integration.server import embedded_files
from ls_integration.workflows import demo


def test_a_stopped_demo_starts_on_its_old_port(tmp_path: Path) -> None:
    """Its studies are on that address and would be refused on another."""
    credentials = embedded_files.Credentials(
        url="http://127.0.0.1:45678",
        username="owner@server.invalid",
        password=SecretStr("a password"),
        token=SecretStr("a token"),
    )
    assert demo._port(tmp_path) != 45678
    embedded_files.write_credentials(tmp_path, credentials)
    assert demo._port(tmp_path) == 45678


def test_a_lost_token_is_one_line(tmp_path: Path) -> None:
    """A demo that cannot go on says so and how to begin again."""
    with pytest.raises(StudyError, match=r"token of Ada, Ben, Cleo \(3\)"):
        demo._read_tokens(tmp_path / "reviewers.json")
