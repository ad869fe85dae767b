"""The 215 real cutouts into Label Studio and back: ours, the SDK's way, FiftyOne's way.

    python benchmarks/side_by_side.py [--rounds 3]

One embedded server in a temporary folder; the ways take turns, each going first in another
round, and the median counts. Before each round the server is idle.

ours
    ``import cutouts`` with its defaults: cutout, neighbourhood and whole frame of each error,
    the model's answer and score, the tile's place; ``export`` back into the table.
sdk
    As Label Studio's SDK guide has it: crop (the guide has no word for that), put the pictures
    below the server's folder, ``import_storage.local.create``, all tasks with their predictions
    in one ``projects.import_tasks``, ``tasks.list`` back.
fiftyone
    What ``fiftyone/utils/labelstudio.py`` does, made anew with requests, since FiftyOne itself
    needs a MongoDB: crop, all pictures in one multipart upload, ``reimport``, the last ids of the
    listing in the order of the files, the predictions in one request; back it reads each task and
    keeps the newest annotation.
fiftyone, lots of 100
    The same, a project filled in several uploads, since the server takes 100 files a request.

"after a cut" is another run: the client is stopped while it waits for the answer to its first
request that makes tasks, which the server carries out; then the same call is made again.
"""

import argparse
import io
import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import pandas as pd
import requests
from label_studio_sdk import LabelStudio
from PIL import Image
from servers import Server, running

from ls_integration.settings import load
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.export import export
from ls_integration.workflows.import_cutouts import import_cutouts

REAL = Path(__file__).resolve().parents[2] / "shared/data/des_cutouts"
TILE_PX = 200
FILES_A_REQUEST = 100
LABELS = ("no artifact", "artifact")
CONFIG = """<View>
  <Image name="image" value="$image"/>
  <Choices name="label" toName="image">
    <Choice value="no artifact"/><Choice value="artifact"/>
  </Choices>
</View>"""


