"""The files of an embedded server's data dir that are ours.

``credentials.json`` (url, username, password, token), ``server.json`` (the
running process), ``server.log``, ``initialised`` (empty: the database has its
owner) and ``up.lock``. All for the owner of the folder only.
"""

import secrets
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ls_integration.errors import ConfigError
from ls_integration.files import PRIVATE_MODE, read_json, write_json

DEFAULT_NAME = ".label-studio"
"""Name of the data dir unless another is asked for."""

OWNER_EMAIL = "owner@server.invalid"
"""Login of the owner. The domain can never exist (RFC 2606)."""

CREDENTIALS, STATE, LOG = "credentials.json", "server.json", "server.log"
INITIALISED, LOCK, DATABASE = "initialised", "up.lock", "label_studio.sqlite3"

_PRIVATE_FOLDER_MODE = 0o700
_TOKEN_BYTES = 20


@dataclass(frozen=True)
class Credentials:
    """How to log in to an embedded server.

    Attributes
    ----------
    url : str
        Its address.
    username : str
        The owner's e-mail.
    password : SecretStr
        The owner's password.
    token : SecretStr
        The owner's legacy token, 40 hexadecimal digits.
    """

    url: str
    username: str
    password: SecretStr
    token: SecretStr


@dataclass(frozen=True)
class State:
    """The process of a running server, as ``server.json`` keeps it.

    Attributes
    ----------
    pid : int
        Process id.
    create_time : float
        When the process was started, seconds since 1970 as psutil gives them.
    host : str
        Address or name it listens on.
    port : int
        Its port.
    media : str
        Absolute folder that it serves.
    """

    pid: int
    create_time: float
    host: str
    port: int
    media: str


def make_data_dir(data_dir: Path) -> Path:
    """Make the data dir, closed to everybody but its owner.

    Parameters
    ----------
    data_dir : Path
        The folder; an existing one is closed too.

    Returns
    -------
    Path
        It, absolute, with symbolic links resolved.

    Raises
    ------
    ConfigError
        If it cannot be made or closed.
    """
    folder = data_dir.expanduser().resolve()
    try:
        folder.mkdir(mode=_PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        folder.chmod(_PRIVATE_FOLDER_MODE)
    except OSError as error:
        msg = f"cannot make the data folder {folder}: {error.strerror}; choose one with --data-dir"
        raise ConfigError(msg) from None
    if folder.stat().st_mode & 0o077:
        msg = (
            f"the data folder {folder} stays open to others (its file system ignores permissions); "
            "choose one on a local disk with --data-dir"
        )
        raise ConfigError(msg)
    return folder


def find(start: Path) -> Path | None:
    """Find the data dir of an embedded server upwards from *start*, as git finds its own.

    Parameters
    ----------
    start : Path
        Where to begin.

    Returns
    -------
    Path or None
        The nearest ``.label-studio`` that holds credentials.
    """
    here = start.resolve()
    folders = (folder / DEFAULT_NAME for folder in (here, *here.parents))
    return next((folder for folder in folders if (folder / CREDENTIALS).is_file()), None)


def new_credentials(url: str) -> Credentials:
    """Generate the owner's password and token.

    Parameters
    ----------
    url : str
        Address of the server.

    Returns
    -------
    Credentials
        From the operating system's random source.
    """
    return Credentials(
        url=url,
        username=OWNER_EMAIL,
        password=SecretStr(secrets.token_urlsafe(15)),
        token=SecretStr(secrets.token_hex(_TOKEN_BYTES)),
    )


def write_credentials(data_dir: Path, credentials: Credentials) -> None:
    """Keep *credentials* in the data dir, readable by its owner only.

    Parameters
    ----------
    data_dir : Path
        Where.
    credentials : Credentials
        What.
    """
    content = {
        "url": credentials.url,
        "username": credentials.username,
        "password": credentials.password.get_secret_value(),
        "token": credentials.token.get_secret_value(),
    }
    write_json(data_dir / CREDENTIALS, content, mode=PRIVATE_MODE)


def read_credentials(data_dir: Path) -> Credentials:
    """Read how to log in to the embedded server of *data_dir*.

    Parameters
    ----------
    data_dir : Path
        Its data dir.

    Returns
    -------
    Credentials
        Printing them shows asterisks.

    Raises
    ------
    ConfigError
        If the file is missing, damaged, or others may read it.
    """
    path = data_dir / CREDENTIALS
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        msg = (
            f"no embedded server has been started in {data_dir}; start one with `ls-integration up`"
        )
        raise ConfigError(msg) from None
    if mode & 0o077:
        msg = f"others may read {path} (mode {mode:04o}); close it with `chmod 600 {path}`"
        raise ConfigError(msg)
    fields = _read_object(path)
    try:
        return Credentials(
            url=str(fields["url"]),
            username=str(fields["username"]),
            password=SecretStr(str(fields["password"])),
            token=SecretStr(str(fields["token"])),
        )
    except KeyError as error:
        msg = f"{path} lacks {error}; put the file back, or start anew with another --data-dir"
        raise ConfigError(msg) from None


def write_state(data_dir: Path, state: State) -> None:
    """Keep which process serves *data_dir*.

    Parameters
    ----------
    data_dir : Path
        Its data dir.
    state : State
        The process.
    """
    write_json(data_dir / STATE, asdict(state), mode=PRIVATE_MODE)


def read_state(data_dir: Path) -> State | None:
    """Read which process was last started for *data_dir*; it may be gone.

    Parameters
    ----------
    data_dir : Path
        Its data dir.

    Returns
    -------
    State or None
        None if none is noted, or the note is damaged.
    """
    path = data_dir / STATE
    if not path.is_file():
        return None
    try:
        fields = _read_object(path)
        return State(
            pid=int(fields["pid"]),
            create_time=float(fields["create_time"]),
            host=str(fields["host"]),
            port=int(fields["port"]),
            media=str(fields["media"]),
        )
    except (ConfigError, KeyError, OverflowError, TypeError, ValueError):
        # A process that cannot be told for sure is never signalled.
        return None


def _read_object(path: Path) -> Mapping[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        msg = (
            f"cannot read {path} ({type(error).__name__}); put it back or choose another --data-dir"
        )
        raise ConfigError(msg) from None
    if not isinstance(content, dict):
        msg = f"{path} is no JSON object; put it back or choose another --data-dir"
        raise ConfigError(msg)
    return content
