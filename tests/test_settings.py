"""Settings: flags, then environment, then `.env`, then defaults; the token stays hidden."""

from pathlib import Path

import pytest

from ls_integration import settings
from ls_integration.errors import ConfigError

TOKEN = "5ecre7" * 6


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder with none of our variables."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "LABEL_STUDIO_URL",
        "LABEL_STUDIO_API_KEY",
        "LS_INTEGRATION_MEDIA",
        "LS_INTEGRATION_SERVER_MEDIA",
    ):
        monkeypatch.delenv(name, raising=False)


def test_nothing_is_needed() -> None:
    """A study or the embedded server then says where to go."""
    read = settings.load()
    assert (read.url, read.api_key, read.media, read.server_media) == (None, None, None, None)


def test_flags_win_over_environment_over_dotenv(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nearest word counts."""
    Path(".env").write_text("LABEL_STUDIO_URL=http://dotenv\nDJANGO_DB=sqlite\n")
    assert settings.load().url == "http://dotenv"
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://environment")
    assert settings.load().url == "http://environment"
    assert settings.load(url="http://flag").url == "http://flag"


def test_the_environment_is_read_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at import, as the SDK does."""
    assert settings.load().api_key is None
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    key = settings.load().api_key
    assert key is not None
    assert key.get_secret_value() == TOKEN


def test_a_token_file_wins_and_is_trimmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editor's newline does not belong to the token."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "other")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    key = settings.load(token_file=tmp_path / "token").api_key
    assert key is not None
    assert key.get_secret_value() == TOKEN


def test_settings_never_show_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """In no form in which they may land in a log."""
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    read = settings.load()
    for shown in (repr(read), str(read), f"{read.model_dump()}", read.model_dump_json()):
        assert TOKEN not in shown


def test_settings_are_frozen() -> None:
    """Nobody changes the server half-way."""
    with pytest.raises(ValueError, match="frozen"):
        settings.load().url = "http://x"  # type: ignore[misc]


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe\x00"])
def test_an_unusable_token_file_is_named(tmp_path: Path, content: bytes) -> None:
    """With its path, without its content."""
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"token file {path}"):
        settings.load(token_file=path)
    with pytest.raises(ConfigError, match="cannot read the token file"):
        settings.load(token_file=tmp_path)


def test_an_address_needs_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    """`localhost:8080` alone is a usual slip."""
    monkeypatch.setenv("LABEL_STUDIO_URL", "localhost:8080")
    with pytest.raises(ConfigError, match="'localhost:8080' does not start with http://"):
        settings.load()
