"""Many images become pictures, in order, whatever is wrong with some."""

import hashlib
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ls_integration.errors import ConfigError, ResultsError
from ls_integration.images.read import read_image
from ls_integration.images.render import parse_scale, render
from ls_integration.workflows.pictures import PictureJob, PictureResult, render_pictures

N_IMAGES = 30
BAD = 7


@pytest.fixture
def jobs(tmp_path: Path) -> list[PictureJob]:
    """Jobs on thirty images of peak 100, 101, ..., one of them damaged."""
    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    made = []
    for index in range(N_IMAGES):
        counts = rng.integers(0, 100, (20, 30))
        counts[5, 5] = 100 + index
        np.save(tmp_path / f"in/{index}.npy", counts)
        made.append(PictureJob(tmp_path / f"in/{index}.npy", tmp_path / f"out/sub/{index}.webp"))
    content = made[BAD].source.read_bytes()
    made[BAD].source.write_bytes(content[:200])
    return made


@pytest.mark.parametrize("workers", [None, 1, 4])
def test_pictures_in_order_and_the_bad_one_told(
    jobs: list[PictureJob], workers: int | None
) -> None:
    """Each result stands in its job's place; a damaged image is a line, not the end."""
    results = render_pictures(jobs, workers=workers)
    assert [result.job for result in results] == jobs
    assert "damaged" in str(results[BAD].error)
    assert not jobs[BAD].target.exists()
    for index, (job, result) in enumerate(zip(jobs, results, strict=True)):
        if index == BAD:
            continue
        assert result.error is None
        assert result.peak_count == 100 + index
        expected = render(read_image(job.source))
        with Image.open(job.target) as picture:
            np.testing.assert_array_equal(np.asarray(picture), expected)
        assert result.pixels_sha256 == hashlib.sha256(expected.tobytes()).hexdigest()
    assert len(list(jobs[0].target.parent.iterdir())) == N_IMAGES - 1


def test_workers_do_not_change_the_bytes(jobs: list[PictureJob], tmp_path: Path) -> None:
    """One worker and many write the same files."""
    render_pictures(jobs, workers=1)
    first = {path.name: path.read_bytes() for path in (tmp_path / "out/sub").iterdir()}
    render_pictures(jobs, workers=5)
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "out/sub").iterdir()}


def test_pictures_are_as_readable_as_the_umask_says(jobs: list[PictureJob]) -> None:
    """Threads that write at once leave the umask alone."""
    import os

    before = os.umask(0o027)
    try:
        render_pictures(jobs, workers=4)
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(job.target.stat().st_mode) for job in jobs if job.target.exists()}
    assert modes == {0o640}


def test_progress_is_reported_to_the_end(jobs: list[PictureJob]) -> None:
    """The reporter hears of each picture once, in order."""
    heard: list[tuple[str, int, int]] = []
    render_pictures(jobs, report=lambda *said: heard.append(said))
    assert heard == [("pictures", done, N_IMAGES) for done in range(N_IMAGES + 1)]


def test_existing_pictures_are_skipped_when_asked(jobs: list[PictureJob]) -> None:
    """A picture that is there stays; without being asked it is made again."""
    jobs[0].target.parent.mkdir(parents=True)
    jobs[0].target.write_bytes(b"mine")
    results = render_pictures(jobs, skip_existing=True)
    assert results[0] == PictureResult(jobs[0])
    assert jobs[0].target.read_bytes() == b"mine"
    assert results[1].peak_count == 101
    render_pictures(jobs)
    assert jobs[0].target.read_bytes() != b"mine"


def test_an_unknown_colormap_stops_before_anything_is_written(
    jobs: list[PictureJob], tmp_path: Path
) -> None:
    """A wrong option is one error, not one for each image."""
    wrong = PictureJob(jobs[3].source, jobs[3].target, colormap="hott")
    with pytest.raises(ConfigError, match="hott"):
        render_pictures([*jobs, wrong])
    assert not (tmp_path / "out").exists()


def test_a_disk_that_cannot_be_written_stops(jobs: list[PictureJob], tmp_path: Path) -> None:
    """A target that cannot be written is an error of the whole, with its name."""
    (tmp_path / "out").write_text("a file where the folder should be")
    with pytest.raises(ResultsError, match=r"cannot write the picture .*webp"):
        render_pictures(jobs)


def test_an_interrupt_stops_the_rest(jobs: list[PictureJob]) -> None:
    """Ctrl-C in the middle begins no further picture and leaves no temporary file."""

    def interrupt(step: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_pictures(jobs, report=interrupt, workers=2)
    names = [path.name for path in jobs[0].target.parent.iterdir()]
    assert 3 <= len(names) < N_IMAGES - 1
    assert not [name for name in names if name.startswith(".")]


def test_options_reach_the_picture(tmp_path: Path) -> None:
    """Channel, colormap and scale of the job are those of the picture."""
    rgb = np.random.default_rng(1).integers(0, 50, (6, 7, 3)).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    scale = parse_scale("counts 100")
    job = PictureJob(
        tmp_path / "a.png", tmp_path / "a.webp", channel=2, colormap="gray", scale=scale
    )
    (result,) = render_pictures([job])
    with Image.open(job.target) as picture:
        np.testing.assert_array_equal(np.asarray(picture), render(rgb[..., 2], "gray", scale))
    assert result.peak_count == rgb[..., 2].max()
    assert np.asarray(Image.open(job.target)).max() < 130
    assert render_pictures([]) == []
