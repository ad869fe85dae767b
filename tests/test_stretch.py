"""Values of a frame become 8 bit with limits that are found once and can be kept."""

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.visualization import AsinhStretch, ZScaleInterval, make_lupton_rgb

from ls_integration.errors import ConfigError, SourceError
from ls_integration.images.frames import Frame, read_frame
from ls_integration.images.stretch import NO_DATA_RGB, STRETCHES, apply, frame_limits

SHAPE = (300, 400)


def sky(level: float = 1000.0, noise: float = 10.0, seed: int = 0) -> np.ndarray:
    """Make noise around a sky with some stars."""
    random = np.random.default_rng(seed)
    values = random.normal(level, noise, SHAPE)
    for row, column in random.integers(10, 290, (40, 2)):
        values[row - 2 : row + 3, column - 2 : column + 3] += 5000
    return values


def frame_of(values: np.ndarray, *, is_picture: bool = False) -> Frame:
    """Make a frame without a file."""
    return Frame(values, is_picture, False, None, Path("made.fits"))


def test_minmax_maps_ends_and_middle() -> None:
    """The smallest value is 0, the largest 255, the rest linear and rounded."""
    values = np.array([[-4.0, 1.0, 6.0, 3.5]])
    frame = frame_of(values)
    limits = frame_limits(frame, "minmax")
    assert limits == {"stretch": "minmax", "low": -4.0, "high": 6.0}
    np.testing.assert_array_equal(apply(frame, limits), [[0, 128, 255, 191]])


def test_zscale_is_astropys() -> None:
    """The limits are what astropy's interval gives for the frame, but for its sampling."""
    values = sky()
    limits = frame_limits(frame_of(values))
    low, high = ZScaleInterval(n_samples=values.size).get_limits(values)
    assert limits["stretch"] == "zscale"
    assert limits["low"] == pytest.approx(low, abs=(high - low) / 8)
    assert limits["high"] == pytest.approx(high, abs=(high - low) / 8)
    drawn = apply(frame_of(values), limits)
    expected = np.clip((values - limits["low"]) / (limits["high"] - limits["low"]), 0, 1)
    np.testing.assert_array_equal(drawn, np.rint(expected * 255).astype(np.uint8))


def test_zscale_does_not_fall_on_one_column() -> None:
    """A width that divides the sampling step does not make a bad column decide."""
    values = np.random.default_rng(0).normal(1000, 10, (1000, 400))
    values[:, ::80] = 60_000
    limits = frame_limits(frame_of(values), "zscale")
    assert 900 < limits["low"] < 1000 < limits["high"] < 1100


def test_asinh_is_astropys_curve_and_shows_bright_and_faint() -> None:
    """The curve is astropy's; stars are not all white and the sky is not black."""
    values = sky() + np.linspace(0, 2000, SHAPE[1]) * (sky() > 3000)
    frame = frame_of(values)
    limits = frame_limits(frame, "asinh")
    drawn = apply(frame, limits)
    unit = np.clip((values - limits["low"]) / (limits["high"] - limits["low"]), 0, 1)
    curve = AsinhStretch(limits["asinh_softening"])(unit)
    np.testing.assert_array_equal(drawn, np.rint(curve * 255).astype(np.uint8))
    assert np.median(drawn[values < 2000]) > 0
    assert len(np.unique(drawn[values > 3000])) > 10


def test_asinh_of_a_frame_without_stars_is_not_washed_out() -> None:
    """The sky stays dark where nothing is bright."""
    frame = frame_of(np.random.default_rng(0).normal(600, 20, SHAPE))
    assert np.median(apply(frame, frame_limits(frame, "asinh"))) < 120


@pytest.mark.parametrize("stretch", ["minmax", "zscale", "asinh"])
@pytest.mark.parametrize("bands", [1, 3])
def test_borders_without_data_change_nothing(stretch: str, bands: int) -> None:
    """NaN and infinite pixels are one dark colour and move no limit, even if most are so."""
    inner = sky() if bands == 1 else np.stack([sky(seed=seed) for seed in range(3)], axis=-1)
    padding = [(200, 200), (300, 300)] + [(0, 0)] * (bands == 3)
    outer = np.pad(inner, padding, constant_values=np.nan)
    outer[0] = np.inf
    outer[-1] = -np.inf
    alone, bordered = frame_of(inner), frame_of(outer)
    limits, wide = frame_limits(alone, stretch), frame_limits(bordered, stretch)
    np.testing.assert_allclose(
        np.array([limits["low"], limits["high"]]), np.array([wide["low"], wide["high"]]), rtol=1e-9
    )
    drawn = apply(bordered, limits)
    assert drawn.shape == (*outer.shape[:2], 3)
    expected = apply(alone, limits)
    expected = expected if bands == 3 else np.repeat(expected[..., None], 3, axis=2)
    np.testing.assert_array_equal(drawn[200:-200, 300:-300], expected)
    drawn[200:-200, 300:-300] = NO_DATA_RGB
    assert np.array_equal(np.unique(drawn.reshape(-1, 3), axis=0), [NO_DATA_RGB])


def test_a_hole_in_one_band_is_a_hole() -> None:
    """A pixel that lacks one of three bands has no colour."""
    values = np.stack([sky(seed=seed) for seed in range(3)], axis=-1)
    values[7, 8, 1] = np.nan
    frame = frame_of(values)
    drawn = apply(frame, frame_limits(frame))
    assert tuple(drawn[7, 8]) == NO_DATA_RGB
    assert tuple(drawn[7, 9]) != NO_DATA_RGB


