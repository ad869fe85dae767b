"""A frame becomes the same picture, whichever way leads to it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ls_integration.errors import SourceError
from ls_integration.images import drawing
from ls_integration.images.drawing import draw_frame
from ls_integration.images.frames import read_frame
from ls_integration.images.stretch import apply, frame_limits

SIZE = (31, 23)
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK")


def picture_file(folder: Path, mode: str) -> Path:
    """Write noise in a mode that PNG or JPEG has."""
    random = np.random.default_rng(0)
    path = folder / f"a.{'jpg' if mode == 'CMYK' else 'png'}"
    if mode == "I;16":
        Image.fromarray(random.integers(0, 65536, SIZE[::-1]).astype(np.uint16)).save(path)
        return path
    colours = Image.fromarray(random.integers(0, 256, (*SIZE[::-1], 3)).astype(np.uint8))
    picture = colours.convert(mode)
    if mode in {"LA", "RGBA"}:
        picture.putalpha(colours.getchannel("G"))
    picture.save(path, **({"transparency": 3} if mode == "P" else {}))
    return path


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("stretch", [None, "minmax"])
def test_the_short_way_draws_the_same_pixels(
    mode: str, stretch: str | None, tmp_path: Path
) -> None:
    """Greys, colours, palettes and opacity are what `read_frame` and `apply` make of them."""
    path = picture_file(tmp_path, mode)
    picture, limits, shape = draw_frame([path], stretch=stretch)  # type: ignore[arg-type]
    frame = read_frame(path)
    assert limits == frame_limits(frame, stretch)  # type: ignore[arg-type]
    assert shape == frame.shape
    np.testing.assert_array_equal(np.asarray(picture), apply(frame, limits))
    again, kept, _ = draw_frame([path], stretch="asinh", limits=limits)
    assert kept == limits
    np.testing.assert_array_equal(np.asarray(again), np.asarray(picture))


def test_what_is_shown_as_it_is_makes_no_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight-bit pictures go the short way, others do not."""
    read: list[object] = []

    def noted(*arguments: object, **options: object) -> object:
        read.append(arguments)
        return read_frame(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(drawing, "read_frame", noted)
    draw_frame([picture_file(tmp_path, "RGB")])
    assert not read
    draw_frame([picture_file(tmp_path, "RGB")], bands=[1])
    draw_frame([picture_file(tmp_path, "I;16")])
    assert len(read) == 2


def test_notes_and_orientation_do_not_come_along(tmp_path: Path) -> None:
    """A crop would hand them on to whatever is written."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", SIZE).save(tmp_path / "a.jpg", exif=exif, comment=b"secret", dpi=(99, 99))
    picture, _, shape = draw_frame([tmp_path / "a.jpg"])
    assert shape.size_px == SIZE
    assert picture.size == SIZE
    assert not picture.crop((0, 0, 9, 9)).info


def test_16_bit_is_not_shown_as_it_is(tmp_path: Path) -> None:
    """Neither asked for nor with the limits of an earlier run."""
    path = picture_file(tmp_path, "I;16")
    with pytest.raises(SourceError, match="--stretch none"):
        draw_frame([path], stretch="none")
    with pytest.raises(SourceError, match="--stretch none"):
        draw_frame([path], limits={"stretch": "none"})


def test_missing_and_damaged_files_are_one_line(tmp_path: Path) -> None:
    """As `read_frame` tells them."""
    with pytest.raises(SourceError, match="does not exist"):
        draw_frame([tmp_path / "a.jpg"])
    path = picture_file(tmp_path, "RGB")
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(SourceError, match=r"a\.png is damaged or cut short"):
        draw_frame([path])
