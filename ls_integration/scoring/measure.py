"""One number with its interval, or the reason why there is none."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A proportion or coefficient as it is reported.

    Attributes
    ----------
    value : float or None
        The number; None where it is undefined.
    ci95 : tuple of float or None
        The 95 % interval (low, high); None where it is undefined.
    reason : str or None
        Why the value or the interval is undefined, in words.
    """

    value: float | None
    ci95: tuple[float, float] | None = None
    reason: str | None = None


def undefined(reason: str) -> Measure:
    """Make a measure that has no value.

    Parameters
    ----------
    reason : str
        Why, in words that a report can print.

    Returns
    -------
    Measure
        Without value and interval.
    """
    return Measure(None, None, reason)


def with_interval(
    value: float, interval: tuple[float, float] | None, *, none: str, no_width: str
) -> Measure:
    """Make a measure; an interval that is not one is left out.

    Parameters
    ----------
    value : float
        The number.
    interval : tuple of float or None
        Low and high; None or not finite where there is none.
    none : str
        What to say where there is no interval.
    no_width : str
        What to say where low and high are the same.

    Returns
    -------
    Measure
        With the interval, or with the reason why there is none.
    """
    if interval is None or not all(math.isfinite(bound) for bound in interval):
        return Measure(value, None, none)
    if interval[0] == interval[1]:
        return Measure(value, None, no_width)
    return Measure(value, interval)
