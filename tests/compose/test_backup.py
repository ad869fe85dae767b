"""`make backup`, destroy everything, `make restore`: the same server."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import requests

from ls_integration import study as studies
from ls_integration.server.pull import pull_answers
from tests.compose.stack import Stack, run
from tests.live.killing import import_words, write_session


def _state(stack: Stack, project_id: int, uploaded: str) -> dict[str, object]:
    """Give all that must be the same afterwards."""
    token = {"Authorization": f"Token {stack.token.get_secret_value()}"}
    with stack.client() as client:
        tasks = pull_answers(client, project_id, with_predictions=True)
        people = [[user["id"], user["email"]] for user in client.get("/api/users/")]
    picture = requests.get(stack.url + uploaded, headers=token, timeout=60)
    assert picture.status_code == 200
    served = requests.get(stack.url + tasks[0]["data"]["image"], headers=token, timeout=60)
    assert served.status_code == 200
    return {
        "tasks": json.dumps(tasks, sort_keys=True, default=str),
        "people": people,
        "upload": hashlib.sha256(picture.content).hexdigest(),
        "picture": hashlib.sha256(served.content).hexdigest(),
    }


@pytest.fixture(scope="module")
def uploaded(stack: Stack) -> str:
    """Upload a picture, which lies in Label Studio's own volume."""
    token = {"Authorization": f"Token {stack.token.get_secret_value()}"}
    with stack.client() as client:
        project = client.post("/api/projects", json={"title": "Uploads"})["id"]
    with (stack.folder / "docs/images/blind.png").open("rb") as picture:
        sent = requests.post(
            f"{stack.url}/api/projects/{project}/import?commit_to_project=false",
            files={"f": ("blind.png", picture)},
            headers=token,
            timeout=60,
        )
    (number,) = sent.json()["file_upload_ids"]
    with stack.client() as client:
        return f"/data/{client.get(f'/api/import/file-upload/{number}')['file']}"


def test_a_server_comes_back_from_its_backup(
    stack: Stack, repository: Path, tmp_path: Path, uploaded: str
) -> None:
    """Answers, people, pictures, uploads; a logged-in browser and the token stay good."""
    stack.ours(*import_words(repository, "Kept"))
    study = stack.folder / "studies" / "kept"
    session = write_session(study, tmp_path / "Ana.npz", 1)
    stack.ours("replay", "kept", str(session))
    project = next(p for p in studies.load(study).projects if p.annotator == "Ana")
    assert project.project_id is not None
    before = _state(stack, project.project_id, uploaded)
    browser = requests.Session()
    page = f"{stack.url}/user/login/"
    browser.get(page, timeout=60)
    form = {
        "email": "owner@server.invalid",
        "password": stack.secret("owner_password"),
        "csrfmiddlewaretoken": browser.cookies["csrftoken"],
    }
    browser.post(page, data=form, headers={"Referer": page}, timeout=60)
    assert browser.get(f"{stack.url}/api/current-user/whoami", timeout=60).ok

    said = run(stack.folder, ["make", "backup", "TO=backups/one"])
    assert "annotations 60" in said
    stack.compose("down", "--volumes", "--timeout", "20")
    shutil.rmtree(stack.media)
    shutil.rmtree(stack.folder / ".secrets")
    (stack.folder / ".env").unlink()

    said = run(stack.folder, ["make", "restore", "FROM=backups/one"])
    assert "restored: backups/one" in said
    assert _state(stack, project.project_id, uploaded) == before
    assert browser.get(f"{stack.url}/api/current-user/whoami", timeout=60).ok
    stack.ours(*import_words(repository, "Kept"))  # nothing is missing: nothing is sent
    stack.ours(*import_words(repository, "After"))  # and new ids are free
    lines = stack.ours("check", "kept").splitlines()
    assert not [line for line in lines if line.startswith("!!")], lines


def test_a_backup_does_not_go_over_a_server_by_mistake(stack: Stack) -> None:
    """Only with REPLACE=yes; a damaged one never."""
    said = run(stack.folder, ["make", "restore", "FROM=backups/one"], check=False)
    assert "the database is not empty; REPLACE=yes" in said
    stack.up()
    dump = stack.folder / "backups/one/database.dump"
    content = dump.read_bytes()
    dump.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    said = run(stack.folder, ["make", "restore", "FROM=backups/one", "REPLACE=yes"], check=False)
    assert "is damaged" in said
    dump.write_bytes(content)
    said = run(stack.folder, ["make", "restore", "FROM=backups/one", "REPLACE=yes"])
    assert "restored" in said
