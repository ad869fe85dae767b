"""A Label Studio on PostgreSQL for tests and benchmarks, without Docker: two worker processes.

``with postgres_server() as server:`` gives its address, token and media folder. Debian's
PostgreSQL runs in a temporary folder (as the user `postgres`, where we are root), and before it
the very code of the container of docker-compose.yml.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from pydantic import SecretStr

from ls_integration.server import container_main, container_setup, container_wsgi
from ls_integration.server.embedded_address import free_port
from ls_integration.server.embedded_environment import environment

REPOSITORY = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
USER = "label_studio"
SECRETS, PORT = "LS_INTEGRATION_TEST_SECRETS", "LS_INTEGRATION_TEST_PORT"
READY_S = 300.0
STOP_S = 30.0

Process = subprocess.Popen[bytes]


@dataclass(frozen=True)
class PostgresServer:
    """A running Label Studio.

    Attributes
    ----------
    url : str
        Its address, without a slash at its end.
    token : SecretStr
        The owner's legacy token.
    media : Path
        The folder that it serves.
    folder : Path
        Of its data, secrets and logs (``label-studio.log``, ``postgres.log``).
    """

    url: str
    token: SecretStr
    media: Path
    folder: Path


def binaries() -> Path | None:
    """Find the newest PostgreSQL that Debian has put here, or what is on the PATH.

    Returns
    -------
    Path or None
        The folder of ``initdb`` and ``postgres``; None: there is no PostgreSQL.
    """
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found = sorted(debian, key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and on_path is not None:
        found = [Path(on_path).resolve()]
    return found[-1].parent if found else None


@contextmanager
def postgres_server(
    *, workers: int = 2, threads: int = 8, settings: Sequence[str] = ()
) -> Iterator[PostgresServer]:
    """Start PostgreSQL and a Label Studio on it, and stop both when the block ends.

    Parameters
    ----------
    workers, threads : int
        Processes of the server, and threads of each.
    settings : sequence of str
        Of PostgreSQL, as ``jit=off``; by default it is as Debian sets it up.

    Yields
    ------
    PostgresServer
        Healthy, and its token works.

    Raises
    ------
    RuntimeError
        If there is no PostgreSQL, or a server ends while starting.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ls-postgres-")))
        # The user `postgres` must pass through; what is below is closed to it and to others.
        folder.chmod(0o711)
        data, media, notes = (folder / name for name in ("data", "media", "secrets"))
        for made in (data, media, notes):
            made.mkdir(mode=0o700)
        names = ("secret_key", "database_password", "owner_password", "owner_token")
        known = {name: secrets.token_hex(20) for name in names}
        for name, secret in known.items():
            (notes / name).write_text(secret)
        database_port = _start_database(stack, folder, known["database_password"], settings)
        port = free_port()
        child = environment(data, media, HOST) | {
            "LABEL_STUDIO_DJANGO_DB": "default",
            "LABEL_STUDIO_POSTGRE_HOST": HOST,
            "LABEL_STUDIO_POSTGRE_PORT": str(database_port),
            "LABEL_STUDIO_POSTGRE_NAME": USER,
            "LABEL_STUDIO_POSTGRE_USER": USER,
            container_main._WORKERS: str(workers),
            container_main._THREADS: str(threads),
            SECRETS: str(notes),
            PORT: str(port),
        }
        log = folder / "label-studio.log"
        process = _start(
            stack, [sys.executable, "-m", "tests.postgres_server"], log, env=child, cwd=REPOSITORY
        )
        server = PostgresServer(
            f"http://{HOST}:{port}", SecretStr(known["owner_token"]), media, folder
        )
        _wait(process, log, lambda: _knows_us(server))
        yield server


def make_application() -> Any:
    """Set Label Studio up in a worker; gunicorn calls it.

    Returns
    -------
    callable
        The WSGI application of the container.
    """
    _read_secrets_here()
    return container_wsgi.make_application()


def _start_database(stack: ExitStack, folder: Path, password: str, settings: Sequence[str]) -> int:
    """Make and start a database; give its port."""
    where = binaries()
    if where is None:
        msg = "no PostgreSQL on this machine (`apt-get install postgresql`)"
        raise RuntimeError(msg)
    cluster, password_file, log = (folder / name for name in ("cluster", "pw", "postgres.log"))
    cluster.mkdir(mode=0o700)
    password_file.write_text(password)
    as_user: dict[str, Any] = {"cwd": "/"}
    if os.geteuid() == 0:
        # It refuses to run as root.
        as_user |= {"user": "postgres", "group": "postgres", "extra_groups": []}
        for path in (cluster, password_file):
            shutil.chown(path, "postgres", "postgres")
    subprocess.run(
        [where / "initdb", "--pgdata", cluster, "--username", USER, "--pwfile", password_file]
        + ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"],
        check=True,
        capture_output=True,
        **as_user,
    )
    password_file.unlink()
    port = free_port()
    process = _start(
        stack,
        [str(where / "postgres"), "-D", str(cluster), "-h", HOST, "-p", str(port), "-k", ""]
        + [word for setting in settings for word in ("-c", setting)],
        log,
        # Ends connections instead of waiting for them.
        stop=signal.SIGINT,
        **as_user,
    )
    client: dict[str, Any] = {"env": {"PGPASSWORD": password}, "capture_output": True}
    to_it = ["-h", HOST, "-p", str(port), "-U", USER]

    def is_made() -> bool:
        made = subprocess.run([where / "createdb", *to_it, USER], check=False, **client)
        return made.returncode == 0

    _wait(process, log, is_made)
    return port


def _start(
    stack: ExitStack,
    command: list[str],
    log: Path,
    *,
    stop: signal.Signals = signal.SIGTERM,
    **options: Any,
) -> Process:
    stream = stack.enter_context(log.open("wb"))
    # Ctrl+C in the terminal is for the tests: they stop their servers in order.
    process = subprocess.Popen(
        command, stdout=stream, stderr=stream, start_new_session=True, **options
    )
    stack.callback(_stop, process, stop)
    return process


def _stop(process: Process, number: signal.Signals) -> None:
    process.send_signal(number)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process: Process, log: Path, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_S
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            msg = f"{process.args!r} did not start: {log.read_text(errors='replace')[-2000:]}"
            raise RuntimeError(msg)
        time.sleep(0.25)


def _knows_us(server: PostgresServer) -> bool:
    headers = {"Authorization": f"Token {server.token.get_secret_value()}"}
    try:
        return requests.get(
            f"{server.url}/api/current-user/whoami", headers=headers, timeout=5.0
        ).ok
    except requests.exceptions.RequestException:
        return False


def _read_secrets_here() -> None:
    """Read the container's secrets from our folder."""
    read, folder = container_setup.read_secret, Path(os.environ[SECRETS])
    # Both modules know it by name.
    for module in (container_setup, container_main):
        module.read_secret = lambda name, _=None: read(name, folder)  # type: ignore[attr-defined]


def _main() -> None:
    """Do what the container's first process does, with other secrets, port and application."""
    _read_secrets_here()
    other = {
        "0.0.0.0:8080": f"{HOST}:{os.environ[PORT]}",
        "ls_integration.server.container_wsgi:make_application()": (
            "tests.postgres_server:make_application()"
        ),
    }
    serve_command = container_main.serve_command

    def here(workers: str, threads: str) -> list[str]:
        command = serve_command(workers, threads)
        assert other.keys() <= set(command)
        return [other.get(word, word) for word in command]

    container_main.serve_command = here
    container_main.main()


if __name__ == "__main__":
    _main()
