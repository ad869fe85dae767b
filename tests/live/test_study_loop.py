"""The real 549 images from their folder to Fred's own files, through the server."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.errors import SourceError, StudyError
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.people import Person, ensure
from ls_integration.server.pull import list_tasks, pull_answers
from ls_integration.settings import load
from ls_integration.workflows.export import export
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.score import score_folder
from ls_integration.workflows.sted_options import ImportOptions

CONTROL = parse(label_config_xml("sted_quality")).choices()

Import = Callable[..., ImportOutcome]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a working folder with studies in it."""
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def run_import(live_server: EmbeddedServer, workplace: Path) -> Import:
    """Give the import as the command runs it; its lines are in ``.lines``."""

    def run(
        source: Path,
        *,
        lines: list[str] | None = None,
        made: dict[str, Person] | None = None,
        **options: object,
    ) -> ImportOutcome:
        people = {} if made is None else made
        return import_sted_quality(
            ImportOptions(source=source, **options),  # type: ignore[arg-type]
            load(url=live_server.url, api_key=live_server.token, media=live_server.media),
            start=workplace,
            say=(lines if lines is not None else []).append,
            on_account=lambda _, person: people.update({person.name: person}),
        )

    return run


@pytest.fixture(scope="module")
def sample(repository: Path) -> Path:
    """Give the folder of the synthetic sample."""
    return repository / "data" / "sted_sample"


def test_freds_real_answers_come_back_as_his_own_files(
    run_import: Import,
    live_server: EmbeddedServer,
    client: Client,
    shared_data: Path,
    workplace: Path,
) -> None:
    """549 answers given one by one through the API: the CSV is byte-identical."""
    source = shared_data / "anomagui"
    imported = run_import(
        source, blind=True, title="Real blind", model_threshold=0.213, people=("Fred",)
    )
    items = studies.read_items(imported.folder)
    original = np.load(source / "Fred" / "Fred.npz")
    decisions = original["classifications"]
    position = dict(zip(items["item_id"], items["position"], strict=True))
    for task in list_tasks(client, imported.projects[0].project_id):
        row = decisions[position[task["data"]["item_id"]]]
        client.post(
            f"/api/tasks/{task['id']}/annotations/",
            json={
                "result": choice_result(CONTROL, "anomaly" if row[0] == 1 else "normal"),
                "completed_by": imported.study.people["Fred"],
                "lead_time": float(row[3]),
                "ground_truth": False,
            },
        )
    settings = load(url=live_server.url, api_key=live_server.token)
    output = workplace / "results"
    outcome = export(imported.folder, settings, output, start=workplace)
    assert (outcome.n_answers, outcome.n_skipped, outcome.n_drafts) == (549, 0, 0)
    assert (output / "Fred.csv").read_bytes() == (source / "Fred" / "Fred.csv").read_bytes()
    returned = np.load(output / "Fred.npz")
    np.testing.assert_array_equal(
        returned["classifications"][:, :3], original["classifications"][:, :3]
    )
    np.testing.assert_allclose(
        returned["classifications"][:, 3], original["classifications"][:, 3], rtol=0, atol=1e-9
    )
    for errors in ("fp_errors", "fn_errors"):
        assert returned[errors].tolist() == original[errors].tolist()
    scored = score_folder(output)
    assert round(scored.metrics["model"]["auc"], 4) == 0.7077
    assert round(scored.metrics["model"]["accuracy"], 4) == 0.6867
    # A second export of the same answers replaces its own files without a question.
    export(imported.folder, settings, output, start=workplace)


def test_the_assisted_study_carries_549_predictions(
    run_import: Import,
    live_server: EmbeddedServer,
    client: Client,
    shared_data: Path,
    page: Page,
    login: Callable[[Page, EmbeddedServer, str, str], None],
) -> None:
    """Each task has one, with score, version and the model's choice; the page starts from it."""
    lines: list[str] = []
    imported = run_import(
        shared_data / "anomagui", title="Real assisted", model_threshold=0.213, lines=lines
    )
    assert any(line.startswith("ASSISTED: reviewers will see") for line in lines)
    project_id = imported.projects[0].project_id
    tasks = pull_answers(client, project_id, with_predictions=True)
    items = studies.read_items(imported.folder).set_index("item_id")
    assert [task["data"]["item_id"] for task in tasks] == items.index.tolist()
    for task in tasks:
        (prediction,) = task["predictions"]
        item = items.loc[task["data"]["item_id"]]
        assert prediction["model_version"] == "model"
        assert prediction["score"] == item["model_score"]
        choice = prediction["result"][0]["value"]["choices"]
        assert choice == ["anomaly" if item["model_score"] >= 0.213 else "normal"]
    project = client.get(f"/api/projects/{project_id}")
    assert project["model_version"] == "model"
    assert project["show_collab_predictions"] is True
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    page.goto(imported.projects[0].link)
    expect(page.get_by_text("Image 1 of 549", exact=True)).to_be_visible(timeout=60_000)
    set_choice = page.locator(".lsf-choice input:checked")
    expect(set_choice).to_have_count(1)
    assert set_choice.get_attribute("name") == items["model_label"].iloc[0]


