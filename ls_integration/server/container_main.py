"""The first process of Label Studio's container: prepare the database, then serve.

``python -m ls_integration.server.container_main``. Instead of the image's own
entry point, which starts a server that cannot be mended (see `mended`).
"""

import argparse
import importlib
import os
import sys
from typing import Any, NoReturn

from ls_integration.errors import ConfigError
from ls_integration.server.container_setup import read_secret, set_up

OWNER_EMAIL, OWNER_NAME = "LS_INTEGRATION_OWNER", "LS_INTEGRATION_OWNER_NAME"
"""Variables that name the owner, whose account the first start makes."""

_WORKERS, _THREADS = "LS_INTEGRATION_WORKERS", "LS_INTEGRATION_THREADS"


def main() -> NoReturn:
    """Prepare the database and become the server.

    Raises
    ------
    SystemExit
        With a line on what is wrong.
    """
    try:
        set_up()
        _prepare_database()
        _ensure_owner()
    except ConfigError as error:
        sys.exit(str(error))
    # A process of its own: what was loaded until here is given back.
    command = serve_command(os.environ.get(_WORKERS) or "2", os.environ.get(_THREADS) or "8")
    os.execv(command[0], command)


def serve_command(workers: str, threads: str) -> list[str]:
    """Build the command of the server; it holds no secret.

    Parameters
    ----------
    workers : str
        Processes.
    threads : str
        Threads of each: requests that it answers at once.

    Returns
    -------
    list of str
        For `os.execv`.
    """
    return [
        *(sys.executable, "-m", "gunicorn"),
        *("--bind", "0.0.0.0:8080", "--worker-class", "gthread"),
        *("--workers", workers, "--threads", threads),
        *("--worker-tmp-dir", "/dev/shm", "--no-control-socket"),
        *("--graceful-timeout", "20", "--keep-alive", "75"),
        # Whether people came by HTTPS is told by the proxy; who lies about it fools himself.
        *("--forwarded-allow-ips", "*"),
        *("--access-logfile", "-", "--access-logformat", '%(m)s %(U)s %(s)s %(L)ss "%(a)s"'),
        "ls_integration.server.container_wsgi:make_application()",
    ]


def _prepare_database() -> None:
    """Make or upgrade the tables; of several containers one does it, the others wait."""
    management: Any = importlib.import_module("django.core.management")
    management.call_command("locked_migrate", "--no-color", verbosity=1)


def _ensure_owner() -> None:
    """Make the owner's account, if there is nobody yet."""
    users: Any = importlib.import_module("users.models").User
    if users.objects.exists():
        return
    server: Any = importlib.import_module("label_studio.server")
    arguments = argparse.Namespace(
        username=os.environ.get(OWNER_EMAIL) or "owner@server.invalid",
        password=read_secret("owner_password"),
        user_token=read_secret("owner_token"),
        quiet_mode=True,
        enable_legacy_api_token=True,
    )
    transaction: Any = importlib.import_module("django.db").transaction
    # Cut off in between, the next start makes all of it.
    with transaction.atomic():
        owner = server._create_user(arguments, {})
        owner.first_name = os.environ.get(OWNER_NAME) or "Owner"
        owner.save(update_fields=["first_name"])


if __name__ == "__main__":
    main()
