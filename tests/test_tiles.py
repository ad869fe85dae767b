"""Cutouts, neighbourhoods and boxes are about the same pixels, whichever way up."""

from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

from ls_integration.images import tiles as made
from ls_integration.images.frames import read_frame
from ls_integration.images.stretch import NO_DATA_RGB
from ls_integration.images.tiles import (
    Box,
    Origin,
    default_origin,
    frame_box,
    neighbourhood_cells,
    outside,
    sky_position,
)

TILE = 20
SIZES = [(100, 60), (93, 67), (20, 20), (7, 5)]


def picture(width: int, height: int, bands: int) -> np.ndarray:
    """Make a frame in which no two neighbouring pixels are alike."""
    shape = (height, width) if bands == 1 else (height, width, bands)
    return np.random.default_rng(width).integers(60, 256, shape).astype(np.uint8)


def as_drawn(pixels: np.ndarray, has_top: bool, origin: Origin) -> np.ndarray:
    """Turn an array as its picture is turned."""
    return np.asarray(made.as_drawn(Image.fromarray(pixels), has_top, origin))


def cutout(pixels: np.ndarray, *place: object) -> np.ndarray:
    """Cut a tile out of the picture of an array."""
    return np.asarray(made.cutout(Image.fromarray(pixels), *place))  # type: ignore[arg-type]


def neighbourhood(pixels: np.ndarray, *place: object) -> np.ndarray:
    """Cut a neighbourhood out of the picture of an array."""
    return np.asarray(made.neighbourhood(Image.fromarray(pixels), *place))  # type: ignore[arg-type]


def in_colour(pixels: np.ndarray) -> np.ndarray:
    """Give grey pixels three bands."""
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def boxed(pixels: np.ndarray, box: Box) -> np.ndarray:
    """Cut out what a rectangle of Label Studio encloses."""
    height, width = pixels.shape[:2]
    left, top = box.x * width / 100, box.y * height / 100
    right, bottom = left + box.width * width / 100, top + box.height * height / 100
    edges = [left, top, right, bottom]
    assert np.allclose(edges, np.rint(edges), atol=1e-6)
    left, top, right, bottom = (round(edge) for edge in edges)
    return pixels[top:bottom, left:right]


