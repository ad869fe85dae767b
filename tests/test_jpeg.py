"""A JPEG's picture without loss, and nothing else of the file."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, JpegImagePlugin

from ls_integration.errors import SourceError
from ls_integration.images.drawing import frame_picture_suffix
from ls_integration.images.jpeg import plain_jpeg, read_plain_jpeg

SECRET = b"observer and place"
SIZE = (93, 67)


def encoded(mode: str = "RGB", **options: object) -> bytes:
    """Encode noise as JPEG."""
    shape = SIZE[::-1] if mode == "L" else (*SIZE[::-1], len(mode))
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    buffer = io.BytesIO()
    Image.frombytes(mode, SIZE, pixels.tobytes()).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def decoded(content: bytes) -> np.ndarray:
    """Decode a JPEG."""
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "JPEG"
        return np.asarray(picture)


def segment(marker: int, body: bytes) -> bytes:
    """Write a segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "L"},
        {"quality": 95, "subsampling": 0},
        {"progressive": True},
        {"restart_marker_blocks": 1},
        {"keep_rgb": True},
        {"optimize": True},
    ],
    ids=str,
)
def test_every_pixel_stays(options: dict[str, object]) -> None:
    """Whatever way a JPEG is written, its copy decodes to the same values."""
    content = encoded(**options)  # type: ignore[arg-type]
    plain = plain_jpeg(content)
    assert plain is not None
    np.testing.assert_array_equal(decoded(plain), decoded(content))
    assert plain_jpeg(plain) == plain


def test_notes_orientation_profiles_and_what_follows_are_left_out() -> None:
    """The picture tells nothing of where it comes from, and is not turned by anyone."""
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned by a quarter
    exif[0x010E] = SECRET.decode()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = encoded(
        exif=exif, comment=SECRET, icc_profile=profile, xmp=SECRET, dpi=(123, 123), quality=90
    )
    thumbnail = segment(0xE0, b"JFXX\x00\x10" + SECRET)
    content = content[:2] + thumbnail + b"\xff\xff" + content[2:] + SECRET + content
    plain = plain_jpeg(content)
    assert plain is not None
    assert SECRET not in plain
    with Image.open(io.BytesIO(plain)) as picture:
        assert not picture.getexif()
        assert set(picture.info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert picture.info["jfif_density"] == (1, 1)
        assert [name for name, _ in picture.applist] == ["APP0"]
        assert picture.size == SIZE
    np.testing.assert_array_equal(decoded(plain), decoded(content))


def test_adobes_colour_model_stays() -> None:
    """Red, green and blue that are stored as such are not taken for luminance and colour."""
    content = encoded(keep_rgb=True)
    assert b"Adobe" in content
    at = content.index(b"Adobe") - 4
    end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
    adobe = segment(0xEE, b"Adobe\x00\x64\x12\x34\x56\x78\x00" + SECRET)
    plain = plain_jpeg(content[:at] + adobe + content[end:])
    assert plain is not None
    assert SECRET not in plain
    assert b"\x12\x34\x56\x78" not in plain[:60]
    np.testing.assert_array_equal(decoded(plain), decoded(content))


def test_other_files_are_not_copied(tmp_path: Path) -> None:
    """Four colours, arithmetic codes, 12 bit, cut files and other formats become WebP."""
    good = encoded()
    at = good.index(b"\xff\xc0")
    others = {
        "cmyk": encoded("CMYK"),
        "arithmetic": good[: at + 1] + b"\xc9" + good[at + 2 :],
        "deep": good[: at + 4] + b"\x0c" + good[at + 5 :],
        "no picture": good[:2] + b"\xff\xd9",
        "empty": b"",
        "png": b"\x89PNG\r\n\x1a\n" + good,
    }
    for name, content in others.items():
        assert plain_jpeg(content) is None, name
    for length in range(len(good)):
        assert plain_jpeg(good[:length]) is None, length
    path = tmp_path / "a.jpg"
    path.write_bytes(others["cmyk"])
    assert frame_picture_suffix([path]) == ".webp"
    with pytest.raises(SourceError, match=r"a\.jpg is no longer the JPEG"):
        read_plain_jpeg(path)
    with pytest.raises(SourceError, match="cannot be read"):
        read_plain_jpeg(tmp_path / "none.jpg")


def test_only_a_jpeg_shown_as_it_is_keeps_its_kind(tmp_path: Path) -> None:
    """Stretched, made of bands or files, or of another type: all that is drawn anew is WebP."""
    path = tmp_path / "a.b.JPEG"
    path.write_bytes(encoded())
    assert frame_picture_suffix([path]) == ".jpg"
    assert frame_picture_suffix([path], stretch="none") == ".jpg"
    assert frame_picture_suffix([path], limits={"stretch": "none"}) == ".jpg"
    assert frame_picture_suffix([path], stretch="minmax") == ".webp"
    assert frame_picture_suffix([path], limits={"stretch": "minmax"}) == ".webp"
    assert frame_picture_suffix([path], bands=[0]) == ".webp"
    assert frame_picture_suffix([path] * 3) == ".webp"
    assert frame_picture_suffix([tmp_path / "a.png"]) == ".webp"
    assert frame_picture_suffix([tmp_path / "gone.jpg"]) == ".webp"


def test_real_frames_are_copied_without_loss(shared_data: Path) -> None:
    """The eight frames keep every pixel; Pillow's own re-save, the other way, would not."""
    paths = sorted((shared_data / "des_cutouts" / "images").glob("*.jpg"))
    assert len(paths) == 8
    for path in paths:
        plain = read_plain_jpeg(path)
        assert 0 <= path.stat().st_size - len(plain) < 1000
        with Image.open(path) as picture:
            np.testing.assert_array_equal(decoded(plain), np.asarray(picture))
            if path == paths[0]:
                again = io.BytesIO()
                assert JpegImagePlugin.get_sampling(picture) == 2
                picture.save(again, "JPEG", quality="keep")
                assert (decoded(again.getvalue()) != np.asarray(picture)).mean() > 0.1
