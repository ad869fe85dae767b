"""What `export` and `score` make of a study of cutouts, without a server."""

import json
from pathlib import Path

import pandas as pd
import pytest

from ls_integration import study as studies
from ls_integration.annotations import check_annotations, empty
from ls_integration.errors import ConfigError, SourceError
from ls_integration.kinds.cutouts import KIND, make_items
from ls_integration.kinds.cutouts_table import parse_predictions_table
from ls_integration.results.folder import open_results
from ls_integration.results.tables import write_annotations, write_items
from ls_integration.study import Study
from ls_integration.workflows.cutouts_results import TABLE_FILE, write_cutouts
from ls_integration.workflows.results_by_kind import check_annotator
from ls_integration.workflows.score import score_folder
from tests.cutout_tables import SMALL

YES, NO = "artifact", "no artifact"


def begin(folder: Path, data: bytes, random_floor: float = 0.0) -> Study:
    """Make the study's folder as the import leaves it."""
    study = Study(
        kind=KIND, title="Cutouts", blind=False, options={"threshold": None, "tile_px": 200}
    )
    folder.mkdir()
    (folder / TABLE_FILE).write_bytes(data)
    table = parse_predictions_table(data, "t.csv")
    items = make_items(table, make_id=study.item_id, seed=0, random_floor=random_floor)
    items = items.assign(
        part=1, image="pictures/one.webp", ra_deg=float("nan"), facts="[]", tiles="[]"
    )
    studies.write_items(folder, items)
    studies.save(folder, study)
    return study


def said(study: Study, *rows: tuple[str, str, str]) -> pd.DataFrame:
    """Make annotations of (source path, annotator, label)."""
    if not rows:
        return empty()
    frame = pd.DataFrame(rows, columns=["path", "annotator", "label"])
    frame["item_id"] = [study.item_id(path) for path in frame.pop("path")]
    return check_annotations(frame)


def exported(
    folder: Path, study: Study, annotations: pd.DataFrame, output: Path, who: str | None = None
) -> pd.DataFrame:
    """Write a results folder as `export` does once the answers are there."""
    items = studies.read_items(folder)
    about = {"uuid": study.uuid, "kind": KIND, "title": "Cutouts", "positive": YES, "blind": False}
    with open_results(output, {**about, "annotator": who}) as staged:
        write_annotations(staged, annotations)
        cutouts = write_cutouts(staged, study, folder, items, annotations, who)
        write_items(staged, cutouts)
    return cutouts


def variants() -> dict[str, bytes]:
    """Write the small table in the ways of several programs."""
    lines = [line.split(",") for line in SMALL.splitlines()]
    quoted = "\n".join(",".join(f'"{cell}"' for cell in line) for line in lines)
    return {
        "plain": SMALL.encode(),
        "CRLF": SMALL.replace("\n", "\r\n").encode(),
        "BOM": b"\xef\xbb\xbf" + SMALL.encode(),
        "quoted, no last line end": quoted.encode(),
        "BOM, CRLF, quoted": b"\xef\xbb\xbf" + quoted.replace("\n", "\r\n").encode(),
        "semicolons": SMALL.replace(",", ";").encode(),
    }


@pytest.mark.parametrize("name", list(variants()))
def test_without_answers_the_bytes_are_the_input(name: str, tmp_path: Path) -> None:
    """Byte for byte, however the table was written; one answer changes one cell."""
    data = variants()[name]
    study = begin(tmp_path / "study", data)
    exported(tmp_path / "study", study, said(study), tmp_path / "none")
    assert (tmp_path / "none" / "test_outputs.csv").read_bytes() == data
    assert (tmp_path / "none" / "reviewers.csv").read_text().count("\n") == 1
    one = said(study, ("A/200/0", "Ann", YES), ("A/0/0", "Ann", NO), ("A/200/200", "Ann", "unsure"))
    exported(tmp_path / "study", study, one, tmp_path / "one")
    changed = (tmp_path / "one" / "test_outputs.csv").read_bytes()
    assert [(old, new) for old, new in zip(data, changed, strict=True) if old != new] == [
        (ord("0"), ord("1"))
    ]


def test_the_real_table_comes_back(shared_data: Path, tmp_path: Path) -> None:
    """The authors' own file, 157,334 bytes; its items table has every row, and no JSON."""
    data = (shared_data / "des_cutouts" / "test_outputs.csv").read_bytes()
    study = begin(tmp_path / "study", data)
    cutouts = exported(tmp_path / "study", study, said(study), tmp_path / "out")
    assert (tmp_path / "out" / "test_outputs.csv").read_bytes() == data
    assert len(cutouts) == 1848
    assert int(cutouts["is_queue"].sum()) == 215
    assert not {"facts", "tiles", "frame_box"} & set(cutouts)
    before = json.loads(json.dumps(score_folder(tmp_path / "out").metrics))
    assert before["before"] == before["after"]
    assert [before["after"][cell] for cell in ("tp", "fp", "fn", "tn")] == [111, 204, 11, 1522]


