"""The study folder: written whole, read with checks, closed to others."""

import multiprocessing
import stat
from pathlib import Path

import pandas as pd
import pytest

from ls_integration import study as studies
from ls_integration.errors import SourceError, StudyError
from ls_integration.study import Project, Study


@pytest.fixture
def study() -> Study:
    """Make a study that was not sent yet."""
    return Study(kind="sted-quality", title="STED quality lab", blind=True)


def items(n_items: int = 3) -> pd.DataFrame:
    """Make a small items table."""
    return pd.DataFrame(
        {
            "item_id": [f"id{number}" for number in range(n_items)],
            "position": range(n_items),
            "image": [f"f/{number}.webp" for number in range(n_items)],
            "source_path": [f"./a/{number}.npz" for number in range(n_items)],
        }
    )


def test_a_study_comes_back_as_it_was_written(tmp_path: Path, study: Study) -> None:
    """Nothing of study.json is lost."""
    full = study.with_project(Project(key="owner-round-1", title="T", annotator="Ada"))
    studies.save(tmp_path / "s", full)
    assert studies.load(tmp_path / "s") == full


def test_the_folder_is_the_owners_alone(tmp_path: Path, study: Study) -> None:
    """It holds the truth and the salt."""
    studies.save(tmp_path / "s", study)
    studies.write_items(tmp_path / "s", items())
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "s").iterdir()]
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    assert modes == [0o600, 0o600]


def test_the_salt_is_not_printed(study: Study) -> None:
    """A log line with a study in it does not undo the blinding."""
    assert study.salt not in repr(study)


def test_ids_depend_on_the_salt(study: Study) -> None:
    """The same file has another id in another study, and the same one in this."""
    other = Study(kind="sted-quality", title="other", blind=True)
    path = "./actin/test/309-0.793.npz"
    assert study.item_id(path) == study.item_id(path)
    assert study.item_id(path) != other.item_id(path)
    assert len(study.item_id(path)) == 16


def test_a_project_takes_the_place_of_its_key(study: Study) -> None:
    """Recording the server's id changes a project and adds none."""
    planned = Project(key="k", title="T", annotator="Ada")
    made = planned.model_copy(update={"project_id": 9})
    assert study.with_project(planned).with_project(made).projects == [made]


def test_a_study_is_found_by_name_upwards(tmp_path: Path, study: Study) -> None:
    """From a subfolder, as git finds its repository."""
    folder = tmp_path / "studies" / "lab"
    studies.save(folder, study)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert studies.find("lab", below) == folder
    assert studies.find(str(folder), below) == folder


def test_an_unknown_study_is_answered_with_those_that_there_are(
    tmp_path: Path, study: Study
) -> None:
    """The message names them."""
    studies.save(tmp_path / "studies" / "lab", study)
    with pytest.raises(StudyError, match=r"no study 'lap' \(there are: lab \(1\)\)"):
        studies.find("lap", tmp_path)


@pytest.mark.parametrize("content", ["{", "{}", '{"schema_version": 2}', "[1]"])
def test_a_damaged_study_file_is_one_line(tmp_path: Path, content: str) -> None:
    """Whatever it holds: no traceback, and no salt in the message."""
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(StudyError, match=r"cannot read .*study\.json"):
        studies.load(tmp_path)


def test_a_study_of_another_user_is_one_line(
    tmp_path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container meets it that runs as somebody else."""

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    # Nobody is refused anything where the tests run as root.
    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(StudyError, match="belongs to another user.*BACKEND_USER"):
        studies.find(str(tmp_path), tmp_path)


def test_a_pictures_folder_cannot_point_elsewhere(tmp_path: Path, study: Study) -> None:
    """It is removed when a draft is begun anew, so it must be one of ours."""
    studies.save(tmp_path, study)
    path = tmp_path / "study.json"
    path.write_text(path.read_text().replace(study.pictures_folder, "../.."))
    with pytest.raises(StudyError):
        studies.load(tmp_path)


def test_items_are_sorted_by_position(tmp_path: Path) -> None:
    """The study's order is a column, not the order of rows in a file."""
    studies.write_items(tmp_path, items().iloc[[2, 0, 1]])
    assert studies.read_items(tmp_path)["item_id"].tolist() == ["id0", "id1", "id2"]


def test_doubled_ids_are_named() -> None:
    """A join on item_id would otherwise double answers."""
    with pytest.raises(SourceError, match=r"item_id must be unique.*id0 \(1\)"):
        studies.check_items(items().assign(item_id=["id0", "id0", "id2"]))


OPENED = {"project_id": 4, "item_ids": ["x"], "opened_at_s": 1.0}


def test_a_journal_line_cut_short_is_left_out(tmp_path: Path) -> None:
    """Its batch was not sent: the line is on the disk before the batch."""
    studies.append_journal(tmp_path, {"event": "batch", "batch": "a", **OPENED})
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.write('{"event": "ba')
    assert [entry["batch"] for entry in studies.read_journal(tmp_path)] == ["a"]


def test_a_line_cut_short_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    """The next run's batch would be unknown to the run after it, and sent twice."""
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.write('{"event": "batch", "item_ids": ["a')
    studies.append_journal(tmp_path, {"event": "batch", "batch": "b", **OPENED})
    studies.append_journal(tmp_path, {"event": "sent", "batch": "b"})
    assert [entry["event"] for entry in studies.read_journal(tmp_path)] == ["batch", "sent"]


def test_only_another_start_of_the_same_server_ends_a_request() -> None:
    """Where either start is unknown, a request may still be under way."""
    assert studies.is_over({"server_start": "7 1.0"}, "9 2.0")
    assert not studies.is_over({"server_start": "7 1.0"}, "7 1.0")
    assert not studies.is_over({"server_start": None}, "9 2.0")
    assert not studies.is_over({"server_start": "7 1.0"}, None)
    assert not studies.is_over({}, "9 2.0")


def test_a_study_that_cannot_be_written_is_one_line(tmp_path: Path, study: Study) -> None:
    """A full disk, or a folder that is none: no traceback."""
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "lab"
    with pytest.raises(StudyError, match="cannot write the study folder"):
        studies.save(folder, study)
    with pytest.raises(StudyError, match="cannot write the study folder"):
        studies.append_journal(folder, {})
    with pytest.raises(StudyError, match="cannot write the study folder"):
        studies.write_items(folder, items())
    with pytest.raises(StudyError, match="cannot write the study folder"), studies.locked(folder):
        pass


def test_an_edited_salt_is_refused(tmp_path: Path, study: Study) -> None:
    """It makes no ids; and it stays out of the message."""
    studies.save(tmp_path, study)
    path = tmp_path / "study.json"
    path.write_text(path.read_text().replace(study.salt, f"zz{study.salt}"))
    with pytest.raises(StudyError) as caught:
        studies.load(tmp_path)
    assert study.salt not in str(caught.value)


def _hold(folder: Path, held: "multiprocessing.synchronize.Event") -> None:
    with studies.locked(folder):
        held.set()
        multiprocessing.Event().wait(30)


def test_a_second_command_is_kept_off(tmp_path: Path) -> None:
    """Another process that works on the study is told of, at once."""
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held))
    other.start()
    try:
        assert held.wait(30)
        with (
            pytest.raises(StudyError, match="another command is working"),
            studies.locked(tmp_path),
        ):
            pass
    finally:
        other.kill()
        other.join()
    with studies.locked(tmp_path):
        pass
