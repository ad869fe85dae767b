"""A Label Studio server on this machine, without Docker: start, find, stop.

One server belongs to one data dir (by default ``.label-studio`` in the working
folder), which holds its SQLite database, its secrets and what it serves. It
listens on loopback unless told otherwise, sends nothing home, and gives its
members nothing to read but rendered pictures.
"""

import getpass
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from pydantic import SecretStr

from ls_integration.errors import ConfigError
from ls_integration.files import PRIVATE_MODE
from ls_integration.progress import Reporter, silent
from ls_integration.server.client import Client
from ls_integration.server.embedded_address import check_host, check_port, free_port, url_for
from ls_integration.server.embedded_environment import environment
from ls_integration.server.embedded_files import (
    CREDENTIALS,
    DEFAULT_NAME,
    INITIALISED,
    LOCK,
    Credentials,
    State,
    find,
    make_data_dir,
    new_credentials,
    read_credentials,
    read_state,
    write_credentials,
    write_state,
)
from ls_integration.server.embedded_media import PICTURES, check_media
from ls_integration.server.embedded_process import (
    DEADLINE_S,
    launch,
    running,
    terminate,
    wait_until_ready,
)

__all__ = [
    "DEFAULT_HOST",
    "DEFAULT_NAME",
    "DEFAULT_PORT",
    "Credentials",
    "EmbeddedServer",
    "find",
    "free_port",
    "is_running",
    "read_credentials",
    "start",
    "stop",
]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080

_LOCK_WAIT_S = DEADLINE_S + 30.0
"""A second `up` waits for the first one's whole start."""


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server and how to reach it.

    Attributes
    ----------
    url : str
        Its address, without a slash at its end.
    username : str
        The owner's e-mail.
    password : SecretStr
        The owner's password.
    token : SecretStr
        The owner's legacy token.
    pid : int
        Its process id.
    host : str
        Address or name it listens on.
    port : int
        Its port.
    media : Path
        The only folder it serves; pictures go into folders below it.
    data_dir : Path
        Folder of its database, secrets and log.
    owner_name : str
        The owner's name as it stands on result files.
    already_running : bool
        True if it was not started by this call.
    """

    url: str
    username: str
    password: SecretStr
    token: SecretStr
    pid: int
    host: str
    port: int
    media: Path
    data_dir: Path
    owner_name: str
    already_running: bool


def start(
    data_dir: Path,
    *,
    host: str | None = None,
    port: int | None = None,
    owner_name: str | None = None,
    media: Path | None = None,
    working_dir: Path | None = None,
    report: Reporter = silent,
) -> EmbeddedServer:
    """Start the server of *data_dir*, or find it running.

    Parameters
    ----------
    data_dir : Path
        Folder of its database and secrets; made if it is missing.
    host : str, optional
        Address or name to listen on; by default what runs, else 127.0.0.1.
    port : int, optional
        Its port; by default what runs or ran last, else 8080.
    owner_name : str, optional
        The owner's name as it shall stand on result files; by default the
        present one, else the login name of this machine.
    media : Path, optional
        Folder to serve; by default what is or was served last, else
        ``pictures`` in *data_dir*.
    working_dir : Path, optional
        The user's working folder, which is never served; by default the
        process's.
    report : Reporter
        Told of the progress of the start.

    Returns
    -------
    EmbeddedServer
        Healthy, and its token works.

    Raises
    ------
    ConfigError
        If Label Studio is not installed, the port is taken, the media folder
        would give away secrets, or the server runs already with other options.
    ServerError
        If the server ends while starting (`ServerTimeout`: is not ready in
        240 s).
    """
    _check_installed()
    folder = make_data_dir(data_dir)
    with _locked(folder):
        state = read_state(folder)
        process = running(folder, state)
        already_running = process is not None and state is not None
        if process is None or state is None:
            # As it last ran: studies know their server by its port, projects by its folder.
            last_port = state.port if state else DEFAULT_PORT
            last_media = Path(state.media) if state else folder / PICTURES
            root = _prepare_media(
                media or (last_media if last_media.is_dir() else folder / PICTURES),
                folder,
                working_dir or Path.cwd(),
            )
            process, state = _launch(folder, host or DEFAULT_HOST, port or last_port, root)
        else:
            _check_same(state, host, port, media)
        credentials = read_credentials(folder)
        first_start = not (folder / INITIALISED).exists()
        try:
            wait_until_ready(folder, process, credentials, first_start=first_start, report=report)
        except BaseException:
            # Ctrl+C too: what this call has started does not stay behind.
            if not already_running:
                terminate(process)
            raise
        name = _settle(folder, credentials, owner_name, first_start=first_start)
    return EmbeddedServer(
        url=credentials.url,
        username=credentials.username,
        password=credentials.password,
        token=credentials.token,
        pid=process.pid,
        host=state.host,
        port=state.port,
        media=Path(state.media),
        data_dir=folder,
        owner_name=name,
        already_running=already_running,
    )


def stop(data_dir: Path) -> bool:
    """Stop the server of *data_dir*; its data stay.

    Parameters
    ----------
    data_dir : Path
        Its data dir.

    Returns
    -------
    bool
        False if none was running.

    Raises
    ------
    ConfigError
        If there is no such data dir, or another command holds it.
    """
    folder = data_dir.expanduser().resolve()
    if not folder.is_dir():
        msg = f"there is no data folder {folder}; give the server's with --data-dir"
        raise ConfigError(msg)
    with _locked(folder):
        process = running(folder, read_state(folder))
        if process is not None:
            terminate(process)
    return process is not None


def is_running(data_dir: Path) -> bool:
    """Tell whether the server of *data_dir* runs.

    Parameters
    ----------
    data_dir : Path
        Its data dir.

    Returns
    -------
    bool
        True if the noted process is alive and is that server.
    """
    folder = data_dir.expanduser().resolve()
    return running(folder, read_state(folder)) is not None


def _check_installed() -> None:
    missing = [name for name in ("label_studio", "waitress") if not importlib.util.find_spec(name)]
    if missing:
        msg = (
            f"{' and '.join(missing)} cannot be found in this environment; "
            "run `pip install 'ls-integration[server]'`, or use a server elsewhere with --url"
        )
        raise ConfigError(msg)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep two commands from starting or stopping one server at once."""
    lock = FileLock(folder / LOCK, timeout=_LOCK_WAIT_S, mode=PRIVATE_MODE)
    try:
        lock.acquire()
    except Timeout:
        msg = f"another `up` or `down` holds {folder / LOCK}; wait for it and run this again"
        raise ConfigError(msg) from None
    try:
        yield
    finally:
        lock.release()


