"""The results folder and its tables: nothing of anybody's is lost in it."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations, read_annotations
from ls_integration.errors import ConfigError, ResultsError, SourceError
from ls_integration.results.folder import open_results, read_manifest
from ls_integration.results.tables import (
    check_items,
    read_folder,
    read_items,
    write_annotations,
    write_items,
)
from ls_integration.spreadsheet import quote_cells
from ls_integration.workflows.score import score_folder

STUDY = {"uuid": "one", "title": "First"}


def put(
    folder: Path,
    names: dict[str, str],
    study: dict[str, str] = STUDY,
    *,
    force: bool = False,
    renews: Sequence[str] = (),
) -> None:
    with open_results(folder, study, force=force, renews=renews) as staged:
        for name, text in names.items():
            (staged / name).parent.mkdir(exist_ok=True, parents=True)
            (staged / name).write_text(text)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_manifest_lists_what_was_written(tmp_path: Path) -> None:
    """Files, also in folders, are there with their hashes and nothing else is left."""
    folder = tmp_path / "deep" / "results"
    put(folder, {"a.csv": "1", "plots/p.png": "2"})
    assert sorted(snapshot(folder)) == ["a.csv", "manifest.json", "plots/p.png"]
    manifest = read_manifest(folder)
    assert manifest["study"] == STUDY
    assert list(manifest["files"]) == ["a.csv", "plots/p.png"]
    assert "pending" not in manifest
    assert [path.name for path in folder.parent.iterdir()] == ["results"]


def test_writing_again_replaces_and_keeps_the_rest(tmp_path: Path) -> None:
    """A second run replaces its own files; those of another command stay listed."""
    put(tmp_path, {"a.csv": "1", "b.csv": "1"})
    put(tmp_path, {"b.csv": "2", "c.csv": "2"})
    assert snapshot(tmp_path)["b.csv"] == b"2"
    assert list(read_manifest(tmp_path)["files"]) == ["a.csv", "b.csv", "c.csv"]


def test_a_file_of_somebody_is_in_the_way(tmp_path: Path) -> None:
    """A file that we did not write is not overwritten, and nothing else is written."""
    (tmp_path / "a.csv").write_text("mine")
    before = snapshot(tmp_path)
    with pytest.raises(ResultsError, match=r"did not write: a\.csv \(1\).*--force"):
        put(tmp_path, {"a.csv": "1", "b.csv": "1"})
    assert snapshot(tmp_path) == before
    put(tmp_path, {"a.csv": "1", "b.csv": "1"}, force=True)
    assert snapshot(tmp_path)["a.csv"] == b"1"


def test_only_our_own_stale_files_go(tmp_path: Path) -> None:
    """What is not written again, and only in the named places; what a person touched stays."""
    old = {"plots/a.csv": "1", "plots/b.csv": "1", "plots/deep/c.csv": "1", "plotsd.csv": "1"}
    put(tmp_path, {**old, "list.csv": "1", "other/e.csv": "1", "keep.csv": "1"})
    (tmp_path / "plots" / "mine.txt").write_text("mine")
    (tmp_path / "plots" / "b.csv").write_text("corrected")
    put(tmp_path, {"plots/new.csv": "2", "list.csv": "2"}, renews=("plots", "list.csv", "other"))
    there = snapshot(tmp_path)
    names = {"plots/new.csv", "plots/b.csv", "plots/mine.txt", "plotsd.csv", "list.csv", "keep.csv"}
    assert set(there) == names | {"manifest.json"}
    assert there["plots/b.csv"] == b"corrected"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["plots"]
    assert not (tmp_path / "plots" / "deep").exists()
    listed = read_manifest(tmp_path)["files"]
    assert list(listed) == ["keep.csv", "list.csv", "plots/new.csv", "plotsd.csv"]
    put(tmp_path, {"keep.csv": "3"}, renews=("list.csv",))
    assert not (tmp_path / "list.csv").exists()


def test_what_a_killed_run_had_moved_is_stale_too(tmp_path: Path) -> None:
    """A file of the killed run's own, and one that it had written over an older one of ours."""
    put(tmp_path, {"plots/a.csv": "1"})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    put(tmp_path, {"plots/a.csv": "2", "plots/b.csv": "2"})
    later = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "pending": later["files"]}))
    put(tmp_path, {"c.csv": "3"}, renews=("plots",))
    assert set(snapshot(tmp_path)) == {"c.csv", "manifest.json"}


