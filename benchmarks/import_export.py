"""Tasks per second of our push and pull, against the plain ways, on one server in one run.

References: (a) raw ``requests.post`` of the same JSON, 10,000 tasks at a time and one
request after the other, (b) the SDK's ``tasks.create`` and ``predictions.create`` in a
loop, (c) Label Studio's own one-request export. Run it with the server extra installed:

    python benchmarks/import_export.py [--tasks 10000] [--rounds 5] [--loop 100]
        [--postgres] [--only-push]

It starts an embedded server in a temporary folder, or with ``--postgres`` a Label Studio of
two workers on Debian's PostgreSQL, and stops it. Other work on the machine disturbs it, so
ours and the reference take turns, each time in a fresh project, each going first every other
round; each round gives one ratio, and the median counts. Beside the rates stand the CPU
seconds of server and client together, which other work disturbs less, and at the end the peak
of Python's memory in a push and a pull of their own.
"""

import argparse
import gc
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from label_studio_sdk import LabelStudio
from servers import Server, running

from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.pull import pull_answers
from ls_integration.server.push import push_tasks

RAW_TASKS = 10_000
"""Of one raw request."""

XML = label_config_xml("sted_quality")

Ways = dict[str, Callable[[], object]]
"""Name of a way -> the work."""


def make_tasks(n_tasks: int) -> list[dict[str, Any]]:
    """Make tasks with a prediction and an annotation each, as a replayed study has."""
    control = parse(XML).choices()
    return [
        {
            "data": {
                "image": f"/data/local-files/?d=0123456789abcdef/{number:016x}.webp",
                "item_id": f"{number:016x}",
                "progress": f"Image {number + 1} of {n_tasks}",
                "structure": "actin",
                "criterion": "normal: a quality of 0.70 or more",
                "keys": "agree: Enter",
            },
            "predictions": [
                {
                    "model_version": "m",
                    "score": number / n_tasks,
                    "result": choice_result(control, "normal"),
                }
            ],
            "annotations": [
                {
                    "result": choice_result(control, "anomaly"),
                    "lead_time": 1.5,
                    "ground_truth": False,
                }
            ],
        }
        for number in range(n_tasks)
    ]


@dataclass(frozen=True)
class Cost:
    """What one way took: seconds on the clock, and of CPU in server and client."""

    wall_s: float
    cpu_s: float


class Stopwatch:
    """Measures work on one server, and says so at once."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def cost(self, name: str, n_tasks: int, work: Callable[[], object]) -> Cost:
        """Do *work* and print its rate."""
        started_s, started_cpu_s = time.perf_counter(), self._cpu_s()
        work()
        cost = Cost(time.perf_counter() - started_s, self._cpu_s() - started_cpu_s)
        say(f"  {name:22} {n_tasks / cost.wall_s:8.1f} tasks/s {cost.cpu_s:8.2f} CPU s")
        return cost

    def _cpu_s(self) -> float:
        return self._server.cpu_s() + time.process_time()


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def compare(name: str, ours: list[Cost], reference: list[Cost]) -> str:
    """Say how fast ours is, as a multiple of the reference: per round, and the median."""
    wall = [other.wall_s / own.wall_s for own, other in zip(ours, reference, strict=True)]
    cpu = [other.cpu_s / own.cpu_s for own, other in zip(ours, reference, strict=True)]
    rounds = " ".join(f"{ratio:.2f}" for ratio in wall)
    return (
        f"{name}: {statistics.median(wall):.2f} (rounds: {rounds}), "
        f"by CPU time {statistics.median(cpu):.2f}"
    )


def main() -> None:
    """Measure all ways on one fresh server and print the rates and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loop", type=int, default=100, help="tasks of the SDK's loop")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--only-push", action="store_true", help="benchmarks/export.py pulls")
    arguments = parser.parse_args()
    tasks = make_tasks(arguments.tasks)
    with running(postgres=arguments.postgres) as server:
        measure(server, tasks, arguments.rounds, arguments.loop, arguments.only_push)


