"""`predict` into a folder: each frame scored once, whatever happens to those who score it."""

import functools
import http.server
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import fsspec
import numpy as np
import psutil
import pytest
from PIL import Image
from typer.testing import CliRunner

from ls_integration.cli import app
from ls_integration.errors import ConfigError, PartialError, SourceError
from ls_integration.images.frames import read_frame
from ls_integration.models.loading import load_scorer
from ls_integration.models.saved import save_model
from ls_integration.workflows import score_frame as unit
from ls_integration.workflows import workers
from ls_integration.workflows.predict_frames import FrameOptions, PredictedFrames, predict_frames
from ls_integration.workflows.score_files import read_facts, read_scored, read_tiles
from ls_integration.workflows.select import SelectOptions, select
from ls_integration.workflows.workers import open_engine
from tests.lost_workers import kill_itself
from tests.model_files import small_model
from tests.object_store import serve_bucket
from tests.survey_frames import TILE, hashes, survey_model, write_frame, write_survey
from tests.test_onnx_network import write_network

N_FRAMES = 9


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model and nine frames, and score them in this process, into ``whole``."""
    folder = tmp_path_factory.mktemp("survey")
    survey_model(folder / "m.skops", threshold=0.6)
    write_survey(folder / "frames", N_FRAMES)
    scored(folder, folder / "whole")
    return folder


def scored(
    survey: Path, output: Path, lines: list[str] | None = None, **options: Any
) -> PredictedFrames:
    """Score the frames of a survey; what is said goes into *lines*."""
    source = options.pop("source", str(survey / "frames"))
    options = {"tile_px": TILE, "n_workers": 1} | options
    chosen = FrameOptions(source, options.pop("model", survey / "m.skops"), output, **options)
    return predict_frames(chosen, say=(lines if lines is not None else []).append)


def test_each_frame_has_a_file_of_all_its_tiles(survey: Path) -> None:
    """With the scores that the model gives them, and what they were made with."""
    assert len(hashes(survey / "whole")) == N_FRAMES
    path = survey / "whole" / "night 2" / "frame 002.npy.parquet"
    tiles = read_tiles(path, ["image_name", "grid_x", "grid_y", "model_score", "label", "look"])
    assert set(tiles["image_name"]) == {"night 2/frame 002.npy"}
    assert list(zip(tiles["grid_x"], tiles["grid_y"], strict=True)) == [(0, 0), (TILE, 0)]
    model = load_scorer(survey / "m.skops")
    frame = read_frame(survey / "frames" / "night 2" / "frame 002.npy")
    expected = model.score_cutouts(frame.values, np.array([[0, 0], [TILE, 0]]), TILE)
    assert tiles["model_score"].tolist() == expected.tolist()
    assert np.isnan(tiles["label"]).all()
    assert tiles["look"].shape[0] == 2
    assert np.isfinite(tiles["look"]).all()
    facts = read_facts(path)
    assert facts["model_version"] == model.version
    assert facts["threshold"] == 0.6
    assert facts["tile_px"] == TILE


def test_what_is_finished_is_not_scored_again(
    survey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where the files are as they were, nor where one was only touched."""
    frames = write_survey(tmp_path / "frames", 4)
    first = scored(survey, tmp_path / "s", source=str(frames))
    before = hashes(tmp_path / "s")
    (tmp_path / "s" / "frame 001.npy.parquet").unlink()
    os.utime(frames / "frame 000.npy", (1, 1))
    read: list[str] = []

    def noted(path: Path, **options: Any) -> Any:
        read.append(path.name)
        return read_frame(path, **options)

    monkeypatch.setattr(unit, "read_frame", noted)
    again = scored(survey, tmp_path / "s", source=str(frames))
    assert read == ["frame 001.npy"]
    assert (again.n_found, again.n_frames) == (3, 4)
    assert (again.n_tiles, again.n_positive) == (first.n_tiles, first.n_positive)
    assert hashes(tmp_path / "s") == before


