"""What the tests that kill things share: a proxy, the command as a process, the count after."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from pydantic import SecretStr

from ls_integration import study as studies
from ls_integration.server.account_pages import can_log_in
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.projects import description
from ls_integration.server.pull import pull_answers
from tests.commands import environment_of

MORE = int(os.environ.get("LS_INTEGRATION_KILLS", "0"))
"""Instants that each kind of kill tries; 0: the few that each test names."""

REQUESTS_END_S = 4.0
"""The development server is done with 60 tasks in well under a second."""

LIMIT_S = 300.0
"""No command of these tests takes so long."""

IMPORTS = re.compile(rb"POST /api/projects/\d+/import")
PROJECTS = re.compile(rb"POST /api/projects HTTP")
ANSWERS = re.compile(rb"POST /api/tasks/\d+/annotations/")
SIGN_UPS = re.compile(rb"POST /user/signup/")


def seeds(few: int, share: float = 1.0) -> range:
    """Give the seeds of a test: *few*, or a share of ``LS_INTEGRATION_KILLS``."""
    return range(max(few, round(MORE * share)) if MORE else few)


class Proxy:
    """Forwards bytes, and calls when a request of a kind has been forwarded whole.

    With ``swallow`` such a request never reaches the server.
    """

    def __init__(self, server_url: str, wanted: re.Pattern[bytes] | None, swallow: bool) -> None:
        self._server = urlsplit(server_url)
        self._wanted = wanted
        self._swallow = swallow
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.on_forwarded: Callable[[], None] = lambda: None
        threading.Thread(target=self._accept, daemon=True).start()

    def look_for(self, wanted: re.Pattern[bytes] | None) -> None:
        """Call for requests of another kind from now on."""
        self._wanted = wanted

    def be_harmless(self) -> None:
        """Forward everything from now on, and call nobody."""
        self._wanted = None

    def close(self) -> None:
        """Stop taking connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        address = (self._server.hostname, self._server.port)
        with client, suppress(OSError), socket.create_connection(address) as server:
            answers = threading.Thread(target=self._forward, args=(server, client), daemon=True)
            answers.start()
            self._forward_requests(client, server)
            answers.join()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        try:
            with suppress(OSError):
                while chunk := source.recv(65536):
                    target.sendall(chunk)
        finally:
            # Also after a reset: the other side would wait for an answer that cannot come.
            with suppress(OSError):
                target.shutdown(socket.SHUT_WR)

    def _forward_requests(self, client: socket.socket, server: socket.socket) -> None:
        left = -1
        with suppress(OSError):
            while chunk := client.recv(65536):
                if self._wanted is not None and self._wanted.match(chunk):
                    head, _, body = chunk.partition(b"\r\n\r\n")
                    length = re.search(rb"Content-Length: (\d+)", head, re.IGNORECASE)
                    left = int(length[1]) - len(body) if length else 0
                elif left > 0:
                    left -= len(chunk)
                if left < 0 or not self._swallow:
                    server.sendall(chunk)
                if left == 0:
                    left = -1
                    self.on_forwarded()
        # The server goes on with what it has: only our side is closed.
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)


@contextmanager
def proxy_to(
    url: str, wanted: re.Pattern[bytes] | None, *, swallow: bool = False
) -> Iterator[Proxy]:
    """Open a proxy to a server while the block runs."""
    proxy = Proxy(url, wanted, swallow)
    try:
        yield proxy
    finally:
        proxy.close()


