"""The first answer, kept inside the one that took its place."""

from typing import Any

from ls_integration.first_answers import keep_first_answer, read_first_answer
from ls_integration.label_config import choice_result, parse, read_choice
from ls_integration.resources import label_config_xml

CONTROL = parse(label_config_xml("sted_quality")).choices()
NORMAL, ANOMALY = choice_result(CONTROL, "normal"), choice_result(CONTROL, "anomaly")


def correct(
    before: list[dict[str, Any]],
    after: list[dict[str, Any]],
    *,
    was_skipped: bool = False,
    is_skipped: bool = False,
) -> tuple[str | None, str | None]:
    """Give first and last answer after one correction; what counts is as it was sent."""
    kept = keep_first_answer(before, after, was_skipped=was_skipped, is_skipped=is_skipped)
    assert [{**item, "meta": None} for item in kept] == [{**item, "meta": None} for item in after]
    return read_choice(CONTROL, read_first_answer(kept)), read_choice(CONTROL, kept)


def test_the_first_answer_survives_every_correction() -> None:
    """Also the second one, and the way back; the browser may send it along or not."""
    once = keep_first_answer(NORMAL, ANOMALY, was_skipped=False, is_skipped=False)
    assert correct(NORMAL, ANOMALY) == ("normal", "anomaly")
    assert correct(once, NORMAL) == ("normal", "normal")
    assert correct(once, once) == ("normal", "anomaly")
    assert read_first_answer(NORMAL) == []


def test_what_was_not_an_answer_is_not_kept() -> None:
    """A skip holds what the page started from; saving the same again is no correction."""
    assert correct(NORMAL, ANOMALY, was_skipped=True) == (None, "anomaly")
    assert correct(NORMAL, NORMAL) == (None, "normal")
    assert correct([], ANOMALY) == (None, "anomaly")
    again = [{**NORMAL[0], "id": "chosen-anew"}]
    assert correct(NORMAL, again) == (None, "normal")


def test_an_answer_that_was_skipped_later_is_kept() -> None:
    """Through the skip, into the answer that comes after it; other notes stay."""
    skipped = keep_first_answer(NORMAL, NORMAL, was_skipped=False, is_skipped=True)
    assert read_choice(CONTROL, read_first_answer(skipped)) == "normal"
    assert correct(skipped, ANOMALY, was_skipped=True) == ("normal", "anomaly")
    noted = [{**ANOMALY[0], "meta": {"text": ["blurred"]}}]
    kept = keep_first_answer(NORMAL, noted, was_skipped=False, is_skipped=False)
    assert kept[0]["meta"]["text"] == ["blurred"]
    assert noted[0]["meta"] == {"text": ["blurred"]}
