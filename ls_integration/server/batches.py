"""How much goes into one request: batches that follow the server's pace.

A request that runs into a proxy's limit (often 60 s) may have been carried out
or not; one that is too small pays the fixed price of a request too often. So a
batch grows while the server answers fast and shrinks when it does not.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

FIRST_BATCH_TASKS = 1000
"""Below 60 s on any server that takes 17 tasks/s; a development server takes
450 to 950."""

MIN_BATCH_TASKS = 100
"""A request's fixed price (0.03 s of a development server, 100 tasks 0.12 s) stays
small. The slowest way in, one request per task and prediction, makes 6 to 8 tasks/s:
at that pace these take 17 s."""

MAX_BATCH_TASKS = 10_000
"""More saves nothing: a development server needs 10 to 12 s for 10,000 tasks, in
one request as in ten."""

MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Far below the 250 MB body limit, small enough for slow lines."""

AIM_S = 5.0
"""Answer time to aim at, far below the 60 s at which proxies cut a request off."""

_MAX_GROWTH = 2
_AFTER_A_CUT = 4

# What a task's JSON is, once for all: compact, and never the NaN that JSON has not.
_encode_task = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def next_batch_tasks(current: int, tasks: int, seconds: float) -> int:
    """Choose the size of the next batch from how the last one went.

    Parameters
    ----------
    current : int
        Most tasks that the last batch might hold, 1 or more.
    tasks : int
        Tasks that it held, at most *current*: the bytes may have been too
        many, or no more tasks were left.
    seconds : float
        The server's answer time, in seconds, 0 or more.

    Returns
    -------
    int
        Most tasks that the next batch may hold: what the server would take in
        `AIM_S` at the pace of the last batch, at most twice what it has been
        seen to take, within `MIN_BATCH_TASKS` and `MAX_BATCH_TASKS`.
    """
    # A batch smaller than allowed proves nothing about larger ones.
    most = max(current, _MAX_GROWTH * tasks)
    wanted = most if seconds * most <= AIM_S * tasks else int(AIM_S * tasks / seconds)
    return max(MIN_BATCH_TASKS, min(wanted, MAX_BATCH_TASKS))


def first_batch_tasks(unfinished: Iterable[int]) -> int:
    """Choose the size of a run's first batch.

    Parameters
    ----------
    unfinished : iterable of int
        Sizes of the batches that an earlier run sent and got no answer to.

    Returns
    -------
    int
        `FIRST_BATCH_TASKS`, or less after an unfinished batch: where the
        server was too slow for it, the same size would fail again.
    """
    smallest = min(unfinished, default=None)
    if smallest is None:
        return FIRST_BATCH_TASKS
    return max(MIN_BATCH_TASKS, min(FIRST_BATCH_TASKS, smallest // _AFTER_A_CUT))


def encode_batch(tasks: Iterable[Mapping[str, Any]]) -> tuple[int, bytes]:
    """Encode as many of *tasks* as one request may carry.

    Parameters
    ----------
    tasks : iterable of dict
        At least one.

    Returns
    -------
    n_tasks : int
        How many, from the first on; 1 or more.
    body : bytes
        The JSON array of these tasks, at most `MAX_BATCH_BYTES` unless one
        task alone has more.
    """
    # The encoder escapes what is not ASCII: characters are bytes.
    parts: list[str] = []
    size_bytes = len("[]")
    for task in tasks:
        part = _encode_task(task)
        size_bytes += len(part) + len(",")
        if parts and size_bytes > MAX_BATCH_BYTES:
            break
        parts.append(part)
    return len(parts), f"[{','.join(parts)}]".encode("ascii")
