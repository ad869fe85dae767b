"""``errors/``: a titled picture of each error, where nobody's file is lost and none is stale."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ls_integration.annotations import check_annotations
from ls_integration.errors import ConfigError
from ls_integration.results.error_pictures import list_errors, write_error_pictures
from ls_integration.results.folder import open_results, read_manifest
from ls_integration.results.lined_up import LinedUp, line_up_study
from ls_integration.results.names import name_rounds
from ls_integration.results.pictures import draw_titled
from ls_integration.results.tables import check_items, write_annotations, write_items
from ls_integration.workflows.score import score_folder, score_source

PIXELS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], dtype=np.uint8)


def make_items(ratings: list[float]) -> pd.DataFrame:
    labels = ["normal" if rating >= 0.7 else "anomaly" for rating in ratings]
    ids = [f"i{row}" for row in range(len(ratings))]
    return check_items(
        pd.DataFrame(
            {
                "item_id": ids,
                "rating": ratings,
                "label": labels,
                "model_label": "normal",
                "image": [f"p/{one}.webp" for one in ids],
            }
        )
    )


def make_answers(items: pd.DataFrame, label: str, *people: str) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"item_id": items["item_id"], "annotator": name, "label": label})
        for name in people
    ]
    return check_annotations(pd.concat(parts, ignore_index=True))


def make_study(*people: str) -> LinedUp:
    items = make_items([0.9, 0.7, 0.1, 0.7, 0.65])
    return line_up_study(items, make_answers(items, "anomaly", *people), positive="anomaly")


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def test_names_sort_by_rating_and_never_collide() -> None:
    """Equal ratings have names of their own; the same item has the same one for everybody."""
    errors = list_errors(make_study("Ann"))
    assert errors["file"].tolist() == [
        "errors/Ann/FP/3_0.700.png",
        "errors/Ann/FP/4_0.700.png",
        "errors/Ann/FP/5_0.900.png",
        "errors/Model/FN/1_0.100.png",
        "errors/Model/FN/2_0.650.png",
    ]
    assert errors["item_id"].tolist() == ["i1", "i3", "i0", "i2", "i4"]
    assert errors["decision"].tolist() == ["anomaly"] * 3 + ["normal"] * 2


def test_names_of_people_are_folders_everywhere() -> None:
    """A person may be called Model, or as a device of Windows, or in two ways that look alike."""
    errors = list_errors(make_study("Model", "ann", "Ann", "CON", "a/b", "Dr. X."))
    folders = list(dict.fromkeys(file.split("/")[1] for file in errors["file"]))
    assert folders == [
        *("Model", "ann", "Ann-2", "_CON", "a_b", "Dr. X", "Majority"),
        "Model-2",
    ]
    assert len({folder.casefold() for folder in folders}) == len(folders)
    (long,) = name_rounds([("\N{GRINNING FACE}" * 90, 2)]).values()
    assert len(f"{long}.csv".encode()) < 255
    assert list(name_rounds([(" . ", 1), ("errors", 1)]).values()) == ["_", "errors_"]


def test_ratings_of_every_size(tmp_path: Path) -> None:
    """No rating, negative and huge ones make names that can be written, in order."""
    items = make_items([np.nan, -0.5, 1e300, 0.0]).assign(label="normal")
    study = line_up_study(items, make_answers(items, "anomaly", "Ann"), positive="anomaly")
    write_error_pictures(tmp_path, study, lambda _row: Image.fromarray(PIXELS))
    assert [Path(name).name for name in files_of(tmp_path)] == [
        *("1_-0.500.png", "2_0.000.png", "3_1e+300.png", "4_unrated.png")
    ]


def test_pictures_are_enlarged_without_smoothing(tmp_path: Path) -> None:
    """Every source pixel is a square of its own colour, under the title."""
    errors = write_error_pictures(
        tmp_path, make_study("Ann", "Bob"), lambda _row: Image.fromarray(PIXELS)
    )
    assert files_of(tmp_path) == sorted(errors["file"])
    assert pd.read_csv(tmp_path / "errors.csv")["file"].tolist() == errors["file"].tolist()
    path = tmp_path / "errors" / "Ann" / "FP" / "3_0.700.png"
    assert path.read_bytes() == (tmp_path / "errors" / "Bob" / "FP" / path.name).read_bytes()
    with Image.open(path) as picture:
        shown = np.asarray(picture.convert("RGB"))
    assert shown.shape == (448 + 52, 448, 3)
    assert (shown[52:] == PIXELS.repeat(224, axis=0).repeat(224, axis=1)).all()
    assert (shown[:52] < 128).any()


def test_titles_fit_any_picture() -> None:
    """A long text in a narrow picture is cut, line ends are spaces, the size is the same."""
    narrow = Image.new("RGB", (3, 400), "black")
    plain, long = (draw_titled(narrow, [text, "b"]) for text in ("a", "word\nend " * 50))
    assert plain.size == long.size == (360, 452)
    assert (np.asarray(long)[:, -6:] == 255).all()


def test_what_has_no_picture_is_listed(tmp_path: Path) -> None:
    """An error without a picture stands in the table without a file."""
    errors = write_error_pictures(
        tmp_path, make_study("Ann"), lambda row: Image.fromarray(PIXELS) if row == 0 else None
    )
    assert errors["file"].notna().sum() == 1
    assert files_of(tmp_path) == ["errors/Ann/FP/5_0.900.png"]
    assert len(pd.read_csv(tmp_path / "errors.csv")) == len(errors) == 5


def make_folder(folder: Path, label: str) -> Path:
    """A results folder whose two people say *label*, and its pictures."""
    items = make_items([0.9, 0.8, 0.1])
    write_items(folder, items)
    write_annotations(folder, make_answers(items, label, "Ann", "Bob"))
    media = folder.parent / "media"
    (media / "p").mkdir(parents=True, exist_ok=True)
    for name in items["image"]:
        Image.fromarray(PIXELS).save(media / name, lossless=True)
    return media


def test_old_pictures_do_not_stay_beside_new_scores(tmp_path: Path) -> None:
    """Written again after other answers, only pictures of these are there; a changed one stays."""
    folder = tmp_path / "results"
    folder.mkdir()
    media = make_folder(folder, "anomaly")
    scored = score_folder(folder, media=media, error_pictures=True)
    assert scored.n_error_pictures == 2 + 2 + 1
    assert scored.n_without_picture == 0
    old = folder / "errors" / "Bob" / "FP"
    assert [path.name for path in sorted(old.iterdir())] == ["2_0.800.png", "3_0.900.png"]
    (old / "2_0.800.png").write_bytes(b"my drawing")
    (old / "notes.txt").write_text("mine")
    make_folder(folder, "normal")
    score_folder(folder, media=media, error_pictures=True, force=True)
    assert files_of(folder / "errors") == [
        *("Ann/FN/1_0.100.png", "Bob/FN/1_0.100.png", "Bob/FP/2_0.800.png"),
        "Model/FN/1_0.100.png",
    ]
    assert (old / "notes.txt").read_text() == "mine"
    files = read_manifest(folder)["files"]
    assert "errors/Ann/FN/1_0.100.png" in files
    assert "errors/Bob/FP/2_0.800.png" not in files
    # Without being asked for, pictures are neither written nor removed.
    before = files_of(folder / "errors")
    assert score_folder(folder, media=media).n_error_pictures is None
    assert files_of(folder / "errors") == before


def test_only_the_named_folder_is_renewed(tmp_path: Path) -> None:
    """Files of ours elsewhere stay, as does a name that only begins alike."""
    for names in (["errors/a.png", "errors2/a.png", "plots/a.png"], ["errors/b.png"]):
        with open_results(tmp_path, {"uuid": "one"}, renews=("errors",)) as staged:
            for name in names:
                (staged / name).parent.mkdir(exist_ok=True)
                (staged / name).write_text(name)
    assert files_of(tmp_path) == ["errors/b.png", "errors2/a.png", "plots/a.png"]
    assert sorted(read_manifest(tmp_path)["files"]) == files_of(tmp_path)


def test_pictures_that_are_not_there_are_refused(tmp_path: Path) -> None:
    """Asked for without pictures: one line, and nothing is written."""
    folder = tmp_path / "results"
    folder.mkdir()
    make_folder(folder, "anomaly")
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(ConfigError, match="no pictures are there.*--media"):
        score_folder(folder, error_pictures=True)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_real_sessions(shared_data: Path, tmp_path: Path) -> None:
    """Fred's folders hold as many pictures as his own CSV counts errors, from the real images."""
    source = shared_data / "anomagui"
    scored = score_source(source, [source / "Fred" / "Fred.npz"], tmp_path, error_pictures=True)
    theirs = pd.read_csv(source / "Fred" / "Fred.csv").iloc[0]
    for kind in ("FP", "FN"):
        assert len(list((tmp_path / "errors" / "Fred" / kind).iterdir())) == theirs[kind]
    assert scored.n_error_pictures == theirs["FP"] + theirs["FN"]
    errors = pd.read_csv(tmp_path / "errors.csv")
    session = np.load(source / "Fred" / "Fred.npz")
    assert set(errors["source_path"][errors["error"] == "FP"]) == set(session["fp_errors"])
    assert set(errors["source_path"][errors["error"] == "FN"]) == set(session["fn_errors"])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/webp') == 24
    assert len(page) < 3_000_000
