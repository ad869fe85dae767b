"""A table of cutouts and its frames -> the items of a study, with pictures on disk."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ls_integration.errors import ConfigError, SourceError, StudyError
from ls_integration.images.frames import frame_shape
from ls_integration.kinds.cutouts import make_items
from ls_integration.kinds.cutouts_table import read_predictions_table
from ls_integration.progress import silent
from ls_integration.settings import load
from ls_integration.study import Study
from ls_integration.workflows.cutout_options import CutoutOptions, check_cutout_options
from ls_integration.workflows.cutout_pictures import (
    check_inside,
    draw_cutouts,
    find_sources,
    region_id,
)
from ls_integration.workflows.cutouts_results import TABLE_FILE
from ls_integration.workflows.import_cutouts import import_cutouts

STUDY = Study(kind="cutouts", title="Cutouts", blind=False)
TILE = 10


def write_source(folder: Path, *, names: tuple[str, ...] = ("f.one", "f.two")) -> CutoutOptions:
    """Make frames of 3 x 3 tiles and a table in which one tile of each is an FP."""
    generator = np.random.default_rng(3)
    lines = ["image_name,grid_x,grid_y,label,confidence"]
    for name in names:
        pixels = generator.integers(0, 255, (3 * TILE, 3 * TILE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
        for y in range(0, 3 * TILE, TILE):
            for x in range(0, 3 * TILE, TILE):
                score = 0.99 if (x, y) == (0, TILE) else 0.1
                lines.append(f"{name},{x},{y},0,{score}")
    table = folder / "table.csv"
    table.write_text("\n".join(lines) + "\n")
    return CutoutOptions(source=folder, predictions=table, tile_px=TILE)


def draw(
    options: CutoutOptions, pictures: Path, study: Study = STUDY
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Draw the errors of a source."""
    table = read_predictions_table(options.predictions, tile_px=options.tile_px)
    items = make_items(table, make_id=study.item_id, seed=0, show=options.show)
    frames = find_sources(options, list(dict.fromkeys(items["image_name"])))
    check_inside(frames, table)
    drawn, known, problems = draw_cutouts(items, study, options, frames, table, pictures, silent)
    assert problems == []
    return drawn, known


def test_pictures_hold_the_pixels_of_the_frame(tmp_path: Path) -> None:
    """The cutout as it is, the middle of its neighbourhood, and the frame itself."""
    options = write_source(tmp_path)
    items, known = draw(options, tmp_path / "media" / STUDY.pictures_folder)
    media = tmp_path / "media"
    assert len(items) == 2
    for item in items.itertuples():
        frame = np.asarray(Image.open(tmp_path / f"{item.image_name}.png"))
        own = frame[TILE : 2 * TILE, 0:TILE]
        np.testing.assert_array_equal(np.asarray(Image.open(media / item.image)), own)
        around = np.asarray(Image.open(media / item.context))
        np.testing.assert_array_equal(around[TILE : 2 * TILE, TILE : 2 * TILE], own)
        np.testing.assert_array_equal(around[:, TILE:], frame[:, : 2 * TILE])
        np.testing.assert_array_equal(np.asarray(Image.open(media / item.frame_image)), frame)
        x, y, width, height = json.loads(item.frame_box)
        assert (x, y) == (0.0, pytest.approx(100 / 3))
        assert (width, height) == (pytest.approx(100 / 3), pytest.approx(100 / 3))
    assert set(known) == {"f.one", "f.two"}


def test_tiles_are_the_neighbours_in_the_table(tmp_path: Path) -> None:
    """Row-major as drawn, None outside the frame, ids that the study gives those cutouts."""
    options = write_source(tmp_path, names=("f",))
    items, _ = draw(options, tmp_path / "media" / STUDY.pictures_folder)
    tiles = json.loads(items["tiles"].iloc[0])
    assert [tile and tile["id"] for tile in tiles] == [
        None, "r00c00", "r00c01",
        None, "r01c00", "r01c01",
        None, "r02c00", "r02c01",
    ]  # fmt: skip
    assert tiles[4]["item_id"] == items["item_id"].iloc[0] == STUDY.item_id("f/0/10")
    assert tiles[5]["item_id"] == STUDY.item_id("f/10/10")
    assert (tiles[4]["outcome"], tiles[5]["outcome"]) == ("FP", "TN")
    assert (tiles[4]["score"], tiles[4]["label"]) == (0.99, "no artifact")
    facts = dict(json.loads(items["facts"].iloc[0]))
    assert (facts["image_name"], facts["grid_y"], facts["error_id"]) == ("f", "10", "0")


def test_region_ids_are_unique_off_the_grid() -> None:
    """Two cutouts that overlap share row and column, and must not share an id."""
    assert region_id(200, 400, 200) == "r02c01"
    assert region_id(210, 400, 200) != region_id(200, 400, 200)