def test_a_strange_manifest_removes_nothing_elsewhere(tmp_path: Path) -> None:
    """Nor does a folder of another study, taken with --force, lose its files."""
    folder = tmp_path / "results"
    put(folder, {"plots/a.csv": "1"})
    (tmp_path / "b.csv").write_text("1")
    (folder / "plots" / "link.csv").symlink_to(tmp_path / "b.csv")
    manifest = json.loads((folder / "manifest.json").read_text())
    same = manifest["files"]["plots/a.csv"]
    strange = ["plots/../../b.csv", str(tmp_path / "b.csv"), "plots/link.csv"]
    manifest["files"] |= dict.fromkeys(strange, same)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    put(folder, {"plots/a.csv": "2"}, renews=("plots", "/"))
    assert (tmp_path / "b.csv").read_text() == "1"
    assert (folder / "plots" / "link.csv").is_symlink()
    put(folder, {"c.csv": "1"}, {"uuid": "two"}, force=True, renews=("plots",))
    assert (folder / "plots" / "a.csv").read_text() == "2"


def test_figures_that_are_no_longer_drawn_go(tmp_path: Path) -> None:
    """Scored by two columns, then by one: the plots are those of the second report."""
    rows = range(40)
    items = pd.DataFrame({"item_id": [f"i{row}" for row in rows], "label": ["a", "b"] * 20})
    items["structure"], items["day"] = ["x", "y"] * 20, ["1", "1", "2", "2"] * 10
    items["model_score"] = np.linspace(0, 1, 40)
    items.to_csv(tmp_path / "items.csv", index=False)
    said = {"item_id": items["item_id"], "annotator": "Ann", "label": ["a", "b", "b", "b"] * 10}
    pd.DataFrame(said).to_csv(tmp_path / "annotations.csv", index=False)

    def stems() -> set[str]:
        there = {path.stem for path in (tmp_path / "plots").iterdir()}
        pngs = {path.stem for path in (tmp_path / "plots").glob("*.png")}
        assert there == pngs
        return pngs

    score_folder(tmp_path, positive="b", group_by=["structure", "day"])
    assert {"subgroups_1", "subgroups_2", "roc", "calibration"} <= stems()
    assert (tmp_path / "label_errors.csv").is_file()
    score_folder(tmp_path, positive="b")
    assert "subgroups_1" in stems()
    assert "subgroups_2" not in stems()
    items[["item_id"]].to_csv(tmp_path / "items.csv", index=False)
    score_folder(tmp_path, positive="b")
    assert not (tmp_path / "plots").exists()
    assert not (tmp_path / "label_errors.csv").exists()
    assert (tmp_path / "consensus.csv").is_file()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """Notes beside the results are nobody's business."""
    (tmp_path / "notes.txt").write_text("mine")
    put(tmp_path, {"a.csv": "1"})
    assert snapshot(tmp_path)["notes.txt"] == b"mine"
    assert "notes.txt" not in read_manifest(tmp_path)["files"]


def test_a_file_changed_by_hand_is_kept(tmp_path: Path) -> None:
    """What a person corrected in our file is not lost without --force."""
    put(tmp_path, {"a.csv": "1", "b.csv": "1"})
    (tmp_path / "a.csv").write_text("corrected")
    before = snapshot(tmp_path)
    with pytest.raises(ResultsError, match=r"changed since they were written: a\.csv"):
        put(tmp_path, {"a.csv": "2", "b.csv": "2"})
    assert snapshot(tmp_path) == before
    put(tmp_path, {"b.csv": "2"})
    assert snapshot(tmp_path)["a.csv"] == b"corrected"