@dataclass
class Requests:
    """Counts requests, and stops the client after the first that makes tasks."""

    n_requests: int = 0
    is_cut: bool = False

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what both HTTP libraries send."""
        with (
            mock.patch.object(requests.Session, "send", self._around(requests.Session.send)),
            mock.patch.object(httpx.Client, "send", self._around(httpx.Client.send)),
        ):
            yield

    def _around(self, send: Callable[..., Any]) -> Callable[..., Any]:
        def sent(session: Any, request: Any, **options: Any) -> Any:
            answer = send(session, request, **options)
            self.n_requests += 1
            if self.is_cut and str(request.url).partition("?")[0].endswith("/import"):
                raise KeyboardInterrupt
            return answer

        return sent


@dataclass
class Way:
    """One way in and back.

    Attributes
    ----------
    bring : callable
        Takes a title and brings the cutouts to the server; gives what ``read`` wants.
    read : callable
        Gives the number of answers that come back.
    """

    bring: Callable[[str], Any]
    read: Callable[[Any], int]
    in_s: list[float] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Bench:
    """What all ways share."""

    server: Server
    rows: pd.DataFrame

    @property
    def headers(self) -> dict[str, str]:
        """Give what each request carries."""
        return {"Authorization": f"Token {self.server.token.get_secret_value()}"}

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Send one request, and give its JSON."""
        answer = requests.request(
            method, self.server.url + path, headers=self.headers, timeout=600, **options
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def projects(self, title: str) -> list[int]:
        """Find the projects whose title begins so."""
        found = self.ask("GET", "/api/projects", params={"page_size": 1000})["results"]
        return [item["id"] for item in found if item["title"].startswith(title)]

    def tasks(self, project_id: int) -> list[dict[str, Any]]:
        """Give the tasks of a project."""
        asked = {"project": project_id, "page_size": 1000, "fields": "all"}
        tasks: list[dict[str, Any]] = self.ask("GET", "/api/tasks", params=asked)["tasks"]
        return tasks

    def crops(self) -> Iterator[tuple[pd.Series, bytes]]:
        """Cut each error from its frame, as PNG."""
        for name, rows in self.rows.groupby("image_name", sort=False):
            frame = Image.open(REAL / "images" / f"{name}.jpg")
            for _, row in rows.iterrows():
                left, top = int(row["grid_x"]), int(row["grid_y"])
                out = io.BytesIO()
                frame.crop((left, top, left + TILE_PX, top + TILE_PX)).save(out, "PNG")
                yield row, out.getvalue()


def name_of(row: pd.Series) -> str:
    """Name a cutout by its place."""
    return f"{row['image_name']}_{row['grid_x']}_{row['grid_y']}"


def ours(bench: Bench) -> Way:
    """Use this package, as its commands do."""
    settings = load(url=bench.server.url, api_key=bench.server.token, media=bench.server.media)

    def bring(title: str) -> Path:
        options = CutoutOptions(
            source=REAL / "images", predictions=REAL / "test_outputs.csv", title=title
        )
        return import_cutouts(
            options, settings, start=bench.server.folder, say=lambda _: None
        ).folder

    def read(study: Path) -> int:
        results = bench.server.folder / "results" / study.name
        export(study, settings, results, start=bench.server.folder)
        return len(pd.read_parquet(results / "annotations.parquet"))

    return Way(bring, read)


def sdk(bench: Bench) -> Way:
    """Follow the SDK's guide."""
    client = LabelStudio(base_url=bench.server.url, api_key=bench.server.token.get_secret_value())

    def bring(title: str) -> int:
        place = title.replace(" ", "-")
        folder = bench.server.media / place
        folder.mkdir(exist_ok=True, mode=0o700)
        tasks = []
        for row, png in bench.crops():
            (folder / f"{name_of(row)}.png").write_bytes(png)
            data = {"image": f"/data/local-files/?d={place}/{name_of(row)}.png"}
            tasks.append({"data": data, "predictions": [prediction(row)]})
        made = client.projects.create(title=title, label_config=CONFIG)
        client.import_storage.local.create(
            project=made.id, path=str(folder), use_blob_urls=True, title="pictures"
        )
        client.projects.import_tasks(id=made.id, request=tasks)
        return int(made.id)

    def read(project_id: int) -> int:
        listed = client.tasks.list(project=project_id, fields="all")
        return sum(len(task.annotations or []) for task in listed)

    return Way(bring, read)


def fiftyone(bench: Bench, files_a_request: int | None) -> Way:
    """Do what FiftyOne's integration does."""

    def bring(title: str) -> int:
        asked = {"title": title, "label_config": CONFIG}
        project_id = int(bench.ask("POST", "/api/projects", json=asked)["id"])
        crops = list(bench.crops())
        step = files_a_request or len(crops)
        for start in range(0, len(crops), step):
            upload(project_id, crops[start : start + step])
        return project_id

    def upload(project_id: int, crops: list[tuple[pd.Series, bytes]]) -> None:
        path = f"/api/projects/{project_id}"
        files = [(name_of(row), (f"{name_of(row)}.png", png, "image/png")) for row, png in crops]
        uploaded = bench.ask(
            "POST", f"{path}/import", params={"commit_to_project": True}, files=files
        )
        ids = {"file_upload_ids": uploaded["file_upload_ids"], "files_as_tasks_list": False}
        bench.ask("POST", f"{path}/reimport", json=ids)
        listed = [task["id"] for task in bench.tasks(project_id)][-len(files) :]
        predictions = [
            {"task": task_id, "result": prediction(row)["result"]}
            for task_id, (row, _) in zip(listed, crops, strict=False)
        ]
        bench.ask("POST", f"{path}/import/predictions", json=predictions)

    def read(project_id: int) -> int:
        newest = [
            max(task["annotations"], key=lambda item: str(item["updated_at"]))
            for task in bench.tasks(project_id)
            if task["is_labeled"]
        ]
        return len(newest)

    return Way(bring, read)


def prediction(row: pd.Series) -> dict[str, Any]:
    """Give the model's answer and its score, as Label Studio wants it."""
    value = {"choices": [LABELS[int(row["preds"])]]}
    result = {"from_name": "label", "to_name": "image", "type": "choices", "value": value}
    return {"model_version": "cnn", "score": float(row["scores"]), "result": [result]}


def main() -> None:
    """Measure all ways on one fresh server, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    n_rounds = parser.parse_args().rounds
    table = pd.read_csv(REAL / "test_outputs.csv")
    errors = table[table["label"] != table["preds"]].reset_index(drop=True)
    with running(postgres=False) as server:
        measure(Bench(server, errors), n_rounds)


def measure(bench: Bench, n_rounds: int) -> None:
    """Take turns, then look at what each way lost."""
    ways = {
        "ours": ours(bench),
        "sdk": sdk(bench),
        "fiftyone": fiftyone(bench, None),
        "fiftyone, lots of 100": fiftyone(bench, FILES_A_REQUEST),
    }
    names = list(ways)
    counts: dict[str, Requests] = {}
    brought: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for number in range(n_rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            if name in failed:
                continue
            counts[name] = Requests()
            started_s = time.perf_counter()
            try:
                with counts[name].counted():
                    brought[name] = ways[name].bring(f"{name} {number}")
            except requests.HTTPError as error:
                failed[name] = f"the server answers {error.response.status_code}"
                continue
            ways[name].in_s.append(time.perf_counter() - started_s)
            say(f"round {number + 1}: {name} {ways[name].in_s[-1]:.1f} s")
    say("")
    for name in names:
        if name in failed:
            say(f"{name}: {failed[name]} to {len(bench.rows)} files in one request")
            continue
        last = f"{name} {n_rounds - 1}"
        (project_id,) = bench.projects(last)
        kept = Counter(part for task in bench.tasks(project_id) for part in parts(bench, task))
        answer_twice(bench, project_id)
        back = Requests()
        started_s = time.perf_counter()
        with back.counted():
            n_back = ways[name].read(brought[name])
        ways[name].back_s.append(time.perf_counter() - started_s)
        median_s, base_s = statistics.median(ways[name].in_s), statistics.median(ways["ours"].in_s)
        say(
            f"{name}: in {median_s:.1f} s ({median_s / base_s:.2f} of ours), "
            f"{counts[name].n_requests} requests; of {len(bench.rows)}: {json.dumps(kept)}; "
            f"back {ways[name].back_s[0]:.1f} s, {back.n_requests} requests, "
            f"{n_back} of {2 * len(bench.rows)} answers"
        )
        say(f"    after a cut: {cut(bench, ways[name], name)}")


def parts(bench: Bench, task: dict[str, Any]) -> Iterator[str]:
    """Tell what a task has: name each thing."""
    row = row_of(bench, task)
    yield "tasks"
    pictures = [value for value in task["data"].values() if str(value).startswith("/data/")]
    answers = [
        requests.get(bench.server.url + path, headers=bench.headers, timeout=60)
        for path in pictures
    ]
    if answers and all(answer.ok for answer in answers):
        yield "pictures"
    table = dict(re.findall(r"<td>(\w+)</td><td>(.*?)</td>", str(task["data"])))
    answer = f'"{LABELS[int(row["preds"])]}"'
    if table.get("preds") == str(row["preds"]) or answer in json.dumps(task["predictions"]):
        yield "the model's answer"
    if table.get("label") == str(row["label"]):
        yield "old label"
    if any(item["score"] is not None for item in task["predictions"]):
        yield "its score"
    if "grid_x" in str(task["data"]):
        yield "place in the frame"
    if "tiles" in task["data"]:
        yield "neighbourhood"


def row_of(bench: Bench, task: dict[str, Any]) -> pd.Series:
    """Find the row that a task's picture was cut for: by its table, or the picture's name."""
    told = dict(re.findall(r"<td>(image_name|grid_x|grid_y)</td><td>(.*?)</td>", str(task["data"])))
    text = f"{name_of(pd.Series(told))}.png" if told else str(task["data"])
    named = [f"{name}.png" in text for name in bench.rows.apply(name_of, axis=1)]
    row: pd.Series = bench.rows[named].iloc[0]
    return row


def answer_twice(bench: Bench, project_id: int) -> None:
    """Two answers for each task, the second another one."""
    for task in bench.tasks(project_id):
        template = task["predictions"][0]["result"] if task["predictions"] else []
        for _ in range(2):
            bench.ask(
                "POST",
                f"/api/tasks/{task['id']}/annotations/",
                json={"result": template, "lead_time": 1.0},
            )


def cut(bench: Bench, way: Way, name: str) -> str:
    """Stop the client, call again, and count."""
    title = f"cut {name}"
    with suppress(KeyboardInterrupt), Requests(is_cut=True).counted():
        way.bring(title)
    started_s = time.perf_counter()
    way.bring(title)
    again_s = time.perf_counter() - started_s
    found = [len(bench.tasks(project_id)) for project_id in bench.projects(title)]
    return (
        f"{len(found)} project(s) with {' and '.join(map(str, found))} tasks, "
        f"{again_s:.1f} s for the second call"
    )


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
