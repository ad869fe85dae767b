"""A full disk on the user's side: one line, nothing half-written, and with room it goes on."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ls_integration import study as studies
from ls_integration.cli import app
from ls_integration.errors import IntegrationError
from ls_integration.files import file_sha256
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from tests.commands import environment_of
from tests.live.killing import assert_all_once, write_session

DISK_BYTES, PAGE_BYTES = 24 * 2**20, 4096
N_IMAGES = 8

Run = Callable[..., str]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a small disk in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no `mount` on this machine")
    if done.returncode:
        pytest.skip(f"a disk can be mounted by root only ({done.stderr.strip()})")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def run(live_server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give the function that runs a command: it gives the error's line, "" after success."""
    monkeypatch.chdir(tmp_path)
    environment = environment_of(live_server, LS_INTEGRATION_REQUEST_LIMIT_S="1")

    def invoke(*words: str) -> str:
        done = CliRunner().invoke(app, [*words, "--quiet"], env=environment)
        if done.exit_code == 0:
            return ""
        if not isinstance(done.exception, IntegrationError):
            raise done.exception or AssertionError(done.output)
        return str(done.exception)

    return invoke


def fill(disk: Path, leave_bytes: int) -> Path:
    """Fill a disk but for some bytes."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(PAGE_BYTES))
    os.truncate(ballast, ballast.stat().st_size // PAGE_BYTES * PAGE_BYTES - leave_bytes)
    return ballast


def files_of(folder: Path) -> dict[str, str]:
    """Hash every file below a folder."""
    found = folder.rglob("*") if folder.exists() else ()
    return {str(path.relative_to(folder)): file_sha256(path) for path in found if path.is_file()}


def assert_one_line(said: str, folder: Path) -> None:
    """Prove that a failure says why, and where."""
    assert "\n" not in said
    assert "No space left on device" in said
    assert str(folder) in said


def assert_whole(results: Path) -> None:
    """Prove that a results folder holds what its manifest lists, and nothing else."""
    manifest = json.loads((results / "manifest.json").read_text())
    found = files_of(results)
    del found["manifest.json"]
    assert found == manifest["files"]


def import_words(repository: Path, title: str, study: Path) -> tuple[str, ...]:
    sample = str(repository / "data" / "sted_sample")
    options = ("--title", title, "--blind", "--limit", str(N_IMAGES), "--study", str(study))
    return ("import", "sted-quality", sample, *options)


def test_import_into_a_study_on_a_full_disk(
    run: Run, disk: Path, client: Client, repository: Path
) -> None:
    """However much room is left, no request goes out that the journal does not know."""
    study = disk / "study"
    words = import_words(repository, "Full study", study)
    n_failed = 0
    for pages in (0, 1, 2, 4, 6, 8, 10):
        ballast = fill(disk, pages * PAGE_BYTES)
        if said := run(*words):
            n_failed += 1
            assert_one_line(said, study)
            assert [name for name in files_of(study) if ".tmp" in name or name[1:2] == "."] == []
        ballast.unlink()
    assert n_failed >= 3
    assert run(*words) == ""
    assert_all_once(client, study, answers={})
    # With its journal full before the next person's tasks go out.
    more = (*words, "--people", "Dora Disk")
    ballast = fill(disk, 0)
    assert_one_line(run(*more), study)
    ballast.unlink()
    assert run(*more) == ""
    assert_all_once(client, study, answers={})


@pytest.mark.parametrize(
    ("command", "rooms_kib"), [("export", (0, 4, 12, 24)), ("export-and-score", (0, 48, 200))]
)
def test_results_on_a_full_disk(
    command: str,
    rooms_kib: tuple[int, ...],
    run: Run,
    disk: Path,
    client: Client,
    repository: Path,
    tmp_path: Path,
) -> None:
    """The old files or the new ones, each whole; with room the same command writes them."""
    study, results, person = tmp_path / "study", disk / "results", f"Dan {command}"
    title = f"Full {command}"
    assert run(*import_words(repository, title, study)) == ""
    session = write_session(study, tmp_path / f"{person}.npz", 1)
    assert run("replay", str(study), str(session)) == ""
    words = (command, str(study), "--output", str(results))
    for is_again in (False, True):
        before = files_of(results)
        n_failed = 0
        for room_kib in rooms_kib[:2] if is_again else rooms_kib:
            ballast = fill(disk, room_kib * 1024)
            if said := run(*words):
                n_failed += 1
                assert_one_line(said, results)
                if command == "export":
                    assert files_of(results) == before
                elif files_of(results):
                    assert_whole(results)
            ballast.unlink()
            if not is_again and command == "export":
                # Each try is a first one.
                for path in sorted(results.rglob("*"), reverse=True):
                    path.unlink() if path.is_file() else path.rmdir()
        assert n_failed >= 2
        assert run(*words) == ""
        assert_whole(results)
        # Other answers for the second time.
        write_session(study, session, 2)
        assert run("replay", str(study), str(session), "--replace") == ""


def test_an_export_whose_study_is_on_a_full_disk(
    run: Run, disk: Path, repository: Path, tmp_path: Path
) -> None:
    """The study's copy of its answers is written whole too, or stays as it was."""
    study, results = disk / "study", tmp_path / "results"
    assert run(*import_words(repository, "Full copy", study)) == ""
    session = write_session(study, tmp_path / "Didi Disk.npz", 1)
    assert run("replay", str(study), str(session)) == ""
    n_failed = 0
    for pages in (0, 1, 2, 4, 8):
        before = files_of(study)
        ballast = fill(disk, pages * PAGE_BYTES)
        if said := run("export", str(study), "--output", str(results)):
            n_failed += 1
            assert_one_line(said, study)
            assert files_of(results) == {}
            kept = {name: sha256 for name, sha256 in files_of(study).items() if name in before}
            assert kept == before
        ballast.unlink()
    assert n_failed >= 1
    assert run("export", str(study), "--output", str(results)) == ""
    assert_whole(results)
    assert studies.exists(study)