def test_the_picture_of_a_frame_keeps_its_name(tmp_path: Path) -> None:
    """A JPEG's is JPEG; a study from before that, whose pages point at WebP, is drawn as it was."""
    options = write_source(tmp_path, names=("f",))
    with Image.open(tmp_path / "f.png") as picture:
        picture.save(tmp_path / "f.jpg")
    (tmp_path / "f.png").unlink()
    media = tmp_path / "media"
    items, known = draw(options, media / STUDY.pictures_folder)
    image = str(items["frame_image"].iloc[0])
    assert image == known["f"]["image"]
    assert image.endswith(".jpg")
    assert (media / image).is_file()

    old = image.replace(".jpg", ".webp")
    study = STUDY.model_copy(update={"options": {"frames": {"f": known["f"] | {"image": old}}}})
    items, again = draw(options, media / STUDY.pictures_folder, study)
    assert items["frame_image"].unique().tolist() == [old] == [again["f"]["image"]]
    with Image.open(media / image) as new, Image.open(media / old) as before:
        assert (new.format, before.format) == ("JPEG", "WEBP")
        np.testing.assert_array_equal(np.asarray(new), np.asarray(before))


def test_the_real_frames_have_215_errors(shared_data: Path, tmp_path: Path) -> None:
    """One frame is drawn: edges have tiles outside, the rest nine; nothing else is asked about."""
    folder = shared_data / "des_cutouts"
    options = CutoutOptions(
        source=folder / "images", predictions=folder / "test_outputs.csv", study=tmp_path / "s"
    )
    table = read_predictions_table(options.predictions)
    items = make_items(table, make_id=STUDY.item_id, seed=0)
    assert items["outcome"].value_counts().to_dict() == {"FP": 204, "FN": 11}
    frames = find_sources(options, list(dict.fromkeys(items["image_name"])))
    check_inside(frames, table)
    name = items["image_name"].iloc[0]
    few = items.loc[items["image_name"] == name].reset_index(drop=True)
    drawn, known, problems = draw_cutouts(few, STUDY, options, frames, table, tmp_path, silent)
    assert problems == []
    assert known[name]["size_px"] == [4200, 2200]
    for item in drawn.itertuples():
        tiles = json.loads(item.tiles)
        outside = (item.grid_x in (0, 4000)) * 3 + (item.grid_y in (0, 2000)) * 3
        outside -= 1 if item.grid_x in (0, 4000) and item.grid_y in (0, 2000) else 0
        assert sum(tile is None for tile in tiles) == outside


def test_all_real_fits_frames_become_cutouts(shared_data: Path, tmp_path: Path) -> None:
    """One cutout in the middle of each of the five files, stretched, with its place in the sky."""
    folder = shared_data / "fits"
    files = [path for path in sorted(folder.iterdir()) if ".fit" in path.name]
    assert len(files) == 5
    lines = ["image_name,grid_x,grid_y,label,confidence"]
    for path in files:
        width, height = frame_shape(path).size_px
        lines.append(f"{path.name},{width // 2 // 64 * 64},{height // 2 // 64 * 64},0,0.99")
    table = tmp_path / "fits.csv"
    table.write_text("\n".join(lines))
    options = CutoutOptions(source=folder, predictions=table, tile_px=64)
    items, known = draw(options, tmp_path / "media" / STUDY.pictures_folder)
    assert len(items) == 5
    for item in items.itertuples():
        pixels = np.asarray(Image.open(tmp_path / "media" / item.image))
        assert pixels.shape == (64, 64, 3)
        assert len(np.unique(pixels)) > 8, item.image_name
        assert known[item.image_name]["limits"]["stretch"] == "zscale"
    assert items["ra_deg"].notna().any()


def test_a_cutout_outside_its_frame_and_a_frame_without_file_are_named(tmp_path: Path) -> None:
    """Before anything is decoded."""
    options = write_source(tmp_path, names=("f",))
    with options.predictions.open("a") as table:
        table.write("f,30,0,0,0.5\n")
    with pytest.raises(SourceError, match=r"1 cutouts of table\.csv are outside.*f at 30, 0"):
        draw(options, tmp_path / "media")
    with options.predictions.open("a") as table:
        table.write("g,0,0,0,0.99\n")
    with pytest.raises(SourceError, match="g"):
        draw(options, tmp_path / "media")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"blind": True}, "--random-floor"),
        ({"random_floor": 1.5}, "--random-floor 1.5"),
        ({"bands": ("g", "r")}, "--bands g r"),
    ],
)
def test_options_that_cannot_be_right(changes: dict[str, object], words: str) -> None:
    """A blind queue of errors would tell the answer by being one."""
    options = CutoutOptions(source=Path(), predictions=Path(), **changes)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=words):
        check_cutout_options(options, "Cutouts")


def test_a_dry_run_says_what_would_be_asked(tmp_path: Path) -> None:
    """And leaves nothing behind."""
    options = write_source(tmp_path)
    lines: list[str] = []
    outcome = import_cutouts(
        options, load(), start=tmp_path / "work", dry_run=True, say=lines.append
    )
    assert (outcome.n_items, outcome.n_predictions, outcome.projects) == (2, 2, [])
    assert "2 of 18 cutouts: 2 FP" in lines
    assert not (tmp_path / "work").exists()


def test_another_table_is_not_the_study(tmp_path: Path) -> None:
    """The export splices into the very bytes that were imported."""
    from ls_integration.workflows.import_cutouts import _check_same_table

    options = write_source(tmp_path)
    table = read_predictions_table(options.predictions, tile_px=TILE)
    (tmp_path / TABLE_FILE).write_bytes(table.data)
    _check_same_table(table, tmp_path)
    (tmp_path / TABLE_FILE).write_bytes(table.data + b"\n")
    with pytest.raises(StudyError, match="not the table"):
        _check_same_table(table, tmp_path)
