"""Every task exactly once, whatever happened before."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ls_integration import study as studies
from ls_integration.errors import PartialError, ServerError, ServerTimeout, StudyError
from ls_integration.resources import label_config_xml
from ls_integration.server import batches, people
from ls_integration.server.client import Client
from ls_integration.server.projects import description, ensure_project, find_project
from ls_integration.server.pull import list_tasks, pull_answers, tasks_with_drafts
from ls_integration.server.push import push_tasks

MANY = [
    {
        "data": {
            "image": f"/data/local-files/?d=none/{number}.webp",
            "item_id": f"item{number}",
            "progress": "",
            "structure": " ",
            "criterion": "",
            "keys": "",
        }
    }
    for number in range(15)
]
TASKS = MANY[:7]


@pytest.fixture
def project_id(client: Client) -> Iterator[int]:
    """Make an empty project and remove it afterwards."""
    made = client.post(
        "/api/projects",
        json={"title": "Push test", "label_config": label_config_xml("sted_quality")},
    )
    yield int(made["id"])
    client.delete(f"/api/projects/{made['id']}")


def limit_batches(monkeypatch: pytest.MonkeyPatch, n_tasks: int) -> None:
    """Begin with batches of one task; let none have more than *n_tasks*."""
    monkeypatch.setattr(batches, "FIRST_BATCH_TASKS", 1)
    monkeypatch.setattr(batches, "MIN_BATCH_TASKS", 1)
    monkeypatch.setattr(batches, "MAX_BATCH_TASKS", n_tasks)


def items_of(client: Client, project_id: int) -> list[str]:
    """List the items of the project's tasks, by task id."""
    return [task["data"]["item_id"] for task in list_tasks(client, project_id)]


def push(client: Client, project_id: int, folder: Path, **options: Any) -> Any:
    """Push the seven tasks."""
    return push_tasks(client, project_id, TASKS, study_folder=folder, **options)


def open_batch(folder: Path, project_id: int) -> None:
    """Leave the journal as a kill with a request in flight leaves it."""
    studies.append_journal(
        folder,
        {
            "event": "batch",
            "batch": "killed",
            "project_id": project_id,
            "item_ids": [task["data"]["item_id"] for task in TASKS],
            "opened_at_s": time.time(),
        },
    )


def test_tasks_arrive_once_and_in_order(client: Client, project_id: int, tmp_path: Path) -> None:
    """The second push sends nothing."""
    assert push(client, project_id, tmp_path).sent == 7
    again = push(client, project_id, tmp_path)
    assert (again.sent, again.already_there) == (0, 7)
    assert items_of(client, project_id) == [f"item{number}" for number in range(7)]


def batch_sizes(folder: Path) -> list[int]:
    """Give the number of tasks of each batch that the journal knows."""
    entries = studies.read_journal(folder)
    return [len(entry["item_ids"]) for entry in entries if entry["event"] == "batch"]


