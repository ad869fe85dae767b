"""Any image file becomes one 2-D array of float32, or one line that says why not."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from ls_integration.errors import SourceError
from ls_integration.images import read
from ls_integration.images.read import decode_counts, read_image

REAL = Path(__file__).resolve().parents[1].parent / "shared/data/anomagui"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is not on this machine")

COUNTS = np.random.default_rng(0).poisson(40, (17, 23)).astype(np.uint16)


def encoded(counts: np.ndarray) -> np.ndarray:
    """Store counts as AnomaGUI did."""
    return ((counts.astype(np.float64) + 32768) / 65535).astype(np.float32)


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8", ">u2"])
def test_arrays_come_back_value_for_value(tmp_path: Path, dtype: str) -> None:
    """A .npy of any number type, either byte order, keeps its values."""
    np.save(tmp_path / "a.npy", COUNTS.astype(dtype))
    image = read_image(tmp_path / "a.npy")
    assert image.dtype == np.float32
    assert image.dtype.isnative
    np.testing.assert_array_equal(image, COUNTS)


def test_an_array_stored_column_by_column(tmp_path: Path) -> None:
    """Is not turned round: as NumPy saves what was transposed."""
    turned = np.arange(12.0).reshape(3, 4).T
    np.save(tmp_path / "turned.npy", turned)
    np.savez_compressed(tmp_path / "turned.npz", image=turned)
    for suffix in ("npy", "npz"):
        assert np.array_equal(read_image(tmp_path / f"turned.{suffix}"), turned)


def test_an_archive_gives_its_image(tmp_path: Path) -> None:
    """arr_0 wins over image, image over others, and a single 2-D array needs no name."""
    other = COUNTS + 1
    np.savez(tmp_path / "a.npz", COUNTS, image=other, mask=other)
    np.savez(tmp_path / "b.npz", image=COUNTS, mask=other)
    np.savez(tmp_path / "c.npz", scan=COUNTS, vector=np.arange(3), name="x")
    for name in "abc":
        np.testing.assert_array_equal(read_image(tmp_path / f"{name}.npz"), COUNTS)
    np.savez(tmp_path / "d.npz", one=COUNTS, two=other)
    with pytest.raises(SourceError, match=r"one \(17, 23\), two \(17, 23\).*as 'image'"):
        read_image(tmp_path / "d.npz")


def test_photon_counts_are_decoded_exactly(tmp_path: Path) -> None:
    """Every count that 16 bits can hold survives AnomaGUI's encoding."""
    counts = np.arange(32768).reshape(128, 256)
    np.savez(tmp_path / "a.npz", encoded(counts))
    np.testing.assert_array_equal(read_image(tmp_path / "a.npz"), counts)


def test_other_values_near_a_half_are_not_taken_for_counts() -> None:
    """One pixel off the grid, or below a half, and the image is left as it is."""
    off_grid = encoded(COUNTS)
    off_grid[3, 3] += np.float32(1e-5)
    below = encoded(COUNTS)
    below[0, 0] = np.float32(32767 / 65535)
    for values in (off_grid, below, COUNTS, np.full((2, 2), np.nan, np.float32)):
        assert decode_counts(values) is values


@needs_real
def test_real_images_are_whole_counts() -> None:
    """All 549 real images decode to whole numbers, none above 997."""
    files = sorted(REAL.glob("*/test/*.npz"))
    assert len(files) == 549
    peaks = []
    for file in files:
        with np.load(file, allow_pickle=False) as archive:
            stored = archive["arr_0"]
        image = read_image(file)
        np.testing.assert_array_equal(image, np.rint(stored * 65535.0 - 32768.0))
        np.testing.assert_array_equal(encoded(image), stored)
        assert image.shape == (224, 224)
        assert image.min() >= 0
        peaks.append(float(image.max()))
    assert max(peaks) <= 997


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_tiff_keeps_its_depth(tmp_path: Path, dtype: str) -> None:
    """A 2-D TIFF of 8, 16, 32 bit or floats keeps its values."""
    tifffile.imwrite(tmp_path / "a.tif", COUNTS.astype(dtype), compression="zlib")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), COUNTS)


STACK = np.arange(2 * 3 * 2 * 5 * 7, dtype=np.uint16).reshape(2, 3, 2, 5, 7)


