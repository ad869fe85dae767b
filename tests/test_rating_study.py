"""A re-rating study without a server: which images, what is printed, the next manifest."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.errors import ConfigError, ResultsError, SourceError
from ls_integration.kinds.rating_selection import write_selection
from ls_integration.kinds.sted_rating import make_items
from ls_integration.kinds.sted_source import read_all_images, read_source
from ls_integration.results.rating_headline import write_rating_lines
from ls_integration.results.rating_metrics import build_rating_metrics
from ls_integration.results.tables import write_annotations, write_items
from ls_integration.workflows.apply_ratings import apply_ratings
from ls_integration.workflows.import_ratings import check_selection, choose_rows
from ls_integration.workflows.sted_options import RatingOptions

NAMES = ("actin/test/1-0.800.npz", "actin/test/2-0.500.npz", "tubulin/test/3-0.700.npz")
AMBIGUOUS = "tubulin/test/4-0.650.npz"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Make a folder as AnomaGUI's: three listed images, an ambiguous one, sessions beside them."""
    folder = tmp_path / "anomagui"
    for name in (*NAMES, AMBIGUOUS, "Fred/Fred.npz", "imgs_to_check.npz"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.savez(folder / name, np.arange(4.0).reshape(2, 2))
    (folder / "test_paths.csv").write_text("".join(f"/cluster/{name}\n" for name in NAMES))
    (folder / "test_scores.csv").write_text("0.1\n0.9\n0.25\n")
    return folder


@pytest.fixture
def results(source: Path, tmp_path: Path) -> Path:
    """Make results in which two people rated two images, one of them the ambiguous one."""
    rows = read_all_images(source).rows
    rows = rows.assign(source_index=np.arange(4.0))
    items = make_items(rows, make_id=lambda path: f"id {path}")
    given = [
        (f"id ./{NAMES[1]}", "Ada", 1, 0.73),
        (f"id ./{NAMES[1]}", "Ben", 1, 0.6),
        (f"id ./{AMBIGUOUS}", "Ada", 1, 0.71),
        (f"id ./{AMBIGUOUS}", "Ada", 2, 0.99),
    ]
    answers = pd.DataFrame(given, columns=["item_id", "annotator", "round", "rating"])
    folder = tmp_path / "results"
    folder.mkdir()
    write_items(folder, items)
    write_annotations(folder, check_annotations(answers.assign(label=None)))
    return folder


def test_a_range_looks_into_the_folders(source: Path) -> None:
    """Also at images that no list names, and never at the sessions that lie beside them."""
    rows = read_all_images(source).rows
    assert rows["source_path"].tolist() == [f"./{name}" for name in (*NAMES, AMBIGUOUS)]
    chosen = choose_rows(rows, RatingOptions(source=source, range=(0.60, 0.70)))
    assert chosen["source_path"].tolist() == [f"./{AMBIGUOUS}"]
    assert chosen["rating"].tolist() == [0.65]
    with pytest.raises(SourceError, match=r"has a rating in --range 0\.9 1; there is nothing"):
        choose_rows(rows, RatingOptions(source=source, range=(0.9, 1.0)))


def test_a_list_keeps_its_order_and_ids(source: Path, tmp_path: Path) -> None:
    """The ids are what stands in the sessions; twice the same one tells nothing."""
    rows = read_source(source).rows
    path = tmp_path / "list.npz"
    write_selection(path, [f"./{NAMES[2]}", f"./{NAMES[0]}"], [2, 0])
    chosen = choose_rows(rows, RatingOptions(source=source, select=path))
    assert chosen["rating"].tolist() == [0.7, 0.8]
    assert chosen["source_index"].tolist() == [2.0, 0.0]
    write_selection(path, [f"./{NAMES[2]}", f"./{NAMES[0]}"], [2, 2])
    with pytest.raises(SourceError, match="but 2 .*stand twice"):
        choose_rows(rows, RatingOptions(source=source, select=path))


@pytest.mark.parametrize(
    "given", [{}, {"select": Path("a"), "range": (0.0, 1.0)}, {"range": (0, 1), "select": Path()}]
)
def test_exactly_one_selection(given: dict[str, Any]) -> None:
    """None and two are refused before anything is read."""
    with pytest.raises(ConfigError, match="give exactly one of --select"):
        check_selection(RatingOptions(source=Path(), **given))


def test_results_of_another_kind_dispute_nothing(source: Path, results: Path) -> None:
    """A folder without known labels is named."""
    with pytest.raises(SourceError, match=r"has no items\.csv with source_path and label"):
        choose_rows(
            read_source(source).rows, RatingOptions(source=source, from_disagreements=results)
        )


def test_the_next_manifest_starts_from_the_new_ratings(source: Path, results: Path) -> None:
    """The mean of first rounds; an image that enters the study comes last; the rest stays."""
    manifest = source / "again.csv"
    done = apply_ratings(results, source, manifest)
    assert (done.n_images, done.n_rated, done.n_changed, done.n_added) == (4, 2, 2, 1)
    rows = read_source(manifest).rows
    assert rows["source_path"].tolist() == [f"./{name}" for name in (*NAMES, AMBIGUOUS)]
    assert rows["rating"].tolist() == [0.8, 0.665, 0.7, 0.71]
    assert rows["structure"].tolist() == ["actin", "actin", "tubulin", "tubulin"]
    assert rows["model_score"].tolist()[:3] == [0.1, 0.9, 0.25]
    assert np.isnan(rows["model_score"][3])
    assert not read_source(manifest).problems
    with pytest.raises(ResultsError, match="is there already"):
        apply_ratings(results, source, manifest)
    apply_ratings(results, source, manifest, annotator="Ada_round2", force=True)
    assert read_source(manifest).rows["rating"].tolist() == [0.8, 0.5, 0.7, 0.99]
    with pytest.raises(ConfigError, match="nobody called 'Eve' rated .*Ada"):
        apply_ratings(results, source, manifest, annotator="Eve", force=True)


def test_a_manifest_above_the_images_names_them_from_there(
    source: Path, results: Path, tmp_path: Path
) -> None:
    """And one that is not above them is refused, as is a file of the source, also by force."""
    manifest = tmp_path / "above.csv"
    apply_ratings(results, source, manifest)
    rows = read_source(manifest).rows
    assert rows["source_path"].tolist()[0] == f"anomagui/{NAMES[0]}"
    assert rows["file"].tolist()[0] == str((source / NAMES[0]).resolve())
    aside = tmp_path / "aside"
    aside.mkdir()
    with pytest.raises(ConfigError, match=r"write again\.csv into a folder that holds all"):
        apply_ratings(results, source, aside / "again.csv")
    assert list(aside.iterdir()) == []
    before = (source / "test_paths.csv").read_bytes()
    with pytest.raises(ResultsError, match="never overwritten"):
        apply_ratings(results, source, source / "test_paths.csv", force=True)
    with pytest.raises(ResultsError, match="never overwritten"):
        apply_ratings(results, manifest, manifest, force=True)
    assert (source / "test_paths.csv").read_bytes() == before
    (source / NAMES[0]).unlink()
    with pytest.raises(SourceError, match="there is no file"):
        apply_ratings(results, source, source / "again.csv")


def test_the_lines_say_what_moved_and_who_agrees() -> None:
    """A line for each person and for their mean, then agreement; one person agrees with none."""
    items = pd.DataFrame({"item_id": list("abcd"), "rating": [0.75, 0.72, 0.5, 0.81]})

    def lines(*people: str) -> list[str]:
        given = [
            (item, name, 1, 0.1 * row + 0.6) for name in people for row, item in enumerate("abcd")
        ]
        answers = pd.DataFrame(given, columns=["item_id", "annotator", "round", "rating"])
        metrics = build_rating_metrics(
            items,
            check_annotations(answers.assign(label=None)),
            normal_at_least=0.70,
            anomaly_below=0.60,
        )
        return write_rating_lines(metrics)

    assert lines() == ["there are no ratings yet"]
    header, ada, legend = lines("Ada")
    # 0.75 -> 0.6 falls into the gap, 0.72 -> 0.7 stays, 0.5 -> 0.8 becomes normal, 0.81 -> 0.9.
    assert ada.split()[:4] == ["Ada", "4", "+0.055", "0.140"]
    assert ada.split()[-3:] == ["1", "1", "1"]
    assert header.split()[-1] == "gap"
    assert "from 0.6 to below 0.7" in legend
    both = lines("Ada", "Ben")
    assert both[3].startswith("mean of all")
    assert "2 people on the 4 images that all rated: ICC(2,1) 1.000" in both[4]
