"""The ML backend under attack, as gunicorn serves it: a clean refusal, and no effect."""

import base64
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import requests
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Response

from ls_integration.errors import ModelError, ServerError, TaskError
from ls_integration.models.saved import load_model
from ls_integration.resources import label_config_xml
from ls_integration.sample import make_sample
from ls_integration.server.backends import probe_backend
from ls_integration.server.embedded import free_port
from ls_integration.server.fetching import fetcher, path_on
from ls_integration.serving.guard import MAX_BODY_BYTES, WEBHOOK_HEADER, webhook_word
from ls_integration.serving.task_pictures import media_file
from tests.model_files import members_of, nodes, packed, small_model, with_schema

PASSWORD = SecretStr("correct horse battery")
LOGIN = ("label-studio", PASSWORD.get_secret_value())
TOKEN = "5ecre7" * 6
PAGE, CUTOUTS = label_config_xml("sted_quality"), label_config_xml("cutouts")
DEADLINE_S = 120.0


@dataclass
class Served:
    """A backend that runs, and what is around it."""

    url: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    label_studio: HTTPServer

    def predict(self, image: Any, **more: Any) -> requests.Response:
        """Ask for one task."""
        task = {"id": 1, "data": {"image": image, "item_id": "a"}}
        body = {"tasks": [task], "project": "1.1", "label_config": PAGE, **more}
        return requests.post(f"{self.url}/predict", json=body, auth=LOGIN, timeout=60)

    def log(self) -> str:
        """Read what it has said."""
        return (self.folder / "backend.log").read_text()


@pytest.fixture(scope="module")
def label_studio() -> Iterator[HTTPServer]:
    """Listen where Label Studio would, and note every request."""
    with HTTPServer("127.0.0.1") as server:
        yield server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, label_studio: HTTPServer) -> Iterator[Served]:
    """Start `ls-integration backend --model` with a password, a media folder and a server."""
    from ls_integration.models.saved import save_model

    folder = tmp_path_factory.mktemp("attacked")
    save_model(folder / "model.skops", small_model())
    counts = make_sample(2, 3)[0].counts
    for name in ("media/p", "outside", "media-too"):
        (folder / name).mkdir(parents=True)
        np.savez(folder / name / "counts.npz", image=counts)
    (folder / "media" / "link.npz").symlink_to(folder / "outside" / "counts.npz")
    (folder / "media" / "way").symlink_to(folder / "outside")
    os.mkfifo(folder / "media" / "pipe.npz")
    port = free_port()
    words = ["backend", "--model", "model.skops", "--port", str(port), "--media", "media"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LABEL_")},
        "LS_INTEGRATION_BACKEND_PASSWORD": PASSWORD.get_secret_value(),
        "LABEL_STUDIO_URL": label_studio.url_for("").rstrip("/"),
        "LABEL_STUDIO_API_KEY": TOKEN,
    }
    with (folder / "backend.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ls_integration", *words],
            cwd=folder,
            stdout=log,
            stderr=log,
            env=environment,
        )
    found = Served(f"http://127.0.0.1:{port}", port, folder, process, label_studio)
    try:
        _wait_for(found)
        yield found
    finally:
        process.terminate()
        code = process.wait(timeout=DEADLINE_S)
    assert (code, "Traceback" in found.log()) == (0, False), found.log()
    assert TOKEN not in found.log()
    assert PASSWORD.get_secret_value() not in found.log()


def _wait_for(served: Served) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end and served.process.poll() is None:
        try:
            if requests.get(f"{served.url}/health", timeout=5).ok:
                return
        except requests.RequestException:  # it listens before the model is loaded
            time.sleep(0.2)
    pytest.fail(served.log())


def test_a_file_of_the_media_folder_is_scored(served: Served) -> None:
    """Else all that follows would show nothing."""
    (found,) = served.predict("/data/local-files/?d=p/counts.npz").json()["results"]
    assert 0 <= found["score"] <= 1


