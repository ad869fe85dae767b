"""A source of STED images, in each of its three forms, becomes one table."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.errors import ConfigError, SourceError
from ls_integration.kinds.sources_table import SOURCE_COLUMNS
from ls_integration.kinds.sted_source import (
    SourceTable,
    model_labels,
    read_source,
    select,
    truth_label,
)

REAL = Path(__file__).resolve().parents[1].parent / "shared/data/anomagui"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is not on this machine")
IMAGE = np.arange(12.0).reshape(3, 4)


def image(path: Path) -> Path:
    """Write an image, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez(path, IMAGE)
    else:
        path.write_bytes(b"not opened here")
    return path


def anomagui(folder: Path, names: list[str], scores: list[str] | None = None) -> Path:
    """Write a folder as AnomaGUI's."""
    for name in names:
        image(folder / "actin/test" / f"{name}.npz")
    lines = [f"../../cluster/STED-qual/Actin/test/{name}.npy" for name in names]
    (folder / "test_paths.csv").write_text("\n".join(lines) + "\n\n")
    if scores is not None:
        (folder / "test_scores.csv").write_text("\n".join(scores) + "\n")
    return folder


def manifest(folder: Path, *lines: str, name: str = "list.csv", end: str = "\n") -> Path:
    """Write a manifest beside three images."""
    for number in range(3):
        image(folder / f"img/{number}.png")
    (folder / name).write_bytes(end.join(lines).encode("utf-8"))
    return folder / name


def messages(table: SourceTable) -> list[str]:
    """Give the lines of a table's problems, each of them one line."""
    assert not any("\n" in problem.message for problem in table.problems)
    return [problem.message for problem in table.problems]


# --- AnomaGUI ---


@needs_real
def test_the_real_folder_keeps_its_order_paths_and_scores() -> None:
    """549 rows in the order of test_paths.csv, with the paths of the people's own files."""
    table = read_source(REAL)
    assert (table.name, table.origin, table.selects_itself) == ("anomagui", "anomagui", True)
    assert table.problems == ()
    assert list(table.rows.columns) == list(SOURCE_COLUMNS)
    assert len(table.rows) == 549
    assert table.rows["structure"].value_counts().to_dict() == {"actin": 459, "tubulin": 90}
    with np.load(REAL / "Fred/Fred.npz") as fred:
        np.testing.assert_array_equal(table.rows["rating"], fred["classifications"][:, 1])
        np.testing.assert_array_equal(table.rows["model_score"], fred["classifications"][:, 2])
        errors = [*fred["fp_errors"], *fred["fn_errors"]]
    assert set(errors) <= set(table.rows["source_path"])
    assert all(Path(file).is_file() for file in table.rows["file"])
    kept, left_out = select(table.rows, selects_itself=table.selects_itself)
    assert (len(kept), left_out) == (549, 0)
    decided = model_labels(kept, 0.213).rows
    truth = decided["rating"].map(truth_label)
    assert round(float((truth == decided["model_label"]).mean()), 4) == 0.6867


@needs_real
def test_a_real_rating_of_0_700_is_normal() -> None:
    """0.700 is not below 0.70: the text of the name is read as float64."""
    rows = read_source(REAL).rows
    edge = rows[rows["source_path"].str.endswith("-0.700.npz")]
    assert len(edge) > 0
    assert (edge["rating"] == 0.7).all()
    assert set(edge["rating"].map(truth_label)) == {"normal"}


def test_anomagui_paths_are_brought_to_the_files(tmp_path: Path) -> None:
    """A cluster's path becomes ./actin/test/NAME.npz, order kept, empty lines skipped."""
    folder = anomagui(tmp_path / "study", ["309-0.793", "5-0.700"], ["0.25", "1e-3"])
    table = read_source(folder)
    assert list(table.rows["source_path"]) == [
        "./actin/test/309-0.793.npz",
        "./actin/test/5-0.700.npz",
    ]
    assert list(table.rows["rating"]) == [0.793, 0.7]
    assert list(table.rows["model_score"]) == [0.25, 0.001]
    assert list(table.rows["file"])[0] == str(folder / "actin/test/309-0.793.npz")
    assert table.rows["rating"].dtype == np.float64
    assert table.rows.loc[0, "model_label"] is None
    assert table.rows.loc[0, "item_id"] is None


