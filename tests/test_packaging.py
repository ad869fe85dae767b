"""The wheel and the checkout both find their label configs; compose fits the package."""

import ipaddress
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from ls_integration.errors import ConfigError
from ls_integration.resources import label_config_path, label_config_xml
from ls_integration.server.embedded_environment import BANNED_SUBNETS, EDITOR_KEYMAP

ROOT = Path(__file__).resolve().parents[1]
NAMES = sorted(path.stem for path in (ROOT / "label_configs").glob("*.xml"))

# Nothing of the package but the resolver, which needs no library.
FIND = (
    "import sys; from ls_integration.resources import label_config_path, label_config_xml\n"
    "for name in sys.argv[1:]: print(label_config_path(name)); label_config_xml(name)\n"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a release would, with the locked build back end."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the Python of an empty environment that holds the wheel alone."""
    environment = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True, capture_output=True)
    python = environment / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(command, check=True, capture_output=True)
    return python


def _found_by(python: Path, folder: Path) -> list[Path]:
    """Ask a Python, from a folder that is not the checkout, where the configs lie."""
    environment = {"PATH": os.environ["PATH"]}
    command = [python, "-I", "-c", FIND, *NAMES]
    answer = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=folder, env=environment
    )
    return [Path(line) for line in answer.stdout.splitlines()]


def test_an_installed_wheel_finds_its_label_configs(installed: Path, tmp_path: Path) -> None:
    """Every XML of the repository comes along, and the resolver finds it."""
    paths = _found_by(installed, tmp_path)
    assert [path.stem for path in paths] == NAMES
    for path in paths:
        assert installed.parents[1] in path.parents
        assert path.read_bytes() == (ROOT / "label_configs" / path.name).read_bytes()


def test_an_editable_install_finds_the_checkouts_own(tmp_path: Path) -> None:
    """The file that a developer edits is the one in use, not a copy of it."""
    paths = _found_by(Path(sys.executable), tmp_path)
    assert paths == [ROOT / "label_configs" / f"{name}.xml" for name in NAMES]


def test_the_wheel_carries_all_that_the_package_reads(wheel: Path) -> None:
    """Templates, schemas and the type marker lie beside the code; tests stay out."""
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "ls_integration"
    mine = {
        f"ls_integration/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert mine <= names
    assert {name.split("/")[0] for name in names - mine} <= {
        "ls_integration",
        "ls_integration-0.1.0.dist-info",
    }


def test_the_source_archive_carries_what_the_readme_names(tmp_path: Path) -> None:
    """Examples, documents, sample and tests: whoever unpacks it can run all of it."""
    command = [
        sys.executable,
        "-m",
        "build",
        "--sdist",
        "--no-isolation",
        "--outdir",
        tmp_path,
        ROOT,
    ]
    subprocess.run(command, check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    for folder, pattern in (
        ("examples", "*.ipynb"),
        ("docs", "*.md"),
        ("data", "**/*.npz"),
        ("tests", "*.py"),
    ):
        wanted = {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).glob(pattern)}
        assert wanted
        assert wanted <= names


def test_an_unknown_label_config_is_named() -> None:
    """With those that there are."""
    with pytest.raises(ConfigError, match="no label config 'sted'; known are: .*sted_quality"):
        label_config_path("sted")


def test_a_label_config_is_text() -> None:
    """As it lies in the file."""
    text = (ROOT / "label_configs" / "sted_quality.xml").read_text(encoding="utf-8")
    assert label_config_xml("sted_quality") == text


@pytest.fixture(scope="module")
def compose() -> Any:
    """Read docker-compose.yml."""
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_compose_has_the_keys_of_the_embedded_server(compose: Any) -> None:
    """The label pages promise one way to submit."""
    keymap = compose["services"]["label-studio"]["environment"]["LABEL_STUDIO_EDITOR_KEYMAP"]
    assert json.loads(keymap) == EDITOR_KEYMAP


def test_compose_may_call_its_own_network_only(compose: Any) -> None:
    """Every network that Label Studio bans stays banned, the host included."""
    text = compose["services"]["label-studio"]["environment"][
        "LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS"
    ]
    banned = [ipaddress.ip_network(part) for part in text.split(",")]
    (own,) = [ipaddress.ip_network(part["subnet"]) for part in _ipam(compose)]
    for part in (*BANNED_SUBNETS, "127.0.0.0/8"):
        network = ipaddress.ip_network(part)
        left = list(network.address_exclude(own)) if network.overlaps(own) else [network]
        assert all(any(_covers(ban, piece) for ban in banned) for piece in left), network
    gateway = next(own.hosts())
    assert [str(host) for host in own.hosts() if any(host in ban for ban in banned)] == [
        str(gateway)
    ]


def test_compose_has_no_default_password(compose: Any) -> None:
    """Secrets come from files that `init` makes, and without them nothing starts."""
    for secret in compose["secrets"].values():
        assert secret["file"].startswith("${LS_INTEGRATION_SECRETS:?")
    for service in compose["services"].values():
        named = {name for name in service.get("environment", {}) if not name.endswith("_FILE")}
        # The ML backend's own is known to the commands as well, and opens nothing else.
        named -= {"LS_INTEGRATION_BACKEND_PASSWORD"}
        assert not [name for name in named if re.search("PASSWORD|TOKEN|KEY$", name)]


def test_compose_listens_on_loopback_and_mounts_pictures_read_only(compose: Any) -> None:
    """Who wants more writes it into .env."""
    published = [port for one in compose["services"].values() for port in one.get("ports", [])]
    assert len(published) == 2
    for port in published:
        assert re.match(r"\$\{LS_INTEGRATION_(TLS_)?BIND:-127\.0\.0\.1\}:", port)
    for name in ("label-studio", "ml-backend"):
        (pictures,) = [v for v in compose["services"][name]["volumes"] if "_MEDIA" in v]
        assert pictures.endswith(":/label-studio/pictures:ro")


def test_compose_keeps_database_and_backend_inside(compose: Any) -> None:
    """Their networks are internal; every service is watched, limited and started again."""
    inside = {name for name, network in compose["networks"].items() if network.get("internal")}
    assert inside == {"data", "review"}
    for name in ("database", "ml-backend"):
        assert set(compose["services"][name]["networks"]) <= inside
    for service in compose["services"].values():
        assert {"healthcheck", "mem_limit", "logging", "pids_limit"} <= set(service)
        assert service["restart"] == "unless-stopped"


def _ipam(compose: Any) -> Any:
    return compose["networks"]["review"]["ipam"]["config"]


def _covers(ban: Any, piece: Any) -> bool:
    return bool(ban.version == piece.version and piece.subnet_of(ban))
