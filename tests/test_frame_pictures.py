"""Frames become cutouts, neighbourhoods and whole pictures, once, whatever is wrong with some."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from ls_integration.errors import ConfigError, ResultsError
from ls_integration.images.drawing import draw_frame
from ls_integration.images.frames import read_frame
from ls_integration.images.stretch import apply, frame_limits
from ls_integration.images.tiles import as_drawn, cutout, frame_box, neighbourhood
from ls_integration.workflows import frame_pictures
from ls_integration.workflows.frame_jobs import CutoutJob, FrameJob, FrameResult
from ls_integration.workflows.frame_pictures import FRAMES_AT_ONCE, render_frames

TILE = 20
SIZE = (93, 67)
N_FRAMES = 8


def decoded(path: Path) -> np.ndarray:
    """Read a picture back."""
    with Image.open(path) as picture:
        assert picture.format == "WEBP"
        return np.asarray(picture)


def job_for(source: Path, out: Path, *, whole: bool = True) -> FrameJob:
    """Make a job for every tile of a frame."""
    name = source.name
    cutouts = tuple(
        CutoutJob(x, y, out / name / f"{x}_{y}.webp", out / name / f"{x}_{y}_around.webp")
        for y in range(0, SIZE[1], TILE)
        for x in range(0, SIZE[0], TILE)
    )
    return FrameJob((source,), TILE, cutouts, out / name / "frame.webp" if whole else None)


@pytest.fixture
def jobs(tmp_path: Path) -> list[FrameJob]:
    """Four pictures and four FITS frames, with stars and NaN borders."""
    random = np.random.default_rng(0)
    made = []
    for index in range(N_FRAMES):
        values = random.normal(1000, 10, SIZE[::-1]).astype(np.float32)
        values[5:9, 5:9] += 500
        values[:, -2:] = np.nan
        source = tmp_path / f"in/{index}.{'png' if index % 2 else 'fits'}"
        source.parent.mkdir(exist_ok=True)
        if index % 2:
            colours = random.integers(0, 256, (*SIZE[::-1], 3)).astype(np.uint8)
            Image.fromarray(colours).save(source)
        else:
            fits.PrimaryHDU(values).writeto(source)
        made.append(job_for(source, tmp_path / "out"))
    return made


def files(folder: Path) -> dict[str, bytes]:
    """Read all files below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_picture_holds_the_pixels_of_its_place(jobs: list[FrameJob]) -> None:
    """Cutouts, neighbourhoods and frames are, pixel for pixel, those of the drawn frame."""
    for job, result in zip(jobs, render_frames(jobs), strict=True):
        assert result.job is job
        assert result.error is None
        assert result.size_px == SIZE
        frame = read_frame(job.sources[0])
        origin = "upper" if frame.has_top else "lower"
        assert result.origin == origin
        assert result.limits == frame_limits(frame)
        pixels = apply(frame, result.limits or {})
        drawn = as_drawn(Image.fromarray(pixels), frame.has_top, origin)
        np.testing.assert_array_equal(drawn, pixels if frame.has_top else pixels[::-1])
        assert job.frame_target is not None
        np.testing.assert_array_equal(decoded(job.frame_target), drawn)
        for one, made in zip(job.cutouts, result.cutouts, strict=True):
            place = (one.grid_x, one.grid_y, TILE)
            assert made.error is None
            assert made.job is one
            assert made.frame_box == frame_box(SIZE, *place, origin)
            assert made.cells[4].grid == place[:2]
            assert made.sky_deg is None
            np.testing.assert_array_equal(decoded(one.target), cutout(drawn, *place, origin))
            assert one.neighbourhood_target is not None
            around = neighbourhood(drawn, *place, origin)
            np.testing.assert_array_equal(decoded(one.neighbourhood_target), around)


@pytest.mark.parametrize("workers", [1, 7])
def test_threads_do_not_change_the_files(
    jobs: list[FrameJob], tmp_path: Path, workers: int
) -> None:
    """One encoder and many write the same files, all of them and no other."""
    render_frames(jobs)
    first = files(tmp_path / "out")
    assert len(first) == N_FRAMES * (1 + 2 * len(jobs[0].cutouts))
    render_frames(jobs, workers=workers)
    assert files(tmp_path / "out") == first


def test_kept_limits_draw_the_same_again(jobs: list[FrameJob], tmp_path: Path) -> None:
    """Limits of a first run decide in a later one, also over the stretch."""
    results = render_frames(jobs)
    first = files(tmp_path / "out")
    again = [
        replace(job, limits=result.limits, stretch="asinh")
        for job, result in zip(jobs, results, strict=True)
    ]
    assert [one.limits for one in render_frames(again)] == [one.limits for one in results]
    assert files(tmp_path / "out") == first
    render_frames([replace(jobs[0], stretch="minmax")])
    assert files(tmp_path / "out") != first


