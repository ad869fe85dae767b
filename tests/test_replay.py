"""Old sessions beside a study: whose they are, which rows are which images, what is new."""

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ls_integration.answers import Judgement
from ls_integration.errors import ConfigError, SourceError, StudyError
from ls_integration.kinds.sted_quality import make_items
from ls_integration.kinds.sted_quality_page import read_answer, write_answer
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.study import Project, Study
from ls_integration.workflows.import_items import read_table, select_rows
from ls_integration.workflows.import_options import remembered
from ls_integration.workflows.old_sessions import (
    Answer,
    Session,
    annotation_of,
    compare,
    read_old_sessions,
    session_names,
)
from ls_integration.workflows.replay_answers import unique_id
from ls_integration.workflows.session_rows import in_source_order
from ls_integration.workflows.sted_options import ImportOptions

CONFIG = parse(label_config_xml("sted_quality"))
CONTROL = CONFIG.choices()
READ, WRITE = read_answer(CONFIG), write_answer(CONFIG)
ADA, BEN = 7, 8


def make_study(repository: Path, **options: Any) -> tuple[Study, pd.DataFrame]:
    """Make a study of the sample's images, as an import would, without pictures."""
    given = ImportOptions(
        source=repository / "data" / "sted_sample", model_threshold=0.5, **options
    )
    study = Study(kind="sted-quality", title="Sample", blind=False, options=remembered(given))
    rows = select_rows(read_table(given), given, lambda _: None).rows
    return study, make_items(rows, make_id=study.item_id, normal_at_least=0.70)


def write_session(path: Path, items: pd.DataFrame, *, columns: int = 4) -> Path:
    """Write a session of *items* in their order: rated 0.7 or more is normal, 0.25 s each row."""
    ratings = items["rating"].to_numpy()
    times_s = 0.25 * np.arange(1, len(items) + 1)
    table = np.column_stack([ratings < 0.7, ratings, items["model_score"], times_s])
    np.savez(path, classifications=table[:, :columns], fp_errors=[], fn_errors=[])
    return path


def answer(label: str, time_s: float | None) -> Answer:
    return Answer(Judgement("any", label=label), time_s)


def read_one(path: Path, items: pd.DataFrame, study: Study) -> Session:
    (session,) = read_old_sessions([path], items, study, annotator=None, round_number=1, say=print)
    return session


def test_the_name_is_the_files_unless_it_is_given() -> None:
    """And --as is for one file; two files of one person would be one project."""
    fred, julia = Path("a/Fred.npz"), Path("b/Julia B.npz")
    assert session_names([fred, julia], None) == ["Fred", "Julia B"]
    assert session_names([fred], " Theresa  T ") == ["Theresa T"]
    with pytest.raises(ConfigError, match=r"--as Theresa names one person, but there are 2 files"):
        session_names([fred, julia], "Theresa")
    with pytest.raises(ConfigError, match=r"several files are of Fred .*--round 2"):
        session_names([fred, Path("b/Fred.npz")], None)
    with pytest.raises(ConfigError, match="cannot be a person's name"):
        session_names([fred], " ")


def test_rows_of_a_random_study_find_their_images(repository: Path, tmp_path: Path) -> None:
    """A session in the source's order gives each image the answer that it got."""
    study, in_file_order = make_study(repository)
    path = write_session(tmp_path / "Ada.npz", in_file_order)
    straight = read_one(path, in_file_order, study).answers
    by_path = dict(zip(in_file_order["source_path"], straight.values(), strict=True))
    mixed_study, mixed = make_study(repository, order="random", seed=3)
    assert mixed["source_path"].tolist() != in_file_order["source_path"].tolist()
    ordered = in_source_order(mixed, mixed_study)
    assert ordered["source_path"].tolist() == in_file_order["source_path"].tolist()
    answers = read_one(path, mixed, mixed_study).answers
    for item_id, source_path in zip(mixed["item_id"], mixed["source_path"], strict=True):
        known = by_path[source_path]
        assert answers[item_id].judgement.label == known.judgement.label
        assert answers[item_id].lead_time_s == known.lead_time_s


def test_a_random_order_that_cannot_be_undone_is_refused(repository: Path) -> None:
    """With images left out, the rows of the source are not known any more."""
    study, items = make_study(repository, order="random", limit=20)
    with pytest.raises(StudyError, match=r"'Sample' has a random order with --limit 20"):
        in_source_order(items, study)
    study, items = make_study(repository, order="random", limit=500)
    assert len(in_source_order(items, study)) == len(items)
    left_out = study.model_copy(update={"left_out": ["x.npz"]})
    with pytest.raises(StudyError, match="--skip-bad, which left out 1 images"):
        in_source_order(items, left_out)
    with pytest.raises(StudyError, match="without ratings"):
        in_source_order(items.assign(rating=np.nan), study)


def test_a_session_of_other_images_is_refused_with_its_row(
    repository: Path, tmp_path: Path
) -> None:
    """Another length says with which options the study was imported."""
    study, items = make_study(repository)
    whole = write_session(tmp_path / "Ada.npz", items)
    few_study, few = make_study(repository, limit=20)
    with pytest.raises(SourceError, match=r"60 answers, but there are 20 .*with --limit 20\)"):
        read_one(whole, few, few_study)
    other = items.copy()
    other.loc[3, "rating"] += 0.001
    with pytest.raises(SourceError, match=r"row 4 has the rating .*\(1 rows differ\)"):
        read_one(write_session(tmp_path / "Ben.npz", other), items, study)


