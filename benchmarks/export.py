"""Seconds of an export: ours in full, Label Studio's own, the SDK's, ours after 1 % changed.

    python benchmarks/export.py [--tasks 2000] [--rounds 3] [--postgres] [--sdk 1] [--blind]

It starts an embedded server (SQLite, one process) in a temporary folder, or with ``--postgres``
a Label Studio of two workers on Debian's PostgreSQL, imports a study of that many images with an
answer each, and stops it. ``--sdk`` is the number of rounds in which the SDK takes part. With
``--blind`` tasks have no prediction: Label Studio's own export writes only the ids of those, ours
and the SDK's bring them, and they cost the server nearly as much as the answers.

Ours is all that `export` does before it writes results: pages, the copy in the study's folder,
its check against the server's totals, the annotations table. The other ways only fetch and
decode. Full ways take turns, each going first in another round; the median counts. Before the
incremental exports it waits until the import has left the window that all but the first look
back over, as in any real study. The peak of Python's memory is that of a run of its own. CPU
seconds are of server and client together: other work on the machine disturbs them less.
"""

import argparse
import gc
import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any
from unittest import mock

import requests
from import_export import XML, Cost, Stopwatch, make_tasks, say
from label_studio_sdk import LabelStudio
from servers import Server, running

from ls_integration import study as studies
from ls_integration.label_config import choice_result, parse
from ls_integration.progress import silent
from ls_integration.server.client import Client
from ls_integration.server.pull import pull_answers
from ls_integration.server.push import push_tasks
from ls_integration.settings import load
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import connect
from ls_integration.workflows.pulled_answers import pull_projects

WINDOW_S = 180.0
"""How far an incremental export looks back: the request limit and a minute for clocks."""

SHARE = 0.01

SDK = "the SDK's listing"


def main() -> None:
    """Measure all ways on one fresh server and print seconds, ratios and longest requests."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2_000, help="up to 50,000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sdk", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--blind", action="store_true")
    arguments = parser.parse_args()
    with running(postgres=arguments.postgres) as server:
        measure(server, arguments.tasks, arguments.rounds, arguments.sdk, arguments.blind)


def measure(server: Server, n_tasks: int, n_rounds: int, n_sdk_rounds: int, is_blind: bool) -> None:
    """Make the study, read it in every way, and print what it took."""
    start = server.folder
    folder = start / "studies" / "export"
    token = server.token.get_secret_value()
    client = Client(server.url, server.token)
    sdk = LabelStudio(base_url=server.url, api_key=token)
    # Label Studio's own export, wherever a proxy or a worker's limit would end it.
    timeout_s = 3_600

    study = Study(kind="sted-quality", title="Export", blind=is_blind, server_url=server.url)
    made = int(client.post("/api/projects", json={"title": "Export", "label_config": XML})["id"])
    study = study.with_project(Project(key="all", title="Export", project_id=made, shared=True))
    studies.save(folder, study)
    tasks = make_tasks(n_tasks)
    item_ids = {task["data"]["item_id"] for task in tasks}
    if is_blind:
        for task in tasks:
            del task["predictions"]
    push_tasks(client, made, tasks, study_folder=folder, in_flight=server.in_flight)
    imported_at_s = time.monotonic()

    longest_s: list[float] = []
    watch = Stopwatch(server)
    send = Client._send

    def timed(self: Client, *args: Any, **kwargs: Any) -> requests.Response:
        started_s = time.perf_counter()
        response = send(self, *args, **kwargs)
        longest_s.append(time.perf_counter() - started_s)
        return response

    def ours(*, full: bool) -> None:
        connection = connect(load(url=server.url, api_key=server.token), study, start)
        (found,) = pull_projects(
            study,
            folder,
            connection,
            sent_labels={},
            with_predictions=not is_blind,
            item_ids=item_ids,
            full=full,
            say=say,
            report=silent,
        )
        check(len(found.annotations), n_tasks)

    def own_export() -> None:
        answer = requests.get(
            f"{server.url}/api/projects/{made}/export",
            headers={"Authorization": f"Token {token}"},
            params={"exportType": "JSON"},
            timeout=timeout_s,
        )
        check(len(answer.json()), n_tasks)

    def sdk_listing() -> None:
        tasks = sdk.tasks.list(
            project=made, fields="all", page_size=500, request_options={"timeout_in_seconds": 600}
        )
        check(sum(1 for _ in tasks), n_tasks)

    def take(name: str, work: Callable[[], object]) -> Cost:
        longest_s.clear()
        with mock.patch.object(Client, "_send", timed):
            cost = watch.cost(name, n_tasks, work)
        if longest_s:
            say(f"    {len(longest_s)} requests, longest {max(longest_s):.2f} s")
        return cost

    def correct(which: range) -> None:
        control = parse(XML).choices()
        for task in pull_answers(client, made, with_predictions=False)[which.start : which.stop]:
            path = f"/api/annotations/{task['annotations'][0]['id']}/"
            client.patch(path, json={"result": choice_result(control, "normal")})

    what = "an answer each" if is_blind else "a prediction and an answer each"
    say(f"{n_tasks} tasks with {what}, {os.cpu_count()} cores")
    # The server imports code and fills caches with its first requests.
    client.get("/api/tasks", params={"project": made, "page_size": 10, "fields": "all"})
    ways: dict[str, Callable[[], object]] = {
        "ours in full": lambda: ours(full=True),
        "Label Studio's JSON export": own_export,
        SDK: sdk_listing,
    }
    took: dict[str, list[Cost]] = {name: [] for name in ways}
    for number in range(n_rounds):
        say(f"round {number + 1}")
        order = list(ways)[number % len(ways) :] + list(ways)[: number % len(ways)]
        for name in order:
            if name != SDK or number < n_sdk_rounds:
                took[name].append(take(name, ways[name]))
    left_s = WINDOW_S - (time.monotonic() - imported_at_s)
    if left_s > 0:
        say(f"waiting {left_s:.0f} s")
        time.sleep(left_s + 1)
    n_changed = max(1, int(n_tasks * SHARE))
    took["ours after 1 % changed"], took["ours after nothing changed"] = [], []
    for number in range(n_rounds):
        correct(range(number * n_changed, (number + 1) * n_changed))
        for name in ("ours after 1 % changed", "ours after nothing changed"):
            took[name].append(take(name, lambda: ours(full=False)))
    full_s = statistics.median(cost.wall_s for cost in took["ours in full"])
    full_cpu_s = statistics.median(cost.cpu_s for cost in took["ours in full"])
    for name, costs in took.items():
        if not costs:
            continue
        wall_s = statistics.median(cost.wall_s for cost in costs)
        cpu_s = statistics.median(cost.cpu_s for cost in costs)
        say(
            f"{name}: {wall_s:.2f} s, {cpu_s:.2f} CPU s; of ours in full {wall_s / full_s:.3f}, "
            f"by CPU time {cpu_s / full_cpu_s:.3f}"
        )
    for name, work in {
        "ours in full": lambda: ours(full=True),
        "all tasks in one list": lambda: pull_answers(client, made, with_predictions=True),
    }.items():
        gc.collect()
        tracemalloc.start()
        work()
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        say(f"{name}: peak of Python's memory {peak_mb:.1f} MB")


def check(found: int, wanted: int) -> None:
    """End the program where a way has not brought everything."""
    if found != wanted:
        sys.exit(f"{found} instead of {wanted}")


if __name__ == "__main__":
    main()
