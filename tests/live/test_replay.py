"""Old sessions replayed: the same files come out, once, on two studies of one server."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration import study as studies
from ls_integration.errors import PartialError, ServerTimeout, SourceError, StudyError
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from ls_integration.settings import load
from ls_integration.workflows import replay_answers
from ls_integration.workflows.export import export
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.old_sessions import Comparison
from ls_integration.workflows.replay import replay
from ls_integration.workflows.replay_answers import ReplayedSession
from ls_integration.workflows.sted_options import ImportOptions

SESSIONS = ("Fred/Fred", "Julia/Julia", "Theresa/Theresa_2ndAnnotation")
CONTROL = parse(label_config_xml("sted_quality")).choices()

Import = Callable[..., Path]
Replay = Callable[..., list[ReplayedSession]]
Export = Callable[[Path, str], Path]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a working folder with studies in it."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def run_import(live_server: EmbeddedServer, workplace: Path) -> Import:
    """Give the import as the command runs it; it returns the study's folder."""

    def run(source: Path, **options: object) -> Path:
        return import_sted_quality(
            ImportOptions(source=source, **options),  # type: ignore[arg-type]
            load(url=live_server.url, api_key=live_server.token, media=live_server.media),
            start=workplace,
            say=lambda _: None,
        ).folder

    return run


@pytest.fixture(scope="module")
def run_replay(live_server: EmbeddedServer, workplace: Path) -> Replay:
    """Give the replay as the command runs it."""

    def run(study: Path, *paths: Path, **options: object) -> list[ReplayedSession]:
        return replay(
            study,
            paths,
            load(url=live_server.url, api_key=live_server.token, media=live_server.media),
            start=workplace,
            say=lambda _: None,
            **options,  # type: ignore[arg-type]
        )

    return run


@pytest.fixture(scope="module")
def run_export(live_server: EmbeddedServer, workplace: Path) -> Export:
    """Give the export as the command runs it."""

    def run(study: Path, name: str) -> Path:
        settings = load(url=live_server.url, api_key=live_server.token)
        export(study, settings, workplace / name, start=workplace)
        return workplace / name

    return run


@pytest.fixture
def study(run_import: Import, repository: Path, request: pytest.FixtureRequest) -> Path:
    """Import eight images of the sample, with the model's answers, under the test's name."""
    return run_import(
        repository / "data" / "sted_sample",
        title=request.node.name[-30:],
        model_threshold=0.5,
        limit=8,
    )


def write_session(study: Path, path: Path, decisions: str, *, time_s: float = 1.25) -> Path:
    """Write a session of a study: ``01-`` is normal, anomaly, not judged."""
    items = studies.read_items(study)
    table = np.full((len(items), 4), np.nan)
    table[:, 1:3] = items[["rating", "model_score"]]
    for row, decision in enumerate(decisions):
        if decision != "-":
            table[row, 0], table[row, 3] = int(decision), time_s + row
    np.savez(path, classifications=table, fp_errors=[], fn_errors=[])
    return path


def counts(done: list[ReplayedSession]) -> list[tuple[int, int, int]]:
    return [(entry.sent, entry.already_there, entry.replaced) for entry in done]


def project_of(study: Path, name: str) -> int:
    projects = {project.annotator: project.project_id for project in studies.load(study).projects}
    project_id = projects[name]
    assert project_id is not None
    return project_id


def assert_same_session(written: Path, original: Path) -> None:
    with np.load(written) as ours, np.load(original) as old:
        assert sorted(ours) == sorted(old)
        for name in old:
            np.testing.assert_array_equal(ours[name], old[name])


def test_the_real_sessions_come_out_as_they_went_in(
    run_import: Import,
    run_replay: Replay,
    run_export: Export,
    shared_data: Path,
    client: Client,
) -> None:
    """CSV byte for byte, NPZ equal to the last bit; again: nothing; a second study: the same."""
    source = shared_data / "anomagui"
    paths = [source / f"{name}.npz" for name in SESSIONS]
    study = run_import(source, blind=True, model_threshold=0.213)
    assert counts(run_replay(study, *paths)) == [(549, 0, 0)] * 3
    assert counts(run_replay(study, *paths)) == [(0, 549, 0)] * 3
    second_pass = run_replay(study, paths[2], annotator="Theresa", round_number=2)
    assert counts(second_pass) == [(549, 0, 0)]
    assert second_pass[0].title.endswith("· Theresa · round 2")
    output = run_export(study, "real")
    for path in paths:
        assert (output / f"{path.stem}.csv").read_bytes() == path.with_suffix(".csv").read_bytes()
        assert_same_session(output / f"{path.stem}.npz", path)
    assert_same_session(output / "Theresa_round2.npz", paths[2])
    table = pd.read_parquet(output / "annotations.parquet")
    assert not table["prefilled"].any()
    assert table.groupby(["annotator", "round"]).size().to_dict() == {
        ("Fred", 1): 549,
        ("Julia", 1): 549,
        ("Theresa_2ndAnnotation", 1): 549,
        ("Theresa", 2): 549,
    }
    tasks = pull_answers(client, project_of(study, "Fred"), with_predictions=True)
    assert not any(task["predictions"] for task in tasks)
    assert not any(task["annotations"][0]["ground_truth"] for task in tasks)

    again = run_import(source, blind=True, model_threshold=0.213, title="Second blind study")
    assert counts(run_replay(again, *paths)) == [(549, 0, 0)] * 3
    other = run_export(again, "second")
    for path in paths:
        for name in (f"{path.stem}.csv", f"{path.stem}.npz"):
            assert (other / name).read_bytes() == (output / name).read_bytes()


