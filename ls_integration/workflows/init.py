"""`init`: secrets and settings of the server that docker-compose.yml describes."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ls_integration.errors import ConfigError
from ls_integration.files import PRIVATE_MODE, write_text
from ls_integration.server.embedded_files import OWNER_EMAIL
from ls_integration.server.embedded_media import check_media

COMPOSE_FILE, ENV_FILE, SECRETS_FOLDER = "docker-compose.yml", ".env", ".secrets"

SERVER_MEDIA = "/label-studio/pictures"
"""Where docker-compose.yml mounts the folder of pictures."""

_PASSWORD_BYTES = 12
_SECRETS = {
    "secret_key": 32,
    "database_password": 20,
    "owner_password": _PASSWORD_BYTES,
    "owner_token": 20,
}
"""Name and random bytes of each; Label Studio's tokens have 40 hexadecimal digits."""

_READABLE = 0o444
"""Of the secret files. Containers read them as users of their own, so the folder around
them is what keeps everybody else out."""

_PLAIN = re.compile(r"[\w@%+=:,./-]*")
_UNSAYABLE = re.compile(r"['\n\\]")


@dataclass(frozen=True)
class NewServer:
    """What `init` has written.

    Attributes
    ----------
    url : str
        Where people will reach the server.
    username : str
        The owner's login.
    password_file : Path
        Holds the owner's password.
    env_file : Path
        The settings.
    media : Path
        The folder of pictures on this machine.
    """

    url: str
    username: str
    password_file: Path
    env_file: Path
    media: Path


def init(
    folder: Path,
    *,
    url: str,
    media: Path | None = None,
    bind: str = "127.0.0.1",
    name: str = "Owner",
    scores: Path | None = None,
    certificates: Path | None = None,
) -> NewServer:
    """Write the secrets and settings that ``docker compose up`` needs.

    Parameters
    ----------
    folder : Path
        The clone: where docker-compose.yml lies.
    url : str
        Address under which people will reach the server.
    media : Path, optional
        Folder of rendered pictures; by default ``pictures`` in *folder*.
    bind : str
        Address of this machine on which it is published.
    name : str
        The owner's name as it shall stand on result files.
    scores : Path, optional
        A score table; with it the ML backend is started too.
    certificates : Path, optional
        Folder with ``fullchain.pem`` and ``privkey.pem``; with it the proxy
        speaks HTTPS on the address's port.

    Returns
    -------
    NewServer
        What there is now.

    Raises
    ------
    ConfigError
        If there are settings already, or one cannot be had.
    """
    clone = folder.resolve()
    if not (clone / COMPOSE_FILE).is_file():
        msg = f"there is no {COMPOSE_FILE} in {clone}; run this in a clone of ls-integration"
        raise ConfigError(msg)
    env_file, secrets_folder = clone / ENV_FILE, clone / SECRETS_FOLDER
    if env_file.exists():
        msg = f"{env_file} is there already, and its server may be in use; edit it by hand"
        raise ConfigError(msg)
    host, port = _host_and_port(url, is_tls=certificates is not None)
    pictures = check_media(media or clone / "pictures", secrets_folder, clone)
    profiles = [
        profile
        for profile, wanted in (("backend", scores), ("tls", certificates))
        if wanted is not None
    ]
    for wanted in (scores, certificates and certificates / "fullchain.pem"):
        if wanted is not None and not wanted.is_file():
            msg = f"there is no file {wanted}; correct its name"
            raise ConfigError(msg)
    given = {
        "LABEL_STUDIO_URL": url.rstrip("/"),
        "LS_INTEGRATION_MEDIA": str(pictures),
        "LS_INTEGRATION_SERVER_MEDIA": SERVER_MEDIA,
        "LS_INTEGRATION_SECRETS": str(secrets_folder),
        "LABEL_STUDIO_USERNAME": OWNER_EMAIL,
        "LS_INTEGRATION_OWNER_NAME": name,
        "LS_INTEGRATION_ALLOWED_HOSTS": ",".join(dict.fromkeys([host, "localhost"])),
        "COMPOSE_PROFILES": ",".join(profiles),
    }
    if certificates is None:
        given |= {"LS_INTEGRATION_BIND": bind, "LS_INTEGRATION_PORT": str(port)}
    else:
        given |= {
            "LS_INTEGRATION_TLS_BIND": bind,
            "LS_INTEGRATION_TLS_PORT": str(port),
            "LS_INTEGRATION_CERTIFICATES": str(certificates.resolve()),
        }
    if scores is not None:
        given["LS_INTEGRATION_SCORES"] = str(scores.resolve())
    env_text(given)  # refused before anything is written
    _make_folder(pictures, 0o755)
    _make_folder(secrets_folder, 0o700)
    secrets_folder.chmod(0o700)
    for secret, n_bytes in _SECRETS.items():
        # An interrupted init goes on with what it has made.
        if not (secrets_folder / secret).exists():
            content = secrets.token_hex(n_bytes) + "\n"
            write_text(secrets_folder / secret, content, mode=_READABLE)
    given |= {
        "LABEL_STUDIO_API_KEY": (secrets_folder / "owner_token").read_text("utf-8").strip(),
        # Read by the commands too, so it is no file of the container's.
        "LS_INTEGRATION_BACKEND_PASSWORD": secrets.token_hex(_PASSWORD_BYTES),
    }
    write_text(env_file, env_text(given), mode=PRIVATE_MODE)
    return NewServer(
        url=given["LABEL_STUDIO_URL"],
        username=OWNER_EMAIL,
        password_file=secrets_folder / "owner_password",
        env_file=env_file,
        media=pictures,
    )


def env_text(settings: Mapping[str, str]) -> str:
    """Write settings as a .env file that compose and `settings.load` read alike.

    Parameters
    ----------
    settings : mapping
        Names and values.

    Returns
    -------
    str
        One line each, quoted where needed.

    Raises
    ------
    ConfigError
        If a value has a character that the two read differently.
    """
    lines = ["# Made by `ls-integration init`; what else can be set: .env.example"]
    for name, value in settings.items():
        if _UNSAYABLE.search(value):
            msg = (
                f"{name} cannot be '{value}': quotes, backslashes and line breaks mean different "
                "things to different readers of .env; choose another"
            )
            raise ConfigError(msg)
        lines.append(f"{name}={value if _PLAIN.fullmatch(value) else repr(value)}")
    return "\n".join(lines) + "\n"


def _host_and_port(url: str, *, is_tls: bool) -> tuple[str, int]:
    scheme = "https" if is_tls else "http"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme != scheme or not host or parts.path.strip("/") or parts.query:
        msg = (
            f"the address '{url}' is not {scheme}://NAME or {scheme}://NAME:PORT; correct --url"
            + ("" if is_tls else ", or give --certificates for HTTPS")
        )
        raise ConfigError(msg)
    return host, port or (443 if is_tls else 80)


def _make_folder(folder: Path, mode: int) -> None:
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot make the folder {folder}: {error.strerror}; choose another"
        raise ConfigError(msg) from None
