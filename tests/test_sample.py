"""The synthetic sample is what its module makes, and its reviewers err as often as told."""

from pathlib import Path

import numpy as np
import pytest

from ls_integration.errors import SourceError
from ls_integration.images.read import read_image
from ls_integration.kinds.cutouts_table import parse_predictions_table
from ls_integration.kinds.sted_source import read_source, truth_label
from ls_integration.sample import (
    MODEL_THRESHOLD,
    draw_counts,
    make_cutouts,
    make_sample,
    simulate_answers,
    simulate_ratings,
    write_sample,
)

COMMITTED = Path(__file__).resolve().parents[1] / "data/sted_sample"


def test_the_committed_sample_is_made_by_the_module() -> None:
    """Ratings, structures, groups, scores and every count are those of make_sample()."""
    table = read_source(COMMITTED)
    assert (table.name, table.origin) == ("sted_sample", "manifest")
    assert table.problems == ()
    assert table.notes == ()
    images = make_sample()
    assert len(images) == len(table.rows) == 60
    for image, row in zip(images, table.rows.itertuples(), strict=True):
        assert (image.path, image.rating, image.structure, image.group, image.model_score) == (
            row.source_path,
            row.rating,
            row.structure,
            row.group,
            row.model_score,
        )
        stored = read_image(Path(str(row.file)))
        assert stored.shape == (224, 224)
        np.testing.assert_array_equal(stored, image.counts)
    written = {path.relative_to(COMMITTED).as_posix() for path in COMMITTED.rglob("*.npz")}
    assert written == {image.path for image in images}


def test_the_committed_sample_is_small_and_clear() -> None:
    """Under 1.5 MB, half anomalies, nothing ambiguous, one rating of exactly 0.700."""
    assert sum(path.stat().st_size for path in COMMITTED.rglob("*") if path.is_file()) < 1.5e6
    ratings = read_source(COMMITTED).rows["rating"]
    assert not ((ratings >= 0.6) & (ratings < 0.7)).any()
    assert (ratings.map(truth_label) == "anomaly").sum() == 30
    assert (ratings == 0.7).sum() == 1
    assert ",0.700," in (COMMITTED / "manifest.csv").read_text()


def test_a_better_image_has_more_photons_and_less_blur() -> None:
    """Over many images of each structure the peak and the contrast of neighbours rise."""
    for structure in ("actin", "tubulin"):
        peaks, contrasts = [], []
        for quality in (0.1, 0.5, 0.9):
            drawn = [
                draw_counts(structure, quality, np.random.default_rng(seed)) for seed in range(8)
            ]
            peaks.append(np.median([counts.max() for counts in drawn]))
            contrasts.append(np.median([counts.std() / counts.mean() for counts in drawn]))
        assert peaks == sorted(peaks)
        assert contrasts == sorted(contrasts)
        assert peaks[2] > 5 * peaks[0]


def test_the_samples_model_is_useful_but_wrong_at_times() -> None:
    """Its scores separate the classes, though not wholly."""
    rows = read_source(COMMITTED).rows
    right = (rows["model_score"] >= MODEL_THRESHOLD) == (
        rows["rating"].map(truth_label) == "anomaly"
    )
    assert 0.6 < right.mean() < 0.95


def test_a_sample_of_any_size(tmp_path: Path) -> None:
    """The same seed makes the same files, another seed another study."""
    heard: list[int] = []
    first = write_sample(tmp_path / "a", 5, 1, report=lambda step, done, total: heard.append(done))
    assert heard == [1, 2, 3, 4, 5]
    write_sample(tmp_path / "b", 5, 1)
    write_sample(tmp_path / "c", 5, 2)
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(names) == 6
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert first.read_bytes() != (tmp_path / "c/manifest.csv").read_bytes()
    assert len(read_source(first).rows) == 5
    with pytest.raises(ValueError, match="at least 2"):
        make_sample(1)
    with pytest.raises(SourceError):
        read_source(tmp_path / "d")


def test_reviewers_err_at_their_rates() -> None:
    """Over 20,000 images the rates come back within four standard errors, times near 1 s."""
    truth = ["anomaly", "normal"] * 10_000
    answers = simulate_answers(truth, tpr=0.8, fpr=0.1, seed=5)
    said = np.array(answers.labels) == "anomaly"
    assert abs(said[::2].mean() - 0.8) < 4 * np.sqrt(0.8 * 0.2 / 10_000)
    assert abs(said[1::2].mean() - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 10_000)
    assert abs(np.median(answers.lead_time_s) - 1.0) < 0.02
    assert answers.lead_time_s.min() > 0


def test_reviewers_are_independent_and_repeatable() -> None:
    """A seed repeats its answers; two seeds err on different images."""
    truth = ["anomaly", "normal"] * 2_000
    one, again, two = (simulate_answers(truth, 0.7, 0.3, seed) for seed in (1, 1, 2))
    assert one.labels == again.labels
    np.testing.assert_array_equal(one.lead_time_s, again.lead_time_s)
    wrong_one = np.array(one.labels) != np.array(truth)
    wrong_two = np.array(two.labels) != np.array(truth)
    assert abs(np.corrcoef(wrong_one, wrong_two)[0, 1]) < 0.06


def test_certain_reviewers_and_wrong_arguments() -> None:
    """Rates of 0 and 1 leave no chance; other words and rates are refused."""
    assert simulate_answers(["anomaly", "normal"], 1.0, 0.0, 3).labels == ("anomaly", "normal")
    assert simulate_answers(["anomaly", "normal"], 0.0, 1.0, 3).labels == ("normal", "anomaly")
    assert simulate_answers([], 0.5, 0.5, 3).labels == ()
    with pytest.raises(ValueError, match="between 0 and 1"):
        simulate_answers(["normal"], 1.2, 0.0, 3)
    with pytest.raises(ValueError, match="normal or anomaly"):
        simulate_answers(["good"], 0.5, 0.5, 3)


def test_simulated_ratings_err_as_told() -> None:
    """Offset and error come back from many ratings, all of them hundredths within 0 and 1."""
    old = np.full(4000, 0.5)
    rated = simulate_ratings(old, -0.06, 0.05, seed=1).ratings
    assert rated.mean() - 0.5 == pytest.approx(-0.06, abs=0.004)
    assert rated.std() == pytest.approx(0.05, abs=0.003)
    np.testing.assert_array_equal(rated, np.round(rated, 2))
    ends = simulate_ratings(np.array([0.0, 1.0] * 500), 0.0, 0.3, seed=2).ratings
    assert (ends.min(), ends.max()) == (0.0, 1.0)
    np.testing.assert_array_equal(rated, simulate_ratings(old, -0.06, 0.05, seed=1).ratings)


def test_sample_cutouts_are_wrong_as_often_as_told() -> None:
    """Of many frames: the labels; and the table is one that `import cutouts` reads."""
    made = make_cutouts(100)
    table = parse_predictions_table(made.table.encode(), "sample.csv")
    label = table.frame["label"].to_numpy(dtype=bool)
    called = table.frame["prediction"].to_numpy(dtype=bool)
    assert len(label) == 4000
    assert (label != made.is_artifact).mean() == pytest.approx(0.08, abs=0.015)
    assert 1 - called[made.is_artifact].mean() == pytest.approx(0.2, abs=0.05)
    assert called[~made.is_artifact].mean() == pytest.approx(0.02, abs=0.01)
