"""A running study takes the images of another source, and nobody is disturbed."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.errors import ConfigError, PartialError, ServerTimeout, SourceError, StudyError
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from ls_integration.settings import load
from ls_integration.workflows.connection import connect
from ls_integration.workflows.export import export
from ls_integration.workflows.extend import ExtendOutcome, extend
from ls_integration.workflows.extension_options import Addition
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.people import add_people
from ls_integration.workflows.replay import replay
from ls_integration.workflows.score import score_folder
from ls_integration.workflows.status import read_status
from ls_integration.workflows.sted_options import ImportOptions

CONTROL = parse(label_config_xml("sted_quality")).choices()

Import = Callable[..., ImportOutcome]
Extend = Callable[..., ExtendOutcome]


@pytest.fixture(scope="module")
def workplace(live_server: EmbeddedServer) -> Path:
    """Give a working folder beside the server."""
    folder = live_server.data_dir.parent / "extended"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def run_import(live_server: EmbeddedServer, workplace: Path) -> Import:
    """Give the import as the command runs it."""

    def run(source: Path, **options: object) -> ImportOutcome:
        return import_sted_quality(
            ImportOptions(source=source, **options),  # type: ignore[arg-type]
            load(media=live_server.media),
            start=workplace,
            say=lambda _: None,
        )

    return run


@pytest.fixture(scope="module")
def run_extend(live_server: EmbeddedServer, workplace: Path) -> Extend:
    """Give `extend` as the command runs it; its lines go to *lines*."""

    def run(
        folder: Path, source: Path, *, lines: list[str] | None = None, **options: object
    ) -> ExtendOutcome:
        dry_run = bool(options.pop("dry_run", False))
        return extend(
            folder,
            Addition(source, **options),  # type: ignore[arg-type]
            load(media=live_server.media),
            start=workplace,
            dry_run=dry_run,
            say=(lines if lines is not None else []).append,
        )

    return run


@pytest.fixture
def manifest(repository: Path, tmp_path: Path) -> Callable[[str, int, int], Path]:
    """Give a function that makes a source of some images of the sample."""
    sample = repository / "data" / "sted_sample"
    table = pd.read_csv(sample / "manifest.csv", dtype=str)

    def make(name: str, first: int, last: int) -> Path:
        rows = table.iloc[first:last]
        for path in rows["path"]:
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((sample / path).read_bytes())
        rows.to_csv(tmp_path / name / "manifest.csv", index=False)
        return tmp_path / name / "manifest.csv"

    return make


def tasks_of(client: Client, folder: Path) -> list[list[dict[str, object]]]:
    """Pull the tasks of every project of a study."""
    projects = [project.project_id for project in studies.load(folder).projects]
    return [pull_answers(client, project, with_predictions=True) for project in projects if project]


def answer(client: Client, task_id: object, label: str, user_id: int) -> None:
    """Give somebody's answer."""
    body = {
        "result": choice_result(CONTROL, label),
        "completed_by": user_id,
        "lead_time": 1.5,
        "ground_truth": False,
    }
    client.post(f"/api/tasks/{task_id}/annotations/", json=body)


