"""A plain member tries to read what is not for members, through every door we know.

Label Studio's community edition has no roles: members see each other's
projects. They must not see the server's secrets, nor a study's truth.
"""

import base64
import http.client
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests

from ls_integration.server import people
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer

TIMEOUT_S = 60
TRUTH = b"rating 0.793 of 309-0.793.npz"
LABEL_CONFIG = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">'
    '<Label value="a"/></RectangleLabels></View>'
)
ANSWER = {
    "id": "a",
    "from_name": "box",
    "to_name": "image",
    "type": "rectanglelabels",
    "original_width": 10,
    "original_height": 10,
    "value": {"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["a"]},
}


@dataclass
class Member:
    """A member's two sessions, a project of theirs, and what they must not see."""

    url: str
    by_token: requests.Session
    by_cookie: requests.Session
    project: int
    pictures: Path
    secrets: dict[str, bytes]

    def gives_nothing_away(self, content: bytes) -> bool:
        for part in (content, *_unpacked(content)):
            found = [name for name, secret in self.secrets.items() if secret in part]
            assert found == [], f"a member reads {found}"
        return True

    def get(self, path: str) -> None:
        """Ask for *path* exactly as written: no client tidies up the dots."""
        for session in (self.by_token, self.by_cookie):
            request = requests.Request("GET", self.url)
            headers = dict(session.prepare_request(request).headers)
            connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT_S)
            connection.request("GET", path, headers=headers)
            self.gives_nothing_away(connection.getresponse().read())
            connection.close()

    def post(self, path: str, body: Any) -> requests.Response:
        answer = self.by_token.post(self.url + path, json=body, timeout=TIMEOUT_S)
        self.gives_nothing_away(answer.content)
        return answer


def _unpacked(content: bytes) -> Iterator[bytes]:
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (archive.read(name) for name in archive.namelist())


@pytest.fixture(scope="module")
def study_folder(live_server: EmbeddedServer) -> Path:
    """Lay a study with its truth beside the data dir, where studies lie by default."""
    folder = live_server.data_dir.parent / "studies" / "secret"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_bytes(b'{"truth": "%s"}' % TRUTH)
    return folder


@pytest.fixture(scope="module")
def member(live_server: EmbeddedServer, study_folder: Path) -> Member:
    """Sign a plain member in, by token and by cookie, with a project of their own."""
    with Client(live_server.url, live_server.token) as owner:
        person = people.ensure(owner, "Mallory M")
    assert person.password is not None
    assert person.token is not None
    by_cookie = requests.Session()
    page = f"{live_server.url}/user/login/"
    by_cookie.get(page, timeout=TIMEOUT_S)
    form = {
        "email": person.email,
        "password": person.password.get_secret_value(),
        "csrfmiddlewaretoken": by_cookie.cookies["csrftoken"],
    }
    answer = by_cookie.post(
        page, data=form, headers={"Referer": page}, allow_redirects=False, timeout=TIMEOUT_S
    )
    assert answer.status_code == 302
    by_token = requests.Session()
    by_token.headers["Authorization"] = f"Token {person.token.get_secret_value()}"
    project = by_token.post(
        f"{live_server.url}/api/projects/",
        json={"title": "Mallory's", "label_config": LABEL_CONFIG},
        timeout=TIMEOUT_S,
    ).json()["id"]
    key = (live_server.data_dir / ".env").read_text().partition("SECRET_KEY=")[2].strip()
    assert key
    return Member(
        url=live_server.url,
        by_token=by_token,
        by_cookie=by_cookie,
        project=project,
        pictures=live_server.media,
        secrets={
            "the database": b"SQLite format 3",
            "the secret key": key.encode(),
            "the owner's token": live_server.token.get_secret_value().encode(),
            "the owner's password": live_server.password.get_secret_value().encode(),
            "the log": b"Static URL is set to",
            "the truth": TRUTH,
        },
    )


def forbidden(server: EmbeddedServer, study: Path) -> list[Path]:
    names = ("label_studio.sqlite3", ".env", "credentials.json", "server.json", "server.log")
    return [*(server.data_dir / name for name in names), study / "study.json"]


def test_a_member_reads_pictures(member: Member) -> None:
    """The control: what is meant to be served is, so the failures below mean something."""
    folder = member.pictures / "mallory"
    folder.mkdir(exist_ok=True)
    (folder / "picture.png").write_bytes(b"a picture")
    storage = {"project": member.project, "path": str(folder), "use_blob_urls": True}
    assert member.post("/api/storages/localfiles/", storage).status_code == 201
    answer = member.by_cookie.get(
        f"{member.url}/data/local-files/?d=mallory/picture.png", timeout=TIMEOUT_S
    )
    assert answer.content == b"a picture"


@pytest.mark.parametrize("kind", ["localfiles", "export/localfiles"])
def test_no_storage_over_secrets(
    member: Member, live_server: EmbeddedServer, study_folder: Path, kind: str
) -> None:
    """A local storage over the data dir, its parents, a study or by way of `..` is refused."""
    data, pictures = live_server.data_dir, live_server.media
    tricks = [
        *(data, data.parent, Path("/"), data / "media", data / "export", study_folder),
        *(pictures, pictures / "..", pictures / "mallory" / ".." / "..", Path("/proc/self")),
    ]
    for path in map(str, tricks):
        for use_blob_urls in (True, False):
            body = {"project": member.project, "path": path, "use_blob_urls": use_blob_urls}
            assert member.post(f"/api/storages/{kind}/validate", body).status_code >= 400, path
            assert member.post(f"/api/storages/{kind}/", body).status_code >= 400, path
            assert member.post(f"/api/storages/{kind}", body).status_code >= 400, path