def test_importing_again_changes_nothing_and_says_so(
    run_import: Import, client: Client, sample: Path
) -> None:
    """Tasks, predictions, projects, storages and pictures stay as they are."""
    first = run_import(sample, title="Again", model_threshold=0.5)
    project_id = first.projects[0].project_id
    before = pull_answers(client, project_id, with_predictions=True)
    n_projects = client.get("/api/projects")["count"]
    again = run_import(sample, title="Again", model_threshold=0.5)
    assert (again.projects[0].push.sent, again.projects[0].push.already_there) == (0, 60)
    after = pull_answers(client, project_id, with_predictions=True)
    strip = ("created_ago", "updated_at")
    text = [
        json.dumps(tasks, default=str)
        for tasks in (_without(before, strip), _without(after, strip))
    ]
    assert text[0] == text[1]
    assert client.get("/api/projects")["count"] == n_projects
    assert len(client.get("/api/storages/localfiles", params={"project": project_id})) == 1


def _without(value: object, names: tuple[str, ...]) -> object:
    """Leave out fields that change by themselves."""
    if isinstance(value, dict):
        return {key: _without(entry, names) for key, entry in value.items() if key not in names}
    if isinstance(value, list):
        return [_without(entry, names) for entry in value]
    return value


def test_other_options_on_a_known_study_are_refused_by_name(
    run_import: Import, sample: Path
) -> None:
    """Both values are named; nothing is sent."""
    run_import(sample, title="Options", model_threshold=0.5)
    with pytest.raises(StudyError, match=r"model-threshold was 0\.5, is 0\.4"):
        run_import(sample, title="Options", model_threshold=0.4)
    with pytest.raises(StudyError, match="blind was False, is True"):
        run_import(sample, title="Options", model_threshold=0.5, blind=True)


def test_a_source_that_changed_is_refused(run_import: Import, sample: Path, tmp_path: Path) -> None:
    """A rating that was changed since would be scored against old answers."""
    manifest = _copy(sample, tmp_path, n_images=5)
    run_import(manifest, title="Changed", model_threshold=0.5)
    text = manifest.read_text().splitlines()
    manifest.write_text("\n".join(text[:-1]) + "\n")
    with pytest.raises(StudyError, match=r"has changed since its import \(gone: "):
        run_import(manifest, title="Changed", model_threshold=0.5)


def test_a_picture_that_is_gone_is_made_again(
    run_import: Import, live_server: EmbeddedServer, sample: Path
) -> None:
    """The same command mends a media folder from which a file was lost."""
    imported = run_import(sample, title="Lost picture", model_threshold=0.5)
    image = live_server.media / studies.read_items(imported.folder)["image"].iloc[3]
    content = image.read_bytes()
    image.unlink()
    run_import(sample, title="Lost picture", model_threshold=0.5)
    assert image.read_bytes() == content


def test_bad_images_stop_the_import_before_anything_is_sent(
    run_import: Import, client: Client, sample: Path, tmp_path: Path
) -> None:
    """Each is one line that names the file; --skip-bad imports the rest."""
    manifest = _copy(sample, tmp_path, n_images=8)
    files = sorted((tmp_path / "source").rglob("*.npz"))
    files[0].write_bytes(b"")
    files[1].write_bytes(files[1].read_bytes()[:300])
    np.savez_compressed(files[2], image=np.full((32, 32), np.nan))
    files[3].unlink()
    n_projects = client.get("/api/projects")["count"]
    lines: list[str] = []
    with pytest.raises(SourceError, match="nothing was sent"):
        run_import(manifest, title="Bad images", model_threshold=0.5, lines=lines)
    assert client.get("/api/projects")["count"] == n_projects
    imported = run_import(
        manifest, title="Bad images", model_threshold=0.5, skip_bad=True, lines=lines
    )
    told = "\n".join(lines)
    for file in files[:4]:
        assert file.name in told
    assert imported.n_items == 4
    assert imported.projects[0].push.sent == 4
    again = run_import(manifest, title="Bad images", model_threshold=0.5, skip_bad=True)
    assert again.projects[0].push.sent == 0


def test_a_dry_run_leaves_nothing_behind(
    live_server: EmbeddedServer, client: Client, sample: Path, tmp_path: Path
) -> None:
    """No study, no picture, no project; and it needs no server."""
    n_projects = client.get("/api/projects")["count"]
    pictures = sorted(live_server.media.iterdir())
    outcome = import_sted_quality(
        ImportOptions(source=sample, title="Dry run", model_threshold=0.5),
        load(url="http://127.0.0.1:1", api_key=live_server.token),
        start=tmp_path,
        dry_run=True,
        say=lambda line: None,
    )
    assert (outcome.n_items, outcome.n_predictions) == (60, 60)
    assert list(tmp_path.iterdir()) == []
    assert sorted(live_server.media.iterdir()) == pictures
    assert client.get("/api/projects")["count"] == n_projects


