"""Every error that a user can cause or mend, in one tree.

::

    IntegrationError         str(error) is the one line that the user sees
      + ConfigError          a missing or contradictory setting or option
      + SourceError          an input file or table breaks its contract
      + ModelError           a model file is not ours, damaged or for other images
      + StudyError           the study folder and what is asked of it disagree
      + TaskError            a task or prediction does not fit the label config
      + ServerError          Label Studio said no, or nothing
      |   + AuthError        401 or 403: the token, or what its owner may do
      |   + ServerTimeout    no answer in time: the request may have been done
      |       + BrokenOff    the connection ended before the answer was whole
      + ResultsError         a results file can't be written, or is in the way
      + PartialError         some of it is done; the same command finishes it

Programming mistakes stay built-in exceptions (`ValueError`, `TypeError`) and
give a traceback. Only ``cli.main`` catches `IntegrationError`; a notebook shows
its line alone.

A message says what failed, with which value, and then the one thing to do. It
never holds a token, a password or a page of HTML.
"""

from collections.abc import Sequence


class IntegrationError(Exception):
    """Base of everything that a user can cause or mend."""

    def _render_traceback_(self) -> list[str]:
        # IPython asks for this: in a notebook too, the line says it all.
        return [f"{type(self).__name__}: {self}"]


class ConfigError(IntegrationError):
    """A setting or an option is missing, unreadable or contradicts another."""


class SourceError(IntegrationError):
    """An input file or table breaks its contract."""


class ModelError(IntegrationError):
    """A model file is none of ours, is damaged, or is for other images."""


class StudyError(IntegrationError):
    """The study folder and what is asked of it do not fit together."""


class TaskError(IntegrationError):
    """A task or a prediction does not fit the label config."""


class ResultsError(IntegrationError):
    """A results file cannot be written, or another one is in its way."""


class PartialError(IntegrationError):
    """Part of the work is done and kept; the same command finishes the rest."""


class ServerError(IntegrationError):
    """Label Studio said no, or could not be reached.

    Parameters
    ----------
    message : str
        The line for the user.
    status : int or None
        The HTTP status, None where there was no answer.
    url : str or None
        The address asked, without query and credentials.
    """

    def __init__(self, message: str, *, status: int | None = None, url: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.url = url


class AuthError(ServerError):
    """401 or 403: the token is refused, or its owner may not do this."""


class ServerTimeout(ServerError):  # noqa: N818
    """No answer in time. Whether the request was carried out is unknown."""


class BrokenOff(ServerTimeout):
    """The connection ended before the answer was whole; what was done is as unknown."""


OTHER_FORM = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What it raises to take what a server or a file holds for what it should hold."""


def reason_of(error: BaseException) -> str:
    """Write what another library raised into a part of one line.

    Parameters
    ----------
    error : BaseException
        What it raised.

    Returns
    -------
    str
        Its type and words, 120 characters at the most.
    """
    return " ".join(f"{type(error).__name__}: {error}".split())[:120]


def some_of(values: Sequence[object], limit: int = 5) -> str:
    """Name the first few of *values* and how many there are in all.

    Parameters
    ----------
    values : sequence
        What to name, in order.
    limit : int
        How many to name at the most.

    Returns
    -------
    str
        For example ``a, b, c (3)`` or ``a, b, c, d, e, ... (141)``.
    """
    named = ", ".join(str(value) for value in values[:limit])
    more = ", ..." if len(values) > limit else ""
    return f"{named}{more} ({len(values)})"