def test_no_storage_is_moved_over_secrets(member: Member, live_server: EmbeddedServer) -> None:
    """A storage that was accepted cannot be pointed elsewhere afterwards."""
    folder = member.pictures / "moved"
    folder.mkdir(exist_ok=True)
    body = {"project": member.project, "path": str(folder), "use_blob_urls": True}
    made = member.post("/api/storages/localfiles/", body).json()
    for path in (live_server.data_dir, live_server.media, folder / ".." / ".."):
        moved = member.by_token.patch(
            f"{member.url}/api/storages/localfiles/{made['id']}",
            json={**body, "path": str(path)},
            timeout=TIMEOUT_S,
        )
        assert moved.status_code >= 400


def test_no_served_path_leads_to_secrets(
    member: Member, live_server: EmbeddedServer, study_folder: Path
) -> None:
    """Local files, uploads, stored data and static files, with dots plain and encoded."""
    database, key, *_, study = forbidden(live_server, study_folder)
    for path in (database, key, study):
        above = "../" * 12
        for relative in (
            f"../{path.name}",
            f"mallory/../../{path.name}",
            f"{above}{path}".replace("//", "/"),
            str(path),
        ):
            once, twice = quote(relative, safe=""), quote(quote(relative, safe=""), safe="")
            dots = relative.replace(".", "%2e")
            for form in (relative, once, twice, dots):
                member.get(f"/data/local-files/?d={form}")
                member.get(f"/storage-data/uploaded/?filepath=upload/../{form}")
                for root in ("data", "data/upload", "data/upload/1", "static", "react-app", "dm"):
                    member.get(f"/{root}/{form}")


def test_no_page_tells_the_settings(member: Member) -> None:
    """Version, users, organization, admin and queue pages hold no secret."""
    for path in (
        *("/version/", "/api/version", "/admin/", "/django-rq/", "/metrics/", "/feature-flags/"),
        *("/api/users/", "/api/users/1/", "/api/current-user/whoami", "/api/organizations/1"),
        *("/api/organizations/1/memberships", "/api/projects/", "/api/storages/types"),
        *("/docs/api/schema/json/", "/trigger500/", "/no/such/page", "/api/token/"),
    ):
        member.get(path)


def hostile_images(server: EmbeddedServer, study: Path) -> Iterator[str]:
    for path in forbidden(server, study):
        yield from (str(path), f"file://{path}", f"/data/local-files/?d=../{path.name}")
        yield from (f"/data/upload/../../{path.name}", f"/data/upload/1/../../../{path.name}")
    for page in ("/api/current-user/token", "/version/"):
        # The exporter would ask these with the owner's token.
        yield from (server.url + page, f"/storage-data/uploaded/../..{page}")
        yield f"/data/upload/../..{page}"


def test_no_export_fetches_secrets(
    member: Member, live_server: EmbeddedServer, study_folder: Path
) -> None:
    """Exports that collect the tasks' pictures do not collect files or the owner's pages."""
    tasks = [
        {"data": {"image": image}, "annotations": [{"result": [ANSWER], "ground_truth": False}]}
        for image in hostile_images(live_server, study_folder)
    ]
    sent = member.post(f"/api/projects/{member.project}/import?return_task_ids=1", tasks)
    assert sent.status_code == 201
    ids = sent.json()["task_ids"]
    assert len(ids) == len(tasks)
    pages = [
        task_id
        for task_id, task in zip(ids, tasks, strict=True)
        if "token" in task["data"]["image"]
    ]
    # All in one archive, then one by one in case that a picture stops an export.
    for kind, chosen in (
        *((kind, ids) for kind in ("COCO_WITH_IMAGES", "YOLO_WITH_IMAGES", "VOC", "JSON")),
        *(("VOC", [task_id]) for task_id in pages),
    ):
        answer = member.by_token.get(
            f"{member.url}/api/projects/{member.project}/export",
            params={
                "exportType": kind,
                "download_resources": "true",
                "download_all_tasks": "true",
                "ids[]": chosen,
            },
            timeout=TIMEOUT_S,
        )
        assert answer.status_code == 200
        member.gives_nothing_away(answer.content)
    for task_id, task in zip(ids, tasks, strict=True):
        uri = base64.urlsafe_b64encode(task["data"]["image"].encode()).decode()
        for page in (f"tasks/{task_id}/resolve", f"tasks/{task_id}/presign"):
            member.get(f"/{page}/?fileuri={uri}")
        member.get(f"/projects/{member.project}/resolve/?fileuri={uri}")


def test_no_import_by_address_reads_files(
    member: Member, live_server: EmbeddedServer, study_folder: Path
) -> None:
    """The server fetches no file address on a member's behalf."""
    for path in forbidden(live_server, study_folder):
        answer = member.by_token.post(
            f"{member.url}/api/projects/{member.project}/import",
            data={"url": f"file://{path}"},
            timeout=TIMEOUT_S,
        )
        assert answer.status_code >= 400
        member.gives_nothing_away(answer.content)


@pytest.mark.parametrize(
    "column",
    [
        "updated_by__auth_token__key",
        "updated_by__password",
        "annotations__completed_by__auth_token__key",
        "project__created_by__password",
        "project__organization__created_by__auth_token__key",
    ],
)
def test_no_filter_guesses_secrets(member: Member, column: str) -> None:
    """A Data Manager filter over another table's column would tell a token letter by letter."""
    condition = {
        "filter": f"filter:tasks:{column}",
        "operator": "contains",
        "type": "String",
        "value": "a",
    }
    filters = {"conjunction": "and", "items": [condition]}
    answer = member.post(
        "/api/dm/views/", {"project": member.project, "data": {"filters": filters}}
    )
    assert answer.status_code == 400
