"""What is reachable, and what is kept secret."""

import io
import json
import socket
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from ls_integration.server import people
from tests.compose.images import OURS, build
from tests.compose.stack import PROJECT, Stack, run
from tests.live.test_member import ANSWER, LABEL_CONFIG

TIMEOUT_S = 60
SECRETS = ("secret_key", "database_password", "owner_password", "owner_token")
INSIDE = "ls-integration-label-studio:1.23.2"
CONNECT = """
import socket, sys
for address in sys.argv[1:]:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
        print(address)
    except OSError:
        pass
"""


def _published(stack: Stack) -> set[str]:
    """Give what the containers publish, as Docker and as the machine's sockets have it."""
    found = set()
    for service in ("label-studio", "database"):
        (told,) = json.loads(stack.inspect(service))
        for ports in told["NetworkSettings"]["Ports"].values():
            found |= {f"{port['HostIp']}:{port['HostPort']}" for port in ports or []}
    return found


def test_only_label_studio_is_published_and_on_loopback_only(stack: Stack) -> None:
    """Of all ports of this machine, and on no other of its addresses."""
    port = urlsplit(stack.url).port
    assert port is not None
    assert _published(stack) == {f"127.0.0.1:{port}"}
    for address in {told[4][0] for told in socket.getaddrinfo(socket.gethostname(), None)}:
        with closing(socket.socket(socket.AF_INET)) as probe:
            if ":" not in str(address) and not str(address).startswith("127."):
                assert probe.connect_ex((address, port)) != 0
    for other in (5432, 9090, 8443):
        with closing(socket.socket()) as probe:
            assert probe.connect_ex(("127.0.0.1", other)) != 0


@pytest.fixture(scope="module")
def addresses(stack: Stack) -> list[str]:
    """Give every address of every container with each port that something listens on."""
    found = []
    for service, port in (("label-studio", 8080), ("database", 5432)):
        (told,) = json.loads(stack.inspect(service))
        networks = told["NetworkSettings"]["Networks"].values()
        found += [f"{network['IPAddress']}:{port}" for network in networks]
    return found


@pytest.fixture(scope="module")
def elsewhere(stack: Stack) -> Iterator[str]:
    """Make a network of other containers of this machine."""
    name = f"{PROJECT}-elsewhere"
    run(stack.folder, ["docker", "network", "create", name])
    yield name
    run(stack.folder, ["docker", "network", "rm", name])


def test_other_containers_reach_nothing(stack: Stack, elsewhere: str, addresses: list[str]) -> None:
    """From another network of the same engine, by address and by name."""
    names = ["label-studio:8080", "database:5432"]
    start = ["docker", "run", "--rm", "--entrypoint", "python3"]
    ask = [INSIDE, "-c", CONNECT, *addresses, *names]
    assert run(stack.folder, [*start, "--network", elsewhere, *ask]) == ""
    # The control: from its own network the database is there.
    (own,) = [name for name in _networks(stack, "database") if name.endswith("_data")]
    reached = run(stack.folder, [*start, "--network", own, *ask]).split()
    assert "database:5432" in reached


def _networks(stack: Stack, service: str) -> list[str]:
    (told,) = json.loads(stack.inspect(service))
    return list(told["NetworkSettings"]["Networks"])


def test_the_backends_network_leads_to_label_studio_only(
    stack: Stack, addresses: list[str]
) -> None:
    """Whoever takes the ML backend over reaches neither the database nor another network."""
    (review,) = [name for name in _networks(stack, "label-studio") if name.endswith("_review")]
    ask = [INSIDE, "-c", CONNECT, *addresses, "database:5432", "label-studio:8080"]
    start = ["docker", "run", "--rm", "--entrypoint", "python3", "--network", review]
    reached = run(stack.folder, [*start, *ask]).split()
    assert set(reached) == {"172.16.255.2:8080", "label-studio:8080"}


def test_label_studio_calls_no_other_private_address(stack: Stack, addresses: list[str]) -> None:
    """Not the database, not the host, not itself: members could read inside by it."""
    with stack.client() as client:
        project = client.post("/api/projects", json={"title": "Calls", "label_config": "<View/>"})
        body = {"project": project["id"], "title": "inside"}
        for address in (*addresses, "172.16.255.1:22", "127.0.0.1:8080", "database:5432"):
            if address.startswith("172.16.255.2:"):
                continue  # its own address in the backend's network gives nothing new
            answer = requests.post(
                f"{stack.url}/api/ml/",
                json={**body, "url": f"http://{address}"},
                headers={"Authorization": f"Token {stack.token.get_secret_value()}"},
                timeout=TIMEOUT_S,
            )
            assert answer.status_code == 403, (address, answer.text)
            assert "reserved network address" in answer.text
        client.delete(f"/api/projects/{project['id']}")