def test_replayed_answers_are_independent_in_an_assisted_study(
    study: Path, run_replay: Replay, run_export: Export, client: Client, tmp_path: Path
) -> None:
    """The tasks carry the model's answers; who answered years ago had not seen them."""
    path = write_session(study, tmp_path / "Ida.npz", "01-10011")
    assert counts(run_replay(study, path)) == [(7, 0, 0)]
    tasks = pull_answers(client, project_of(study, "Ida"), with_predictions=True)
    assert all(len(task["predictions"]) == 1 for task in tasks)
    output = run_export(study, "assisted")
    table = pd.read_parquet(output / "annotations.parquet")
    assert len(table) == 7
    assert not table["prefilled"].any()
    assert table["changed"].isna().all()
    assert_classifications(output / "Ida.npz", path)


def assert_classifications(written: Path, original: Path) -> None:
    with np.load(written) as ours, np.load(original) as old:
        np.testing.assert_array_equal(ours["classifications"], old["classifications"])


def test_what_is_missing_is_added_once(
    study: Path,
    run_replay: Replay,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Answers that were deleted or not judged at first; also after a request without answer."""
    half = write_session(study, tmp_path / "Kim.npz", "01-1----")
    assert counts(run_replay(study, half)) == [(3, 0, 0)]
    whole = write_session(study, tmp_path / "Kim.npz", "01110011")
    post = Client.post

    def arrives_unheard(self: Client, path: str, **options: object) -> object:
        answer = post(self, path, **options)  # type: ignore[arg-type]
        if path.endswith("/annotations/"):
            msg = "no answer"
            raise ServerTimeout(msg)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Client, "post", arrives_unheard)
        with pytest.raises(PartialError, match=r"0 of 5 answers of Kim were sent, then: no answer"):
            run_replay(study, whole)
    # A listing that is older than that request: the server itself knows its unique id.
    compare = replay_answers.compare_project
    stale: list[Comparison] = []

    def old_listing(*arguments: object) -> Comparison:
        found = compare(*arguments)  # type: ignore[arg-type]
        if not stale:
            (item_id, task_id) = first
            found = Comparison(
                found.n_same - 1, {item_id: task_id, **found.missing}, found.differing
            )
        stale.append(found)
        return found

    tasks = pull_answers(client, project_of(study, "Kim"), with_predictions=False)
    first = (tasks[2]["data"]["item_id"], int(tasks[2]["id"]))
    with monkeypatch.context() as patch:
        patch.setattr(replay_answers, "compare_project", old_listing)
        run_replay(study, whole)
    assert counts(run_replay(study, whole)) == [(0, 8, 0)]
    tasks = pull_answers(client, project_of(study, "Kim"), with_predictions=False)
    assert [len(task["annotations"]) for task in tasks] == [1] * 8
    client.delete(f"/api/annotations/{tasks[5]['annotations'][0]['id']}/")
    assert counts(run_replay(study, whole)) == [(1, 7, 0)]


def test_other_answers_are_refused_or_replaced(
    study: Path,
    run_replay: Replay,
    run_export: Export,
    client: Client,
    tmp_path: Path,
) -> None:
    """How many and the first; another person's answer in that project is left alone."""
    path = write_session(study, tmp_path / "Lea.npz", "01110011")
    run_replay(study, path)
    task = pull_answers(client, project_of(study, "Lea"), with_predictions=False)[6]
    client.post(
        f"/api/tasks/{task['id']}/annotations/",
        json={"result": choice_result(CONTROL, "normal"), "lead_time": 3.0},
    )
    write_session(study, path, "01010010")
    items = studies.read_items(study)
    first = items["source_path"].iloc[2]
    n_people = len(client.get("/api/users/"))
    with pytest.raises(StudyError, match=rf"2 answers of Lea in .* the first for {first};"):
        run_replay(study, path)
    assert len(client.get("/api/users/")) == n_people
    assert counts(run_replay(study, path, replace=True)) == [(0, 6, 2)]
    assert counts(run_replay(study, path)) == [(0, 8, 0)]
    output = run_export(study, "replaced")
    assert_classifications(output / "Lea.npz", path)
    assert len(pd.read_parquet(output / "annotations.parquet")) == 9
    write_session(study, path, "01010010", time_s=1.5)
    with pytest.raises(StudyError, match="8 answers of Lea"):
        run_replay(study, path)


def test_a_file_of_another_study_makes_nothing(
    study: Path, run_replay: Replay, client: Client, tmp_path: Path
) -> None:
    """One other rating, another length: refused with the row, the good file before it too."""
    good = write_session(study, tmp_path / "Mia.npz", "01110011")
    with np.load(good) as session:
        table = session["classifications"]
    other = table.copy()
    other[4, 1] += 0.001
    n_people, n_projects = len(client.get("/api/users/")), client.get("/api/projects")["count"]
    for broken, words in (
        (other, r"row 5 has the rating .* \(1 rows differ\)"),
        (table[:7], r"has 7 answers, but there are 8 items"),
    ):
        np.savez(tmp_path / "Nat.npz", classifications=broken)
        with pytest.raises(SourceError, match=words):
            run_replay(study, good, tmp_path / "Nat.npz")
    assert len(client.get("/api/users/")) == n_people
    assert client.get("/api/projects")["count"] == n_projects
