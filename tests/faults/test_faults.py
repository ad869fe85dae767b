"""Import, answers and export over a bad network: nothing is lost, nothing is there twice.

A few seeds of each fault run with all tests; `make test-faults` runs `N_SEEDS` of each, also on
PostgreSQL, and prints the table of docs/performance.md.
"""

import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pytest
from tenacity import wait_fixed

from ls_integration import study as studies
from ls_integration.errors import IntegrationError
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server import batches, noted_requests, projects
from ls_integration.server import client as client_module
from ls_integration.server.client import Client
from ls_integration.server.pull import pull_answers
from ls_integration.settings import load
from ls_integration.workflows.export import export
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.replay import replay
from ls_integration.workflows.sted_options import ImportOptions
from tests.faults.conftest import POSTGRES, SQLITE, Place, Table, Tally
from tests.faults.faulty_proxy import DELAY, FAULTS, FaultyProxy, faulty_proxy
from tests.live.killing import assert_all_once, study_folder, write_session

N_IMAGES = 12
N_SEEDS, FEW = 20, 1

CLIENT_LIMIT_S = 1.5
"""Of one request while answers are delayed: about half of those that are hit outlast it."""

REQUEST_LIMIT_S, LATE_REQUEST_LIMIT_S = 0.5, 6.0
"""When a request has certainly ended: at once, where each is answered only after it has been
carried out; the longest delay and the work after it, where it is kept before."""

MOST_TRIES = 60
CONTROL = parse(label_config_xml("sted_quality")).choices()
LINE = re.compile(r"[^\n]+")

T = TypeVar("T")

