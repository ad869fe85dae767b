"""The tree of errors is the one that its docstring draws."""

import pytest

from ls_integration import errors
from ls_integration.errors import IntegrationError, ServerError, some_of


def _drawn() -> dict[str, str]:
    """Read class -> parent from the docstring's tree."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").split("::")[1].split("\n\n")[1].splitlines():
        name = line.strip(" |+-").split()[0]
        indent = line.index(name)
        path = [step for step in path if step[0] < indent]
        if path:
            parents[name] = path[-1][1]
        path.append((indent, name))
    return parents


def _real() -> dict[str, str]:
    classes: list[type[BaseException]] = [IntegrationError]
    parents: dict[str, str] = {}
    for one in classes:
        for child in one.__subclasses__():
            if child.__module__ == errors.__name__:
                parents[child.__name__] = one.__name__
                classes.append(child)
    return parents


def test_the_docstring_draws_the_real_tree() -> None:
    """Nobody has to read the classes to know what to catch."""
    assert _drawn() == _real()
    assert len(_drawn()) == 11


def test_a_server_error_keeps_its_status_and_address() -> None:
    """Callers decide by the status, not by the words."""
    error = ServerError("no", status=404, url="http://x/api")
    assert (str(error), error.status, error.url) == ("no", 404, "http://x/api")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], " (0)"),
        (["a"], "a (1)"),
        ([1, 2, 3], "1, 2, 3 (3)"),
        (range(6), "0, 1, 2, 3, 4, ... (6)"),
    ],
)
def test_long_lists_are_cut_and_counted(values: list[object], text: str) -> None:
    """One line stays one line."""
    assert some_of(values) == text
