"""An import that is killed, anywhere, and run again: every item exactly once.

`LS_INTEGRATION_KILLS=100` tries a hundred instants; by default a few, so that
the whole suite stays short. A quarter each is killed just after a proxy has
forwarded the body of an import, and just after it has forwarded the request
that makes the project, while the server still works on it.
"""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ls_integration import study as studies
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.projects import description
from ls_integration.server.pull import list_tasks

N_KILLS = int(os.environ.get("LS_INTEGRATION_KILLS", "8"))
LONGEST_RUN_S = 6.0
"""An import of the sample takes about 3 s here; later kills find it finished."""

SERVER_ENDS_REQUESTS_S = 4.0
"""The development server is done with 60 tasks in well under a second."""

MOMENTS = {
    "any time": None,
    "import forwarded": re.compile(rb"POST /api/projects/\d+/import"),
    "project forwarded": re.compile(rb"POST /api/projects HTTP"),
    "any time again": None,
}


class Proxy:
    """Forwards bytes, and calls when a request of a kind has been forwarded whole."""

    def __init__(self, server_url: str, wanted: re.Pattern[bytes] | None) -> None:
        self._server = urlsplit(server_url)
        self._wanted = wanted
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.on_forwarded: Callable[[], None] = lambda: None
        threading.Thread(target=self._accept, daemon=True).start()

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
        with client, socket.create_connection(address) as server:
            answers = threading.Thread(target=self._forward, args=(server, client), daemon=True)
            answers.start()
            self._forward_requests(client, server)
            answers.join()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)

    def _forward_requests(self, client: socket.socket, server: socket.socket) -> None:
        left = -1
        with suppress(OSError):
            while chunk := client.recv(65536):
                server.sendall(chunk)
                if self._wanted is not None and self._wanted.match(chunk):
                    head, _, body = chunk.partition(b"\r\n\r\n")
                    length = re.search(rb"Content-Length: (\d+)", head, re.IGNORECASE)
                    left = int(length[1]) - len(body) if length else 0
                elif left > 0:
                    left -= len(chunk)
                if left == 0:
                    left = -1
                    self.on_forwarded()
        # The server goes on with what it has: only our side is closed.
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)


@contextmanager
def proxy_to(server: EmbeddedServer, wanted: re.Pattern[bytes] | None) -> Iterator[Proxy]:
    """Open a proxy to the server while the block runs."""
    proxy = Proxy(server.url, wanted)
    try:
        yield proxy
    finally:
        proxy.close()


def start_import(
    server: EmbeddedServer, url: str, sample: Path, folder: Path, title: str
) -> subprocess.Popen[str]:
    """Start the command as a user does, in a process of its own."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "ls_integration", "import", "sted-quality", str(sample)),
            *("--title", title, "--blind", "--quiet"),
        ],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "LABEL_STUDIO_URL": url,
            "LABEL_STUDIO_API_KEY": server.token.get_secret_value(),
            "LS_INTEGRATION_MEDIA": str(server.media),
            "LS_INTEGRATION_REQUEST_LIMIT_S": str(SERVER_ENDS_REQUESTS_S),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("seed", range(N_KILLS))
def test_killed_and_run_again_every_item_is_there_once(
    seed: int, live_server: EmbeddedServer, client: Client, repository: Path, tmp_path: Path
) -> None:
    """One project, each item once, in the study's order; the study's server is the real one."""
    sample = repository / "data" / "sted_sample"
    chance = random.Random(seed)
    wanted = list(MOMENTS.values())[seed % len(MOMENTS)]
    title = f"Kill {seed}"
    with proxy_to(live_server, wanted) as proxy:
        process = start_import(live_server, proxy.url, sample, tmp_path, title)
        if wanted is None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0.3, LONGEST_RUN_S))
        else:
            killed = threading.Event()

            def kill() -> None:
                time.sleep(chance.uniform(0.0, 0.05))
                process.send_signal(signal.SIGKILL)
                killed.set()

            proxy.on_forwarded = kill
            assert killed.wait(60)
        process.kill()
        process.communicate()
        # The same command, through the same address: the study knows its server by it.
        proxy.on_forwarded = lambda: None
        again = start_import(live_server, proxy.url, sample, tmp_path, title)
        output, _ = again.communicate(timeout=120)
        assert again.returncode == 0, output
    folder = tmp_path / "studies" / studies.slug(title)
    study = studies.load(folder)
    (project,) = study.projects
    assert project.project_id is not None
    items = studies.read_items(folder)
    listed = [task["data"]["item_id"] for task in list_tasks(client, project.project_id)]
    assert listed == items["item_id"].tolist()
    mark = description(study.uuid, project.key)
    ours = [
        found
        for found in client.get("/api/projects", params={"page_size": 1000})["results"]
        if found["description"] == mark and found["task_number"]
    ]
    assert len(ours) == 1
