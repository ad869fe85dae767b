"""A project that somebody edits meanwhile: one line says so, the rest goes on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from ls_integration import study as studies
from ls_integration.cli import app
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from tests.commands import environment_of

CONTROL = parse(label_config_xml("sted_quality")).choices()
N_IMAGES, N_ANSWERED = 6, 4


class Hand:
    """Somebody with a study of six images, four of them answered, who edits its project."""

    def __init__(self, client: Client, title: str, run: Callable[..., tuple[int, str]]) -> None:
        self.client, self.run, self.name = client, run, studies.slug(title)
        self.title = title

    def begin(self, sample: Path) -> None:
        """Import, answer and export once."""
        self.words = ("import", "sted-quality", str(sample), "--title", self.title, "--blind")
        assert self.send() == (0, "nothing edited")
        self.folder = Path("studies") / self.name
        self.project = studies.load(self.folder).projects[0].project_id or 0
        for task in self.tasks()[:N_ANSWERED]:
            self.answer(task)
        assert self.export() == (0, "nothing edited", N_ANSWERED)

    def send(self) -> tuple[int, str]:
        """Import (again)."""
        return self.said(*self.words, "--limit", str(N_IMAGES))

    def export(self, *more: str) -> tuple[int, str, int]:
        """Export, and count the answers in the file."""
        code, line = self.said("export", self.name, "--output", "out", *more)
        rows = pd.read_parquet("out/annotations.parquet")
        known = set(studies.read_items(self.folder)["item_id"])
        assert set(rows["item_id"]) <= known
        return code, line, len(rows)

    def said(self, *words: str) -> tuple[int, str]:
        """Run a command; give its code and the one line about what was edited."""
        code, text = self.run(*words)
        assert "Traceback" not in text
        signs = ("edited by hand", "label config was changed", "error:", "!!")
        lines = [line for line in text.splitlines() if any(sign in line for sign in signs)]
        assert len(lines) <= 1, text
        return code, lines[0] if lines else "nothing edited"

    def left(self) -> int:
        """Ask `status` how many items are left."""
        code, text = self.run("status", self.name)
        assert code == 0, text
        heads, cells = (line.split() for line in text.splitlines()[-2:])
        # A name has two words.
        return int(cells[heads.index("left") + 1])

    def tasks(self) -> list[dict[str, Any]]:
        """Read the project."""
        return pull_answers(self.client, self.project, with_predictions=False)

    def answer(self, task: dict[str, Any], choice: str = "anomaly") -> None:
        """Answer a task."""
        path = f"/api/projects/{self.project}"
        control = parse(self.client.get(path)["label_config"]).choices()
        body = {"result": choice_result(control, choice), "lead_time": 1.5}
        self.client.post(f"/api/tasks/{task['id']}/annotations/", json=body)

    def add(self, **data: str) -> dict[str, Any]:
        """Add a task."""
        fields = dict.fromkeys(("image", "structure", "criterion", "progress", "keys"), "x")
        body = [{"data": {**fields, **data}}]
        self.client.post(f"/api/projects/{self.project}/import", json=body)
        return self.tasks()[-1]

    def delete(self, task: dict[str, Any]) -> None:
        """Delete a task."""
        self.client.delete(f"/api/tasks/{task['id']}")


@pytest.fixture
def hand(
    live_server: EmbeddedServer,
    client: Client,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Hand]:
    """Begin a study that is called like the test."""
    monkeypatch.chdir(tmp_path)
    environment = environment_of(live_server, LS_INTEGRATION_REQUEST_LIMIT_S="1")

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(words), env=environment)
        error = f"\nerror: {done.exception}" if done.exit_code and done.exception else ""
        if isinstance(done.exception, SystemExit):
            error = ""
        return done.exit_code, done.output + error

    somebody = Hand(client, request.node.name.removeprefix("test_")[:40], run)
    somebody.begin(repository / "data" / "sted_sample")
    yield somebody
    client.delete(f"/api/projects/{somebody.project}")


def test_a_deleted_task_is_missed_and_sent_again(hand: Hand) -> None:
    """Its answer is gone with it, and every command says so until the import has sent it again."""
    gone = [hand.tasks()[1], hand.tasks()[5]]
    for task in gone:
        hand.delete(task)
    code, line, n_answers = hand.export()
    assert (code, n_answers) == (0, N_ANSWERED - 1)
    assert f"items have no task there: {gone[0]['data']['item_id']}" in line
    assert hand.said("status", hand.name) == (0, line)
    assert hand.left() == 3
    code, line = hand.said("check", hand.name)
    assert code == 1
    assert "items are missing" in line
    assert hand.send() == (0, "nothing edited")
    assert hand.export() == (0, "nothing edited", N_ANSWERED - 1)
    assert hand.said("check", hand.name) == (0, "nothing edited")
    assert len(hand.tasks()) == N_IMAGES


@pytest.mark.parametrize("data", [{}, {"item_id": "by-hand"}], ids=["nameless", "named"])
def test_a_task_that_was_added_is_left_out(data: dict[str, str], hand: Hand) -> None:
    """With its answer; the answers of the study come back, by an incremental and a full export."""
    added = hand.add(**data)
    hand.answer(added)
    for more in ((), ("--full",)):
        code, line, n_answers = hand.export(*more)
        assert (code, n_answers) == (0, N_ANSWERED)
        assert f"tasks are not of this study and are left out: {added['id']} (1)" in line
    assert hand.said("status", hand.name) == (0, line)
    assert hand.left() == N_IMAGES - N_ANSWERED
    code, line = hand.said("check", hand.name)
    assert (code, "some are not of this study" in line) == (1, True)
    # What is missing is sent all the same.
    hand.delete(hand.tasks()[5])
    code, line = hand.send()
    assert code == 1
    assert "delete them in Label Studio's Data Manager" in line
    assert len(hand.tasks()) == N_IMAGES + 1
    hand.delete(added)
    assert hand.send() == (0, "nothing edited")
    assert hand.export() == (0, "nothing edited", N_ANSWERED)


def test_a_copied_task_is_named_until_the_import_removes_it(hand: Hand) -> None:
    """Also one that a network doubled after the import had counted."""
    first = hand.tasks()[0]
    hand.add(**first["data"])
    code, line, n_answers = hand.export()
    assert (code, n_answers) == (0, N_ANSWERED)
    assert f"items have several tasks: {first['data']['item_id']}" in line
    assert hand.left() == N_IMAGES - N_ANSWERED
    assert hand.send() == (0, "nothing edited")
    assert hand.export() == (0, "nothing edited", N_ANSWERED)
    assert [task["id"] for task in hand.tasks()][0] == first["id"]


def test_a_renamed_choice_is_said_and_its_answers_are_refused(hand: Hand) -> None:
    """Answers that the study did not ask for stop the export, which names them."""
    path = f"/api/projects/{hand.project}"
    xml = hand.client.get(path)["label_config"]
    hand.client.patch(path, json={"label_config": xml.replace('"normal"', '"fine"')})
    code, line, n_answers = hand.export()
    assert (code, n_answers) == (0, N_ANSWERED)
    assert "the label config was changed in <Choices name='label'>" in line
    code, line = hand.send()
    assert (code, "the label config was changed" in line) == (0, True)
    open_task = hand.tasks()[5]
    hand.answer(open_task, "fine")
    before = Path("out/annotations.csv").read_bytes()
    code, line, _ = hand.export()
    assert code == 1
    assert f"answers other than anomaly or normal: task {open_task['id']}: fine" in line
    assert Path("out/annotations.csv").read_bytes() == before
    assert hand.left() == N_IMAGES - N_ANSWERED - 1
    hand.client.patch(path, json={"label_config": xml})
    (given,) = hand.tasks()[5]["annotations"]
    right = {"result": choice_result(CONTROL, "normal")}
    hand.client.patch(f"/api/annotations/{given['id']}/", json=right)
    assert hand.export() == (0, "nothing edited", N_ANSWERED + 1)


def test_a_removed_control_is_said(hand: Hand) -> None:
    """Every command names it; the answers that were given before it went come back."""
    path = f"/api/projects/{hand.project}"
    xml = hand.client.get(path)["label_config"]
    begin, end = xml.index("<Choices"), xml.index("</Choices>") + len("</Choices>")
    hand.client.patch(path, json={"label_config": xml[:begin] + xml[end:]})
    for more in ((), ("--full",)):
        code, line, n_answers = hand.export(*more)
        assert (code, n_answers) == (0, N_ANSWERED)
        assert "the label config was changed in <Choices name='label'>" in line
    code, line = hand.send()
    assert (code, "the label config was changed" in line) == (0, True)
    code, line = hand.said("check", hand.name)
    assert (code, "the label config was changed" in line) == (1, True)
    assert hand.left() == N_IMAGES - N_ANSWERED
    hand.client.patch(path, json={"label_config": xml})
    assert hand.export() == (0, "nothing edited", N_ANSWERED)
