"""How far the items of each value of a column are: counted on tables made by hand."""

import base64
import gzip
import json
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.cli.status import by_table
from ls_integration.errors import ConfigError
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import stream_link
from ls_integration.workflows.status_by import (
    ByValue,
    askings,
    count_by,
    passed_over,
    unanswered,
    values_of,
)

ITEMS = pd.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "label": ["artifact", "artifact", "no artifact", "no artifact"],
        "image_name": ["two", "one", "one", "two"],
        "grid_id": ["7", None, "8", "9"],
        "row": [1, 2, 3, 4],
        "tiles": ["[]"] * 4,
    }
)


def study(*projects: Project, **options: object) -> Study:
    """Make a study of these projects."""
    return Study(
        kind="cutouts", title="By", blind=False, projects=list(projects), options=dict(options)
    )


def said(*rows: tuple[str, str, str | None, int]) -> pd.DataFrame:
    """Make annotations of (item, annotator, label or None for a skip, project)."""
    frame = pd.DataFrame(rows, columns=["item_id", "annotator", "label", "project_id"])
    return check_annotations(frame.assign(skipped=frame["label"].isna()))


def test_values_are_texts_in_the_order_of_the_study() -> None:
    """Numbers too; what is not there is empty; a column that is not there names those that are."""
    assert values_of(ITEMS, "row").tolist() == ["1", "2", "3", "4"]
    assert values_of(ITEMS, "grid_id").tolist() == ["7", "", "8", "9"]
    with pytest.raises(ConfigError, match="--by frame.*item_id, label, image_name, grid_id, row$"):
        values_of(ITEMS, "frame")


def test_a_shared_study_needs_its_overlap_from_different_people() -> None:
    """Two of two people; a skip is no answer, and one person's two views count once."""
    shared = Project(key="s", title="By", project_id=1, shared=True)
    frames = shared.model_copy(update={"key": "f", "project_id": 2, "view": "frames"})
    (asked,) = askings(study(shared, frames, shared=True, overlap=2))
    assert (asked.n_answers, len(asked.projects)) == (2, 2)
    answers = said(
        *(("a", "Ann", "artifact", 1), ("a", "Bob", "artifact", 2)),
        *(("b", "Ann", "artifact", 1), ("b", "Ann", "artifact", 2)),
        *(("c", "Ann", "artifact", 1), ("c", "Bob", None, 1)),
    )
    assert unanswered(["a", "b", "c", "d"], answers, [asked]) == [{"b", "c", "d"}]


def test_everybodys_own_project_must_be_done() -> None:
    """An item is open while somebody who is asked has not answered it; each round is asked."""
    ann = Project(key="1", title="Ann", project_id=1, annotator="Ann")
    again = Project(key="2", title="Ann 2", project_id=2, annotator="Ann", round=2)
    unsent = Project(key="3", title="Bob", annotator="Bob")
    asked = askings(study(ann, again, unsent))
    assert [(one.annotator, one.round) for one in asked] == [("Ann", 1), ("Ann", 2)]
    answers = said(("a", "Ann", "artifact", 1), ("b", "Ann", "artifact", 1))
    answers["round"] = 1
    assert unanswered(["a", "b"], answers, asked) == [set(), {"a", "b"}]


def test_counts_by_frame() -> None:
    """Changed is another label than the present one; unsure, and what was not asked, are none."""
    answers = said(
        *(("a", "Ann", "no artifact", 1), ("d", "Ann", "no artifact", 1)),
        *(("b", "Ann", "unsure", 1), ("elsewhere", "Ann", "artifact", 1)),
    )
    names = values_of(ITEMS, "image_name")
    expected = {"two": (2, 2, None, 1, 0), "one": (2, 1, None, 0, 1)}
    assert count_by(ITEMS, names, answers, {"c"}, None) == expected
    unlabelled = ITEMS.drop(columns="label")
    assert count_by(unlabelled, names, answers, {"c"}, None)["one"] == (2, 1, None, None, 1)
    # What one round passed over and another still asks about is open.
    counts = count_by(ITEMS, names, answers, {"c"}, {"c", "b"})
    assert counts == {"two": (2, 2, 0, 1, 0), "one": (2, 0, 1, 0, 1)}


def page(*people: int | None, skipped: bool = False) -> dict[str, object]:
    """Make a task that these people submitted."""
    return {"annotations": [{"completed_by": one, "was_cancelled": skipped} for one in people]}


def test_a_submitted_frame_asks_no_more_about_what_was_left_alone_there() -> None:
    """Unless too few people submitted it, it was skipped, or the item has a page of its own."""
    frame_of = dict.fromkeys("ab", "frame")
    submitted, cutouts = {"frame": page(1)}, {"a": page()}
    assert passed_over("ab", frame_of, [submitted], 1) == {"a", "b"}
    assert passed_over("a", frame_of, [submitted], 1) == {"a"}
    assert passed_over("ab", frame_of, [submitted, cutouts], 1) == {"b"}
    assert passed_over("ab", frame_of, [submitted], 2) == set()
    assert passed_over("ab", frame_of, [{"frame": page(1, 1)}], 2) == set()
    assert passed_over("ab", frame_of, [{"frame": page(1, 2)}], 2) == {"a", "b"}
    assert passed_over("ab", frame_of, [{"frame": page(1, skipped=True)}], 1) == set()
    assert passed_over("ab", {}, [cutouts], 1) == set()


def test_the_address_holds_the_filter() -> None:
    """No tab of the server's is needed, and Label Studio's own check (no number) is passed."""
    link = stream_link("http://here", 3, "image_name", 'a "b" ü')
    query = parse_qs(urlsplit(link).query)
    assert query["labeling"] == ["1"]
    (key,) = query["tab"]
    tab = json.loads(gzip.decompress(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))))
    (wanted,) = tab["filters"]["items"]
    assert (wanted["filter"], wanted["value"]) == ("filter:tasks:data.image_name", 'a "b" ü')
    assert not key[0].isdigit()


def test_lines_end_with_the_address() -> None:
    """Aligned but for the last column; nothing to go on with is nothing."""
    rows = [ByValue("one", 12, 2, None, 1, 10, "http://x"), ByValue("", 1, 1, None, None, 0, None)]
    assert by_table("image_name", rows).splitlines() == [
        "image_name  items  done  changed  open  go on",
        "one            12     2        1    10  http://x",
        "-               1     1        -     0",
    ]
    rows = [ByValue("one", 12, 2, 9, 1, 1, "http://x")]
    assert by_table("image_name", rows).splitlines() == [
        "image_name  items  done  untouched  changed  open  go on",
        "one            12     2          9        1     1  http://x",
    ]
