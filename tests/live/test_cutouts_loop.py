"""A study of cutouts from import to test_outputs.csv, through a real server."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.errors import ConfigError, SourceError, StudyError
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from ls_integration.settings import Settings, load
from ls_integration.workflows.connection import connect
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.export import export
from ls_integration.workflows.import_cutouts import import_cutouts
from ls_integration.workflows.replay import replay
from ls_integration.workflows.score import score_folder
from ls_integration.workflows.status import read_status
from ls_integration.workflows.status_by import ByValue, read_status_by

YES, NO = "artifact", "no artifact"
FRAMES = ("COSMOS_C01", "SN-X3_C04")


@pytest.fixture
def settings(live_server: EmbeddedServer) -> Settings:
    """Give the session's server."""
    return load(url=live_server.url, api_key=live_server.token, media=live_server.media)


@pytest.fixture
def table(shared_data: Path, tmp_path: Path) -> Path:
    """Write the real table's rows of two frames: 42 errors."""
    lines = (shared_data / "des_cutouts" / "test_outputs.csv").read_bytes().splitlines(True)
    kept = [line for line in lines[1:] if line.split(b",")[3].decode() in FRAMES]
    path = tmp_path / "two.csv"
    path.write_bytes(b"".join([lines[0], *kept]))
    return path