def test_scores_of_another_length_stop(tmp_path: Path) -> None:
    """A score list that does not fit is refused with both numbers."""
    folder = anomagui(tmp_path, ["1-0.7", "2-0.8"], ["0.1", "0.2", "0.3"])
    with pytest.raises(SourceError, match=r"test_scores.csv has 3 scores for the 2 paths"):
        read_source(folder)


def test_anomagui_without_scores_is_a_study_without_model(tmp_path: Path) -> None:
    """test_scores.csv may be missing."""
    table = read_source(anomagui(tmp_path, ["1-0.7"]))
    assert table.rows["model_score"].isna().all()
    assert "without a model" in table.notes[0]


def test_anomagui_faults_are_told_by_line(tmp_path: Path) -> None:
    """Each faulty line is a problem; the good rows remain."""
    names = ["1-0.7", "2-1.5", "3-x", "4-0.2", "1-0.7", "5-0.3", "6-0.4"]
    scores = ["0.1", "0.2", "0.3", "nan", "0.5", "inf", "0.7"]
    folder = anomagui(tmp_path, names, scores)
    (folder / "actin/test/6-0.4.npz").unlink()
    table = read_source(folder)
    told = messages(table)
    assert [problem.row for problem in table.problems] == [1, 2, 3, 4, 5, 6]
    for line, expected in enumerate(
        [
            "line 2: the rating 1.5 of ./actin/test/2-1.5.npz is not between 0 and 1",
            "line 3: the name 3-x.npz holds no rating",
            "line 4: the model score 'nan' is not a number",
            "line 5: ./actin/test/1-0.7.npz is listed before, at",
            "line 6: the model score 'inf' is not a number",
            "line 7: there is no file",
        ]
    ):
        assert expected in told[line]
    assert list(table.without_problems()["source_path"]) == ["./actin/test/1-0.7.npz"]
    assert len(read_source(folder, check_files=False).problems) == 5


def test_anomagui_paths_cannot_leave_the_folder(tmp_path: Path) -> None:
    """A line that names no file below the folder has no row, only a problem."""
    folder = anomagui(tmp_path, ["1-0.7"])
    with (folder / "test_paths.csv").open("a") as file:
        file.write("../../etc/1-0.5.npy\n1-0.5.npy\n")
    table = read_source(folder)
    assert len(table.rows) == 1
    assert [problem.row for problem in table.problems] == [None, None]


# --- manifest ---


def test_a_manifest_is_read_as_written(tmp_path: Path) -> None:
    """Order, paths and every column are those of the file; others are noted."""
    file = manifest(
        tmp_path,
        "path,rating,structure,group,model_score,model_label,item_id,operator",
        "img/2.png,0.700,actin,s1,0.2,Normal,a,Ann",
        '"img/0.png",,,,,,,',
        "./img/1.png, 0.25 ,tubulin,s2,0.9,anomaly,b,Bob",
    )
    table = read_source(file)
    assert (table.name, table.origin, table.selects_itself) == ("list", "manifest", False)
    assert table.problems == ()
    assert table.notes == (f"{file}: ignored the columns operator",)
    rows = table.rows
    assert list(rows["source_path"]) == ["img/2.png", "img/0.png", "./img/1.png"]
    assert list(rows["file"]) == [str(tmp_path / f"img/{n}.png") for n in (2, 0, 1)]
    np.testing.assert_array_equal(rows["rating"], [0.7, np.nan, 0.25])
    np.testing.assert_array_equal(rows["model_score"], [0.2, np.nan, 0.9])
    assert list(rows["model_label"]) == ["normal", None, "anomaly"]
    assert list(rows["structure"]) == ["actin", None, "tubulin"]
    assert list(rows["group"]) == ["s1", None, "s2"]
    assert list(rows["item_id"]) == ["a", None, "b"]


