"""The question "how good is this image?": items, label page and answers of ``sted-rating``.

Pure. How a rating stands in an answer is in `rating_digits`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ls_integration.answers import Judgement, Reader, Writer
from ls_integration.errors import TaskError
from ls_integration.kinds.kind import Kind, Page
from ls_integration.kinds.page_texts import NOTHING, html_of, place_texts
from ls_integration.kinds.rating_digits import rating_result, read_rating
from ls_integration.kinds.sted_items import begin_items
from ls_integration.kinds.sted_pages import (
    hide_structure,
    image_width_px,
    read_sted_config,
    skip_key,
)
from ls_integration.kinds.sted_quality import limit_text, order_tells_label
from ls_integration.kinds.sted_source import truth_label
from ls_integration.label_config import Control, LabelConfig
from ls_integration.study import Study

KIND = "sted-rating"
LABEL_CONFIG = "sted_rating"

_ITEM_COLUMNS = [
    "item_id",
    "position",
    "part",
    "image",
    "source_path",
    "source_index",
    "rating",
    "structure",
    "group",
    "peak_count",
]


def make_items(rows: pd.DataFrame, *, make_id: Callable[[str], str]) -> pd.DataFrame:
    """Make the items table from the rows that were selected.

    Parameters
    ----------
    rows : DataFrame
        ``source_path, source_index, rating, structure, group, item_id``, in
        the study's order.
    make_id : callable
        ``source_path`` -> opaque id, where ``item_id`` of *rows* is None.

    Returns
    -------
    DataFrame
        The items; ``rating`` is the old one. ``image`` and ``peak_count`` are
        empty until the pictures have been drawn.
    """
    items = begin_items(rows, make_id=make_id)
    items["source_index"] = rows["source_index"].to_numpy(dtype=np.float64)
    return items[_ITEM_COLUMNS]


def make_page(
    study: Study,
    items: pd.DataFrame,
    predictions: pd.DataFrame,  # noqa: ARG001
    picture_url: Callable[[str], str],
    view: str = "",
) -> Page:
    """Write all that a project of a study shows.

    Parameters
    ----------
    study : Study
        Blind or not, shared or not, and its limits.
    items : DataFrame
        The items, with their parts and pictures.
    predictions : DataFrame
        There are none: the page never starts from a rating.
    picture_url : callable
        ``image`` -> address for ``task.data``.
    view : str
        There is one only.

    Returns
    -------
    Page
        Of a blind study without the old ratings, and without what tells them.
    """
    is_shared = study.overlap is not None
    shown = items
    if study.blind:
        notes = ["BLIND: the server holds nothing of the old ratings"]
        normal_at_least = float(study.options["normal_at_least"])
        labels = [truth_label(rating, normal_at_least) for rating in items["rating"]]
        labelled = items.assign(label=np.array(labels, dtype=object))
        if order_tells_rating(items) or order_tells_label(labelled):
            notes.append(
                "the images come in the order of their old ratings, which reviewers may notice: "
                "--order random"
            )
        shown = hide_structure(labelled)
        if shown is not labelled:
            notes.append("the structure is not shown: it tells the old rating")
        shown = shown.assign(rating=np.nan)
    else:
        notes = ["reviewers will see the old rating; the pages start empty (--blind hides it)"]
    tasks = [
        {
            "data": {
                "image": picture_url(image),
                "item_id": item_id,
                "progress": place,
                "structure": structure if isinstance(structure, str) else NOTHING,
                "old_rating": NOTHING if np.isnan(rating) else f"Old rating: {limit_text(rating)}",
            }
        }
        for item_id, image, structure, rating, place in zip(
            shown["item_id"],
            shown["image"],
            shown["structure"],
            shown["rating"].to_numpy(dtype=np.float64).tolist(),
            place_texts(items["part"].tolist(), is_shared=is_shared),
            strict=True,
        )
    ]
    config = read_sted_config(LABEL_CONFIG, study, view)
    text = instructions(is_blind=study.blind, is_shared=is_shared)
    return Page(config, tasks, text, tuple(notes), None)


def order_tells_rating(items: pd.DataFrame) -> bool:
    """Tell whether the images come sorted by their old ratings.

    Parameters
    ----------
    items : DataFrame
        The items, in the study's order.

    Returns
    -------
    bool
        True if so, up or down, with three different ratings at least.
    """
    ratings = items["rating"].dropna()
    is_sorted = ratings.is_monotonic_increasing or ratings.is_monotonic_decreasing
    return bool(ratings.nunique() >= 3 and is_sorted)


def read_answer(config: LabelConfig) -> Reader:
    """Make the reader of a study's answers.

    Parameters
    ----------
    config : LabelConfig
        The study's label page.

    Returns
    -------
    callable
        A task and a result -> the one rating.
    """
    digits = _digits(config)

    def read(task: Mapping[str, Any], result: Sequence[Mapping[str, Any]]) -> list[Judgement]:
        return [Judgement(str(task["data"]["item_id"]), rating=read_rating(*digits, result))]

    return read


def write_answer(config: LabelConfig) -> Writer:
    """Make the writer of answers, for those that were given elsewhere.

    Parameters
    ----------
    config : LabelConfig
        The study's label page.

    Returns
    -------
    callable
        A judgement -> its result.
    """
    digits = _digits(config)

    def write(judgement: Judgement) -> list[dict[str, Any]]:
        if judgement.rating is None:
            msg = f"there is no rating of the item {judgement.item_id}; leave it out"
            raise TaskError(msg)
        return rating_result(*digits, judgement.rating)

    return write


def _digits(config: LabelConfig) -> tuple[Control, Control]:
    """Give the two rows of digits, as they stand on the page."""
    tenths, hundredths = (
        control for control in config.controls.values() if control.kind == "Choices"
    )
    return tenths, hundredths


def instructions(*, is_blind: bool, is_shared: bool = False) -> str:
    """Write the default instructions of the project, as Label Studio's HTML.

    Parameters
    ----------
    is_blind : bool
        The old rating is not shown.
    is_shared : bool
        One project for all people: each sees only some of the images.

    Returns
    -------
    str
        HTML of paragraphs.
    """
    paragraphs = [
        "You see one STED microscopy image at a time. How good is it, from <b>0</b> (worst) to "
        "<b>1</b> (best)?",
        "Good: the structure is sharp, continuous and well above the background. Bad: it is "
        "blurred, dim, noisy, bleached or otherwise unusable.",
        "A rating has two digits after the point. For <b>0.73</b> press <b>7</b>, then <b>Shift+3"
        "</b>, then <b>Enter</b>:",
        "<b>0</b> to <b>9</b> tenths<br><b>Shift+0</b> to <b>Shift+9</b> hundredths<br>"
        "<b>t</b> 1.00, the best<br><b>Enter</b> submits and goes on<br>"
        f"{skip_key(is_shared=is_shared)}",
        "The large number shows what will be sent. A wrong digit is corrected by pressing the "
        "right one. (Pressing the same key again takes the digit away.) Without both digits "
        "nothing is sent.",
        "To correct an earlier answer, go back with the arrow <b>&lt;</b> at the bottom left, "
        "press the other digit, then Enter; the arrow <b>&gt;</b> goes on.",
        "Brightness is beside the picture. Your answers are saved one by one: you can stop at any "
        "time and go on later. Escape closes these instructions.",
    ]
    if not is_blind:
        paragraphs.insert(
            2,
            "The old rating stands beside the picture. It may be wrong: say what you see.",
        )
    return html_of(paragraphs)


STED_RATING = Kind(
    name=KIND,
    positive="",
    labels=(),
    read_config=partial(read_sted_config, LABEL_CONFIG),
    make_page=make_page,
    read_answer=read_answer,
    fit_width_px=image_width_px,
    write_answer=write_answer,
)
