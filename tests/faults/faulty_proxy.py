"""A proxy on the way to a real Label Studio that harms requests as bad networks do.

Which request is hit, and how exactly, is decided by a seeded generator.
"""

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

DROP, DELAY, GATEWAY, TRUNCATED, DUPLICATED, RESET = FAULTS = (
    "drop",
    "delay",
    "504 after commit",
    "truncated",
    "duplicated",
    "reset",
)
"""In this order: the connection is closed before the request is forwarded; the request or its
answer is kept for a while; it is carried out and 504 is answered; it is carried out and half of
the answer comes; it is carried out twice and the first answer comes; it is carried out and the
connection is reset."""

READS, WRITES = 0.05, 0.35
"""Which share of the requests is hit: several in each run, and the run can end."""

SHORTEST_DELAY_S, LONGEST_DELAY_S = 0.1, 3.0
"""Around the time limit that the tests give the client."""

UPSTREAM_LIMIT_S = 60.0
_READING = ("GET", "HEAD", "OPTIONS")
_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length")


@dataclass
class Answer:
    """What Label Studio answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Chance:
    """Decides which requests are hit, and counts.

    Attributes
    ----------
    fault : str or None
        How; None: the proxy forwards everything.
    seed : int
        Of the generator.
    n_requests : int
        Requests that came while there was a fault.
    hits : Counter
        Those that were hit, by method.
    """

    fault: str | None
    seed: int
    n_requests: int = 0
    hits: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.fault} {self.seed}")
        self._lock = threading.Lock()

    def draw(self, method: str) -> tuple[str | None, random.Random]:
        """Choose a request's fault, and the generator of its particulars."""
        with self._lock:
            particulars = random.Random(self._random.random())
            if self.fault is None:
                return None, particulars
            self.n_requests += 1
            if self._random.random() >= (READS if method in _READING else WRITES):
                return None, particulars
            self.hits[method] += 1
            return self.fault, particulars


class FaultyProxy(ThreadingHTTPServer):
    """Forwards requests, those that are hit with a fault."""

    daemon_threads = True
    # A run that was cut off must not be waited for.
    block_on_close = False
    request_queue_size = 64

    def __init__(self, server_url: str, chance: Chance) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        upstream = urlsplit(server_url)
        self.upstream = (str(upstream.hostname), int(upstream.port or 80))
        self.chance = chance
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.in_flight = 0
        self._changed = threading.Condition()

    def count(self, change: int) -> None:
        """Count requests that are being answered."""
        with self._changed:
            self.in_flight += change
            self._changed.notify_all()

    def wait_until_quiet(self) -> None:
        """Wait until the server has been sent all that was kept back."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.in_flight == 0, UPSTREAM_LIMIT_S)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; without a FIN before where it is to be reset."""
        linger = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
        if linger == _RESET_LINGER:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that went away are what this is about."""


_RESET_LINGER = struct.pack("ii", 1, 0)


class _Handler(BaseHTTPRequestHandler):
    server: FaultyProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""

    def serve(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault, particulars = self.server.chance.draw(self.command)
        self.server.count(1)
        try:
            with suppress(OSError):
                self._answer(body, fault, particulars)
        finally:
            self.server.count(-1)

    def __getattr__(self, name: str) -> Any:
        """Answer every method alike."""
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    def _answer(self, body: bytes, fault: str | None, particulars: random.Random) -> None:
        if fault == DROP:
            self.close_connection = True
            return
        delay_s = particulars.uniform(SHORTEST_DELAY_S, LONGEST_DELAY_S)
        is_kept_first = particulars.random() < 0.5
        if fault == DELAY and is_kept_first:
            time.sleep(delay_s)
        try:
            answer = self._forward(body)
            if fault == DUPLICATED:
                self._forward(body)
        except (HTTPException, OSError):
            # Label Studio itself broke off; no test wants that.
            self.server.chance.hits["upstream"] += 1
            self.close_connection = True
            return
        if fault == DELAY and not is_kept_first:
            time.sleep(delay_s)
        if fault == GATEWAY:
            page = b"<html><h1>504 Gateway Time-out</h1></html>"
            answer = Answer(504, [("Content-Type", "text/html")], page)
        if fault == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_LINGER)
            self.close_connection = True
            return
        self._give(answer, is_cut=fault == TRUNCATED)

    def _forward(self, body: bytes) -> Answer:
        connection = HTTPConnection(*self.server.upstream, timeout=UPSTREAM_LIMIT_S)
        try:
            headers = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("connection", "keep-alive")
            }
            headers["Connection"] = "close"
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            kept = [pair for pair in response.getheaders() if pair[0].lower() not in _HOP_BY_HOP]
            return Answer(response.status, kept, response.read())
        finally:
            connection.close()

    def _give(self, answer: Answer, *, is_cut: bool) -> None:
        has_body = self.command != "HEAD" and answer.status not in (204, 304)
        self.close_connection |= is_cut
        if is_cut and not (has_body and answer.body):
            self.wfile.write(b"HTTP/1.")
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if has_body:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if has_body:
            self.wfile.write(answer.body[: len(answer.body) // 2] if is_cut else answer.body)


@contextmanager
def faulty_proxy(server_url: str, fault: str, seed: int) -> Iterator[FaultyProxy]:
    """Open a proxy to a server while the block runs."""
    proxy = FaultyProxy(server_url, Chance(fault, seed))
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