def test_three_bands_are_joined_as_lupton_et_al_do() -> None:
    """Each band is measured in its own range, then astropy's Lupton picture is made."""
    values = np.stack([sky(1000 * factor, 10 * factor, seed) for seed, factor in
                       enumerate((1, 5, 0.2))], axis=-1)  # fmt: skip
    frame = frame_of(values)
    limits = frame_limits(frame)
    assert len(limits["low"]) == len(limits["high"]) == 3
    unit = (values - limits["low"]) / (np.array(limits["high"]) - limits["low"])
    expected = make_lupton_rgb(
        unit[..., 0], unit[..., 1], unit[..., 2],
        stretch=limits["lupton_stretch"], Q=limits["lupton_q"],
    )  # fmt: skip
    drawn = apply(frame, limits)
    np.testing.assert_array_equal(drawn, expected)
    medians = np.median(drawn.reshape(-1, 3), axis=0)
    assert medians.min() > 20
    assert np.ptp(medians) < 15


def test_minmax_of_colours_keeps_them() -> None:
    """The three bands of 16-bit colour share their limits."""
    values = np.array([[[0, 500, 1000], [250, 250, 250]]], np.uint16)
    frame = frame_of(values)
    drawn = apply(frame, frame_limits(frame, "minmax"))
    np.testing.assert_array_equal(drawn, [[[0, 128, 255], [64, 64, 64]]])


def test_pictures_are_shown_as_they_are() -> None:
    """The default for pictures changes no value; on anything deeper it is refused."""
    values = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    frame = frame_of(values, is_picture=True)
    limits = frame_limits(frame)
    assert limits == {"stretch": "none"}
    np.testing.assert_array_equal(apply(frame, limits), values)
    deep = frame_of(values.astype(np.uint16))
    for refused in (lambda: frame_limits(deep, "none"), lambda: apply(deep, limits)):
        with pytest.raises(SourceError, match=r"made.fits holds uint16.*--stretch none"):
            refused()


def test_nothing_to_see_is_told() -> None:
    """One value everywhere and no value at all are errors with the frame's name."""
    for values, words in [
        (np.full((4, 4), 7.0), "the value 7 everywhere"),
        (np.full((4, 4), np.nan), "no finite value"),
    ]:
        for stretch in ("minmax", "zscale", "asinh"):
            with pytest.raises(SourceError, match=f"made.fits has {words}"):
                frame_limits(frame_of(values), stretch)
    with pytest.raises(ConfigError, match="'sqrt' is not known"):
        frame_limits(frame_of(sky()), "sqrt")  # type: ignore[arg-type]


def test_a_mask_has_limits() -> None:
    """Where zscale finds no range the extremes count."""
    values = np.zeros(SHAPE)
    values[3, 4] = 1
    assert frame_limits(frame_of(values), "zscale")["high"] == 1


def test_extreme_values_do_not_stop() -> None:
    """Values whose difference is beyond float64 are drawn without a warning."""
    values = sky()
    values[0, 0], values[0, 1] = 1e308, -1e308
    for stretch in ("minmax", "zscale", "asinh"):
        frame = frame_of(np.stack([values] * 3, axis=-1))
        assert apply(frame, frame_limits(frame, stretch)).shape == (*SHAPE, 3)


@pytest.mark.parametrize("stretch", [name for name in STRETCHES if name != "none"])
def test_limits_survive_json_and_large_frames(stretch: str) -> None:
    """Limits are strict JSON, the same each time, and draw strip by strip what they draw whole."""
    values = np.tile(sky().astype(np.float32), (6, 4))
    assert values.size > 2 << 20
    frame = frame_of(values)
    limits = frame_limits(frame, stretch)
    assert frame_limits(frame, stretch) == limits
    kept = json.loads(json.dumps(limits, allow_nan=False))
    drawn = apply(frame, kept)
    pieces = [apply(frame_of(values[start : start + 7]), limits) for start in range(0, 1800, 7)]
    np.testing.assert_array_equal(drawn, np.concatenate(pieces))


def test_limits_that_do_not_fit_are_told() -> None:
    """Limits edited by hand or of another kind of frame give one line."""
    frame = frame_of(sky())
    for limits in (
        {},
        {"stretch": "zscale", "low": 1},
        {"stretch": "zscale", "low": "a", "high": 2},
        {"stretch": "zscale", "low": [1, 1, 1], "high": [2, 2, 2]},
        {"stretch": "zscale", "low": [1, 1, 1], "high": [2, 2, 2], "lupton_q": 8,
         "lupton_stretch": 1},
        {"stretch": "zscale", "low": 2, "high": 2},
    ):  # fmt: skip
        with pytest.raises(SourceError, match=r"made.fits.*import anew"):
            apply(frame, limits)


def test_real_frames_show_their_sky(shared_data: Path) -> None:
    """In each real FITS file zscale draws the median pixel neither black nor white."""
    for path in sorted((shared_data / "fits").iterdir()):
        frame = read_frame(path)
        drawn = apply(frame, frame_limits(frame))
        assert 40 < np.median(drawn) < 180
        assert drawn.std() > 15
