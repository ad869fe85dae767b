"""Files of every kind, broken in every way: read, or refused in one line, and nothing else.

``LS_INTEGRATION_FUZZ=2000`` makes it so many broken files for each reader, other ones in each
run; without it there are few, the same in each run.
"""

import gzip
import io
import json
import os
import re
import select
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, Phase, given, settings

from tests.broken_files import as_broken
from tests.fuzz_readers import READERS

N_LONG = int(os.environ.get("LS_INTEGRATION_FUZZ", "0"))
N_INPUTS = N_LONG or 60

LONGEST_S = 60
"""A file of some kB takes milliseconds; the first of a kind loads libraries, on a busy machine."""

MOST_MB = 400
"""More than before, while one broken file is read."""

STEADY = settings(
    max_examples=N_INPUTS,
    derandomize=not N_LONG,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink)
    if N_LONG
    else (Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


PIECE = zlib.compressobj(9, zlib.DEFLATED, -15)
ZEROS_BYTES = 16 * 1024 * 1024
PACKED = PIECE.compress(bytes(ZEROS_BYTES)) + PIECE.flush(zlib.Z_FULL_FLUSH)
"""Zeros in a thousandth of their size; any number of it makes a stream."""

N_PIECES = 640
"""Ten gigabytes of zeros."""


OPENS = re.compile(
    r"\b(np\.load|read_csv|read_parquet|ParquetFile|json\.loads?|Image\.open|fits\.open|TiffFile"
    r"|tomllib\.loads?|skops\.io|InferenceSession|fromstring|read_array|open_memmap|ZipFile"
    r"|read_json)\b"
)
"""What opens or parses files and answers."""

NOT_READERS = {
    "files": "each of its callers is in the table",
    "kinds.cutouts_frame_page": "items that study.tables has read and checked",
    "kinds.cutouts_page": "items that study.tables has read and checked",
    "results.metrics": "a file of the package",
    "serving.task_pictures": "mode of a picture, read by images.read right after",
    "workflows.edited_projects": "label configs that Label Studio has parsed",
    "workflows.sending": "pictures that this package has drawn",
}
"""Modules that open something and are no reader of what others wrote, and why."""


class Worker:
    """A process that reads broken files, started again after a crash or a hang."""

    def __init__(self, repository: Path, log: Path) -> None:
        self._repository, self._log = repository, log
        self._process: subprocess.Popen[str] | None = None

    def attempt(self, name: str, folder: Path) -> dict[str, Any]:
        if self._process is None:
            with self._log.open("a") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.fuzz_worker"],
                    cwd=self._repository,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            self._ask("", folder)  # it has loaded everything
        return self._ask(name, folder)

    def _ask(self, name: str, folder: Path) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([name, str(folder)]) + "\n")
        process.stdin.flush()
        is_slow = not select.select([process.stdout], [], [], LONGEST_S if name else 120)[0]
        line = "" if is_slow else process.stdout.readline()
        if line:
            return dict(json.loads(line))
        process.kill()
        process.communicate()
        code = process.returncode
        self._process = None
        words = f"no end within {LONGEST_S} s" if is_slow else f"the process ended with {code}"
        return {"traceback": words, "more_mb": 0}

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()


