"""The demo's choices that need no server; tests/live/test_demo.py runs it."""

from pathlib import Path

import pytest

from ls_integration.errors import StudyError
from ls_integration.workflows import demo


def test_a_lost_token_is_one_line(tmp_path: Path) -> None:
    """A demo that cannot go on says so and how to begin again."""
    with pytest.raises(StudyError, match=r"token of Ada, Ben, Cleo \(3\)"):
        demo._read_tokens(tmp_path / "reviewers.json")
