"""A label page -> how what a model says of an image stands on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ls_integration import label_config
from ls_integration.answers import Judgement
from ls_integration.errors import ConfigError, TaskError
from ls_integration.kinds import cutouts, sted_quality, sted_rating
from ls_integration.kinds.cutouts_regions import shown_boxes
from ls_integration.kinds.registry import kind_of_page
from ls_integration.kinds.sted_source import NORMAL

LABELS = {
    sted_quality.KIND: (NORMAL, sted_quality.POSITIVE),
    cutouts.KIND: (cutouts.NEGATIVE, cutouts.POSITIVE),
}
"""Kind of model -> what it calls an item below, and from its threshold on."""

_PAGES = {
    sted_quality.KIND: (sted_quality.KIND, sted_rating.KIND),
    cutouts.KIND: (cutouts.KIND,),
}
"""Kind of model -> kinds of pages on which its answers can stand."""


_REMEMBERED_LENGTH = 100_000
"""Of a label config; ours have less than 10,000 characters."""


@dataclass(frozen=True)
class Verdict:
    """What a model says of an item.

    Attributes
    ----------
    score : float
        In [0, 1], higher means more anomalous.
    label : str
        One of `LABELS`.
    rating : float or None
        In [0, 1], higher means better; None if the model gives none.
    """

    score: float
    label: str
    rating: float | None = None


@dataclass(frozen=True)
class PageForm:
    """How answers stand on a label page.

    Attributes
    ----------
    asks_rating : bool
        False: it asks for a choice.
    write : callable
        A task and what the model says of it -> the ``result`` of a prediction.
    """

    asks_rating: bool
    write: Callable[[Mapping[str, Any], Verdict], list[dict[str, Any]]]


def page_form(xml: str, model_kind: str) -> PageForm:
    """Tell how a model's answers stand on a label page.

    Parameters
    ----------
    xml : str
        The project's label config.
    model_kind : str
        Of `LABELS`.

    Returns
    -------
    PageForm
        It writes a choice; for ratings both digits; for cutouts the choice and
        the boxes that the page shows anyway, since a page that starts from a
        prediction without them has none.

    Raises
    ------
    ConfigError
        If it is no page of ours, or asks what the model does not answer.
    """
    if len(xml) > _REMEMBERED_LENGTH:
        return _page_form(xml, model_kind)
    return _remembered_form(xml, model_kind)


def _page_form(xml: str, model_kind: str) -> PageForm:
    config = label_config.parse(xml)
    kind = kind_of_page(config)
    if kind.name not in _PAGES[model_kind] or kind.write_answer is None:
        msg = (
            f"the label page asks the question of {kind.name}, the model answers that of "
            f"{model_kind}; give the model of this study"
        )
        raise ConfigError(msg)
    if kind.name == cutouts.KIND and "neighbour" not in config.controls:
        # A tile with an answer could not be told from one that somebody has answered.
        msg = "the page of a whole frame starts from no answers; connect the page of cutouts"
        raise ConfigError(msg)
    write_answer, asks_rating = kind.write_answer(config), kind.name == sted_rating.KIND

    def write(task: Mapping[str, Any], verdict: Verdict) -> list[dict[str, Any]]:
        item_id = str(task["data"].get("item_id", ""))
        if not asks_rating:
            return [*write_answer(Judgement(item_id, label=verdict.label)), *_boxes(task)]
        if verdict.rating is None:
            msg = "the model gives no rating"
            raise TaskError(msg)
        # Two digits, as the keys make them: more would look like a measurement.
        rating = round(min(1.0, max(0.0, verdict.rating)), 2)
        return write_answer(Judgement(item_id, rating=rating))

    return PageForm(asks_rating, write)


# The same few pages come with each request.
_remembered_form = lru_cache(maxsize=16)(_page_form)


def _boxes(task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Copy the boxes of the first prediction that has any; another's may have another form."""
    predictions = task.get("predictions")
    for prediction in predictions if isinstance(predictions, list) else []:
        try:
            boxes = shown_boxes({"predictions": [prediction]})
        except (KeyError, TypeError, AttributeError):
            continue
        if boxes:
            return boxes
    return []
