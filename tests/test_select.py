"""`select`: of many scored tiles those that deserve a person, and why each was chosen."""

import dataclasses
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ls_integration.cli import app
from ls_integration.errors import ConfigError, SourceError
from ls_integration.kinds.cutouts_table import read_predictions_table
from ls_integration.models.selection import Smallest, random_keys
from ls_integration.workflows.score_files import ScoredWith, TileScores, write_scores
from ls_integration.workflows.select import Selected, SelectOptions, select
from tests.survey_frames import TILE, survey_model, write_survey

WITH = ScoredWith("00", "cutouts-1", 0.5, "cutouts-1", 200, None, None, ())
N_FRAMES, N_TILES = 40, 25


def write_file(
    folder: Path, number: int, scores: Any, labels: Any = None, look: Any = None, **other: Any
) -> None:
    """Write the scores of a frame."""
    scores = np.asarray(scores, dtype="float64")
    places = np.column_stack([np.arange(len(scores)) * 200, np.zeros(len(scores))]).astype("int64")
    facts = dataclasses.replace(WITH, **other).as_facts() | {"tiles": "grid", "stamp": str(number)}
    tiles = TileScores(places, scores, labels, look)
    write_scores(folder / f"f{number:03d}.npy.parquet", f"f{number:03d}.npy", tiles, facts)


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    """Write 1000 tiles of 40 frames, a third of them with labels; few scores near 0.5."""
    folder = tmp_path / "scores"
    for number in range(N_FRAMES):
        generator = np.random.default_rng(number)
        scores = generator.beta(0.3, 0.3, N_TILES)
        labels = None
        if number % 3 == 0:
            labels = (scores >= 0.5) ^ (generator.random(N_TILES) < 0.04)
        write_file(folder, number, scores, labels, generator.normal(0, 1, (N_TILES, 6)))
    return folder


def chosen(survey: Path, budget: int, **options: Any) -> tuple[pd.DataFrame, Selected]:
    """Select and read the table."""
    output = survey.parent / "table.csv"
    done = select(SelectOptions(survey, budget, output, **options), say=lambda _: None)
    return pd.read_csv(output, float_precision="round_trip"), done


def everything(survey: Path) -> pd.DataFrame:
    """Read all scores, and the worth of each tile by its definition."""
    table = pd.concat([pd.read_parquet(path) for path in sorted(survey.glob("*.parquet"))])
    score, label = table["model_score"], table["label"]
    distance = abs(score - 0.5) / 0.5
    contradicted = label.notna() & (label.astype("boolean") != (score >= 0.5))
    table["worth"] = np.where(
        contradicted.fillna(False), np.maximum(distance, 1 - distance), 1 - distance
    )
    return table.set_index(["image_name", "grid_x"])


def test_what_is_worth_most_is_chosen(survey: Path) -> None:
    """Without a lot, a limit a frame and looks: the definition's first N, in its order."""
    for path in survey.glob("*.parquet"):
        path.unlink()
    for number in range(N_FRAMES):
        generator = np.random.default_rng(number)
        scores = generator.random(N_TILES)
        write_file(survey, number, scores, generator.random(N_TILES) < 0.5)
    table, done = chosen(survey, 60, random_floor=0, per_frame=N_TILES)
    expected = everything(survey).sort_values("worth", ascending=False, kind="stable")[:60]
    assert list(zip(table["image_name"], table["grid_x"], strict=True)) == expected.index.tolist()
    assert np.allclose(table["worth"], expected["worth"], atol=1e-6)
    assert done.n_tiles == N_FRAMES * N_TILES
    assert done.counts["random"] == 0
    assert done.counts["error"] == (table["label"] != table["preds"]).sum() > 5
    assert done.counts["error"] + done.counts["uncertain"] == 60