def test_excel_manifests_are_read(tmp_path: Path) -> None:
    """A byte order mark, CRLF, short lines and backslashes do no harm."""
    file = manifest(
        tmp_path, "\ufeffpath,rating,group", "img\\0.png,0.5", "", "img/1.png,0.8,x", end="\r\n"
    )
    table = read_source(file)
    assert table.problems == ()
    assert list(table.rows["source_path"]) == ["img\\0.png", "img/1.png"]
    assert list(table.rows["group"]) == [None, "x"]


def test_a_folder_with_a_manifest_is_that_manifest(tmp_path: Path) -> None:
    """manifest.csv in a folder is found and named after the folder."""
    (tmp_path / "mine").mkdir()
    manifest(tmp_path / "mine", "path", "img/0.png", name="manifest.csv")
    table = read_source(tmp_path / "mine")
    assert (table.name, table.origin, len(table.rows)) == ("mine", "manifest", 1)
    assert "no column rating: a study without truth" in table.notes[0]


def test_manifest_faults_are_told_by_line(tmp_path: Path) -> None:
    """Rating, score, label, duplicates, missing files and paths outside: one line each."""
    file = manifest(
        tmp_path,
        "path,rating,model_score,model_label,item_id",
        "img/0.png,1.01,,,a",
        "img/1.png,good,,,",
        "img/2.png,-0.1,1_0,,a",
        "img/./2.png,nan,,maybe,",
        "../x.png,0.5,,,",
        "/etc/passwd,0.5,,,",
        "C:\\x.png,0.5,,,",
        ",0.5,,,",
        "img/9.png,0.5,,,",
        "img/../../x.png,0.5,,,",
        "img/" + 300 * "x" + ".png,0.5,,,",
        "img/\0.png,0.5,,,",
    )
    table = read_source(file)
    told = "\n".join(messages(table))
    for expected in (
        "line 2: the rating 1.01 of img/0.png is not between 0 and 1",
        "line 3: the rating 'good' is not a number",
        "line 4: the rating -0.1 of img/2.png is not between 0 and 1",
        "line 4: the model score '1_0' is not a number",
        f"line 4: the item_id a is used before, at {file} line 2",
        "line 5: the rating 'nan' is not a number",
        "line 5: the model_label 'maybe' is neither normal nor anomaly",
        f"line 5: img/./2.png is listed before, at {file} line 4",
        "line 6: '../x.png' names no file inside",
        "line 7: '/etc/passwd' names no file inside",
        "line 8: 'C:\\x.png' names no file inside",
        "line 9: '' names no file inside",
        "line 10: there is no file",
        "line 11: 'img/../../x.png' names no file inside",
        "line 12: there is no file",
        "line 13: there is no file",
    ):
        assert expected in told
    assert len(table.rows) == 7
    assert len(table.without_problems()) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"file,rating\na,1\n", "no column path, only file, rating"),
        (b"path;rating\na;1\n", "no column path, only path;rating; .*commas"),
        (b"path,rating,rating\na,1,1\n", "names a column twice"),
        (b"path,rating\na,1,2\n", "line 2 has 3 cells for 2 columns"),
        (b"path,rating\n", "names no image"),
    ],
)
def test_a_manifest_that_is_none_stops(tmp_path: Path, content: bytes, message: str) -> None:
    """What is wrong with the file as a whole is one error that names it."""
    (tmp_path / "m.csv").write_bytes(content)
    with pytest.raises(SourceError, match=message) as caught:
        read_source(tmp_path / "m.csv")
    assert str(tmp_path / "m.csv") in str(caught.value)


