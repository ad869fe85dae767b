"""The ML backend, on the real label-studio-ml and Flask."""

import json
import runpy
import socket
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from ls_integration import study
from ls_integration.errors import ConfigError, StudyError
from ls_integration.server.client import Client
from ls_integration.serving.application import application
from ls_integration.serving.predictor import StoredScores
from ls_integration.serving.score_table import read_score_table
from ls_integration.workflows.backend import connect, read_scores
from ls_integration.workflows.backend_environment import application_from_environment
from ls_integration.workflows.backend_server import Address, run

ROOT = Path(__file__).resolve().parents[1]

PAGE = """
<View>
  <Image name="picture" value="$image"/>
  <Choices name="verdict" toName="picture">
    <Choice value="normal"/><Choice value="anomaly"/>
  </Choices>
</View>
"""
PASSWORD = "correct horse battery"
TABLE = "item_id,model_score\naaaa,0.9\nbbbb,0.5\ncccc,0.1\n"


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """Write three scores: above, at and below 0.5."""
    path = tmp_path / "scores.csv"
    path.write_text(TABLE)
    return path


@pytest.fixture
def backend(scores: Path, tmp_path: Path) -> FlaskClient:
    """Serve them as `svm-1` at the threshold 0.5."""
    table = read_score_table(scores, model_version="svm-1", threshold=0.5)
    return application(StoredScores(table), tmp_path).test_client()


def _task(item_id: Any) -> dict[str, Any]:
    return {"id": 7, "project": 1, "data": {"item_id": item_id, "image": "/data/x.webp"}}


def _predict(backend: FlaskClient, tasks: Any, page: Any = PAGE) -> Any:
    body = {"tasks": tasks, "project": "1.17", "label_config": page, "params": {"context": None}}
    return backend.post("/predict", json=body)


def test_health_says_that_it_is_up(backend: FlaskClient) -> None:
    """`/health` is what Label Studio asks first."""
    answer = backend.get("/health")
    assert answer.status_code == 200
    assert answer.get_json()["status"] == "UP"


def test_setup_answers_with_the_models_name(backend: FlaskClient) -> None:
    """The version is the table's, not INITIAL: predictions carry it."""
    body = {"project": "1.17", "schema": PAGE, "hostname": "http://x", "access_token": "secret"}
    answer = backend.post("/setup", json=body)
    assert (answer.status_code, answer.get_json()) == (200, {"model_version": "svm-1"})


def test_predictions_come_in_the_pages_names_and_the_tasks_order(backend: FlaskClient) -> None:
    """Control names come from the XML; a score at the threshold is positive."""
    answer = _predict(backend, [_task("cccc"), _task("bbbb"), _task("aaaa")])
    results = answer.get_json()["results"]
    assert [item["score"] for item in results] == [0.1, 0.5, 0.9]
    assert [item["result"][0]["value"]["choices"] for item in results] == [
        ["normal"],
        ["anomaly"],
        ["anomaly"],
    ]
    assert results[0]["result"][0]["from_name"] == "verdict"
    assert results[0]["result"][0]["to_name"] == "picture"


def test_a_prediction_names_no_version(backend: FlaskClient) -> None:
    """Label Studio would store another copy at each opening of the task."""
    (item,) = _predict(backend, [_task("aaaa")]).get_json()["results"]
    assert "model_version" not in item


@pytest.mark.parametrize("strange", ["zzzz", None, 3, ["aaaa"]])
def test_an_unknown_item_gets_no_prediction_in_its_place(
    backend: FlaskClient, strange: object
) -> None:
    """The others keep theirs: one entry a task, an empty one for the stranger."""
    answer = _predict(backend, [_task("aaaa"), _task(strange), _task("cccc")])
    first, second, third = answer.get_json()["results"]
    assert (first["score"], second, third["score"]) == (0.9, [], 0.1)


def test_a_task_opened_before_any_setup_is_served(backend: FlaskClient) -> None:
    """A restarted backend need not wait for Label Studio's next set-up."""
    assert _predict(backend, [_task("aaaa")]).status_code == 200


def test_two_pages_do_not_mix(backend: FlaskClient) -> None:
    """Each request is answered in its own page's names, whoever was set up last."""
    other = PAGE.replace("verdict", "answer")
    backend.post("/setup", json={"project": "2.18", "schema": other})
    (item,) = _predict(backend, [_task("aaaa")]).get_json()["results"]
    assert item["result"][0]["from_name"] == "verdict"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", "no json"),
        ("/predict", "[]"),
        ("/predict", "{}"),
        ("/predict", json.dumps({"tasks": "all", "label_config": PAGE})),
        ("/predict", json.dumps({"tasks": [1], "label_config": PAGE})),
        ("/predict", json.dumps({"tasks": []})),
        ("/predict", json.dumps({"tasks": [], "label_config": "<View>"})),
        ("/setup", "{}"),
        ("/setup", json.dumps({"schema": "<View/>"})),
        ("/versions", "7"),
    ],
)
def test_a_malformed_request_is_refused_in_one_line(
    backend: FlaskClient, path: str, body: str
) -> None:
    """400 with the reason, never a traceback."""
    answer = backend.post(path, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.get_json()) == {"detail"}
    assert "Traceback" not in answer.get_data(as_text=True)