def test_majority_or_one_person(tmp_path: Path) -> None:
    """Two against one decide, a tie leaves the label; --annotator asks one; reviewers has all."""
    study = begin(tmp_path / "study", SMALL.encode())
    answers = said(
        study,
        *(("A/200/0", who, label) for who, label in (("Ann", YES), ("Bob", YES), ("Cas", NO))),
        *(("A/200/200", who, label) for who, label in (("Ann", NO), ("Bob", YES))),
    )
    new = {}
    for who in (None, "Ann", "Cas"):
        output = tmp_path / str(who)
        exported(tmp_path / "study", study, answers, output, who)
        new[who] = pd.read_csv(output / "test_outputs.csv")["label_new"].tolist()[:5]
        assert len(pd.read_csv(output / "reviewers.csv")) == 5
        assert score_folder(output).metrics["annotator"] == who
    assert new == {None: [0, 1, 1, 1, 0], "Ann": [0, 1, 1, 0, 0], "Cas": [0, 0, 1, 1, 0]}
    scored = score_folder(tmp_path / "None", annotator="Bob", output=tmp_path / "Bob")
    assert (scored.metrics["annotator"], scored.metrics["changed"]) == ("Bob", 1)
    assert score_folder(tmp_path / "None").metrics["ties"] == 1
    # Only the two cutouts with an answer have a row; the others were not asked about.
    consensus = pd.read_csv(tmp_path / "None" / "consensus.csv", keep_default_na=False)
    assert consensus["n_answers"].tolist() == [3, 2]
    assert consensus["majority"].tolist() == [YES, ""]
    with pytest.raises(SourceError, match="nobody called Dan"):
        exported(tmp_path / "study", study, answers, tmp_path / "Dan", "Dan")
    assert not (tmp_path / "Dan").exists()
    with pytest.raises(ConfigError, match="--annotator Ann is for studies of cutouts"):
        check_annotator("sted-quality", "Ann")


def test_report_and_lines_tell_of_the_review(tmp_path: Path) -> None:
    """What changed stands first in the report and on the terminal, with by-hand numbers."""
    study = begin(tmp_path / "study", SMALL.encode())
    answers = said(
        study,
        *(("A/200/0", "Ann", YES), ("A/200/200", "Ann", NO), ("B.x_1/0/0", "Ann", "unsure")),
        *(("A/0/0", "Ann", NO), ("B.x_1/0/0", "Bob", NO)),
    )
    exported(tmp_path / "study", study, answers, tmp_path / "out")
    scored = score_folder(tmp_path / "out")
    lines = scored.lines
    assert lines is not None
    assert [line.split()[0] for line in lines[:3]] == ["precision", "before", "after"]
    assert lines[1].split()[-4:] == ["2", "2", "1", "1"]
    assert lines[2].split()[-4:] == ["3", "1", "0", "2"]
    counted = (
        "3 of 3 cutouts were reviewed and 1 that were not asked about; 2 labels are changed, "
        "0 unsure, 1 tied in the latest answers: these keep their label"
    )
    # Both cells of the queue that were decided and changed; the tie and the neighbour aside.
    assert lines[3].startswith("in the queue: 1.000 [0.342, 1.000] of the labels are wrong (2 of 2")
    assert lines[4] == counted
    page = scored.report.read_text(encoding="utf-8")
    assert f"<p>{counted}. The same predictions have" in page
    assert "precision 50.0\N{NO-BREAK SPACE}% before and 75.0\N{NO-BREAK SPACE}% after" in page
    assert "The predictions before and after the review" in page
    one = score_folder(tmp_path / "out", annotator="Bob", output=tmp_path / "Bob")
    assert one.lines is not None
    assert any("(answers of Bob)" in line for line in one.lines)
    assert "By the answers of Bob, 1 of 3" in one.report.read_text(encoding="utf-8")
    assert score_folder(tmp_path / "out").metrics["kind"] == KIND


def test_the_report_says_which_ties_it_counts(tmp_path: Path) -> None:
    """Unsure against certain is a tie of the review, and none of the people's agreement."""
    study = begin(tmp_path / "study", SMALL.encode())
    answers = said(
        study,
        *(("A/200/0", "Ann", YES), ("A/200/200", "Ann", NO), ("B.x_1/0/0", "Ann", "unsure")),
        *(("A/200/0", "Bob", YES), ("A/200/200", "Bob", YES), ("B.x_1/0/0", "Bob", NO)),
    )
    exported(tmp_path / "study", study, answers, tmp_path / "out")
    page = score_folder(tmp_path / "out").report.read_text(encoding="utf-8")
    assert "2 tied in the latest answers: these keep their label" in page
    assert "Among themselves, in first rounds and without “unsure”, the people agree" in page
    assert "On 1 cutout they are tied there; these have no majority." in page


def test_a_random_floor_tells_of_the_rest(tmp_path: Path) -> None:
    """The lines and the report say the share of wrong labels where nobody was asked."""
    study = begin(tmp_path / "study", SMALL.encode(), random_floor=1.0)
    answers = said(study, ("A/0/0", "Ann", YES), ("A/0/200", "Ann", YES))
    exported(tmp_path / "study", study, answers, tmp_path / "out")
    scored = score_folder(tmp_path / "out")
    assert scored.lines is not None
    assert scored.lines[3].startswith("outside the queue: 0.500 [0.095, 0.905] of the labels")
    assert "2 cutouts drawn at random outside the queue 1 had" in scored.report.read_text("utf-8")
