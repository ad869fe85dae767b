"""Names that lead elsewhere, and cells that a spreadsheet would run."""

import csv
import io
import json
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import read_table
from ls_integration.cli import main
from ls_integration.kinds.sted_source import read_source
from ls_integration.results.names import name_rounds
from ls_integration.results.tables import write_csv
from ls_integration.study import slug
from ls_integration.workflows.score import score_folder

Command = Callable[..., tuple[int, str, str]]

FORMULAS = ('=HYPERLINK("http://x","y")', "+cmd|' /C calc'!A0", "-2+3", "@SUM(1,1)", "\t=1", "'=1")
NAMES = {
    "parent": "../../../up",
    "absolute": "/tmp/absolute",
    "windows": "..\\..\\up",
    "composed": unicodedata.normalize("NFC", "Zoë é"),
    "decomposed": unicodedata.normalize("NFD", "Zoë é"),
    "right to left": "\u202egpj.\u05d0\u05d1",
    "emoji": "\N{MICROSCOPE}\N{ZERO WIDTH JOINER}\N{GRINNING FACE}",
    "line": "two\nlines",
    "return": "two\rlines",
    "long": "x" * 4000,
    "long emoji": "\N{MICROSCOPE}" * 4000,
    "markup": "<script>alert(1)</script>",
    "dots": "..",
    "device": "NUL",
}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Give what runs the command line: exit code, stdout, stderr."""

    def run(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["ls-integration", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capfd.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_files_of_people_are_plain_and_one_each() -> None:
    """No separator, no control character, 255 bytes at the most, no two of one name."""
    stems = list(name_rounds([(name, 1) for name in NAMES.values()]).values())
    assert len({stem.casefold() for stem in stems}) == len(NAMES)
    for stem in stems:
        assert not set(stem) & set("/\\\0\n\r")
        assert stem not in {".", ".."}
        assert len(f".{stem}.0123456789abcdef.csv".encode()) <= 255


@pytest.mark.parametrize("name", NAMES)
def test_images_outside_of_a_source_are_named_and_left(name: str, tmp_path: Path) -> None:
    """A manifest reads files of its folder only; each other line is one problem of one line."""
    np.save(tmp_path / "up.npy", np.arange(12.0).reshape(3, 4))
    folder = tmp_path / "a" / "b" / "c"
    folder.mkdir(parents=True)
    table = io.StringIO()
    csv.writer(table).writerows([("path",), (NAMES[name] + ".npy",)])
    (folder / "manifest.csv").write_text(table.getvalue())
    found = read_source(folder)
    (problem,) = found.problems
    assert str(folder / "manifest.csv") in problem.message
    inside = [Path(file) for file in found.rows["file"]]
    assert all(file.is_relative_to(folder) for file in inside)


@pytest.mark.parametrize("name", NAMES)
def test_titles_make_plain_folders(name: str) -> None:
    """Letters, digits and hyphens."""
    assert set(slug(NAMES[name])) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@pytest.mark.parametrize("words", [("status",), ("score",), ("check",), ("import", "sted-quality")])
def test_names_that_the_file_system_refuses_are_one_line(
    words: tuple[str, ...], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4,000 characters are more than any file has; nothing is made."""
    monkeypatch.chdir(tmp_path)
    code, _, err = command(*words, "x" * 4000)
    assert code == 1
    assert err.startswith("error: ")
    assert "longer than a file" in err
    assert err.count("\n") == 1
    assert len(err) < 200
    assert not list(tmp_path.iterdir())


def test_formulas_are_quoted_in_headers_and_categories_too(tmp_path: Path) -> None:
    """Every text cell of our own tables; read back they are what they were."""
    frame = pd.DataFrame({formula: [formula, "plain"] for formula in FORMULAS})
    frame["kind"] = pd.Categorical([FORMULAS[0], "plain"])
    write_csv(tmp_path / "t.csv", frame)
    with (tmp_path / "t.csv").open(newline="") as lines:
        cells = [cell for row in csv.reader(lines) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    again = read_table(tmp_path / "t.csv")
    assert again.columns.tolist() == [*FORMULAS, "kind"]
    assert again[FORMULAS[0]].tolist() == [FORMULAS[0], "plain"]
    assert again["kind"].tolist() == [FORMULAS[0], "plain"]


def test_scores_of_people_and_groups_of_any_name_stay_in_their_folder(tmp_path: Path) -> None:
    """Tables, figures and the report are written below the results, and nothing elsewhere."""
    results = tmp_path / "a" / "results"
    results.mkdir(parents=True)
    names = [NAMES[kind] for kind in ("parent", "absolute", "line", "long emoji", "markup")]
    labels = ("normal", "anomaly")
    items = pd.DataFrame({"item_id": [f"i{number}" for number in range(10)]})
    items["label"] = [labels[number % 2] for number in range(10)]
    items["structure"] = [names[number % len(names)] for number in range(10)]
    answers = pd.DataFrame(
        [
            (f"i{number}", name, labels[number * place % 3 % 2])
            for place, name in enumerate(names)
            for number in range(10)
        ],
        columns=["item_id", "annotator", "label"],
    )
    items.to_parquet(results / "items.parquet")
    answers.to_parquet(results / "annotations.parquet")
    score_folder(results)
    assert {path.name for path in tmp_path.iterdir()} == {"a"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"results"}
    assert "<script>alert" not in (results / "report.html").read_text()
    people = json.loads((results / "metrics.json").read_text())["people"]
    assert len(people) == len(names)
    assert not [name for name in people if "/" in name or "\n" in name]
