"""The servers that faults are tried on, and the table of what came of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.postgres_server import binaries, postgres_server

HERE = Path(__file__).parent

SQLITE, POSTGRES = "SQLite", "PostgreSQL"


@dataclass(frozen=True)
class Place:
    """A Label Studio to send studies to."""

    name: str
    url: str
    token: SecretStr
    media: Path


@dataclass
class Tally:
    """What became of the runs with one fault on one server."""

    n_runs: int = 0
    n_requests: int = 0
    n_again: int = 0
    n_lost: int = 0
    n_doubled: int = 0
    hits: Counter[str] = field(default_factory=Counter)


Table = dict[tuple[str, str], Tally]

_TABLE = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin an empty table."""
    config.stash[_TABLE] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as live."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.live)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the table."""
    table = config.stash[_TABLE]
    if not table:
        return
    titles = ("fault", "server", "runs", "requests", "hit", "of which writes", "commands again")
    terminalreporter.write_line(f"| {' | '.join((*titles, 'lost', 'doubled'))} |")
    terminalreporter.write_line("| --- | --- |" + " ---: |" * (len(titles)))
    for (fault, server), tally in table.items():
        n_hits = tally.hits.total()
        figures = (tally.n_runs, tally.n_requests, n_hits, n_hits - tally.hits["GET"])
        figures = (*figures, tally.n_again, tally.n_lost, tally.n_doubled)
        words = (fault, server, *(f"{figure:,}" for figure in figures))
        terminalreporter.write_line(f"| {' | '.join(words)} |")


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    """Give the table of this session."""
    return pytestconfig.stash[_TABLE]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Place]:
    """Start a Label Studio on PostgreSQL with two workers."""
    if binaries() is None:
        pytest.skip("no PostgreSQL on this machine (`make test-faults` installs it)")
    # Nothing here is about power cuts, and its queries are short.
    with postgres_server(settings=("jit=off", "fsync=off")) as server:
        yield Place(POSTGRES, server.url, server.token, server.media)


@pytest.fixture(scope="session")
def find_place(request: pytest.FixtureRequest) -> Callable[[str], Place]:
    """Give the function that starts a server by its name, or finds it running."""

    def find(name: str) -> Place:
        if name == POSTGRES:
            place: Place = request.getfixturevalue("postgres")
            return place
        server = request.getfixturevalue("live_server")
        return Place(SQLITE, server.url, server.token, server.media)

    return find