RUNS = [
    pytest.param(
        *(name, fault, seed),
        marks=() if name == SQLITE and seed < FEW else pytest.mark.faults,
        id=f"{name}-{fault.replace(' ', '-')}-{seed}",
    )
    for name in (SQLITE, POSTGRES)
    for seed in range(N_SEEDS)
    for fault in FAULTS
]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a few tasks several requests, and wait less between two tries."""
    monkeypatch.setattr(client_module, "_WAIT", wait_fixed(0.02))
    monkeypatch.setattr(noted_requests, "_POLL_S", 0.05)
    monkeypatch.setattr(projects, "_POLL_S", 0.05)
    monkeypatch.setattr(batches, "FIRST_BATCH_TASKS", 5)
    monkeypatch.setattr(batches, "MIN_BATCH_TASKS", 3)
    monkeypatch.setattr(batches, "MAX_BATCH_TASKS", 5)


class Run:
    """A study on its way through a faulty proxy, by somebody who does not give up."""

    def __init__(self, place: Place, proxy: FaultyProxy, folder: Path, repository: Path) -> None:
        self.place, self.proxy, self.folder, self.repository = place, proxy, folder, repository
        self.lines: list[str] = []
        self.heard: list[str] = []
        self.title = f"{proxy.chance.fault} {proxy.chance.seed}"
        self.study = study_folder(folder, self.title)
        # One whose project waits for answers, one whose project comes with them.
        self.people = [f"{name} {self.title}" for name in ("Flora", "Gustav")]
        self.n_again = 0

    def settings(self) -> Any:
        """Give what a user has in the environment."""
        return load(url=self.proxy.url, api_key=self.place.token, media=self.place.media)

    def until_done(self, command: Callable[[], T]) -> T:
        """Run a command, and again after each clear error, as its line says."""
        for _ in range(MOST_TRIES):
            try:
                return command()
            except IntegrationError as error:
                self.lines.append(str(error))
                self.n_again += 1
            assert LINE.fullmatch(self.lines[-1])
        msg = "\n".join(["it never ended:", *self.lines])
        raise AssertionError(msg)

    def send(self) -> None:
        """Import."""
        options = ImportOptions(
            source=self.repository / "data" / "sted_sample",
            title=self.title,
            limit=N_IMAGES,
            blind=True,
            people=(self.people[0],),
        )
        self.until_done(
            lambda: import_sted_quality(
                options, self.settings(), start=self.folder, say=self.heard.append
            )
        )

    def replay(self, path: Path) -> None:
        """Bring an old session in."""
        self.until_done(
            lambda: replay(
                self.study, [path], self.settings(), start=self.folder, say=self.heard.append
            )
        )

    def export(self, output: Path) -> None:
        """Export."""
        self.until_done(lambda: export(self.study, self.settings(), output, start=self.folder))


def clear(client: Client, run: Run) -> None:
    """Remove what a run has left on the server: the next ones would list it."""
    study = studies.load(run.study)
    for project in study.projects:
        client.delete(f"/api/projects/{project.project_id}")
    for name in run.people:
        client.delete(f"/api/users/{study.people[name]}/")


def answer_half(client: Client, run: Run, session: Path) -> None:
    """Answer the first person's first images as their session says, past the proxy."""
    (project,) = studies.load(run.study).projects
    tasks = pull_answers(client, project.project_id or 0, with_predictions=False)
    with np.load(session) as content:
        table = content["classifications"]
    # A batch that was under way when the one before it was lost has its tasks before that one's.
    rows = dict(zip(studies.read_items(run.study)["item_id"], table, strict=True))
    for task in tasks[: N_IMAGES // 2]:
        row = rows[task["data"]["item_id"]]
        given = choice_result(CONTROL, ("normal", "anomaly")[int(row[0])])
        body = {"result": given, "lead_time": float(row[3]), "completed_by": project.user_id}
        client.post(f"/api/tasks/{task['id']}/annotations/", json=body)


def surplus_and_missing(found: Counter[Any], wanted: Counter[Any]) -> tuple[int, int]:
    """Count what is lost and what is doubled."""
    return (wanted - found).total(), (found - wanted).total()


def count_faults(client: Client, run: Run, output: Path) -> tuple[int, int]:
    """Count lost and doubled tasks and answers on the server, and answers in the files."""
    items = studies.read_items(run.study)["item_id"].tolist()
    n_lost = n_doubled = 0
    people = []
    for project in studies.load(run.study).projects:
        tasks = pull_answers(client, project.project_id or 0, with_predictions=False)
        there = Counter(task["data"]["item_id"] for task in tasks)
        answered = Counter(
            (task["data"]["item_id"], one["completed_by"])
            for task in tasks
            for one in task["annotations"]
        )
        wanted = Counter((item, project.user_id) for item in items)
        people.append(project.annotator)
        for counts in (
            surplus_and_missing(there, Counter(items)),
            surplus_and_missing(answered, wanted),
        ):
            n_lost, n_doubled = n_lost + counts[0], n_doubled + counts[1]
    rows = pd.read_parquet(output / "annotations.parquet")
    exported = Counter(zip(rows["annotator"], rows["item_id"], strict=True))
    counts = surplus_and_missing(
        exported, Counter((name, item) for name in people for item in items)
    )
    return n_lost + counts[0], n_doubled + counts[1]


def assert_whole(run: Run, output: Path, sessions: list[Path]) -> None:
    """Prove that the files are those of a quiet network, and that nothing half-written stays."""
    quiet = output.with_name("quiet")
    shutil.copytree(run.study, run.folder / "copy")
    export(run.folder / "copy", run.settings(), quiet, start=run.folder, full=True)
    ours, theirs = (
        {str(path.relative_to(one)): path.read_bytes() for path in one.rglob("*") if path.is_file()}
        for one in (output, quiet)
    )
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []
    for session in sessions:
        with np.load(output / session.name) as written, np.load(session) as old:
            np.testing.assert_array_equal(written["classifications"], old["classifications"])
    assert sorted(path.name for path in run.folder.iterdir()) == sorted(
        ["studies", "copy", output.name, quiet.name, "sessions"]
    )
    pictures = run.place.media / studies.load(run.study).pictures_folder
    assert len(list(pictures.iterdir())) == N_IMAGES
    assert not list(run.study.rglob("*.tmp"))


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(("name", "fault", "seed"), RUNS)
def test_nothing_is_lost_or_doubled(
    name: str,
    fault: str,
    seed: int,
    find_place: Callable[[str], Place],
    table: Table,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each command is run until it succeeds: every item and every answer is there once."""
    place = find_place(name)
    is_late = fault == DELAY
    limit_s = LATE_REQUEST_LIMIT_S if is_late else REQUEST_LIMIT_S
    monkeypatch.setenv("LS_INTEGRATION_REQUEST_LIMIT_S", str(limit_s))
    if is_late:
        # As with LS_INTEGRATION_REQUEST_LIMIT_S, nobody waits two minutes here.
        monkeypatch.setitem(Client.__init__.__kwdefaults__, "timeout_s", CLIENT_LIMIT_S)
    folder, output = tmp_path / "work", tmp_path / "work" / "results"
    (folder / "sessions").mkdir(parents=True)
    tally = table.setdefault((fault, name), Tally())
    with (
        faulty_proxy(place.url, fault, seed) as proxy,
        Client(place.url, place.token, timeout_s=110.0) as client,
    ):
        run = Run(place, proxy, folder, repository)
        run.send()
        sessions = [
            write_session(run.study, folder / "sessions" / f"{person}.npz", seed)
            for person in run.people
        ]
        answer_half(client, run, sessions[0])
        run.export(output)
        for session in sessions:
            run.replay(session)
        run.export(output)
        proxy.wait_until_quiet()
        proxy.chance.fault = None
        tally.n_runs += 1
        tally.n_requests += proxy.chance.n_requests
        tally.n_again += run.n_again
        tally.hits += proxy.chance.hits
        n_lost, n_doubled = count_faults(client, run, output)
        tally.n_lost += n_lost
        tally.n_doubled += n_doubled
        assert (n_lost, n_doubled) == (0, 0), run.lines
        answers = {session.stem: N_IMAGES for session in sessions}
        assert_all_once(client, run.study, answers=answers, in_order=False)
        assert_whole(run, output, sessions)
        clear(client, run)
    assert proxy.chance.hits["upstream"] == 0
    assert proxy.chance.hits.total() > 0
