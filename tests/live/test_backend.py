"""The ML backend beside a real Label Studio, seen in a real browser."""

import base64
import io
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
import requests
from PIL import Image
from playwright.sync_api import Page, expect

from ls_integration import study
from ls_integration.kinds.sted_quality import make_items
from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer, free_port
from tests.commands import run_command

SCORES = "item_id,model_score\naaaa,0.9\ncccc,0.1\n"
CHOICES = ("normal", "anomaly")
ITEMS = ("aaaa", "bbbb", "cccc")
DEADLINE_S = 60.0


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "ls_integration", *words]


@pytest.fixture
def backend_url(tmp_path: Path) -> Iterator[str]:
    """Run `ls-integration backend` on two scores until the test is over."""
    (tmp_path / "scores.csv").write_text(SCORES)
    port = free_port()
    words = ("--model-version", "svm-1", "--model-threshold", "0.5", "--port", str(port))
    log = (tmp_path / "backend.log").open("w+")
    process = subprocess.Popen(
        _command("backend", "--scores", "scores.csv", *words), cwd=tmp_path, stdout=log, stderr=log
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        code = process.wait(timeout=DEADLINE_S)
        log.seek(0)
        said = log.read()
        log.close()
    assert (code, "Traceback" in said) == (0, False), said


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the backend did not come up")


def _picture(shade: int) -> str:
    """Write a picture as a data URI, which needs no storage."""
    memory = io.BytesIO()
    Image.new("L", (64, 64), shade).save(memory, "PNG")
    return f"data:image/png;base64,{base64.b64encode(memory.getvalue()).decode()}"


@pytest.fixture
def project_id(client: Client, live_server: EmbeddedServer, tmp_path: Path) -> Iterator[int]:
    """Make an assisted study of three items, the second of which the model never saw."""
    fields = {
        "title": "Backend trial",
        "label_config": label_config_xml("sted_quality"),
        "sampling": "Sequential sampling",
    }
    made = int(client.post("/api/projects", json=fields)["id"])
    tasks = [
        {
            "data": {
                "item_id": item,
                "image": _picture(80 * position),
                "progress": f"Image {position} of 3",
                "structure": "actin",
                "criterion": "normal: a quality of 0.70 or more",
                "keys": "agree: Enter",
            }
        }
        for position, item in enumerate(ITEMS, start=1)
    ]
    client.post(f"/api/projects/{made}/import", json=tasks)
    plan = study.Study(
        kind="sted-quality",
        title="Backend trial",
        blind=False,
        server_url=live_server.url,
        options={"normal_at_least": 0.7, "model_version": "model"},
        projects=[study.Project(key="o", title="Backend trial", project_id=made, annotator="O")],
    )
    rows = pd.DataFrame(
        {
            "item_id": ITEMS,
            "source_path": ITEMS,
            "rating": 0.8,
            "structure": "actin",
            "group": None,
            "model_score": float("nan"),
            "model_label": None,
        }
    )
    items = make_items(rows, make_id=str, normal_at_least=0.7)
    study.save(tmp_path / "studies" / "trial", plan)
    study.write_items(
        tmp_path / "studies" / "trial", items.assign(image="p/x.webp", peak_count=9.0)
    )
    yield made
    client.delete(f"/api/projects/{made}")


def _connect(server: EmbeddedServer, url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = ("connect-backend", "trial", "--backend-url", url)
    token = {"LABEL_STUDIO_API_KEY": server.token.get_secret_value()}
    return run_command(folder, *words, environment=token)


def test_the_page_starts_from_the_backends_predictions(
    client: Client,
    live_server: EmbeddedServer,
    project_id: int,
    backend_url: str,
    tmp_path: Path,
    page: Page,
    login: Callable[[Page, EmbeddedServer, str, str], None],
) -> None:
    """Connected by command, prefilled on opening, confirmed by Enter; nothing stored twice."""
    for done in ("now starts", "already starts"):
        answer = _connect(live_server, backend_url, tmp_path)
        assert answer.returncode == 0, answer.stderr
        assert answer.stdout == f"Backend trial: {done} from 'svm-1'\n"
    assert len(client.get("/api/ml", params={"project": project_id})) == 1

    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    normal, anomaly = (page.locator(f'input[type="radio"][name="{name}"]') for name in CHOICES)
    for _ in range(2):  # a reload opens the task again
        page.goto(f"{live_server.url}/projects/{project_id}/data?labeling=1")
        expect(page.get_by_text("Image 1 of 3")).to_be_visible(timeout=30_000)
        expect(anomaly).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Image 2 of 3")).to_be_visible()
    expect(normal).to_be_visible()
    expect(normal).not_to_be_checked()
    expect(anomaly).not_to_be_checked()
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Image 3 of 3")).to_be_visible()
    expect(normal).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.get_by_text("No More Tasks Left in Queue")).to_be_visible()

    found = client.get("/api/tasks", params={"project": project_id, "fields": "all"})["tasks"]
    tasks = {task["data"]["item_id"]: task for task in found}
    predictions = {item: tasks[item]["predictions"] for item in ITEMS}
    assert [len(predictions[item]) for item in ITEMS] == [1, 0, 1]
    for item, score in (("aaaa", 0.9), ("cccc", 0.1)):
        (prediction,) = predictions[item]
        assert (prediction["model_version"], prediction["score"]) == ("svm-1", score)
        (annotation,) = tasks[item]["annotations"]
        assert annotation["parent_prediction"] == prediction["id"]
        assert annotation["result"][0]["value"] == prediction["result"][0]["value"]


def test_a_backend_that_is_not_there_is_one_line(
    client: Client, live_server: EmbeddedServer, project_id: int, tmp_path: Path
) -> None:
    """And leaves no half-connected backend behind."""
    answer = _connect(live_server, f"http://127.0.0.1:{free_port()}", tmp_path)
    assert answer.returncode == 1
    assert "Label Studio cannot reach an ML backend at http://127.0.0.1:" in answer.stderr
    assert "<a" not in answer.stderr
    assert client.get("/api/ml", params={"project": project_id}) == []


def test_other_private_networks_stay_closed(
    client: Client, live_server: EmbeddedServer, project_id: int, tmp_path: Path
) -> None:
    """The server calls loopback for the backend's sake, and nothing else inside."""
    answer = _connect(live_server, "http://10.11.12.13:9090", tmp_path)
    assert answer.returncode == 1
    assert "may not call http://10.11.12.13:9090" in answer.stderr
    assert client.get("/api/ml", params={"project": project_id}) == []


def test_webhooks_of_annotations_are_answered(backend_url: str) -> None:
    """Label Studio tells the backend of every answer; it says yes and does nothing."""
    body = {"action": "ANNOTATION_CREATED", "project": {"id": 1}, "annotation": {"id": 1}}
    answer = requests.post(f"{backend_url}/webhook", json=body, timeout=10)
    assert (answer.status_code, answer.json()) == (201, {})