# --- a folder of images ---


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    """Images at any depth, 2 before 10, hidden and other files left alone."""
    for name in ("10.tif", "2.PNG", "b/1.npy", "a/x/3.jpg", ".hidden/1.png", "notes.txt", ".x.png"):
        image(tmp_path / name)
    table = read_source(tmp_path)
    assert (table.origin, table.selects_itself) == ("folder", False)
    assert list(table.rows["source_path"]) == ["2.PNG", "10.tif", "a/x/3.jpg", "b/1.npy"]
    assert list(table.rows["structure"]) == [None, None, "a", "b"]
    assert table.rows["rating"].isna().all()
    assert table.notes == ("4 of 4 images have no rating: no truth",)


def test_a_folder_with_ratings(tmp_path: Path) -> None:
    """A table of ratings joins by path; what it lacks or has too much is told."""
    for name in ("1.png", "2.png", "3.png"):
        image(tmp_path / "in" / name)
    ratings = tmp_path / "r.csv"
    ratings.write_text("path,rating\n3.png,0.700\n1.png,0.1\n9.png,0.3\n../r.csv,0\n1.png,0.4\n")
    table = read_source(tmp_path / "in", ratings=ratings)
    np.testing.assert_array_equal(table.rows["rating"], [0.1, np.nan, 0.7])
    assert table.notes == ("1 of 3 images have no rating: no truth",)
    told = messages(table)
    assert "r.csv line 4: there is no file" in told[0]
    assert "r.csv line 5: '../r.csv' names no file inside" in told[1]
    assert "r.csv line 6: 1.png is listed before, at" in told[2]
    with pytest.raises(SourceError, match=r"none.csv does not exist"):
        read_source(tmp_path / "in", ratings=tmp_path / "none.csv")


def test_names_as_anomaguis_give_the_ratings(tmp_path: Path) -> None:
    """Where every name holds a rating it counts; where one does not, none does."""
    for name in ("actin/test/10-0.650.npz", "actin/test/9-0.700.npz"):
        image(tmp_path / name)
    table = read_source(tmp_path)
    assert list(table.rows["source_path"]) == [
        "./actin/test/9-0.700.npz",
        "./actin/test/10-0.650.npz",
    ]
    assert list(table.rows["rating"]) == [0.7, 0.65]
    kept, left_out = select(table.rows, selects_itself=table.selects_itself)
    assert (list(kept["rating"]), left_out) == ([0.7], 1)
    image(tmp_path / "overview.npz")
    assert read_source(tmp_path).rows["rating"].isna().all()


@needs_real
def test_the_real_folders_without_the_list(tmp_path: Path) -> None:
    """The 549 files alone give the same paths and ratings as the list."""
    for structure in ("actin", "tubulin"):
        shutil.copytree(REAL / structure, tmp_path / structure)
    columns = ["source_path", "rating", "structure"]
    scanned = read_source(tmp_path).rows[columns].sort_values("source_path", ignore_index=True)
    listed = read_source(REAL).rows[columns].sort_values("source_path", ignore_index=True)
    pd.testing.assert_frame_equal(scanned, listed)


def test_no_source_and_no_images(tmp_path: Path) -> None:
    """Nothing to read is an error that says what to give."""
    with pytest.raises(SourceError, match="does not exist; give a folder of images or a manifest"):
        read_source(tmp_path / "none")
    with pytest.raises(SourceError, match="holds no image"):
        read_source(tmp_path)
    image(tmp_path / "one.png")
    with pytest.raises(SourceError, match="neither a folder nor a manifest CSV"):
        read_source(tmp_path / "one.png")


def test_ratings_for_a_source_that_has_its_own(tmp_path: Path) -> None:
    """Two sources of truth are refused."""
    folder = anomagui(tmp_path, ["1-0.7"])
    with pytest.raises(ConfigError, match="gives the ratings itself; leave out --ratings"):
        read_source(folder, ratings=tmp_path / "r.csv")


# --- selection, truth, model ---


def rows_of(ratings: list[float], **columns: object) -> pd.DataFrame:
    """Make a table by hand."""
    rows = pd.DataFrame({"rating": ratings, "source_path": [f"{r}" for r in ratings]})
    rows["model_score"] = columns.get("score", np.nan)
    rows["model_label"] = pd.Series(columns.get("label"), index=rows.index, dtype="object")
    return rows