@pytest.mark.parametrize(
    "inside",
    [
        "../outside/counts.npz",
        "p/../../outside/counts.npz",
        "..%2Foutside%2Fcounts.npz",
        "%2e%2e/outside/counts.npz",
        "%252e%252e/outside/counts.npz",
        "../media-too/counts.npz",
        "..\\outside\\counts.npz",
        "．．/outside/counts.npz",
        "link.npz",
        "way/counts.npz",
        "pipe.npz",
        "p",
        "p/counts.npz%00.png",
        "p/counts.npz\0",
        "./" * 3000 + "p/counts.npz",
        "ABSOLUTE",
        "file:///ABSOLUTE",
        "",
    ],
)
def test_no_path_leads_out_of_the_media_folder(served: Served, inside: str) -> None:
    """No prediction; also Label Studio is not asked for such a path."""
    absolute = str(served.folder / "outside" / "counts.npz")
    asked = len(served.label_studio.log)
    answer = served.predict(f"/data/local-files/?d={inside.replace('ABSOLUTE', absolute)}")
    assert (answer.status_code, answer.json()["results"]) == (200, [[]])
    paths = [request.full_path for request, _ in served.label_studio.log[asked:]]
    # What is not in the folder may be on the server, which looks after itself.
    assert all("outside" not in path or ".." not in path for path in paths)


def test_paths_are_refused_for_what_they_are(tmp_path: Path) -> None:
    """Not merely not found: an existing file outside, under each spelling."""
    media = tmp_path / "media"
    media.mkdir()
    secret = tmp_path / "secret.npz"
    secret.write_bytes(b"x")
    (media / "link.npz").symlink_to(secret)
    for inside in ("../secret.npz", str(secret), "link.npz", "x\\..\\secret.npz", "a\0b.npz"):
        with pytest.raises(TaskError, match="is not a path inside the media folder"):
            media_file(f"/data/local-files/?d={quote(inside)}", media)


@pytest.mark.parametrize(
    "image",
    [
        "http://HOST:1/data/upload/1/x.npz",
        "https://HOST:PORT/data/upload/1/x.npz",
        "http://evil.example/data/upload/1/x.npz",
        "http://HOST:PORT@evil.example/data/upload/1/x.npz",
        "http://user:word@HOST:PORT/data/upload/1/x.npz",
        "//evil.example/data/upload/1/x.npz",
        "http://[::1/data/x.npz",
        "file:///etc/passwd.npz",
        "ftp://HOST/data/x.npz",
        "/api/users/x.npz",
        "/data/../api/token/x.npz",
        "/data/%2e%2e/api/token/x.npz",
        "/data//evil.example/x.npz",
        "/data\\..\\x.npz",
        "s3://bucket/x.npz",
        "data:application/x;base64,AAAA.npz",
    ],
)
def test_nothing_is_fetched_from_anywhere_else(served: Served, image: str) -> None:
    """Not from another host or port, not from other parts of Label Studio."""
    asked = len(served.label_studio.log)
    image = image.replace("HOST", "127.0.0.1").replace("PORT", str(served.label_studio.port))
    answer = served.predict(image)
    assert (answer.status_code, answer.json()["results"]) == (200, [[]])
    assert served.label_studio.log[asked:] == []


def test_what_label_studio_has_is_fetched_with_the_token(served: Served) -> None:
    """Relative or by its full address; nothing is left lying about."""
    content = (served.folder / "media/p/counts.npz").read_bytes()
    server = served.label_studio
    server.expect_request(
        "/data/upload/1/x.npz", headers={"Authorization": f"Token {TOKEN}"}
    ).respond_with_data(content)
    (own,) = served.predict("/data/local-files/?d=p/counts.npz").json()["results"]
    for image in ("/data/upload/1/x.npz", server.url_for("/data/upload/1/x.npz")):
        (found,) = served.predict(image).json()["results"]
        assert found == own


def test_a_redirect_is_not_followed(served: Served) -> None:
    """Wherever it leads; the token goes nowhere."""
    server = served.label_studio
    target = server.url_for("/elsewhere.npz")
    server.expect_request("/data/upload/1/moved.npz").respond_with_response(
        Response(status=302, headers={"Location": target})
    )
    answer = served.predict("/data/upload/1/moved.npz")
    assert (answer.status_code, answer.json()["results"]) == (200, [[]])
    assert [request.path for request, _ in server.log[-1:]] == ["/data/upload/1/moved.npz"]


def test_a_huge_file_is_given_up(label_studio: HTTPServer) -> None:
    """After so many bytes as are allowed, not at its end."""

    def endless() -> Iterator[bytes]:
        for _ in range(10_000):
            yield bytes(65536)

    label_studio.expect_request("/data/upload/1/huge.npz").respond_with_handler(
        lambda _: Response(endless(), direct_passthrough=True)
    )
    fetch = fetcher(label_studio.url_for("").rstrip("/"), SecretStr(TOKEN))
    with pytest.raises(ServerError, match="more than 1,000,000 bytes"):
        fetch("/data/upload/1/huge.npz", 1_000_000)


