"""`improve`: what a review did to the labels, and what that does to a model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from ls_integration import study as study_folder
from ls_integration.annotations import check_annotations
from ls_integration.cli import app
from ls_integration.errors import ConfigError, SourceError
from ls_integration.results.tables import write_annotations, write_items
from ls_integration.study import Study
from ls_integration.workflows.improve import ImproveOptions, improve
from ls_integration.workflows.reviewed import read_reviewed

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sted_sample"
WRONG = 20
ONCE = ImproveOptions(steps=0)


def nothing(_line: str) -> None:
    """Say nothing."""


def write_sted_study(folder: Path, kind: str, wrong: int) -> tuple[Path, pd.DataFrame]:
    """Write a study of the sample; its first *wrong* normal images are rated as anomalies."""
    source = folder / "source"
    source.mkdir(parents=True)
    (source / "sample").symlink_to(SAMPLE)
    manifest = pd.read_csv(SAMPLE / "manifest.csv", dtype=str)
    rating = manifest["rating"].astype(float).to_numpy()
    flipped = np.flatnonzero(rating >= 0.7)[:wrong]
    rating[flipped] = 0.41
    manifest["path"] = [f"sample/{path}" for path in manifest["path"]]
    manifest["group"] = [f"day {row % 5}" for row in range(len(manifest))]
    manifest.assign(rating=rating)[["path", "rating", "group"]].to_csv(
        source / "manifest.csv", index=False
    )
    options: dict[str, Any] = {
        "source": str(source / "manifest.csv"),
        "ratings": None,
        "picture": {"channel": None, "plane": None, "projection": None},
    }
    study = Study(kind=kind, title="A study", blind=False, options=options)
    items = pd.DataFrame(
        {
            "item_id": [study.item_id(path) for path in manifest["path"]],
            "position": np.arange(len(manifest))[::-1],
            "image": "",
            "source_path": manifest["path"],
            "rating": rating,
            "label": np.where(rating < 0.7, "anomaly", "normal"),
            "truth": np.where(manifest["rating"].astype(float) < 0.7, "anomaly", "normal"),
        }
    ).sort_values("position", ignore_index=True)
    study_folder.save(folder / "study", study)
    study_folder.write_items(folder / "study", items)
    return folder / "study", items


def write_results(folder: Path, items: pd.DataFrame, **columns: object) -> Path:
    """Write the answers of one person."""
    folder.mkdir()
    answers = pd.DataFrame({"item_id": items["item_id"], "annotator": "Ann"}).assign(**columns)
    write_annotations(folder, check_annotations(answers))
    write_items(folder, items)
    return folder


def test_labels_that_people_corrected_make_a_better_model(tmp_path: Path) -> None:
    """Most normal images were called anomalies; a person sets them right, and the model gains."""
    study, items = write_sted_study(tmp_path, "sted-quality", wrong=WRONG)
    results = write_results(tmp_path / "results", items, label=items["truth"])
    done = improve(study, results, ImproveOptions(steps=2, repeats=2), say=nothing)
    found = done.improvement
    assert (done.n_reviewed, found.n_corrected, done.grouped_by) == (len(items), WRONG, "session")
    assert found.n_groups == 5
    assert found.auc_corrected.value > found.auc_old.value
    assert [curve.order for curve in done.curves] == ["queue", "uncertain", "confidence", "random"]
    for curve in done.curves:
        assert curve.auc[0] == pytest.approx(found.auc_old.value)
        assert curve.auc[-1] == pytest.approx(found.auc_corrected.value)
        assert curve.n_corrected[-1] == WRONG
    # What the model most contradicts is looked at first: more is mended half way than by chance.
    half = {curve.order: curve.n_corrected[1] for curve in done.curves}
    assert half["confidence"] > half["random"]


def test_skips_ties_and_open_items_keep_their_label(tmp_path: Path) -> None:
    """Only what a majority decided is corrected; only what was answered counts as reviewed."""
    study, items = write_sted_study(tmp_path, "sted-quality", wrong=10)
    wrong = np.flatnonzero(items["label"] != items["truth"])
    results = tmp_path / "results"
    results.mkdir()
    rows = [
        (wrong[0], "Ann", "normal", False),
        (wrong[1], "Ann", None, True),
        (wrong[2], "Ann", "normal", False),
        (wrong[2], "Bob", "anomaly", False),
    ]
    table = pd.DataFrame(rows, columns=["row", "annotator", "label", "skipped"])
    table.insert(0, "item_id", items["item_id"].to_numpy()[table.pop("row")])
    write_annotations(results, check_annotations(table))
    write_items(results, items)
    reviewed = read_reviewed(study, results)
    paths = reviewed.source.rows["path"]
    changed = paths[reviewed.old != reviewed.corrected].tolist()
    assert changed == [items["source_path"][wrong[0]]]
    assert paths[reviewed.queue].tolist() == items["source_path"][wrong[[0, 2]]].tolist()


def test_new_ratings_are_the_mean_of_people(tmp_path: Path) -> None:
    """Of a study of ratings, images that nobody rated again keep their old rating."""
    study, items = write_sted_study(tmp_path, "sted-rating", wrong=4)
    results = tmp_path / "results"
    results.mkdir()
    again = pd.concat(
        [
            pd.DataFrame({"item_id": items["item_id"][:3], "annotator": name, "rating": rating})
            for name, rating in (("Ann", 0.80), ("Bob", 0.90))
        ],
        ignore_index=True,
    )
    write_annotations(results, check_annotations(again.assign(label=None)))
    write_items(results, items)
    reviewed = read_reviewed(study, results)
    by_path = pd.Series(reviewed.corrected, index=reviewed.source.rows["path"])
    assert by_path[items["source_path"][:3]].tolist() == pytest.approx([0.85] * 3)
    rest = items["source_path"][3:]
    assert by_path[rest].tolist() == items["rating"][3:].tolist()


def write_frames(folder: Path) -> tuple[Path, Path, pd.DataFrame]:
    """Write four frames of 15 tiles; in a third of them a streak, of which half are labelled."""
    generator = np.random.default_rng(3)
    images = folder / "images"
    images.mkdir(parents=True)
    rows = []
    for name in ("A", "B", "C", "D"):
        frame = generator.normal(60, 8, (600, 1000, 3))
        for x in range(0, 1000, 200):
            for y in range(0, 600, 200):
                has_streak = generator.random() < 0.35
                if has_streak:
                    steps = np.linspace(35, 165, 400)
                    slope = generator.uniform(-0.8, 0.8)
                    down = np.clip(100 + slope * (steps - 100), 30, 170).astype(int)
                    for wide in range(-2, 3):
                        frame[y + down + wide, x + steps.astype(int)] += (120, 0, 0)
                rows.append((name, x, y, has_streak))
        Image.fromarray(frame.clip(0, 255).astype("uint8")).save(images / f"{name}.png")
    table = pd.DataFrame(rows, columns=["image_name", "grid_x", "grid_y", "truth"])
    missed = table["truth"] & (generator.random(len(table)) < 0.5)
    table["label"] = (table["truth"] & ~missed).astype(int)
    # The model of the survey sees every streak, and one that is none.
    table["confidence"] = np.where(table["truth"], 0.99, 0.1)
    table.loc[np.flatnonzero(~table["truth"])[0], "confidence"] = 0.97
    study = Study(
        kind="cutouts",
        title="Streaks",
        blind=False,
        options={
            "source": str(images),
            "predictions": str(folder / "test_outputs.csv"),
            "threshold": None,
            "tile_px": 200,
            "origin": None,
            "hdu": None,
            "bands": [],
        },
    )
    study_folder.save(folder / "study", study)
    corrected = table.drop(columns="truth").assign(label_new=table["truth"].astype(int))
    corrected.to_csv(folder / "test_outputs.csv", index=False)
    return folder / "study", folder / "test_outputs.csv", table


def test_a_corrected_table_of_cutouts_is_enough(tmp_path: Path) -> None:
    """Its errors are the queue, in the order of error_id; the truth is what was corrected."""
    study, corrected, table = write_frames(tmp_path)
    reviewed = read_reviewed(study, corrected)
    errors = np.flatnonzero((table["confidence"] >= 0.95) != (table["label"] == 1))
    assert reviewed.queue.tolist() == errors.tolist()
    assert reviewed.corrected.tolist() == table["truth"].astype(float).tolist()
    assert reviewed.old.tolist() == table["label"].astype(float).tolist()
    done = improve(study, corrected, ONCE, say=nothing)
    assert (done.kind, done.grouped_by, done.improvement.n_groups) == ("cutouts", "frame", 4)
    assert done.improvement.n_corrected == int((table["truth"] != (table["label"] == 1)).sum())
    assert done.curves == []


def test_what_cannot_be_is_said_in_one_line(tmp_path: Path) -> None:
    """Results of another study, none at all, options that cannot be."""
    study, items = write_sted_study(tmp_path, "sted-quality", wrong=2)
    with pytest.raises(SourceError, match="no annotations.csv"):
        improve(study, tmp_path, ONCE, say=nothing)
    strange = items.assign(source_path=[f"else/{row}" for row in range(len(items))])
    results = write_results(tmp_path / "results", strange, label=items["truth"])
    with pytest.raises(SourceError, match="answers on items that .* does not have: else/0"):
        improve(study, results, ONCE, say=nothing)
    with pytest.raises(ConfigError, match="--repeats 0"):
        improve(study, results, ImproveOptions(repeats=0), say=nothing)
    good = write_results(tmp_path / "good", items, label=items["truth"])
    with pytest.raises(ConfigError, match="--recipe cutouts is none of sted-quality"):
        improve(study, good, ImproveOptions(recipe="cutouts"), say=nothing)
    cutouts, _corrected, _table = write_frames(tmp_path / "frames")
    with pytest.raises(SourceError, match="there is no .*test_outputs.csv"):
        improve(cutouts, results, ONCE, say=nothing)


def test_the_command_says_and_writes_what_it_found(tmp_path: Path) -> None:
    """Numbers on the screen, and as JSON, table and picture; again byte for byte the same."""
    study, items = write_sted_study(tmp_path, "sted-quality", wrong=10)
    results = write_results(tmp_path / "results", items, label=items["truth"])
    arguments = ["improve", str(study), str(results), "--steps", "1", "--repeats", "1", "--quiet"]
    output = tmp_path / "found"
    run = CliRunner().invoke(app, [*arguments, "--output", str(output)])
    assert run.exit_code == 0, run.output
    assert "10 labels corrected" in run.output
    values = json.loads((output / "improvement.json").read_text())
    assert values["auc_gain"] == pytest.approx(values["auc_corrected"] - values["auc_old"])
    assert (output / "review_curve.png").read_bytes()[:4] == b"\x89PNG"
    curve = pd.read_csv(output / "review_curve.csv")
    assert curve.groupby("order")["n_reviewed"].max().eq(len(items)).all()
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    again = CliRunner().invoke(app, [*arguments, "--output", str(output)])
    assert again.exit_code == 0, again.output
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
