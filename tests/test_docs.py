"""The documents tell the truth about commands, options, files and links."""

import re
from pathlib import Path

import pytest
import typer

from ls_integration import cli

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "data" / "README.md", *(ROOT / "docs").glob("*.md")])
COMMANDS = typer.main.get_command(cli.app)
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

    known = options_of(COMMANDS)
    # Of docker compose, of Dask, and of every command.
    known |= {"--detach", "--profile", "--pull", "--nthreads", "--nworkers", "--help"}
    for document in DOCUMENTS:
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", document.read_text(encoding="utf-8")))
        assert named <= known, (document.name, named - known)
