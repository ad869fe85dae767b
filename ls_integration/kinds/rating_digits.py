"""A rating as two rows of digits, and with the digits that no key can say. Pure.

Two keys make hundredths. Sessions of older tools may hold more digits: these
travel in the ``meta`` of the answer, and count only while the rating that they
make begins with the digits that are set.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

from ls_integration.errors import TaskError
from ls_integration.label_config import Control, choice_result, read_choice

_HUNDREDTH = Decimal("0.01")
_EXACT = "rating"
"""Key in the ``meta`` of a result: the rating with all its digits."""


def read_rating(
    tenths: Control, hundredths: Control, result: Sequence[Mapping[str, Any]]
) -> float | None:
    """Read the rating of an answer.

    Parameters
    ----------
    tenths, hundredths : Control
        The two rows of digits; a value of the first one may be complete.
    result : sequence of dict
        Of an annotation.

    Returns
    -------
    float or None
        From 0 to 1: the text of both digits as float64, or the exact rating
        that came with them and begins so. None if a digit is missing.
    """
    first, second = read_choice(tenths, result), read_choice(hundredths, result)
    if first is None:
        return None
    text = first if _is_complete(first) else f"{first}{second}"
    if second is None and not _is_complete(first):
        return None
    for item in result:
        exact = (item.get("meta") or {}).get(_EXACT)
        # Of an answer that somebody has corrected since, the digits count.
        if isinstance(exact, float | int) and 0 <= exact <= 1 and _two_digits(exact) == text:
            return float(exact)
    return float(text)


def rating_result(tenths: Control, hundredths: Control, rating: float) -> list[dict[str, Any]]:
    """Write a rating as Label Studio stores it when the keys are pressed.

    Parameters
    ----------
    tenths, hundredths : Control
        The two rows of digits.
    rating : float
        From 0 to 1. Digits beyond the hundredths go into ``meta``.

    Returns
    -------
    list of dict
        The ``result``.

    Raises
    ------
    TaskError
        If the rating is none.
    """
    if not 0 <= rating <= 1:
        msg = f"{rating} is no rating from 0 to 1; correct it"
        raise TaskError(msg)
    text = _two_digits(rating)
    if float(text) == 1:
        result = choice_result(tenths, text)
    else:
        result = choice_result(tenths, text[:-1]) + choice_result(hundredths, text[-1])
    if float(text) != rating:
        result[0]["meta"] = {_EXACT: float(rating)}
    return result


def _is_complete(text: str) -> bool:
    return len(text.partition(".")[2]) > 1


def _two_digits(rating: float) -> str:
    """Cut a rating to hundredths: never rounded up, 0.999 is not the best of all."""
    return str(Decimal(repr(float(rating))).quantize(_HUNDREDTH, rounding=ROUND_DOWN))
