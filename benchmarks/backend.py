"""What an opened page waits for: our ML backend, label-studio-ml's own, and the model alone.

    .venv/bin/python benchmarks/backend.py [--requests 60] [--rounds 3]

Three servers in one run, round by round in turns, each asked by 1 and by 8 clients for one task a
request, as Label Studio does when a page is opened:

- `model alone`: in this process, without HTTP: read the source file, features, score. The floor.
- `ours`: `ls-integration backend --model` under gunicorn (1 process, 4 threads), the same model on
  the same images: `/predict`, and `/setup` before it.
- `theirs`: label-studio-ml's own development server with a model that always says "normal": no
  image is read. What it does besides is what it costs.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

from ls_integration import study
from ls_integration.kinds.sted_quality import make_items
from ls_integration.kinds.sted_source import read_source
from ls_integration.models.saved import load_model
from ls_integration.resources import label_config_xml
from ls_integration.sample import write_sample
from ls_integration.server.embedded import free_port
from ls_integration.serving.inputs import StedInput
from ls_integration.workflows.study_inputs import StudyInputs

CLIENTS = (1, 8)
N_IMAGES = 60
XML = label_config_xml("sted_quality")

THEIRS = """
import sys
from label_studio_ml.api import init_app
from label_studio_ml.model import LabelStudioMLBase


class Dummy(LabelStudioMLBase):
    def predict(self, tasks, **kwargs):
        result = {"from_name": "label", "to_name": "image", "type": "choices",
                  "value": {"choices": ["normal"]}}
        return [{"result": [result], "score": 0.5} for _ in tasks]


init_app(model_class=Dummy, model_dir=sys.argv[2]).run(port=int(sys.argv[1]))
"""

Ask = Callable[[int], None]


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        find, item_ids = _prepare(folder)
        ours, theirs = free_port(), free_port()
        words = ["backend", "--model", "m.skops", "--study", "bench", "--port", str(ours)]
        (folder / "theirs").mkdir()
        commands = (
            [sys.executable, "-m", "ls_integration", *words],
            [sys.executable, "-c", THEIRS, str(theirs), str(folder / "theirs")],
        )
        log = (folder / "log").open("w")
        servers = [
            subprocess.Popen(words, cwd=folder, stdout=log, stderr=log) for words in commands
        ]
        try:
            for port in (ours, theirs):
                _wait_for(port)
            ways = {
                "model alone": _alone(folder, find, item_ids),
                "ours /predict": _by_http(ours, "/predict", item_ids),
                "ours /setup": _by_http(ours, "/setup", item_ids),
                "theirs /predict": _by_http(theirs, "/predict", item_ids),
                "theirs /setup": _by_http(theirs, "/setup", item_ids),
            }
            _measure(ways, options.requests, options.rounds)
        finally:
            for server in servers:
                server.terminate()
                server.wait()
            log.close()


def _prepare(folder: Path) -> tuple[StudyInputs, list[str]]:
    """Make a sample, a study of it and a model; nothing is sent to a server."""
    manifest = write_sample(folder / "sample", N_IMAGES)
    plan = study.Study(
        kind="sted-quality", title="Bench", blind=False, options={"source": str(manifest)}
    )
    items = make_items(read_source(manifest).rows, make_id=plan.item_id, normal_at_least=0.7)
    study.save(folder / "studies" / "bench", plan)
    study.write_items(folder / "studies" / "bench", items.assign(image="p/x.webp", peak_count=9.0))
    words = ["train", "sted-quality", str(manifest), "--output", "m.skops", "--quiet"]
    subprocess.run(
        [sys.executable, "-m", "ls_integration", *words],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return StudyInputs(folder / "studies" / "bench"), items["item_id"].tolist()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            if requests.get(f"http://127.0.0.1:{port}/health", timeout=2).ok:
                # Label Studio's first call: theirs makes its model then.
                body = {"project": "1.1", "schema": XML}
                requests.post(f"http://127.0.0.1:{port}/setup", json=body, timeout=30)
                return
        except requests.RequestException:
            time.sleep(0.2)
    msg = f"nothing came up on port {port}"
    raise SystemExit(msg)


def _alone(folder: Path, find: StudyInputs, item_ids: list[str]) -> Ask:
    model = load_model(folder / "m.skops")

    def ask(number: int) -> None:
        found = find({"item_id": item_ids[number % len(item_ids)]})
        assert isinstance(found, StedInput)
        model.score_sted(found.read()[None])

    return ask


def _by_http(port: int, path: str, item_ids: list[str]) -> Ask:
    # Label Studio keeps no connection between two pages either: a new one each time.
    def ask(number: int) -> None:
        data = {"item_id": item_ids[number % len(item_ids)], "image": "/data/local-files/?d=x"}
        body: dict[str, Any] = {"project": "1.1", "schema": XML, "label_config": XML}
        if path == "/predict":
            body["tasks"] = [{"id": 1, "project": 1, "data": data}]
        answer = requests.post(f"http://127.0.0.1:{port}{path}", json=body, timeout=60)
        answer.raise_for_status()
        if path == "/predict":
            assert answer.json()["results"][0]["result"], "no prediction"

    return ask


def _measure(ways: dict[str, Ask], n_requests: int, n_rounds: int) -> None:
    times: dict[tuple[str, int], list[float]] = {}
    whole: dict[tuple[str, int], float] = {}
    for ask in ways.values():
        ask(0)
    for _ in range(n_rounds):
        for n_clients in CLIENTS:
            for name, ask in ways.items():
                key = (name, n_clients)
                started = time.perf_counter()
                with ThreadPoolExecutor(n_clients) as pool:
                    times.setdefault(key, []).extend(
                        pool.map(lambda number, ask=ask: _timed(ask, number), range(n_requests))
                    )
                whole[key] = whole.get(key, 0.0) + time.perf_counter() - started
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; {n_rounds} rounds in turns")
    print(f"{'':<16}{'clients':>8}{'requests/s':>12}{'p50 ms':>9}{'p95 ms':>9}")
    for (name, n_clients), found in sorted(times.items(), key=lambda one: one[0][1]):
        rate = len(found) / whole[name, n_clients]
        percent = statistics.quantiles(found, n=20, method="inclusive")
        median_ms, high_ms = 1000 * statistics.median(found), 1000 * percent[18]
        print(f"{name:<16}{n_clients:>8}{rate:>12.1f}{median_ms:>9.1f}{high_ms:>9.1f}")


def _timed(ask: Ask, number: int) -> float:
    started = time.perf_counter()
    ask(number)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