@pytest.mark.parametrize("change", ["model", "tile", "frame", "cut short", "a byte"])
def test_what_does_not_fit_is_scored_again(survey: Path, tmp_path: Path, change: str) -> None:
    """Another model, other tiles, another frame, or a file that was damaged."""
    frames = tmp_path / "frames"
    write_frame(frames / "a.npy", 1)
    write_frame(frames / "b.npy", 2)
    options: dict[str, Any] = {"source": str(frames)}
    scored(survey, tmp_path / "s", **options)
    path = tmp_path / "s" / "a.npy.parquet"
    data = path.read_bytes()
    n_found = 0
    if change == "model":
        options["model"] = tmp_path / "other.skops"
        survey_model(options["model"], threshold=0.4)
    elif change == "tile":
        options["tile_px"] = TILE - 8
    else:
        n_found = 1
        if change == "frame":
            write_frame(frames / "a.npy", 3)
        elif change == "cut short":
            path.write_bytes(data[:-20])
        else:
            # In a page of scores, behind the first column.
            place = data.index(b"PAR1") + len(data) // 4
            path.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
    assert scored(survey, tmp_path / "s", **options).n_found == n_found
    if change in {"cut short", "a byte"}:
        assert path.read_bytes() == data
    else:
        assert path.read_bytes() != data


def test_any_number_of_workers_makes_the_same_files(survey: Path, tmp_path: Path) -> None:
    """Byte for byte, also where a part was there already."""
    write = tmp_path / "s"
    scored(survey, write, n_workers=2)
    assert hashes(write) == hashes(survey / "whole")
    (write / "frame 004.npy.parquet").unlink()
    assert scored(survey, write, n_workers=2).n_found == N_FRAMES - 1
    assert hashes(write) == hashes(survey / "whole")


def test_a_killed_worker_costs_its_tasks_once_more(tmp_path: Path) -> None:
    """All others are done once; a task that kills every worker is given up, and only that one."""
    names = ["a", "once", *"bcdefgh", "always", *"ijkl"]
    lines: list[str] = []
    with open_engine(None, 2) as (engine, _):
        results = {
            task[0]: result
            for task, result in engine(
                kill_itself, [(name, tmp_path) for name in names], lines.append
            )
        }
    assert set(results) == set(names)
    assert results["always"] is None
    assert results["once"] == 2
    assert all(1 <= results[name] <= 2 for name in names if name != "always")  # type: ignore[operator]
    # Two pools were lost; of each at most the queue of two workers is done again.
    assert sum(results[name] == 2 for name in names if name != "always") <= 8
    assert len(lines) == 2
    assert "a worker process was lost" in lines[0]


