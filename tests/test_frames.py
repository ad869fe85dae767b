"""A survey frame is read whole from any of its formats, or one line says why not."""

import gzip
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from astropy.io import fits
from PIL import Image

from ls_integration.errors import SourceError
from ls_integration.images.frame_files import find_bands, find_frames
from ls_integration.images.frames import FRAME_SUFFIXES, frame_shape, read_frame

HEIGHT, WIDTH = 30, 40
COUNTS = np.random.default_rng(0).integers(0, 60_000, (HEIGHT, WIDTH)).astype(np.uint16)
COLOURS = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)
NAN_BORDER = np.pad(COUNTS[2:-2, 2:-2].astype(np.float32), 2, constant_values=np.nan)


def write_fits(path: Path, *units: object) -> Path:
    """Write units of a FITS file."""
    fits.HDUList(list(units)).writeto(path)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy", "a.TIFF"])
def test_colours_come_back_as_stored(name: str, tmp_path: Path) -> None:
    """8-bit colours are a picture, pixel for pixel."""
    path = tmp_path / name
    np.save(path, COLOURS) if path.suffix == ".npy" else Image.fromarray(COLOURS).save(path)
    frame = read_frame(path)
    np.testing.assert_array_equal(frame.values, COLOURS)
    assert frame.is_picture
    assert frame.has_top == (path.suffix != ".npy")
    assert frame_shape(path) == frame.shape
    assert frame.shape.size_px == (WIDTH, HEIGHT)


def test_a_jpeg_is_as_pillow_decodes_it(shared_data: Path) -> None:
    """A real frame has the pixels that Pillow gives."""
    path = shared_data / "des_cutouts/images/COSMOS_C01.jpg"
    with Image.open(path) as picture:
        np.testing.assert_array_equal(read_frame(path).values, np.asarray(picture))
    assert frame_shape(path).size_px == (4200, 2200)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy"])
def test_16_bit_grey_is_no_picture(name: str, tmp_path: Path) -> None:
    """Counts of 16 bit keep their values and have to be stretched."""
    path = tmp_path / name
    np.save(path, COUNTS) if path.suffix == ".npy" else Image.fromarray(COUNTS).save(path)
    frame = read_frame(path)
    np.testing.assert_array_equal(frame.values, COUNTS)
    assert frame.values.dtype == np.uint16
    assert not frame.is_picture


def test_modes_of_pictures(tmp_path: Path) -> None:
    """Palette, transparency and two levels become plain grey or colour."""
    picture = Image.fromarray(COLOURS)
    picture.quantize(200).save(tmp_path / "p.png")
    picture.convert("RGBA").save(tmp_path / "rgba.png")
    picture.convert("LA").save(tmp_path / "la.png")
    picture.convert("1").save(tmp_path / "1.png")
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg")
    shapes = {path.name: read_frame(path).values.shape for path in tmp_path.iterdir()}
    grey, colour = (HEIGHT, WIDTH), (HEIGHT, WIDTH, 3)
    assert shapes == {
        "p.png": colour, "rgba.png": colour, "la.png": grey, "1.png": grey, "cmyk.jpg": colour
    }  # fmt: skip
    assert set(np.unique(read_frame(tmp_path / "1.png").values)) == {0, 255}


@pytest.mark.parametrize(
    "values",
    [
        COUNTS,
        COUNTS.astype(np.int16),
        COUNTS.astype(np.int32),
        NAN_BORDER,
        NAN_BORDER.astype(np.float64),
        COLOURS[..., 0],
    ],
    ids=lambda values: str(values.dtype),
)
@pytest.mark.parametrize("packing", ["plain", "gz", "fz"])
def test_fits_of_every_depth_and_packing(values: np.ndarray, packing: str, tmp_path: Path) -> None:
    """8 to 64 bit, with BZERO, NaN borders, gzipped or tile-compressed: the values come back."""
    if packing == "fz":
        path = tmp_path / "a.fits.fz"
        lossless = {"quantize_level": 0.0, "compression_type": "GZIP_1"}
        unit = fits.CompImageHDU(values, **(lossless if values.dtype.kind == "f" else {}))
        write_fits(path, fits.PrimaryHDU(), unit)
    else:
        path = write_fits(tmp_path / "a.fits", fits.PrimaryHDU(values))
        if packing == "gz":
            path = tmp_path / "b.fits.gz"
            path.write_bytes(gzip.compress((tmp_path / "a.fits").read_bytes()))
    frame = read_frame(path)
    np.testing.assert_array_equal(frame.values, values)
    assert frame.values.dtype == values.dtype
    assert frame.values.dtype.isnative
    assert not frame.is_picture
    assert not frame.has_top
    assert frame_shape(path).size_px == (WIDTH, HEIGHT)


