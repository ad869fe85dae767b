"""`predict`: every image one score, in the source's order, whatever happened in between."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ls_integration.cli import app
from ls_integration.errors import ModelError, SourceError
from ls_integration.kinds.sted_source import read_source
from ls_integration.models.loading import load_scorer
from ls_integration.models.model import Model
from ls_integration.models.saved import save_model
from ls_integration.serving.score_table import read_score_table
from ls_integration.workflows.image_sources import SourceOptions, open_source
from ls_integration.workflows.model_images import Batch, ImageSource
from ls_integration.workflows.predict import predict
from ls_integration.workflows.sted_images import AT_ONCE, open_sted
from ls_integration.workflows.train import TrainOptions, train
from tests.test_onnx_network import write_network
from tests.test_train import write_frames

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sted_sample"


@pytest.fixture(scope="module")
def model() -> Model:
    """Train a model on the sample."""
    return train(open_sted(SAMPLE), TrainOptions(recipe="sted-fast"), say=lambda _: None)


def predicted(source: ImageSource, model: Model, output: Path, **options: Any) -> pd.DataFrame:
    """Score a source and read the table."""
    predict(source, model, "hash of the file", output, say=lambda _: None, **options)
    # pandas' own parser is off by a digit.
    return pd.read_csv(output, keep_default_na=False, float_precision="round_trip")


def test_the_table_has_each_image_in_order(model: Model, tmp_path: Path) -> None:
    """With scores of one image alone, labels by the threshold, and the model's name."""
    source = open_sted(SAMPLE)
    table = predicted(source, model, tmp_path / "scores.csv")
    assert list(table) == ["item_id", "path", "model_score", "model_label", "model_version"]
    manifest = pd.read_csv(SAMPLE / "manifest.csv")
    assert table["path"].tolist() == manifest["path"].tolist()
    assert set(table["model_version"]) == {model.version}
    is_positive = table["model_score"] >= model.threshold
    assert table["model_label"].tolist() == np.where(is_positive, "anomaly", "normal").tolist()
    assert 0 < is_positive.sum() < len(table)
    batch = source.read(2)
    for place, row in enumerate(batch.rows.tolist()):
        alone = model.score_sted(np.stack([batch.images.counts[place]]))  # type: ignore[attr-defined]
        assert alone[0] == table["model_score"][row]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.csv"]


def test_a_score_at_the_threshold_is_positive(model: Model, tmp_path: Path) -> None:
    """As everywhere; with all digits, so that a reader decides alike."""
    table = predicted(open_sted(SAMPLE), model, tmp_path / "scores.csv")
    edge = float(table["model_score"][7])

    class Edge:
        kind, version, threshold = model.kind, model.version, edge
        score_sted, score_cutouts = model.score_sted, model.score_cutouts

    again = predicted(open_sted(SAMPLE), Edge(), tmp_path / "again.csv")  # type: ignore[arg-type]
    assert again["model_label"][7] == "anomaly"
    assert again["model_score"].tolist() == table["model_score"].tolist()


def interrupted(source: ImageSource, at: int) -> tuple[ImageSource, list[int]]:
    """Give the source that breaks off at a batch, and the list of those that were read."""
    from dataclasses import replace

    done: list[int] = []

    def read(number: int) -> Batch:
        if number == at:
            raise KeyboardInterrupt
        done.append(number)
        return source.read(number)

    return replace(source, read=read), done