def test_ambiguous_images_are_left_out() -> None:
    """0.60 <= rating < 0.70 is left out; unrated images stay; a selection is kept whole."""
    rows = rows_of([0.599, 0.6, 0.65, 0.699, 0.7, np.nan])
    kept, left_out = select(rows, selects_itself=False)
    np.testing.assert_array_equal(kept["rating"], [0.599, 0.7, np.nan])
    assert (left_out, list(kept.index)) == (3, [0, 1, 2])
    assert select(rows, selects_itself=True)[1] == 0
    kept, left_out = select(rows, selects_itself=False, normal_at_least=0.6, anomaly_below=0.6)
    assert left_out == 0
    with pytest.raises(ConfigError, match="--anomaly-below 0.8 and --normal-at-least 0.7"):
        select(rows, selects_itself=False, anomaly_below=0.8)


def test_truth_of_a_rating() -> None:
    """Normal from 0.70 on, and nothing without a rating."""
    assert truth_label(float("0.700")) == "normal"
    assert truth_label(0.6999999) == "anomaly"
    assert truth_label(float("nan")) is None
    assert truth_label(0.5, normal_at_least=0.5) == "normal"


def test_scores_become_decisions() -> None:
    """A score at the threshold is an anomaly; no score, no decision."""
    rows = rows_of([0.1] * 4, score=[0.2, 0.213, 0.5, np.nan])
    decided = model_labels(rows, 0.213)
    assert list(decided.rows["model_label"]) == ["normal", "anomaly", "anomaly", None]
    assert decided.threshold == 0.213
    assert decided.notes == ("1 of 4 images have no model answer",)
    assert rows["model_label"].isna().all()


def test_scores_that_rise_with_quality_are_turned() -> None:
    """With high = normal, a score at or below the threshold is an anomaly, and signs change."""
    decided = model_labels(
        rows_of([0.1] * 3, score=[0.0, 0.5, 0.6]), 0.5, score_high_means="normal"
    )
    assert list(decided.rows["model_label"]) == ["anomaly", "anomaly", "normal"]
    assert list(decided.rows["model_score"]) == [0.0, -0.5, -0.6]
    assert not np.signbit(decided.rows["model_score"][0])
    assert decided.threshold == -0.5
    assert "negated" in decided.notes[0]


def test_the_sources_own_decisions() -> None:
    """They need no threshold; one that contradicts them is refused; gaps are filled by it."""
    rows = rows_of([0.1] * 3, score=[0.2, 0.8, 0.9], label=["normal", "anomaly", None])
    with pytest.raises(ConfigError, match="1 images have a model score but no decision"):
        model_labels(rows, None)
    assert list(model_labels(rows, 0.5).rows["model_label"]) == ["normal", "anomaly", "anomaly"]
    with pytest.raises(ConfigError, match="contradicts --model-threshold"):
        model_labels(rows, 0.85)
    full = rows.assign(model_label=["normal", "anomaly", "normal"])
    assert list(model_labels(full, None).rows["model_label"]) == list(full["model_label"])


def test_a_threshold_is_needed_and_needs_scores() -> None:
    """Scores without one ask for it; one without scores is refused."""
    with pytest.raises(ConfigError, match="give --model-threshold"):
        model_labels(rows_of([0.1], score=[0.2]), None)
    with pytest.raises(ConfigError, match="no model scores; leave it out"):
        model_labels(rows_of([0.1]), 0.5)
    assert model_labels(rows_of([0.1]), None).threshold is None


def test_long_tables_are_read(tmp_path: Path) -> None:
    """Ten thousand lines, quoted names with commas and line ends among them."""
    with (tmp_path / "m.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "rating"])
        writer.writerows([f"a,\n{number}.png", "0.5"] for number in range(10_000))
    table = read_source(tmp_path / "m.csv", check_files=False)
    assert len(table.rows) == 10_000
    assert table.problems == ()
    assert table.rows.loc[3, "source_path"] == "a,\n3.png"
