"""The process of an embedded server: start it, know it again, wait for it, end it."""

import os
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import psutil
import requests

from ls_integration.errors import ServerError, ServerTimeout
from ls_integration.files import PRIVATE_MODE
from ls_integration.progress import Reporter, silent
from ls_integration.server.embedded_environment import command
from ls_integration.server.embedded_files import DATABASE, LOG, Credentials, State
from ls_integration.server.session import new_session

DEADLINE_S = 240.0
"""Wait for a server to be ready; a first start was seen to take up to 90 s."""

FIRST_START_STEP = "first start: preparing the database"
WARM_START_STEP = "starting Label Studio"
"""Names of the two progress steps."""

_MIGRATIONS = 396
"""Database migrations of Label Studio 1.23.2; only the progress bar counts on it."""

_TERMINATE_S = 15.0
_KILL_S = 5.0
_POLL_S = 0.25
_POLL_ENDED_S = 0.05
_REQUEST_TIMEOUT_S = 5.0
_LOG_LINES = 12
_SAME_START_S = 2.0
"""Start times count from the boot time, which moves when the clock is set."""


def launch(data_dir: Path, host: str, port: int, media: Path, child: Mapping[str, str]) -> State:
    """Start the server as a daemon with streams of its own.

    Parameters
    ----------
    data_dir : Path
        Absolute; also its working folder. The log of the start before is
        kept as ``server.log.1``.
    host : str
        Address or name to listen on.
    port : int
        Its port.
    media : Path
        Absolute folder that it serves.
    child : mapping
        Its whole environment.

    Returns
    -------
    State
        The new process.

    Raises
    ------
    ServerError
        If it ends at once.
    """
    log = data_dir / LOG
    if log.exists():
        log.replace(log.with_name(f"{LOG}.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_MODE)
    try:
        # A session of its own and no stream of ours: it outlives the terminal,
        # Ctrl+C does not reach it, and `up | tee` ends when `up` does.
        process = subprocess.Popen(
            command(data_dir, host, port),
            env=dict(child),
            cwd=data_dir,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            umask=0o077,
        )
    finally:
        os.close(descriptor)
    # The daemon outlives this object on purpose; without this, Python warns.
    process.returncode = 0
    try:
        create_time = psutil.Process(process.pid).create_time()
    except psutil.NoSuchProcess:
        raise _died(data_dir) from None
    return State(process.pid, create_time, host, port, str(media))


def running(data_dir: Path, state: State | None) -> psutil.Process | None:
    """Find the process that *state* describes, if it is still that one.

    Parameters
    ----------
    data_dir : Path
        Absolute data dir of the server.
    state : State or None
        What was noted when it was started.

    Returns
    -------
    psutil.Process or None
        None if it is gone, or if its process id now belongs to another:
        start time and command line are compared.
    """
    if state is None:
        return None
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, ValueError):
        process = psutil.Process(state.pid)
        same_start = abs(process.create_time() - state.create_time) <= _SAME_START_S
        # The interpreter's path is left out: the system may resolve its links.
        arguments = command(data_dir, state.host, state.port)[1:]
        if same_start and process.cmdline()[1:] == arguments and not has_ended(process):
            return process
    return None


def wait_until_ready(
    data_dir: Path,
    process: psutil.Process,
    credentials: Credentials,
    *,
    first_start: bool,
    report: Reporter = silent,
    deadline_s: float = DEADLINE_S,
) -> None:
    """Wait until the server is healthy and knows our token.

    Parameters
    ----------
    data_dir : Path
        Absolute data dir of the server.
    process : psutil.Process
        The server.
    credentials : Credentials
        Address, owner's e-mail and token.
    first_start : bool
        Whether it has to make its database.
    report : Reporter
        Told of the database's migrations, unless the server is ready already.
    deadline_s : float
        How long to wait, in seconds.

    Raises
    ------
    ServerError
        If the process ends; with the last lines of its log.
    ServerTimeout
        If it is not ready in time.
    """
    if _knows_us(credentials):
        return
    begun = time.monotonic()
    step, total = (FIRST_START_STEP, _MIGRATIONS) if first_start else (WARM_START_STEP, 1)
    report(step, 0, total)
    while not _knows_us(credentials):
        if has_ended(process):
            raise _died(data_dir)
        if time.monotonic() - begun > deadline_s:
            msg = (
                f"Label Studio at {credentials.url} was not ready after {deadline_s:g} s; look at "
                f"{data_dir / LOG}, then run `ls-integration up` again, it goes on from there"
            )
            raise ServerTimeout(msg, url=credentials.url)
        if first_start:
            report(step, min(_migrations_applied(data_dir), total - 1), total)
        time.sleep(_POLL_S)
    report(step, total, total)


def terminate(process: psutil.Process) -> None:
    """End *process* and its children: SIGTERM, then SIGKILL.

    Parameters
    ----------
    process : psutil.Process
        A server, found by `running`.
    """
    family = [process]
    with suppress(psutil.NoSuchProcess):
        family += process.children(recursive=True)
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    if not _gone(family, _TERMINATE_S):
        for member in family:
            with suppress(psutil.NoSuchProcess):
                member.kill()
        _gone(family, _KILL_S)


def has_ended(process: psutil.Process) -> bool:
    """Tell whether *process* runs no more.

    Parameters
    ----------
    process : psutil.Process
        Any process.

    Returns
    -------
    bool
        True also for one that has ended but waits for its parent to notice,
        for ever where the parent is a container's first process. Not while
        threads of it are still ending: they hold its port and its locks on the
        database, and a server started meanwhile would meet both.
    """
    with suppress(psutil.NoSuchProcess):
        if not process.is_running():
            return True
        return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    return True


def _gone(family: Sequence[psutil.Process], within_s: float) -> bool:
    """Wait until all of *family* have ended; say whether they have."""
    deadline = time.monotonic() + within_s
    while not all(has_ended(member) for member in family):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_ENDED_S)
    for member in family:
        # Only a child of this very process can be, and has to be, waited for.
        with suppress(ChildProcessError):
            os.waitpid(member.pid, os.WNOHANG)
    return True


def _knows_us(credentials: Credentials) -> bool:
    """Say whether the server is healthy and our token is its owner's."""
    headers = {"Authorization": f"Token {credentials.token.get_secret_value()}"}
    with new_session(credentials.url) as session:
        try:
            health = session.get(f"{credentials.url}/health", timeout=_REQUEST_TIMEOUT_S)
            if not health.ok:
                return False
            user = session.get(
                f"{credentials.url}/api/current-user/whoami",
                headers=headers,
                timeout=_REQUEST_TIMEOUT_S,
            )
            return user.ok and user.json().get("email") == credentials.username
        except (requests.exceptions.RequestException, ValueError, AttributeError):
            return False


def _migrations_applied(data_dir: Path) -> int:
    """Count the migrations done so far; 0 while there is no database to ask."""
    uri = f"{(data_dir / DATABASE).as_uri()}?mode=ro"
    with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True, timeout=0.1)) as database:
        (count,) = database.execute("SELECT count(*) FROM django_migrations").fetchone()
        return int(count)
    return 0


def _died(data_dir: Path) -> ServerError:
    log = data_dir / LOG
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    last = " | ".join(line.strip() for line in lines[-_LOG_LINES:] if line.strip())
    return ServerError(f"Label Studio ended while starting; its log {log} ends with: {last}")
