"""How far everybody is: counted on tables made by hand."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
import typer

from ls_integration.annotations import check_annotations, empty
from ls_integration.cli.people import split_names
from ls_integration.cli.status import cells, plain_table
from ls_integration.errors import ConfigError
from ls_integration.server.people import Person
from ls_integration.workflows.members import find_member
from ls_integration.workflows.status import (
    Asked,
    Progress,
    answers_per_hour,
    progress_of,
    progress_together,
)

ITEMS = frozenset("abcd")

START = datetime(2026, 1, 1, 9, tzinfo=UTC)


def answer(
    item: str, person: str, at_s: float, *, label: str | None = "normal", **changes: object
) -> dict[str, object]:
    """Make a row of the annotations table; no label is a skip."""
    created = START + timedelta(seconds=at_s)
    return {
        "item_id": item,
        "annotator": person,
        "round": 1,
        "label": label,
        "skipped": label is None,
        "lead_time_s": 1.0,
        "created_at": created,
        "updated_at": created,
        **changes,
    }


def times(*seconds: float) -> "pd.Series[pd.Timestamp]":
    """Give server times, in seconds after the start."""
    return pd.Series([pd.Timestamp(START) + pd.Timedelta(seconds=second) for second in seconds])


def test_everybody_is_counted_by_round() -> None:
    """Done, skipped, drafts and left; a person without a project has no rest."""
    table = check_annotations(
        pd.DataFrame(
            [
                answer("a", "Ada", 0, lead_time_s=2.0),
                answer("b", "Ada", 10, label=None, lead_time_s=90.0),
                answer("c", "Ada", 20, lead_time_s=4.0),
                answer("a", "Ada", 30, round=2, lead_time_s=float("nan")),
                answer("a", "Cy", 0),
            ]
        )
    )
    asked = [Asked("Ada", 1, ITEMS, 1), Asked("Ben", 1, ITEMS, 0), Asked("Ada", 2, ITEMS, 0)]
    assert progress_of(table, asked) == [
        Progress("Ada", 1, 2, 1, 1, 2, 3.0, 180.0),
        Progress("Ben", 1, 0, 0, 0, 4, None, None),
        Progress("Ada", 2, 1, 0, 0, 3, None, None),
        Progress("Cy", 1, 1, 0, None, None, 1.0, None),
    ]


def test_a_skip_that_was_answered_later_is_done() -> None:
    """The newest answer of an item counts, and only once."""
    rows = [answer("a", "Ada", 0, label=None), answer("a", "Ada", 60), answer("a", "Ada", 90)]
    (ada,) = progress_of(
        check_annotations(pd.DataFrame(rows)), [Asked("Ada", 1, frozenset("ab"), 0)]
    )
    assert (ada.done, ada.skipped, ada.left) == (1, 0, 1)


def test_a_study_without_answers_has_everything_left() -> None:
    """Nothing is known of the pace."""
    assert progress_of(empty(), [Asked("Ada", 1, frozenset("abcdefg"), 0)]) == [
        Progress("Ada", 1, 0, 0, 0, 7, None, None)
    ]


def test_pauses_are_left_out_of_the_pace() -> None:
    """Four gaps of 10 s make 360 an hour, whatever lies between them and the order."""
    assert answers_per_hour(times(10, 0, 20, 4000, 4010, 4020)) == 360.0
    # Exactly five minutes is no pause yet.
    assert answers_per_hour(times(0, 300)) == 12.0
    assert answers_per_hour(times(0, 301)) is None
    assert answers_per_hour(times(5)) is None
    assert answers_per_hour(times()) is None


def test_answers_that_came_in_at_once_have_no_pace() -> None:
    """An old session that was brought in does not make its author fast."""
    assert answers_per_hour(times(0, 0.001, 0.002, 0.003)) is None
    assert answers_per_hour(times(0, 0.001, 0.002, 60, 70, 80)) == 360.0


def test_the_plain_table_is_aligned() -> None:
    """Numbers to the right; what is not known is a hyphen, what acts is written out."""
    rows = [
        ("person", "round", "done", "skipped", "drafts", "left", "median s", "per hour"),
        cells(Progress("Ada", 1, 10, 0, 1, 539, 0.846, 812.4)),
        cells(Progress("C\x1b[2J", 1, 1, 0, None, None, None, None)),
    ]
    assert plain_table(rows).splitlines() == [
        "person    round  done  skipped  drafts  left  median s  per hour",
        "Ada           1    10        0       1   539      0.85       812",
        "C\\x1b[2J      1     1        0       -     -         -         -",
    ]


def test_names_and_emails_are_taken_apart() -> None:
    """Spaces are single; an empty part or two e-mails for one name are refused."""
    assert split_names(["Ada", " Ben  B = ben@example.org"]) == (
        ["Ada", "Ben B"],
        {"Ben B": "ben@example.org"},
    )
    for words in (["=x@y.z"], ["Ada="], ["Ada=a@y.z", "Ada=b@y.z"]):
        with pytest.raises(typer.BadParameter):
            split_names(words)


def test_a_member_is_found_by_name_or_login() -> None:
    """Two of one name are told apart by their logins only."""
    ada, namesake = Person("Ada", "ada@x.org", 1), Person("Ada", "ada2@x.org", 2)
    assert find_member([ada], " Ada ") == ada
    assert find_member([ada, namesake], "ADA2@x.org") == namesake
    with pytest.raises(ConfigError, match="ada@x.org, ada2@x.org"):
        find_member([ada, namesake], "Ada")
    with pytest.raises(ConfigError, match="nobody on the server is called 'Ben'"):
        find_member([ada], "Ben")


def test_a_shared_project_is_counted_by_image() -> None:
    """Enough answers of different people; more than enough is one image; a skip is none."""
    table = check_annotations(
        pd.DataFrame(
            [
                answer("a", "Ada", 0),
                answer("a", "Ben", 10),
                answer("a", "Cy", 20),
                answer("b", "Ada", 30, lead_time_s=3.0),
                answer("b", "Ben", 40, label=None),
                # The same person twice is one answer.
                answer("b", "Ada", 50, lead_time_s=3.0),
                answer("c", "Ben", 60, label=None),
                answer("a", "Ben", 70, round=2),
            ]
        )
    )
    (together,) = progress_together(table, [Asked("", 1, frozenset("abcde"), 1)], 2)
    assert together.annotator == "together (2 each)"
    assert (together.done, together.skipped, together.drafts, together.left) == (1, 2, 1, 4)
    assert together.median_decision_time_s == 1.0
    (ada,) = progress_of(table.loc[table["annotator"] == "Ada"], [Asked("Ada", 1, None, None)])
    assert (ada.done, ada.drafts, ada.left) == (2, None, None)


def test_the_pages_of_both_views_are_left_and_those_of_one_item_once() -> None:
    """A frame is a page beside its cutouts; the owner's project and one by name are one task."""
    table = check_annotations(pd.DataFrame([answer("a", "Ada", 0), answer("frame", "Ada", 10)]))
    cutouts, frames = Asked("Ada", 1, ITEMS, 1), Asked("Ada", 1, frozenset(["frame", "next"]), 2)
    (ada,) = progress_of(table, [cutouts, frames, cutouts])
    assert (ada.done, ada.drafts, ada.left) == (2, 4, 4)
    again = Asked("", 2, ITEMS, 0)
    first, second = progress_together(table, [cutouts, frames, again], 1)
    assert (first.done, first.drafts, first.left) == (2, 3, 4)
    assert (second.round, second.done, second.left) == (2, 0, 4)
