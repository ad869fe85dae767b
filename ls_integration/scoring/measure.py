"""One number with its interval, or the reason why there is none."""

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