def test_a_removed_file_is_written_again(tmp_path: Path) -> None:
    """A result that was deleted is no obstacle."""
    put(tmp_path, {"a.csv": "1"})
    (tmp_path / "a.csv").unlink()
    put(tmp_path, {"a.csv": "2"})
    assert snapshot(tmp_path)["a.csv"] == b"2"


def test_another_study_is_refused(tmp_path: Path) -> None:
    """Results of two studies do not mix."""
    put(tmp_path, {"a.csv": "1"})
    with pytest.raises(ResultsError, match="another study .'First'."):
        put(tmp_path, {"b.csv": "1"}, {"uuid": "two", "title": "Second"})
    put(tmp_path, {"b.csv": "1"}, {"uuid": "two", "title": "Second"}, force=True)
    assert read_manifest(tmp_path)["study"]["uuid"] == "two"


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    """A folder called as a result, or a file called as the folder, is refused."""
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ResultsError, match=r"a\.csv"):
        put(tmp_path, {"a.csv": "1"})
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="is a file"):
        put(tmp_path / "file", {"a.csv": "1"})


def test_a_failing_step_leaves_nothing(tmp_path: Path) -> None:
    """If making the results fails, the folder is as it was."""
    put(tmp_path, {"a.csv": "1"})
    before = snapshot(tmp_path)

    def fail() -> None:
        with open_results(tmp_path, STUDY) as staged:
            (staged / "a.csv").write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert snapshot(tmp_path) == before


def test_a_kill_while_moving_is_mended(tmp_path: Path) -> None:
    """Files that a killed run had already moved are recognised as ours."""
    put(tmp_path, {"a.csv": "1", "b.csv": "1"})
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    put(tmp_path, {"a.csv": "2", "b.csv": "2"})
    later = json.loads((tmp_path / "manifest.json").read_text())
    # As a kill between the two moves leaves it: the plan written, one file moved.
    (tmp_path / "b.csv").write_text("1")
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "pending": later["files"]}))
    put(tmp_path, {"a.csv": "3", "b.csv": "3"})
    assert snapshot(tmp_path)["a.csv"] == b"3"


KILLED = """
import os, signal, sys
from pathlib import Path
from ls_integration.results.folder import open_results

left, replace = int(sys.argv[2]), Path.replace

def kill_or(replaced, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return replace(replaced, target)

Path.replace = kill_or
with open_results(Path(sys.argv[1]), {"uuid": "one", "title": "First"}) as staged:
    (staged / "plots").mkdir()
    for name in ("a.csv", "plots/p.png"):
        (staged / name).write_text("2")
"""
"""A run that ends at one of its six renamings: two files, and two manifests in two steps."""


