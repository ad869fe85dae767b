"""Tasks per second of our push and pull, against the plain ways, on one server in one run.

References: (a) one raw ``requests.post`` of the same JSON, (b) the SDK's
``tasks.create`` and ``predictions.create`` in a loop, (c) Label Studio's own
one-request export. Run it with the server extra installed:

    python benchmarks/import_export.py [--tasks 10000] [--loop 100]

It starts an embedded server in a temporary folder and stops it.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from label_studio_sdk import LabelStudio

from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server import embedded
from ls_integration.server.client import Client
from ls_integration.server.pull import pull_answers
from ls_integration.server.push import push_tasks

XML = label_config_xml("sted_quality")


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


def rate(n_tasks: int, work: Callable[[], object]) -> float:
    """Measure tasks per second."""
    started = time.perf_counter()
    work()
    return n_tasks / (time.perf_counter() - started)


def main() -> None:
    """Measure all ways on one fresh server and print the rates and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--loop", type=int, default=100, help="tasks of the SDK's loop")
    arguments = parser.parse_args()
    tasks = make_tasks(arguments.tasks)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / ".label-studio"
        server = embedded.start(data_dir, port=embedded.free_port(), working_dir=Path(folder))
        try:
            measure(server, tasks, arguments.loop, Path(folder) / "study")
        finally:
            embedded.stop(data_dir)


def measure(
    server: embedded.EmbeddedServer, tasks: list[dict[str, Any]], n_loop: int, study: Path
) -> None:
    """Measure every way in a project of its own."""
    study.mkdir()
    token = server.token.get_secret_value()
    headers = {"Authorization": f"Token {token}"}
    client = Client(server.url, server.token)
    sdk = LabelStudio(base_url=server.url, api_key=token)
    sdk.projects.list()

    def project(title: str) -> int:
        made = client.post("/api/projects", json={"title": title, "label_config": XML})
        return int(made["id"])

    def raw(project_id: int) -> None:
        answer = requests.post(
            f"{server.url}/api/projects/{project_id}/import",
            headers=headers,
            json=tasks,
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

    ours = project("ours")
    pushed = rate(len(tasks), lambda: push_tasks(client, ours, tasks, study_folder=study))
    again = rate(len(tasks), lambda: push_tasks(client, ours, tasks, study_folder=study))
    plain = project("raw")
    posted = rate(len(tasks), lambda: raw(plain))
    looped = rate(n_loop, lambda: loop(project("loop")))
    pulled = rate(len(tasks), lambda: pull_answers(client, ours, with_predictions=False))
    exported = rate(len(tasks), lambda: export(plain))
    lines = [
        f"{len(tasks)} tasks with a prediction and an annotation each, tasks/s",
        f"push   ours {pushed:8.0f}   raw post {posted:8.0f}   SDK loop {looped:8.1f}",
        f"       ours / raw post = {pushed / posted:.2f}   ours / SDK loop = {pushed / looped:.0f}",
        f"       a second push, which sends nothing: {again:.0f}",
        f"pull   ours {pulled:8.0f}   export {exported:8.0f}   ratio {pulled / exported:.2f}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