def test_everybody_gets_the_new_images_after_the_old_ones(
    run_import: Import,
    run_extend: Extend,
    live_server: EmbeddedServer,
    workplace: Path,
    client: Client,
    manifest: Callable[[str, int, int], Path],
) -> None:
    """Two people, two rounds: old tasks and answers as they were; again: nothing; files whole."""
    first, more = manifest("first", 0, 6), manifest("more", 4, 10)
    imported = run_import(
        first, title="Extended", model_threshold=0.5, people=("Xara Ext", "Yann Ext")
    )
    folder = imported.folder
    run_import(first, title="Extended", model_threshold=0.5, people=("Xara Ext",), round_number=2)
    before = tasks_of(client, folder)
    for task in before[0]:
        answer(client, task["id"], "normal", imported.study.people["Xara Ext"])
    lines: list[str] = []
    done = run_extend(folder, more, lines=lines, repeated={"model_threshold": 0.5})
    assert (done.n_new, done.n_items, len(done.projects)) == (4, 10, 3)
    assert [project.push.sent for project in done.projects] == [4, 4, 4]
    items = studies.read_items(folder)
    there = items["source_path"].iloc[4:6].tolist()
    assert any(f"not added again: {there[0]}, {there[1]} (2)" in line for line in lines)
    assert items["part"].tolist() == [1] * 6 + [2] * 4
    after = tasks_of(client, folder)
    for old, new in zip(before, after, strict=True):
        assert [task["data"] for task in new[:6]] == [task["data"] for task in old]
        assert [task["data"]["item_id"] for task in new] == items["item_id"].tolist()  # type: ignore[index]
        assert [task["data"]["progress"] for task in new[5:8]] == [  # type: ignore[index]
            "Image 6 of 6",
            "Image 1 of 4 (part 2)",
            "Image 2 of 4 (part 2)",
        ]
        assert all(len(task["predictions"]) == 1 for task in new)  # type: ignore[arg-type]
    again = run_extend(folder, more)
    assert (again.n_new, [project.push.sent for project in again.projects]) == (0, [0, 0, 0])
    # The import of the first source is still a way to go on, and somebody new gets all.
    resumed = run_import(first, title="Extended", model_threshold=0.5, people=("Yann Ext",))
    assert (resumed.n_items, resumed.projects[0].push.sent) == (10, 0)
    settings = load(media=live_server.media)
    (late,) = add_people(folder, settings, ["Zoe Ext"], start=workplace, say=lambda _: None)
    assert late.project.push.sent == 10
    newest = tasks_of(client, folder)[-1]
    assert [task["data"] for task in newest] == [task["data"] for task in after[0]]
    with pytest.raises(StudyError, match=r"with other options \(source was .* `extend`"):
        run_import(more, title="Extended", model_threshold=0.5)
    connection_rows = read_status(folder, connect(settings, studies.load(folder), workplace))
    lefts = {(row.annotator, row.round): (row.done, row.left) for row in connection_rows}
    assert lefts["Xara Ext", 1] == (6, 4)
    assert lefts["Yann Ext", 1] == (0, 10)
    export(folder, settings, workplace / "out", start=workplace)
    with np.load(workplace / "out" / "Xara Ext.npz") as written:
        table = written["classifications"]
    assert np.isnan(table[:, 0]).tolist() == [False] * 6 + [True] * 4
    np.testing.assert_array_equal(table[:, 1], items["rating"])
    scored = score_folder(workplace / "out")
    assert scored.metrics["people"]["Xara Ext"]["classified"] == 6
    # An old session of the first six: the other four stay open.
    old = workplace / "Old Ext.npz"
    np.savez(old, classifications=table[:6], fp_errors=[], fn_errors=[])
    said: list[str] = []
    (played,) = replay(folder, [old], settings, start=workplace, say=said.append)
    assert played.sent == 6
    assert f"{old} is of the study before it was extended: 4 of its 10 images stay open" in said
    (played,) = replay(folder, [old], settings, start=workplace, say=said.append)
    assert (played.sent, played.already_there) == (0, 6)


def test_a_source_that_has_grown_adds_its_new_images(
    run_import: Import,
    run_extend: Extend,
    client: Client,
    manifest: Callable[[str, int, int], Path],
) -> None:
    """The same manifest with more lines, in a random order: the old ones keep their places."""
    source = manifest("grown", 0, 5)
    options = {"title": "Grown", "blind": True, "order": "random", "seed": 3}
    folder = run_import(source, **options).folder
    before = studies.read_items(folder)["source_path"].tolist()
    manifest("grown", 0, 12)
    with pytest.raises(StudyError, match=r"new: .*`extend`"):
        run_import(source, **options)
    assert run_extend(folder, source).n_new == 7
    items = studies.read_items(folder)
    assert items["source_path"].tolist()[:5] == before
    added = items["source_path"].tolist()[5:]
    assert added != sorted(added, key=lambda path: path[-8:])
    assert run_extend(folder, source).n_new == 0
    assert run_import(source, **options).projects[0].push.sent == 0
    (tasks,) = tasks_of(client, folder)
    assert [task["data"]["item_id"] for task in tasks] == items["item_id"].tolist()  # type: ignore[index]
    # A third part; and a rating that was changed since is refused.
    text = manifest("grown", 0, 14).read_text()
    assert run_extend(folder, source).n_new == 2
    assert [extension.part for extension in studies.load(folder).extensions] == [2, 3]
    rating = text.splitlines()[1].split(",")[1]
    source.write_text(text.replace(rating, "0.999", 1))
    with pytest.raises(StudyError, match="the rating of images that the study has is another"):
        run_extend(folder, source)


