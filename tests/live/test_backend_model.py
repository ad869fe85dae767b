"""A trained model behind a real Label Studio: pages that start from it, answers that teach it."""

import csv
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.kinds.sted_source import read_source
from ls_integration.label_config import choice_result, parse
from ls_integration.models.saved import load_model
from ls_integration.resources import label_config_xml
from ls_integration.sample import make_sample
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer, free_port
from ls_integration.server.pull import pull_answers
from ls_integration.serving.inputs import StedInput
from ls_integration.settings import Settings, load
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.import_cutouts import import_cutouts
from ls_integration.workflows.import_ratings import import_sted_rating
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.sted_options import ImportOptions, RatingOptions
from ls_integration.workflows.study_inputs import StudyInputs
from tests.commands import environment_of, run_command
from tests.survey_frames import survey_model

SCREENSHOTS = os.environ.get("LS_INTEGRATION_SCREENSHOTS")
"""Where to keep pictures of the pages."""

CONTROL = parse(label_config_xml("sted_quality")).choices()
PASSWORD = "a backend's own word"
DEADLINE_S = 240.0
N_IMAGES, N_WRONG, N_ANSWERS = 72, 14, 55

Login = Callable[[Page, EmbeddedServer, str, str], None]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a working folder."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def settings(live_server: EmbeddedServer) -> Settings:
    """Give the settings of a client on the server's machine."""
    return load(url=live_server.url, api_key=live_server.token, media=live_server.media)


@pytest.fixture(scope="module")
def truth(workplace: Path) -> dict[str, float]:
    """Write a sample in which some ratings are wrong; give the right ones by source path."""
    images = make_sample(N_IMAGES, 11)
    folder = workplace / "sample"
    wrong = set(np.random.default_rng(1).choice(N_IMAGES, N_WRONG, replace=False).tolist())
    folder.mkdir()
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "rating", "structure", "group"])
        for row, image in enumerate(images):
            path = folder / image.path
            path.parent.mkdir(exist_ok=True)
            np.savez_compressed(path, image=image.counts)
            said = (0.3 if image.rating >= 0.7 else 0.85) if row in wrong else image.rating
            writer.writerow([image.path, f"{said:.3f}", image.structure, image.group])
    return {image.path: image.rating for image in images}


@pytest.fixture(scope="module")
def model_path(workplace: Path, truth: dict[str, float]) -> Path:
    """Train a model on the sample with its wrong ratings, as people do."""
    words = ("train", "sted-quality", "sample", "--output", "sted.skops", "--quiet")
    done = run_command(workplace, *words)
    assert done.returncode == 0, done.stderr
    return workplace / "sted.skops"


@pytest.fixture(scope="module")
def environment(live_server: EmbeddedServer) -> dict[str, str]:
    """Give what the commands are told of server and backend."""
    return environment_of(live_server, LS_INTEGRATION_BACKEND_PASSWORD=PASSWORD)


@contextmanager
def _backend(folder: Path, environment: dict[str, str], *words: str) -> Iterator[tuple[str, Path]]:
    port, log = free_port(), folder / f"backend-{time.monotonic_ns()}.log"
    url = f"http://127.0.0.1:{port}"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ls_integration", "backend", *words, "--port", str(port)],
            cwd=folder,
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
        )
    try:
        _until(lambda: _is_up(url) or process.poll() is not None, log)
        assert process.poll() is None, log.read_text()
        yield url, log
    finally:
        process.terminate()
        code = process.wait(timeout=60)
    assert (code, "Traceback" in log.read_text()) == (0, False), log.read_text()
    assert PASSWORD not in log.read_text()


def _is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/health", timeout=2).ok
    except requests.RequestException:
        return False


def _until(is_so: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.3)


