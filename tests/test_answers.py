"""Exported tasks -> the annotations table."""

import random
from typing import Any

import pandas as pd
import pytest

from ls_integration.answers import SEEN_COLUMNS, answers_from_tasks, in_one_table, with_memory
from ls_integration.errors import SourceError
from ls_integration.first_answers import keep_first_answer
from ls_integration.kinds.sted_quality_page import read_answer
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.workflows.project_answers import distinct_names

CONFIG = parse(label_config_xml("sted_quality"))
CONTROL = CONFIG.choices()
READ = read_answer(CONFIG)
NAMES = {1: "Ada", 2: "Ben"}


def annotation(number: int, user: int, choice: str | None, **changes: Any) -> dict[str, Any]:
    """Make an annotation as the paged read gives it; no choice is a skip."""
    return {
        "id": number,
        "completed_by": user,
        "result": choice_result(CONTROL, choice or "normal"),
        "was_cancelled": choice is None,
        "lead_time": 0.1 * number,
        "created_at": f"2026-01-01T00:00:{number:02d}.000001Z",
        "updated_at": f"2026-01-01T00:01:{number:02d}.000001Z",
        "parent_prediction": None,
        **changes,
    }


def task(number: int, *annotations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Make a task that carries the item of its number."""
    return {
        "id": number,
        "data": {"item_id": f"item{number}"},
        "annotations": list(annotations),
        **changes,
    }


TASKS = [
    task(1, annotation(1, 1, "normal", parent_prediction=7), annotation(2, 2, "anomaly")),
    task(2, annotation(3, 1, "anomaly", parent_prediction=8)),
    task(3, annotation(4, 1, None, parent_prediction=9)),
    task(4, annotation(6, 1, "normal"), annotation(5, 1, "anomaly")),
    task(5),
]
"""Confirmed and independent; overruled; skipped; answered twice; not answered."""

SENT = {"item1": "normal", "item2": "normal", "item3": "anomaly"}


def read(tasks: list[dict[str, Any]]) -> pd.DataFrame:
    """Read tasks of project 4, first round."""
    return answers_from_tasks(
        tasks,
        read=READ,
        labels=CONTROL.values,
        project_id=4,
        round_number=1,
        names=NAMES,
        sent_labels=SENT,
    )


def test_each_annotation_is_one_row_with_its_author() -> None:
    """Nothing is averaged or dropped: skips and second answers stay."""
    rows = read(TASKS)
    assert rows["item_id"].tolist() == ["item1", "item1", "item2", "item3", "item4", "item4"]
    assert rows["annotator"].tolist() == ["Ada", "Ben", "Ada", "Ada", "Ada", "Ada"]
    assert rows["label"].tolist() == ["normal", "anomaly", "anomaly", None, "normal", "anomaly"]
    assert rows["skipped"].tolist() == [False, False, False, True, False, False]
    assert rows["lead_time_s"].tolist() == [0.1 * n for n in (1, 2, 3, 4, 6, 5)]


def test_a_skip_has_no_label_although_its_result_is_prefilled() -> None:
    """Label Studio keeps the prefilled result of a skipped task."""
    row = read(TASKS).query("item_id == 'item3'").iloc[0]
    assert row["skipped"]
    assert row["label"] is None
    assert row["changed"] is pd.NA


def test_changed_is_told_against_what_was_sent() -> None:
    """Confirmed is False, overruled True, independent is missing."""
    changed = read(TASKS)["changed"].tolist()
    assert changed[0] is False
    assert changed[2] is True
    assert changed[1] is pd.NA


def test_answers_of_one_person_to_one_task_are_counted_by_time() -> None:
    """The later answer is submission 2, wherever it stands in the list."""
    twice = read(TASKS).query("item_id == 'item4'").set_index("label")["submission"]
    assert twice.to_dict() == {"anomaly": 1, "normal": 2}


def test_the_order_of_tasks_does_not_matter() -> None:
    """Every join is on item_id: a shuffled listing gives the same answers."""
    shuffled = TASKS.copy()
    random.Random(5).shuffle(shuffled)
    key = ["item_id", "annotation_id"]
    pd.testing.assert_frame_equal(
        read(TASKS).sort_values(key, ignore_index=True),
        read(shuffled).sort_values(key, ignore_index=True),
    )


def test_a_backends_prediction_is_read_from_the_server() -> None:
    """Where nothing was sent by us, the prediction with the parent's id counts."""
    tasks = [
        task(
            9,
            annotation(1, 1, "anomaly", parent_prediction=3),
            predictions=[
                {"id": 2, "result": choice_result(CONTROL, "anomaly")},
                {"id": 3, "result": choice_result(CONTROL, "normal")},
            ],
        )
    ]
    row = read(tasks).iloc[0]
    assert row["prefilled"]
    assert row["changed"] is True or bool(row["changed"])


def test_a_task_that_is_not_ours_is_named() -> None:
    """A task without item_id cannot be mapped back."""
    with pytest.raises(SourceError, match=r"without item_id in project 4: 6 \(1\)"):
        read([*TASKS, {"id": 6, "data": {"image": "x"}, "annotations": []}])


def test_no_answers_give_an_empty_table_of_the_same_form() -> None:
    """A study that nobody has begun can be exported."""
    rows = read([task(1), task(2)])
    assert len(rows) == 0
    assert list(rows.columns) == list(read(TASKS).columns)


def test_the_first_answer_is_remembered_when_it_is_corrected_later() -> None:
    """The last answer counts, the first one ever pulled is kept beside it."""
    first, seen = with_memory(read(TASKS), pd.DataFrame())
    assert first["first_label"].isna().all()
    assert list(seen.columns) == SEEN_COLUMNS
    corrected = [task(1, annotation(1, 1, "anomaly", parent_prediction=7)), *TASKS[1:]]
    second, seen = with_memory(read(corrected), seen)
    by_item = second.set_index("item_id")["first_label"]
    assert by_item["item1"] == "normal"
    assert by_item.drop("item1").isna().all()
    third, _ = with_memory(read(TASKS), seen)
    assert third["first_label"].isna().all()


def test_what_the_server_kept_is_the_first_answer() -> None:
    """Also before the first pull, and where it was pulled only after a correction."""

    def corrected(choice: str) -> list[dict[str, Any]]:
        row = annotation(3, 1, choice)
        row["result"] = keep_first_answer(
            choice_result(CONTROL, "normal"), row["result"], was_skipped=False, is_skipped=False
        )
        row["result"][0].setdefault("meta", {"first_answer": choice_result(CONTROL, "normal")})
        return [task(2, row)]

    first, seen = with_memory(read(corrected("anomaly")), pd.DataFrame())
    assert first["first_label"].tolist() == ["normal"]
    back, _ = with_memory(read(corrected("normal")), seen)
    assert back["first_label"].isna().all()


def test_prefilled_is_kept_when_the_prediction_is_deleted() -> None:
    """Label Studio forgets the parent of an answer when its prediction goes."""
    _, seen = with_memory(read(TASKS), pd.DataFrame())
    forgotten = [task(2, annotation(3, 1, "anomaly", parent_prediction=None))]
    rows, _ = with_memory(read(forgotten), seen)
    assert rows["prefilled"].tolist() == [True]


def test_an_answer_from_a_draft_stays_prefilled() -> None:
    """After a reload Label Studio forgets what the page started from; blind studies stay blind."""
    overruled = annotation(1, 1, "anomaly")
    overruled["result"][0]["origin"] = "prediction-changed"
    chosen_anew = annotation(2, 1, "anomaly", draft_created_at="2026-01-01T00:00:01Z")
    chosen_anew["result"][0]["origin"] = "manual"
    replayed = annotation(3, 1, "anomaly", draft_created_at=None)
    rows = read([task(1, overruled, chosen_anew, replayed)])
    assert rows["prefilled"].tolist() == [True, True, False]
    assert rows["changed"].tolist() == [True, True, pd.NA]
    blind = read([task(9, chosen_anew)])
    assert blind["prefilled"].tolist() == [False]


def test_answers_of_one_person_in_two_projects_are_counted_together() -> None:
    """Members can open each other's projects; the tables must still be joined and scored."""
    own = answers_from_tasks(
        [task(1, annotation(9, 1, "normal"))],
        read=READ,
        labels=CONTROL.values,
        project_id=5,
        round_number=1,
        names=NAMES,
        sent_labels={},
    )
    rows = in_one_table([own, read([task(1, annotation(2, 1, "anomaly"))]), read([])])
    assert rows["project_id"].tolist() == [5, 4]
    assert rows["submission"].tolist() == [2, 1]


def test_no_tables_are_an_empty_one() -> None:
    """Nobody has begun, in any project."""
    assert list(in_one_table([read([])]).columns) == list(read(TASKS).columns)


@pytest.mark.parametrize(
    ("strange", "said"),
    [
        ({"result": []}, "task 7: nothing chosen"),
        (
            {"result": [{"from_name": CONTROL.name, "value": {"choices": ["good"]}}]},
            "task 7: good",
        ),
    ],
)
def test_an_answer_that_is_no_choice_is_named(strange: dict[str, Any], said: str) -> None:
    """A label page edited by hand would otherwise be scored as if it said "normal"."""
    with pytest.raises(SourceError, match=rf"project 4 .*{said} \(1\)"):
        read([*TASKS, task(7, annotation(8, 1, "normal", **strange))])


def test_answers_of_a_deleted_account_are_kept() -> None:
    """Label Studio gives them without an author."""
    rows = read([task(1, annotation(1, 1, "normal", completed_by=None))])
    assert rows["annotator"].tolist() == ["deleted-user"]


def test_a_time_below_zero_is_unknown() -> None:
    """A clock that was set back must not keep all other answers from being exported."""
    rows = read([task(1, annotation(1, 1, "normal", lead_time=-3.0)), *TASKS[1:2]])
    assert rows["lead_time_s"].isna().tolist() == [True, False]


def test_the_studys_own_people_keep_their_names() -> None:
    """A namesake among the other members is told apart, whoever came first."""
    names = distinct_names({7: "Ada"}, {1: "root", 3: "Ada", 9: "Ada"})
    assert names == {7: "Ada", 1: "root", 3: "Ada 3", 9: "Ada 9"}