@pytest.fixture
def imported(
    table: Path,
    shared_data: Path,
    settings: Settings,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Callable[..., Path]:
    """Give the import; it returns the study's folder."""

    def run(**options: Any) -> Path:
        return import_cutouts(
            CutoutOptions(
                source=shared_data / "des_cutouts" / "images",
                predictions=table,
                title=f"Loop {request.node.name[-30:]}",
                **options,
            ),
            settings,
            start=tmp_path,
            say=lambda _: None,
        ).folder

    return run


def tasks_of(client: Client, study: Path, view: str = "") -> dict[str, dict[str, Any]]:
    """Give the tasks of a study's project by item."""
    (project,) = (one for one in studies.load(study).projects if one.view == view)
    assert project.project_id is not None
    tasks = pull_answers(client, project.project_id, with_predictions=True)
    return {task["data"]["item_id"]: task for task in tasks}


def answer(
    client: Client,
    task: Mapping[str, Any],
    verdict: str | None,
    neighbours: Mapping[str, str] | None = None,
    name: str = "neighbour",
) -> None:
    """Submit what the page would: its boxes, the verdict, and each tile that was corrected."""
    (prediction,) = task["predictions"]
    result = [item for item in prediction["result"] if item["from_name"] == "tile"]
    boxes = {item["id"]: item for item in result}
    ids = {item_id: region_id for region_id, item_id in task["data"]["tiles"].items()}
    for item_id, label in (neighbours or {}).items():
        box = boxes[ids[item_id]]
        value = {**box["value"], "choices": [label]}
        value.pop("rectanglelabels")
        result.append({**box, "from_name": name, "type": "choices", "value": value})
    if verdict:
        result.append(
            {
                "from_name": "verdict",
                "to_name": "cutout",
                "type": "choices",
                "value": {"choices": [verdict]},
            }
        )
    client.post(
        f"/api/tasks/{task['id']}/annotations/",
        json={"result": result, "lead_time": 2.5, "parent_prediction": prediction["id"]},
    )


def counts(rows: list[ByValue]) -> dict[str, tuple[int, int, int | None, int]]:
    return {row.value: (row.n_items, row.done, row.changed, row.open) for row in rows}


def test_from_import_to_the_corrected_table(
    imported: Callable[..., Path],
    table: Path,
    shared_data: Path,
    settings: Settings,
    client: Client,
    tmp_path: Path,
) -> None:
    """No answer: the input's bytes; then an FP, a neighbour, an unsure and a frame's tile."""
    study = imported()
    outcome = export(study, settings, tmp_path / "none", start=tmp_path)
    assert (tmp_path / "none" / "test_outputs.csv").read_bytes() == table.read_bytes()
    items = studies.read_items(study)
    assert outcome.n_items == len(items) == 42
    n_rows = len(pd.read_csv(table))
    assert len(pd.read_csv(tmp_path / "none" / "items.csv")) == n_rows == 462

    tasks = tasks_of(client, study)
    first, second, third, fourth = items["item_id"][:4]
    neighbour = next(one for one in tasks[first]["data"]["tiles"].values() if one not in tasks)
    answer(client, tasks[first], YES, {neighbour: YES})
    answer(client, tasks[second], "unsure")
    answer(client, tasks[third], items["label"][2])
    imported(view="frame")
    frames = tasks_of(client, study, "frames")
    frame = next(task for task in frames.values() if fourth in task["data"]["tiles"].values())
    answer(client, frame, None, {fourth: YES}, "verdict")
    url = frame["data"]["image"]
    assert url in tasks[fourth]["data"]["table"]
    content, kind = client.get_bytes(url)
    assert kind == "image/jpeg"
    source = shared_data / "des_cutouts" / "images" / f"{frame['data']['image_name']}.jpg"
    assert len(content) <= source.stat().st_size
    with Image.open(source) as own, Image.open(io.BytesIO(content)) as shown:
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(own))

    outcome = export(study, settings, tmp_path / "some", start=tmp_path)
    assert (outcome.n_items, outcome.n_answers) == (len(items), 5)
    before, after = pd.read_csv(table), pd.read_csv(tmp_path / "some" / "test_outputs.csv")
    changed = before.index[before["label_new"] != after["label_new"]]
    cutouts = pd.read_csv(tmp_path / "some" / "items.csv").set_index("item_id")
    assert set(changed) == set(cutouts.loc[[first, neighbour, fourth], "row"])
    pd.testing.assert_frame_equal(before.drop(columns="label_new"), after.drop(columns="label_new"))
    reviews = pd.read_csv(tmp_path / "some" / "reviewers.csv")
    assert len(reviews) == 5
    assert int(reviews["changed"].sum()) == 3
    metrics = score_folder(tmp_path / "some").metrics
    assert (metrics["reviewed"], metrics["reviewed_unasked"], metrics["changed"]) == (5, 1, 3)
    assert (metrics["unsure"], metrics["unreviewed"]) == (1, len(items) - 4)
    assert metrics["after"]["tp"] == metrics["before"]["tp"] + 2
    assert metrics["after"]["fn"] == metrics["before"]["fn"] + 1

    connection = connect(settings, studies.load(study), tmp_path)
    by_frame = counts(read_status_by(study, "image_name", connection))
    n_items = items["image_name"].value_counts()
    assert sum(row[1] for row in by_frame.values()) == 4
    assert {name: row[0] for name, row in by_frame.items()} == dict(n_items)
    assert all(row[1] + row[3] == row[0] for row in by_frame.values())
    assert sum(row[2] or 0 for row in by_frame.values()) == 2
    whole = {row.annotator: row for row in read_status(study, connection)}
    # Three of the cutouts' project and one frame: a neighbour is no task of its own.
    assert next(iter(whole.values())).done == 4


def test_the_stream_of_a_frame(
    imported: Callable[..., Path],
    settings: Settings,
    tmp_path: Path,
    page: Page,
    live_server: EmbeddedServer,
    login: Callable[..., None],
    client: Client,
) -> None:
    """The address of `status --by image_name` opens that frame's first open cutout, and goes on."""
    study = imported()
    items = studies.read_items(study)
    name = items["image_name"].iloc[-1]
    assert name != items["image_name"].iloc[0]
    connection = connect(settings, studies.load(study), tmp_path)
    (row,) = (row for row in read_status_by(study, "image_name", connection) if row.value == name)
    assert row.link is not None
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    page.goto(row.link)
    ours = [
        f"Cutout {place + 1} of {len(items)}" for place in items.index[items["image_name"] == name]
    ]
    expect(page.get_by_text(ours[0], exact=True)).to_be_visible(timeout=60_000)
    for following in ours[1:3]:
        page.keyboard.press("Escape")
        page.keyboard.press("Enter")
        expect(page.get_by_text(following, exact=True)).to_be_visible(timeout=30_000)
    connection = connect(settings, studies.load(study), tmp_path)
    (row,) = (row for row in read_status_by(study, "image_name", connection) if row.value == name)
    assert row.done == 2


