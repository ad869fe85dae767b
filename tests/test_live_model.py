"""A trained model behind the ML backend: all three questions, the images, a file that changes."""

import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flask.testing import FlaskClient
from PIL import Image

from ls_integration import label_config, study
from ls_integration.answers import Judgement
from ls_integration.errors import ModelError, SourceError, StudyError, TaskError
from ls_integration.images.read import read_image
from ls_integration.images.render import encode_webp, render
from ls_integration.kinds import cutouts_regions, sted_rating
from ls_integration.kinds.cutouts_regions import Tile, region
from ls_integration.kinds.registry import kind_of_page
from ls_integration.kinds.sted_quality import make_items
from ls_integration.kinds.sted_source import read_source
from ls_integration.models.model import Model
from ls_integration.models.saved import save_model
from ls_integration.resources import label_config_xml
from ls_integration.sample import write_sample
from ls_integration.serving.application import application
from ls_integration.serving.inputs import CutoutInput, FrameInput, Input, StedInput
from ls_integration.serving.live_model import LiveModel
from ls_integration.serving.model_file import ModelFile
from ls_integration.serving.task_pictures import TaskPictures, media_file
from ls_integration.workflows.study_inputs import StudyInputs
from tests.model_files import small_model
from tests.served_models import train_on
from tests.survey_frames import survey_model

