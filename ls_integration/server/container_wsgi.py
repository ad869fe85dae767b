"""What gunicorn loads in the container of docker-compose.yml: Label Studio, mended.

A request that outlives `REQUEST_LIMIT_S` ends its worker process, as uwsgi's
harakiri does in the official image: an import whose client was killed is then
known to be over, and the next one may send the rest (`noted_requests.SETTLE_S`).
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from ls_integration.server import mended
from ls_integration.server.container_setup import set_up

REQUEST_LIMIT_S = 120.0
"""How long the server works at one request at most."""

_LOOK_EVERY_S = 1.0

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def limited(
    application: Wsgi,
    limit_s: float,
    end: Callable[[], None],
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Wsgi, Callable[[], None]]:
    """Note when each request began, so that one that takes too long is found.

    Parameters
    ----------
    application : callable
        The WSGI application.
    limit_s : float
        How long a request may take, in seconds.
    end : callable
        Ends this process.
    clock : callable
        Seconds that only go forward.

    Returns
    -------
    application : callable
        To be served.
    look : callable
        To be called now and then: ends the process if a request takes too long.
    """
    begun: dict[int, float] = {}

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # A thread has one request at a time.
        me = threading.get_ident()
        begun[me] = clock()
        try:
            return application(environ, start_response)
        finally:
            del begun[me]

    def look() -> None:
        if any(clock() - start > limit_s for start in list(begun.values())):
            logging.getLogger(__name__).error("a request took more than %g s; ending", limit_s)
            end()

    return call, look


def _end_this_worker() -> None:
    # Not an exception: a thread that waits for the database would not see it. Its
    # transaction is rolled back when the connection breaks; gunicorn starts another worker.
    os.kill(os.getpid(), signal.SIGKILL)


def _watch(look: Callable[[], None]) -> None:
    while True:
        time.sleep(_LOOK_EVERY_S)
        look()


def make_application() -> Wsgi:
    """Set Label Studio up in this worker process.

    Returns
    -------
    callable
        The WSGI application, mended and watched.
    """
    application = set_up()
    mended.mend()
    mended.leave_start_out_of_collections()
    served, look = limited(application, REQUEST_LIMIT_S, _end_this_worker)
    threading.Thread(target=_watch, args=(look,), daemon=True, name="request limit").start()
    return served
