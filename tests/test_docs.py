"""The documents tell the truth about commands, options, files and links."""

import re
from pathlib import Path

import pytest
import typer

from ls_integration import cli

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "data" / "README.md", *(ROOT / "docs").glob("*.md")])
COMMANDS = typer.main.get_command(cli.app)
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
_CALL = re.compile(r"(?:ls-integration|python -m ls_integration) ([a-z][^`\n#|]*)")


def calls() -> list[tuple[str, str]]:
    """List every call of ours in the documents: file and words."""
    found = [
        (document.name, call.strip())
        for document in DOCUMENTS
        for call in _CALL.findall(document.read_text(encoding="utf-8"))
    ]
    assert len(found) > 10
    return found


@pytest.mark.parametrize(("document", "call"), calls())
def test_documented_calls_exist(document: str, call: str) -> None:
    """Each command and each option of a call is one of ours."""
    command = COMMANDS
    words = call.split()
    while hasattr(command, "commands") and words:
        name = words.pop(0)
        assert name in command.commands, f"{document}: no command {name}"
        command = command.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}
    used = {word.split("=")[0] for word in words if word.startswith("-")}
    assert used <= options, f"{document}: {call}"


@pytest.mark.parametrize("name", sorted(COMMANDS.commands))  # type: ignore[attr-defined]
def test_every_command_is_documented(name: str) -> None:
    """In the README or below docs/."""
    texts = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    assert re.search(rf"(ls-integration |`){re.escape(name)}\b", texts), name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_are_there(document: Path) -> None:
    """Every relative link leads to a file."""
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing


def test_the_options_that_the_documents_name_exist() -> None:
    """Also those that stand alone in running text."""

    def options_of(command: object) -> set[str]:
        own = {name for parameter in command.params for name in parameter.opts}  # type: ignore[attr-defined]
        below = getattr(command, "commands", {}).values()
        return own.union(*(options_of(other) for other in below))

    known = options_of(COMMANDS).union(*(_options_in(path) for path in BENCHMARKS))
    # Of docker compose, of Dask, and of every command.
    known |= {"--detach", "--profile", "--pull", "--nthreads", "--nworkers", "--help"}
    for document in DOCUMENTS:
        named = set(_OPTION.findall(document.read_text(encoding="utf-8")))
        assert named <= known, (document.name, named - known)


def _options_in(path: Path) -> set[str]:
    return set(re.findall(r"\"(--[a-z][a-z-]+)\"", path.read_text(encoding="utf-8")))


def test_the_calls_of_benchmarks_that_the_documents_name_exist() -> None:
    """A benchmark that is named is there, and so are the options behind its name."""
    texts = [document.read_text(encoding="utf-8") for document in DOCUMENTS]
    calls = [call for text in texts for call in re.findall(r"benchmarks/(\w+\.py)([^`\n|]*)", text)]
    assert calls
    for name, rest in calls:
        path = ROOT / "benchmarks" / name
        assert path.exists(), name
        assert set(_OPTION.findall(rest)) <= _options_in(path), (name, rest)
