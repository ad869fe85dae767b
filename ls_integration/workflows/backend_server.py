"""Run the ML backend's web application under gunicorn, in the foreground."""

import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from ls_integration.errors import ConfigError, IntegrationError
from ls_integration.server.embedded_address import is_loopback

if TYPE_CHECKING:
    from flask import Flask

THREADS = 4
"""One worker holds the model; so many requests are answered at once."""

_LOAD_FAILED = 4
"""With this code of a worker gunicorn gives up, where it would start another one."""


@dataclass(frozen=True)
class Address:
    """Where a backend listens, and whom it answers.

    Attributes
    ----------
    host : str
        Address to listen on.
    port : int
        Port, 1 to 65535.
    password : SecretStr or None
        What it asks of whoever calls; None: nothing.
    """

    host: str
    port: int
    password: SecretStr | None = None

    def __str__(self) -> str:
        """Write it as an URL.

        Returns
        -------
        str
            The address.
        """
        return f"http://{_bracketed(self.host)}:{self.port}"


def check_password(address: Address) -> None:
    """Refuse to answer everybody who reaches this machine.

    Parameters
    ----------
    address : Address
        Where to listen.

    Raises
    ------
    ConfigError
        If others can reach it and no password is set.
    """
    if address.password is None and not (is_loopback(address.host) or address.host == "::1"):
        msg = (
            f"others can reach {address.host}: set a password of 12 or more characters in "
            "LS_INTEGRATION_BACKEND_PASSWORD (or --password-file), here and for connect-backend"
        )
        raise ConfigError(msg)


def run(make: Callable[[Path], "Flask"], address: Address) -> None:
    """Serve in the foreground until a signal ends it.

    Parameters
    ----------
    make : callable
        Makes the application in the process that will serve it: locks, threads
        and pools of the libraries do not survive a fork. It is given a folder
        of its own.
    address : Address
        Where to listen, and whom to answer.

    Raises
    ------
    ConfigError
        If the address cannot be listened on, or the application not be made.
    """
    check_password(address)
    _refuse_taken(address.host, address.port)
    # The library writes requests, tokens included, at DEBUG.
    logging.getLogger("label_studio_ml").setLevel(logging.WARNING)
    folder, process_id = Path(tempfile.mkdtemp(prefix="ls-integration-backend-")), os.getpid()
    (folder / "models").mkdir()
    failed = folder / "failed"
    try:
        _run_gunicorn(make, folder / "models", failed, address)
    except SystemExit:
        # The worker leaves this way too, when it is told to stop.
        if os.getpid() == process_id and failed.exists():
            raise ConfigError(failed.read_text(encoding="utf-8")) from None
        raise
    finally:
        if os.getpid() == process_id:
            shutil.rmtree(folder, ignore_errors=True)


def _refuse_taken(host: str, port: int) -> None:
    """Ask first: gunicorn would try five times and leave with a code of its own."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"cannot listen on {host}:{port} ({reason}); choose another --port or --host"
        raise ConfigError(msg) from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _run_gunicorn(
    make: Callable[[Path], "Flask"], folder: Path, failed: Path, address: Address
) -> None:
    from gunicorn.app.base import BaseApplication
    from gunicorn.glogging import Logger

    class Quiet(Logger):  # type: ignore[misc]
        """Says nothing of a start that failed: the reason is said once, in our words."""

        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            self.error_log.addFilter(lambda _: not failed.exists())

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            # One worker, since its memory holds the model; no control socket in the home.
            options = {
                "bind": [f"{_bracketed(address.host)}:{address.port}"],
                "workers": 1,
                "threads": THREADS,
                "control_socket_disable": True,
                "loglevel": "warning",
                "logger_class": Quiet,
                "proc_name": "ls-integration-backend",
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            try:
                return make(folder)
            except IntegrationError as error:
                failed.write_text(str(error), encoding="utf-8")
                # Not sys.exit: this process was forked inside of `run`, and would end it too.
                os._exit(_LOAD_FAILED)

    Server().run()