@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_a_stack_is_chosen_from(tmp_path: Path, kind: str) -> None:
    """Channel, plane and projection pick what the axes say, in ImageJ and OME files."""
    file = tmp_path / "a.tif"
    if kind == "imagej":
        tifffile.imwrite(file, STACK, imagej=True, metadata={"axes": "TZCYX"})
    else:
        tifffile.imwrite(file, STACK, ome=True, metadata={"axes": "TZCYX"})
    np.testing.assert_array_equal(read_image(file, channel=1, plane=4), STACK[1, 1, 1])
    planes = STACK[:, :, 0].reshape(6, 5, 7)
    np.testing.assert_array_equal(read_image(file, channel=0, projection="max"), planes.max(axis=0))
    np.testing.assert_allclose(read_image(file, channel=0, projection="mean"), planes.mean(axis=0))
    with pytest.raises(SourceError, match=r"TZCYX \(2, 3, 2, 5, 7\).*--channel.*--slice.*--proj"):
        read_image(file)
    with pytest.raises(SourceError, match="TZCYX"):
        read_image(file, plane=0)
    with pytest.raises(SourceError, match="--slice 6 is not one of 0 to 5"):
        read_image(file, plane=6, channel=0)
    with pytest.raises(SourceError, match="exclude each other"):
        read_image(file, plane=1, projection="max", channel=0)


def test_a_volume_in_one_page_is_chosen_from(tmp_path: Path) -> None:
    """A tiled volume, whose planes are no pages, gives the same planes."""
    volume = np.arange(20 * 30 * 40, dtype=np.uint16).reshape(20, 30, 40)
    tifffile.imwrite(tmp_path / "a.tif", volume, volumetric=True, tile=(16, 16, 16))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", plane=7), volume[7])


@pytest.mark.parametrize("layout", ["contig", "separate"])
def test_colour_tiff_becomes_luminance(tmp_path: Path, layout: str) -> None:
    """RGB is weighed 0.299, 0.587, 0.114 unless a channel is chosen."""
    rgb = np.random.default_rng(1).integers(0, 255, (9, 11, 3)).astype(np.uint8)
    stored = rgb if layout == "contig" else np.moveaxis(rgb, 2, 0)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=layout)
    expected = rgb @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(read_image(tmp_path / "a.tif"), expected, rtol=1e-6)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", channel=1), rgb[..., 1])


def test_lzw_tiff_is_read(tmp_path: Path) -> None:
    """LZW, which ImageJ and microscopes write, needs no further package."""
    frames = [Image.fromarray(COUNTS), Image.fromarray(COUNTS + 1)]
    frames[0].save(tmp_path / "a.tif", compression="tiff_lzw")
    frames[0].save(
        tmp_path / "b.tif", compression="tiff_lzw", save_all=True, append_images=frames[1:]
    )
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), COUNTS)
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif", plane=1), COUNTS + 1)


def test_png_and_jpeg(tmp_path: Path) -> None:
    """Grey PNG keeps 8 and 16 bit; colour becomes luminance; grey stored as RGB stays grey."""
    grey = (COUNTS % 256).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(COUNTS * 300).save(tmp_path / "16.PNG")
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "rgb.png")
    Image.fromarray(np.dstack([grey] * 3)).convert("P").save(tmp_path / "palette.png")
    Image.fromarray(np.dstack([grey, grey])).save(tmp_path / "alpha.png")
    Image.fromarray(grey).save(tmp_path / "a.jpg", quality=100)
    np.testing.assert_array_equal(read_image(tmp_path / "8.png"), grey)
    np.testing.assert_array_equal(read_image(tmp_path / "16.PNG"), COUNTS * np.uint16(300))
    np.testing.assert_array_equal(read_image(tmp_path / "rgb.png"), grey)
    np.testing.assert_array_equal(read_image(tmp_path / "rgb.png", channel=2), grey)
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.png"), grey)
    assert read_image(tmp_path / "palette.png").shape == grey.shape
    assert np.abs(read_image(tmp_path / "a.jpg") - grey).max() <= 2
    with pytest.raises(SourceError, match="3 channels.*--channel 3"):
        read_image(tmp_path / "rgb.png", channel=3)
    with pytest.raises(SourceError, match="single 2-D image: --slice 2"):
        read_image(tmp_path / "8.png", plane=2)


def save(path: Path, values: object) -> Path:
    """Write an array, also one that ought not to be written."""
    np.save(path, np.asarray(values), allow_pickle=True)
    return path