def test_each_row_says_why_it_is_there(survey: Path) -> None:
    """A label that the model contradicts, its doubt, or the lot with its rate."""
    table, done = chosen(survey, 100, random_floor=0.2)
    assert len(table) == 100
    assert not table.duplicated(["image_name", "grid_x", "grid_y"]).any()
    assert done.counts == table["chosen_for"].value_counts().to_dict()
    assert done.counts["random"] == 20
    is_error = table["chosen_for"] == "error"
    assert (table["label"] != table["preds"])[is_error].all()
    assert (table["label_from"] == "table")[is_error].all()
    is_lot = table["chosen_for"] == "random"
    assert (table.loc[is_lot, "chosen_at_rate"] == 20 / 920).all()
    assert (table.loc[~is_lot, "chosen_at_rate"] == 1).all()
    # Not at the end, where people get tired.
    assert np.flatnonzero(is_lot)[0] < 40
    assert np.flatnonzero(is_lot)[-1] > 60
    truth = everything(survey).loc[list(zip(table["image_name"], table["grid_x"], strict=True))]
    assert table["confidence"].tolist() == truth["model_score"].tolist()
    from_model = table["label_from"] == "model"
    assert truth["label"].isna().tolist() == from_model.tolist()
    assert (table["label"] == table["preds"])[from_model].all()


def test_the_same_seed_chooses_the_same(survey: Path) -> None:
    """Byte for byte; another seed draws another lot from the same queue."""
    chosen(survey, 100, random_floor=0.2)
    first = (survey.parent / "table.csv").read_bytes()
    one, _ = chosen(survey, 100, random_floor=0.2)
    assert (survey.parent / "table.csv").read_bytes() == first
    other, _ = chosen(survey, 100, random_floor=0.2, seed=1)

    def keys(table: pd.DataFrame, lot: bool) -> list[Any]:
        rows = table[(table["chosen_for"] == "random") == lot]
        return list(zip(rows["image_name"], rows["grid_x"], strict=True))

    assert keys(one, lot=False) == keys(other, lot=False)
    assert set(keys(one, lot=True)) != set(keys(other, lot=True))


def test_the_lot_is_fair(survey: Path) -> None:
    """Over 400 seeds each tile outside the queue is drawn as often as the rate says."""
    n_seeds, drawn = 400, np.zeros(N_FRAMES * N_TILES)
    for seed in range(n_seeds):
        keys = np.concatenate([random_keys(seed, f"{n}", N_TILES) for n in range(N_FRAMES)])
        lot = Smallest(100)
        for number in range(N_FRAMES):
            rows = slice(number * N_TILES, (number + 1) * N_TILES)
            lot.offer(number, np.arange(N_TILES), keys[rows])
        places, kept = lot.kept()
        assert kept.tolist() == np.sort(keys)[:100].tolist()
        drawn[places[:, 0] * N_TILES + places[:, 1]] += 1
    # Binomial, 400 x 0.1: 40 with a standard deviation of 6.
    assert drawn.mean() == 40
    assert 5 < drawn.std() < 7
    assert drawn.min() > 15
    assert drawn.max() < 70


def test_a_bad_frame_does_not_fill_the_queue(survey: Path) -> None:
    """It gives four even shares, unless the others have nothing more to give."""
    write_file(
        survey, 999, np.full(500, 0.5), None, np.random.default_rng(0).normal(0, 1, (500, 6))
    )
    table, _ = chosen(survey, 41, random_floor=0)
    assert (table["image_name"] == "f999.npy").sum() <= 4
    table, _ = chosen(survey, 41, random_floor=0, per_frame=9)
    assert 4 < (table["image_name"] == "f999.npy").sum() <= 9
    table, _ = chosen(survey, 1400, random_floor=0, per_frame=2)
    assert len(table) == 1400


def test_near_duplicates_are_kept_apart(tmp_path: Path) -> None:
    """Of tiles that look the same one comes early, though all are worth as much."""
    folder = tmp_path / "scores"
    generator = np.random.default_rng(0)
    for number in range(20):
        look = generator.normal(0, 1, (4, 8)) if number >= 10 else np.full((4, 8), 3.0)
        look = look + generator.normal(0, 0.001, (4, 8))
        # The alike ones are worth a little more.
        write_file(folder, number, np.full(4, 0.5 if number < 10 else 0.52), None, look)
    table, _ = chosen(folder, 20, random_floor=0)
    alike = table["image_name"] < "f010.npy"
    assert 1 <= alike.sum() < 8


