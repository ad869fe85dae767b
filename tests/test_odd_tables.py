"""Any table through the real command: a defined result, or one line that says what to mend.

Warnings of libraries are errors in all tests (pyproject.toml), so a table that makes one fails.
"""

import json
import re
import sys
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ls_integration.cli import main
from tests.test_metrics import check

HEAD = "item_id,annotator,label\n"
ANN = "a,Ann,anomaly\nb,Ann,normal\nc,Ann,normal\nd,Ann,anomaly\n"
BOB = "a,Bob,anomaly\nb,Bob,normal\nc,Bob,anomaly\nd,Bob,anomaly\n"
TWO = HEAD + ANN + BOB
ITEMS = "item_id,label\na,anomaly\nb,normal\nc,normal\nd,anomaly\n"
ONE_ALPHA = 1 - (1 / 4) / (2 * 5 * 3 / (8 * 7))
"""Of Ann and Bob: they differ on 1 item of 4; of 8 answers 5 are anomaly, 3 normal."""
HOSTILE = "<script>alert(1)</script>"

Score = Callable[..., tuple[int, str, str]]


@pytest.fixture
def score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Score:
    """Give what writes tables and runs ``score`` on them: exit code, stdout, stderr."""

    def run(tables: dict[str, str | bytes], *options: str) -> tuple[int, str, str]:
        for name, content in tables.items():
            raw = content if isinstance(content, bytes) else content.encode("utf-8")
            (tmp_path / name).write_bytes(raw)
        monkeypatch.setattr(sys, "argv", ["ls-integration", "score", str(tmp_path), *options])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capfd.readouterr()
        return int(left.value.code or 0), out, err

    return run


def columns(names: str, *rows: str) -> str:
    """Write a table with more than the three columns."""
    return "\n".join([f"item_id,annotator,label,{names}", *rows, ""])


def look_up(metrics: dict[str, Any], path: str) -> Any:
    """Follow ``a/b/c`` into the numbers; a number is a place in a list."""
    steps = [int(step) if step.isdigit() else step for step in path.split("/")]
    return reduce(lambda value, step: value[step], steps, metrics)  # type: ignore[index,return-value]