def test_another_server_than_the_studys_is_refused(
    run_import: Import, live_server: EmbeddedServer, sample: Path, workplace: Path
) -> None:
    """Answers of one study must not be looked for on a second server."""
    imported = run_import(sample, title="One server", model_threshold=0.5)
    with pytest.raises(StudyError, match=r"is on .*, not on http://localhost:9"):
        export(
            imported.folder,
            load(url="http://localhost:9", api_key=live_server.token),
            workplace / "elsewhere",
            start=workplace,
        )


def test_a_deleted_project_is_named(
    run_import: Import, live_server: EmbeddedServer, client: Client, sample: Path, workplace: Path
) -> None:
    """And what to do about it."""
    imported = run_import(sample, title="Deleted project", model_threshold=0.5)
    client.delete(f"/api/projects/{imported.projects[0].project_id}")
    settings = load(url=live_server.url, api_key=live_server.token)
    with pytest.raises(StudyError, match="'Deleted project' .* is gone"):
        export(imported.folder, settings, workplace / "none", start=workplace)


def test_answers_in_each_others_projects_are_exported(
    run_import: Import, live_server: EmbeddedServer, client: Client, sample: Path, workplace: Path
) -> None:
    """Members can open every project; what they did there is theirs, and is scored."""
    made: dict[str, Person] = {}
    imported = run_import(
        sample, title="Two people", model_threshold=0.5, limit=3, people=("Gil", "Hal"), made=made
    )
    namesake = ensure(client, "Nobody yet")
    client.patch(f"/api/users/{namesake.user_id}/", json={"first_name": "Gil"})
    for person, project, task, choice in (
        (made["Hal"], 1, 0, "anomaly"),
        (made["Hal"], 0, 0, "normal"),
        (namesake, 0, 1, "normal"),
        (made["Gil"], 0, 1, None),
    ):
        assert person.token is not None
        with Client(live_server.url, person.token) as session:
            task_id = list_tasks(session, imported.projects[project].project_id)[task]["id"]
            result = choice_result(CONTROL, choice or "normal")
            # Without a choice: begun, and left.
            path = "drafts" if choice is None else "annotations/"
            session.post(f"/api/tasks/{task_id}/{path}", json={"result": result, "lead_time": 1})
    output = workplace / "two people"
    settings = load(url=live_server.url, api_key=live_server.token)
    outcome = export(imported.folder, settings, output, start=workplace)
    assert (outcome.n_answers, outcome.n_drafts) == (3, 1)
    table = pd.read_csv(output / "annotations.csv")
    assert set(table["annotator"]) == {"Hal", f"Gil {namesake.user_id}"}
    hals = table[table["annotator"] == "Hal"].set_index("label")["submission"]
    assert hals.to_dict() == {"anomaly": 1, "normal": 2}
    assert score_folder(output).metrics["people"]["Hal"]["classified"] == 1


def test_a_password_is_not_lost_when_the_import_breaks_off(
    run_import: Import, sample: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the account and its password on a screen lies a request, or a Ctrl+C."""

    def interrupted(*args: object, **options: object) -> None:
        ensure(*args, **options)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    made: dict[str, Person] = {}
    options = {"title": "Broken off", "model_threshold": 0.5, "limit": 2, "people": ("Ivy",)}
    with monkeypatch.context() as patch:
        patch.setattr("ls_integration.server.people.ensure", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_import(sample, made=made, **options)
    assert made == {}
    imported = run_import(sample, made=made, **options)
    assert made["Ivy"].password is not None
    assert not list(imported.folder.glob("pending*"))
    again: dict[str, Person] = {}
    run_import(sample, made=again, **options)
    assert again == {}


def test_folders_called_after_the_answers_are_not_shown_to_blind_reviewers(
    run_import: Import, client: Client, tmp_path: Path
) -> None:
    """The folder's name is the structure on the page, elsewhere."""
    for number in range(6):
        path = tmp_path / "images" / ("anomaly" if number < 3 else "normal") / f"{number}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.arange(64.0).reshape(8, 8) + number)
    (tmp_path / "ratings.csv").write_text(
        "path,rating\n"
        + "".join(f"anomaly/{number}.npy,0.{number}\n" for number in range(3))
        + "".join(f"normal/{number}.npy,0.9\n" for number in range(3, 6))
    )
    lines: list[str] = []
    imported = run_import(
        tmp_path / "images",
        ratings=tmp_path / "ratings.csv",
        title="Folders of answers",
        blind=True,
        lines=lines,
    )
    for task in list_tasks(client, imported.projects[0].project_id):
        shown = {name: task["data"][name] for name in ("image", "item_id", "structure")}
        assert "normal" not in str(shown)
        assert "anomaly" not in str(shown)
    assert any("structure is not shown" in line for line in lines)
    assert any("--order random" in line for line in lines)


def _copy(sample: Path, folder: Path, *, n_images: int) -> Path:
    """Copy the first images of the sample, to be damaged."""
    rows = pd.read_csv(sample / "manifest.csv", dtype=str).head(n_images)
    for path in rows["path"]:
        target = folder / "source" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((sample / path).read_bytes())
    manifest = folder / "source" / "manifest.csv"
    rows.to_csv(manifest, index=False)
    return manifest
