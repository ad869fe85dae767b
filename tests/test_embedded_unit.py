"""The embedded server's pure parts, and how it treats processes; no server is started."""

import ast
import importlib.util
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from pydantic import SecretStr

from ls_integration import study
from ls_integration.errors import ConfigError, ServerError
from ls_integration.server import (
    embedded,
    embedded_address,
    embedded_environment,
    embedded_files,
    embedded_media,
    embedded_process,
)
from ls_integration.server.embedded_files import Credentials, State

LOOPBACK = "127.0.0.1"
SECRETS = {"username": "o@server.invalid", "password": "the-password", "token": "t" * 40}


def child_environment(host: str = LOOPBACK, **inherited: str) -> dict[str, str]:
    return embedded_environment.environment(
        Path("/data"), Path("/data/pictures"), host, inherited=inherited
    )


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    """Start a process that is not a server."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield psutil.Process(process.pid)
        process.kill()


# The environment and the command


def test_the_users_settings_do_not_reach_the_server() -> None:
    """Label Studio reads HOST, DEBUG and POSTGRE_* bare; the child never sees them."""
    child = child_environment(
        PATH="/bin",
        HOST="http://x",
        DEBUG="1",
        POSTGRE_HOST="db",
        LABEL_STUDIO_DEBUG="1",
        HOME="/u",
    )
    names = {name for name in child if not name.startswith("LABEL_STUDIO_")}
    assert names == {"PATH", "HOME", "PYTHONUSERBASE", "PYTHONUNBUFFERED"}
    assert child["HOME"] == "/data"
    assert "LABEL_STUDIO_DEBUG" not in child
    assert child["LABEL_STUDIO_DJANGO_DB"] == "sqlite"


def test_secrets_go_along_at_the_first_start_only_and_never_in_the_command() -> None:
    """Password and token are in the environment of the first start, nowhere else."""
    later = child_environment()
    first = embedded_environment.environment(
        Path("/data"), Path("/p"), LOOPBACK, first_start=SECRETS, inherited={}
    )
    assert set(first) - set(later) == {
        "LABEL_STUDIO_USERNAME",
        "LABEL_STUDIO_PASSWORD",
        "LABEL_STUDIO_USER_TOKEN",
    }
    command = " ".join(embedded_environment.command(Path("/data"), LOOPBACK, 8080))
    assert not any(secret in command for secret in SECRETS.values())


def test_banned_networks_are_label_studios_own_but_loopback() -> None:
    """All that Label Studio bans by default stays banned, except 127.0.0.0/8."""
    specification = importlib.util.find_spec("label_studio")
    assert specification is not None
    assert specification.origin is not None
    source = (Path(specification.origin).parent / "core/utils/io.py").read_text(encoding="utf-8")
    (default,) = (
        ast.literal_eval(node.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "default_banned_subnets"
    )
    assert set(embedded_environment.BANNED_SUBNETS) == set(default) - {"127.0.0.0/8"}
    child = child_environment()
    assert child["LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS"] == "false"
    banned = child["LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS"].split(",")
    assert banned == list(embedded_environment.BANNED_SUBNETS)


def test_enter_submits_and_no_key_is_given_twice() -> None:
    """Enter submits; the key that it displaces collides with no default key, Mac included."""
    specification = importlib.util.find_spec("label_studio")
    assert specification is not None
    assert specification.origin is not None
    editor = Path(specification.origin).parent.parent / "web/dist/apps/labelstudio"
    bundle = next(
        text
        for script in editor.glob("*.js")
        if '"annotation:skip":{' in (text := script.read_text(encoding="utf-8"))
    )
    begin = bundle.index('{"audio:back":')
    defaults = json.loads(bundle[begin : bundle.index("'", begin)])
    ours = json.loads(child_environment()["LABEL_STUDIO_EDITOR_KEYMAP"])
    assert ours["annotation:submit"]["key"] == ours["annotation:submit"]["mac"] == "enter"
    assert set(ours) <= set(defaults)
    merged = {**defaults, **ours}
    for kind in ("key", "mac"):
        for name in ours:
            mine = set(ours[name][kind].split(","))
            others = [
                other
                for other, keys in merged.items()
                if other != name and mine & {keys.get("key"), keys.get("mac")}
            ]
            assert others == [], f"{name} shares {mine}"


def test_hosts_are_loopback_unless_others_shall_reach_it() -> None:
    """On loopback only its names are answered; else this machine's real names, never all."""
    assert embedded_address.allowed_hosts("127.0.0.1") == ["127.0.0.1", "localhost"]
    opened = embedded_address.allowed_hosts("0.0.0.0")
    assert opened[:2] == ["127.0.0.1", "localhost"]
    assert socket.gethostname().lower() in opened
    assert "*" not in opened
    assert "0.0.0.0" not in opened
    assert "lab.example" in embedded_address.allowed_hosts("lab.example")