def test_many_batches_leave_each_task_once_and_in_order(
    client: Client, project_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches of changing size lose nothing where they meet; the journal names each item once."""
    limit_batches(monkeypatch, 2)
    assert push(client, project_id, tmp_path).sent == 7
    items = [f"item{number}" for number in range(7)]
    assert items_of(client, project_id) == items
    entries = studies.read_journal(tmp_path)
    assert [item for entry in entries for item in entry.get("item_ids", [])] == items
    assert [entry["event"] for entry in entries] == ["batch", "sent"] * (len(entries) // 2)
    assert batch_sizes(tmp_path)[0] == 1
    assert len(batch_sizes(tmp_path)) >= 4


def test_two_batches_in_flight_arrive_once_and_in_order(
    client: Client, project_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two are under way at times, never three; people see the tasks in the order of the study."""
    limit_batches(monkeypatch, 1)
    assert push(client, project_id, tmp_path, in_flight=2).sent == 7
    assert items_of(client, project_id) == [f"item{number}" for number in range(7)]
    open_now = np.cumsum(
        [1 if entry["event"] == "batch" else -1 for entry in studies.read_journal(tmp_path)]
    )
    # The first one goes alone.
    assert open_now[:2].tolist() == [1, 0]
    assert (open_now.max(), open_now[-1]) == (2, 0)


def test_a_refused_batch_leaves_the_other_one_counted(
    client: Client, project_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was under way beside it is noted; nothing more is sent; the next run sends the rest."""
    limit_batches(monkeypatch, 1)
    bad = {"data": {"item_id": "item2"}}
    tasks = [*TASKS[:2], bad, *TASKS[3:]]
    with pytest.raises(PartialError, match="3 of 7 tasks are known to be on the server, then: "):
        push_tasks(client, project_id, tasks, study_folder=tmp_path, in_flight=2)
    assert items_of(client, project_id) == ["item0", "item1", "item3"]
    assert not studies.open_batches(studies.read_journal(tmp_path))
    assert push(client, project_id, tmp_path, in_flight=2).sent == 4
    assert sorted(items_of(client, project_id)) == [f"item{number}" for number in range(7)]


def test_after_a_batch_without_an_answer_less_is_sent_at_once(
    client: Client, project_id: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the server was too slow for seven tasks, it is not asked for seven again."""
    monkeypatch.setattr(batches, "MIN_BATCH_TASKS", 1)
    open_batch(tmp_path, project_id)
    assert push(client, project_id, tmp_path, settle_s=0.0).sent == 7
    assert batch_sizes(tmp_path)[:2] == [7, 1]
    assert items_of(client, project_id) == [f"item{number}" for number in range(7)]


def test_what_is_missing_is_sent(client: Client, project_id: int, tmp_path: Path) -> None:
    """After a run that ended half-way."""
    client.post(f"/api/projects/{project_id}/import", json=TASKS[:3])
    outcome = push(client, project_id, tmp_path)
    assert (outcome.sent, outcome.already_there) == (4, 3)
    assert sorted(items_of(client, project_id)) == [f"item{number}" for number in range(7)]


def test_a_request_in_flight_is_waited_for(client: Client, project_id: int, tmp_path: Path) -> None:
    """A killed client's tasks appear only after the next run has begun."""
    open_batch(tmp_path, project_id)
    late = threading.Timer(
        2.0, client.post, [f"/api/projects/{project_id}/import"], {"json": TASKS}
    )
    late.start()
    outcome = push(client, project_id, tmp_path, settle_s=60.0)
    late.join()
    assert outcome.sent == 0
    assert len(items_of(client, project_id)) == 7


def test_a_request_that_never_arrived_is_waited_for_only_once(
    client: Client, project_id: int, tmp_path: Path
) -> None:
    """After its deadline the tasks are sent, and the journal says so."""
    open_batch(tmp_path, project_id)
    lines: list[str] = []
    assert push(client, project_id, tmp_path, settle_s=1.0, say=lines.append).sent == 7
    assert [line.split(";")[0] for line in lines] == [
        "an earlier run was cut off while it sent 7 tasks"
    ]
    events = [entry["event"] for entry in studies.read_journal(tmp_path)]
    assert events == ["batch", "settled", "batch", "sent"]


def test_untouched_copies_are_removed(client: Client, project_id: int, tmp_path: Path) -> None:
    """The copy with an answer stays, wherever it stands."""
    client.post(f"/api/projects/{project_id}/import", json=[*TASKS, *TASKS[:2]])
    copy = list_tasks(client, project_id)[7]
    client.post(f"/api/tasks/{copy['id']}/annotations/", json={"result": [], "lead_time": 1.0})
    assert push(client, project_id, tmp_path).removed_copies == 2
    assert sorted(items_of(client, project_id)) == [f"item{number}" for number in range(7)]
    answered = [
        task["id"]
        for task in pull_answers(client, project_id, with_predictions=False)
        if task["annotations"]
    ]
    assert answered == [copy["id"]]


def test_copies_with_answers_are_named_and_kept(
    client: Client, project_id: int, tmp_path: Path
) -> None:
    """No answer is ever removed, be it another one by its time alone."""
    client.post(f"/api/projects/{project_id}/import", json=[*TASKS, TASKS[0]])
    tasks = list_tasks(client, project_id)
    for number in (0, 7):
        given = {"result": [], "lead_time": 1.0 + number}
        client.post(f"/api/tasks/{tasks[number]['id']}/annotations/", json=given)
    with pytest.raises(StudyError, match="item0 stands 2 times with answers"):
        push(client, project_id, tmp_path)
    assert len(items_of(client, project_id)) == 8


def test_of_copies_with_the_same_answers_one_is_kept(
    client: Client, project_id: int, tmp_path: Path
) -> None:
    """A network that sends an import with answers twice: to the last digit they are the same."""
    given = {"result": [], "lead_time": 1.25, "completed_by": client.whoami()["id"]}
    answered = [{**task, "annotations": [given]} for task in TASKS]
    for _ in range(2):
        client.post(f"/api/projects/{project_id}/import", json=answered)
    first = [task["id"] for task in list_tasks(client, project_id)][:7]
    assert push(client, project_id, tmp_path).removed_copies == 7
    tasks = pull_answers(client, project_id, with_predictions=False)
    assert [task["id"] for task in tasks] == first
    assert [len(task["annotations"]) for task in tasks] == [1] * 7


def test_a_copy_that_somebody_has_begun_is_kept(
    client: Client, project_id: int, tmp_path: Path
) -> None:
    """Label Studio shows a draft to its author only; it counts all the same."""
    author = people.ensure(client, "Drafty")
    client.post(f"/api/projects/{project_id}/import", json=[*TASKS, TASKS[0]])
    copy = list_tasks(client, project_id)[7]
    assert author.token is not None
    with Client(client.url, author.token) as member:
        member.post(f"/api/tasks/{copy['id']}/drafts", json={"result": [], "lead_time": 1.0})
    assert tasks_with_drafts(client, project_id) == {copy["id"]}
    assert push(client, project_id, tmp_path).removed_copies == 1
    assert copy["id"] in [task["id"] for task in list_tasks(client, project_id)]


def test_foreign_tasks_are_named(client: Client, project_id: int, tmp_path: Path) -> None:
    """A task that somebody made by hand is not taken for one of ours."""
    foreign = {"data": {**TASKS[0]["data"], "item_id": "by hand"}}
    client.post(f"/api/projects/{project_id}/import", json=[foreign])
    with pytest.raises(StudyError, match="not of this study: by hand"):
        push(client, project_id, tmp_path)


def test_a_refusal_says_how_far_it_came(client: Client, project_id: int, tmp_path: Path) -> None:
    """Label Studio's own reason is passed on; the refused batch is not waited for."""
    bad = [{"data": {"item_id": "x"}}]
    with pytest.raises(PartialError, match=r'0 of 1 tasks.*"image" key is expected'):
        push_tasks(client, project_id, bad, study_folder=tmp_path)
    assert [entry["event"] for entry in studies.read_journal(tmp_path)] == ["batch", "refused"]


@pytest.mark.parametrize(
    ("error", "events"),
    [
        (ServerError("nothing answers there"), ["batch", "refused"]),
        (ServerTimeout("no answer in time"), ["batch"]),
        (ServerError("broken", status=500), ["batch"]),
    ],
)
def test_only_silence_is_waited_for_later(
    client: Client,
    project_id: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: ServerError,
    events: list[str],
) -> None:
    """A server that was never reached has no request under way."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(client, "post", fail)
    with pytest.raises(PartialError, match="0 of 7 tasks"):
        push(client, project_id, tmp_path)
    assert [entry["event"] for entry in studies.read_journal(tmp_path)] == events


def test_a_project_is_found_again_after_a_kill(client: Client) -> None:
    """Between making a project and recording its id lies one request."""
    begun: list[str] = []
    fields = {"title": "Found again", "label_config": "<View/>"}

    def ensure(*, was_begun: bool) -> int:
        return ensure_project(
            client,
            "uuid-of-a-study",
            "owner-round-1",
            fields,
            was_begun=was_begun,
            on_begin=lambda: begun.append("begun"),
        )

    made = ensure(was_begun=False)
    try:
        assert ensure(was_begun=True) == made
        assert find_project(client, "uuid-of-a-study", "owner-round-1") == made
        assert find_project(client, "uuid-of-a-study", "owner-round-2") is None
        assert begun == ["begun"]
    finally:
        client.delete(f"/api/projects/{made}")


def test_a_project_that_is_made_twice_loses_its_empty_twin(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that sends the request twice: people see one project; one with tasks is kept."""
    fields = {"title": "Twins", "label_config": "<View/>"}
    post = client.post

    def post_twice(path: str, **options: Any) -> Any:
        answer = post(path, **options)
        post(path, **options)
        return answer

    def ensure() -> int:
        return ensure_project(
            client, "uuid-of-twins", "owner-round-1", fields, was_begun=False, on_begin=lambda: None
        )

    def there() -> list[int]:
        found = client.get("/api/projects", params={"page_size": 1000})["results"]
        return [one["id"] for one in found if one["description"].startswith("ls_integration uuid-")]

    with monkeypatch.context() as patch:
        patch.setattr(client, "post", post_twice)
        made = ensure()
    try:
        assert there() == [made]
        mark = description("uuid-of-twins", "owner-round-1")
        filled = post("/api/projects", json={**fields, "description": mark})["id"]
        post(f"/api/projects/{filled}/import", json=[{"data": {"text": "x"}}])
        assert ensure() == filled
        assert there() == [filled]
    finally:
        for project_id in there():
            client.delete(f"/api/projects/{project_id}")


def test_a_page_past_the_end_is_never_asked_for(
    client: Client, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing whose size is a multiple of the page's is complete."""
    client.post(f"/api/projects/{project_id}/import", json=TASKS[:6])
    monkeypatch.setattr("ls_integration.server.pull.PAGE_SIZE", 3)
    assert len(list_tasks(client, project_id)) == 6


def test_no_task_is_missed_while_others_come_and_go(
    client: Client, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each page one that was on it is deleted and one is added; the others are all there."""
    path = f"/api/projects/{project_id}/import"
    client.post(path, json=MANY[:12])
    ids = [task["id"] for task in list_tasks(client, project_id)]
    monkeypatch.setattr("ls_integration.server.pull.PAGE_SIZE", 4)
    n_read, deleted = [], []

    def meddle(_: str, done: int, __: int) -> None:
        n_read.append(done)
        if len(n_read) <= 3:
            deleted.append(ids[4 * len(n_read) - 3])
            client.delete(f"/api/tasks/{deleted[-1]}")
            client.post(path, json=[MANY[11 + len(n_read)]])

    listed = list_tasks(client, project_id, report=meddle)
    assert [task["id"] for task in listed][:12] == ids
    assert [task["data"]["item_id"] for task in listed[12:]] == [
        task["data"]["item_id"] for task in MANY[12:15]
    ]
    assert n_read == [4, 8, 12, 15]
    assert len(list_tasks(client, project_id)) == 12


def test_a_project_that_is_gone_is_a_server_error(client: Client) -> None:
    """A listing of nothing does not pass for an empty project."""
    with pytest.raises(ServerError):
        list_tasks(client, 999_999)
