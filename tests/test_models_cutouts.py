"""Features of cutouts and the model that tells artifacts from sky."""

from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ls_integration.models.cross_validation import out_of_fold_scores
from ls_integration.models.cutout_features import NAMES, extract
from ls_integration.models.estimators import make_estimator
from ls_integration.scoring.roc import auc

CORNERS = np.array([[0, 0], [200, 0], [0, 200], [200, 200]])


def sky(seed=0, bands=3, n_sources=60):
    """Draw 400 x 400 pixels of noise with round sources in all bands."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:400, :400]
    light = np.zeros((400, 400))
    for row, column in random.uniform(0, 400, (n_sources, 2)):
        light += 60 * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 18)
    return (random.normal(30, 5, (400, 400, bands)) + light[..., None]).astype("float32")


def draw_streak(frame, band, x, y, length=60, angle=0.3, height=25, width=2.0):
    """Add a straight line to one band (or to all, for None)."""
    rows, columns = np.mgrid[: frame.shape[0], : frame.shape[1]]
    along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    across = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
    line = height * np.exp(-(across**2) / (2 * width**2)) * (np.abs(along) < length / 2)
    frame = frame.copy()
    if band is None:
        return frame + line.reshape(line.shape + (1,) * (frame.ndim - 2))
    frame[..., band] += line
    return frame


def column(features, name):
    """Take a feature by its name."""
    return features[:, NAMES.index(name)]


@pytest.mark.parametrize(("band", "angle"), [(0, 0.0), (1, 0.7), (2, 1.5), (0, 2.5)])
def test_streak_in_one_band_is_seen(band, angle):
    """A streak in one band, at any angle, raises the line features of its tile and of no other."""
    plain = extract(sky(), CORNERS)
    streaked = extract(draw_streak(sky(), band, 100, 100, angle=angle), CORNERS)
    for length in (8, 16):
        name = f"alone_line_{length}_top_high"
        assert column(streaked, name)[0] > 2 * column(plain, name).max()
        assert column(streaked, name)[1:] == pytest.approx(column(plain, name)[1:], rel=0.05)
    assert column(streaked, "alone_area_3_line_high")[0] > 10


def test_streak_in_grey_frame_is_seen():
    """In a grey frame it is the brightness that shows the streak."""
    # Round sources in a row are a line too, so there are none.
    grey = sky(bands=1, n_sources=0)[..., 0]
    name = "light_line_32_top"
    plain = column(extract(grey, CORNERS), name)
    assert column(extract(draw_streak(grey, None, 100, 100), CORNERS), name)[0] > 2 * plain.max()


def test_grey_equals_three_equal_bands():
    """A grey frame has the features of three equal bands, and no band shows anything alone."""
    grey = sky(bands=1)[..., 0]
    features = extract(grey, CORNERS)
    np.testing.assert_array_equal(features, extract(np.repeat(grey[..., None], 3, axis=2), CORNERS))
    alone = [place for place, name in enumerate(NAMES) if name.startswith("alone_line")]
    assert not features[:, alone].any()


def test_order_of_bands_does_not_matter():
    """Which band a streak is in changes nothing."""
    frame = draw_streak(sky(), 0, 100, 100)
    np.testing.assert_allclose(
        extract(frame, CORNERS), extract(frame[..., [2, 0, 1]], CORNERS), rtol=1e-3, atol=1e-3
    )


def test_unit_of_the_values_does_not_matter():
    """Values in another unit with another zero have the same features: noise is the measure."""
    frame = draw_streak(sky(), 1, 100, 100)
    np.testing.assert_allclose(
        extract(frame, CORNERS), extract(frame * 0.01 - 5, CORNERS), rtol=0.02, atol=0.02
    )


def test_tile_does_not_depend_on_the_others():
    """A tile has the same features alone, in another order, and among more than one batch."""
    frame = draw_streak(sky(), 2, 300, 300)
    frame[:80, :80] = np.nan
    together = extract(frame, np.tile(CORNERS, (10, 1)))
    for number, corner in enumerate(CORNERS):
        alone = extract(frame, corner[None])
        np.testing.assert_allclose(
            together[number::4], np.tile(alone, (10, 1)), rtol=1e-4, atol=1e-5
        )


def test_left_out_edges_are_not_looked_at():
    """What is drawn into the edges of a tile changes its features by the frame's noise only."""
    frame = sky()
    boxed = frame.copy()
    boxed[:20, :200] = boxed[180:200, :200] = 255
    plain, drawn = extract(frame, CORNERS[:1]), extract(boxed, CORNERS[:1])
    name = "alone_line_16_top_high"
    assert column(drawn, name) == pytest.approx(column(plain, name), rel=0.1)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((300, 300)),
        np.full((300, 300, 3), 7, dtype="uint8"),
        np.full((300, 300, 3), np.nan),
        np.where(np.arange(300) < 150, np.nan, sky(bands=1)[:300, :300, 0]),
        np.where(np.arange(300)[:, None] < 150, np.inf, sky(bands=1)[:300, :300, 0]),
        (sky() * 1e9)[:300, :300],
        np.eye(300, dtype="uint16"),
        np.zeros((0, 0)),
        np.ones((1, 5, 3)),
    ],
    ids=["zero", "constant", "nan", "border", "infinite", "bright", "sparse", "empty", "tiny"],
)
def test_features_are_finite(frame):
    """Constant, empty and partly missing frames and tiles over edges have finite features."""
    corners = np.array([[0, 0], [100, 100], [250, 250], [-150, 20], [1000, 1000]])
    assert np.isfinite(extract(frame, corners)).all()


