"""Pictures are, pixel for pixel, what AnomaGUI drew with matplotlib."""

import io
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from ls_integration.errors import ConfigError, SourceError
from ls_integration.images.read import read_image
from ls_integration.images.render import (
    MINMAX,
    Scale,
    encode_webp,
    parse_scale,
    render,
    scale_counts,
)

REAL = Path(__file__).resolve().parents[1].parent / "shared/data/anomagui"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is not on this machine")


def chain(image: np.ndarray, colormap: str = "hot") -> np.ndarray:
    """Draw as AnomaGUI: min-max to [0, 1], colormap, times 255, rounded."""
    values = image.astype(np.float64)
    unit = (values - values.min()) / (values.max() - values.min())
    rgba = matplotlib.colormaps[colormap](unit)
    return np.rint(rgba * 255).astype(np.uint8)[..., :3]


@pytest.mark.parametrize("colormap", ["hot", "gray", "viridis", "tab10", "Blues_r"])
def test_pixels_equal_matplotlib(colormap: str) -> None:
    """Counts, negative and tiny values come out as by matplotlib, in any colormap."""
    rng = np.random.default_rng(0)
    for image in (
        rng.poisson(3, (31, 17)).astype(np.float32),
        rng.normal(-5, 1e-3, (8, 9)).astype(np.float32),
        np.arange(257.0).reshape(1, 257),
        rng.random((64, 64)) * 1e30,
    ):
        np.testing.assert_array_equal(render(image, colormap), chain(image, colormap))


@needs_real
def test_real_pixels_equal_matplotlib() -> None:
    """All 549 real images come out as by that chain."""
    for file in sorted(REAL.glob("*/test/*.npz")):
        image = read_image(file)
        np.testing.assert_array_equal(render(image), chain(image))


@needs_real
def test_stored_counts_look_as_their_encoding() -> None:
    """Drawing the encoded floats differs by one colour at most, where float32 rounds to it.

    AnomaGUI drew its encoded float32 values. On a border between two of the
    256 colours their rounding decides; here the exact count does.
    """
    hot = np.rint(matplotlib.colormaps["hot"](np.arange(256)) * 255).astype(int)[:, :3]
    one_step = np.abs(np.diff(hot, axis=0)).max()
    differing = 0
    total = 0
    for file in sorted(REAL.glob("*/test/*.npz"))[::10]:
        with np.load(file, allow_pickle=False) as archive:
            stored = archive["arr_0"]
        difference = np.abs(render(read_image(file)).astype(int) - chain(stored))
        assert difference.max() <= one_step
        differing += int((difference.max(axis=2) > 0).sum())
        total += stored.size
    assert differing / total < 0.02


def test_scales() -> None:
    """Min-max stretches a dim image, fixed counts leave it dim, percentiles clip."""
    dim = np.array([[0.0, 5.0], [10.0, 2.0]])
    np.testing.assert_array_equal(scale_counts(dim), dim / 10)
    np.testing.assert_array_equal(scale_counts(dim, Scale("counts", maximum=100)), dim / 100)
    np.testing.assert_array_equal(
        scale_counts(dim, Scale("counts", maximum=5)), [[0.0, 1.0], [1.0, 0.4]]
    )
    ramp = np.arange(101.0).reshape(1, 101)
    scaled = scale_counts(ramp, Scale("percentile", low=10, high=90))
    np.testing.assert_allclose(scaled[0, [0, 10, 50, 90, 100]], [0, 0, 0.5, 1, 1])


def test_percentiles_of_a_sparse_image() -> None:
    """Where both percentiles are 0, the minimum and maximum count."""
    sparse = np.zeros((100, 100))
    sparse[3, 4] = 7
    scaled = scale_counts(sparse, Scale("percentile"))
    assert scaled[3, 4] == 1.0
    assert scaled.sum() == 1.0


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("minmax", MINMAX),
        (" MinMax ", MINMAX),
        ("percentile", Scale("percentile", low=1.0, high=99.8)),
        ("percentile 0.5 99", Scale("percentile", low=0.5, high=99.0)),
        ("counts 200", Scale("counts", maximum=200.0)),
        ("counts=12.5", Scale("counts", maximum=12.5)),
    ],
)
def test_scales_are_read_from_text(text: str, scale: Scale) -> None:
    """The words of the option make a scale, and a scale its words."""
    parsed = parse_scale(text)
    assert str(parsed) == str(scale)
    assert (parsed.kind, parsed.low, parsed.high) == (scale.kind, scale.low, scale.high)
    assert str(parse_scale(str(parsed))) == str(parsed)


@pytest.mark.parametrize(
    "text",
    ["", "max", "counts", "counts 0", "counts -1", "counts nan", "counts inf", "counts x"]
    + ["percentile 9", "percentile 9 5", "percentile -1 50", "percentile 0 101", "minmax 3"],
)
def test_other_scales_are_refused(text: str) -> None:
    """What makes no range is refused with what can be written."""
    with pytest.raises(ConfigError, match="percentile LOW HIGH.*counts MAX"):
        parse_scale(text)


def test_unknown_colormap() -> None:
    """A colormap that matplotlib has not got is refused with some that it has."""
    with pytest.raises(ConfigError, match="no colormap 'hott'; .*hot, gray"):
        render(np.eye(3), "hott")


def test_webp_is_lossless_and_says_nothing() -> None:
    """The encoded picture holds the very pixels, and no metadata."""
    rgb = np.random.default_rng(2).integers(0, 256, (33, 20, 3)).astype(np.uint8)
    content = encode_webp(rgb)
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "WEBP"
        assert set(picture.info) <= {"loop", "background", "timestamp", "duration"}
        np.testing.assert_array_equal(np.asarray(picture), rgb)
    for chunk in (b"EXIF", b"XMP ", b"ICCP"):
        assert chunk not in content
    assert encode_webp(rgb) == content


def test_too_large_for_webp() -> None:
    """A side longer than WebP can express is an error about the image."""
    with pytest.raises(SourceError, match="too large for WebP"):
        encode_webp(np.zeros((1, 16384, 3), np.uint8))
