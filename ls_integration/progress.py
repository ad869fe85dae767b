"""What a long step calls to say how far it is."""

from collections.abc import Callable
from typing import Protocol

Say = Callable[[str], None]
"""Takes a line for the user."""


class Reporter(Protocol):
    """A callable that is told of progress."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Say that *done* of *total* of *step* are finished.

        Parameters
        ----------
        step : str
            What is being done, in words for the user; the same for one bar.
        done : int
            How many are finished, from 0 to *total*.
        total : int
            How many there are.
        """


def silent(step: str, done: int, total: int) -> None:
    """Report nothing.

    Parameters
    ----------
    step : str
        Ignored.
    done : int
        Ignored.
    total : int
        Ignored.
    """
