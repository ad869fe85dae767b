"""The answer that was given first, kept inside the one that took its place.

Going back to an image and choosing again makes Label Studio overwrite the
annotation. The server that `up` starts then writes the first answer into the
``meta`` of the new one, where its pages and every export leave it alone.

Nothing heavy is loaded here: the module runs in the server's process too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_KEY = "first_answer"
_ANSWER = ("from_name", "to_name", "type", "value")


def keep_first_answer(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    *,
    was_skipped: bool,
    is_skipped: bool,
) -> list[dict[str, Any]]:
    """Write the first answer into the result that overwrites it.

    Parameters
    ----------
    before : sequence of dict
        ``result`` of the annotation as it is stored.
    after : sequence of dict
        ``result`` that shall be stored in its place.
    was_skipped : bool
        It was a skip, whose result is no answer.
    is_skipped : bool
        It is made a skip now.

    Returns
    -------
    list of dict
        *after*, with the first answer in the ``meta`` of its first item where
        the answer changes or has changed before.
    """
    kept = [dict(item) for item in after]
    # Ids tell the regions of an image apart; chosen anew, the same answer has another one.
    # Meta may hold digits of a rating that no key can say.
    whole = (*_ANSWER, "id", "meta")
    first = read_first_answer(before) or ([] if was_skipped else _plain(before, whole))
    is_same = _plain(before) == _plain(after) and not is_skipped
    if not first or not kept or (is_same and not read_first_answer(before)):
        return kept
    kept[0]["meta"] = {**(kept[0].get("meta") or {}), _KEY: first}
    return kept


def read_first_answer(result: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Read the first answer out of a result.

    Parameters
    ----------
    result : sequence of dict
        Of an annotation.

    Returns
    -------
    list of dict
        A result; empty if the answer was never changed on a server of ours.
    """
    for item in result:
        first = (item.get("meta") or {}).get(_KEY)
        if first:
            return list(first)
    return []


def _plain(
    result: Sequence[Mapping[str, Any]], names: Sequence[str] = _ANSWER
) -> list[dict[str, Any]]:
    """Reduce a result to what was answered."""
    return [{name: item[name] for name in names if name in item} for item in result]