QUALITY, RATING, CUTOUT, FRAME = (
    label_config_xml(name) for name in ("sted_quality", "sted_rating", "cutouts", "cutouts_frame")
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a synthetic sample of 40 images."""
    return write_sample(tmp_path_factory.mktemp("sample"), 40, 7)


@pytest.fixture(scope="module")
def trained(manifest: Path) -> Path:
    """Train a model on it."""
    path = manifest.parent / "model.skops"
    train_on(manifest, path)
    return path


@pytest.fixture
def model_path(trained: Path, tmp_path: Path) -> Path:
    """Give a copy of the model, to be changed."""
    return Path(shutil.copy(trained, tmp_path / "model.skops"))


@pytest.fixture
def sted_study(manifest: Path, tmp_path: Path) -> Path:
    """Make a study of the sample as an import leaves it, without pictures."""
    plan = study.Study(
        kind="sted-quality", title="Served", blind=False, options={"source": str(manifest)}
    )
    folder = tmp_path / "studies" / "served"
    study.save(folder, plan)
    items = make_items(read_source(manifest).rows, make_id=plan.item_id, normal_at_least=0.7)
    study.write_items(folder, items.assign(image="p/x.webp", peak_count=9.0))
    return folder


def _serve(path: Path, find_input: Any, folder: Path) -> FlaskClient:
    folder.mkdir(exist_ok=True)
    return application(LiveModel(ModelFile(path), find_input), folder).test_client()


def _predict(backend: FlaskClient, tasks: list[dict[str, Any]], xml: str) -> list[Any]:
    body = {"tasks": tasks, "project": "1.17", "label_config": xml, "params": {"context": None}}
    answer = backend.post("/predict", json=body)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    results = answer.get_json()["results"]
    assert isinstance(results, list)
    return results


def _task(**data: Any) -> dict[str, Any]:
    return {"id": 7, "project": 1, "data": {"image": "/data/local-files/?d=p/x.webp", **data}}


def test_a_study_of_quality_gets_the_models_choice_and_score(
    model_path: Path, sted_study: Path, tmp_path: Path
) -> None:
    """For each item what the model says of its source file, not of the picture that is shown."""
    items = study.read_items(sted_study)
    backend = _serve(model_path, StudyInputs(sted_study), tmp_path / "own")
    tasks = [_task(item_id=item) for item in items["item_id"]]
    results = _predict(backend, tasks, QUALITY)
    model = ModelFile(model_path).current()
    files = StudyInputs(sted_study)
    for task, result in zip(tasks, results, strict=True):
        found = files(task["data"])
        assert isinstance(found, StedInput)
        (expected,) = model.score_sted(read_image(found.path)[None])
        assert result["score"] == pytest.approx(expected, abs=1e-9)
        (choice,) = result["result"]
        label = "anomaly" if expected >= model.threshold else "normal"
        assert (choice["from_name"], choice["value"]) == ("label", {"choices": [label]})
        assert set(result) == {"result", "score"}
    said = {result["result"][0]["value"]["choices"][0] for result in results}
    assert said == {"anomaly", "normal"}


def test_a_study_of_ratings_gets_both_digits(
    model_path: Path, sted_study: Path, tmp_path: Path
) -> None:
    """The rating that the model predicts, to the hundredth, as the page's keys would set it."""
    items = study.read_items(sted_study)
    backend = _serve(model_path, StudyInputs(sted_study), tmp_path / "own")
    results = _predict(backend, [_task(item_id=item) for item in items["item_id"][:12]], RATING)
    read = sted_rating.read_answer(label_config.parse(RATING))
    model = ModelFile(model_path).current()
    assert isinstance(model, Model)
    for item, result, known in zip(items["item_id"], results, items["rating"], strict=False):
        found = StudyInputs(sted_study)({"item_id": item})
        assert isinstance(found, StedInput)
        features = model.feature_set.extract(found.read()[None])
        (expected,) = model.estimator.predict_rating(features)  # type: ignore[attr-defined]
        (judgement,) = read({"data": {"item_id": item}}, result["result"])
        assert judgement == Judgement(item, rating=round(float(expected), 2))
        assert judgement.rating == pytest.approx(known, abs=0.4)


def test_a_model_without_ratings_is_refused_by_their_page(tmp_path: Path) -> None:
    """At the set-up, so that connecting says why."""
    path = tmp_path / "model.skops"
    save_model(path, small_model("sted-normal-only"))
    backend = _serve(path, lambda _: None, tmp_path / "own")
    answer = backend.post("/setup", json={"project": "1.17", "schema": RATING})
    assert answer.status_code == 400
    assert "gives none" in answer.get_json()["detail"]
    assert backend.post("/setup", json={"project": "1.17", "schema": QUALITY}).status_code == 200


def _boxes() -> list[dict[str, Any]]:
    tile = Tile("r00c01", "other", "FP", 0.5, "no artifact", (0.0, 0.0, 50.0, 50.0))
    return [region(tile, "FP", to_name="context", size_px=(600, 600), inset=0.01)]


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """Write a frame of 2 x 2 tiles: three of noise, one with a streak."""
    generator = np.random.default_rng(4)
    pixels = generator.normal(60, 4, (400, 400))
    pixels[200:, 200:] += 120 * (np.abs(np.subtract.outer(np.arange(200), np.arange(200))) < 3)
    path = tmp_path / "frame.png"
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


def test_a_cutout_keeps_its_boxes_beside_the_models_choice(frame: Path, tmp_path: Path) -> None:
    """The page of cutouts has its boxes from the prediction that it starts from."""
    path = tmp_path / "model.skops"
    model = survey_model(path)

    def find(data: Any) -> Input:
        return CutoutInput(FrameInput((frame,)), data["x"], data["y"], 200)

    places = [(x, y) for y in (0, 200) for x in (0, 200)]
    shown = {"model_version": "present-label", "result": _boxes()}
    tasks = [{**_task(item_id="a", x=x, y=y), "predictions": [shown]} for x, y in places]
    results = _predict(_serve(path, find, tmp_path / "own"), tasks, CUTOUT)
    values = np.asarray(Image.open(frame))
    expected = model.score_cutouts(values, np.array(places), 200)
    for result, score in zip(results, expected, strict=True):
        choice, *boxes = result["result"]
        assert result["score"] == pytest.approx(score)
        assert boxes == _boxes()
        assert choice["value"]["choices"] == ["artifact" if score >= 0.5 else "no artifact"]
        label_config.check_predictions(
            label_config.parse(CUTOUT), [{**result, "model_version": "m"}]
        )
    assert cutouts_regions.shown_boxes({"predictions": [results[0]]}) == _boxes()


def test_a_cutout_of_a_picture_counts_from_its_lower_edge_if_asked(frame: Path) -> None:
    """Rows of pictures count from the top, of arrays from the first row, see `images.tiles`."""
    upper = CutoutInput(FrameInput((frame,)), 0, 200, 200)
    lower = CutoutInput(FrameInput((frame,)), 0, 200, 200, origin="lower")
    picture = FrameInput((frame,)).read()
    assert (upper.corner(picture), lower.corner(picture)) == ((0, 200), (0, 0))
    array = frame.with_suffix(".npy")
    np.save(array, np.zeros((400, 400)))
    values = FrameInput((array,)).read()
    assert (upper.corner(values), lower.corner(values)) == ((0, 200), (0, 200))
    with pytest.raises(SourceError, match="grid_x 0, grid_y 400 is outside"):
        CutoutInput(FrameInput((frame,)), 0, 400, 200).corner(picture)


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (FRAME, "whole frame"),
        (QUALITY, "the question of sted-quality"),
        (QUALITY.replace("anomaly", "bad"), "which no kind of study does"),
        ("<View/>", "nothing to choose from"),
    ],
)
def test_a_page_of_another_question_is_refused(xml: str, reason: str, tmp_path: Path) -> None:
    """At the set-up and on opening, with the reason in one line."""
    path = tmp_path / "model.skops"
    survey_model(path)
    backend = _serve(path, lambda _: None, tmp_path / "own")
    for where, body in (
        ("/setup", {"project": "1.1", "schema": xml}),
        ("/predict", {"tasks": [], "project": "1.1", "label_config": xml}),
    ):
        answer = backend.post(where, json=body)
        assert answer.status_code == 400
        assert reason in answer.get_json()["detail"]
        assert "\n" not in answer.get_json()["detail"]