@pytest.fixture(scope="module")
def worker(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Give the process that reads."""
    worker = Worker(repository, tmp_path_factory.mktemp("worker") / "log")
    yield worker
    worker.close()


@pytest.mark.parametrize("name", READERS)
def test_broken_files_are_read_or_refused(
    name: str, worker: Worker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No crash, no hang, no other exception, no warning, no more memory than stated."""
    reader = READERS[name]
    seeds = reader.seeds()
    for other, content in reader.beside().items():
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_bytes(content)
    path = tmp_path / reader.file
    said = {"refused": 0, "read": 0, "most_mb": 0, "slowest_ms": 0}

    def attempt(content: bytes) -> str | None:
        path.write_bytes(content)
        started = time.monotonic()
        outcome = worker.attempt(name, tmp_path)
        took_ms = int(1000 * (time.monotonic() - started))
        assert "traceback" not in outcome, outcome["traceback"]
        assert outcome["more_mb"] <= MOST_MB, outcome
        said["slowest_ms"] = max(said["slowest_ms"], took_ms)
        said["most_mb"] = max(said["most_mb"], outcome["more_mb"])
        line = outcome.get("line")
        said["read" if line is None else "refused"] += 1
        if line is not None:
            assert line
            assert "\n" not in line, line
            assert not reader.names_file or reader.file in line or str(tmp_path) in line, line
        return line

    for seed in seeds:
        attempt(seed)
    said["most_mb"] = said["slowest_ms"] = 0  # of what the first file loads
    # If nothing valid were read, nothing would be shown about what is broken.
    assert said["read"], [attempt(seed) for seed in seeds]

    @STEADY
    @given(as_broken(seeds, *reader.breaks))
    def every_broken_file(content: bytes) -> None:
        attempt(content)

    every_broken_file()
    assert sum(said[how] for how in ("refused", "read")) >= N_INPUTS
    if N_LONG:
        with capsys.disabled():
            print(f"\n{name}: {said}")  # noqa: T201


def header_of(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    """Write what stands before the values of an array."""
    head = io.BytesIO()
    content = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(head, content)
    return head.getvalue()


def write_png_bomb(path: Path) -> None:
    """Say 60,000 x 60,000 pixels in some kilobytes."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(ZEROS_BYTES), 9)
    chunks = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def write_archive_bomb(path: Path, member: str, start: bytes) -> None:
    """Write an archive with one member of ten gigabytes in ten megabytes (ZIP64, deflated)."""
    opening = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = opening.compress(start) + opening.flush(zlib.Z_FULL_FLUSH)
    data += PACKED * N_PIECES + b"\x03\x00"
    size, name = len(start) + ZEROS_BYTES * N_PIECES, member.encode()
    sizes = struct.pack("<HHQQ", 1, 16, size, len(data))
    common = struct.pack("<HHHHHIIIHH", 45, 0, 8, 0, 33, 0, 2**32 - 1, 2**32 - 1, len(name), 20)
    local = b"PK\x03\x04" + common + name + sizes
    entry = b"PK\x01\x02" + struct.pack("<H", 45) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0)
    entry += name + sizes
    place = len(local) + len(data)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), place, 0)
    path.write_bytes(local + data + entry + end)


def write_fits_bomb(path: Path, side_px: int) -> None:
    """Write a gzipped frame of some width that unpacks to ten gigabytes."""
    head = fits.PrimaryHDU(np.zeros((2, 2), np.float32)).header.tostring()
    for axis in "12":
        head = head.replace(f"NAXIS{axis}  = {2:>20}", f"NAXIS{axis}  = {side_px:>20}")
    zeros = gzip.compress(bytes(ZEROS_BYTES), 9)
    path.write_bytes(gzip.compress(head.encode()) + zeros * N_PIECES)


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        ("image .png", "pixels"),
        ("frame .png", "pixels"),
        ("image .npy", "140,737,488,355,328 pixels"),
        ("frame .npy", "140,737,488,355,328 pixels"),
        ("reannotations.npy", "no session of ratings"),
        ("frame .fits.gz", "10,000,000,000 pixels"),
        ("frame .fits", ""),
    ],
)
def test_pictures_and_arrays_that_promise_too_much(
    reader: str, words: str, worker: Worker, tmp_path: Path
) -> None:
    """A picture of 60,000 x 60,000, an array of a petabyte, a packed frame: by their headers."""
    path = tmp_path / READERS[reader].file
    if path.suffix == ".png":
        write_png_bomb(path)
    elif path.suffix == ".npy":
        path.write_bytes(header_of((2**24, 2**23)))
    else:
        write_fits_bomb(path, 100_000 if words else 2)
    assert path.stat().st_size < 20_000_000
    outcome = worker.attempt(reader, tmp_path)
    if words:
        assert words in outcome["line"]
        assert path.name in outcome["line"]
    else:
        # What follows the frame is not unpacked.
        assert "line" not in outcome
    assert "traceback" not in outcome
    assert outcome["more_mb"] < MOST_MB


@pytest.mark.parametrize(
    ("reader", "member", "shape", "words"),
    [
        ("image .npz", "image", (100_000, 107_000), "10,700,000,000 pixels"),
        ("session .npz", "classifications", (2_600_000_000, 4), "no readable array"),
        ("imgs_to_check.npz", "paths", (10_000_000_000,), "is not a list of images"),
        ("stack .npz", "images", (10, 32_000, 32_000), "of more than 89,478,485 pixels"),
        ("stack .npz", "images", (10_000_000_000, 1, 1), "more than 1,000,000 images"),
        ("training .npz", "features", (10_000_000, 1000), "packed"),
        ("model .skops", "schema", (10, 10), "was not written by `train`"),
    ],
)
def test_archives_that_unpack_to_gigabytes(
    reader: str, member: str, shape: tuple[int, ...], words: str, worker: Worker, tmp_path: Path
) -> None:
    """Each reader of archives sees the size before it unpacks anything."""
    path = tmp_path / READERS[reader].file
    write_archive_bomb(path, f"{member}.npy", header_of(shape, "|u1"))
    assert path.stat().st_size < 20_000_000
    with zipfile.ZipFile(path) as archive, archive.open(f"{member}.npy") as file:
        # It is one: nothing but its size is wrong with it.
        assert archive.getinfo(f"{member}.npy").file_size > 10**10
        assert np.lib.format.read_magic(file) == (1, 0)
        file.read(ZEROS_BYTES)
        assert not any(file.read(ZEROS_BYTES))
    outcome = worker.attempt(reader, tmp_path)
    assert words in outcome["line"]
    assert path.name in outcome["line"]
    assert outcome["more_mb"] < MOST_MB


def test_no_reader_is_forgotten() -> None:
    """Each module that opens or parses something is in the table, or said to be none."""
    package = Path(__file__).resolve().parent.parent / "ls_integration"
    opening = {
        ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        for path in package.rglob("*.py")
        if OPENS.search(path.read_text())
    }
    covered = {module for reader in READERS.values() for module in reader.covers}
    assert opening - covered == set(NOT_READERS)
    gone = [m for m in covered if not (package / (m.replace(".", "/") + ".py")).exists()]
    assert not gone