def measure(
    server: Server,
    tasks: list[dict[str, Any]],
    n_rounds: int,
    n_loop: int,
    only_push: bool,
) -> None:
    """Measure every way in projects of its own."""
    study = server.folder / "study"
    study.mkdir()
    token = server.token.get_secret_value()
    headers = {"Authorization": f"Token {token}"}
    client = Client(server.url, server.token)
    sdk = LabelStudio(base_url=server.url, api_key=token)
    sdk.projects.list()
    watch = Stopwatch(server)

    def project(title: str) -> int:
        made = client.post("/api/projects", json={"title": title, "label_config": XML})
        return int(made["id"])

    def push(project_id: int) -> None:
        push_tasks(client, project_id, tasks, study_folder=study, in_flight=server.in_flight)

    def raw(project_id: int) -> None:
        for start in range(0, len(tasks), RAW_TASKS):
            answer = requests.post(
                f"{server.url}/api/projects/{project_id}/import",
                headers=headers,
                json=tasks[start : start + RAW_TASKS],
                timeout=600,
            )
            answer.raise_for_status()

    def loop(project_id: int) -> None:
        for task in tasks[:n_loop]:
            made = sdk.tasks.create(project=project_id, data=task["data"])
            sdk.predictions.create(task=made.id, **task["predictions"][0])

    def export(project_id: int) -> None:
        answer = requests.get(
            f"{server.url}/api/projects/{project_id}/export",
            headers=headers,
            params={"exportType": "JSON"},
            timeout=600,
        )
        if len(answer.json()) != len(tasks):
            sys.exit("the export is incomplete")

    def pull(project_id: int) -> None:
        if len(pull_answers(client, project_id, with_predictions=False)) != len(tasks):
            sys.exit("the pull is incomplete")

    def in_turn(number: int, n_tasks: int, ways: Ways) -> dict[str, Cost]:
        ordered = list(ways.items())
        return {
            name: watch.cost(name, n_tasks, work)
            for name, work in (ordered if number % 2 else reversed(ordered))
        }

    # The server imports code and fills caches with its first requests.
    warm_up = project("warm-up")
    push_tasks(client, warm_up, tasks[:100], study_folder=study)
    pull_answers(client, warm_up, with_predictions=False)
    client.get(f"/api/projects/{warm_up}/export", params={"exportType": "JSON"})
    say(f"{len(tasks)} tasks with a prediction and an annotation each")
    rounds: dict[str, list[Cost]] = {}
    for number in range(1, n_rounds + 1):
        say(f"round {number}")
        ours, plain = project(f"ours {number}"), project(f"raw {number}")
        pushes: Ways = {"push ours": lambda to=ours: push(to), "raw post": lambda to=plain: raw(to)}
        pulls: Ways = {"pull ours": lambda of=ours: pull(of), "export": lambda of=ours: export(of)}
        costs = in_turn(number, len(tasks), pushes)
        if not only_push:
            costs |= in_turn(number, len(tasks), pulls)
        for name, cost in costs.items():
            rounds.setdefault(name, []).append(cost)
    watch.cost("push that sends nothing", len(tasks), lambda: push(ours))
    looped = watch.cost("SDK loop", n_loop, lambda: loop(project("loop")))
    say(compare("push ours / raw post", rounds["push ours"], rounds["raw post"]))
    if not only_push:
        say(compare("pull ours / export", rounds["pull ours"], rounds["export"]))
    pushed_s = statistics.median(cost.wall_s for cost in rounds["push ours"])
    say(f"push ours / SDK loop: {looped.wall_s / n_loop * len(tasks) / pushed_s:.0f}")
    memory = project("memory")
    measured: Ways = {"push": lambda: push(memory)}
    if not only_push:
        measured["pull"] = lambda: pull(memory)
    for name, work in measured.items():
        gc.collect()
        tracemalloc.start()
        work()
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        say(f"{name} of ours: peak of Python's memory {peak_mb:.1f} MB above the tasks themselves")


if __name__ == "__main__":
    main()