def start_command(
    server: EmbeddedServer,
    folder: Path,
    *words: str,
    url: str | None = None,
    more: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start a command as a user does, in a process of its own; one pipe for both streams."""
    environment = {
        "PATH": os.environ["PATH"],
        **environment_of(server, LS_INTEGRATION_REQUEST_LIMIT_S=str(REQUESTS_END_S)),
    }
    if url is not None:
        environment["LABEL_STUDIO_URL"] = url
    return subprocess.Popen(
        [sys.executable, "-m", "ls_integration", "--quiet", *words],
        cwd=folder,
        env={**environment, **(more or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def import_words(repository: Path, title: str, *more: str) -> tuple[str, ...]:
    """Give the words of an import of the sample, blind."""
    sample = str(repository / "data" / "sted_sample")
    return ("import", "sted-quality", sample, "--title", title, "--blind", *more)


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for a command that must succeed; give its lines."""
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, output
    return output


def end_when(
    proxy: Proxy,
    process: subprocess.Popen[str],
    number: int,
    delay_s: float,
    *,
    n_skipped: int = 0,
) -> threading.Event:
    """Send a signal *delay_s* after the proxy's request; the event tells that it was sent."""
    sent = threading.Event()
    left = iter(range(n_skipped))

    def end() -> None:
        if next(left, None) is not None:
            return
        # As if time had passed: the request is out, its answer may be on the way.
        sent.wait(delay_s)
        process.send_signal(number)
        proxy.be_harmless()
        sent.set()

    proxy.on_forwarded = end
    return sent


def end_at(process: subprocess.Popen[str], number: int, instant_s: float) -> None:
    """Send a signal after *instant_s*, or find the command finished."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(instant_s)
    process.send_signal(number)


def kill(process: subprocess.Popen[str]) -> None:
    """End a command that has not ended, and read what is left of its lines."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def study_folder(folder: Path, title: str) -> Path:
    """Give the folder of the study that an import in *folder* makes."""
    return folder / studies.STUDIES_FOLDER / studies.slug(title)


def assert_all_once(
    client: Client, folder: Path, *, answers: Mapping[str, int], in_order: bool = True
) -> None:
    """Prove of each project: one on the server, each item once and in order, no answer twice.

    *answers* says for each annotator how many annotations there are. Items may stand in another
    order where two batches were under way and the first was lost.
    """
    study = studies.load(folder)
    wanted = studies.read_items(folder)["item_id"].tolist()
    found = client.get("/api/projects", params={"page_size": 1000})["results"]
    assert study.projects
    for project in study.projects:
        assert project.project_id is not None
        mark = description(study.uuid, project.key)
        ours = [one["id"] for one in found if one["description"] == mark]
        assert ours == [project.project_id]
        tasks = pull_answers(client, project.project_id, with_predictions=False)
        there = [task["data"]["item_id"] for task in tasks]
        assert (there if in_order else sorted(there)) == (wanted if in_order else sorted(wanted))
        counted = Counter(
            (task["id"], given["completed_by"]) for task in tasks for given in task["annotations"]
        )
        assert set(counted.values()) <= {1}
        assert len(counted) == answers.get(project.annotator, 0), project.annotator


def wait_for(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait until something can be seen from outside, or the command has ended."""
    deadline = time.monotonic() + LIMIT_S
    while not happened() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def has_begun(process: subprocess.Popen[str]) -> bool:
    """Tell whether Python has started and the command answers to SIGTERM itself."""
    with suppress(FileNotFoundError):
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
        return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def write_session(folder: Path, path: Path, seed: int) -> Path:
    """Write an old session that answers every item of the study in *folder*."""
    items = studies.read_items(folder)
    random = np.random.default_rng(seed)
    table = np.empty((len(items), 4))
    table[:, 0] = random.integers(0, 2, len(items))
    table[:, 1:3] = items[["rating", "model_score"]]
    table[:, 3] = random.uniform(0.5, 4.0, len(items)).round(3)
    np.savez(path, classifications=table, fp_errors=[], fn_errors=[])
    return path


def log_in(server: EmbeddedServer, line: str) -> bool:
    """Try the login and the password of a line of ``passwords.txt`` as a browser would."""
    words = line.split()
    email, password = words[words.index("login") + 1], words[words.index("password") + 1]
    return can_log_in(server.url, email, SecretStr(password))