def test_a_budget_above_all_tiles_takes_all(survey: Path) -> None:
    """Each once, whether by worth or by lot."""
    table, _ = chosen(survey, 5000, random_floor=0.5)
    assert len(table) == N_FRAMES * N_TILES
    assert not table.duplicated(["image_name", "grid_x"]).any()


def test_memory_does_not_grow_with_the_survey() -> None:
    """Of a million tiles no more than asked for are kept, and they are the best."""
    kept = Smallest(100)
    generator = np.random.default_rng(0)
    keys = generator.random((1000, 1000))
    most = 0
    for frame, some in enumerate(keys):
        kept.offer(frame, np.arange(1000), some)
        most = max(most, sum(map(len, kept._keys)))
    assert most <= 2 * 100 + 1000 + 1000
    places, best = kept.kept()
    assert best.tolist() == np.sort(keys.ravel())[:100].tolist()
    assert keys[places[:, 0], places[:, 1]].tolist() == best.tolist()


@pytest.mark.parametrize("change", ["model", "tile", "foreign", "damaged", "empty"])
def test_scores_that_do_not_belong_together_are_refused(survey: Path, change: str) -> None:
    """In one line that names the file and what to do."""
    if change == "model":
        write_file(survey, 50, [0.5], model_sha256="11", model_version="cutouts-2")
        message = r"f050.npy.parquet was scored by cutouts-2 and others by cutouts-1 .*model_sha256"
    elif change == "tile":
        write_file(survey, 50, [0.5], tile_px=100)
        message = "they differ in tile_px"
    elif change == "foreign":
        pd.DataFrame({"model_score": [1.0], "label": [None]}).to_parquet(survey / "z.parquet")
        message = "z.parquet is no file of scores"
    elif change == "damaged":
        path = survey / "f005.npy.parquet"
        path.write_bytes(path.read_bytes()[:-30])
        message = "f005.npy.parquet is damaged"
    else:
        for path in survey.glob("*.parquet"):
            path.rename(path.with_name(f".{path.name}"))
        message = "has no scores of frames"
    with pytest.raises(SourceError, match=message):
        chosen(survey, 10)


def test_shares_that_are_none_are_refused(survey: Path) -> None:
    """Before anything is read."""
    with pytest.raises(ConfigError, match="--random-floor 2"):
        chosen(survey, 10, random_floor=2)


def test_import_reads_the_table_as_it_is(tmp_path: Path) -> None:
    """From frames to the dry run of the import, by the commands that are printed."""
    survey_model(tmp_path / "m.skops")
    write_survey(tmp_path / "frames", 8)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    frames, scores = str(tmp_path / "frames"), f"{tmp_path}/scores/"
    words = ["--model", str(tmp_path / "m.skops"), "--tile", str(TILE), "--workers=1"]
    run("predict", frames, *words, "--output", scores)
    table = tmp_path / "table.csv"
    few = tmp_path / "few"
    said = run(
        *("select", scores, "--budget", "6", "--output", str(table), "--random-floor", "0.3"),
        *("--fetch", frames, str(few)),
    )
    assert "6 of 16 tiles" in said
    assert "2 by lot" in said
    command = shlex.split(re.search("go on with: ls-integration (.*)", said)[1])  # type: ignore[index]
    assert command[2] == str(few)
    chosen_frames = set(pd.read_csv(table)["image_name"])
    fetched = {path.relative_to(few).as_posix() for path in few.rglob("*.npy")}
    assert fetched == chosen_frames
    assert 3 <= len(fetched) < 8
    for name in fetched:
        assert (few / name).read_bytes() == (tmp_path / "frames" / name).read_bytes()
    said = run(*command, "--dry-run", "--study", str(tmp_path / "study"))
    assert re.search(r"\b6 (items|cutouts|tasks)", said), said
    read = read_predictions_table(table, tile_px=TILE)
    assert len(read.frame) == 6
    assert set(read.frame["chosen_for"]) == {"uncertain", "random"}