def test_a_session_from_before_an_extension_is_of_the_first_images(
    repository: Path, tmp_path: Path
) -> None:
    """Its length is that of one or more whole parts, and every rating must fit."""
    study, items = make_study(repository)
    extended = items.assign(part=[1] * 40 + [2] * 15 + [3] * 5)
    lines: list[str] = []
    for length in (40, 55, 60):
        path = write_session(tmp_path / "Ada.npz", items.head(length))
        (session,) = read_old_sessions(
            [path], extended, study, annotator=None, round_number=1, say=lines.append
        )
        assert list(session.answers) == items["item_id"].tolist()[:length]
    assert [line.split(": ")[1] for line in lines] == [
        "20 of its 60 images stay open",
        "5 of its 60 images stay open",
    ]
    with pytest.raises(SourceError, match=r"but there are 60 .*40 images, extended by 15 and 5\)"):
        read_one(write_session(tmp_path / "Ada.npz", items.head(45)), extended, study)
    other = items.head(40).assign(rating=items["rating"].iloc[1:41].to_numpy())
    with pytest.raises(SourceError, match="row 1 has the rating"):
        read_one(write_session(tmp_path / "Ada.npz", other), extended, study)
    # A random order can be undone for the first part alone.
    mixed_study, mixed = make_study(repository, order="random", seed=3)
    more = mixed.head(7).assign(item_id=[f"new {number}" for number in range(7)], part=2)
    both = pd.concat([mixed, more], ignore_index=True)
    session = read_one(write_session(tmp_path / "Ada.npz", items), both, mixed_study)
    assert set(session.answers) == set(mixed["item_id"])
    with pytest.raises(StudyError, match="only sessions of its first 60 images"):
        read_one(write_session(tmp_path / "Ada.npz", both), both, mixed_study)


def test_an_annotation_is_finished_and_nobodys_truth() -> None:
    """The time is the person's, left out where an old file has none; no prediction is named."""
    annotation = annotation_of(answer("anomaly", 0.1 + 0.2), WRITE, ADA)
    assert annotation == {
        "result": choice_result(CONTROL, "anomaly"),
        "completed_by": ADA,
        "was_cancelled": False,
        "ground_truth": False,
        "lead_time": 0.1 + 0.2,
    }
    assert "lead_time" not in annotation_of(answer("normal", None), WRITE, ADA)


def test_an_old_file_has_no_times(repository: Path, tmp_path: Path) -> None:
    """Two columns: decisions only."""
    study, items = make_study(repository)
    session = read_one(write_session(tmp_path / "Ada.npz", items, columns=2), items, study)
    assert {answer.lead_time_s for answer in session.answers.values()} == {None}
    assert {answer.judgement.label for answer in session.answers.values()} == {"normal", "anomaly"}


def given(number: int, label: str, time_s: float | None, user_id: int = ADA) -> dict[str, Any]:
    return {
        "id": number,
        "created_at": f"2024-05-01T12:00:{number:02}Z",
        "result": choice_result(CONTROL, label),
        "lead_time": time_s,
        "completed_by": user_id,
        "was_cancelled": False,
    }


def test_what_is_missing_and_what_differs() -> None:
    """Choice, time, a skip; the newest of a person counts, others' answers do not."""
    skip = {**given(6, "normal", 1.5), "was_cancelled": True}
    on_server = {
        "same": [given(1, "normal", 1.5)],
        "corrected": [given(3, "normal", 1.5), given(2, "anomaly", 9.0)],
        "choice": [given(4, "anomaly", 1.5)],
        "time": [given(5, "normal", 1.6)],
        "skip": [skip],
        "other": [given(7, "normal", 1.5, BEN)],
        "none": [],
        "not in the file": [given(8, "anomaly", 2.0)],
    }
    tasks = [
        {"id": 100 + number, "data": {"item_id": item_id}, "annotations": annotations}
        for number, (item_id, annotations) in enumerate(on_server.items())
    ]
    asked = [item_id for item_id in on_server if item_id != "not in the file"]
    session = Session(Path("Ada.npz"), "Ada", dict.fromkeys(asked, answer("normal", 1.5)))
    found = compare(session, tasks, READ, ADA)
    assert found.n_same == 2
    assert found.missing == {"other": 105, "none": 106}
    assert found.differing == {"choice": 4, "time": 5, "skip": 6}
    timeless = Session(Path("Ada.npz"), "Ada", dict.fromkeys(asked, answer("normal", None)))
    assert set(compare(timeless, tasks, READ, ADA).differing) == {"choice", "skip"}


def test_an_answer_has_one_unique_id() -> None:
    """The same for a repeat; another for another item, round or study."""
    study = Study(kind="sted-quality", title="x", blind=True)
    first = Project(key="user-7-round-1", title="x", annotator="Ada")
    second = Project(key="user-7-round-2", title="x", annotator="Ada", round=2)
    other = Study(kind="sted-quality", title="x", blind=True)
    known = unique_id(study, first, "ab", ADA)
    assert uuid.UUID(known).version == 5
    assert unique_id(study, first, "ab", ADA) == known
    different = {unique_id(study, first, "cd", ADA), unique_id(study, second, "ab", ADA)}
    assert len({known, unique_id(other, first, "ab", ADA), *different}) == 4
    together = Project(key="shared-round-1", title="x", shared=True)
    assert unique_id(study, together, "ab", ADA) != unique_id(study, together, "ab", BEN)
