"""The question "normal or anomaly?" about STED images.

Items, tasks and predictions of the kind ``sted-quality``; pure. The readers of
its sources are in `sted_source`.

The score is "higher = more anomalous" everywhere; normal is a rating at or
above the threshold (0.70 in the authors' code, although their text says "above").
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ls_integration.kinds.sted_source import ANOMALY, NORMAL, truth_label
from ls_integration.label_config import Control, choice_result

KIND = "sted-quality"
LABEL_CONFIG = "sted_quality"
POSITIVE = ANOMALY

IMAGE_WIDTH_PX = 672
"""Widest picture that a screen of 1366x768 shows without scrolling, and three
times the 224 pixels of the STED images."""

_ITEM_COLUMNS = [
    "item_id",
    "position",
    "part",
    "image",
    "source_path",
    "rating",
    "label",
    "model_score",
    "model_label",
    "structure",
    "group",
    "peak_count",
]


def make_items(
    rows: pd.DataFrame, *, make_id: Callable[[str], str], normal_at_least: float
) -> pd.DataFrame:
    """Make the items table from a source's selected rows.

    Parameters
    ----------
    rows : DataFrame
        From `sted_source`: ``source_path, rating, structure, group,
        model_score, model_label, item_id``, in the study's order.
    make_id : callable
        ``source_path`` -> opaque id, where ``item_id`` of *rows* is None.
    normal_at_least : float
        Rating in [0, 1] from which an image is normal.

    Returns
    -------
    DataFrame
        The items; ``image`` and ``peak_count`` are empty until the pictures
        have been rendered.
    """
    items = pd.DataFrame(
        {
            "source_path": rows["source_path"].to_numpy(dtype=object),
            "rating": rows["rating"].to_numpy(dtype=np.float64),
            "model_score": rows["model_score"].to_numpy(dtype=np.float64),
            "model_label": rows["model_label"].to_numpy(dtype=object),
            "structure": rows["structure"].to_numpy(dtype=object),
            "group": rows["group"].to_numpy(dtype=object),
        }
    )
    given = rows["item_id"].tolist()
    items["item_id"] = [
        own if isinstance(own, str) and own else make_id(path)
        for own, path in zip(given, items["source_path"], strict=True)
    ]
    items["position"] = np.arange(len(items), dtype=np.int64)
    items["part"] = np.int64(1)
    items["label"] = np.array(
        [truth_label(rating, normal_at_least) for rating in items["rating"]], dtype=object
    )
    items["image"] = pd.Series([None] * len(items), dtype=object)
    items["peak_count"] = np.nan
    return items[_ITEM_COLUMNS]


def structure_tells_label(items: pd.DataFrame) -> bool:
    """Tell whether the structure on the page would give the right answer away.

    It is the name of a folder where a source has no column for it, and many
    sources keep their normal images in one folder and the anomalies in another.

    Parameters
    ----------
    items : DataFrame
        The items.

    Returns
    -------
    bool
        True if a structure is called as one of the answers, or if each one
        stands for a single answer and both occur.
    """
    named = {str(name).strip().lower() for name in items["structure"].dropna()}
    if named & {NORMAL, ANOMALY}:
        return True
    known = items.loc[items["label"].notna() & items["structure"].notna()]
    labels = known.groupby("structure")["label"].nunique()
    return bool(len(set(known["label"])) > 1 and (labels == 1).all())


def order_tells_label(items: pd.DataFrame) -> bool:
    """Tell whether all images of one answer come before those of the other.

    Parameters
    ----------
    items : DataFrame
        The items, in the study's order.

    Returns
    -------
    bool
        True if so, with three images of either answer at least.
    """
    labels = items["label"].dropna()
    n_changes = int((labels != labels.shift()).sum()) - 1
    return n_changes == 1 and int(labels.value_counts().min()) >= 3


def sent_predictions(items: pd.DataFrame, model_version: str) -> pd.DataFrame:
    """Choose what the label pages of an assisted study start from.

    Parameters
    ----------
    items : DataFrame
        The items.
    model_version : str
        Name of the model's answers on the server.

    Returns
    -------
    DataFrame
        ``item_id, label, score, model_version`` of the items that have a
        model's answer. ``score`` is the model's own, on its own scale; 1 or 0
        where the source has a decision and no score.
    """
    answered = items.loc[items["model_label"].notna()]
    score = answered["model_score"].to_numpy(dtype=np.float64, copy=True)
    # A source with decisions and no scores: certain of what it says.
    decided = (answered["model_label"] == POSITIVE).to_numpy(dtype=np.float64)
    score[np.isnan(score)] = decided[np.isnan(score)]
    return pd.DataFrame(
        {
            "item_id": answered["item_id"].to_numpy(dtype=object),
            "label": answered["model_label"].to_numpy(dtype=object),
            "score": score,
            "model_version": model_version,
        }
    )


def make_tasks(
    items: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    control: Control,
    picture_url: Callable[[str], str],
    texts: Mapping[str, str],
    is_shared: bool = False,
) -> list[dict[str, Any]]:
    """Write the items as Label Studio tasks, in the study's order.

    Parameters
    ----------
    items : DataFrame
        The items, with their parts and pictures.
    predictions : DataFrame
        From `sent_predictions`; no rows in a blind study.
    control : Control
        The choices of the label config.
    picture_url : callable
        ``image`` -> address for ``task.data``.
    texts : mapping of str to str
        From `page_texts`.
    is_shared : bool
        The pages come in no order, so they tell no progress.

    Returns
    -------
    list of dict
        ``data`` and, where there is one, ``predictions``. Neither rating,
        label, score nor source name is in ``data``.
    """
    by_item = predictions.set_index("item_id").to_dict("index") if len(predictions) else {}
    tasks: list[dict[str, Any]] = []
    if is_shared:
        places = [f"Image no. {number}" for number in range(1, len(items) + 1)]
    else:
        places = progress_texts(items["part"].tolist())
    columns = (items["item_id"], items["image"], items["structure"], places)
    for item_id, image, structure, progress in zip(*columns, strict=True):
        data = {
            "image": picture_url(image),
            "item_id": item_id,
            "progress": progress,
            # A missing field would print as "undefined".
            "structure": structure if isinstance(structure, str) else " ",
            **texts,
        }
        task: dict[str, Any] = {"data": data}
        if prediction := by_item.get(item_id):
            task["predictions"] = [
                {
                    "model_version": prediction["model_version"],
                    "score": float(prediction["score"]),
                    "result": choice_result(control, prediction["label"]),
                }
            ]
        tasks.append(task)
    return tasks


def progress_texts(parts: Sequence[int]) -> list[str]:
    """Write where each item stands, in words that stay true when more are added.

    Parameters
    ----------
    parts : sequence of int
        The part of each item, in the study's order.

    Returns
    -------
    list of str
        ``Image 3 of 549``, for items that were added ``Image 1 of 51 (part 2)``.
    """
    sizes, seen, texts = Counter(parts), Counter[int](), []
    for part in parts:
        seen[part] += 1
        text = f"Image {seen[part]} of {sizes[part]}"
        texts.append(text if part == 1 else f"{text} (part {part})")
    return texts


def page_texts(*, normal_at_least: float, is_prefilled: bool) -> dict[str, str]:
    """Write the criterion and the keys as they stand on the label page.

    Parameters
    ----------
    normal_at_least : float
        Rating in [0, 1] from which an image is normal.
    is_prefilled : bool
        The page starts from an answer: pressing the key of the choice that is
        already set would un-select it.

    Returns
    -------
    dict of str to str
        ``criterion`` and ``keys`` of the task's data.
    """
    return {
        "criterion": f"normal: a quality of {limit_text(normal_at_least)} or more",
        "keys": (
            "agree: Enter · disagree: press the other key, then Enter"
            if is_prefilled
            else "1 normal · 2 anomaly · then Enter"
        ),
    }


def instructions(*, normal_at_least: float, is_prefilled: bool, is_shared: bool = False) -> str:
    """Write the default instructions of the project, as Label Studio's HTML.

    Parameters
    ----------
    normal_at_least : float
        Rating in [0, 1] from which an image is normal.
    is_prefilled : bool
        The page starts from the model's answer.
    is_shared : bool
        One project for all people: each sees only some of the images.

    Returns
    -------
    str
        HTML of paragraphs.
    """
    skips = (
        "skips: the image is left to others"
        if is_shared
        else "skips: you are asked again at the end"
    )
    paragraphs = [
        "You see one STED microscopy image at a time. Is its quality <b>normal</b>, or is the "
        "image an <b>anomaly</b>?",
        f"An image is normal if you would rate its quality {limit_text(normal_at_least)} or more "
        "on a scale from 0 (worst) to 1 (best): the structure is sharp, continuous and well above "
        "the background. It is an anomaly if it is blurred, dim, noisy, bleached or otherwise "
        "unusable.",
        "<b>1</b> normal<br><b>2</b> anomaly<br><b>Enter</b> submits and goes on<br>"
        f"<b>Ctrl+Space</b> (on a Mac: <b>Option+Enter</b>) {skips}",
        "To correct an earlier answer, go back with the arrow <b>&lt;</b> at the bottom left, "
        "press the other key, then Enter; the arrow <b>&gt;</b> goes on.",
        "Brightness and zoom are beside the picture. Your answers are saved one by one: you can "
        "stop at any time and go on later. Escape closes these instructions.",
    ]
    if is_prefilled:
        paragraphs.insert(
            2,
            "The page starts from a model's answer, which may be wrong. If you agree, press "
            "<b>Enter</b>. If you disagree, press the <b>other</b> key, then Enter. (Pressing the "
            "key of the answer that is already set takes it away.)",
        )
    # Label Studio's page takes the margins of paragraphs away.
    return "<br>".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def limit_text(rating: float) -> str:
    """Write a limit of the ratings as people read it, and never rounded to another.

    Parameters
    ----------
    rating : float
        In [0, 1].

    Returns
    -------
    str
        Two decimals, more where the limit has more: ``0.70``, ``0.705``.
    """
    short = f"{rating:.2f}"
    return short if float(short) == rating else repr(rating)


def image_width_px(widths_px: Sequence[int]) -> int:
    """Choose how wide pictures are shown: a whole multiple of their pixels.

    Parameters
    ----------
    widths_px : sequence of int
        Longer side of each picture of the study, in pixels.

    Returns
    -------
    int
        The largest whole multiple of the largest picture that is not above
        `IMAGE_WIDTH_PX`, or `IMAGE_WIDTH_PX` itself for a larger picture.
    """
    largest = max(widths_px)
    return IMAGE_WIDTH_PX if largest > IMAGE_WIDTH_PX else IMAGE_WIDTH_PX // largest * largest
