"""The images to rate again: from a list, a range, or from what people dispute."""

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.errors import ConfigError, SourceError
from ls_integration.kinds.rating_selection import (
    read_selection,
    select_disputed,
    select_listed,
    select_range,
    write_selection,
)
from ls_integration.kinds.sted_source import read_source
from ls_integration.results.anomagui import read_session


@pytest.fixture
def rows():
    """Five images of a source."""
    ratings = [0.55, 0.60, 0.65, 0.70, np.nan]
    return pd.DataFrame({"source_path": [f"{i}.npz" for i in range(5)], "rating": ratings})


def test_a_list_comes_back_as_it_was_written(tmp_path):
    """Paths as text and ids as float64, as the first users' scripts read them."""
    path = tmp_path / "imgs_to_check.npz"
    write_selection(path, ["./a/é.npz", "b.npz"], [3, 0])
    with np.load(path, allow_pickle=False) as archive:
        assert archive["ids"].dtype == np.float64
        assert archive["paths"].tolist() == ["./a/é.npz", "b.npz"]
    listed = read_selection(path)
    assert listed.source_paths == ("./a/é.npz", "b.npz")
    assert listed.indices.tolist() == [3.0, 0.0]


def test_the_real_list_is_found_in_its_source(shared_data):
    """All 141 images, in the list's order, with the row that each has in the source."""
    folder = shared_data / "anomagui"
    table = read_source(folder)
    listed = read_selection(folder / "imgs_to_check.npz")
    chosen = select_listed(table.rows, listed, name="imgs_to_check.npz")
    assert len(chosen) == 141
    assert chosen["source_path"].tolist() == list(listed.source_paths)
    of_index = table.rows["source_path"].iloc[chosen["source_index"].astype(int)]
    assert of_index.tolist() == chosen["source_path"].tolist()


def test_a_list_keeps_its_order_and_names_strangers(rows, tmp_path):
    """The order is the list's; what the source lacks is named."""
    path = tmp_path / "list.npz"
    write_selection(path, ["3.npz", "1.npz"], [30, 10])
    chosen = select_listed(rows, read_selection(path), name="list.npz")
    assert chosen["source_path"].tolist() == ["3.npz", "1.npz"]
    assert chosen["source_index"].tolist() == [30.0, 10.0]
    write_selection(path, ["3.npz", "9.npz"], [3, 9])
    with pytest.raises(SourceError, match=r"1 images of list\.npz.*9\.npz"):
        select_listed(rows, read_selection(path), name="list.npz")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"paths": np.array(["a"]), "ids": np.array([1.0, 2.0])}, "one number for each"),
        ({"paths": np.array([1.0]), "ids": np.array([1.0])}, "list of texts"),
        ({"paths": np.array(["a", "a"]), "ids": np.array([1.0, 2.0])}, "twice"),
        ({"paths": np.array(["a"], dtype=object), "ids": np.array([1.0])}, "not a list"),
        ({"paths": np.array([], dtype=str), "ids": np.array([])}, "list of texts"),
        ({"names": np.array(["a"])}, "not a list"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, content, words):
    """In one line that says what is wrong."""
    path = tmp_path / "list.npz"
    np.savez(path, **content)
    with pytest.raises(SourceError, match=words):
        read_selection(path)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no zip", b"text"])
def test_a_damaged_list_is_refused(tmp_path, damage):
    """Also one that was cut short, and one that is not there."""
    path = tmp_path / "list.npz"
    path.write_bytes(damage)
    with pytest.raises(SourceError, match="not a list"):
        read_selection(path)
    with pytest.raises(SourceError, match="not a list"):
        read_selection(tmp_path / "none.npz")


def test_a_range_is_half_open(rows):
    """0.60 belongs to it, 0.70 does not, and an image without rating never does."""
    chosen = select_range(rows, 0.60, 0.70)
    assert chosen["source_path"].tolist() == ["1.npz", "2.npz"]
    assert chosen["source_index"].tolist() == [1.0, 2.0]
    assert len(select_range(rows.assign(rating=1.0), 0.7, 1.0)) == 5
    for low, high in [(0.7, 0.6), (0.6, 0.6), (-0.1, 0.5), (0.5, 1.1), (float("nan"), 1.0)]:
        with pytest.raises(ConfigError, match="--range"):
            select_range(rows, low, high)


def test_disputed_needs_strictly_more_than_half():
    """One of two is no majority; two of three are; skips and later rounds have no vote."""
    rows = pd.DataFrame({"source_path": ["a", "b", "c", "d"], "rating": 0.9})
    items = pd.DataFrame(
        {"item_id": ["1", "2", "3", "4"], "source_path": ["a", "b", "c", "d"], "label": "normal"}
    )
    answers = [
        *[("1", who, 1, said) for who, said in [("A", "anomaly"), ("B", "normal")]],
        *[("2", who, 1, said) for who, said in [("A", "anomaly"), ("B", "anomaly")]],
        ("2", "C", 1, "normal"),
        # A's second round does not outvote A's first.
        *[("3", who, 1, said) for who, said in [("A", "normal"), ("B", "anomaly")]],
        ("3", "A", 2, "anomaly"),
        # A skip is no vote: the one who answered is a majority.
        ("4", "A", 1, None),
        ("4", "B", 1, "anomaly"),
    ]
    annotations = check_annotations(
        pd.DataFrame(answers, columns=["item_id", "annotator", "round", "label"])
    )
    chosen = select_disputed(rows, items, annotations)
    assert chosen["source_path"].tolist() == ["b", "d"]
    with pytest.raises(SourceError, match="not in the source: b"):
        select_disputed(rows.head(1), items, annotations)


def test_disputed_of_the_real_sessions(shared_data):
    """Fred, Julia and Theresa: exactly the images on which two of three contradict the rating."""
    folder = shared_data / "anomagui"
    rows = read_source(folder).rows
    items = rows.assign(
        item_id=rows["source_path"],
        label=np.where(rows["rating"] >= 0.70, "normal", "anomaly"),
    )
    files = ["Fred/Fred.npz", "Julia/Julia.npz", "Theresa/Theresa_2ndAnnotation.npz"]
    sessions = [read_session(folder / name, items) for name in files]
    chosen = select_disputed(rows, items, check_annotations(pd.concat(sessions)))
    decisions = [np.load(folder / name)["classifications"][:, 0] for name in files]
    wrong = sum(decision != (rows["rating"] < 0.70).to_numpy() for decision in decisions)
    assert chosen["source_index"].astype(int).tolist() == np.flatnonzero(wrong >= 2).tolist()
    assert 0 < len(chosen) < len(rows)