def start(survey: Path, output: Path, *words: str) -> subprocess.Popen[str]:
    """Begin to score a survey in a process of its own."""
    command = [sys.executable, "-m", "ls_integration", "predict", str(survey / "frames")]
    options = ["--model", str(survey / "m.skops"), "--tile", str(TILE), "--output", f"{output}/"]
    return subprocess.Popen(
        [*command, *options, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_files(output: Path, number: int, process: subprocess.Popen[str]) -> None:
    """Wait until so many frames are finished."""
    deadline = time.monotonic() + 300
    while len(hashes(output)) < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write enough frames to be in the middle of them, and score them without any trouble."""
    folder = tmp_path_factory.mktemp("larger")
    survey_model(folder / "m.skops")
    write_survey(folder / "frames", 60)
    scored(folder, folder / "whole")
    return folder


def test_a_worker_killed_in_the_middle(larger: Path, tmp_path: Path) -> None:
    """The command goes on by itself to the same files, and says what happened."""
    process = start(larger, tmp_path / "s", "--workers", "2")
    wait_for_files(tmp_path / "s", 10, process)
    processes = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "popen_loky" in " ".join(child.cmdline())
    ]
    assert len(processes) == 2
    processes[0].kill()
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "120 tiles of 60 frames" in output
    assert "a worker process was lost" in errors
    assert hashes(tmp_path / "s") == hashes(larger / "whole")


def test_a_worker_of_a_dask_cluster_killed_in_the_middle(larger: Path, tmp_path: Path) -> None:
    """`--cluster dask`: the same files as one process makes, and no frame is given up."""
    process = start(larger, tmp_path / "s", "--cluster", "dask", "--workers", "2")
    wait_for_files(tmp_path / "s", 5, process)
    processes = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]
    assert len(processes) == 2
    processes[0].kill()
    output, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    assert "120 tiles of 60 frames" in output
    assert "Traceback" not in errors
    assert hashes(tmp_path / "s") == hashes(larger / "whole")


def test_a_scheduler_that_is_there(
    survey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--cluster tcp://...`: its workers do it; one that is not there is said in a line."""
    quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with distributed.LocalCluster(1, processes=False, protocol="tcp://", **quiet) as cluster:
        address = cluster.scheduler_address
        assert address.startswith("tcp://")
        scored(survey, tmp_path / "s", cluster=address, n_workers=None)
        assert hashes(tmp_path / "s") == hashes(survey / "whole")
        with pytest.raises(ConfigError, match="--workers 2 is for this machine"):
            scored(survey, tmp_path / "s", cluster=address, n_workers=2)
    monkeypatch.setattr(workers, "_PATIENCE_S", 1.0)
    with pytest.raises(ConfigError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9 \("):
        scored(survey, tmp_path / "s", cluster="tcp://127.0.0.1:9", n_workers=None)
    with pytest.raises(ConfigError, match="no Dask scheduler answers at nonsense"):
        scored(survey, tmp_path / "s", cluster="nonsense", n_workers=None)


def test_a_killed_command_is_finished_by_the_same_command(larger: Path, tmp_path: Path) -> None:
    """What was finished is found; the same files as without a kill."""
    process = start(larger, tmp_path / "s", "--workers", "1")
    wait_for_files(tmp_path / "s", 10, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = len(hashes(tmp_path / "s"))
    assert 10 <= found < 60
    process = start(larger, tmp_path / "s", "--workers", "1")
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert f"({found} frames by an earlier run)" in output
    assert hashes(tmp_path / "s") == hashes(larger / "whole")


def test_a_bad_frame_is_one_line_and_the_rest_goes_on(survey: Path, tmp_path: Path) -> None:
    """A failure that says how many, unless --skip-bad; mended, only that one is scored."""
    frames = write_survey(tmp_path / "frames", 4)
    (frames / "bad.jpg").write_bytes(b"nothing")
    np.save(frames / "cube.npy", np.zeros((2, 3, 4, 5)))
    lines: list[str] = []
    with pytest.raises(PartialError, match="2 of 6 frames could not be scored .* the scores of 4"):
        scored(survey, tmp_path / "s", lines, source=str(frames))
    assert len([line for line in lines if line.startswith("bad: ")]) == 2
    assert any(str(frames / "bad.jpg") in line for line in lines)
    rest = scored(survey, tmp_path / "s", lines, source=str(frames), skip_bad=True)
    assert (rest.n_bad, rest.n_found, rest.n_frames) == (2, 4, 4)
    assert lines[-1].startswith("left out: ")
    write_frame(frames / "cube.npy", 7)
    (frames / "bad.jpg").unlink()
    mended = scored(survey, tmp_path / "s", source=str(frames))
    assert (mended.n_bad, mended.n_found, mended.n_frames) == (0, 4, 5)


def test_scores_of_frames_that_are_gone_are_named(survey: Path, tmp_path: Path) -> None:
    """They would be selected from."""
    frames = write_survey(tmp_path / "frames", 2)
    scored(survey, tmp_path / "s", source=str(frames))
    (frames / "frame 001.npy").unlink()
    lines: list[str] = []
    scored(survey, tmp_path / "s", lines, source=str(frames))
    assert "scores of frames that are not in the source: frame 001.npy (1)" in lines[-1]


def test_a_table_says_which_tiles_and_what_is_known_of_them(survey: Path, tmp_path: Path) -> None:
    """In its order; a change of its labels makes a frame's file anew."""
    table = tmp_path / "t.csv"
    rows = [f"frame 000.npy,{TILE},0,1,0.5", "frame 003,0,0,0,0.5", "frame 000.npy,0,0,0,0.5"]
    table.write_text("image_name,grid_x,grid_y,label,confidence\n" + "\n".join(rows) + "\n")
    done = scored(survey, tmp_path / "s", predictions=table)
    assert (done.n_frames, done.n_tiles) == (2, 3)
    tiles = read_tiles(tmp_path / "s" / "frame 000.npy.parquet", ["grid_x", "label", "model_score"])
    assert tiles["grid_x"].tolist() == [TILE, 0]
    assert tiles["label"].tolist() == [1, 0]
    whole = read_tiles(survey / "whole" / "frame 000.npy.parquet", ["model_score"])
    assert tiles["model_score"].tolist() == whole["model_score"][::-1].tolist()
    assert (tmp_path / "s" / "frame 003.parquet").exists()
    table.write_text(table.read_text().replace(f"{TILE},0,1", f"{TILE},0,0"))
    assert scored(survey, tmp_path / "s", predictions=table).n_found == 1


def test_a_picture_counts_from_its_origin_and_edges_are_filled(tmp_path: Path) -> None:
    """A tile that begins inside is scored, also where it reaches over the edge."""
    survey_model(tmp_path / "m.skops")
    values = np.random.default_rng(0).integers(0, 255, (TILE + 30, 2 * TILE + 30), dtype=np.uint8)
    (tmp_path / "frames").mkdir()
    Image.fromarray(values).save(tmp_path / "frames" / "p.png")
    found = {}
    for origin in ("upper", "lower"):
        scored(tmp_path, tmp_path / origin, origin=origin)
        tiles = read_tiles(tmp_path / origin / "p.png.parquet", ["grid_x", "grid_y", "model_score"])
        assert sorted(set(tiles["grid_x"])) == [0, TILE, 2 * TILE]
        assert sorted(set(tiles["grid_y"])) == [0, TILE]
        found[origin] = tiles["model_score"]
    corners = [(x, y) for y in (30, 30 - TILE) for x in (0, TILE, 2 * TILE)]
    model = load_scorer(tmp_path / "m.skops")
    assert found["lower"].tolist() == model.score_cutouts(values, np.array(corners), TILE).tolist()
    assert found["upper"].tolist() != found["lower"].tolist()


def test_a_network_of_a_lab(tmp_path: Path) -> None:
    """Its scores, without features; `select` does without them."""
    network = write_network(
        tmp_path / "net.onnx",
        kind="cutouts",
        shape=("n", 1, "h", "w"),
        normalise="divide",
        more="divide_by = 1000",
    )
    sidecar = network.with_suffix(".toml")
    sidecar.write_text(sidecar.read_text().replace("size_px = 16", f"size_px = {TILE}"))
    write_survey(tmp_path / "frames", 3)
    done = scored(tmp_path, tmp_path / "s", model=network)
    assert (done.n_frames, done.scored_with.features_version) == (3, None)
    (facts, tiles) = read_scored(tmp_path / "s" / "frame 000.npy.parquet", ["model_score", "look"])
    assert facts["model_version"] == "mean-1"
    assert list(tiles) == ["model_score"]
    frame = np.load(tmp_path / "frames" / "frame 000.npy")
    means = [frame[:, :TILE].mean() / 1000, frame[:, TILE:].mean() / 1000]
    np.testing.assert_allclose(tiles["model_score"], means, rtol=1e-5)
    options = SelectOptions(tmp_path / "s", 4, tmp_path / "t.csv")
    assert sum(select(options, say=lambda _: None).counts.values()) == 4


@pytest.fixture
def web(survey: Path) -> Iterator[str]:
    """Serve the survey's folder as any web server that lists its folders."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words: Any) -> None: ...

    handler = functools.partial(Quiet, directory=str(survey))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def columns(folder: Path) -> dict[str, list[Any]]:
    """Read all scores of a folder."""
    return {
        name: read_tiles(folder / name, ["model_score"])["model_score"].tolist()
        for name in hashes(folder)
    }


def test_frames_behind_http(survey: Path, web: str, tmp_path: Path) -> None:
    """Listed, fetched and scored as those of a folder; found again without fetching."""
    output = tmp_path / "s"
    scored(survey, output, source=f"{web}/frames")
    assert columns(output) == columns(survey / "whole")
    assert scored(survey, output, source=f"{web}/frames/").n_found == N_FRAMES
    with pytest.raises(SourceError, match=r"cannot get .*/nothing \("):
        scored(survey, output, source=f"{web}/nothing")
    with pytest.raises(SourceError, match=r"cannot get http://127.0.0.1:9/frames \("):
        scored(survey, output, source="http://127.0.0.1:9/frames")


def test_frames_of_an_object_store(survey: Path, tmp_path: Path) -> None:
    """Through fsspec's interface, as s3:// has it; a changed object is scored again."""
    store = fsspec.filesystem("memory")
    store.put(f"{survey}/frames/", "/bucket/night/", recursive=True)
    try:
        scored(survey, tmp_path / "s", source="memory://bucket/night")
        assert columns(tmp_path / "s") == columns(survey / "whole")
        write_frame(tmp_path / "new.npy", 99)
        store.put(str(tmp_path / "new.npy"), "/bucket/night/frame 000.npy")
        store.pipe("/bucket/night/bad.npy", b"nothing")
        lines: list[str] = []
        again = scored(survey, tmp_path / "s", lines, source="memory://bucket/night", skip_bad=True)
        assert (again.n_found, again.n_bad, again.n_frames) == (N_FRAMES - 1, 1, N_FRAMES)
        (bad,) = [line for line in lines if line.startswith("left out")]
        assert "memory://" in bad
        assert "/tmp" not in bad
    finally:
        store.rm("/bucket", recursive=True)


def test_frames_of_s3(survey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a service's own address and keys from the environment; found again by its marks."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    frames = tmp_path / "frames"
    shutil.copytree(survey / "frames", frames / "2026")
    with serve_bucket(frames) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        scored(survey, tmp_path / "s", source="s3://survey/2026")
        assert columns(tmp_path / "s") == columns(survey / "whole")
        write_frame(frames / "2026" / "frame 000.npy", 99)
        again = scored(survey, tmp_path / "s", source="s3://survey/2026")
        assert (again.n_found, again.n_frames) == (N_FRAMES - 1, N_FRAMES)
        with pytest.raises(SourceError, match=r"cannot get s3://nothing/2026 \("):
            scored(survey, tmp_path / "s", source="s3://nothing/2026")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("http://me:secret@localhost/frames", "holds a password"),
        ("https://localhost/frames?token=secret", "holds a password"),
        ("nonsense://frames", "no kind of address"),
        ("memory://no/such/folder", "cannot get|has no frames"),
    ],
)
def test_addresses_that_are_refused(
    survey: Path, tmp_path: Path, source: str, message: str
) -> None:
    """In one line that does not repeat a secret."""
    with pytest.raises((ConfigError, SourceError), match=message) as caught:
        scored(survey, tmp_path / "s", source=source)
    assert "secret" not in str(caught.value)


def test_a_library_that_is_missing_is_named(
    survey: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the words that install it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(ConfigError, match=r"pip install 'ls-integration\[dask\]'"):
        scored(survey, tmp_path / "s", cluster="dask")
    with pytest.raises(ConfigError, match=r"pip install 'ls-integration\[remote\]'"):
        scored(survey, tmp_path / "s", source="s3://bucket")


def run(*words: str) -> Any:
    """Run a command."""
    return CliRunner().invoke(app, list(words))


def test_the_command_tells_a_folder_from_a_table(survey: Path, tmp_path: Path) -> None:
    """By the slash, the missing ending, or since it is there; options of the other are refused."""
    predict = ["predict", str(survey / "frames"), "--tile", str(TILE), "--model"]
    for name in ("scores.v2/", "scores"):
        done = run(
            *predict, str(survey / "m.skops"), "--output", f"{tmp_path}/{name}", "--workers=1"
        )
        assert done.exit_code == 0, done.output
        assert (
            f"{2 * N_FRAMES} tiles of {N_FRAMES} frames scored by cutouts-0123abcd" in done.stdout
        )
        assert hashes(tmp_path / name) == hashes(survey / "whole")
    again = run(*predict, str(survey / "m.skops"), "--output", f"{tmp_path}/scores.v2", "-q")
    assert f"({N_FRAMES} frames by an earlier run)" in again.stdout
    for words, message in (
        (["--workers", "2"], "--workers 2 is for a folder"),
        (["--cluster", "dask"], "--cluster dask is for a folder"),
        ([], "give --predictions"),
    ):
        refused = run(*predict, str(survey / "m.skops"), "--output", f"{tmp_path}/s.csv", *words)
        assert message in str(refused.exception)
    save_model(tmp_path / "sted.skops", small_model())
    refused = run(*predict, str(tmp_path / "sted.skops"), "--output", f"{tmp_path}/s")
    assert "a folder of scores is for cutouts" in str(refused.exception)
    refused = run(*predict, str(survey / "m.skops"), "--tile=50", "--output", f"{tmp_path}/s")
    assert "are too small" in str(refused.exception)