def test_a_finished_frame_is_not_decoded(
    jobs: list[FrameJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a second run only what is missing is made, and boxes and sizes are told as before."""
    results = render_frames(jobs)
    first = files(tmp_path / "out")
    removed = jobs[2].cutouts[3]
    removed.target.unlink()
    kept = jobs[2].cutouts[4].target
    kept.write_bytes(b"mine")
    read: list[Path] = []
    encoded: list[tuple[int, ...]] = []

    def noted(sources: tuple[Path, ...], **options: object) -> object:
        read.append(sources[0])
        return draw_frame(sources, **options)  # type: ignore[arg-type]

    encode = frame_pictures.encode_picture

    def counted(picture: Image.Image) -> bytes:
        encoded.append(np.asarray(picture).shape)
        return encode(picture)

    monkeypatch.setattr(frame_pictures, "draw_frame", noted)
    monkeypatch.setattr(frame_pictures, "encode_picture", counted)
    again = render_frames(jobs, skip_existing=True)
    assert read == [jobs[2].sources[0]]
    assert encoded == [(TILE, TILE, 3)]
    assert removed.target.read_bytes() == first[str(removed.target.relative_to(tmp_path / "out"))]
    assert kept.read_bytes() == b"mine"
    for before, after in zip(results, again, strict=True):
        assert (before.size_px, before.cutouts) == (after.size_px, after.cutouts)
        assert before.origin == after.origin


def test_problems_are_told_where_they_are(jobs: list[FrameJob], tmp_path: Path) -> None:
    """A damaged frame and a cutout outside are lines in their results; the others are made."""
    jobs[3].sources[0].write_bytes(jobs[3].sources[0].read_bytes()[:900])
    stray = CutoutJob(100, 0, tmp_path / "out/stray.webp", tmp_path / "out/stray_around.webp")
    jobs[5] = replace(jobs[5], cutouts=(stray, *jobs[5].cutouts))
    jobs[6] = replace(jobs[6], stretch="none")
    results = render_frames(jobs)
    assert [index for index, result in enumerate(results) if result.error] == [3, 6]
    assert "3.png is damaged" in str(results[3].error)
    assert "--stretch none" in str(results[6].error)
    assert results[3] == FrameResult(jobs[3], error=results[3].error)
    line = str(results[5].cutouts[0].error)
    assert "grid_x 100, grid_y 0 is outside" in line
    assert "5.png (93 x 67 pixels)" in line
    assert not stray.target.exists()
    assert jobs[5].cutouts[1].target.exists()
    assert all(one.target.exists() for one in jobs[7].cutouts)


def test_memory_holds_a_few_frames(jobs: list[FrameJob], monkeypatch: pytest.MonkeyPatch) -> None:
    """However many frames there are, only a few are decoded before one is finished."""
    lock = threading.Lock()
    open_now: list[int] = [0, 0]
    draw = frame_pictures._render_frame

    def counted(*arguments: object) -> FrameResult:
        with lock:
            open_now[0] += 1
            open_now[1] = max(open_now)
        try:
            return draw(*arguments)  # type: ignore[arg-type]
        finally:
            with lock:
                open_now[0] -= 1

    monkeypatch.setattr(frame_pictures, "_render_frame", counted)
    render_frames(jobs * 4)
    assert 1 <= open_now[1] <= FRAMES_AT_ONCE


def test_progress_grows_to_the_end(jobs: list[FrameJob]) -> None:
    """The reporter hears of files, from this thread, never less than before, at last of all."""
    jobs[3].sources[0].write_bytes(b"no picture")
    heard: list[tuple[str, int, int]] = []
    threads: set[threading.Thread] = set()

    def report(step: str, done: int, total: int) -> None:
        heard.append((step, done, total))
        threads.add(threading.current_thread())

    render_frames(jobs, report=report)
    total = N_FRAMES * (1 + 2 * len(jobs[0].cutouts))
    assert heard[0] == ("pictures of frames", 0, total)
    assert heard[-1] == ("pictures of frames", total, total)
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)
    assert heard[-2][1] == total
    assert threads == {threading.current_thread()}
    assert render_frames([]) == []


def test_a_disk_that_cannot_be_written_stops(jobs: list[FrameJob], tmp_path: Path) -> None:
    """A target that cannot be written is an error of the whole, with its name."""
    (tmp_path / "out").write_text("a file where the folder should be")
    with pytest.raises(ResultsError, match=r"cannot write the picture .*webp"):
        render_frames(jobs)


def test_an_unknown_stretch_stops(jobs: list[FrameJob]) -> None:
    """A wrong option is one error, not one for each frame."""
    with pytest.raises(ConfigError, match="'sqrt' is not known"):
        render_frames([replace(job, stretch="sqrt") for job in jobs])  # type: ignore[arg-type]


def test_an_interrupt_stops_the_rest(jobs: list[FrameJob], tmp_path: Path) -> None:
    """Ctrl-C in the middle begins no further frame and leaves no temporary file."""

    def interrupt(step: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_frames(jobs * 20, report=interrupt, workers=1)
    written = files(tmp_path / "out")
    assert 0 < len(written) < N_FRAMES * (1 + 2 * len(jobs[0].cutouts))
    assert not [name for name in written if Path(name).name.startswith(".")]


def test_a_frame_beyond_webp_is_shrunk(tmp_path: Path) -> None:
    """A frame of more than 16,383 pixels a side has a smaller picture and whole cutouts."""
    values = np.zeros((40, 20_000), np.uint8)
    values[:, 10_000:] = 200
    Image.fromarray(values).save(tmp_path / "long.png")
    one = CutoutJob(9_990, 0, tmp_path / "cutout.webp")
    job = FrameJob((tmp_path / "long.png",), TILE, (one,), tmp_path / "frame.webp")
    (result,) = render_frames([job])
    assert result.error is None
    assert result.size_px == (20_000, 40)
    whole = decoded(tmp_path / "frame.webp")
    assert whole.shape[1] == 16_383
    assert abs(whole.shape[0] - 40 * 16_383 / 20_000) <= 1
    box = result.cutouts[0].frame_box
    assert box is not None
    middle = round((box.x + box.width / 2) * 16_383 / 100)
    assert whole[0, middle - 3, 0] == 0
    assert whole[0, middle + 3, 0] == 200
    assert decoded(one.target)[0, :, 0].tolist() == [0] * 10 + [200] * 10


def test_a_jpegs_own_compression_is_kept(tmp_path: Path) -> None:
    """The picture of a JPEG frame has its pixels, not its notes, and may be longer than WebP."""
    pixels = np.zeros((40, 20_000, 3), np.uint8)
    pixels[:, 10_000:] = np.random.default_rng(0).integers(0, 256, (40, 10_000, 3))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "long.jpg", exif=exif, comment=b"secret")
    one = CutoutJob(10_000, 0, tmp_path / "cutout.webp")
    job = FrameJob((tmp_path / "long.jpg",), TILE, (one,), tmp_path / "frame.jpg")
    (result,) = render_frames([job])
    assert result.error is None
    with Image.open(job.sources[0]) as source, Image.open(tmp_path / "frame.jpg") as whole:
        assert whole.format == "JPEG"
        assert not whole.getexif()
        assert "comment" not in whole.info
        np.testing.assert_array_equal(np.asarray(whole), np.asarray(source))
        own = np.asarray(source)[:TILE, 10_000 : 10_000 + TILE]
    np.testing.assert_array_equal(decoded(one.target), own)
    # The name of a study says JPEG; the file that was one has been replaced.
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "long.jpg")
    (result,) = render_frames([job])
    assert "long.jpg is no longer the JPEG" in str(result.error)


def test_three_files_of_real_sky_become_colour(shared_data: Path, tmp_path: Path) -> None:
    """Three FITS files give colour, sky positions and one set of limits."""
    source = shared_data / "fits/cutout_frame-i-008108-5-0025.fits"
    one = CutoutJob(200, 200, tmp_path / "cutout.webp", tmp_path / "around.webp")
    (result,) = render_frames([FrameJob((source,) * 3, 200, (one,))])
    assert result.error is None
    assert result.limits is not None
    assert len(result.limits["low"]) == 3
    assert result.cutouts[0].sky_deg == pytest.approx((325.6, 18.2), abs=0.2)
    assert decoded(one.target).shape == (200, 200, 3)


def test_real_cutouts_are_the_frames_own_pixels(shared_data: Path, tmp_path: Path) -> None:
    """A tile of a real frame is Pillow's crop of it, 200 pixels a side, without loss."""
    source = shared_data / "des_cutouts/images/COSMOS_C05.jpg"
    cutouts = tuple(
        CutoutJob(x, y, tmp_path / f"{x}_{y}.webp", tmp_path / f"{x}_{y}_around.webp")
        for x, y in [(0, 0), (4000, 2000), (2000, 1000)]
    )
    (result,) = render_frames([FrameJob((source,), 200, cutouts)])
    assert result.limits == {"stretch": "none"}
    with Image.open(source) as picture:
        for one in cutouts:
            corner = (one.grid_x, one.grid_y)
            crop = picture.crop((*corner, corner[0] + 200, corner[1] + 200))
            np.testing.assert_array_equal(decoded(one.target), np.asarray(crop))
        around = picture.crop((1800, 800, 2400, 1400))
        np.testing.assert_array_equal(decoded(tmp_path / "2000_1000_around.webp"), around)
