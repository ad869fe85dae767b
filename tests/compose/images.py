"""Images for the tests of docker-compose.yml, also where none can be pulled.

``python tests/compose/images.py`` makes what is missing: first the images that
docker-compose.yml and the Dockerfiles name (pulled, or, where that cannot be
done, stand-ins of the same names made of Debian's and Python's packages), then
ours from the real Dockerfiles. Stand-ins carry a label; an image without it is
never replaced. Needs root (debootstrap), a Docker engine, and Debian's packages
debootstrap and docker.io.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECIPES = Path(__file__).parent / "stand_ins"
LABEL = "ls-integration.stand-in"

PYTHON = "python:3.11-slim-bookworm"
LABEL_STUDIO = "heartexlabs/label-studio:1.23.2"
POSTGRES = "postgres:17"
NGINX = "nginx:1.28"
DEBIAN = "ls-integration-test/debian:13"
"""What Debian's PostgreSQL 17 and nginx lie in; pulled by nobody."""

OURS = {
    "ls-integration-ml-backend:0.1.0": "ml_backend/Dockerfile",
    "ls-integration-label-studio:1.23.2": "compose/label-studio.Dockerfile",
}
"""Our images, as docker-compose.yml names them, and their Dockerfiles."""


def main() -> None:
    """Make every image that is missing."""
    bootstrap(PYTHON, "bookworm", "ca-certificates,python3,python3-pip,python3-venv")
    stand_in(LABEL_STUDIO, "label-studio.Dockerfile", None)
    stand_in(POSTGRES, "postgres.Dockerfile", DEBIAN)
    stand_in(NGINX, "nginx.Dockerfile", DEBIAN)
    for name, dockerfile in OURS.items():
        # Always: Docker's own cache makes it quick where nothing has changed.
        build(name, ROOT / dockerfile, ROOT, [])


def have(name: str, recipe: str) -> bool:
    """Tell whether there is an image: a real one, or a stand-in of the present recipe."""
    shown = subprocess.run(
        ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', name],
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.returncode == 0 and shown.stdout.strip() in ("", recipe)


def pull(name: str) -> bool:
    """Pull an image; tell whether that could be done."""
    if name == DEBIAN:
        return False
    command = ["docker", "pull", "--quiet", name]
    return not subprocess.run(command, check=False, capture_output=True).returncode


def hashed(*parts: bytes) -> str:
    """Name a recipe by its content."""
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def bootstrap(name: str, release: str, packages: str) -> None:
    """Make an image of a minimal Debian, if it is missing."""
    recipe = hashed(f"{release} {packages}".encode())
    if have(name, recipe) or pull(name):
        return
    say(f"bootstrapping Debian {release} for {name}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        run(["debootstrap", "--variant=minbase", f"--include={packages}", release, str(root)])
        # Installing packages inside must trust whom this machine trusts.
        bundle = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
        shutil.copy(bundle, root / "etc/ssl/certs/ca-certificates.crt")
        for marker in (root / "usr/lib").glob("python3*/EXTERNALLY-MANAGED"):
            marker.unlink()
        if (root / "usr/bin/python3").exists():
            (root / "usr/bin/python").symlink_to("python3")
        shutil.rmtree(root / "var/cache/apt/archives")
        archive = Path(folder, "root.tar")
        run(["tar", "--create", "--file", str(archive), "--directory", str(root), "."])
        changes = [
            "ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_ROOT_USER_ACTION=ignore",
            f"LABEL {LABEL}={recipe}",
            'CMD ["bash"]',
        ]
        options = [part for change in changes for part in ("--change", change)]
        run(["docker", "import", *options, str(archive), name])


def stand_in(name: str, dockerfile: str, base: str | None) -> None:
    """Make a stand-in by its recipe, if the image is missing."""
    own = sorted(RECIPES.glob(f"{Path(dockerfile).stem}*"))
    lock = (ROOT / "requirements.lock").read_bytes() if base is None else b""
    recipe = hashed(*(file.read_bytes() for file in own), lock)
    if have(name, recipe) or pull(name):
        return
    if base is not None:
        bootstrap(base, "trixie", "ca-certificates")
    say(f"making a stand-in for {name}")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(RECIPES, folder, dirs_exist_ok=True)
        shutil.copy(ROOT / "requirements.lock", folder)
        arguments = ["--label", f"{LABEL}={recipe}"]
        if base is not None:
            arguments += ["--build-arg", f"BASE={base}"]
        build(name, Path(folder, dockerfile), Path(folder), arguments)


def build(name: str, dockerfile: Path, context: Path, arguments: Sequence[str]) -> None:
    """Build an image."""
    say(f"building {name}")
    # The builder of Docker itself: Debian's engine has no other. On the host's network, since
    # packages may be reached from there only.
    run(
        ["docker", "build", "--quiet", "--network", "host", "--tag", name]
        + ["--file", str(dockerfile), *arguments, str(context)],
        DOCKER_BUILDKIT="0",
    )


def run(command: Sequence[str], **environment: str) -> None:
    """Run a command; what it says is shown only if it fails."""
    done = subprocess.run(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stdout[-6000:]}")


def say(text: str) -> None:
    """Tell what takes a while."""
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