def test_blank_integers_are_no_data(tmp_path: Path) -> None:
    """Pixels that the header calls BLANK are not finite."""
    unit = fits.PrimaryHDU(COUNTS.astype(np.int32))
    unit.header["BLANK"] = int(COUNTS[3, 4])
    values = read_frame(write_fits(tmp_path / "a.fits", unit)).values
    np.testing.assert_array_equal(np.isnan(values), np.equal(COUNTS, COUNTS[3, 4]))


def test_the_first_image_or_the_chosen_hdu(tmp_path: Path) -> None:
    """Tables and one-dimensional units are passed over; a number or a name chooses."""
    table = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])], name="CAT")
    path = write_fits(
        tmp_path / "a.fits",
        fits.PrimaryHDU(),
        table,
        fits.ImageHDU(np.arange(5.0), name="LINE"),
        fits.ImageHDU(COUNTS, name="SCI"),
        fits.ImageHDU(COUNTS[:10] // 2, name="MASK"),
    )
    np.testing.assert_array_equal(read_frame(path).values, COUNTS)
    np.testing.assert_array_equal(read_frame(path, hdu=4).values, COUNTS[:10] // 2)
    np.testing.assert_array_equal(read_frame(path, hdu="mask").values, COUNTS[:10] // 2)
    assert frame_shape(path, hdu="MASK").size_px == (WIDTH, 10)
    for wrong in (9, "SKY", 1, 2):
        with pytest.raises(SourceError, match=rf"HDU {wrong}.*3 SCI \(30, 40\)"):
            read_frame(path, hdu=wrong)
    with pytest.raises(SourceError, match="holds no image, only 0 PRIMARY"):
        read_frame(write_fits(tmp_path / "b.fits", fits.PrimaryHDU(), table))


@pytest.mark.parametrize("name", ["a.fits", "a.fits.fz", "a.npy", "a.tif"])
def test_planes_become_grey_or_colour(name: str, tmp_path: Path) -> None:
    """Of a cube one plane is chosen, or three in the order given; without a choice it says so."""
    cube = np.stack([COUNTS // 4 + index for index in range(5)]).astype(np.float32)
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, cube)
    elif name == "a.tif":
        tifffile.imwrite(path, cube)
    elif name == "a.fits":
        write_fits(path, fits.PrimaryHDU(cube))
    else:
        unit = fits.CompImageHDU(cube, quantize_level=0.0, compression_type="GZIP_1")
        write_fits(path, fits.PrimaryHDU(), unit)
    np.testing.assert_array_equal(read_frame(path, bands=(3,)).values, cube[3])
    frame = read_frame(path, bands=(4, 0, 2))
    np.testing.assert_array_equal(frame.values, np.moveaxis(cube[[4, 0, 2]], 0, -1))
    assert not frame.is_picture
    assert frame_shape(path).size_px == (WIDTH, HEIGHT)
    with pytest.raises(SourceError, match="5 planes, counted from 0: choose with --bands"):
        read_frame(path)
    with pytest.raises(SourceError, match="--bands 5 is not one of them"):
        read_frame(path, bands=(5,))


def test_one_plane_in_more_axes_needs_no_choice(tmp_path: Path) -> None:
    """Radio images have axes of length 1 for frequency and polarisation."""
    path = write_fits(tmp_path / "a.fits", fits.PrimaryHDU(COUNTS[None, None].astype(np.float32)))
    np.testing.assert_array_equal(read_frame(path).values, COUNTS)


def test_planar_colour_tiff(tmp_path: Path) -> None:
    """Colour stored plane by plane is colour."""
    planar = np.moveaxis(COLOURS, -1, 0)
    tifffile.imwrite(tmp_path / "a.tif", planar, photometric="rgb", planarconfig="separate")
    frame = read_frame(tmp_path / "a.tif")
    np.testing.assert_array_equal(frame.values, COLOURS)
    assert frame.is_picture
    assert frame_shape(tmp_path / "a.tif").size_px == (WIDTH, HEIGHT)


def test_three_files_become_colour(tmp_path: Path) -> None:
    """Three files of one size are red, green and blue; another size is told."""
    paths = [tmp_path / f"{band}.fits" for band in "irg"]
    for index, path in enumerate(paths):
        write_fits(path, fits.PrimaryHDU(COUNTS // 4 + np.uint16(index)))
    frame = read_frame(paths)
    for index in range(3):
        np.testing.assert_array_equal(frame.values[..., index], COUNTS // 4 + index)
    assert frame.source == paths[0]
    small = write_fits(tmp_path / "small.fits", fits.PrimaryHDU(COUNTS[:5]))
    with pytest.raises(SourceError, match=r"small.fits has shape \(5, 40\).*one size"):
        read_frame([*paths[:2], small])
    with pytest.raises(SourceError, match="2 files and 0 bands make no frame"):
        read_frame(paths[:2])


def test_real_fits_have_values_and_sky(shared_data: Path) -> None:
    """All five real files are read, with the values that astropy gives and a sky."""
    files = sorted((shared_data / "fits").iterdir())
    assert len(files) == 5
    for path in files:
        frame = read_frame(path)
        with fits.open(path) as opened:
            first = next(unit for unit in opened if unit.is_image and unit.shape)
            np.testing.assert_array_equal(frame.values, first.data)
        assert frame.wcs is not None
        assert frame_shape(path).size_px == frame.shape.size_px


def test_real_damage_is_one_line(shared_data: Path, tmp_path: Path) -> None:
    """Cut and flipped real files give a SourceError of one line or an array, nothing else."""
    random = np.random.default_rng(3)
    lines = []
    for source in sorted((shared_data / "fits").iterdir()):
        content = source.read_bytes()
        path = tmp_path / source.name
        for attempt in range(24):
            damaged = bytearray(content)
            if attempt % 3 == 0:
                damaged = damaged[: int(random.integers(1, len(content)))]
            else:
                for place in random.integers(0, min(len(content), 12_000), 12):
                    damaged[place] = int(random.integers(0, 256))
            path.write_bytes(damaged)
            try:
                read_frame(path)
            except SourceError as error:
                lines.append(str(error))
    assert len(lines) > 30
    assert all(str(tmp_path) in line and "\n" not in line for line in lines)


def test_truncated_and_foreign_files(tmp_path: Path) -> None:
    """Half a file, another format under the name, and nothing at all are told with the name."""
    write_fits(tmp_path / "whole.fits", fits.PrimaryHDU(COUNTS))
    Image.fromarray(COLOURS).save(tmp_path / "whole.jpg")
    for whole in ("whole.fits", "whole.jpg"):
        half = tmp_path / f"half{Path(whole).suffix}"
        content = (tmp_path / whole).read_bytes()
        half.write_bytes(content[: 3 * len(content) // 5])
        with pytest.raises(SourceError, match=r"half.* damaged or cut short"):
            read_frame(half)
    foreign = tmp_path / "foreign.fits"
    foreign.write_bytes((tmp_path / "whole.jpg").read_bytes())
    (tmp_path / "empty.fits").touch()
    for name, words in [
        ("foreign.fits", "damaged"),
        ("empty.fits", "empty"),
        ("gone.fits", "does not exist"),
        ("a.txt", "not a frame that can be read"),
    ]:
        with pytest.raises(SourceError, match=rf"{name}.*{words}"):
            read_frame(tmp_path / name)


@pytest.mark.parametrize("name", ["a.fits", "a.npy", "a.fits.gz"])
def test_a_bomb_is_refused_before_it_goes_off(name: str, tmp_path: Path) -> None:
    """A header that promises gigabytes is refused without allocating them."""
    path = tmp_path / name
    if name == "a.npy":
        header = {"descr": "<f8", "fortran_order": False, "shape": (50_000, 50_000)}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
    else:
        unit = fits.PrimaryHDU(np.zeros((2, 2), np.float32))
        text = unit.header.tostring().replace(
            "NAXIS1  =                    2", "NAXIS1  =                50000"
        )
        text = text.replace("NAXIS2  =                    2", "NAXIS2  =                50000")
        content = text.encode() + b"\0" * 2880
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match=r"2,500,000,000 pixels, more than 178,956,970"):
            read_frame(path)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("name", "number"), [("TFIELDS", 4), ("ZNAXIS", 2)])
def test_a_header_that_counts_for_ever_is_refused(name: str, number: int, tmp_path: Path) -> None:
    """So many columns, or axes of a compressed image, are looked at one after the other."""
    path = tmp_path / "a.fits"
    compressed = fits.CompImageHDU(np.arange(64.0, dtype=np.float32).reshape(8, 8))
    fits.HDUList([fits.PrimaryHDU(), compressed]).writeto(path)
    assert read_frame(path).values.shape == (8, 8)
    content = path.read_bytes()
    card = f"{name:8}= ".encode()
    place = content.index(card) + len(card)
    assert int(content[place : place + 20]) == number
    path.write_bytes(content[:place] + b"9" * 20 + content[place + 20 :])
    with pytest.raises(SourceError, match=f"{name} is 99999999999999999999"):
        read_frame(path)


def test_a_picture_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's hard limit holds; between its soft one and that a frame is read in silence."""
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", HEIGHT * WIDTH - 1)
    assert read_frame(tmp_path / "a.png").values.shape == COLOURS.shape
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", HEIGHT * WIDTH // 2 - 1)
    with pytest.raises(SourceError, match="crop it"):
        read_frame(tmp_path / "a.png")


def test_values_that_are_no_image(tmp_path: Path) -> None:
    """Complex numbers, Python objects, vectors and empty arrays are refused by name."""
    for name, values, words in [
        ("complex", np.ones((3, 3), complex), "complex128"),
        ("objects", np.array([[None, 1]], object), "Python objects"),
        ("vector", np.arange(4.0), "without a height"),
        ("none", np.zeros((0, 4)), "no pixels"),
    ]:
        np.save(tmp_path / f"{name}.npy", values)
        with pytest.raises(SourceError, match=words):
            read_frame(tmp_path / f"{name}.npy")


def test_many_threads_read_the_same(shared_data: Path) -> None:
    """Frames read at once in many threads are those read alone."""
    files = sorted((shared_data / "fits").iterdir()) * 6
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(read_frame, files))
    for path, frame in zip(files, together, strict=True):
        np.testing.assert_array_equal(frame.values, read_frame(path).values)


def touch(folder: Path, *names: str) -> None:
    """Make empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_names_find_their_files(tmp_path: Path) -> None:
    """Dots, endings, packings, folders and capital letters do not hide a file."""
    touch(
        tmp_path,
        "m2021_image0110.new.fits",
        "c4d.v1.fits.fz",
        "C01.JPG",
        "C01.txt",
        "night1/C02.png",
        "frame.fits",
        "frame.jpg",
        ".C03.png",
    )
    names = {
        "m2021_image0110.new": "m2021_image0110.new.fits",
        "m2021_image0110.new.fits": "m2021_image0110.new.fits",
        "c4d.v1": "c4d.v1.fits.fz",
        "c4d.v1.fits": "c4d.v1.fits.fz",
        "c4d.v1.fits.fz": "c4d.v1.fits.fz",
        "C01": "C01.JPG",
        "C01.fits": "C01.JPG",
        "C02": "night1/C02.png",
        "night1/C02": "night1/C02.png",
        "night1/C02.png": "night1/C02.png",
        "frame.jpg": "frame.jpg",
        "frame.fits": "frame.fits",
    }
    found = find_frames(tmp_path, [*names, "C01", "C02"])
    assert {name: str(path.relative_to(tmp_path)) for name, path in found.items()} == names
    assert list(found) == list(names)


def test_missing_and_ambiguous_names_are_told_at_once(tmp_path: Path) -> None:
    """One error names every kind of problem; a name cannot lead out of the folder."""
    touch(tmp_path, "in/a.fits", "in/a.jpg", "in/b.png", "in/n1/c.png", "in/n2/c.png", "secret.png")
    names = ["a", "b", "x", "c", "../secret.png", ".", ""]
    with pytest.raises(SourceError) as raised:
        find_frames(tmp_path / "in", names)
    text = str(raised.value)
    assert "no file for the frames x, ../secret.png, .,  (4)" in text
    assert "several files for a: a.fits, a.jpg, c: n1/c.png, n2/c.png (2)" in text
    assert "\n" not in text
    with pytest.raises(SourceError, match="is not a folder"):
        find_frames(tmp_path / "gone", ["a"])


def test_bands_find_their_files(tmp_path: Path) -> None:
    """Bands beside each other or in folders of their own, in the order asked for."""
    touch(tmp_path, "a_i.fits", "a_r.fits", "a_g.fits", "b.i.fits", "b-r.fits", "g/b.fits")
    found = find_bands(tmp_path, ["a", "b"], ("i", "r", "g"))
    names = {name: [str(p.relative_to(tmp_path)) for p in found[name]] for name in found}
    assert names == {
        "a": ["a_i.fits", "a_r.fits", "a_g.fits"],
        "b": ["b.i.fits", "b-r.fits", "g/b.fits"],
    }
    with pytest.raises(SourceError, match=r"a in z, b in z \(2\)"):
        find_bands(tmp_path, ["a", "b"], ("i", "r", "z"))


def test_real_names_find_their_frames(shared_data: Path) -> None:
    """The real table's names find the eight frames, and the FITS files by stem."""
    import pandas as pd

    table = pd.read_csv(shared_data / "des_cutouts/test_outputs.csv")
    found = find_frames(shared_data / "des_cutouts/images", table["image_name"])
    assert len(found) == 8
    assert all(path.stem == name for name, path in found.items())
    stems = [path.name.split(".fits")[0] for path in (shared_data / "fits").iterdir()]
    assert len(find_frames(shared_data / "fits", stems)) == 5
    assert ".fits.fz" in FRAME_SUFFIXES