def test_sign_up_needs_the_link(stack: Stack) -> None:
    """And foreign names of the server are refused."""
    browser = requests.Session()
    page = f"{stack.url}/user/signup/"
    browser.get(page, timeout=TIMEOUT_S)
    form = {"email": "m@people.invalid", "password": "a long password"}
    form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"]
    tried = browser.post(page, data=form, headers={"Referer": page}, timeout=TIMEOUT_S)
    assert tried.status_code == 403
    foreign = {"Host": "elsewhere.example"}
    answer = requests.get(f"{stack.url}/user/login/", headers=foreign, timeout=TIMEOUT_S)
    assert answer.status_code == 400


def test_secrets_stand_nowhere_but_in_their_files(stack: Stack) -> None:
    """Not in `docker inspect`, logs, processes, the config, nor in what members of the host see."""
    told = "".join(stack.inspect(service) for service in ("label-studio", "database"))
    told += stack.compose("logs", "--no-color")
    told += stack.compose("config")
    told += run(stack.folder, ["ps", "axww", "-o", "args"])
    for name in SECRETS:
        assert stack.secret(name) not in told, name
    assert (stack.folder / ".secrets").stat().st_mode & 0o077 == 0
    assert (stack.folder / ".env").stat().st_mode & 0o077 == 0


def test_each_service_has_its_own_secrets_only(stack: Stack) -> None:
    """The database cannot sign Label Studio's cookies."""
    listed = stack.compose("exec", "-T", "database", "ls", "/run/secrets").split()
    assert listed == ["database_password"]


def test_images_built_in_the_clone_hold_no_secret(stack: Stack) -> None:
    """With .env and .secrets lying there, neither a layer nor the history has them."""
    values = "|".join(stack.secret(name) for name in SECRETS)
    for name, dockerfile in OURS.items():
        tag = f"{PROJECT}/{name.partition(':')[0]}"
        build(tag, stack.folder / dockerfile, stack.folder, [])
        history = run(stack.folder, ["docker", "history", "--no-trunc", tag])
        search = ["--recursive", "--files-with-matches", "--extended-regexp", values]
        found = subprocess.run(
            ["docker", "run", "--rm", "--user", "0", "--network", "none", "--entrypoint", "grep"]
            + [tag, *search, "/app", "/opt", "/root", "/tmp", "/label-studio"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.stdout == ""
        assert not [secret for secret in values.split("|") if secret in history]
        named = [Path(line).name for line in _files(stack, tag)]
        assert not {".env", ".secrets", "owner_token"} & set(named)
        run(stack.folder, ["docker", "rmi", tag])


def _files(stack: Stack, image: str) -> list[str]:
    search = ["/", "-xdev", "-name", ".env", "-o", "-xdev", "-name", "owner_token"]
    start = ["docker", "run", "--rm", "--user", "0", "--network", "none", "--entrypoint", "find"]
    return run(stack.folder, [*start, image, *search]).split()


@pytest.fixture
def known_address(stack: Stack) -> Iterator[None]:
    """Let Label Studio know an address under which it reaches itself.

    Only with one the hole that is closed would show.
    """
    override = stack.folder / "docker-compose.override.yml"
    environment = {"LABEL_STUDIO_HOST": "http://localhost:8080"}
    services = {"services": {"label-studio": {"environment": environment}}}
    override.write_text(json.dumps(services))
    stack.up()
    yield
    override.unlink()
    stack.up()


def test_no_export_fetches_the_owners_token(stack: Stack, known_address: None) -> None:
    """Exports with pictures ask no page of Label Studio's own with the owner's token."""
    with stack.client() as owner:
        person = people.ensure(owner, "Mallory M")
    assert person.token is not None
    member = requests.Session()
    member.headers["Authorization"] = f"Token {person.token.get_secret_value()}"
    made = {"title": "Mallory's", "label_config": LABEL_CONFIG}
    project = member.post(f"{stack.url}/api/projects/", json=made, timeout=TIMEOUT_S).json()["id"]
    page = "/api/current-user/token"
    images = [f"http://localhost:8080{page}", page, f"/storage-data/uploaded/../..{page}"]
    images += [f"/data/upload/../..{page}"]
    tasks = [
        {"data": {"image": image}, "annotations": [{"result": [ANSWER], "ground_truth": False}]}
        for image in images
    ]
    path = f"{stack.url}/api/projects/{project}/import?return_task_ids=1"
    ids = member.post(path, json=tasks, timeout=TIMEOUT_S).json()["task_ids"]
    token = stack.token.get_secret_value().encode()
    for kind in ("COCO_WITH_IMAGES", "YOLO_WITH_IMAGES", "VOC"):
        for chosen in (ids, *([one] for one in ids)):
            answer = member.get(
                f"{stack.url}/api/projects/{project}/export",
                params={"exportType": kind, "download_resources": "true", "ids[]": chosen},
                timeout=TIMEOUT_S,
            )
            assert answer.status_code == 200
            assert token not in answer.content
            if zipfile.is_zipfile(io.BytesIO(answer.content)):
                with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                    assert not [n for n in archive.namelist() if token in archive.read(n)]
