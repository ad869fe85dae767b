"""Disks that are full, on the side of the pictures and on that of the database."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.compose.stack import Stack, run
from tests.live.killing import assert_all_once, import_words, study_folder

MEBIBYTE = 2**20


@contextmanager
def small_disk(stack: Stack, folder: Path, spare: int) -> Iterator[None]:
    """Lay a disk with *spare* bytes of room and the same content over a folder."""
    copy = folder.with_name(f"{folder.name}.copy")
    run(folder, ["cp", "--archive", str(folder), str(copy)])  # owners too
    size = int(run(folder, ["du", "--summarize", "--bytes", str(copy)]).split()[0])
    options = f"size={size + spare},mode=0755"
    run(copy, ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)])
    try:
        run(copy, ["cp", "--archive", f"{copy}/.", str(folder)])
        yield
    finally:
        stack.compose("stop")
        run(folder.parent, ["umount", str(folder)])
        shutil.rmtree(copy)


@pytest.fixture
def stopped(stack: Stack) -> Iterator[Stack]:
    """Stop the server, so that disks can be laid under it, and start it afterwards."""
    stack.compose("stop")
    yield stack
    stack.up()


def fill(folder: Path, leave: int) -> Path:
    """Fill the disk of *folder* up but for *leave* bytes."""
    room = shutil.disk_usage(folder).free - leave
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        for _ in range(room // MEBIBYTE):
            file.write(bytes(MEBIBYTE))
        file.write(bytes(room % MEBIBYTE))
    return ballast


def _fails(stack: Stack, *words: str) -> str:
    process = stack.start(*words)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 1, output
    assert "Traceback" not in output
    return output


def test_full_disk_of_pictures(stopped: Stack, repository: Path) -> None:
    """One line that names the folder; with room again the same import goes through."""
    words = import_words(repository, "Full pictures")
    with small_disk(stopped, stopped.media, 8 * MEBIBYTE):
        stopped.up()
        ballast = fill(stopped.media, 100_000)
        said = _fails(stopped, *words)
        assert "No space left on device" in said
        assert str(stopped.media) in said
        with stopped.client() as client:
            found = client.get("/api/projects", params={"title": "Full pictures"})["results"]
        assert all(project["task_number"] == 0 for project in found)
        ballast.unlink()
        stopped.ours(*words)
        with stopped.client() as client:
            assert_all_once(client, study_folder(stopped.folder, "Full pictures"), answers={})


def test_full_disk_of_the_database(stopped: Stack, repository: Path) -> None:
    """The command says it; with room again all is there, once, and every page is sound."""
    words = import_words(repository, "Full database")
    volume = stopped.volume("database")
    with small_disk(stopped, volume, 40 * MEBIBYTE):
        stopped.up()
        before = stopped.sql("SELECT count(*) FROM task")
        ballast = fill(volume, 16_384)
        # Room in the last pages and log files may still take a small import.
        said = ""
        for number in range(20):
            process = stopped.start(*import_words(repository, f"Full database {number}"))
            said, _ = process.communicate(timeout=300)
            if process.returncode:
                break
        assert process.returncode == 1
        assert "No space left on device" in said or "answered 50" in said, said
        assert "Traceback" not in said
        ballast.unlink()
        stopped.up()
        stopped.ours(*words)
        with stopped.client() as client:
            assert_all_once(client, study_folder(stopped.folder, "Full database"), answers={})
        stopped.ours(*import_words(repository, f"Full database {number}"))
        assert int(stopped.sql("SELECT count(*) FROM task")) == int(before) + 60 * (number + 2)
        # Reads every table whole; the pages carry checksums.
        words = ("pg_dump", "--username", "label_studio", "--file", "/dev/null", "label_studio")
        stopped.compose("exec", "-T", "database", *words)