def test_what_may_not_be_added_is_refused_and_nothing_is_kept(
    run_import: Import,
    run_extend: Extend,
    client: Client,
    live_server: EmbeddedServer,
    manifest: Callable[[str, int, int], Path],
    tmp_path: Path,
) -> None:
    """Other options, an example's pixels, another image under a known name; a dry run."""
    first = manifest("plain", 0, 4)
    examples = tmp_path / "examples"
    examples.mkdir()
    shown = run_import(manifest("shown", 8, 9), title="Shown", blind=True)
    picture = live_server.media / studies.read_items(shown.folder)["image"].iloc[0]
    with Image.open(picture) as content:
        content.save(examples / "good_0.9.png")
    folder = run_import(first, title="Plain", blind=True, examples=examples).folder
    known = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    more = manifest("others", 4, 10)
    refusals = [
        ({"repeated": {"blind": False}}, StudyError, r"--blind is True there, not False"),
        ({"repeated": {"colormap": "gray"}}, StudyError, r"--colormap is 'hot' there, not 'gray'"),
        ({}, SourceError, r"also examples in the instructions: .* \(1\)"),
    ]
    for options, error, words in refusals:
        with pytest.raises(error, match=words):
            run_extend(folder, more, **options)
    clash = manifest("clash", 4, 6)
    table = pd.read_csv(clash)
    name = studies.read_items(folder)["source_path"].iloc[0]
    (clash.parent / name).parent.mkdir(exist_ok=True)
    (clash.parent / table["path"].iloc[0]).replace(clash.parent / name)
    table.loc[0, "path"] = name
    table.to_csv(clash, index=False)
    lines: list[str] = []
    with pytest.raises(SourceError, match="1 images cannot be imported"):
        run_extend(folder, clash, lines=lines)
    assert any(f"{name} stands for another picture in the study" in line for line in lines)
    assert run_extend(folder, manifest("dry", 4, 7), dry_run=True).n_new == 3
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == known
    assert len(tasks_of(client, folder)[0]) == 4
    done = run_extend(folder, clash, skip_bad=True)
    assert (done.n_new, done.study.extensions[0].left_out) == (1, [name])
    scored = manifest("scored", 10, 12)
    table = pd.read_csv(manifest("unscored", 0, 2)).drop(columns="model_score")
    table.to_csv(tmp_path / "unscored" / "manifest.csv", index=False)
    empty = run_import(tmp_path / "unscored" / "manifest.csv", title="Unscored").folder
    with pytest.raises(ConfigError, match="the pages of this study start empty"):
        run_extend(empty, scored)


