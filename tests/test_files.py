"""Files appear whole or not at all."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ls_integration.files import (
    PRIVATE_MODE,
    whole_file,
    whole_files,
    write_bytes,
    write_json,
    write_text,
)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    """And nothing beside it."""
    path = tmp_path / "scores.csv"
    path.write_text("old")

    def fail() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert _names(tmp_path) == ["scores.csv"]


def test_nobody_sees_a_part(tmp_path: Path) -> None:
    """The name appears when the block is over."""
    path = tmp_path / "a" / "b.csv"
    with whole_file(path) as temporary:
        temporary.write_text("x")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == ".csv"
    assert _names(path.parent) == ["b.csv"]


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_file_has_the_usual_mode(tmp_path: Path, umask: int) -> None:
    """Not the 0600 of temporary files, unless the umask says so."""
    before = os.umask(umask)
    try:
        write_text(tmp_path / "x", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o666 & ~umask


def test_secrets_are_the_owners_only(tmp_path: Path) -> None:
    """Also where an older file was open to all."""
    path = tmp_path / "credentials.json"
    path.write_text("{}")
    path.chmod(0o644)
    write_json(path, {"token": "t"}, mode=PRIVATE_MODE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_text_is_utf8_and_keeps_its_line_ends(tmp_path: Path) -> None:
    """AnomaGUI's CSV has CRLF."""
    write_text(tmp_path / "x", "Å\r\nb\n")
    assert (tmp_path / "x").read_bytes() == b"\xc3\x85\r\nb\n"
    write_bytes(tmp_path / "x", b"\x00\xff")
    assert (tmp_path / "x").read_bytes() == b"\x00\xff"


def test_json_is_strict(tmp_path: Path) -> None:
    """NaN is no JSON: other programs would refuse the file."""
    path = tmp_path / "metrics.json"
    write_json(path, {"kappa": None, "name": "Zoë"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"kappa": None, "name": "Zoë"}
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"kappa": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8"))["kappa"] is None


def test_many_files_appear_together(tmp_path: Path) -> None:
    """From any thread; under temporary names until the block is over, old ones until then."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0").write_bytes(b"old")
    with ThreadPoolExecutor(4) as pool, whole_files() as write:
        for future in [pool.submit(write, tmp_path / "a" / f"{n}", b"%d" % n) for n in range(20)]:
            future.result()
        write(tmp_path / "b" / "c.webp", b"c")
        assert all(name.startswith(".") for name in _names(tmp_path / "a") if name != "0")
        assert (tmp_path / "a" / "0").read_bytes() == b"old"
        assert [path.suffix for path in (tmp_path / "b").iterdir()] == [".webp"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == {
        f"{n}": b"%d" % n for n in range(20)
    }
    assert _names(tmp_path / "b") == ["c.webp"]


def test_many_files_are_on_the_disk_before_they_have_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut leaves no name without its content."""
    synced: list[tuple[int, list[str]]] = []
    monkeypatch.setattr(
        os,
        "fsync",
        lambda number: synced.append((os.fstat(number).st_size, _names(tmp_path))),
    )
    with whole_files() as write:
        write(tmp_path / "one", b"1")
        write(tmp_path / "two", b"22")
    assert sorted(size for size, _ in synced) == [1, 2]
    assert all(name.startswith(".") for _, names in synced for name in names)


def test_a_failure_leaves_none_of_many(tmp_path: Path) -> None:
    """Nor a temporary file."""
    (tmp_path / "one").write_bytes(b"old")

    def fail() -> None:
        with whole_files() as write:
            write(tmp_path / "one", b"1")
            write(tmp_path / "two", b"22")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert _names(tmp_path) == ["one"]
    assert (tmp_path / "one").read_bytes() == b"old"