@pytest.mark.parametrize("n_renamed", range(6))
@pytest.mark.parametrize("is_first", [True, False])
def test_what_a_killed_run_leaves_is_gone_after_the_next(
    tmp_path: Path, n_renamed: int, is_first: bool
) -> None:
    """Wherever `kill -9` met it, also in a folder that is new: only the results are there."""
    folder = tmp_path / "results"
    if not is_first:
        put(folder, {"a.csv": "1", "plots/p.png": "1"})
    words = [sys.executable, "-c", KILLED, str(folder), str(n_renamed)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    assert list(folder.glob(".*/*")) or n_renamed == 5
    assert len(list(folder.glob(".*"))) == 2
    put(folder, {"a.csv": "3", "plots/p.png": "3"})
    assert sorted(snapshot(folder)) == ["a.csv", "manifest.json", "plots/p.png"]
    assert not list(folder.glob(".*"))
    assert snapshot(folder)["a.csv"] == b"3"
    assert "pending" not in read_manifest(folder)


def test_hidden_files_of_somebody_stay(tmp_path: Path) -> None:
    """Only what this program itself leaves is cleared away, and no link is followed."""
    (tmp_path / ".results-mine").mkdir()
    (tmp_path / ".results-mine" / "notes.txt").write_text("mine")
    put(tmp_path, {"a.csv": "1"})
    assert snapshot(tmp_path)[".results-mine/notes.txt"] == b"mine"
    (tmp_path / ".results-unfinished").symlink_to(tmp_path / ".results-mine")
    with pytest.raises(ResultsError, match="cannot write into"):
        put(tmp_path, {"a.csv": "2"})
    assert snapshot(tmp_path)[".results-mine/notes.txt"] == b"mine"


def test_a_second_command_is_refused(tmp_path: Path) -> None:
    """One line while another one writes; nothing of its files comes into the folder."""
    (tmp_path / "annotations.csv").write_text("item_id,annotator,label\na,Ann,anomaly\n")
    score = [sys.executable, "-m", "ls_integration", "score", str(tmp_path)]
    with open_results(tmp_path, {}):
        refused = subprocess.run(score, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"error: another command is writing results into {tmp_path}; wait until it has ended, or "
        "choose another --output"
    ]
    assert sorted(snapshot(tmp_path)) == ["annotations.csv", "manifest.json"]
    subprocess.run(score, capture_output=True, check=True)
    assert (tmp_path / "report.html").is_file()


WRITER = """
import sys, time
from pathlib import Path
from ls_integration.errors import ResultsError
from ls_integration.results.folder import open_results

folder, name = Path(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for _ in range(40):
    try:
        with open_results(folder, {"uuid": "one"}) as staged:
            for number in range(10):
                (staged / f"{number}.csv").write_text(name)
        print("done")
    except ResultsError as error:
        if "another command is writing" not in str(error):
            raise
        print("refused")
"""


def test_files_of_two_at_once_do_not_mix(tmp_path: Path) -> None:
    """Commands that write into a new folder at once: all files are of one of them."""
    folder = tmp_path / "results"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("Ada", "Ben", "Cleo")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    said = []
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        output, _ = writer.communicate()
        assert writer.returncode == 0
        said += output.split()
    assert "done" in said
    assert len(said) == 3 * 40
    assert len({(folder / f"{number}.csv").read_text() for number in range(10)}) == 1
    assert not list(folder.glob(".*"))


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    """An unreadable manifest, or one from the future, is not guessed at."""
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ResultsError, match="cannot read"):
        put(tmp_path, {"a.csv": "1"})
    (tmp_path / "manifest.json").write_text('{"schema": 99, "study": {}, "files": {}}')
    with pytest.raises(ResultsError, match="newer"):
        put(tmp_path, {"a.csv": "1"})


HOSTILE = [
    "=1+1",
    "+cmd",
    "-x",
    "@sum",
    "\ttab",
    "\rreturn",
    "'=kept",
    "''@",
    "'plain",
    "-1.5",
    'q"\n,',
]


def make_annotations() -> pd.DataFrame:
    n = len(HOSTILE)
    return check_annotations(
        pd.DataFrame(
            {
                "item_id": [f"{row:03d}" for row in range(n)],
                "annotator": HOSTILE,
                "label": ["normal", None] + ["anomaly"] * (n - 2),
                "rating": [-0.1, np.nan, *np.random.default_rng(0).normal(size=n - 2)],
                "skipped": [False, True] + [False] * (n - 2),
                "changed": pd.array([True, None, *[False] * (n - 2)], dtype="boolean"),
                "lead_time_s": np.random.default_rng(1).random(n),
                "created_at": ["2024-05-01T12:00:00.123456Z"] * (n - 1) + [None],
                "task_id": pd.array([None, *range(1, n)], dtype="Int64"),
            }
        )
    )


@pytest.mark.parametrize("name", ["annotations.csv", "annotations.parquet"])
def test_annotations_there_and_back(tmp_path: Path, name: str) -> None:
    """Every cell of every type comes back exactly, formulas and all."""
    table = make_annotations()
    write_annotations(tmp_path, table)
    pd.testing.assert_frame_equal(read_annotations(tmp_path / name), table, check_exact=True)


def test_no_cell_starts_a_formula(tmp_path: Path) -> None:
    """In the file, no text begins with what a spreadsheet runs; numbers stay numbers."""
    write_annotations(tmp_path, make_annotations())
    cells = pd.read_csv(tmp_path / "annotations.csv", dtype=str, keep_default_na=False)
    assert cells["rating"][0] == "-0.1"
    for text in cells["annotator"]:
        assert text == "-1.5" or text[0] not in "=+-@\t\r"


