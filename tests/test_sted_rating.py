"""The question of a re-rating study: digits, exact ratings, what a blind page hides."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ls_integration.answers import Judgement
from ls_integration.errors import TaskError
from ls_integration.first_answers import keep_first_answer, read_first_answer
from ls_integration.kinds.sted_rating import (
    STED_RATING,
    make_items,
    make_page,
    order_tells_rating,
    read_answer,
    write_answer,
)
from ls_integration.study import Study

STUDY = Study(
    kind="sted-rating", title="T", blind=False, options={"normal_at_least": 0.7, "overlap": None}
)
CONFIG = STED_RATING.read_config(STUDY, "")
READ, WRITE = read_answer(CONFIG), write_answer(CONFIG)
TASK = {"data": {"item_id": "a"}}


def digits(**chosen: str) -> list[dict[str, Any]]:
    """Write what the page sends when these digits are set."""
    return [
        {"from_name": name, "to_name": "image", "type": "choices", "value": {"choices": [text]}}
        for name, text in chosen.items()
    ]


def read(result: list[dict[str, Any]]) -> float | None:
    (judgement,) = READ(TASK, result)
    assert (judgement.item_id, judgement.label) == ("a", None)
    return judgement.rating


def write(rating: float) -> list[dict[str, Any]]:
    return WRITE(Judgement("a", rating=rating))


def test_two_digits_are_one_number() -> None:
    """The text of both, in whichever order they were chosen; 1.00 stands alone."""
    assert read(digits(tenths="0.7", hundredths="3")) == 0.73
    assert read(digits(hundredths="9", tenths="0.2")) == 0.29
    assert read(digits(tenths="1.00")) == 1.0
    assert read(digits(tenths="1.00", hundredths="4")) == 1.0
    assert read(digits(tenths="0.7")) is None
    assert read(digits(hundredths="3")) is None
    assert read([]) is None


@pytest.mark.parametrize("number", range(101))
def test_every_hundredth_is_written_as_the_keys_write_it(number: int) -> None:
    """And read back as the same float64, without anything beside it."""
    rating = float(f"{number / 100:.2f}")
    result = write(rating)
    assert read(result) == rating
    assert all("meta" not in item for item in result)
    assert [item["value"]["choices"][0] for item in result] == (
        ["1.00"] if number == 100 else [f"0.{number // 10}", str(number % 10)]
    )


@pytest.mark.parametrize("rating", [0.999, 0.001, 1e-9, 0.1 + 0.2, 0.7 - 1e-16, 0.123456789])
def test_a_rating_with_more_digits_survives_until_somebody_corrects_it(rating: float) -> None:
    """It is cut, not rounded; any other digit makes it what the keys say."""
    result = write(rating)
    assert read(result) == rating
    shown = "".join(item["value"]["choices"][0] for item in result)
    assert float(shown) <= rating < float(shown) + 0.01
    for name, text in (("tenths", "0.5"), ("hundredths", "6")):
        other = [
            {**item, "value": {"choices": [text]}} if item["from_name"] == name else item
            for item in result
        ]
        assert read(other) == float("".join(item["value"]["choices"][0] for item in other))
    forged = [{**item, "meta": {"rating": 7}} for item in digits(tenths="0.7", hundredths="0")]
    assert read(forged) == 0.7


def test_the_first_answer_keeps_its_digits() -> None:
    """0.999 that was corrected to 0.98 was 0.999."""
    before, after = write(0.999), digits(tenths="0.9", hundredths="8")
    kept = keep_first_answer(before, after, was_skipped=False, is_skipped=False)
    assert read(read_first_answer(kept)) == 0.999
    assert read(kept) == 0.98


@pytest.mark.parametrize("rating", [1.01, -0.01, 500.0, float("nan")])
def test_what_is_no_rating_is_not_written(rating: float) -> None:
    """Neither a number outside of the scale nor none."""
    with pytest.raises(TaskError):
        write(rating)
    with pytest.raises(TaskError):
        WRITE(Judgement("a", label="normal"))


def items_of(ratings: list[float], structures: list[str | None]) -> pd.DataFrame:
    """Make items with these old ratings."""
    rows = pd.DataFrame(
        {
            "source_path": [f"./{number}.npz" for number in range(len(ratings))],
            "source_index": [10.0 * number for number in range(len(ratings))],
            "rating": ratings,
            "structure": structures,
            "group": None,
            "item_id": None,
        }
    )
    items = make_items(rows, make_id=lambda path: f"id of {path}")
    return items.assign(image=[f"p/{number}.webp" for number in range(len(ratings))])


def page_of(items: pd.DataFrame, *, blind: bool, shared: bool = False) -> Any:
    options = {**STUDY.options, "overlap": 2 if shared else None, "shared": shared}
    study = STUDY.model_copy(update={"blind": blind, "options": options})
    return make_page(study, items, pd.DataFrame(), lambda image: f"/{image}")


def test_the_old_rating_is_text_and_never_a_prediction() -> None:
    """With the digits that it has, and at least two; nothing where there is none."""
    page = page_of(items_of([0.713, 0.7, np.nan], ["actin", None, "actin"]), blind=False)
    data = [task["data"] for task in page.tasks]
    assert [row["old_rating"] for row in data] == ["Old rating: 0.713", "Old rating: 0.70", " "]
    assert [row["structure"] for row in data] == ["actin", " ", "actin"]
    assert data[0]["progress"] == "Image 1 of 3"
    assert not any("predictions" in task for task in page.tasks)
    assert page.model_version is None
    assert "old rating stands beside" in page.instructions


def test_a_blind_page_hides_the_rating_and_what_tells_it() -> None:
    """Folders that are good or bad as a whole, and an order by rating, which is said."""
    telling = items_of([0.9, 0.3, 0.8, 0.2], ["best", "worst", "best", "worst"])
    page = page_of(telling, blind=True)
    assert {task["data"]["old_rating"] for task in page.tasks} == {" "}
    assert {task["data"]["structure"] for task in page.tasks} == {" "}
    assert any("structure is not shown" in note for note in page.notes)
    assert not any("in the order of" in note for note in page.notes)
    assert "old rating" not in page.instructions
    ordered = items_of([0.2, 0.3, 0.8], ["actin", "actin", "actin"])
    page = page_of(ordered, blind=True)
    assert {task["data"]["structure"] for task in page.tasks} == {"actin"}
    assert any("in the order of" in note for note in page.notes)
    assert order_tells_rating(ordered.iloc[::-1])
    assert not order_tells_rating(ordered.iloc[[1, 0, 2]])


def test_a_shared_page_tells_no_progress() -> None:
    """Its order is not promised."""
    page = page_of(items_of([0.713, 0.7], [None, None]), blind=False, shared=True)
    assert [task["data"]["progress"] for task in page.tasks] == ["Image no. 1", "Image no. 2"]
