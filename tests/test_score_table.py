"""Score tables: what is read, what is refused, and by which line."""

from pathlib import Path

import pytest

from ls_integration.errors import ConfigError, SourceError, TaskError
from ls_integration.serving.predictions import choices_for
from ls_integration.serving.score_table import Score, read_score_table

STUDY = {"f00d": "./actin/test/309-0.793.npz", "beef": "./tubulin/test/12-0.5.npz"}


def _write(folder: Path, text: str) -> Path:
    path = folder / "scores.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_columns_of_predict_are_read_as_they_are(tmp_path: Path) -> None:
    """Nothing but the file is needed: its version and its decisions stand in it."""
    text = (
        "item_id,path,model_score,model_label,model_version\n"
        "f00d,./a.npz,0.25,normal,svm-1\n"
        'beef,"./b, c.npz",1e-1,anomaly,svm-1\n'
    )
    table = read_score_table(_write(tmp_path, text))
    assert table.model_version == "svm-1"
    assert dict(table.scores) == {
        "f00d": Score("f00d", "./a.npz", 0.25, "normal"),
        "beef": Score("beef", "./b, c.npz", 0.1, "anomaly"),
    }
    assert table.labels == ("anomaly", "normal")


def test_a_score_at_the_threshold_is_positive(tmp_path: Path) -> None:
    """>= decides, as everywhere in the project."""
    path = _write(tmp_path, "item_id,model_score\na,0.213\nb,0.2129\n")
    table = read_score_table(path, model_version="m", threshold=0.213)
    assert [table.scores[name].label for name in "ab"] == ["anomaly", "normal"]


def test_a_byte_order_mark_and_crlf_are_no_hindrance(tmp_path: Path) -> None:
    """A spreadsheet's CSV is read like any other."""
    path = tmp_path / "scores.csv"
    path.write_bytes("\ufeffitem_id,model_score,model_label\r\na,1,anomaly\r\n".encode())
    assert read_score_table(path, model_version="m").scores["a"].score == 1.0


def test_paths_are_joined_to_the_items_of_the_study(tmp_path: Path) -> None:
    """Item ids of another study do not count; other files are left out."""
    text = (
        "item_id,path,model_score,model_label\n"
        "0000,actin/test/309-0.793.npz,0.9,anomaly\n"
        "1111,./tubulin/test/12-0.5.npz,0.2,normal\n"
        "2222,./not/in/the/study.npz,0.5,normal\n"
    )
    table = read_score_table(_write(tmp_path, text), model_version="m", source_paths=STUDY)
    assert {item: score.score for item, score in table.scores.items()} == {"f00d": 0.9, "beef": 0.2}


def test_ids_are_enough_where_there_is_no_path(tmp_path: Path) -> None:
    """A table by item_id is cut to the study's items."""
    path = _write(tmp_path, "item_id,model_score,model_label\nf00d,1,anomaly\nzzzz,0,normal\n")
    table = read_score_table(path, model_version="m", source_paths=STUDY)
    assert list(table.scores) == ["f00d"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has the columns none"),
        ("item_id,score\na,1\n", "needs model_score"),
        ("model_score\n1\n", "item_id or path"),
        ("item_id,model_score,model_label\n", "has no rows"),
        ("item_id,model_score,model_label\na,1,normal\n,1,normal\n", "line 3: neither"),
        ("item_id,model_score,model_label\na,1,normal\nb,nan,normal\n", "line 3: the model_score"),
        ("item_id,model_score,model_label\na,,normal\n", "line 2: the model_score is ''"),
        ("item_id,model_score,model_label\na,-inf,normal\n", "line 2: the model_score is '-inf'"),
        ("item_id,model_score,model_label\na,high,normal\n", "line 2: the model_score is 'high'"),
        ("item_id,model_score,model_label\na,1,\n", "line 2: no model_label"),
        ("item_id,model_score\na,1\n", "line 2: no model_label"),
        ("item_id,model_score,model_label\na,1,normal,more\n", "line 2 (1): more cells"),
        (
            "item_id,model_score,model_label\na,1,normal\nb,1,normal\na,1,normal\n",
            "line 4: the item_id 'a' stands on line 2",
        ),
        (
            "path,model_score,model_label\n./a,1,normal\na,1,normal\n",
            "line 3: the path 'a' stands on line 2",
        ),
        ("path,model_score,model_label\n./a,1,normal\n", "line 2 (1): no item_id"),
        (
            "item_id,model_score,model_label,model_version\na,1,normal,v1\nb,1,normal,v2\n",
            "several model versions: v1, v2 (2)",
        ),
        ('item_id,model_score,model_label\n"a,1,normal\n', "cannot read the score table"),
    ],
)
def test_a_bad_table_is_refused_by_line(tmp_path: Path, text: str, words: str) -> None:
    """One line says where and what to do."""
    path = _write(tmp_path, text)
    with pytest.raises(SourceError) as caught:
        read_score_table(path, model_version=None if "model_version" in text else "m")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(SourceError, match=r"cannot read the score table .*none\.csv"):
        read_score_table(tmp_path / "none.csv", model_version="m")


def test_a_table_without_a_version_wants_one(tmp_path: Path) -> None:
    """Predictions are never stored without a version."""
    path = _write(tmp_path, "item_id,model_score,model_label\na,1,normal\n")
    with pytest.raises(SourceError, match="--model-version"):
        read_score_table(path)


def test_two_versions_that_contradict_are_refused(tmp_path: Path) -> None:
    """The option does not rename another model's scores."""
    path = _write(tmp_path, "item_id,model_score,model_label,model_version\na,1,normal,v1\n")
    with pytest.raises(SourceError, match="'v1', --model-version says 'v2'"):
        read_score_table(path, model_version="v2")


def test_a_decision_that_contradicts_the_threshold_is_refused(tmp_path: Path) -> None:
    """A table decided at another threshold is not served under this one."""
    path = _write(tmp_path, "item_id,model_score,model_label\na,0.4,normal\nb,0.6,normal\n")
    with pytest.raises(SourceError, match="line 3: the model_label is 'normal'"):
        read_score_table(path, model_version="m", threshold=0.5)


def test_a_table_of_another_study_is_refused(tmp_path: Path) -> None:
    """Serving nothing would look like a model without an opinion."""
    path = _write(tmp_path, "path,model_score,model_label\n./x.npz,1,anomaly\n")
    with pytest.raises(SourceError, match="none of its 1 rows belongs to the study"):
        read_score_table(path, model_version="m", source_paths=STUDY)


def test_a_page_must_offer_the_tables_labels(tmp_path: Path) -> None:
    """Label Studio would store the prediction and show nothing."""
    path = _write(tmp_path, "item_id,model_score,model_label\na,1,artifact\n")
    table = read_score_table(path, model_version="m")
    page = '<View><Choices name="a" toName="b"><Choice value="normal"/></Choices></View>'
    with pytest.raises(TaskError, match=r"labels artifact \(1\), the page offers normal"):
        choices_for(table, page)
    with pytest.raises(ConfigError, match="0 Choices"):
        choices_for(table, "<View/>")