# Host and port


def test_a_taken_port_is_refused_in_one_line() -> None:
    """The message names the port and --port; nothing moves to the next one silently."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port} on 127.0.0.1 .*--port") as caught:
            embedded_address.check_port(LOOPBACK, port)
    assert "\n" not in str(caught.value)
    embedded_address.check_port(LOOPBACK, embedded.free_port())


def test_a_taken_port_leaves_no_server_and_no_state(tmp_path: Path) -> None:
    """`start` on a taken port fails before a process or a credentials file is made."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        with pytest.raises(ConfigError, match="taken"):
            embedded.start(tmp_path / "data", port=taken.getsockname()[1], working_dir=tmp_path)
    assert not (tmp_path / "data" / embedded_files.CREDENTIALS).exists()
    assert not embedded.is_running(tmp_path / "data")


@pytest.mark.parametrize("host", ["203.0.113.7", "::1", "no-such-host.invalid"])
def test_a_host_that_is_not_this_machine_is_refused(host: str) -> None:
    """An address that cannot be listened on is named, with what to give instead."""
    with pytest.raises(ConfigError, match=f"--host {host}"):
        embedded_address.check_host(host)


# The media folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Lay out a data dir, a study and a working folder."""
    (tmp_path / "data" / "media" / "upload").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "studies" / "first" / "plots").mkdir(parents=True)
    (tmp_path / "studies" / "first" / "study.json").write_text("{}")
    (tmp_path / "shown" / "below").mkdir(parents=True)
    return tmp_path


def check(place: Path, media: Path) -> Path:
    return embedded_media.check_media(media, place / "data", place / "work")


@pytest.mark.parametrize("media", ["shown", "shown/below", "new", "data/pictures", "work/pictures"])
def test_folders_of_their_own_are_served(place: Path, media: str) -> None:
    """A folder that holds nothing else is accepted, also if it does not exist yet."""
    assert check(place, place / media) == place / media


@pytest.mark.parametrize(
    ("media", "reason"),
    [
        ("data", "data folder"),
        (".", "data folder"),
        ("data/media", "data folder"),
        ("data/media/upload", "data folder"),
        ("shown/../data", "data folder"),
        ("work", "working folder"),
        ("studies", "study folder"),
        ("studies/first", "study folder"),
        ("studies/first/plots", "study folder"),
    ],
)
def test_folders_that_would_give_secrets_away_are_refused(
    place: Path, media: str, reason: str
) -> None:
    """The data dir, a study or the working folder: being it, holding it, lying in it."""
    with pytest.raises(ConfigError, match=reason):
        check(place, place / media)


def test_the_home_folder_is_refused(place: Path) -> None:
    """The root and the home folder hold everything else."""
    for media in (Path("/"), Path.home()):
        with pytest.raises(ConfigError, match="contains"):
            check(place, media)


@pytest.mark.parametrize("target", ["data", "studies/first/study.json", "studies", "work"])
def test_symbolic_links_are_looked_through(place: Path, target: str) -> None:
    """Neither a link as media folder nor a link in it leads to what is refused by name."""
    (place / "link").symlink_to(place / target)
    (place / "shown" / "below" / "link").symlink_to(place / target)
    with pytest.raises(ConfigError):
        check(place, place / "link")
    with pytest.raises(ConfigError, match="symbolic link"):
        check(place, place / "shown")


def test_the_study_file_is_called_as_studies_call_it() -> None:
    """The name is written twice so that `up` does without pandas; both agree."""
    assert embedded_media.STUDY_FILE == study.STUDY_FILE


# Files


def test_the_data_dir_and_the_credentials_are_private(tmp_path: Path) -> None:
    """0700 and 0600, whatever the umask; an open data dir is closed."""
    (tmp_path / "data").mkdir(mode=0o755)
    folder = embedded_files.make_data_dir(tmp_path / "data")
    credentials = embedded_files.new_credentials("http://127.0.0.1:1")
    embedded_files.write_credentials(folder, credentials)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "credentials.json").stat().st_mode) == 0o600
    assert embedded_files.read_credentials(folder) == credentials
    written = json.loads((folder / "credentials.json").read_text())
    assert list(written) == ["url", "username", "password", "token"]
    assert len(written["token"]) == 40


def test_credentials_are_never_printed() -> None:
    """Neither the object nor its parts show the secrets."""
    credentials = Credentials("http://x", "o@x", SecretStr("the-password"), SecretStr("the-token"))
    assert "the-" not in f"{credentials!r} {credentials} {credentials.token}"


def test_credentials_that_others_may_read_are_refused(tmp_path: Path) -> None:
    """The message says the mode and how to close the file."""
    embedded_files.write_credentials(tmp_path, embedded_files.new_credentials("http://x"))
    (tmp_path / "credentials.json").chmod(0o644)
    with pytest.raises(ConfigError, match=r"0644.*chmod 600"):
        embedded_files.read_credentials(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"url": "http://x"}'])
