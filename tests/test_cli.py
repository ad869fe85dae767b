"""The command line as a user meets it: exit codes, quick help, a hidden token."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import typer

from ls_integration.cli import app, console

TOKEN = "5ecre7" * 6
HEAVY = (
    "pandas",
    "numpy",
    "sklearn",
    "scipy",
    "matplotlib",
    "requests",
    "httpx",
    "label_studio_sdk",
    "label_studio_ml",
    "flask",
    "pyarrow",
    "statsmodels",
    "PIL",
)
NOWHERE = "http://127.0.0.1:9"
"""Port 9 (discard) is listened on by nobody."""

STUDY = {
    "schema_version": 1,
    "uuid": "00000000-0000-0000-0000-000000000000",
    "kind": "sted-quality",
    "title": "toy",
    "blind": False,
    "server_url": NOWHERE,
    "projects": [{"key": "owner", "title": "toy", "project_id": 1, "annotator": "Ada"}],
}


def _commands() -> list[list[str]]:
    """Every command and subcommand there is."""
    found: list[list[str]] = [[]]
    waiting = [([], typer.main.get_command(app))]
    while waiting:
        words, command = waiting.pop()
        for name, child in getattr(command, "commands", {}).items():
            found.append([*words, name])
            waiting.append(([*words, name], child))
    return sorted(found)


def _run(
    words: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder, with a token in the environment."""
    clean = {"PATH": os.environ["PATH"], "COLUMNS": "200", "LABEL_STUDIO_API_KEY": TOKEN}
    return subprocess.run(
        [sys.executable, "-m", "ls_integration", *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**clean, **(environment or {})},
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Give a working folder with a study on a server that does not answer."""
    folder = tmp_path / "studies" / "toy"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps(STUDY))
    return tmp_path


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    """`--help` of every command answers before pandas could be imported."""
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from ls_integration.cli import app\n"
        f"for words in {_commands()!r}:\n"
        "    answer = CliRunner().invoke(app, [*words, '--help'])\n"
        "    assert answer.exit_code == 0, (words, answer.output)\n"
        f"    heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "    assert not heavy, (words, heavy)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("words", [words for words in _commands() if words], ids=" ".join)
def test_every_help_has_an_example_and_no_token(tmp_path: Path, words: list[str]) -> None:
    """The example can be copied; the environment's token does not appear as a default."""
    answer = _run([*words, "--help"], tmp_path)
    assert answer.returncode == 0
    assert TOKEN not in answer.stdout + answer.stderr
    is_group = "COMMAND [ARGS]" in answer.stdout
    assert is_group or f"ls-integration {' '.join(words)}" in answer.stdout


def test_version_and_success_are_zero(tmp_path: Path) -> None:
    """0: done."""
    answer = _run(["--version"], tmp_path)
    assert (answer.returncode, answer.stdout) == (0, "ls-integration 0.1.0\n")


def test_what_the_user_can_mend_is_one(tmp_path: Path) -> None:
    """1: one line on stderr, nothing on stdout, no traceback."""
    answer = _run(["export", "nosuch", "--output", "out"], tmp_path)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: no study 'nosuch'")
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [["nosuch"], ["export"], ["up", "--port", "many"]])
def test_a_slip_of_usage_is_two(tmp_path: Path, words: list[str]) -> None:
    """2: the command line itself is wrong."""
    answer = _run(words, tmp_path)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr


def test_an_interruption_is_130(study: Path) -> None:
    """130: Ctrl+C, without a traceback."""
    fifo = study / "scores.csv"
    os.mkfifo(fifo)  # reading waits until somebody writes: a command that takes long
    process = subprocess.Popen(
        [sys.executable, "-m", "ls_integration", "backend", "--scores", str(fifo)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=study,
    )
    # Opening for writing succeeds once the command has begun to read.
    with fifo.open("w", encoding="utf-8"):
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    """`ls-integration --help | head -n 1` ends quietly."""
    command = f"'{sys.executable}' -m ls_integration --help | head -n 1"
    answer = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "Traceback" not in answer.stderr


def test_a_result_cut_by_its_reader_is_done(tmp_path: Path) -> None:
    """The work was done before the first line: `... | head -n 1` in a script goes on."""
    code = (
        "import typer\n"
        "from ls_integration.cli import console\n"
        "def many():\n"
        "    for _ in range(20000):\n"
        "        console.print_result('a line')\n"
        "typer.run(many)\n"
    )
    answer = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"'{sys.executable}' -c \"$0\" | head -n 1", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "a line\n", "")


def test_names_cannot_act_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """A file may be called anything: escapes, line ends, emoji names, brackets, no text."""
    console.print_error("a\x1b[31m:key:[b]\nc\udcff")
    console.print_note("d\x07:key:[red]")
    console.print_result("e\x1b]0;f")
    out, err = capfd.readouterr()
    assert err == "error: a\\x1b[31m:key:[b] c\\udcff\nd\\x07:key:[red]\n"
    assert out == "e\\x1b]0;f\n"


def test_a_failing_import_says_one_line(tmp_path: Path) -> None:
    """And no empty one for progress bars that were never shown."""
    answer = _run(["import", "sted-quality", "nowhere"], tmp_path)
    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1


def test_debug_shows_the_traceback_but_not_the_token(study: Path) -> None:
    """The token is in play (a server is asked), and in no line of the output."""
    words = ["export", "toy", "--output", "out"]
    plain, debug = _run(words, study), _run(["--debug", *words], study)
    assert plain.returncode == 1
    assert NOWHERE in plain.stderr
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr
    assert debug.returncode == 1
    for answer in (plain, debug):
        assert TOKEN not in answer.stdout + answer.stderr


def test_a_token_is_no_option(tmp_path: Path) -> None:
    """A value on the command line would stand in `ps` and in the shell's history."""
    for words in _commands():
        shown = _run([*words, "--help"], tmp_path).stdout if words else ""
        options = {word.strip(",") for word in shown.split() if word.startswith("--")}
        assert not options & {"--token", "--api-key", "--password"}


def test_import_without_a_kind_shows_examples(tmp_path: Path) -> None:
    """One of each kind at least; usage, so 2."""
    done = _run(["import"], tmp_path)
    assert done.returncode == 2
    for kind in ("sted-quality", "sted-rating", "cutouts"):
        assert f"ls-integration import {kind} " in done.stderr


def test_a_source_without_a_kind_is_recognised(tmp_path: Path, repository: Path) -> None:
    """The kind that it was taken for is said."""
    sample = str(repository / "data" / "sted_sample")
    done = _run(["import", sample, "--dry-run", "--model-threshold", "0.5", "-q"], tmp_path)
    assert done.returncode == 0
    assert "is taken as sted-quality" in done.stderr
    assert "60 images, 60 with the model's answer" in done.stdout
    assert list(tmp_path.iterdir()) == []