def _prepare_media(media: Path, folder: Path, working_dir: Path) -> Path:
    root = check_media(media, folder, working_dir)
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot make the media folder {root}: {error.strerror}; choose one with --media"
        raise ConfigError(msg) from None
    return root


def _launch(folder: Path, host: str, port: int, media: Path) -> tuple[psutil.Process, State]:
    check_host(host)
    check_port(host, port)
    url = url_for(host, port)
    first_start = not (folder / INITIALISED).exists()
    # Written before the server exists: an interrupted first start goes on with them.
    if (folder / CREDENTIALS).exists():
        known = read_credentials(folder)
        credentials = Credentials(url, known.username, known.password, known.token)
    else:
        credentials = new_credentials(url)
    write_credentials(folder, credentials)
    secrets = {
        "username": credentials.username,
        "password": credentials.password.get_secret_value(),
        "token": credentials.token.get_secret_value(),
    }
    child = environment(folder, media, host, first_start=secrets if first_start else None)
    state = launch(folder, host, port, media, child)
    write_state(folder, state)
    return psutil.Process(state.pid), state


def _check_same(state: State, host: str | None, port: int | None, media: Path | None) -> None:
    """Refuse options that contradict the running server."""
    wanted_media = None if media is None else str(media.expanduser().resolve())
    asked = {
        "--host": (host, state.host),
        "--port": (port, state.port),
        "--media": (wanted_media, state.media),
    }
    other = [f"{name} {want}" for name, (want, have) in asked.items() if want not in (None, have)]
    if other:
        msg = (
            f"the server already runs at {url_for(state.host, state.port)} and serves "
            f"{state.media}, so {', '.join(other)} cannot be had; run `ls-integration down` first"
        )
        raise ConfigError(msg)


def _settle(
    folder: Path, credentials: Credentials, owner_name: str | None, *, first_start: bool
) -> str:
    """Give the owner a name and close the first invite link; return the name."""
    with Client(credentials.url, credentials.token) as client:
        owner = client.whoami()
        if first_start:
            client.post("/api/invite/reset-token")
            (folder / INITIALISED).touch(mode=PRIVATE_MODE)
        present = str(owner.get("first_name") or "")
        name = (owner_name or present or _login_name()).strip()
        if name != present:
            client.patch(f"/api/users/{owner['id']}/", json={"first_name": name})
    return name


def _login_name() -> str:
    # Containers run under user ids that have no name: OSError, before 3.13 KeyError.
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return "owner"
