"""Batches follow the server's pace and stay within what a request may carry."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ls_integration.server import batches
from ls_integration.server.batches import (
    AIM_S,
    FIRST_BATCH_TASKS,
    MAX_BATCH_TASKS,
    MIN_BATCH_TASKS,
    encode_batch,
    first_batch_tasks,
    next_batch_tasks,
)

PROXY_LIMIT_S = 60.0


def answer_times(tasks_per_s: float, fixed_s: float, n_batches: int = 12) -> list[float]:
    """Send to a server of steady pace; give how long each answer took, in seconds."""
    seconds, most = [], first_batch_tasks([])
    for _ in range(n_batches):
        seconds.append(fixed_s + most / tasks_per_s)
        most = next_batch_tasks(most, most, seconds[-1])
    return seconds


@pytest.mark.parametrize("tasks_per_s", [30, 100, 450, 950])
@pytest.mark.parametrize("fixed_s", [0.0, 0.2])
def test_answers_soon_take_what_is_aimed_at(tasks_per_s: float, fixed_s: float) -> None:
    """From the third batch on, and never near a proxy's limit before."""
    seconds = answer_times(tasks_per_s, fixed_s)
    assert max(seconds) < PROXY_LIMIT_S
    assert all(0.75 * AIM_S < later < 1.25 * AIM_S for later in seconds[3:])


@pytest.mark.parametrize("tasks_per_s", [7.0, 20.0])
def test_the_slowest_servers_get_the_smallest_batches(tasks_per_s: float) -> None:
    """Small ones are soon reached, and are never cut off."""
    assert max(answer_times(tasks_per_s, 0.2)[1:]) < PROXY_LIMIT_S / 3


def test_a_price_per_request_does_not_shrink_batches_to_nothing() -> None:
    """Where every answer takes longer than aimed at, smaller batches would not help."""
    assert next_batch_tasks(MIN_BATCH_TASKS, MIN_BATCH_TASKS, 2 * AIM_S) == MIN_BATCH_TASKS


def test_batches_grow_step_by_step_and_end_growing() -> None:
    """One fast answer proves little: at most twice what was seen to go well."""
    assert next_batch_tasks(1000, 1000, 0.0) == 2000
    assert next_batch_tasks(1000, 1000, 0.1) == 2000
    assert next_batch_tasks(MAX_BATCH_TASKS, MAX_BATCH_TASKS, 0.1) == MAX_BATCH_TASKS


def test_a_batch_that_bytes_cut_short_neither_raises_nor_lowers_the_limit() -> None:
    """It says how fast the server is, not that it would take more."""
    assert next_batch_tasks(1000, 300, 0.1) == 1000
    assert next_batch_tasks(1000, 300, 3.0) == 500


def test_after_a_batch_without_an_answer_the_next_run_asks_for_less() -> None:
    """The same size would meet the same limit again."""
    assert first_batch_tasks([]) == FIRST_BATCH_TASKS
    assert first_batch_tasks([2000, 1000]) == 250
    assert first_batch_tasks([8000]) == FIRST_BATCH_TASKS
    assert first_batch_tasks([3]) == MIN_BATCH_TASKS


def test_the_body_is_the_tasks_in_order() -> None:
    """Cut by bytes, but a task that alone is too large goes alone."""
    small = [{"data": {"item_id": f"ä{number}"}} for number in range(3)]
    assert encode_batch(small) == (3, json.dumps(small, separators=(",", ":")).encode())
    large = {"data": {"text": "x" * batches.MAX_BATCH_BYTES}}
    assert encode_batch([*small, large])[0] == 3
    n_tasks, body = encode_batch([large, *small])
    assert (n_tasks, json.loads(body)) == (1, [large])


def test_a_body_never_exceeds_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commas and brackets count; every byte that may be used is used."""
    tasks = [{"data": {"item_id": str(number)}} for number in range(10)]
    one = len(json.dumps(tasks[0], separators=(",", ":")))
    for limit in range(one + 3, 5 * one):
        monkeypatch.setattr(batches, "MAX_BATCH_BYTES", limit)
        n_tasks, body = encode_batch(tasks)
        assert len(body) <= limit < len(body) + one + 2


def test_only_the_tasks_of_the_batch_are_encoded() -> None:
    """Of a long list no more is read than the request carries, and one task."""
    seen = []

    def tasks() -> Iterator[dict[str, Any]]:
        for number in range(100):
            seen.append(number)
            yield {"data": {"text": "x" * (batches.MAX_BATCH_BYTES // 4)}}

    assert encode_batch(tasks())[0] == 3
    assert len(seen) == 4


def test_json_has_no_nan() -> None:
    """Label Studio would store what no other reader takes."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_batch([{"data": {"score": float("nan")}}])