def test_a_request_without_an_answer_adds_nothing_twice(
    run_import: Import,
    run_extend: Extend,
    client: Client,
    manifest: Callable[[str, int, int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The new tasks arrive unheard; the same command finds them."""
    folder = run_import(manifest("cut", 0, 3), title="Cut off", model_threshold=0.5).folder
    more = manifest("cut more", 3, 8)
    post = Client.post

    def unheard(self: Client, path: str, **options: object) -> object:
        reply = post(self, path, **options)  # type: ignore[arg-type]
        if path.endswith("/import"):
            msg = "no answer"
            raise ServerTimeout(msg)
        return reply

    with monkeypatch.context() as patch:
        patch.setattr(Client, "post", unheard)
        with pytest.raises(PartialError, match="3 of 8 tasks are known to be on the server"):
            run_extend(folder, more)
    done = run_extend(folder, more)
    assert (done.n_new, done.projects[0].push.sent) == (0, 0)
    (tasks,) = tasks_of(client, folder)
    assert len(tasks) == 8
    assert all(len(task["predictions"]) == 1 for task in tasks)  # type: ignore[arg-type]


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", ["save", "write_predictions", "write_items"])
def test_cut_off_between_two_files_and_run_again(
    step: str,
    is_done: bool,
    run_import: Import,
    run_extend: Extend,
    client: Client,
    manifest: Callable[[str, int, int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Study, predictions and items are three files: whichever came last, the next run ends it."""
    title = f"Between {step} {is_done}"
    folder = run_import(manifest("few", 0, 2), title=title, model_threshold=0.5).folder
    more = manifest("few more", 2, 5)
    write = getattr(studies, step)

    def cut_off(*arguments: object) -> None:
        if is_done:
            write(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(studies, step, cut_off)
        with pytest.raises(KeyboardInterrupt):
            run_extend(folder, more)
    assert len(tasks_of(client, folder)[0]) == 2
    done = run_extend(folder, more)
    assert done.projects[0].push.sent == 3
    assert [extension.part for extension in studies.load(folder).extensions] == [2]
    assert studies.read_items(folder)["part"].tolist() == [1, 1, 2, 2, 2]
    assert len(studies.read_predictions(folder)) == 5
    (tasks,) = tasks_of(client, folder)
    assert all(len(task["predictions"]) == 1 for task in tasks)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(3))
def test_killed_and_run_again_every_image_is_added_once(
    seed: int,
    run_import: Import,
    client: Client,
    live_server: EmbeddedServer,
    workplace: Path,
    manifest: Callable[[str, int, int], Path],
) -> None:
    """At any time; the tables, the pictures and the tasks agree in the end."""
    folder = run_import(manifest("k", 0, 20), title=f"Ext kill {seed}", model_threshold=0.5).folder
    more = manifest("l", 20, 60)
    words = [sys.executable, "-m", "ls_integration", "extend", str(folder), str(more), "-q"]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            words, cwd=workplace, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    process = start()
    with suppress(subprocess.TimeoutExpired):
        process.wait(random.Random(seed).uniform(1.5, 5.0))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    again = start()
    output, _ = again.communicate(timeout=180)
    assert again.returncode == 0, output
    items = studies.read_items(folder)
    assert len(items) == 60
    assert len(studies.read_predictions(folder)) == 60
    assert all((live_server.media / image).is_file() for image in items["image"])
    (tasks,) = tasks_of(client, folder)
    assert [task["data"]["item_id"] for task in tasks] == items["item_id"].tolist()  # type: ignore[index]
    assert all(len(task["predictions"]) == 1 for task in tasks)  # type: ignore[arg-type]


def test_the_stream_goes_on_with_the_new_images(
    run_import: Import,
    run_extend: Extend,
    client: Client,
    live_server: EmbeddedServer,
    manifest: Callable[[str, int, int], Path],
    page: Page,
    login: Callable[[Page, EmbeddedServer, str, str], None],
) -> None:
    """In the browser: the last old image is followed by the first new one, and says so."""
    imported = run_import(manifest("s", 0, 2), title="Streams on", blind=True)
    run_extend(imported.folder, manifest("t", 2, 5))
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    page.goto(imported.projects[0].link)
    expect(page.get_by_text("Labeling Instructions")).to_be_visible(timeout=60_000)
    page.keyboard.press("Escape")
    for text in ("Image 1 of 2", "Image 2 of 2", "Image 1 of 3 (part 2)"):
        expect(page.get_by_text(text, exact=True)).to_be_visible(timeout=30_000)
        page.wait_for_function("document.querySelector('.lsf-image img')?.naturalWidth > 0")
        page.keyboard.press("1")
        page.keyboard.press("Enter")
    expect(page.get_by_text("Image 2 of 3 (part 2)", exact=True)).to_be_visible(timeout=30_000)
    (tasks,) = tasks_of(client, imported.folder)
    assert [len(task["annotations"]) for task in tasks] == [1, 1, 1, 0, 0]  # type: ignore[arg-type]
    assert json.dumps(tasks[2]["data"]).count("rating") == 0
