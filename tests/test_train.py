"""`train`: any source of labelled images becomes a model whose card tells the truth."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

from ls_integration.cli import app
from ls_integration.errors import ConfigError, SourceError
from ls_integration.models.model import Model
from ls_integration.models.saved import load_model
from ls_integration.workflows.image_sources import SourceOptions, open_source
from ls_integration.workflows.model_images import ImageSource
from ls_integration.workflows.sted_images import open_sted
from ls_integration.workflows.train import CLEAR_AUC, TrainOptions, train

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sted_sample"


def trained(source: ImageSource, lines: list[str] | None = None, **options: Any) -> Model:
    """Train on a source; what is said goes into *lines*."""
    say: Callable[[str], None] = (lines if lines is not None else []).append
    return train(source, TrainOptions(**options), say=say)


@pytest.fixture(scope="module")
def arrays() -> dict[str, NDArray[Any]]:
    """Read the sample into arrays, with five made-up sessions."""
    rows = open_sted(SAMPLE)
    batches = [rows.read(number) for number in range(len(rows.batches))]
    images = np.stack([one for batch in batches for one in batch.images.counts])  # type: ignore[attr-defined]
    return {
        "images": images.astype(np.uint16),
        "rating": rows.rows["target"].to_numpy().astype(np.float32),
        "session": np.array([f"day {row % 5}" for row in range(len(images))]),
        "id": np.arange(100, 100 + len(images), dtype=np.int32),
    }


@pytest.fixture
def stack(arrays: dict[str, NDArray[Any]], tmp_path: Path) -> Path:
    """Write them as one NPZ."""
    path = tmp_path / "train.npz"
    np.savez_compressed(path, **arrays)
    return path


def test_the_same_images_in_any_form_make_the_same_model(
    stack: Path, arrays: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    """One NPZ or a manifest with a column of groups: the same data, version and scores."""
    manifest = pd.read_csv(SAMPLE / "manifest.csv", dtype=str)
    manifest["group"] = arrays["session"]
    manifest["path"] = [str(Path("sample") / path) for path in manifest["path"]]
    (tmp_path / "sample").symlink_to(SAMPLE)
    manifest[["path", "rating", "group"]].to_csv(tmp_path / "grouped.csv", index=False)
    lines: list[str] = []
    one = trained(open_sted(stack), lines)
    other = trained(open_sted(tmp_path / "grouped.csv"))
    assert replace(one.card, created_at="") == replace(other.card, created_at="")
    assert one.card.grouped_by == "session"
    assert one.card.n_groups == 5
    assert one.card.n_items == len(manifest)
    assert one.card.n_positive == (manifest["rating"].astype(float) < 0.7).sum()
    assert lines == [
        f"cross-validating sted-rating on {len(manifest)} items, {one.card.n_positive} of them "
        "positive"
    ]
    assert np.array_equal(
        one.score_sted(arrays["images"][:9]), other.score_sted(arrays["images"][:9])
    )


def test_the_card_tells_how_good_the_model_is(stack: Path) -> None:
    """On the sample, whose anomalies are anomalies: far better than a guess, with intervals."""
    card = trained(open_sted(stack)).card
    for name in ("auc", CLEAR_AUC):
        value, interval = card.scores[name].value, card.scores[name].ci95
        assert value is not None
        assert value > 0.8
        assert interval is None or interval[0] <= value <= interval[1]
    assert 0 < card.threshold < 1
    assert "balanced accuracy" in card.threshold_how


def test_data_seed_and_recipe_are_in_the_name(stack: Path, tmp_path: Path) -> None:
    """A changed rating makes another model; the same training the same one."""
    versions = [trained(open_sted(stack)).version for _ in range(2)]
    assert versions[0] == versions[1]
    with np.load(stack) as archive:
        changed = dict(archive)
    changed["rating"] = changed["rating"].copy()
    changed["rating"][0] = 1 - changed["rating"][0]
    np.savez(tmp_path / "changed.npz", **changed)
    others = [
        trained(open_sted(tmp_path / "changed.npz")).version,
        trained(open_sted(stack), seed=1).version,
        trained(open_sted(stack), recipe="sted-fast").version,
        trained(open_sted(stack), threshold=0.25).version,
    ]
    assert len({versions[0], *others}) == 5


def test_a_given_threshold_is_kept(stack: Path) -> None:
    """And the card says that it was given."""
    card = trained(open_sted(stack), threshold=0.25).card
    assert card.threshold == 0.25
    assert card.threshold_how == "given with --threshold"


def test_without_groups_items_are_held_out_and_it_is_said(
    arrays: dict[str, NDArray[Any]], tmp_path: Path
) -> None:
    """Scores that may be flattered are called so."""
    np.savez(tmp_path / "lone.npz", images=arrays["images"], rating=arrays["rating"])
    lines: list[str] = []
    card = trained(open_sted(tmp_path / "lone.npz"), lines).card
    assert any("each counts as independent, which flatters" in line for line in lines)
    assert card.grouped_by == "item"
    assert card.n_groups == card.n_items


def test_ratings_of_float32_are_read_as_decimals(stack: Path, tmp_path: Path) -> None:
    """0.7 is normal although float32 has it below 0.7."""
    with np.load(stack) as archive:
        arrays = dict(archive)
    arrays["rating"] = np.where(arrays["rating"] < 0.7, 0.3, 0.7).astype(np.float32)
    np.savez(tmp_path / "edge.npz", **arrays)
    assert (
        trained(open_sted(tmp_path / "edge.npz")).card.n_positive == (arrays["rating"] < 0.5).sum()
    )


def test_bad_images_stop_or_are_left_out(tmp_path: Path) -> None:
    """Each is named; with --skip-bad the others are learnt from."""
    rows = pd.read_csv(SAMPLE / "manifest.csv", dtype=str)
    rows["path"] = [str(Path("sample") / path) for path in rows["path"]]
    (tmp_path / "sample").symlink_to(SAMPLE)
    (tmp_path / "blank.npy").write_bytes(b"")
    rows.loc[len(rows)] = {"path": "blank.npy", "rating": "0.2"}
    rows.loc[len(rows)] = {"path": "gone.npy", "rating": "0.2"}
    rows.loc[len(rows)] = {"path": rows["path"].iloc[0].replace("0003", "0004"), "rating": ""}
    rows = rows.drop_duplicates("path", keep="last")
    rows[["path", "rating"]].to_csv(tmp_path / "some.csv", index=False)
    lines: list[str] = []
    with pytest.raises(SourceError, match="2 images cannot be read"):
        trained(open_sted(tmp_path / "some.csv"), lines)
    assert sum("blank.npy" in line for line in lines) == 1
    assert sum("gone.npy" in line for line in lines) == 1
    card = trained(open_sted(tmp_path / "some.csv"), lines, skip_bad=True).card
    assert card.n_items == len(rows) - 3
    assert "left out 1 images without a rating" in lines


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"rating": None}, "no image of bad has a label"),
        ({"rating": np.full(60, 0.9)}, "on both sides of 0.7 are needed"),
        ({"rating": np.full(60, 3.0)}, "not from 0 to 1 in rows 0, 1"),
        ({"rating": np.full(59, 0.5)}, "has shape .59,. for 60 images"),
        ({"images": np.zeros((60, 50))}, "not .n, height, width. counts"),
        ({"images": np.zeros((60, 8, 9), order="F")}, "column by column.*ascontiguousarray"),
        ({"images": None}, "no array images"),
        ({"images": np.ones((60, 8, 8))}, "60 images cannot be read"),
        ({"session": np.array(["one day"] * 60)}, "at least two groups"),
        ({"session": np.array([None] * 60)}, "holds Python objects"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    arrays: dict[str, NDArray[Any]], tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    """In one line that says what is missing."""
    content = {key: value for key, value in {**arrays, **change}.items() if value is not None}
    np.savez(tmp_path / "bad.npz", **content)
    with pytest.raises(SourceError, match=complaint) as caught:
        trained(open_sted(tmp_path / "bad.npz"))
    assert "\n" not in str(caught.value)


def test_a_truncated_npz_is_refused(stack: Path) -> None:
    """Wherever it was cut."""
    data = stack.read_bytes()
    for share in (0.2, 0.5, 0.9, 0.999):
        stack.write_bytes(data[: int(share * len(data))])
        with pytest.raises(SourceError):
            trained(open_sted(stack))


def test_options_are_checked_first(stack: Path) -> None:
    """A wrong recipe does not cost the time of the features."""
    source = open_sted(stack)
    for options in ({"recipe": "cutouts"}, {"threshold": 1.5}, {"seed": -1}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            trained(source, **options)
    with pytest.raises(ConfigError, match="need their table; give --predictions"):
        open_source("cutouts", SourceOptions(stack))
    with pytest.raises(ConfigError, match="gives the ratings itself"):
        open_source("sted-quality", SourceOptions(stack, ratings=stack))


def test_the_command_writes_model_and_card(stack: Path, tmp_path: Path) -> None:
    """And prints the card."""
    output = tmp_path / "models" / "sted.skops"
    words = ["train", "sted-quality", str(stack), "--output", str(output), "--recipe", "sted-fast"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    model = load_model(output)
    assert model.card.to_text().strip() in result.stdout
    assert output.with_suffix(".card.md").read_text() == model.card.to_text()
    wrong = CliRunner().invoke(app, [*words[:4], str(tmp_path / "sted.pkl")])
    assert isinstance(wrong.exception, ConfigError)
    assert "does not end in .skops" in str(wrong.exception)


def write_frames(folder: Path, n_frames: int = 6, tile: int = 200) -> Path:
    """Write frames of noise, every other tile with a bright streak, and their table."""
    generator = np.random.default_rng(8)
    lines = ["image_name,grid_x,grid_y,label,confidence"]
    for number in range(n_frames):
        frame = generator.normal(100, 8, (2 * tile, 3 * tile))
        for x in range(3):
            for y in range(2):
                is_artifact = (x + y + number) % 2
                if is_artifact:
                    steps = np.arange(tile)
                    for width in range(4):
                        frame[y * tile + (steps + width) % tile, x * tile + steps] += 90
                lines.append(f"f{number},{x * tile},{y * tile},{is_artifact},0.5")
        picture = Image.fromarray(np.clip(frame, 0, 255).astype(np.uint8))
        picture.save(folder / f"f{number}.png")
    table = folder / "table.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


def test_cutouts_are_learnt_frame_by_frame(tmp_path: Path) -> None:
    """Streaks are told from noise on frames that the model has not seen."""
    table = write_frames(tmp_path)
    source = open_source("cutouts", SourceOptions(tmp_path, predictions=table))
    model = trained(source)
    assert model.kind == "cutouts"
    assert (model.card.n_items, model.card.n_positive, model.card.n_groups) == (36, 18, 6)
    assert model.card.grouped_by == "frame"
    auc = model.card.scores["auc"].value
    assert auc is not None
    assert auc > 0.8
    batch = source.read(0)
    scores = batch.images.score(model)
    target = source.rows["target"].to_numpy()[batch.rows]
    assert scores[target == 1].min() > scores[target == 0].max()