# Name -> annotations, items or None, what the numbers say, what the warnings say.
DEFINED: dict[str, tuple[str | bytes, str | bytes | None, dict[str, Any], list[str]]] = {
    "two people": (
        TWO,
        ITEMS,
        {"people/Ann/accuracy": 1.0, "people/Bob/fp": 1, "agreement/krippendorff_alpha": ONE_ALPHA},
        ["people.Ann.median_decision_time_s: no decision time is known"],
    ),
    "no items": (
        TWO,
        None,
        {
            "n_items_with_known_label": 0,
            "people/Ann/accuracy": None,
            "agreement/krippendorff_alpha": ONE_ALPHA,
            "consensus/majority/n_decided": 3,
            "consensus/majority/tied_items": ["c"],
        },
        ["people.Ann.accuracy: no judged item has a known label", "n_tied: 1 items are tied"],
    ),
    "double answers": (
        f"{TWO}a,Ann,normal\nb,Ann,anomaly\nb,Ann,normal\n",
        ITEMS,
        {"people/Ann/fn": 1, "people/Ann/fp": 0, "people/Ann/classified": 4},
        ["people.Ann.classified: 2 items were answered more than once in this round; the last"],
    ),
    "an answer after a skip": (
        columns("skipped", "a,Ann,,true", "a,Ann,anomaly,false", "b,Ann,normal,no", "b,Ann,,yes"),
        ITEMS,
        {"people/Ann/tp": 1, "people/Ann/skipped": 1, "people/Ann/classified": 1},
        [],
    ),
    "only normal items": (
        TWO,
        ITEMS.replace("anomaly", "normal"),
        {"people/Ann/tpr": None, "people/Ann/fpr": 0.5},
        ["people.Ann.tpr: no judged item is anomaly by its known label"],
    ),
    "only anomalies": (
        TWO,
        ITEMS.replace("normal", "anomaly"),
        {"people/Ann/tpr": 0.5, "people/Ann/fpr": None},
        ["people.Ann.fpr: every judged item with a known label is anomaly"],
    ),
    "one label by everybody": (
        TWO.replace("anomaly", "normal"),
        ITEMS,
        {"people/Ann/tpr": 0.0, "agreement/krippendorff_alpha": None, "agreement/n_people": 2},
        ["agreement.krippendorff_alpha: only one label was used"],
    ),
    "one label and no truth": (
        TWO.replace("anomaly", "normal"),
        None,
        {"positive": "normal", "agreement/pairwise/0/observed_agreement": 1.0},
        ["agreement.fleiss_kappa: only one label was used"],
    ),
    "one person": (
        HEAD + ANN,
        ITEMS,
        {"people/Ann/accuracy": 1.0, "agreement/pairwise": [], "agreement/fleiss_kappa": None},
        ["agreement.fleiss_kappa: agreement needs the answers of two people"],
    ),
    "one answer": (
        HEAD + "a,Ann,anomaly\n",
        None,
        {"n_items": 1, "consensus/majority/n_decided": 1},
        [],
    ),
    "all skipped": (
        columns("skipped", "a,Ann,,true", "b,Ann,,true", "b,Bob,,true"),
        ITEMS,
        {"people/Ann/skipped": 2, "people/Ann/classified": 0, "people/Ann/accuracy": None},
        ["people.Ann.accuracy: no judged item has a known label"],
    ),
    "all skipped and no items": (
        columns("skipped", "a,Ann,,true", "b,Bob,,true"),
        None,
        {"n_items": 2, "labels": [], "consensus/majority/n_decided": 0},
        [],
    ),
    "a header only": (
        HEAD,
        ITEMS,
        {"people": {}, "n_items": 4},
        ["people: there are no answers"],
    ),
    "headers only": (
        HEAD,
        "item_id,label\n",
        {"people": {}, "n_items": 0, "labels": []},
        ["people: there are no answers"],
    ),
    "a header and no items": (HEAD.strip(), None, {"n_items": 0}, ["there are no answers"]),
    "four labels": (
        f"{HEAD}a,Ann,anomaly\nb,Ann,y\nc,Ann,z\na,Bob,anomaly\nb,Bob,z\nc,Bob,z\n",
        "item_id,label\na,anomaly\nb,y\nc,x\n",
        {"labels": ["anomaly", "x", "y", "z"], "people/Bob/tn": 2, "people/Bob/accuracy": 1.0},
        [],
    ),
    "labels of spaces, without a truth": (
        f"{HEAD}a,Ann,not good\nb,Ann,very good\na,Bob,not good\nb,Bob,very good\n",
        None,
        {"labels": ["not good", "very good"], "agreement/krippendorff_alpha": 1.0},
        [],
    ),
    "labels that are numbers": (
        f"{HEAD}a,Ann,0\nb,Ann,1\na,Bob,1\nb,Bob,1\n",
        None,
        {"labels": ["0", "1"], "positive": "1", "agreement/pairwise/0/observed_agreement": 0.5},
        [],
    ),
    "labels that differ in spaces": (
        f"{HEAD}a,Ann, anomaly\nb,Ann,Normal\na,Bob,anomaly\nb,Bob,normal\n",
        ITEMS,
        {"people/Ann/tpr": 0.0, "people/Bob/tpr": 1.0},
        ["labels: ' anomaly', 'anomaly' (2) differ only", "labels: 'Normal', 'normal' (2) differ"],
    ),
    "hostile names and labels": (
        f"{HEAD}a,{HOSTILE},{HOSTILE}\nb,{HOSTILE},anomaly\na,$x_{{$,{HOSTILE}\nb,$x_{{$,normal\n",
        ITEMS,
        {"labels": [HOSTILE, "anomaly", "normal"], "people/$x_{$/fn": 1},
        [],
    ),
    "long names and labels": (
        f"{HEAD}a,{'x' * 3000},{'y' * 3000}\nb,{'x' * 3000},anomaly\na,{'x' * 3001},anomaly\n",
        ITEMS,
        {f"people/{'x' * 80}/fn": 1, f"people/{'x' * 80}-2/tp": 1},
        [],
    ),
    "names and labels of any script": (
        f"{HEAD}a,Zoë 王,正常\nb,Zoë 王,anomaly\na,Ω \N{SNOWMAN},anomaly\nb,Ω \N{SNOWMAN},正常\n",
        ITEMS.replace("normal", "正常"),
        {"people/Zoë 王/accuracy": 0.0, "people/Ω \N{SNOWMAN}/accuracy": 1.0},
        [],
    ),
    "ids with zeros": (
        f"{HEAD}007,Ann,anomaly\n7,Ann,normal\n1e3,Ann,normal\n",
        "item_id,label\n7,normal\n007,anomaly\n1e3,normal\n",
        {"n_items": 3, "people/Ann/accuracy": 1.0},
        [],
    ),
    "names of files": (
        f"{HEAD}a,Ann,anomaly\na,ann,normal\na,A/b,anomaly\na,A:b,normal\na,report,normal\n",
        ITEMS,
        {"people/Ann/tp": 1, "people/ann-2/fn": 1, "people/A_b-2/fn": 1, "people/report_/fn": 1},
        ["people: 'Ann', 'ann' (2) differ only in spaces or capitals"],
    ),
    "two rounds": (
        columns("round", *(f"{cell},{number}" for cell in ANN.split() for number in (1, 2))),
        ITEMS,
        {"people/Ann_round2/round": 2, "agreement/n_people": 1, "consensus/majority/tp": 2},
        [],
    ),
    "no first round": (
        columns("round", *(f"{cell},2" for cell in (ANN + BOB).split())),
        ITEMS,
        {"people/Ann_round2/accuracy": 1.0, "agreement/n_people": 0},
        ["agreement: Ann has no first round and is left out"],
    ),
    "a name like a round": (
        columns("round", "a,Ann,anomaly,2", "a,Ann,normal,1", "a,Ann_round2,anomaly,1"),
        ITEMS,
        {"people/Ann_round2/round": 2, "people/Ann_round2-2/annotator": "Ann_round2"},
        [],
    ),
    "times unknown and zero": (
        columns("lead_time_s", "a,Ann,anomaly,nan", "b,Ann,normal,", "a,Bob,anomaly,0"),
        ITEMS,
        {"people/Ann/median_decision_time_s": None, "people/Bob/median_decision_time_s": 0.0},
        ["people.Ann.median_decision_time_s: no decision time is known"],
    ),
    "times of all sizes": (
        columns("lead_time_s", "a,Ann,anomaly,1e300", "b,Ann,normal,1e-300"),
        ITEMS,
        {"people/Ann/median_decision_time_s": 5e299},
        [],
    ),
    "some labels known": (
        TWO,
        "item_id,label\na,anomaly\nb,\nc,normal\nd,\n",
        {"n_items_with_known_label": 2, "people/Bob/accuracy": 0.5, "people/Bob/classified": 4},
        ["n_items_with_known_label: 2 items have no known label"],
    ),
    "no label known": (TWO, "item_id,label\na,\nb,\nc,\nd,\n", {"n_items_with_known_label": 0}, []),
    "some in groups": (
        TWO,
        "item_id,label,group\na,anomaly,g\nb,normal,\nc,normal,g\nd,anomaly,\n",
        {"people/Ann/accuracy": 1.0},
        [],
    ),
    "one group": (
        TWO,
        "item_id,label,group\na,anomaly,g\nb,normal,g\nc,normal,g\nd,anomaly,g\n",
        {"people/Ann/accuracy": 1.0},
        [],
    ),
    "Windows, with a mark at the start": (
        ("\ufeff" + TWO).replace("\n", "\r\n"),
        ("\ufeff" + ITEMS).replace("\n", "\r\n"),
        {"labels": ["anomaly", "normal"], "people/Ann/accuracy": 1.0},
        [],
    ),
    "blank lines, commas at the end": (
        HEAD.replace("\n", ",,\n") + "a,Ann,anomaly,,\n\n\nb,Ann,normal,,\n\n",
        ITEMS,
        {"people/Ann/accuracy": 1.0, "people/Ann/classified": 2},
        [],
    ),
    "ratings without labels": (
        columns("rating", "a,Ann,,0.5", "b,Ann,normal,0.7"),
        ITEMS,
        {"people/Ann/classified": 1, "people/Ann/skipped": 0},
        ["people.Ann.classified: 1 answers are a rating without a label"],
    ),
    "answers that were shown": (
        columns("prefilled", "a,Ann,anomaly,yes", "b,Ann,normal,no", "a,Bob,anomaly,", "b,Bob,x,0"),
        ITEMS,
        {"people/Ann/assisted": "some", "agreement/independent": False},
        ["agreement.independent: some of these answers started from an answer that was shown"],
    ),
    "model scores, some, all equal": (
        TWO,
        "item_id,label,model_score\na,anomaly,0.5\nb,normal,0.5\nc,normal,\nd,anomaly,0.5\n",
        {"model/n_scored": 3, "model/auc": 0.5, "model/accuracy": None},
        ["model.n_scored: 1 items have no model score"],
    ),
    "our columns by other names": (
        columns("place,vote,first", "a,Ann,anomaly,1,2,3", "b,Bob,anomaly,1,2,3"),
        ITEMS,
        {"people/Ann/tp": 1, "people/Bob/fp": 1},
        [],
    ),
}