def tiles(width: int, height: int, step: int = TILE) -> list[tuple[int, int]]:
    """List the cutouts of a frame."""
    return [(x, y) for y in range(0, height, step) for x in range(0, width, step)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("origin", ["upper", "lower"])
def test_box_and_cutout_show_the_same_pixels(
    size: tuple[int, int], bands: int, origin: Origin
) -> None:
    """What the box of a cutout encloses in the frame is what its picture shows."""
    drawn = picture(*size, bands)
    for step in (TILE, 13):
        for x, y in tiles(*size, step):
            shown = cutout(drawn, x, y, TILE, origin)
            assert shown.shape == (TILE, TILE, 3)
            part = in_colour(boxed(drawn, frame_box(size, x, y, TILE, origin)))
            rows, columns = part.shape[:2]
            # The rest of a cutout at the edge lies beyond it: right, and away from the origin.
            inner = shown[:rows] if origin == "upper" else shown[TILE - rows :]
            np.testing.assert_array_equal(inner[:, :columns], part)
            assert (shown != NO_DATA_RGB).any(axis=2).sum() == rows * columns


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("origin", ["upper", "lower"])
def test_cells_of_a_neighbourhood_are_the_cutouts_of_their_grid(
    size: tuple[int, int], bands: int, origin: Origin
) -> None:
    """Each cell shows the cutout of the grid position it names; a cell without one is empty."""
    drawn = picture(*size, bands)
    for x, y in tiles(*size):
        around = neighbourhood(drawn, x, y, TILE, origin)
        cells = neighbourhood_cells(size, x, y, TILE, origin)
        assert around.shape == (3 * TILE, 3 * TILE, 3)
        assert [(cell.row, cell.column) for cell in cells] == [
            (row, column) for row in range(3) for column in range(3)
        ]
        assert cells[4].grid == (x, y)
        for cell in cells:
            shown = boxed(around, cell.box)
            if cell.grid is None:
                assert (shown == NO_DATA_RGB).all()
            else:
                assert not outside(size, *cell.grid, TILE)
                np.testing.assert_array_equal(shown, cutout(drawn, *cell.grid, TILE, origin))


def test_neighbours_are_named_as_drawn() -> None:
    """Above is a smaller grid_y when it counts from the top, a larger one from the bottom."""
    upper = neighbourhood_cells((100, 60), 20, 20, TILE, "upper")
    assert [cell.grid for cell in upper[:3]] == [(0, 0), (20, 0), (40, 0)]
    lower = neighbourhood_cells((100, 60), 20, 20, TILE, "lower")
    assert [cell.grid for cell in lower[:3]] == [(0, 40), (20, 40), (40, 40)]
    corner = neighbourhood_cells((100, 60), 80, 0, TILE, "lower")
    assert [cell.grid for cell in corner] == [
        (60, 20), (80, 20), None,
        (60, 0), (80, 0), None,
        None, None, None,
    ]  # fmt: skip
    off_grid = neighbourhood_cells((100, 60), 13, 7, TILE, "upper")
    assert [cell.grid for cell in off_grid[:5]] == [None, None, None, None, (13, 7)]


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("origin", ["upper", "lower"])
def test_in_an_array_grid_y_is_the_first_row(bands: int, origin: Origin) -> None:
    """FITS and NPY: values[grid_y:] are the cutout's rows; the origin only turns them over."""
    values = picture(93, 67, bands)
    drawn = as_drawn(values, False, origin)
    for x, y in [(0, 0), (20, 20), (40, 40), (73, 47)]:
        rows = in_colour(values[y : y + TILE, x : x + TILE])
        shown = cutout(drawn, x, y, TILE, origin)
        np.testing.assert_array_equal(shown, rows if origin == "upper" else rows[::-1])


def test_a_picture_is_never_turned_over() -> None:
    """In a JPEG the origin says what grid_y counts from, not how it is drawn."""
    values = picture(93, 67, 3)
    drawn = as_drawn(values, True, "lower")
    np.testing.assert_array_equal(drawn, values)
    np.testing.assert_array_equal(cutout(drawn, 0, 0, TILE, "lower"), values[47:67, :20])
    np.testing.assert_array_equal(cutout(drawn, 0, 0, TILE, "upper"), values[:20, :20])
    assert (default_origin(True), default_origin(False)) == ("upper", "lower")


def test_row_0_of_fits_is_at_the_bottom(tmp_path: Path) -> None:
    """A star in the first row of a FITS file is drawn at the bottom left, as viewers do."""
    values = np.zeros((67, 93), np.float32)
    values[1, 2] = 9
    fits.PrimaryHDU(values).writeto(tmp_path / "a.fits")
    frame = read_frame(tmp_path / "a.fits")
    drawn = as_drawn(frame.values.astype(np.uint8), frame.has_top, "lower")
    assert np.argwhere(drawn).tolist() == [[65, 2]]
    assert np.argwhere(cutout(drawn, 0, 0, TILE, "lower")[..., 0] == 9).tolist() == [[18, 2]]
    box = frame_box((93, 67), 0, 0, TILE, "lower")
    assert box.y + box.height == pytest.approx(100)


def test_outside() -> None:
    """A cutout has to begin inside of its frame; it may end outside."""
    size = (93, 67)
    inside = [(0, 0), (80, 60), (92, 66)]
    beyond = [(-1, 0), (0, -1), (93, 0), (0, 67), (-20, 20), (10_000, 0)]
    assert not any(outside(size, x, y, TILE) for x, y in inside)
    assert all(outside(size, x, y, TILE) for x, y in beyond)
    assert outside(size, 0, 0, 0)


def header(**changes: object) -> fits.Header:
    """Make a header of 0.2 arcsec pixels around a known place."""
    card = fits.Header()
    card.update(
        CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=150.0, CRVAL2=2.0, CRPIX1=50.5,
        CRPIX2=30.5, CD1_1=-0.2 / 3600, CD1_2=0.0, CD2_1=0.0, CD2_2=0.2 / 3600,
    )  # fmt: skip
    card.update(changes)
    return card


def written(path: Path, card: fits.Header) -> Path:
    """Write a frame of 100 x 60 with this header."""
    fits.PrimaryHDU(np.arange(6000.0).reshape(60, 100), card).writeto(path)
    return path


def test_the_sky_is_that_of_the_cutouts_centre(tmp_path: Path) -> None:
    """The reference pixel counts from 1 and is a pixel's centre: the middle of an even cutout."""
    frame = read_frame(written(tmp_path / "a.fits", header()))
    # CRPIX 50.5, 30.5 is 49.5, 29.5 from 0: the centre of columns 40-59 and rows 20-39.
    assert sky_position(frame.wcs, 40, 20, TILE) == pytest.approx((150.0, 2.0), abs=1e-12)
    east, north = sky_position(frame.wcs, 20, 40, TILE) or (0, 0)
    assert north == pytest.approx(2.0 + 20 * 0.2 / 3600, abs=1e-9)
    assert east == pytest.approx(150 + 20 * 0.2 / 3600 / np.cos(np.radians(north)), abs=1e-8)


def test_galactic_coordinates_become_equatorial(tmp_path: Path) -> None:
    """A frame in galactic coordinates has right ascensions in the table too."""
    card = header(CTYPE1="GLON-TAN", CTYPE2="GLAT-TAN", CRVAL1=120.0, CRVAL2=30.0)
    frame = read_frame(written(tmp_path / "a.fits", card))
    sky = SkyCoord(l=120.0, b=30.0, frame="galactic", unit="deg").icrs
    assert sky_position(frame.wcs, 40, 20, TILE) == pytest.approx((sky.ra.deg, sky.dec.deg))


@pytest.mark.parametrize(
    "changes",
    [
        {"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"},
        {"CTYPE2": "DEC--SIN"},
        {"CTYPE1": "HPLN-TAN", "CTYPE2": "HPLT-TAN"},
    ],
    ids=["linear", "contradictory", "solar"],
)
def test_no_sky_is_none(changes: dict[str, object], tmp_path: Path) -> None:
    """Coordinates that are missing or make no sense leave the frame readable and the sky empty."""
    frame = read_frame(written(tmp_path / "a.fits", header(**changes)))
    assert frame.values.shape == (60, 100)
    assert sky_position(frame.wcs, 0, 0, TILE) is None
    assert sky_position(None, 0, 0, TILE) is None


def test_sky_of_real_frames(shared_data: Path) -> None:
    """Distorted real coordinates are those that astropy gives for the same place."""
    for path in sorted((shared_data / "fits").iterdir()):
        frame = read_frame(path)
        with fits.open(path) as opened:
            card = next(unit.header for unit in opened if unit.is_image and unit.shape)
            with np.testing.suppress_warnings() as quiet:
                quiet.filter(Warning)
                expected = WCS(card).all_pix2world([[50.5 + 10, 50.5 + 20]], 1)[0]
        assert sky_position(frame.wcs, 10, 20, 100) == pytest.approx(tuple(expected), abs=1e-10)
