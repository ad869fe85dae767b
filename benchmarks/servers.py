"""A Label Studio of its own for a benchmark, on SQLite or on PostgreSQL."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import SecretStr

from ls_integration.server import embedded

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.postgres_server import postgres_server


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes
    ----------
    url : str
        Its address.
    token : SecretStr
        The owner's.
    in_flight : int
        Requests that it is sent at once.
    folder : Path
        An empty one, for the client.
    media : Path
        The folder of pictures that it serves.
    cpu_s : callable
        Gives the seconds of the processor that all its processes have taken.
    """

    url: str
    token: SecretStr
    in_flight: int
    folder: Path
    media: Path
    cpu_s: Callable[[], float]


@contextmanager
def running(*, postgres: bool) -> Iterator[Server]:
    """Start a server: the embedded one, or one on PostgreSQL with two workers.

    Parameters
    ----------
    postgres : bool
        Which.

    Yields
    ------
    Server
        Ready; it is stopped, and all its files are removed, at the end.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if postgres:
            with postgres_server(workers=2) as server:
                yield Server(server.url, server.token, 2, folder, server.media, _children_cpu_s)
            return
        data_dir = folder / ".label-studio"
        own = embedded.start(data_dir, port=embedded.free_port(), working_dir=folder)
        process = psutil.Process(own.pid)
        try:
            yield Server(own.url, own.token, 1, folder, own.media, lambda: _cpu_s(process))
        finally:
            embedded.stop(data_dir)


def _children_cpu_s() -> float:
    # Connections, and with them the processes of the database, stay open.
    return sum(_cpu_s(process) for process in psutil.Process().children(recursive=True))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
