"""The annotations table: what it accepts, what it refuses, which answer counts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import (
    COLUMNS,
    check_annotations,
    empty,
    newest_answers,
    read_annotations,
)
from ls_integration.errors import SourceError


def make_table(**columns: list[object]) -> pd.DataFrame:
    table: dict[str, list[object]] = {
        "item_id": ["a", "b"],
        "annotator": ["Ann", "Ann"],
        "label": ["normal", "anomaly"],
    }
    return pd.DataFrame(table | columns)


def test_three_columns_are_enough() -> None:
    """A table of item, person and label gets every other column with its type."""
    checked = check_annotations(make_table())
    assert {name: str(dtype) for name, dtype in checked.dtypes.items()} == COLUMNS
    assert checked["round"].tolist() == [1, 1]
    assert checked["submission"].tolist() == [1, 1]
    assert not checked["skipped"].any()
    assert checked["changed"].isna().all()
    assert checked["remark"].tolist() == [None, None]


def test_an_empty_table_keeps_its_types() -> None:
    """No answers at all is a table too."""
    assert {name: str(dtype) for name, dtype in empty().dtypes.items()} == COLUMNS
    checked = check_annotations(pd.DataFrame({"item_id": [], "annotator": [], "label": []}))
    assert {name: str(dtype) for name, dtype in checked.dtypes.items()} == COLUMNS
    assert newest_answers(empty()).empty


def test_texts_of_a_csv_become_types() -> None:
    """Cells as they stand in a CSV file are read: truths, times, counts, numbers."""
    checked = check_annotations(
        make_table(
            round=["1", "2"],
            rating=["0.700", ""],
            skipped=["false", "TRUE"],
            prefilled=["1", "0"],
            changed=["true", ""],
            created_at=["2024-05-01T12:00:00.123456Z", ""],
            task_id=["17", ""],
        )
    )
    assert checked["rating"][0] == 0.7
    assert np.isnan(checked["rating"][1])
    assert checked["skipped"].tolist() == [False, True]
    assert checked["changed"][0] is np.True_
    assert checked["changed"][1] is pd.NA
    assert checked["created_at"][0] == pd.Timestamp("2024-05-01T12:00:00.123456Z")
    assert checked["created_at"][1] is pd.NaT
    assert checked["task_id"].tolist() == [17, pd.NA]


def test_an_answer_without_label_and_rating_is_a_skip() -> None:
    """Where the table does not say what was skipped, an empty answer was."""
    checked = check_annotations(make_table(label=["normal", None]))
    assert checked["skipped"].tolist() == [False, True]


def test_unknown_columns_stay() -> None:
    """Columns of others come back untouched, behind ours."""
    checked = check_annotations(make_table(microscope=["left", "right"]))
    assert list(checked.columns) == [*COLUMNS, "microscope"]


def test_checking_twice_changes_nothing() -> None:
    """A checked table passes its own check unchanged."""
    once = check_annotations(make_table(rating=["0.1", ""], skipped=["false", "false"]))
    pd.testing.assert_frame_equal(check_annotations(once), once)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("item_id", ["a", ""], "item_id is empty in row 2 (1)"),
        ("item_id", [7.0, 8.0], "item_id is a floating-point number in row 1, 2 (2)"),
        ("item_id", [b"a", b"\xff"], "item_id is bytes in row 1, 2 (2)"),
        ("item_id", ["a", ["b", "c"]], "item_id is a list in row 2 (1)"),
        ("annotator", [None, "Ann"], "annotator is empty in row 1 (1)"),
        ("round", [0, 1], "round is not a whole number from 1 in row 1 (1)"),
        ("round", ["one", "1"], "round is not a number in row 1 (1)"),
        ("rating", ["good", "0.5"], "rating is not a number in row 1 (1)"),
        ("rating", ["inf", "0.5"], "rating is infinite in row 1 (1)"),
        ("lead_time_s", [-1.0, 2.0], "lead_time_s is negative in row 1 (1)"),
        ("skipped", ["perhaps", "true"], "skipped is neither true nor false in row 1 (1)"),
        ("created_at", ["yesterday", ""], "created_at is not a time in row 1 (1)"),
        ("task_id", [1.5, 2], "task_id is not a whole number in row 1 (1)"),
    ],
)
def test_a_faulty_cell_is_named(column: str, values: list[object], message: str) -> None:
    """The message says which column, which rows, how many."""
    with pytest.raises(SourceError) as caught:
        check_annotations(make_table(**{column: values}))
    assert message in str(caught.value)
    assert "; " in str(caught.value)


def test_only_the_first_five_rows_are_named() -> None:
    """A table that is wrong all over gives one short line."""
    table = pd.DataFrame({"item_id": ["a"] * 9, "annotator": [""] * 9, "label": ["x"] * 9})
    with pytest.raises(SourceError, match=r"row 1, 2, 3, 4, 5, \.\.\. \(9\)"):
        check_annotations(table)


def test_a_missing_column_is_named() -> None:
    """Without its three columns a table is refused, and told what it has."""
    with pytest.raises(SourceError, match=r"no column annotator, label \(2\).*there are: item_id"):
        check_annotations(pd.DataFrame({"item_id": ["a"]}))


def test_an_answer_must_say_something() -> None:
    """No label, no rating and not skipped is nothing."""
    with pytest.raises(SourceError, match="label is empty, with no rating and no skip"):
        check_annotations(make_table(label=["normal", None], skipped=[False, False]))


def test_the_newest_answer_counts() -> None:
    """Of two answers of a person to an item in a round the later one counts."""
    table = check_annotations(
        pd.DataFrame(
            {
                "item_id": ["a", "a", "a", "b", "a"],
                "annotator": ["Ann", "Ann", "Bob", "Ann", "Ann"],
                "round": [1, 1, 1, 1, 2],
                "label": ["late", "early", "only", "only", "second"],
                "created_at": ["2024-05-02", "2024-05-01", "2024-05-01", "2024-05-01", ""],
            }
        )
    )
    assert table["submission"].tolist() == [2, 1, 1, 1, 1]
    newest = newest_answers(table)
    assert newest["label"].tolist() == ["late", "only", "only", "second"]


def test_the_answer_that_was_changed_last_counts() -> None:
    """Also where somebody went back to the earlier one of two."""
    table = check_annotations(
        make_table(
            item_id=["a", "a"],
            label=["normal", "anomaly"],
            created_at=["2024-05-01T12:00:00Z", "2024-05-01T12:00:05Z"],
            updated_at=["2024-05-01T12:00:09Z", ""],
        )
    )
    assert table["submission"].tolist() == [2, 1]
    assert newest_answers(table)["label"].tolist() == ["normal"]


def test_without_times_the_last_row_counts() -> None:
    """Double answers of a table without times count in the order of the rows."""
    table = check_annotations(make_table(item_id=["a", "a"]))
    assert newest_answers(table)["label"].tolist() == ["anomaly"]


def test_numbered_twice_is_refused() -> None:
    """Two answers with the same number have no newest."""
    with pytest.raises(SourceError, match="submission is the same twice"):
        check_annotations(make_table(item_id=["a", "a"], submission=[1, 1]))


def test_csv_texts_stay_texts(tmp_path: Path) -> None:
    """Ids with zeros in front and a person called NA survive a CSV file."""
    path = tmp_path / "annotations.csv"
    path.write_text("item_id,annotator,label\n007,NA,normal\n008,None,anomaly\n")
    table = read_annotations(path)
    assert table["item_id"].tolist() == ["007", "008"]
    assert table["annotator"].tolist() == ["NA", "None"]


def test_an_unreadable_file_is_one_line(tmp_path: Path) -> None:
    """A missing, empty or binary file is named with what to do."""
    with pytest.raises(SourceError, match="no table annotations.csv"):
        read_annotations(tmp_path / "annotations.csv")
    for content in (b"", b"\xff\xfe\x00\x01\x80"):
        (tmp_path / "bad.csv").write_bytes(content)
        with pytest.raises(SourceError, match=r"bad\.csv.*; ") as caught:
            read_annotations(tmp_path / "bad.csv")
        assert "\n" not in str(caught.value)
