"""The lines that `check` prints: fine, wrong, or not looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ls_integration.errors import IntegrationError

AGAIN = "run the same import again, or extend: it sends what is missing"
"""The one thing to do about most of what an import left undone."""


@dataclass(frozen=True)
class Line:
    """One finding.

    Attributes
    ----------
    state : {"ok", "!!", "--"}
        Fine, wrong, or not checked.
    text : str
        What is so; after ``!!`` with the one thing to do, after ``--`` with
        the reason.
    """

    state: Literal["ok", "!!", "--"]
    text: str

    def __str__(self) -> str:
        """Write it as it is printed.

        Returns
        -------
        str
            State, two spaces, text.
        """
        return f"{self.state}  {self.text}"


def fine(text: str) -> Line:
    """Say that something is in order.

    Parameters
    ----------
    text : str
        What.

    Returns
    -------
    Line
        With ``ok``.
    """
    return Line("ok", text)


def wrong(what: str, to_do: str) -> Line:
    """Say what is wrong and how to mend it.

    Parameters
    ----------
    what : str
        What is wrong, with its value.
    to_do : str
        The one thing to do.

    Returns
    -------
    Line
        With ``!!``.
    """
    return Line("!!", f"{what}: {to_do}")


def not_checked(what: str, reason: str) -> Line:
    """Say what was not looked at.

    Parameters
    ----------
    what : str
        What would have been checked.
    reason : str
        Why it was not.

    Returns
    -------
    Line
        With ``--``.
    """
    return Line("--", f"not checked: {what} ({reason})")


def going_on(lines: Iterator[Line]) -> Iterator[Line]:
    """Turn an error of one step into its line, so that the next steps still run.

    Parameters
    ----------
    lines : iterator of Line
        One step.

    Yields
    ------
    Line
        The step's lines, and one for what stopped it.
    """
    try:
        yield from lines
    except IntegrationError as error:
        yield Line("!!", str(error))