@pytest.mark.parametrize("cut", [0, 7, 60])
def test_an_interrupted_run_goes_on_where_it_was(model: Model, tmp_path: Path, cut: int) -> None:
    """Finished batches are not read again, and the table has the same bytes."""
    source = open_sted(SAMPLE)
    assert len(source.batches) == -(-60 // AT_ONCE) > 4
    whole, output = tmp_path / "whole.csv", tmp_path / "scores.csv"
    predicted(source, model, whole)
    broken, first = interrupted(source, 4)
    with pytest.raises(KeyboardInterrupt):
        predicted(broken, model, output)
    assert not output.exists()
    assert first == [0, 1, 2, 3]
    part = tmp_path / ".scores.csv.part"
    part.write_bytes(part.read_bytes()[: part.stat().st_size - cut])
    watched, second = interrupted(source, -1)
    predicted(watched, model, output)
    begin = 4 if cut == 0 else 3
    assert second == list(range(begin, len(source.batches)))
    assert output.read_bytes() == whole.read_bytes()
    assert not part.exists()


def test_parts_of_something_else_are_forgotten(model: Model, tmp_path: Path) -> None:
    """Another model, or a file that was changed since."""
    images = tmp_path / "images"
    images.mkdir()
    for number in range(AT_ONCE + 1):
        values = np.random.default_rng(number).poisson(9, (32, 32)).astype(np.uint16)
        np.save(images / f"{number}.npy", values)
    broken, _ = interrupted(open_sted(images), 1)
    for change in ("model", "image"):
        with pytest.raises(KeyboardInterrupt):
            predict(broken, model, "one", tmp_path / "s.csv", say=lambda _: None)
        if change == "image":
            np.save(images / "0.npy", np.random.default_rng(99).poisson(90, (32, 32)))
        watched, done = interrupted(open_sted(images), -1)
        name = "two" if change == "model" else "one"
        predict(watched, model, name, tmp_path / "s.csv", say=lambda _: None)
        assert done == [0, 1], change


def test_a_killed_command_is_finished_by_the_same_command(model: Model, tmp_path: Path) -> None:
    """SIGKILL in the middle: the same bytes, and what was finished is said."""
    save_model(tmp_path / "m.skops", model)
    images = np.random.default_rng(1).poisson(4, (400, 32, 32)).astype(np.uint8)
    np.savez(tmp_path / "many.npz", images=images)
    words = ["predict", "many.npz", "--model", "m.skops", "--output"]
    command = [sys.executable, "-m", "ls_integration", "--quiet", *words]
    process = subprocess.Popen([*command, "scores.csv"], cwd=tmp_path)
    part = tmp_path / ".scores.csv.part"
    deadline = time.monotonic() + 120
    while not part.exists() or part.stat().st_size < 400:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "scores.csv").exists()
    again = subprocess.run(
        [*command, "scores.csv"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "by an earlier run" in again.stdout
    subprocess.run([*command, "whole.csv"], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "scores.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 400


def test_a_bad_image_stops_the_run_and_costs_no_other(model: Model, tmp_path: Path) -> None:
    """Once it is mended only its batch is scored again; --skip-bad does without it."""
    images = tmp_path / "images"
    images.mkdir()
    good = [np.random.default_rng(number).poisson(9, (32, 32)) for number in range(2 * AT_ONCE)]
    for number, values in enumerate(good):
        np.save(images / f"{number}.npy", values.astype(np.uint16))
    (images / "3.npy").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="1 images cannot be read"):
        predicted(open_sted(images), model, tmp_path / "s.csv")
    assert not (tmp_path / "s.csv").exists()
    rest = predicted(open_sted(images), model, tmp_path / "s.csv", skip_bad=True)
    assert len(rest) == 2 * AT_ONCE - 1
    assert "3.npy" not in rest["path"].tolist()
    np.save(images / "3.npy", good[3].astype(np.uint16))
    all_of_them = predicted(open_sted(images), model, tmp_path / "s.csv")
    assert all_of_them["path"].tolist() == [f"{number}.npy" for number in range(2 * AT_ONCE)]


def test_images_of_several_sizes_keep_their_places(model: Model, tmp_path: Path) -> None:
    """A batch may hold any."""
    sides = [32, 48, 32, 64, 48]
    for number, side in enumerate(sides):
        values = np.random.default_rng(number).poisson(9, (side, side))
        np.save(tmp_path / f"{number}.npy", values.astype(np.uint16))
    table = predicted(open_sted(tmp_path), model, tmp_path / "s.csv")
    alone = [
        model.score_sted(np.load(tmp_path / f"{number}.npy")[None].astype(np.float32))[0]
        for number in range(5)
    ]
    assert table["model_score"].tolist() == alone


def test_the_table_goes_on_to_the_backend(model: Model, tmp_path: Path) -> None:
    """Joined by path or by item_id, names that a spreadsheet would run among them."""
    values = np.random.default_rng(0).poisson(9, (32, 32)).astype(np.uint16)
    names = ["=1+1.npy", "a.npy"]
    for number, name in enumerate(names):
        np.save(tmp_path / name, values + number)
    (tmp_path / "own.csv").write_text("path,item_id\n=1+1.npy,one\na.npy,two\n")
    table = predicted(open_sted(tmp_path / "own.csv"), model, tmp_path / "s.csv")
    assert table["path"].tolist() == ["'=1+1.npy", "a.npy"]
    assert table["item_id"].tolist() == ["one", "two"]
    ids = {"id0": "=1+1.npy", "id1": "a.npy"}
    served = read_score_table(tmp_path / "s.csv", source_paths=ids)
    assert served.model_version == model.version
    assert [served.scores[name].score for name in ids] == table["model_score"].tolist()


def test_the_table_is_a_manifest_in_its_folder(model: Model, tmp_path: Path) -> None:
    """`import sted-quality` reads scores and decisions back; ratings are not in it."""
    for number in range(3):
        values = np.random.default_rng(number).poisson(9, (32, 32)).astype(np.uint16)
        np.save(tmp_path / f"{number}.npy", values)
    table = predicted(open_sted(tmp_path), model, tmp_path / "scores.csv")
    read = read_source(tmp_path / "scores.csv")
    assert not read.problems
    assert read.rows["model_score"].tolist() == table["model_score"].tolist()
    assert read.rows["model_label"].tolist() == table["model_label"].tolist()
    assert read.rows["rating"].isna().all()


def test_a_network_and_cutouts(tmp_path: Path) -> None:
    """Rows of the table in its order, although a frame is scored at once."""
    table = write_frames(tmp_path, n_frames=3)
    lines = table.read_text().splitlines()
    rows = lines[1:]
    # By column of the grid, so that the frames are mixed.
    mixed = sorted(rows, key=lambda line: (line.split(",")[1], line.split(",")[2], line))
    table.write_text("\n".join([lines[0], *mixed]) + "\n")
    network = write_network(
        tmp_path / "net.onnx",
        kind="cutouts",
        shape=("n", 1, 16, 16),
        normalise="divide",
        more="divide_by = 1000",
    )
    path = network.with_suffix(".toml")
    data = network.read_bytes()
    network.write_bytes(data)
    path.write_text(path.read_text().replace("size_px = 16", "size_px = 200"))
    with pytest.raises(ModelError, match="its sidecar says"):
        load_scorer(network)
    write_network(
        network,
        kind="cutouts",
        shape=("n", 1, "h", "w"),
        normalise="divide",
        more="divide_by = 1000",
    )
    path.write_text(path.read_text().replace("size_px = 16", "size_px = 200"))
    words = ["predict", str(tmp_path), "--predictions", str(table), "--model", str(network)]
    result = CliRunner().invoke(app, [*words, "--output", str(tmp_path / "s.csv")])
    assert result.exit_code == 0, (result.output, result.exception)
    scores = pd.read_csv(tmp_path / "s.csv", keep_default_na=False)
    assert scores["path"].tolist() == ["/".join(line.split(",")[:3]) for line in mixed]
    is_artifact = np.array([line.split(",")[3] == "1" for line in mixed])
    high, low = scores["model_score"][is_artifact], scores["model_score"][~is_artifact]
    assert high.min() > low.max()
    assert set(scores["model_label"]) == {"no artifact"}
    assert set(scores["model_version"]) == {"mean-1"}


def test_origin_decides_which_tile_is_meant(tmp_path: Path) -> None:
    """Of a picture grid_y counts from the origin's edge; of an array it is the first row."""
    from PIL import Image

    rows = np.repeat(np.arange(0, 60, 10), 20)[:, None] * np.ones((1, 40))
    Image.fromarray(rows.astype(np.uint8)).save(tmp_path / "p.png")
    np.save(tmp_path / "a.npy", rows)
    table = tmp_path / "t.csv"
    table.write_text(
        "image_name,grid_x,grid_y,label,confidence\np.png,0,20,0,0.1\na.npy,0,20,0,0.1\n"
    )
    found = {}
    for origin in ("upper", "lower", None):
        options = SourceOptions(tmp_path, predictions=table, tile_px=20, origin=origin)
        source = open_source("cutouts", options)
        found[origin] = []
        for number in range(2):
            images: Any = source.read(number).images
            ((x, y),) = images.corners.tolist()
            found[origin].append(float(images.frame[y : y + 20, x : x + 20].mean()))
    assert found == {"upper": [10, 10], "lower": [40, 10], None: [10, 10]}


def test_a_model_of_another_kind_is_refused(model: Model, tmp_path: Path) -> None:
    """Before any image is read."""
    table = write_frames(tmp_path, n_frames=1)
    source = open_source("cutouts", SourceOptions(tmp_path, predictions=table))
    with pytest.raises(ModelError, match="is of sted-quality, not of cutouts"):
        predicted(source, model, tmp_path / "s.csv")