def test_what_cannot_be_shown_is_one_line(tmp_path: Path) -> None:
    """Each kind of unusable image has its own message, which names the file."""
    nan = COUNTS.astype(float)
    nan[2, 3] = np.nan
    (tmp_path / "empty.tif").touch()
    (tmp_path / "folder.npy").mkdir()
    cases = {
        tmp_path / "none.npy": "does not exist",
        tmp_path / "notes.txt": "not an image that can be read; use one of .npz",
        tmp_path / "empty.tif": r"is empty \(0 bytes\)",
        tmp_path / "folder.npy": "is not a file",
        save(tmp_path / "nan.npy", nan): "1 pixels that are NaN",
        save(tmp_path / "inf.npy", [[np.inf, 0.0]]): "infinite",
        save(tmp_path / "flat.npy", np.full((4, 4), 7)): "the value 7 everywhere",
        save(tmp_path / "zero.npy", np.zeros((0, 5))): r"no pixels \(shape \(0, 5\)\)",
        save(tmp_path / "cube.npy", np.zeros((3, 4, 5))): r"shape \(3, 4, 5\)",
        save(tmp_path / "line.npy", np.zeros(3)): r"shape \(3,\)",
        save(tmp_path / "object.npy", np.array([[{}, 1]], dtype=object)): "Python objects",
        save(tmp_path / "text.npy", np.array([["a", "b"]])): "values of type <U1",
        save(tmp_path / "complex.npy", np.array([[1j, 2]])): "values of type complex128",
    }
    (tmp_path / "notes.txt").write_text("no image")
    for path, message in cases.items():
        with pytest.raises(SourceError, match=message) as caught:
            read_image(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_name_that_lies_is_found_out(tmp_path: Path) -> None:
    """Text called .png, .tif, .npz or .npy is damaged, not a crash."""
    for suffix in read.IMAGE_SUFFIXES:
        path = tmp_path / f"a{suffix}"
        path.write_text("this is no image, whatever its name says")
        with pytest.raises(SourceError, match="damaged"):
            read_image(path)


def examples(folder: Path) -> list[Path]:
    """Write one file of each type."""
    np.savez_compressed(folder / "a.npz", COUNTS)
    np.save(folder / "a.npy", COUNTS)
    tifffile.imwrite(folder / "a.tif", COUNTS, compression="zlib")
    tifffile.imwrite(folder / "b.tif", np.stack([COUNTS] * 3), imagej=True)
    Image.fromarray(COUNTS).save(folder / "a.png")
    Image.fromarray(COUNTS).save(folder / "lzw.tif", compression="tiff_lzw")
    Image.fromarray(COUNTS.astype(np.uint8)).save(folder / "a.jpg")
    return sorted(folder.iterdir())


# Pillow warns of odd tags before it gives up.
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_never_crash(tmp_path: Path) -> None:
    """Files cut short or with flipped bytes are read or refused, with no other exception."""
    rng = np.random.default_rng(3)
    (tmp_path / "whole").mkdir()
    refusals = []
    for whole in examples(tmp_path / "whole"):
        content = whole.read_bytes()
        damaged = [content[:cut] for cut in range(1, len(content), max(1, len(content) // 25))]
        for _ in range(60):
            flipped = bytearray(content)
            for place in rng.integers(0, min(len(flipped), 400), 3):
                flipped[place] ^= int(rng.integers(1, 256))
            damaged.append(bytes(flipped))
        path = tmp_path / whole.name
        for bytes_ in damaged:
            path.write_bytes(bytes_)
            try:
                image = read_image(path, projection="max")
            except SourceError as error:
                refusals.append(str(error))
            else:
                assert image.ndim == 2
    assert len(refusals) > 200
    assert all(str(tmp_path) in line and "\n" not in line for line in refusals)


def test_bombs_are_refused_before_they_go_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file that claims a huge image is refused by its header."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    )
    (tmp_path / "a.npy").write_bytes(header.getvalue())
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("arr_0.npy", header.getvalue())
    for name in ("a.npy", "a.npz"):
        with pytest.raises(SourceError, match="1,000,000,000,000 pixels"):
            read_image(tmp_path / name)
    Image.fromarray(np.eye(200, dtype=np.uint8)).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", np.eye(200, dtype=np.uint8))
    monkeypatch.setattr(read, "MAX_PIXELS", 30_000)
    for limit in (30_000, 10_000):  # Pillow warns above its limit and raises above twice that
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        for name in ("a.png", "a.tif"):
            with pytest.raises(SourceError, match="more than 30,000"):
                read_image(tmp_path / name)