def test_nothing_asked_nothing_given():
    """No tiles give no rows, but all columns."""
    assert extract(sky(), np.empty((0, 2), dtype=int)).shape == (0, len(NAMES))


def test_wrong_shapes_are_refused():
    """Frames of four bands, and tiles with nothing inside, are named and refused."""
    with pytest.raises(ValueError, match="not \\(10, 10, 4\\)"):
        extract(np.zeros((10, 10, 4)), CORNERS)
    with pytest.raises(ValueError, match="too small"):
        extract(sky(), CORNERS, tile=100, interior=28)


@lru_cache
def small_survey(grey=False):
    """Make the features, labels and frames of five drawn frames; half of the tiles have streaks."""
    rows, labels, frames = [], [], []
    for number in range(5):
        frame = sky(number)
        frame = frame[..., 0] if grey else frame
        band = None if grey else number % 3
        for x, y in ((100, 100), (300, 300)):
            frame = draw_streak(frame, band, x, y, angle=number, height=40, length=100)
        rows.append(extract(frame, CORNERS))
        labels += [1, 0, 0, 1]
        frames += [f"frame {number}"] * 4
    return np.concatenate(rows), np.array(labels, dtype="float64"), np.array(frames)


@pytest.mark.parametrize("grey", [False, True], ids=["colour", "grey"])
def test_recipe_learns_streaks(grey):
    """Trained on drawn streaks, the recipe finds those of frames left out, coloured or grey."""
    features, labels, frames = small_survey(grey)
    scores = out_of_fold_scores("cutouts", features, labels, frames)
    assert scores[labels == 1].mean() > 0.6 > 0.4 > scores[labels == 0].mean()
    assert auc(labels > 0, scores, groups=frames).value > 0.95


def test_recipe_is_the_same_each_time():
    """Two trainings give the same scores, bit by bit."""
    data = small_survey()
    first, second = (make_estimator("cutouts").fit(*data) for _ in range(2))
    np.testing.assert_array_equal(first.predict_score(data[0]), second.predict_score(data[0]))


def test_recipe_refuses_one_class_and_one_frame():
    """Nothing can be learnt without both classes in two frames."""
    features, labels, frames = small_survey()
    with pytest.raises(ValueError, match="with and without"):
        make_estimator("cutouts").fit(features, np.zeros_like(labels), frames)
    with pytest.raises(ValueError, match="two groups"):
        make_estimator("cutouts").fit(features, labels, np.full(len(labels), "one"))


def test_real_streaks_are_found(shared_data):
    """On a real frame, the line feature alone ranks artifacts above others."""
    folder = shared_data / "des_cutouts"
    table = pd.read_csv(folder / "test_outputs.csv")
    mine = table[table.image_name == "COSMOS_C38"]
    with Image.open(folder / "images" / "COSMOS_C38.jpg") as picture:
        frame = np.asarray(picture.convert("RGB"))
    # All artifacts and a quarter of the others, so that it takes seconds.
    mine = mine[(mine.label == 1) | (np.arange(len(mine)) % 4 == 0)]
    features = extract(frame, mine[["grid_x", "grid_y"]].to_numpy())
    positive = mine.label.to_numpy() == 1
    assert auc(positive, column(features, "alone_line_8_top_high")).value > 0.75
