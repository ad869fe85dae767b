"""Files of a re-rating study, both ways."""

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.errors import SourceError
from ls_integration.kinds.rating_selection import read_selection
from ls_integration.results.ratings import read_reannotations, write_ratings


@pytest.fixture
def items():
    """Three images of a source, in the order of the study."""
    return pd.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "source_path": ["1.npz", "2.npz", "3.npz"],
            "source_index": [7.0, 0.0, 2.0],
            "rating": [0.71, 0.62, np.nan],
        }
    )


def answers(*rows):
    """Make an annotations table of (item, person, round, rating)."""
    names = ["item_id", "annotator", "round", "rating"]
    return check_annotations(pd.DataFrame(rows, columns=names).assign(label=None))


def test_everybody_gets_a_file_and_all_share_a_table(items, tmp_path):
    """NaN where nobody rated, beside the image's row in its source; a worst image is 0."""
    given = answers(
        ("a", "Ada", 1, 0.73), ("b", "Ada", 1, 0.0), ("a", "Ben", 1, 0.5), ("a", "Ada", 2, 0.8)
    )
    written = write_ratings(tmp_path, items, given)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == [
        "Ada/reannotations.npy",
        "Ada_round2/reannotations.npy",
        "Ben/reannotations.npy",
        "ratings.csv",
    ]
    ada = np.load(tmp_path / "Ada/reannotations.npy")
    np.testing.assert_array_equal(ada, [[0.73, 7], [0.0, 0], [np.nan, 2]])
    assert ada.dtype == np.float64
    table = (tmp_path / "ratings.csv").read_text().splitlines()
    assert table == [
        "source_path,item_id,old_rating,rating_Ada,rating_Ada_round2,rating_Ben,n_ratings,"
        "mean,spread",
        "1.npz,a,0.71,0.73,0.8,0.5,3,0.676667,0.3",
        "2.npz,b,0.62,0.0,,,1,0.0,0.0",
        "3.npz,c,,,,,0,,",
    ]


def test_a_session_comes_back_as_it_was_written(items, tmp_path):
    """But for an image of row 0 with the rating 0, which that format cannot tell from none."""
    given = answers(("a", "Ada", 1, 0.73), ("c", "Ada", 1, 1.0))
    write_ratings(tmp_path, items, given)
    read, bad = read_reannotations(tmp_path / "Ada/reannotations.npy", items)
    assert bad == []
    assert read[["item_id", "annotator", "rating"]].to_numpy().tolist() == [
        ["a", "Ada", 0.73],
        ["c", "Ada", 1.0],
    ]


def test_the_real_session_has_six_ratings_and_one_that_is_none(shared_data):
    """134 rows of zeros are not rated yet; 500.0 is refused by its row, or left out and named."""
    folder = shared_data / "anomagui"
    listed = read_selection(folder / "imgs_to_check.npz")
    items = pd.DataFrame(
        {"item_id": listed.source_paths, "source_index": listed.indices, "rating": 0.5}
    )
    path = folder / "Fred" / "reannotations.npy"
    with pytest.raises(SourceError, match=r"row 3: 500 .*--skip-bad"):
        read_reannotations(path, items)
    read, bad = read_reannotations(path, items, skip_bad=True)
    assert bad == ["row 3: 500"]
    assert read["rating"].tolist() == [0.3, 0.4, 0.3, 0.5, 0.6, 0.999]
    assert read["item_id"].iloc[0] == "./tubulin/test/65-0.392.npz"
    assert set(read["annotator"]) == {"Fred"}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([[0.5, 7], [0.5, 0]], "2 rows, but there are 3"),
        ([[0.5, 7], [0.5, 9], [0, 0]], "row 2: 9"),
        ([[0.5, 7], [0.6, 7], [0, 0]], "twice: index 7"),
        ([0.5, 0.6, 0.7], "shape"),
        ([["a", "b"]] * 3, "no table of numbers"),
    ],
)
def test_what_is_no_session_of_these_images_is_refused(items, tmp_path, table, words):
    """With the first row that does not fit."""
    path = tmp_path / "Ada" / "reannotations.npy"
    path.parent.mkdir()
    np.save(path, np.asarray(table))
    with pytest.raises(SourceError, match=words):
        read_reannotations(path, items)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"text"])
def test_a_damaged_session_is_refused(items, tmp_path, content):
    """As is one that is not there."""
    path = tmp_path / "reannotations.npy"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="no session of ratings"):
        read_reannotations(path, items)
    with pytest.raises(SourceError, match="no session of ratings"):
        read_reannotations(tmp_path / "none.npy", items)