def _connect(folder: Path, study: Path, url: str, environment: dict[str, str], *more: str) -> str:
    done = run_command(
        folder, "connect-backend", str(study), "--backend-url", url, *more, environment=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _open(page: Page, stream: str, text: str) -> None:
    """Open the stream, close the instructions, wait for the page."""
    page.goto(stream)
    expect(page.get_by_text("Labeling Instructions")).to_be_visible(timeout=60_000)
    page.keyboard.press("Escape")
    expect(page.get_by_text("Labeling Instructions")).to_be_hidden()
    expect(page.get_by_text(text)).to_be_visible(timeout=60_000)
    page.wait_for_function("document.querySelector('.lsf-image img')?.naturalWidth > 0")


def _picture(page: Page, name: str) -> None:
    if SCREENSHOTS:
        page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"))


def test_answers_teach_the_model_that_pages_start_from(
    client: Client,
    live_server: EmbeddedServer,
    settings: Settings,
    workplace: Path,
    truth: dict[str, float],
    model_path: Path,
    environment: dict[str, str],
    page: Page,
    login: Login,
) -> None:
    """A page opens with the live prediction; 55 answers train once; the rest get new ones, once."""
    options = ImportOptions(source=workplace / "sample", title="Taught model")
    imported = import_sted_quality(options, settings, start=workplace, say=lambda _: None)
    (project,) = imported.projects
    project_id, items = project.project_id, studies.read_items(imported.folder)
    words = ("--model", str(model_path), "--study", str(imported.folder), "--retrain-after", "55")
    old = load_model(model_path)
    with _backend(workplace, environment, *words) as (url, log):
        done = run_command(workplace, "connect-backend", str(imported.folder), "--backend-url", url)
        assert done.returncode == 1, "without the password"
        told = _connect(workplace, imported.folder, url, environment)
        assert told == f"Taught model: now starts from '{old.version}'\n"
        told = _connect(workplace, imported.folder, url, environment)
        assert told == f"Taught model: already starts from '{old.version}'\n"

        login(page, live_server, live_server.username, live_server.password.get_secret_value())
        for _ in range(2):  # a reload opens the task again
            _open(
                page,
                f"{live_server.url}/projects/{project_id}/data?labeling=1",
                f"Image 1 of {N_IMAGES}",
            )
            found = StudyInputs(imported.folder)({"item_id": items["item_id"].iloc[0]})
            assert isinstance(found, StedInput)
            (score,) = old.score_sted(found.read()[None])
            label = "anomaly" if score >= old.threshold else "normal"
            expect(page.locator(f'input[type="radio"][name="{label}"]')).to_be_checked()
        expect(page.get_by_text("agree: Enter")).to_be_visible()
        _picture(page, "backend-model-quality")
        tasks = pull_answers(client, project_id, with_predictions=True)
        (prediction,) = tasks[0]["predictions"]
        assert prediction["model_version"] == old.version
        assert prediction["score"] == pytest.approx(float(score))

        checked = run_command(workplace, "check", str(imported.folder), environment=environment)
        assert f"ML backend: the server reaches {url} ('{old.version}')" in checked.stdout
        assert f"ML backend from here: {url} serves '{old.version}'" in checked.stdout
        assert checked.returncode == 0, checked.stdout

        rating = dict(zip(items["item_id"], items["source_path"], strict=True))
        for task in tasks[:N_ANSWERS]:
            is_normal = truth[rating[task["data"]["item_id"]].removeprefix("./")] >= 0.7
            client.post(
                f"/api/tasks/{task['id']}/annotations/",
                json={
                    "result": choice_result(CONTROL, "normal" if is_normal else "anomaly"),
                    "lead_time": 1.0,
                    "ground_truth": False,
                },
            )
        login_of = ("label-studio", PASSWORD)

        def told_of() -> dict[str, Any]:
            answer: dict[str, Any] = requests.get(f"{url}/health", auth=login_of, timeout=10).json()
            return answer

        def is_over() -> bool:
            said = told_of()
            return not said["is_training"] and said["new_answers"] == 0

        _until(is_over, workplace / "sted.training.log")
        said = (workplace / "sted.training.log").read_text()
        new = load_model(model_path)
        assert new.version != old.version, said
        assert log.read_text().count("training with 55 new answers") == 1
        assert log.read_text().count("training with") == 1
        assert f"{new.version} takes the place of {old.version}" in said
        assert told_of()["model_version"] == new.version
        assert client.get(f"/api/projects/{project_id}")["model_version"] == new.version
        (row,) = client.get("/api/ml", params={"project": project_id})
        assert (row["title"], row["model_version"]) == (new.version, new.version)

        # Opened again after the training, which must not store a second one.
        _open(
            page,
            f"{live_server.url}/projects/{project_id}/data?labeling=1",
            f"Image {N_ANSWERS + 1} of {N_IMAGES}",
        )
        after = pull_answers(client, project_id, with_predictions=True)
        assert len(after) == N_IMAGES
        assert sum(len(task["annotations"]) for task in after) == N_ANSWERS
        for task in after:
            versions = Counter(one["model_version"] for one in task["predictions"])
            assert max(versions.values()) == 1, versions
            if not task["annotations"]:
                assert versions[new.version] == 1
        n_new = sum(
            one["model_version"] == new.version for task in after for one in task["predictions"]
        )
        assert n_new in (N_IMAGES, N_IMAGES - N_ANSWERS)

        # The button: nothing new to learn, so nothing changes.
        client.post(f"/api/ml/{row['id']}/train", json={})
        _until(lambda: "stays" in (workplace / "sted.training.log").read_text(), log)
        _until(is_over, log)
        assert load_model(model_path).version == new.version
        checked = run_command(workplace, "check", str(imported.folder), environment=environment)
        assert checked.returncode == 0, checked.stdout


def test_a_page_of_ratings_starts_from_the_predicted_one(
    client: Client,
    live_server: EmbeddedServer,
    settings: Settings,
    workplace: Path,
    truth: dict[str, float],
    model_path: Path,
    environment: dict[str, str],
    page: Page,
    login: Login,
) -> None:
    """Both digits are set; Enter sends them."""
    options = RatingOptions(source=workplace / "sample", title="Served ratings", range=(0.7, 1.0))
    imported = import_sted_rating(options, settings, start=workplace, say=lambda _: None)
    (project,) = imported.projects
    words = ("--model", str(model_path), "--study", str(imported.folder))
    with _backend(workplace, environment, *words) as (url, _):
        _connect(workplace, imported.folder, url, environment)
        login(page, live_server, live_server.username, live_server.password.get_secret_value())
        _open(
            page, f"{live_server.url}/projects/{project.project_id}/data?labeling=1", "Image 1 of"
        )
        expect(page.locator('input[type="radio"]:checked')).to_have_count(2)
        _picture(page, "backend-model-rating")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Image 2 of")).to_be_visible(timeout=60_000)
    tasks = pull_answers(client, project.project_id, with_predictions=True)
    (answer,), (prediction,) = tasks[0]["annotations"], tasks[0]["predictions"]
    said = [item["value"]["choices"] for item in answer["result"]]
    assert said == [item["value"]["choices"] for item in prediction["result"]]
    assert len(said) == 2 or said == [["1.00"]]


@pytest.fixture(scope="module")
def cutout_options(workplace: Path) -> CutoutOptions:
    """Write a frame of 3 x 3 tiles and a table in which all are in the queue."""
    folder = workplace / "frames"
    folder.mkdir()
    pixels = np.random.default_rng(3).integers(20, 90, (600, 600, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "frame.png")
    lines = ["image_name,grid_x,grid_y,label,scores"]
    lines += [f"frame,{x},{y},0,0.99" for y in (0, 200, 400) for x in (0, 200, 400)]
    table = workplace / "cutouts.csv"
    table.write_text("\n".join(lines) + "\n")
    return CutoutOptions(source=folder, predictions=table, title="Served cutouts")


def test_cutouts_start_from_the_present_label_unless_told_otherwise(
    client: Client,
    live_server: EmbeddedServer,
    settings: Settings,
    workplace: Path,
    cutout_options: CutoutOptions,
    environment: dict[str, str],
    page: Page,
    login: Login,
) -> None:
    """Then the model's answer comes with the page's boxes."""
    imported = import_cutouts(cutout_options, settings, start=workplace, say=lambda _: None)
    (project,) = imported.projects
    # So low that it calls an artifact what has the present label "no artifact".
    model = survey_model(workplace / "cutouts.skops", threshold=0.0)
    words = ("--model", "cutouts.skops", "--study", str(imported.folder))
    stream = f"{live_server.url}/projects/{project.project_id}/data?labeling=1"
    with _backend(workplace, environment, *words) as (url, _):
        told = _connect(workplace, imported.folder, url, environment)
        assert "Served cutouts: goes on starting from the present label;" in told
        checked = run_command(workplace, "check", str(imported.folder), environment=environment)
        assert "the pages start from the present label" in checked.stdout
        login(page, live_server, live_server.username, live_server.password.get_secret_value())
        _open(page, stream, "Cutout 1 of 9")
        expect(page.locator('input[type="radio"][name="no artifact"]').first).to_be_checked()
        shown = client.get(f"/api/projects/{project.project_id}")["model_version"]
        assert shown == "present-label"
        _connect(workplace, imported.folder, url, environment, "--start-from-model")
        _open(page, stream, "Cutout 1 of 9")
        (first, *_) = pull_answers(client, project.project_id, with_predictions=True)
        by_version = {one["model_version"]: one["result"] for one in first["predictions"]}
        assert set(by_version) == {"present-label", model.version}
        choice, *boxes = by_version[model.version]
        present = by_version["present-label"]
        assert boxes == [item for item in present if item["type"] == "rectanglelabels"]
        (label,) = choice["value"]["choices"]
        assert label == "artifact", "else nothing would show that it is the model's"
        expect(page.locator('input[type="radio"][name="artifact"]').first).to_be_checked()
        _picture(page, "backend-model-cutouts")


def test_the_sample_has_wrong_ratings(workplace: Path, truth: dict[str, float]) -> None:
    """Else nothing could be learnt from the answers."""
    rows = read_source(workplace / "sample").rows
    wrong = [
        path
        for path, said in zip(rows["source_path"], rows["rating"], strict=True)
        if (said >= 0.7) != (truth[path.removeprefix("./")] >= 0.7)
    ]
    assert len(wrong) == N_WRONG