def test_the_address_may_have_a_path_of_its_own() -> None:
    """A Label Studio behind a proxy, below a prefix."""
    from urllib.parse import urlsplit

    base = urlsplit("https://labels.example/ls")
    for image in ("https://labels.example/ls/data/upload/1/x.npz", "/data/upload/1/x.npz"):
        assert path_on(base, image) == "/data/upload/1/x.npz"


@pytest.mark.parametrize("path", ["/predict", "/setup", "/webhook", "/train", "/nothing"])
def test_a_body_of_200_mb_is_refused_unread(served: Served, path: str) -> None:
    """413 from the header alone: the answer comes before a byte of the body is sent."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.putrequest("POST", path)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(200_000_000))
    word = base64.b64encode(":".join(LOGIN).encode()).decode()
    connection.putheader("Authorization", f"Basic {word}")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert f"more than {MAX_BODY_BYTES:,} bytes" in json.loads(answer.read())["detail"]
    connection.close()


def test_a_body_of_unknown_length_is_refused(served: Served) -> None:
    """It could have any."""
    chunks = (b"x" * 1024 for _ in range(10))
    answer = requests.post(f"{served.url}/predict", data=chunks, auth=LOGIN, timeout=30)
    assert answer.status_code == 411


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", b"{"),
        ("/predict", b"\xff\xfe"),
        ("/predict", b"[" * 100_000),
        ("/predict", b'{"tasks": [{"data": []}], "label_config": 3}'),
        ("/predict", json.dumps({"tasks": [], "label_config": "<View><Choices/></View>"}).encode()),
        (
            "/predict",
            json.dumps({"tasks": [], "label_config": label_config_xml("cutouts")}).encode(),
        ),
        ("/setup", json.dumps({"schema": "<!DOCTYPE x [<!ENTITY a 'b'>]><View>&a;"}).encode()),
        ("/setup", b"null"),
        ("/webhook", b"[1]"),
        ("/train", b""),
    ],
)
def test_a_malformed_request_is_refused_in_one_line(served: Served, path: str, body: bytes) -> None:
    """400 with the reason, never a page or a traceback."""
    headers = {"Content-Type": "application/json"}
    answer = requests.post(
        f"{served.url}{path}", data=body, headers=headers, auth=LOGIN, timeout=30
    )
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"detail"}
    assert "\n" not in answer.json()["detail"]


@pytest.mark.parametrize(
    "task",
    [
        {},
        {"data": None},
        {"data": {"image": None}},
        {"data": {"image": ["a"]}},
        {"data": {"image": {"d": 1}}},
        {"data": {"image": "x" * 100_000}},
        {"data": {"image": "/data/local-files/?d=p/counts.npz"}, "predictions": [3]},
    ],
)
def test_an_odd_task_does_not_spoil_the_others(served: Served, task: dict[str, Any]) -> None:
    """One entry a task, in their order."""
    good = {"data": {"image": "/data/local-files/?d=p/counts.npz"}}
    answer = served.predict("", tasks=[task, good])
    assert answer.status_code == 200, answer.text
    odd, fine = answer.json()["results"]
    assert isinstance(odd, list) or odd == fine
    assert fine["result"]


@pytest.mark.parametrize(
    "login",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"label-studio:").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"admin:correct horse battery").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"label-studio:correct horse").decode()},
        {"Authorization": "Token correct horse battery"},
        {WEBHOOK_HEADER: webhook_word(PASSWORD)},
    ],
)
def test_without_the_password_nothing_is_told(served: Served, login: dict[str, str]) -> None:
    """401 everywhere, before the body is looked at; `/health` says that it is up."""
    for path in ("/predict", "/setup", "/train", "/versions", "/nothing"):
        answer = requests.post(f"{served.url}{path}", data=b"{", headers=login, timeout=30)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert requests.get(f"{served.url}/is_training", headers=login, timeout=30).status_code == 401
    assert requests.get(f"{served.url}/metrics", headers=login, timeout=30).status_code == 401
    health = requests.get(f"{served.url}/health", headers=login, timeout=30)
    assert (health.status_code, health.json()) == (200, {"status": "UP"})


def test_events_come_in_with_their_own_word(served: Served) -> None:
    """A webhook has no basic auth; its word opens nothing else (above), a wrong one nothing."""
    body = {"action": "ANNOTATION_CREATED"}
    words = {webhook_word(PASSWORD): 201, "": 401, "0" * 64: 401}
    for word, status in words.items():
        headers = {WEBHOOK_HEADER: word}
        answer = requests.post(f"{served.url}/webhook", json=body, headers=headers, timeout=30)
        assert answer.status_code == status


def test_the_password_opens(served: Served) -> None:
    """And who has it is told which model answers."""
    health = requests.get(f"{served.url}/health", auth=LOGIN, timeout=30).json()
    assert health == {"status": "UP", "model_version": "sted-rating-0123abcd"}
    signs = probe_backend(served.url, LOGIN[0], PASSWORD)
    assert (signs.is_up, signs.version, signs.problem) == (True, "sted-rating-0123abcd", None)
    assert probe_backend(served.url, LOGIN[0], None).version is None


def _poisoned(good: bytes) -> dict[str, bytes]:
    def ask(module: str, name: str) -> Any:
        def change(schema: dict[str, Any]) -> None:
            node = nodes(schema)[0]
            node["__module__"], node["__class__"] = module, name

        return change

    return {
        "os.system": with_schema(good, ask("os", "system")),
        "another estimator": with_schema(good, ask("sklearn.dummy", "DummyRegressor")),
        "a pickle": b"\x80\x04cos\nsystem\n(S'touch poisoned'\ntR.",
        "cut short": good[: len(good) // 2],
        "no card": packed({n: part for n, part in members_of(good).items() if n != "card.json"}),
    }


@pytest.mark.parametrize(
    "how", ["os.system", "another estimator", "a pickle", "cut short", "no card"]
)
def test_a_poisoned_model_has_no_effect(served: Served, how: str, tmp_path: Path) -> None:
    """The old one goes on answering; nothing of the file has run; a start with it is refused."""
    path = served.folder / "model.skops"
    good = path.read_bytes()
    bad = _poisoned(good)[how]
    (tmp_path / "bad.skops").write_bytes(bad)
    with pytest.raises(ModelError):
        load_model(tmp_path / "bad.skops")
    path.write_bytes(bad)
    try:
        found = served.predict("/data/local-files/?d=p/counts.npz")
        assert found.json()["results"][0]["result"]
        health = requests.get(f"{served.url}/health", auth=LOGIN, timeout=30).json()
        assert health["model_version"] == "sted-rating-0123abcd"
        assert "model.skops" in health["problem"]
        assert not (served.folder / "poisoned").exists()
    finally:
        path.write_bytes(good)
    assert "problem" not in requests.get(f"{served.url}/health", auth=LOGIN, timeout=30).json()


def _start(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ls_integration", "backend", *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=DEADLINE_S,
        env={**os.environ, **environment},
    )


def test_a_poisoned_model_does_not_start(served: Served, tmp_path: Path) -> None:
    """One line, exit code 1; nothing listens."""
    good = (served.folder / "model.skops").read_bytes()
    (tmp_path / "bad.skops").write_bytes(_poisoned(good)["os.system"])
    answer = _start(tmp_path, "--model", "bad.skops", "--port", str(free_port()))
    assert answer.returncode == 1
    (line,) = answer.stderr.strip().splitlines()[-1:]
    assert "asks for os.system" in line
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "poisoned").exists()


def test_another_address_than_loopback_needs_a_password(tmp_path: Path) -> None:
    """Refused before anything is loaded; a short one, or one that others can read, too."""
    (tmp_path / "word").write_text("long enough a word")
    (tmp_path / "word").chmod(0o644)
    words = ("--model", "none.skops", "--host", "0.0.0.0")
    none = _start(tmp_path, *words)
    short = _start(tmp_path, *words, LS_INTEGRATION_BACKEND_PASSWORD="short")
    readable = _start(tmp_path, *words, "--password-file", "word")
    assert [one.returncode for one in (none, short, readable)] == [1, 1, 1]
    assert "others can reach 0.0.0.0: set a password" in none.stderr
    assert "must have 12 or more" in short.stderr
    assert "others can open the password file word; close it: chmod 600" in readable.stderr
    with socket.socket() as trial:
        assert trial.connect_ex(("127.0.0.1", 9090)) != 0
    assert shutil.which("chmod")