@pytest.mark.parametrize("name", DEFINED)
def test_an_odd_table_has_a_defined_result(name: str, tmp_path: Path, score: Score) -> None:
    """Every number is right or null with its reason, on the page too, and nothing else is said."""
    annotations, items, wanted, said = DEFINED[name]
    tables = {"annotations.csv": annotations} | ({} if items is None else {"items.csv": items})
    code, out, err = score(tables, "--quiet")
    assert code == 0, err
    assert "report:" in out
    # What the command says beside its results is one line on what is undefined.
    assert [line for line in err.splitlines() if not line.startswith("undefined or left")] == []
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    check(metrics)
    for path, value in wanted.items():
        assert (
            look_up(metrics, path) == pytest.approx(value)
            if value
            else (look_up(metrics, path) == value)
        ), path
    for text in said:
        assert any(text in warning for warning in metrics["warnings"]), text
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert not re.search(r">\s*[\[(]?(nan|None|inf)\b", page)


REFUSED: dict[str, tuple[dict[str, str | bytes], str]] = {
    "an unknown item": (
        {"annotations.csv": TWO + "z,Ann,normal\n", "items.csv": ITEMS},
        "answers on items that the items table does not have: z (1); give the items.csv",
    ),
    "no answers at all": ({"items.csv": ITEMS}, "there is no annotations.csv in"),
    "an empty file": ({"annotations.csv": ""}, "annotations.csv is empty; write at least a header"),
    "an empty line": ({"annotations.csv": "\n"}, "annotations.csv is empty"),
    "an empty file of items": ({"annotations.csv": TWO, "items.csv": ""}, "items.csv is empty"),
    "no item": (
        {"annotations.csv": TWO, "items.csv": "item_id,label\n"},
        "does not have: a, b, c, d (4)",
    ),
    "two labels, neither positive": (
        {
            "annotations.csv": TWO.replace("anomaly", "bad"),
            "items.csv": ITEMS.replace("anomaly", "bad"),
        },
        "which label is the positive one is not known (there are: bad, normal); give --positive",
    ),
    "round 0": (
        {"annotations.csv": columns("round", "a,Ann,anomaly,0")},
        "column round is not a whole number from 1 in row 1 (1)",
    ),
    "no round": (
        {"annotations.csv": columns("round", "a,Ann,anomaly,1", "b,Ann,anomaly,")},
        "column round is not a whole number from 1 in row 2 (1)",
    ),
    "a round beyond counting": (
        {"annotations.csv": columns("round", "a,Ann,anomaly,1e20")},
        "column round is too high for a count in row 1 (1)",
    ),
    "a negative time": (
        {"annotations.csv": columns("lead_time_s", "a,Ann,anomaly,-1")},
        "column lead_time_s is negative in row 1 (1); give seconds from 0",
    ),
    "an endless time": (
        {"annotations.csv": columns("lead_time_s", "a,Ann,anomaly,inf")},
        "column lead_time_s is infinite in row 1 (1)",
    ),
    "a time with a comma": (
        {"annotations.csv": columns("lead_time_s", 'a,Ann,anomaly,"1,5"')},
        "column lead_time_s is not a number in row 1 (1)",
    ),
    "an item twice": (
        {"annotations.csv": TWO, "items.csv": ITEMS + "a,normal\n"},
        "item_id is not unique: a (1) stand more than once",
    ),
    "an answer to nothing": (
        {"annotations.csv": HEAD + ",Ann,normal\n"},
        "column item_id is empty in row 1 (1)",
    ),
    "an answer of nobody": (
        {"annotations.csv": HEAD + "a,,normal\n"},
        "column annotator is empty in row 1 (1)",
    ),
    "an infinite score": (
        {
            "annotations.csv": TWO,
            "items.csv": "item_id,model_score\na,inf\nb,1\nc,1\nd,1\n",
        },
        "column model_score is infinite in row 1 (1)",
    ),
    "semicolons": (
        {"annotations.csv": TWO.replace(",", ";")},
        "its columns are separated by semicolons, save it with commas",
    ),
    "tabs": ({"annotations.csv": TWO.replace(",", "\t")}, "its columns are separated by tabs"),
    "items with semicolons": (
        {"annotations.csv": TWO, "items.csv": ITEMS.replace(",", ";")},
        "its columns are separated by semicolons, save it with commas",
    ),
    "capitals in the header": (
        {"annotations.csv": TWO.replace(HEAD, "Item_ID, Annotator, Label\n")},
        "take spaces and capitals out of the header",
    ),
    "UTF-16": ({"annotations.csv": TWO.encode("utf-16")}, "give UTF-8 CSV or Parquet"),
    "Latin-1": (
        {"annotations.csv": (TWO + "a,Zoë,normal\n").encode("latin-1")},
        "give UTF-8 CSV or Parquet",
    ),
    "a character 0": ({"annotations.csv": TWO.replace("Ann", "A\0n")}, "character 0 in it"),
    "a longer first row": (
        {"annotations.csv": HEAD + "a,Ann,anomaly,more\nb,Ann,normal,more\n"},
        "annotations.csv has rows with more cells than its header",
    ),
    "a longer row": ({"annotations.csv": TWO + "a,Cas,normal,x\n"}, "Expected 3 fields in line 10"),
    "an open quote": ({"annotations.csv": HEAD + 'a,Ann,"normal\n'}, "EOF inside string"),
    "a column twice": (
        {"annotations.csv": "item_id,annotator,label,label\na,Ann,normal,anomaly\n"},
        "annotations.csv has two columns label (1); rename or remove one",
    ),
    "a broken Parquet": ({"annotations.parquet": b"PAR1 not really"}, "give UTF-8 CSV or Parquet"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_cannot_be_is_refused_in_one_line(
    name: str, tmp_path: Path, score: Score
) -> None:
    """Exit code 1, one line that names what is wrong, and the folder is left as it was."""
    tables, message = REFUSED[name]
    code, out, err = score(tables, "--quiet")
    assert code == 1
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(tables)


def test_a_label_may_be_the_positive_one(tmp_path: Path, score: Score) -> None:
    """Any label, numbers too; one that nobody has is refused with those that there are."""
    tables = {
        "annotations.csv": HEAD + "a,Ann,1\nb,Ann,0\n",
        "items.csv": "item_id,label\na,1\nb,1\n",
    }
    assert score(tables, "--positive", "1")[0] == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["people"]["Ann"]["tpr"] == 0.5
    code, _, err = score(tables, "--positive", "2")
    assert code == 1
    assert "no item and no answer has the label '2' (there are: 0, 1)" in err


@pytest.mark.parametrize("ids", [["007", "7"], [7, 8]])
def test_parquet_is_a_table_too(ids: list[object], tmp_path: Path, score: Score) -> None:
    """Ids that are whole numbers there are their digits; texts stay as they are."""
    answers = pd.DataFrame({"item_id": ids, "annotator": "Ann", "label": ["anomaly", "normal"]})
    answers.to_parquet(tmp_path / "annotations.parquet")
    pd.DataFrame({"item_id": ids, "label": "anomaly"}).to_parquet(tmp_path / "items.parquet")
    assert score({})[0] == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["n_items"], metrics["people"]["Ann"]["tpr"]) == (2, 0.5)