@pytest.mark.parametrize(
    ("xml", "name"), [(QUALITY, "sted-quality"), (RATING, "sted-rating"), (CUTOUT, "cutouts")]
)
def test_a_page_is_known_by_its_answers(xml: str, name: str) -> None:
    """Names of controls and of the picture may be a lab's own."""
    renamed = xml.replace('name="label"', 'name="own"').replace('name="tenths"', 'name="own"')
    assert kind_of_page(label_config.parse(renamed)).name == name


def test_an_item_that_cannot_be_scored_gets_no_prediction_and_one_line(
    model_path: Path, sted_study: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The others get theirs, however often the page is opened."""
    known = str(study.read_items(sted_study)["item_id"].iloc[0])
    backend = _serve(model_path, StudyInputs(sted_study), tmp_path / "own")
    tasks = [_task(item_id="zzzz"), _task(item_id=known), _task(), _task(item_id=3)]
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            first, second, third, fourth = _predict(backend, tasks, QUALITY)
            assert (first, third, fourth) == ([], [], [])
            assert second["result"]
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "no prediction: the item zzzz is not of the study, or its source file is gone",
        "no prediction: the task has no item_id; it is none of the study's",
    ]


def test_items_that_are_added_later_are_found(
    manifest: Path, sted_study: Path, tmp_path: Path
) -> None:
    """A study grows while its backend runs."""
    plan, items = study.load(sted_study), study.read_items(sted_study)
    find = StudyInputs(sted_study)
    more = write_sample(tmp_path / "more", 4, 8)
    path = str(read_source(more).rows["source_path"].iloc[0])
    new = plan.item_id(f"second {path}")
    with pytest.raises(TaskError, match="is not of the study"):
        find({"item_id": new})
    row = items.iloc[:1].assign(item_id=new, source_path=path, part=2, position=len(items))
    extension = study.Extension(part=2, source=str(more))
    study.save(sted_study, plan.model_copy(update={"extensions": [extension]}))
    study.write_items(sted_study, pd.concat([items, row], ignore_index=True))
    found = find({"item_id": new})
    assert isinstance(found, StedInput)
    assert found.path == (more.parent / path).resolve()


def test_the_model_follows_its_file(model_path: Path, manifest: Path, tmp_path: Path) -> None:
    """A new one answers from the next request on."""
    backend = _serve(model_path, lambda _: None, tmp_path / "own")
    body = {"project": "1.17", "schema": QUALITY}
    assert backend.post("/setup", json=body).get_json() == {"model_version": "sted-rating-00000000"}
    train_on(manifest, model_path, seed=255)
    assert backend.post("/setup", json=body).get_json() == {"model_version": "sted-rating-000000ff"}
    assert backend.get("/health").get_json() == {
        "status": "UP",
        "model_version": "sted-rating-000000ff",
    }


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"no model", None])
def test_a_broken_new_file_leaves_the_old_model(
    content: bytes | None, model_path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on answering; log and `/health` say so; the next good file is taken."""
    good = model_path.read_bytes()
    backend = _serve(model_path, lambda _: None, tmp_path / "own")
    if content is None:
        model_path.unlink()
    else:
        model_path.write_bytes(content)
    body = {"project": "1.17", "schema": QUALITY}
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            answer = backend.post("/setup", json=body)
            assert answer.get_json() == {"model_version": "sted-rating-00000000"}
    health = backend.get("/health").get_json()
    assert health["status"] == "UP"
    assert str(model_path) in health["problem"]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.endswith("; sted-rating-00000000 goes on answering")
    model_path.write_bytes(good)
    assert "problem" not in backend.get("/health").get_json()


def test_a_model_of_another_question_is_no_successor(model_path: Path) -> None:
    """Its pages would all be refused: the old one stays."""
    file = ModelFile(model_path)
    survey_model(model_path)
    assert file.current().kind == "sted-quality"
    assert "is of cutouts now, not of sted-quality" in str(file.problem)


def test_a_model_that_is_none_does_not_start(tmp_path: Path) -> None:
    """The error of the model's file, before anything listens."""
    with pytest.raises(ModelError, match="cannot read the model"):
        ModelFile(tmp_path / "none.skops")


def test_without_a_study_only_measured_values_are_scored(
    model_path: Path, manifest: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Counts in the media folder are; a picture drawn for people is not, and the log says why."""
    source = Path(read_source(manifest).rows["file"].iloc[0])
    media = tmp_path / "media" / "p"
    media.mkdir(parents=True)
    shutil.copy(source, media / "counts.npz")
    counts = read_image(source)
    Image.fromarray(counts.astype(np.uint16)).save(media / "grey.png")
    (media / "drawn.webp").write_bytes(encode_webp(render(counts)))
    Image.fromarray(render(counts)).save(media / "drawn.png")
    (media / "damaged.png").write_bytes(b"\x89PNG")
    find = TaskPictures(tmp_path / "media", None, tmp_path)
    backend = _serve(model_path, find, tmp_path / "own")
    names = ("counts.npz", "grey.png", "drawn.webp", "drawn.png", "damaged.png", "gone.npz")
    tasks = [_task(item_id=name, image=f"/data/local-files/?d=p/{name}") for name in names]
    with caplog.at_level(logging.WARNING):
        measured, grey, *others = _predict(backend, tasks, QUALITY)
    (expected,) = ModelFile(model_path).current().score_sted(counts[None])
    assert measured["score"] == pytest.approx(expected)
    assert grey["score"] == pytest.approx(expected)
    assert others == [[], [], [], []]
    said = "\n".join(record.getMessage() for record in caplog.records)
    assert "pictures drawn for people hold no measured values; give --study" in said
    assert "pictures in colours hold no measured values; give --study" in said


def test_a_blind_study_is_not_served(sted_study: Path, model_path: Path, tmp_path: Path) -> None:
    """Its reviewers must not see the model's answer by any way."""
    from ls_integration.settings import Settings
    from ls_integration.workflows.backend_model import served_model

    plan = study.load(sted_study)
    study.save(sted_study, plan.model_copy(update={"blind": True}))
    with pytest.raises(StudyError, match="study 'Served' is blind"):
        served_model(model_path, sted_study, Settings(), tmp_path)


def test_a_study_whose_source_is_gone_is_refused(sted_study: Path, tmp_path: Path) -> None:
    """Before it serves nothing but silence."""
    plan = study.load(sted_study)
    gone = {"source": str(tmp_path / "gone.csv")}
    study.save(sted_study, plan.model_copy(update={"options": gone}))
    with pytest.raises(SourceError, match=r"gone\.csv"):
        StudyInputs(sted_study)


def test_an_address_in_the_media_folder_is_its_file(tmp_path: Path) -> None:
    """Percent signs and spaces as Label Studio writes them."""
    (tmp_path / "a b").mkdir()
    file = tmp_path / "a b" / "ü.npz"
    file.write_bytes(b"x")
    assert media_file("/data/local-files/?d=a%20b/%C3%BC.npz", tmp_path) == file
    assert media_file("/data/local-files/?d=a%20b/none.npz", tmp_path) is None
    assert media_file("/data/upload/1/x.npz", tmp_path) is None
