"""The study's copy of what it pulled: whole, its own, and no larger in memory than a page."""

import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ls_integration.errors import StudyError
from ls_integration.server import catch_up, task_pages
from ls_integration.server.task_pages import Totals, as_us
from ls_integration.study import pulled
from ls_integration.study.pulled import (
    prediction_versions,
    read_pulled,
    read_rows,
    read_tasks,
    writing_pulled,
)

ABOUT = {"server_url": "http://localhost:1", "project_id": 4}


def make_task(number: int, text: str = "") -> dict[str, Any]:
    """Make a task as the server lists it."""
    time = f"2026-11-22T11:25:{number % 60:02d}.{number % 1_000_000:06d}Z"
    return {
        "id": number,
        "updated_at": time,
        "total_annotations": 1,
        "cancelled_annotations": 0,
        "total_predictions": 1,
        "data": {"item_id": f"{number:016x}", "text": text},
        "annotations": [
            {
                "id": number,
                "result": [{"value": {"choices": ["normal"]}}],
                "completed_by": 1,
                "was_cancelled": False,
                "lead_time": number / 7,
                "created_at": time,
                "updated_at": time,
                "parent_prediction": None,
                "created_ago": "a minute",
            }
        ],
        "predictions": [{"id": number, "model_version": "m", "created_at": time, "result": []}],
    }


def write_copy(path: Path, numbers: range, watermark_us: int = 5) -> None:
    """Write a copy of some tasks, in pages of 7."""
    with writing_pulled(path, ABOUT, [1, 2], watermark_us) as write:
        for start in range(0, len(numbers), 7):
            write(task_pages._rows([make_task(one) for one in numbers[start : start + 7]]))


def test_a_copy_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Tasks, stamps, people and time; blocks that are too small are put together."""
    path = tmp_path / "pulled" / "4.parquet"
    numbers = range(1, 1201)
    write_copy(path, numbers)
    found = read_pulled(path, ABOUT)
    assert (found.people, found.watermark_us) == ((1, 2), 5)
    assert found.stamps.index.tolist() == list(numbers)
    assert found.stamps["settled"].all()
    assert found.stamps.loc[9, "updated_at_us"] == as_us("2026-11-22T11:25:09.000009Z")
    blocks = list(read_tasks(found))
    assert [len(block) for block in blocks] == [504, 504, 192]
    task = blocks[0][2]
    assert task["annotations"][0]["lead_time"] == 3 / 7
    assert "created_ago" not in task["annotations"][0]
    assert prediction_versions(found) == {"m": (1200, "2026-11-22T11:25:59.001199+00:00")}
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    kept = list(read_rows(found, without=np.arange(1, 1100)))
    assert sum(table.num_rows for table in kept) == 101


def test_lists_of_an_answer_are_by_id_whatever_order_the_server_has() -> None:
    """PostgreSQL puts what was changed last; a correction must not move other rows."""
    task = make_task(3)
    task["annotations"] = [{**task["annotations"][0], "id": number} for number in (8, 5, 11)]
    kept = json.loads(task_pages._row(task)["task"])
    assert [one["id"] for one in kept["annotations"]] == [5, 8, 11]


def test_a_task_that_moved_while_it_was_read_is_not_settled() -> None:
    """Its counts say two answers, its list has one: it is read again next time."""
    assert not task_pages._row({**make_task(3), "total_annotations": 2})["settled"]


def test_any_flipped_bit_makes_a_copy_no_copy(tmp_path: Path) -> None:
    """300 random bits of the two files: refused before anything reads the rows."""
    path = tmp_path / "4.parquet"
    write_copy(path, range(1, 30))
    chance = random.Random(4)
    for file in (path, path.with_suffix(".json")):
        whole = file.read_bytes()
        for _ in range(150):
            content = bytearray(whole)
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            file.write_bytes(content)
            try:
                found = read_pulled(path, ABOUT)
            except StudyError:
                continue
            # White space at the end of JSON.
            assert found.watermark_us == 5
            assert json.loads(content) == json.loads(whole)
        file.write_bytes(whole)
    assert read_pulled(path, ABOUT).watermark_us == 5


def test_files_of_two_writings_are_no_copy(tmp_path: Path) -> None:
    """A kill between the two leaves new rows under an old watermark, one in them a part."""
    path = tmp_path / "4.parquet"
    (tmp_path / ".4.parquet.0123456789abcdef.parquet").write_bytes(b"a part")
    write_copy(path, range(1, 30), watermark_us=5)
    old = path.with_suffix(".json").read_bytes()
    write_copy(path, range(1, 31), watermark_us=6)
    path.with_suffix(".json").write_bytes(old)
    with pytest.raises(StudyError, match="damaged"):
        read_pulled(path, ABOUT)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["4.json", "4.parquet"]


def test_a_writing_that_fails_leaves_the_old_copy(tmp_path: Path) -> None:
    """The server broke off in the middle of the pages."""
    path = tmp_path / "4.parquet"
    write_copy(path, range(1, 30))

    def break_off() -> None:
        with writing_pulled(path, ABOUT, [1], 9) as write:
            write(task_pages._rows([make_task(77)]))
            raise ConnectionAbortedError

    with pytest.raises(StudyError):
        break_off()
    assert read_pulled(path, ABOUT).watermark_us == 5
    assert sorted(one.name for one in tmp_path.iterdir()) == ["4.json", "4.parquet"]


def peak_bytes(path: Path, n_tasks: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Copy a made-up project through the real code; tell the peak of Python's memory."""
    totals = Totals(n_tasks, n_tasks, n_tasks, as_us("2027-01-01T00:00:00Z"))

    def read_pages(_: object, __: int, *, above: int, up_to: int | None) -> Iterator[pa.Table]:
        last = up_to or n_tasks
        for first in range(above + 1, last + 1, task_pages.PAGE_SIZE):
            numbers = range(first, min(first + task_pages.PAGE_SIZE, last + 1))
            yield task_pages._rows([make_task(one, f"{one} of 4 kB " * 250) for one in numbers])

    monkeypatch.setattr(catch_up, "read_totals", lambda *_: totals)
    monkeypatch.setattr(catch_up, "read_pages", read_pages)
    monkeypatch.setattr(catch_up, "read_cuts", lambda *_: [n_tasks // 2])
    monkeypatch.setattr(
        catch_up, "read_stamps", lambda *_, since_us: read_pulled(path, ABOUT).stamps.iloc[:0]
    )
    monkeypatch.setattr(
        catch_up, "read_versions", lambda *_: prediction_versions(read_pulled(path, ABOUT))
    )
    clients: Any = [object(), object()]
    source = catch_up.Source(clients, 4, path, ABOUT, [1], 0)
    tracemalloc.start()
    try:
        found = catch_up.pull_anew(source)
        assert sum(len(block) for block in read_tasks(found)) == n_tasks
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_number_of_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times the tasks, 3 kB each: 1 kB more for each of them at most, not their text alone."""
    few = peak_bytes(tmp_path / "few" / "4.parquet", 1_500, monkeypatch)
    many = peak_bytes(tmp_path / "many" / "4.parquet", 6_000, monkeypatch)
    # Two threads make the peak of a few pages differ by some hundred kB.
    assert many - few < 4_500 * 1_000
    assert pulled.ROWS_AT_ONCE <= 500
