"""`init`: what it writes, for whom, and what it refuses."""

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values

from ls_integration.errors import ConfigError
from ls_integration.server.container_setup import fill_in_secrets, read_secret
from ls_integration.settings import load
from ls_integration.workflows.init import env_text, init

URL = "http://localhost:8080"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty clone."""
    (tmp_path / "docker-compose.yml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_secrets_are_random_and_for_their_owner_only(clone: Path, tmp_path: Path) -> None:
    """The folder is closed; in it containers may read; no two are alike."""
    made = init(clone, url=URL)
    assert stat.S_IMODE((clone / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((clone / ".secrets").stat().st_mode) == 0o700
    files = list((clone / ".secrets").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o444}
    assert len({file.read_text() for file in files}) == 4
    assert len((clone / ".secrets" / "owner_token").read_text().strip()) == 40
    assert made.password_file in files
    assert made.media.is_dir()


def test_the_commands_read_what_init_wrote(clone: Path) -> None:
    """Address, token and both sides of the folder of pictures, without a word."""
    init(clone, url="http://labels.example:8088/", name="Ana B")
    settings = load()
    assert settings.url == "http://labels.example:8088"
    assert settings.api_key is not None
    token = (clone / ".secrets" / "owner_token").read_text().strip()
    assert settings.api_key.get_secret_value() == token
    assert settings.media == clone / "pictures"
    assert settings.server_media == "/label-studio/pictures"
    values = dotenv_values(clone / ".env")
    assert values["LS_INTEGRATION_PORT"] == "8088"
    assert values["LS_INTEGRATION_ALLOWED_HOSTS"] == "labels.example,localhost"
    assert values["LS_INTEGRATION_OWNER_NAME"] == "Ana B"
    assert values["LS_INTEGRATION_BIND"] == "127.0.0.1"


def test_a_second_init_changes_nothing(clone: Path) -> None:
    """The server's passwords would be gone."""
    init(clone, url=URL)
    before = {file: file.read_bytes() for file in clone.rglob("*") if file.is_file()}
    with pytest.raises(ConfigError, match="is there already"):
        init(clone, url=URL)
    assert {file: file.read_bytes() for file in clone.rglob("*") if file.is_file()} == before


def test_an_interrupted_init_goes_on_with_its_secrets(clone: Path) -> None:
    """A database may have been made with them."""
    init(clone, url=URL)
    (clone / ".env").unlink()
    before = (clone / ".secrets" / "database_password").read_text()
    init(clone, url=URL)
    assert (clone / ".secrets" / "database_password").read_text() == before


def test_https_and_a_backend_are_profiles(clone: Path) -> None:
    """The address's port is the proxy's; scores start the ML backend."""
    (clone / "certificates").mkdir()
    (clone / "certificates" / "fullchain.pem").touch()
    (clone / "scores.csv").touch()
    init(
        clone,
        url="https://labels.example",
        bind="0.0.0.0",
        certificates=Path("certificates"),
        scores=Path("scores.csv"),
    )
    values = dotenv_values(clone / ".env")
    assert values["COMPOSE_PROFILES"] == "backend,tls"
    assert (values["LS_INTEGRATION_TLS_BIND"], values["LS_INTEGRATION_TLS_PORT"]) == (
        "0.0.0.0",
        "443",
    )
    assert "LS_INTEGRATION_BIND" not in values
    assert values["LS_INTEGRATION_SCORES"] == str(clone / "scores.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "https://x"}, "--certificates"),
        ({"url": "x:80"}, "correct --url"),
        ({"url": "http://x/prefix"}, "correct --url"),
        ({"url": "http://x:99999"}, "correct --url"),
        ({"url": URL, "scores": Path("none.csv")}, "there is no file none.csv"),
        ({"url": URL, "certificates": Path("none")}, "there is no file none/fullchain.pem"),
        ({"url": URL, "media": Path()}, "is or contains the server.s data folder"),
        ({"url": URL, "media": Path(".secrets/pictures2")}, "lies in the server's data folder"),
        ({"url": URL, "name": "O'Hara"}, "LS_INTEGRATION_OWNER_NAME cannot be"),
    ],
)
def test_what_cannot_be_had_is_refused_before_anything_is_written(
    clone: Path, options: dict[str, object], message: str
) -> None:
    """One line, and no half-made settings."""
    if "certificates" in options:
        options["url"] = "https://x"
    with pytest.raises(ConfigError, match=message):
        init(clone, **options)  # type: ignore[arg-type]
    assert sorted(file.name for file in clone.iterdir()) == ["docker-compose.yml"]


def test_it_is_run_in_a_clone(tmp_path: Path) -> None:
    """Elsewhere compose would find no file."""
    with pytest.raises(ConfigError, match=r"there is no docker-compose\.yml"):
        init(tmp_path, url=URL)


def test_values_with_spaces_are_quoted() -> None:
    """For compose, for this package and for `. .env`."""
    assert "A='b c'\n" in env_text({"A": "b c"})
    assert "A=/b/c\n" in env_text({"A": "/b/c"})


def test_secrets_reach_label_studio_by_its_own_settings(tmp_path: Path) -> None:
    """The container's process has them; a missing one is named."""
    (tmp_path / "secret_key").write_text("k\n")
    (tmp_path / "database_password").write_text("p\n")
    environment: dict[str, str] = {}
    fill_in_secrets(environment, tmp_path)
    assert environment == {"SECRET_KEY": "k", "LABEL_STUDIO_POSTGRE_PASSWORD": "p"}
    (tmp_path / "empty").touch()
    with pytest.raises(ConfigError, match="owner_token"):
        read_secret("owner_token", tmp_path)
    with pytest.raises(ConfigError, match="is empty"):
        read_secret("empty", tmp_path)