def edited(table: Path, path: Path, cells: Mapping[int, str], **to_csv: Any) -> Path:
    """Edit label_new as the notebook does: read with pandas, write with pandas."""
    frame = pd.read_csv(table)
    for row, value in cells.items():
        frame.loc[row, "label_new"] = int(value)
    frame.to_csv(path, index=False, **to_csv)
    return path


def test_an_edited_table_is_replayed(
    imported: Callable[..., Path],
    table: Path,
    settings: Settings,
    client: Client,
    tmp_path: Path,
) -> None:
    """Changed rows are answers, also outside the queue and of a new frame; again: nothing."""
    study = imported(limit=5)
    imported(limit=5, view="frame")
    items = studies.read_items(study)
    assert set(items["image_name"]) == {"COSMOS_C01"}
    original = pd.read_csv(table)
    inside = int(items["row"][1])
    outside = int(original.index[original["image_name"] == "SN-X3_C04"][7])
    also = int(original.index[original["error_id"] < 0][40])
    flipped = {row: str(1 - original["label_new"][row]) for row in (inside, outside, also)}
    path = edited(table, tmp_path / "test_outputs.csv", flipped)

    def run(path: Path, **options: Any) -> tuple[int, int, int]:
        (done,) = replay(study, [path], settings, start=tmp_path, say=lambda _: None, **options)
        return done.sent, done.already_there, done.replaced

    with pytest.raises(ConfigError, match="--as NAME"):
        run(path)
    assert run(path, annotator="Ida Notebook") == (3, 0, 0)
    assert run(path, annotator="Ida Notebook") == (0, 3, 0)
    grown = studies.read_items(study)
    assert grown["part"].tolist() == [1] * 5 + [2] * 2
    assert sorted(grown["row"][5:]) == sorted([outside, also])
    tasks = tasks_of(client, study)
    assert [len(tasks[item_id]["annotations"]) for item_id in grown["item_id"]] == [
        *(0, 1, 0, 0, 0, 1, 1)
    ]
    added = tasks[grown["item_id"][6]]
    assert added["data"]["progress"] == "Cutout 2 of 2 (part 2)"
    assert len(added["predictions"][0]["result"]) > 4
    # Whether it came with its task or after it, an answer opens with the boxes of its page.
    for item_id in (grown["item_id"][1], grown["item_id"][6]):
        (annotation,) = tasks[item_id]["annotations"]
        shown = [one["id"] for one in annotation["result"] if one["from_name"] == "tile"]
        assert shown == list(tasks[item_id]["data"]["tiles"])
    assert len(tasks_of(client, study, "frames")) == 2
    media = settings.media
    assert media is not None
    assert all((media / image).is_file() for image in [*grown["image"], *grown["context"]])

    export(study, settings, tmp_path / "out", start=tmp_path, annotator="Ida Notebook")
    after = pd.read_csv(tmp_path / "out" / "test_outputs.csv")
    pd.testing.assert_frame_equal(after, pd.read_csv(path))
    metrics = score_folder(tmp_path / "out").metrics
    assert (metrics["asked"], metrics["reviewed"], metrics["reviewed_unasked"]) == (5, 3, 2)

    # Whoever looked at the whole queue has confirmed the other four as well.
    back = edited(table, tmp_path / "Bea.csv", {inside: flipped[inside]})
    assert run(back, all_reviewed=True) == (5, 0, 0)
    with pytest.raises(StudyError, match=r"1 answers of Bea .* differ"):
        run(
            edited(
                table, tmp_path / "Bea.csv", {int(items["row"][2]): "1", inside: flipped[inside]}
            )
        )
    with pytest.raises(SourceError, match="holds no answer"):
        run(edited(table, tmp_path / "Cy.csv", {}))
    assert imported(limit=5) == study
    assert len(tasks_of(client, study)) == 7


