"""What `up` and `down` promise, seen on the session's real server."""

import http.client
import json
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests
from playwright.sync_api import Page
from pytest_httpserver import HTTPServer

from ls_integration.errors import AuthError, ConfigError, ServerError
from ls_integration.server import embedded, embedded_files, embedded_process, people
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from tests.commands import run_command
from tests.conftest import OWNER, USERS_OWN
from tests.live.conftest import Login

TIMEOUT_S = 120
PRIVATE_ADDRESSES = ("10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1")


def process_of(server: EmbeddedServer) -> psutil.Process:
    state = embedded_files.read_state(server.data_dir)
    assert state is not None
    return psutil.Process(state.pid)


def in_script(server: EmbeddedServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a script would: its output goes into a pipe."""
    return run_command(server.data_dir.parent, "-q", *arguments, limit_s=TIMEOUT_S)


def sign_up(server: EmbeddedServer, link: str) -> int:
    """Fill in the sign-up page behind *link* as a stranger would; return the status."""
    with requests.Session() as session:
        session.get(f"{server.url}{link}", timeout=TIMEOUT_S)
        form = {
            "email": "stranger@example.org",
            "password": "a-long-password",
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
        }
        answer = session.post(
            f"{server.url}{link}",
            data=form,
            headers={"Referer": server.url},
            allow_redirects=False,
            timeout=TIMEOUT_S,
        )
    return answer.status_code


def test_it_is_ready_with_our_token_and_the_owners_name(
    live_server: EmbeddedServer, client: Client
) -> None:
    """When `start` returns, the token works and result files will carry the owner's name."""
    user = client.whoami()
    assert user["email"] == live_server.username
    assert user["first_name"] == OWNER == live_server.owner_name
    assert not live_server.already_running


def test_credentials_file_logs_in(live_server: EmbeddedServer) -> None:
    """The file holds what the server was started with, and is found from below."""
    below = live_server.data_dir.parent / "some" / "folder"
    below.mkdir(parents=True, exist_ok=True)
    assert embedded.find(below) == live_server.data_dir
    credentials = embedded.read_credentials(live_server.data_dir)
    assert credentials.url == live_server.url
    assert credentials.token == live_server.token
    assert credentials.password == live_server.password


def test_the_owner_logs_in_with_a_browser(
    live_server: EmbeddedServer, page: Page, login: Login
) -> None:
    """E-mail and password of `up` open the projects page; Enter is its submit key."""
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    assert page.url.startswith(live_server.url)
    page.goto(f"{live_server.url}/projects/")
    keymap = page.evaluate("window.APP_SETTINGS.editor_keymap")
    keys = json.loads(keymap) if isinstance(keymap, str) else keymap
    assert keys["annotation:submit"]["key"] == "enter"


def test_nothing_in_the_data_dir_is_open_to_others(live_server: EmbeddedServer) -> None:
    """Database, secret key, log, uploads: no permission bit for group or others.

    Pictures have the usual mode, in a folder that is closed.
    """
    pictures = list(live_server.media.glob("*/*"))
    paths = [live_server.data_dir, *live_server.data_dir.rglob("*")]
    paths = [path for path in paths if path not in pictures]
    names = {path.name for path in paths}
    assert {"label_studio.sqlite3", ".env", "server.log", "credentials.json"} <= names
    opened = [path for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert opened == []


def test_it_is_a_daemon_with_an_environment_of_its_own(live_server: EmbeddedServer) -> None:
    """No terminal, no stream of ours, and none of the user's own settings."""
    process = process_of(live_server)
    environment = process.environ()
    assert not set(USERS_OWN) & set(environment)
    assert process.terminal() is None
    log = live_server.data_dir / embedded_files.LOG
    streams = [Path(f"/proc/{process.pid}/fd/{number}").resolve() for number in (0, 1, 2)]
    assert streams == [Path("/dev/null"), log, log]


def test_no_secret_is_in_the_command_line_or_the_log(live_server: EmbeddedServer) -> None:
    """`ps` and the log show neither password nor token."""
    command = " ".join(process_of(live_server).cmdline())
    log = (live_server.data_dir / embedded_files.LOG).read_text(encoding="utf-8")
    for secret in (live_server.password, live_server.token):
        assert secret.get_secret_value() not in command + log


def test_up_again_says_that_it_runs(live_server: EmbeddedServer) -> None:
    """A second `up` starts nothing; into a pipe it prints no password."""
    pid = process_of(live_server).pid
    result = in_script(live_server, "up")
    assert result.returncode == 0, result.stderr
    assert f"is already running at {live_server.url}" in result.stdout
    assert "credentials.json" in result.stdout
    secrets = (live_server.password.get_secret_value(), live_server.token.get_secret_value())
    assert not any(secret in result.stdout + result.stderr for secret in secrets)
    assert process_of(live_server).pid == pid


def test_other_options_than_the_running_servers_are_refused(
    live_server: EmbeddedServer, tmp_path: Path
) -> None:
    """The message says what runs and that `down` comes first."""
    for options in ({"port": 1}, {"host": "0.0.0.0"}, {"media": tmp_path}):
        with pytest.raises(ConfigError, match=rf"{live_server.url} .*`ls-integration down` first"):
            embedded.start(live_server.data_dir, **options)


def test_its_port_is_refused_to_another_server(live_server: EmbeddedServer, tmp_path: Path) -> None:
    """Another data dir cannot take the port; the message names it."""
    with pytest.raises(ConfigError, match=rf"port {live_server.port} .*--port"):
        embedded.start(tmp_path / "other", port=live_server.port, working_dir=tmp_path)


def test_foreign_hosts_and_origins_are_turned_away(live_server: EmbeddedServer) -> None:
    """A page elsewhere that points its name at 127.0.0.1 gets nothing (DNS rebinding, CORS)."""
    foreign = requests.get(
        f"{live_server.url}/health", headers={"Host": "evil.example"}, timeout=TIMEOUT_S
    )
    assert foreign.status_code == 400
    cross = requests.get(
        f"{live_server.url}/health", headers={"Origin": "http://evil.example"}, timeout=TIMEOUT_S
    )
    assert not [name for name in cross.headers if name.lower().startswith("access-control")]


def test_nobody_signs_up_without_a_link(live_server: EmbeddedServer) -> None:
    """Sign-up without the invite link is forbidden."""
    assert sign_up(live_server, "/user/signup/") == 403
    assert sign_up(live_server, "/user/signup/?token=guessed") == 403


def test_errors_show_no_debug_page(live_server: EmbeddedServer) -> None:
    """DEBUG of the user's environment did not reach Django: no settings on error pages."""
    missing = requests.get(f"{live_server.url}/no/such/page", timeout=TIMEOUT_S)
    assert missing.status_code == 404
    assert "DEBUG = True" not in missing.text


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_the_server_calls_no_private_address(client: Client, address: str) -> None:
    """Webhooks and ML backends in private networks, and the cloud's own, are refused."""
    project = client.post("/api/projects/", json={"title": f"subnets {address}"})["id"]
    body = {"url": f"http://{address}:9/", "project": project}
    for path in ("/api/webhooks/", "/api/ml/"):
        with pytest.raises(AuthError, match="reserved network address"):
            client.post(path, json=body)


def test_the_server_calls_an_ml_backend_on_this_machine(
    client: Client, httpserver: HTTPServer
) -> None:
    """127.0.0.1 is the one exception: there the ML backend listens."""
    httpserver.expect_request("/health").respond_with_json({"status": "UP"})
    httpserver.expect_request("/setup").respond_with_json({"model_version": "v1"})
    httpserver.expect_request("/webhook").respond_with_json({})
    project = client.post("/api/projects/", json={"title": "backend here"})["id"]
    url = f"http://127.0.0.1:{httpserver.port}"
    made = client.post("/api/ml/", json={"url": url, "project": project, "title": "v1"})
    assert made["url"] == url
    assert any(request.path == "/setup" for request, _ in httpserver.log)
    client.delete(f"/api/projects/{project}/")


# People


def test_a_person_is_made_once_and_can_log_in(
    live_server: EmbeddedServer, client: Client, page: Page, login: Login
) -> None:
    """`ensure` gives a working login the first time and the same account ever after."""
    made = people.ensure(client, "Zoë de Vries")
    assert made.email == "zoe-de-vries@people.invalid"
    assert made.password is not None
    assert made.token is not None
    again = people.ensure(client, "Zoë de Vries")
    assert (again.user_id, again.password, again.token) == (made.user_id, None, None)
    by_email = people.ensure(client, "Zoë de Vries", email="Zoe-de-Vries@people.invalid")
    assert by_email.user_id == made.user_id
    listed = [person for person in people.members(client) if person.name == "Zoë de Vries"]
    assert [person.user_id for person in listed] == [made.user_id]
    with Client(live_server.url, made.token) as session:
        assert session.whoami()["first_name"] == "Zoë de Vries"
    login(page, live_server, made.email, made.password.get_secret_value())


def test_two_names_never_share_an_account(client: Client) -> None:
    """Names that differ only in signs would be one login; the message says what to do."""
    people.ensure(client, "Ana B")
    with pytest.raises(ConfigError, match=r"ana-b@people\.invalid belongs to 'Ana B'"):
        people.ensure(client, "ana-b")
    other = people.ensure(client, "ana-b", email="ana.two@example.org")
    assert other.email == "ana.two@example.org"


def test_one_name_never_stands_for_two_accounts(client: Client) -> None:
    """A second account of the same name would be mixed up on result files."""
    people.ensure(client, "Ben C")
    with pytest.raises(ConfigError, match="already the account"):
        people.ensure(client, "Ben C", email="ben.c@example.org")


@pytest.mark.parametrize(
    ("name", "email"), [("", None), ("x" * 101, None), ("a\x07b", None), ("Dan", "no address")]
)
def test_names_and_addresses_that_cannot_be_are_refused(
    client: Client, name: str, email: str | None
) -> None:
    """One line, before anything is sent."""
    with pytest.raises(ConfigError, match="give"):
        people.ensure(client, name, email=email)


def test_the_invite_link_is_spent(live_server: EmbeddedServer, client: Client) -> None:
    """After a sign-up, and after a refused one, the link that was used opens nothing."""
    for name, email, refusal in (
        ("Eva D", "eva@example.org", None),
        ("Finn E", f"{'f' * 250}@example.org", ConfigError),
        ("Finn E", "finn@example..org", ServerError),
    ):
        link = client.get("/api/invite")["invite_url"]
        if refusal is None:
            people.ensure(client, name, email=email)
        else:
            with pytest.raises(refusal):
                people.ensure(client, name, email=email)
        if refusal is not ConfigError:
            assert sign_up(live_server, link) == 403


# Down and up: last in this file, the server is another process afterwards.


def test_down_and_up_keep_the_data(live_server: EmbeddedServer, client: Client) -> None:
    """`down` ends the process; two `up`s at once start one server; the data are there."""
    project = client.post("/api/projects/", json={"title": "survives"})["id"]
    old = process_of(live_server)
    stopped = in_script(live_server, "down")
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout.startswith("stopped")
    assert embedded_process.has_ended(old)
    parts = urlsplit(live_server.url)
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S).connect()
    assert "no server was running" in in_script(live_server, "down").stdout

    # What a crash leaves: a note of a process that is gone.
    embedded_files.write_state(
        live_server.data_dir,
        embedded_files.State(
            old.pid, old.create_time(), live_server.host, live_server.port, str(live_server.media)
        ),
    )
    # No port is named: studies know their server by the one of the last time.
    with ThreadPoolExecutor(2) as pool:
        # A daemon that kept the pipe open would hold these until the time limit.
        results = list(pool.map(lambda _: in_script(live_server, "up"), range(2)))
    assert [result.returncode for result in results] == [0, 0], results
    states = sorted("already" in result.stdout for result in results)
    assert states == [False, True]
    assert process_of(live_server).pid != old.pid
    assert client.get(f"/api/projects/{project}/")["title"] == "survives"
    environment = process_of(live_server).environ()
    assert "LABEL_STUDIO_PASSWORD" not in environment
    assert "LABEL_STUDIO_USER_TOKEN" not in environment