def test_quoting_needs_text(tmp_path: Path) -> None:
    """Columns of numbers are never touched."""
    frame = pd.DataFrame({"x": [-1.0, 2.0], "n": [-1, 2]})
    pd.testing.assert_frame_equal(quote_cells(frame), frame)


def test_items_there_and_back(tmp_path: Path) -> None:
    """Ratings, ids and paths come back exactly, in the study's order."""
    items = check_items(
        pd.DataFrame(
            {
                "item_id": ["007", "=b", "c"],
                "position": [2, 0, 1],
                "source_path": ["./a/1-0.700.npz", "@x", None],
                "rating": [0.7, np.nan, 0.1 + 0.2],
                "label": ["normal", None, "anomaly"],
            }
        )
    )
    assert items["item_id"].tolist() == ["=b", "c", "007"]
    write_items(tmp_path, items)
    pd.testing.assert_frame_equal(read_items(tmp_path / "items.csv"), items, check_exact=True)


def test_faulty_items_are_named() -> None:
    """Ids must be there and unique."""
    with pytest.raises(SourceError, match="no column item_id"):
        check_items(pd.DataFrame({"id": ["a"]}))
    with pytest.raises(SourceError, match=r"not unique: a \(1\)"):
        check_items(pd.DataFrame({"item_id": ["a", "a"]}))
    with pytest.raises(SourceError, match="empty in row 2"):
        check_items(pd.DataFrame({"item_id": ["a", None]}))
    with pytest.raises(SourceError, match="rating is not a number"):
        check_items(pd.DataFrame({"item_id": ["a"], "rating": ["high"]}))


def test_any_folder_can_be_scored_twice(tmp_path: Path) -> None:
    """A folder with one table of three columns is scored in place, again after an edit."""
    table = tmp_path / "annotations.csv"
    table.write_text("item_id,annotator,label\na,Ann,anomaly\na,Bob,normal\nb,Ann,normal\n")
    scored = score_folder(tmp_path)
    assert scored.metrics["people"]["Ann"]["classified"] == 2
    assert scored.metrics["people"]["Ann"]["accuracy"] is None
    assert scored.metrics["agreement"]["pairwise"][0]["n_items"] == 1
    table.write_text("item_id,annotator,label\na,Ann,anomaly\n")
    assert list(score_folder(tmp_path).metrics["people"]) == ["Ann"]
    assert scored.report.is_file()


def test_scoring_asks_for_what_it_needs(tmp_path: Path) -> None:
    """No folder, no table, no positive label, a threshold without scores: one line each."""
    with pytest.raises(SourceError, match="no folder"):
        score_folder(tmp_path / "absent")
    with pytest.raises(SourceError, match=r"no annotations\.csv"):
        score_folder(tmp_path)
    (tmp_path / "annotations.csv").write_text("item_id,annotator,label\na,Ann,good\n")
    (tmp_path / "items.csv").write_text("item_id,label\na,good\n")
    with pytest.raises(ConfigError, match=r"there are: good.*--positive"):
        score_folder(tmp_path)
    with pytest.raises(ConfigError, match="'bad' .there are: good."):
        score_folder(tmp_path, positive="bad")
    with pytest.raises(ConfigError, match="no model scores"):
        score_folder(tmp_path, positive="good", model_threshold=0.5)
    (tmp_path / "items.csv").write_text("item_id,label\nb,good\n")
    with pytest.raises(SourceError, match=r"items table does not have: a \(1\)"):
        score_folder(tmp_path, positive="good")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["annotations.csv", "items.csv"]


def test_both_tables_are_found(tmp_path: Path) -> None:
    """A folder without items is a folder without truth."""
    write_annotations(tmp_path, make_annotations())
    annotations, items = read_folder(tmp_path)
    assert len(annotations) == len(HOSTILE)
    assert items is None
