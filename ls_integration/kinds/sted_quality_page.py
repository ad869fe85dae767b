"""The label page of the kind ``sted-quality``: tasks, instructions, answers. Pure."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from ls_integration.answers import Judgement, Reader, Writer
from ls_integration.errors import TaskError
from ls_integration.kinds.kind import Kind, Page
from ls_integration.kinds.page_texts import NOTHING, html_of, place_texts
from ls_integration.kinds.sted_pages import (
    hide_structure,
    image_width_px,
    read_sted_config,
    skip_key,
)
from ls_integration.kinds.sted_quality import (
    KIND,
    LABEL_CONFIG,
    POSITIVE,
    limit_text,
    order_tells_label,
)
from ls_integration.kinds.sted_source import ANOMALY, NORMAL
from ls_integration.label_config import (
    Control,
    LabelConfig,
    choice_result,
    read_choice,
)
from ls_integration.study import Study


def make_page(
    study: Study,
    items: pd.DataFrame,
    predictions: pd.DataFrame,
    picture_url: Callable[[str], str],
    view: str = "",
) -> Page:
    """Write all that a project of a study shows.

    Parameters
    ----------
    study : Study
        Blind or assisted, shared or not, and its limits.
    items : DataFrame
        The items, with their parts and pictures.
    predictions : DataFrame
        From `sted_quality.sent_predictions`; no rows in a blind study.
    picture_url : callable
        ``image`` -> address for ``task.data``.
    view : str
        There is one only.

    Returns
    -------
    Page
        Of a blind study without anything that would tell the answer.
    """
    is_prefilled = len(predictions) > 0
    normal_at_least = float(study.options["normal_at_least"])
    model_version = str(study.options["model_version"])
    config = read_sted_config(LABEL_CONFIG, study, view)
    notes = [_mode_line(study, is_prefilled, model_version)]
    shown = items
    if study.blind:
        if order_tells_label(items):
            notes.append(
                "the images of one answer all come first, which reviewers may notice: "
                "--order random"
            )
        shown = hide_structure(items)
        if shown is not items:
            notes.append("the structure is not shown: it tells the answer")
    tasks = make_tasks(
        shown,
        predictions,
        control=config.choices(),
        picture_url=picture_url,
        texts=page_texts(normal_at_least=normal_at_least, is_prefilled=is_prefilled),
        is_shared=study.overlap is not None,
    )
    text = instructions(
        normal_at_least=normal_at_least,
        is_prefilled=is_prefilled,
        is_shared=study.overlap is not None,
    )
    return Page(config, tasks, text, tuple(notes), model_version if is_prefilled else None)


def read_answer(config: LabelConfig) -> Reader:
    """Make the reader of a study's answers.

    Parameters
    ----------
    config : LabelConfig
        The study's label page.

    Returns
    -------
    callable
        A task and a result -> the one choice.
    """
    control = config.choices()

    def read(task: Mapping[str, Any], result: Sequence[Mapping[str, Any]]) -> list[Judgement]:
        return [Judgement(str(task["data"]["item_id"]), label=read_choice(control, result))]

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
    control = config.choices()

    def write(judgement: Judgement) -> list[dict[str, Any]]:
        if judgement.label is None:
            msg = f"there is no answer to the item {judgement.item_id}; leave it out"
            raise TaskError(msg)
        return choice_result(control, judgement.label)

    return write


def _mode_line(study: Study, is_prefilled: bool, model_version: str) -> str:
    if study.blind:
        return "BLIND: the server holds nothing of ratings, labels or the model's answers"
    if is_prefilled:
        return f"ASSISTED: reviewers will see the model's answer ({model_version})"
    return "the source has no model answers: the pages start empty"


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
    places = place_texts(items["part"].tolist(), is_shared=is_shared)
    columns = (items["item_id"], items["image"], items["structure"], places)
    for item_id, image, structure, progress in zip(*columns, strict=True):
        data = {
            "image": picture_url(image),
            "item_id": item_id,
            "progress": progress,
            "structure": structure if isinstance(structure, str) else NOTHING,
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
    paragraphs = [
        "You see one STED microscopy image at a time. Is its quality <b>normal</b>, or is the "
        "image an <b>anomaly</b>?",
        f"An image is normal if you would rate its quality {limit_text(normal_at_least)} or more "
        "on a scale from 0 (worst) to 1 (best): the structure is sharp, continuous and well above "
        "the background. It is an anomaly if it is blurred, dim, noisy, bleached or otherwise "
        "unusable.",
        "<b>1</b> normal<br><b>2</b> anomaly<br><b>Enter</b> submits and goes on<br>"
        f"{skip_key(is_shared=is_shared)}",
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
    return html_of(paragraphs)


STED_QUALITY = Kind(
    name=KIND,
    positive=POSITIVE,
    labels=(NORMAL, ANOMALY),
    read_config=partial(read_sted_config, LABEL_CONFIG),
    make_page=make_page,
    read_answer=read_answer,
    fit_width_px=image_width_px,
    write_answer=write_answer,
)
