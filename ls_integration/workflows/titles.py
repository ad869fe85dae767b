"""Titles of studies and of their projects, within what Label Studio accepts. Pure."""

from collections.abc import Sequence

from ls_integration.errors import ConfigError

TITLE_MIN_CHARACTERS, TITLE_MAX_CHARACTERS = 3, 50
"""What Label Studio accepts as a project's title (its settings)."""

_CUT_TITLE_CHARACTERS = 10
"""A study's title is not cut further than this to make room for a person's name."""

_SOURCE_NAME_CHARACTERS = 20
"""What of a source's name leaves room for a person's name."""


def default_title(question: str, source_name: str, *, blind: bool) -> str:
    """Make a study's title from its source's name.

    Parameters
    ----------
    question : str
        What is asked, for example ``STED quality``.
    source_name : str
        Name of the folder or table.
    blind : bool
        Said in the title, so that both forms of one source can be had.

    Returns
    -------
    str
        Cut to what leaves room for a person's name.
    """
    return f"{question} {source_name[:_SOURCE_NAME_CHARACTERS]}{' (blind)' if blind else ''}"


def person_names(names: Sequence[str]) -> tuple[str, ...]:
    """Give the people's names as they stand on result files, each once.

    Parameters
    ----------
    names : sequence of str
        As the user typed them.

    Returns
    -------
    tuple of str
        In the order given, with single spaces.
    """
    return tuple(dict.fromkeys(" ".join(name.split()) for name in names))


def project_title(study_title: str, name: str | None, round_number: int, view: str = "") -> str:
    """Write the title of one person's project.

    Parameters
    ----------
    study_title : str
        The study's.
    name : str or None
        Whose project; None: the owner's, who is not named.
    round_number : int
        Counted from 1; the first one is not named.
    view : str
        Which of the kind's pages it shows; the usual one is not named.

    Returns
    -------
    str
        For example ``STED quality lab · Ada · round 2``. A study's title is
        cut, and ends in "…", where the name needs its room.

    Raises
    ------
    ConfigError
        If Label Studio would refuse it.
    """
    suffix = f" · {view}" if view else ""
    suffix += f" · round {round_number}" if round_number > 1 else ""
    ending = f"{'' if name is None else f' · {name}'}{suffix}"
    room = TITLE_MAX_CHARACTERS - len(ending)
    if ending and len(study_title) > room >= _CUT_TITLE_CHARACTERS:
        study_title = f"{study_title[: room - 1].rstrip()}…"
    title = f"{study_title}{ending}"
    if not TITLE_MIN_CHARACTERS <= len(title) <= TITLE_MAX_CHARACTERS:
        msg = (
            f"the project title '{title}' has {len(title)} characters, Label Studio takes "
            f"{TITLE_MIN_CHARACTERS} to {TITLE_MAX_CHARACTERS}; give a shorter title or name"
        )
        raise ConfigError(msg)
    return title


def check_project_titles(study_title: str, names: Sequence[str], round_number: int) -> None:
    """Refuse a name that makes a title too long, before anything is made.

    Parameters
    ----------
    study_title : str
        The study's.
    names : sequence of str
        The people's; none: the owner's project is meant.
    round_number : int
        Counted from 1.

    Raises
    ------
    ConfigError
        Naming the title and its length.
    """
    for name in person_names(names) or (None,):
        project_title(study_title, name, round_number)
