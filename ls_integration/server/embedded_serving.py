"""How the embedded server keeps its database and answers requests.

Label Studio's own command line runs Django's development server. Here a pool of
threads answers, each with a connection to the database that stays open. Django
must be set up before.
"""

import importlib
import logging
import signal
import sys
from typing import Any

import waitress

from ls_integration.server import mended

BUSY_TIMEOUT_S = 30.0
"""How long a request waits while another writes; an import of thousands of tasks
with their annotations is one transaction of several seconds."""

THREADS = 32
"""Requests at once. Threads that wait for an import must leave some to those who
only read; idle ones cost nothing."""

CONNECTIONS = 2_000
"""Open connections: a browser holds up to six, for 100 people with a few tabs."""

_READING = ("GET", "HEAD", "OPTIONS")

_PRAGMAS = "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL"
"""FULL: what was answered with "saved" is on the disk, also after a power cut. Not a
write-ahead log, although it is a little quicker: with one, all answers since its last
checkpoint (15 s) were gone after a kill -9 of a server that had run for a while (seen
twice in whole test runs, not understood)."""


def close_uploads() -> None:
    """Let nobody but the owner read files that are uploaded, as all others here.

    Notes
    -----
    Django makes them readable by everybody, `FILE_UPLOAD_PERMISSIONS
    <https://docs.djangoproject.com/en/5.1/ref/settings/#file-upload-permissions>`_.
    """
    settings: Any = importlib.import_module("django.conf").settings
    settings.FILE_UPLOAD_PERMISSIONS = 0o600


def tune_database() -> None:
    """Let SQLite wait for its turn, and keep its connections.

    Notes
    -----
    A transaction that has read before it writes fails at once ("database is
    locked") if another is about to write as well, however long the timeout. So
    the transactions of a request that may write take their turn when they begin.
    """
    settings: Any = importlib.import_module("django.conf").settings
    connections: Any = importlib.import_module("django.db").connections
    signals: Any = importlib.import_module("django.core.signals")
    database = settings.DATABASES["default"]
    database["CONN_MAX_AGE"] = None
    database["OPTIONS"] |= {"timeout": BUSY_TIMEOUT_S, "init_command": _PRAGMAS}
    # What was opened while Django was set up knows nothing of these.
    connections.close_all()
    signals.request_started.connect(_choose_transactions, dispatch_uid=__name__)


def _choose_transactions(environ: dict[str, Any], **_: object) -> None:
    """Choose for this thread's request how its transactions begin."""
    connection: Any = importlib.import_module("django.db").connection
    # Opening it would set the mode again.
    connection.ensure_connection()
    reads = environ["REQUEST_METHOD"] in _READING
    connection.transaction_mode = "DEFERRED" if reads else "IMMEDIATE"


def serve(host: str, port: int) -> None:
    """Answer requests until the process is told to end.

    Parameters
    ----------
    host : str
        Address or name to listen on.
    port : int
        1 to 65535.
    """
    application: Any = importlib.import_module("core.wsgi").application
    mended.leave_start_out_of_collections()
    # A queue of requests is no news; Label Studio logs what goes wrong.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    # Requests that are being answered are finished first (5 s at most).
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    waitress.serve(
        application,
        host=host,
        port=port,
        threads=THREADS,
        connection_limit=CONNECTIONS,
        # select() knows no more than 1024 files.
        asyncore_use_poll=True,
        # `localhost` is one address, as elsewhere in this package.
        ipv6=False,
        ident=None,
        _quiet=True,
    )