def test_a_page_without_the_models_labels_is_refused_at_setup(backend: FlaskClient) -> None:
    """So that connecting fails with the reason, not each opening of a task."""
    page = PAGE.replace("anomaly", "artifact")
    answer = backend.post("/setup", json={"project": "1.17", "schema": page})
    assert answer.status_code == 400
    assert "anomaly" in answer.get_json()["detail"]


def test_a_failure_shows_no_traceback(
    backend: FlaskClient, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """label-studio-ml would send it to whoever asked."""
    from label_studio_ml.model import LabelStudioMLManager

    monkeypatch.setattr(LabelStudioMLManager, "_current_model", None)
    answer = _predict(backend, [_task("aaaa")])
    assert (answer.status_code, set(answer.get_json())) == (500, {"detail"})
    assert "Traceback" not in answer.get_data(as_text=True)
    assert "Traceback" in capfd.readouterr().out


@pytest.mark.parametrize("path", ["/webhook", "/train"])
def test_events_start_no_process(
    backend: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Label Studio tells of every annotation; stored scores learn nothing from it."""
    from label_studio_ml.model import SimpleJobManager

    def never(*_: object) -> None:
        pytest.fail("a process was started")

    monkeypatch.setattr(SimpleJobManager, "run_job", never)
    answer = backend.post(path, json={"action": "ANNOTATION_CREATED", "project": {"id": 1}})
    assert answer.status_code == 201


def test_the_container_reads_its_table_from_the_environment(
    scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ml_backend/_wsgi.py` serves what LS_INTEGRATION_SCORES names."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.syspath_prepend(str(ROOT / "ml_backend"))
    monkeypatch.setenv("LS_INTEGRATION_SCORES", str(scores))
    monkeypatch.setenv("LS_INTEGRATION_MODEL_VERSION", "svm-2")
    monkeypatch.setenv("LS_INTEGRATION_MODEL_THRESHOLD", "0.95")
    monkeypatch.setenv("LS_INTEGRATION_BACKEND_PASSWORD", PASSWORD)
    client = runpy.run_path(str(ROOT / "ml_backend" / "_wsgi.py"))["app"].test_client()
    body = {"tasks": [_task("aaaa")], "project": "1.17", "label_config": PAGE}
    assert client.post("/predict", json=body).status_code == 401
    answer = client.post("/predict", json=body, auth=("label-studio", PASSWORD))
    (item,) = answer.get_json()["results"]
    assert item["result"][0]["value"]["choices"] == ["normal"]


def test_a_container_without_a_table_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a KeyError in gunicorn's log."""
    monkeypatch.delenv("LS_INTEGRATION_SCORES", raising=False)
    with pytest.raises(ConfigError, match="others can reach 0.0.0.0: set a password"):
        application_from_environment()
    monkeypatch.setenv("LS_INTEGRATION_BACKEND_PASSWORD", PASSWORD)
    with pytest.raises(ConfigError, match="set LS_INTEGRATION_MODEL to a model"):
        application_from_environment()
    monkeypatch.setenv("LS_INTEGRATION_SCORES", "/dev/null")
    monkeypatch.setenv("LS_INTEGRATION_MODEL_THRESHOLD", "half")
    with pytest.raises(ConfigError, match="LS_INTEGRATION_MODEL_THRESHOLD is 'half'"):
        application_from_environment()


def test_an_old_flask_is_refused(
    scores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain pip brings the one that label-studio-ml pins, which has known holes."""
    table = read_score_table(scores, model_version="m", threshold=0.5)
    versions = {"label-studio-ml": "1.0.9", "flask": "1.1.2"}
    monkeypatch.setattr("importlib.metadata.version", versions.__getitem__)
    with pytest.raises(ConfigError, match=r"refuses Flask 1\.1\.2.*docs/install\.md"):
        application(StoredScores(table), tmp_path)


def test_serving_a_taken_port_is_refused_in_one_line(scores: Path) -> None:
    """Before gunicorn tries five times."""
    table = read_score_table(scores, model_version="m", threshold=0.5)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{port}"):
            run(lambda folder: application(StoredScores(table), folder), Address("127.0.0.1", port))


def test_a_blind_study_is_neither_served_nor_connected(scores: Path, tmp_path: Path) -> None:
    """Its reviewers must not see the model's answer by any way."""
    plan = study.Study(kind="sted-quality", title="Blind", blind=True)
    study.save(tmp_path / "blind", plan)
    with pytest.raises(StudyError, match="study 'Blind' is blind"):
        read_scores(scores, study=tmp_path / "blind", model_version="m", threshold=0.5)
    with Client("http://127.0.0.1:9", SecretStr("0" * 40)) as client:
        with pytest.raises(StudyError, match="study 'Blind' is blind"):
            list(connect(client, tmp_path / "blind", "http://127.0.0.1:9090"))
        with pytest.raises(ConfigError, match="'localhost:9090' does not start with http"):
            list(connect(client, tmp_path / "blind", "localhost:9090"))
