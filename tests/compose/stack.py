"""The server of docker-compose.yml as a lab starts it: from a clone, by two commands."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from ls_integration.server.client import Client

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "sted_sample"
PROJECT = "ls-integration-test"
"""Compose's name of it; the fixed subnet allows one at a time."""

HEALTHY_S = 420.0
COMMAND_S = 500.0

_KEPT = ("PATH", "HOME", "DOCKER_HOST", "LANG")


@dataclass(frozen=True)
class Stack:
    """A clone with a server.

    Attributes
    ----------
    folder : Path
        The clone.
    url : str
        Where the server is reached.
    """

    folder: Path
    url: str

    @property
    def token(self) -> SecretStr:
        """The owner's token, as the commands read it."""
        return SecretStr(self.secret("owner_token"))

    @property
    def media(self) -> Path:
        """The folder of pictures on this side."""
        return self.folder / "pictures"

    def secret(self, name: str) -> str:
        """Read a secret."""
        return (self.folder / ".secrets" / name).read_text().strip()

    def client(self) -> Client:
        """Open a session of the owner."""
        return Client(self.url, self.token)

    def compose(self, *words: str, check: bool = True) -> str:
        """Run compose; give what it says."""
        return run(self.folder, [*compose_command(), *words], check=check)

    def ours(self, *words: str, check: bool = True) -> str:
        """Run a command of ours in the clone; give what it says."""
        command = [sys.executable, "-m", "ls_integration", "--quiet", *words]
        return run(self.folder, command, check=check)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command of ours in the clone."""
        return subprocess.Popen(
            [sys.executable, "-m", "ls_integration", "--quiet", *words],
            cwd=self.folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def container(self, service: str) -> str:
        """Give the id of a service's container."""
        return self.compose("ps", "--all", "--quiet", service).split()[0]

    def volume(self, name: str) -> Path:
        """Give the folder of this machine in which a volume lies."""
        command = ["docker", "volume", "inspect", "--format", "{{.Mountpoint}}"]
        return Path(run(self.folder, [*command, f"{PROJECT}_{name}"]).strip())

    def inspect(self, service: str) -> str:
        """Give all that Docker tells of a service's container, as text."""
        return run(self.folder, ["docker", "inspect", self.container(service)])

    def health(self, service: str) -> str:
        """Say how a service's container is: running or not, healthy or not."""
        (told,) = json.loads(self.inspect(service))
        state = told["State"]
        return str(state["Health"]["Status"]) if state["Running"] else str(state["Status"])

    def wait_healthy(self, *services: str) -> None:
        """Wait until each is healthy."""
        end = time.monotonic() + HEALTHY_S
        while not all(self.health(service) == "healthy" for service in services):
            assert time.monotonic() < end, self.compose("logs", "--tail", "40", check=False)
            time.sleep(1.0)

    def up(self, *services: str) -> None:
        """Do what docs/servers.md says, until all is healthy."""
        self.compose("up", "--detach")
        self.wait_healthy(*(services or ("database", "label-studio")))

    def sql(self, text: str) -> str:
        """Ask the database."""
        command = ["psql", "--username", "label_studio", "--no-align", "--tuples-only"]
        words = ["exec", "-T", "database", *command, "--command", text]
        return self.compose(*words).strip()


def compose_command() -> list[str]:
    """Give the compose to test: LS_INTEGRATION_TEST_COMPOSE, version 2, or 1.29."""
    if os.environ.get("TEST_COMPOSE"):
        return [os.environ["TEST_COMPOSE"]]
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


def environment() -> dict[str, str]:
    """Give the environment of a user who has set nothing."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"COMPOSE_PROJECT_NAME": PROJECT}


def run(folder: Path, command: Sequence[str], *, check: bool = True) -> str:
    """Run a command in the clone; give both its streams."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        timeout=COMMAND_S,
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}"
    return done.stdout


def clone(folder: Path) -> Path:
    """Copy what git knows, and what it would be told of, into *folder*."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, target)
    return folder