def test_damaged_credentials_are_one_line(tmp_path: Path, content: str) -> None:
    """A damaged file is named, without its content."""
    path = tmp_path / "credentials.json"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(ConfigError, match=r"credentials\.json"):
        embedded_files.read_credentials(tmp_path)


def test_the_data_dir_is_found_upwards(tmp_path: Path) -> None:
    """As git finds its own; a folder without credentials does not count."""
    inner = tmp_path / "a" / "b"
    (inner / ".label-studio").mkdir(parents=True)
    assert embedded.find(inner) is None
    (tmp_path / ".label-studio").mkdir()
    embedded_files.write_credentials(
        tmp_path / ".label-studio", embedded_files.new_credentials("http://x")
    )
    assert embedded.find(inner) == tmp_path / ".label-studio"


# Processes


def state_of(process: psutil.Process, create_time: float | None = None) -> State:
    return State(process.pid, create_time or process.create_time(), LOOPBACK, 8080, "/pictures")


def test_a_pid_that_is_another_process_now_is_never_signalled(
    tmp_path: Path, sleeper: psutil.Process
) -> None:
    """A note left by a crash: same pid and start time, but another command line."""
    embedded_files.write_state(tmp_path, state_of(sleeper))
    assert not embedded.is_running(tmp_path)
    assert embedded.stop(tmp_path) is False
    assert sleeper.is_running()


def test_a_server_is_known_by_command_line_and_start_time(tmp_path: Path) -> None:
    """The same command line with another start time is not the server that we started."""
    arguments = embedded_environment.command(tmp_path, LOOPBACK, 8080)[1:]
    # Sleeps under the name and arguments of a server.
    code = "import time; time.sleep(60)"
    with subprocess.Popen(
        ["sleeper", "-c", code, *arguments], executable=sys.executable
    ) as process:
        found = psutil.Process(process.pid)
        while found.cmdline()[:1] != ["sleeper"]:
            time.sleep(0.01)
        assert embedded_process.running(tmp_path, state_of(found)) is None
        process.kill()
    assert embedded_process.running(tmp_path, state_of(psutil.Process(), time.time() + 9)) is None


@pytest.mark.parametrize("note", ["", "{}", '{"pid": "x"}', "[1]", '{"pid": -1}'])
def test_a_damaged_note_of_the_process_is_no_process(tmp_path: Path, note: str) -> None:
    """What cannot be told for sure is treated as not running."""
    (tmp_path / embedded_files.STATE).write_text(note)
    assert not embedded.is_running(tmp_path)
    assert embedded.stop(tmp_path) is False


def test_a_server_that_dies_while_starting_is_reported_at_once(tmp_path: Path) -> None:
    """The error ends the wait before its deadline and quotes the log's last lines."""
    (tmp_path / embedded_files.LOG).write_text("first\nno such table: htx_user\n")
    credentials = embedded_files.new_credentials(f"http://127.0.0.1:{embedded.free_port()}")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        with pytest.raises(ServerError, match="no such table") as caught:
            embedded_process.wait_until_ready(
                tmp_path, psutil.Process(process.pid), credentials, first_start=True
            )
        process.wait()
    assert credentials.token.get_secret_value() not in str(caught.value)


def test_terminate_ends_a_process_that_ignores_sigterm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL follows SIGTERM."""
    monkeypatch.setattr(embedded_process, "_TERMINATE_S", 0.3)
    ready = tmp_path / "ready"
    code = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        while not ready.exists():
            time.sleep(0.02)
        embedded_process.terminate(psutil.Process(process.pid))
        assert not psutil.pid_exists(process.pid)


def test_two_commands_do_not_start_one_server_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one holds the data dir, the other waits and then says so."""
    monkeypatch.setattr(embedded, "_LOCK_WAIT_S", 0.1)
    with (
        FileLock(tmp_path / embedded_files.LOCK),
        pytest.raises(ConfigError, match="another `up` or `down`"),
    ):
        embedded.stop(tmp_path)


def test_label_studio_missing_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, `up` names the pip line."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'ls-integration\[server\]'"):
        embedded.start(Path(os.devnull))


def test_a_killed_process_has_ended_when_its_port_is_free() -> None:
    """Threads that are still ending hold port and locks; the next server would meet them."""
    program = """
import socket, threading, time
listener = socket.create_server(("127.0.0.1", 0))
for _ in range(40):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
memory = bytearray(b"1" * 200_000_000)
print(listener.getsockname()[1], flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        port = int(child.stdout.readline())
        process = psutil.Process(child.pid)
        process.kill()
        while not embedded_process.has_ended(process):
            pass
        with socket.create_server((LOOPBACK, port)):
            pass
