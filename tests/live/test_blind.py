"""Blind means blind: nothing on the server tells a rating, a label or a score."""

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from ls_integration import study as studies
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import list_tasks
from ls_integration.settings import load
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.sted_options import ImportOptions


@pytest.fixture(scope="module")
def blind(
    live_server: EmbeddedServer, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> ImportOutcome:
    """Import the real images blind, with the model's scores on this side."""
    return import_sted_quality(
        ImportOptions(
            source=shared_data / "anomagui",
            blind=True,
            title="Blind by construction",
            model_threshold=0.213,
        ),
        load(url=live_server.url, api_key=live_server.token, media=live_server.media),
        start=tmp_path_factory.mktemp("blind"),
        say=lambda line: None,
    )


@pytest.fixture(scope="module")
def items(blind: ImportOutcome) -> pd.DataFrame:
    """Read the study's truth."""
    return studies.read_items(blind.folder)


@pytest.fixture(scope="module")
def on_the_server(blind: ImportOutcome, live_server: EmbeddedServer) -> dict[str, str]:
    """Collect all texts that the server gives about the study's project."""
    project_id = blind.projects[0].project_id
    with Client(live_server.url, live_server.token) as client:
        tasks = list_tasks(client, project_id)
        whole = [client.get(f"/api/tasks/{task['id']}") for task in tasks[::50]]
        answers: dict[str, Any] = {
            "tasks": tasks,
            "whole tasks": whole,
            "all fields": client.get(
                "/api/tasks", params={"project": project_id, "fields": "all", "page_size": 1000}
            ),
            "project": client.get(f"/api/projects/{project_id}"),
            "storages": client.get("/api/storages/localfiles", params={"project": project_id}),
            "views": client.get("/api/dm/views", params={"project": project_id}),
            "columns": client.get("/api/dm/columns", params={"project": project_id}),
            "export": client.get(
                f"/api/projects/{project_id}/export",
                params={"exportType": "JSON", "download_all_tasks": "true"},
            ),
        }
    return {name: json.dumps(answer) for name, answer in answers.items()}


def test_no_prediction_is_stored(on_the_server: dict[str, str], blind: ImportOutcome) -> None:
    """Hiding them in the stream would not be enough."""
    assert blind.n_predictions == 0
    for task in json.loads(on_the_server["whole tasks"]):
        assert task["predictions"] == []
        assert task["annotations"] == []
    project = json.loads(on_the_server["project"])
    assert project["show_collab_predictions"] is False
    assert project["model_version"] in ("", None)
    assert json.loads(on_the_server["all fields"])["total_predictions"] == 0


def test_task_data_holds_the_page_and_nothing_else(on_the_server: dict[str, str]) -> None:
    """A new field must be thought about here."""
    for task in json.loads(on_the_server["tasks"]):
        assert set(task["data"]) == {
            "image",
            "item_id",
            "progress",
            "structure",
            "criterion",
            "keys",
        }


def test_no_rating_score_or_source_name_is_in_any_text(
    on_the_server: dict[str, str], items: pd.DataFrame
) -> None:
    """Looked for in every form in which the source writes them."""
    names = {Path(path).stem for path in items["source_path"]}
    ratings = {f"{rating:.3f}" for rating in items["rating"]}
    scores = {repr(score) for score in items["model_score"]}
    for where, answer in on_the_server.items():
        # Times of the server hold six digits after a point of their own.
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?", "", answer)
        found = [word for word in (*names, *scores, ".npz", "test_paths") if word in text]
        found += [
            rating for rating in ratings if re.search(rf"(?<!\d){re.escape(rating)}(?!\d)", text)
        ]
        assert not found, f"{found[:3]} in {where}"


def test_labels_stand_only_where_the_question_asks_them(
    on_the_server: dict[str, str],
) -> None:
    """In the label page, the instructions and the keys; the same for every task."""
    data = [task["data"] for task in json.loads(on_the_server["tasks"])]
    assert len({(entry["criterion"], entry["keys"]) for entry in data}) == 1
    for entry in data:
        rest = {name: entry[name] for name in ("image", "item_id", "progress", "structure")}
        assert not re.search("normal|anomal", json.dumps(rest))


def test_pictures_tell_nothing_but_their_pixels(
    blind: ImportOutcome, live_server: EmbeddedServer, items: pd.DataFrame
) -> None:
    """Neither metadata nor file name, and no order or size of the truth's."""
    with Client(live_server.url, live_server.token) as client:
        for url in [f"/data/local-files/?d={image}" for image in items["image"]][::25]:
            content, content_type = client.get_bytes(url)
            assert content_type == "image/webp"
            with Image.open(io.BytesIO(content)) as picture:
                assert not set(picture.info) - {"loop", "background", "timestamp", "duration"}
                assert not picture.getexif()
            for chunk in (b"EXIF", b"XMP ", b"ICCP"):
                assert chunk not in content
    stored = sorted((live_server.media / blind.study.pictures_folder).iterdir())
    assert sorted(path.name for path in stored) == sorted(
        Path(image).name for image in items["image"]
    )
    assert all(re.fullmatch(r"[0-9a-f]{16}\.webp", path.name) for path in stored)


def test_ids_cannot_be_looked_up(items: pd.DataFrame) -> None:
    """Hashes of the known names, in every usual form, are none of the ids."""
    ids = set(items["item_id"])
    for path in items["source_path"]:
        forms = {path, path.removeprefix("./"), Path(path).name, Path(path).stem}
        for form in forms:
            for algorithm in ("md5", "sha1", "sha256", "blake2b"):
                digest = hashlib.new(algorithm, form.encode()).hexdigest()
                assert digest[:16] not in ids
                assert digest[-16:] not in ids


def test_the_order_of_ids_is_not_the_order_of_ratings(items: pd.DataFrame) -> None:
    """Sorted by id, the ratings look as if drawn at random (|rho| below 0.15)."""
    rho = (
        items.sort_values("item_id")["rating"]
        .reset_index(drop=True)
        .corr(pd.Series(range(len(items)), dtype=float), method="spearman")
    )
    assert abs(rho) < 0.15