def test_an_edited_table_is_replayed_into_a_blind_study(
    imported: Callable[..., Path],
    table: Path,
    settings: Settings,
    client: Client,
    tmp_path: Path,
) -> None:
    """The answer is on the server, in the queue and outside; of label and prediction nothing is."""
    study = imported(blind=True, random_floor=0.05)
    items = studies.read_items(study)
    original = pd.read_csv(table)
    floor = items[~items["is_queue"]]
    assert len(floor) == 21
    asked = set(items["row"])
    inside, sampled = int(items.loc[items["is_queue"], "row"].iloc[3]), int(floor["row"].iloc[0])
    outside = next(row for row in original.index[original["error_id"] < 0] if row not in asked)
    flipped = {row: str(1 - original["label_new"][row]) for row in (inside, sampled, outside)}
    path = edited(table, tmp_path / "blind.csv", flipped)

    def run() -> tuple[int, int]:
        (done,) = replay(
            study, [path], settings, start=tmp_path, say=lambda _: None, annotator="Una Unseen"
        )
        return done.sent, done.already_there

    assert run() == (3, 0)
    assert run() == (0, 3)
    grown = studies.read_items(study)
    assert grown["row"].tolist() == [*items["row"], outside]
    given = {int(row): YES if value == "1" else NO for row, value in flipped.items()}
    (project,) = studies.load(study).projects
    whole = [client.get(f"/api/tasks/{task['id']}") for task in tasks_of(client, study).values()]
    rows = dict(zip(grown["item_id"], grown["row"], strict=True))
    answers = {}
    for task in whole:
        for annotation in task["annotations"]:
            said, *boxes = annotation["result"]
            answers[rows[task["data"]["item_id"]]] = said["value"]["choices"][0]
            assert said["from_name"] == "verdict"
            assert boxes == [
                {name: one[name] for name in boxes[0]} for one in task["predictions"][0]["result"]
            ]
        # Besides the answer, what a task holds is the same whatever label and model say.
        (prediction,) = task["predictions"]
        assert prediction["score"] == 0.0
        assert {one["type"] for one in prediction["result"]} == {"rectanglelabels"}
        labels = {tuple(one["value"]["rectanglelabels"]) for one in prediction["result"]}
        assert labels <= {("tile",), ("cutout tile",)}
    assert answers == given
    data = [task["data"] for task in whole]
    assert {tuple(sorted(one)) for one in data} == {tuple(sorted(data[0]))}
    told = json.dumps([data, client.get(f"/api/projects/{project.project_id}")])
    words = ("FP", "FN", "TP", "TN", "preds", "scores", "error_id", "confmat", "label_new")
    assert not [word for word in words if f'"{word}"' in told or f">{word}<" in told]
    scores = [f"{score:.4f}"[:6] for score in grown["model_score"] if 0.001 < score < 0.999]
    assert len(scores) > 10
    assert not [score for score in scores if score in told]

    export(study, settings, tmp_path / "out", start=tmp_path)
    after = pd.read_csv(tmp_path / "out" / "test_outputs.csv")
    pd.testing.assert_frame_equal(after, pd.read_csv(path))
    rows_out = pd.read_csv(tmp_path / "out" / "annotations.csv")
    assert not rows_out["prefilled"].any()
    metrics = score_folder(tmp_path / "out").metrics
    assert (metrics["reviewed"], metrics["reviewed_unasked"], metrics["changed"]) == (3, 1, 3)
    assert metrics["outside_queue"]["decided"] == 1
