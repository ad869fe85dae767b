"""What the report shows of one item: its picture, everybody's answer, its task."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from ls_integration.annotations import newest_answers
from ls_integration.results.names import name_rounds, rounds_of
from ls_integration.results.pictures import PictureOf, to_data_address

SHOWN_AT_MOST = 24
"""Items with a picture on a page."""

PICTURES_AT_MOST_BYTES = 2_000_000
"""Of all pictures together, so that the page stays one that can be sent."""

_NAMED_AT_MOST = 8
_SKIPPED = "skipped"


@dataclass(frozen=True)
class Said:
    """What was answered to one item.

    Attributes
    ----------
    answers : tuple of mapping
        ``label`` (as the page writes it) and ``who`` (names, a long list cut),
        in the order in which they were first given.
    link : str or None
        The address of a task in Label Studio.
    """

    answers: tuple[Mapping[str, Any], ...] = ()
    link: str | None = None


def collect_answers(
    annotations: pd.DataFrame,
    item_ids: Sequence[str],
    write_answer: Callable[[Mapping[str, Any]], str],
    server: object,
) -> dict[str, Said]:
    """Collect everybody's newest answers to some items.

    Parameters
    ----------
    annotations : DataFrame
        A checked annotations table.
    item_ids : sequence of str
        Which items.
    write_answer : callable
        Writes an answer that is no skip: a row of *annotations*.
    server : object
        What the results folder says of the server.

    Returns
    -------
    dict of str to Said
        Of the items that somebody was asked about; all rounds.
    """
    names = name_rounds(rounds_of(annotations))
    asked = annotations.loc[annotations["item_id"].isin(item_ids)]
    collected = {}
    for item_id, answers in newest_answers(asked).groupby("item_id", sort=False):
        rows: list[dict[Any, Any]] = answers.to_dict("records")
        by_person = {(str(one["annotator"]), int(one["round"])): one for one in rows}
        said: dict[str, list[str]] = {}
        link = None
        for key in (key for key in names if key in by_person):
            answer = by_person[key]
            label = _SKIPPED if answer["skipped"] else write_answer(answer)
            said.setdefault(label, []).append(names[key])
            link = link or task_address(server, answer["project_id"], answer["task_id"])
        written = tuple(
            {"label": label, "n": len(who), "who": _cut(who)} for label, who in said.items()
        )
        collected[str(item_id)] = Said(written, link)
    return collected


def name_item(item: "pd.Series[Any]") -> str:
    """Name an item.

    Parameters
    ----------
    item : Series
        A row of the items.

    Returns
    -------
    str
        Its source path where that is known, else its id.
    """
    name = item.get("source_path")
    return str(item["item_id"] if name is None or pd.isna(name) else name)


def picture_in_page(row: int, picture_of: PictureOf | None) -> dict[str, Any] | None:
    """Give the picture of an item, small enough for the page.

    Parameters
    ----------
    row : int
        Of the items.
    picture_of : callable or None
        Gives pictures; None where there are none.

    Returns
    -------
    dict or None
        ``address, width, height``.
    """
    picture = None if picture_of is None else picture_of(row)
    if picture is None:
        return None
    address = to_data_address(picture, PICTURES_AT_MOST_BYTES // SHOWN_AT_MOST)
    if address is None:
        return None
    return {"address": address, "width": picture.width, "height": picture.height}


def task_address(server: object, project: object, task: object) -> str | None:
    """Write the address of a task in Label Studio's Data Manager.

    Parameters
    ----------
    server : object
        What the results folder says of the server.
    project, task : object
        The numbers beside an answer.

    Returns
    -------
    str or None
        None where one of them is not known, or the server's is no web address.
    """
    if not isinstance(server, str) or pd.isna(project) or pd.isna(task):  # type: ignore[call-overload]
        return None
    try:
        parts = urlsplit(server)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return None
    base = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    return f"{base}/projects/{int(str(project))}/data?task={int(str(task))}"


def _cut(who: list[str]) -> list[str]:
    n_more = len(who) - _NAMED_AT_MOST
    return [*who[:_NAMED_AT_MOST], *([f"{n_more} more"] if n_more > 0 else [])]
