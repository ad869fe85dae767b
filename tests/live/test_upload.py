"""Pictures that are uploaded, for a server that shares no folder with us."""

import os
import random
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.errors import ServerError, StudyError
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.people import Person
from ls_integration.server.projects import find_project
from ls_integration.server.pull import list_tasks
from ls_integration.server.uploads import list_uploads
from ls_integration.settings import Settings, load
from ls_integration.study import Study
from ls_integration.workflows.check import check
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.export import export
from ls_integration.workflows.extend import extend
from ls_integration.workflows.extension_options import Addition
from ls_integration.workflows.import_cutouts import import_cutouts
from ls_integration.workflows.import_ratings import import_sted_rating
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.migrate import migrate
from ls_integration.workflows.people import add_people
from ls_integration.workflows.replay import replay
from ls_integration.workflows.score import score_folder
from ls_integration.workflows.sted_options import ImportOptions, RatingOptions
from ls_integration.workflows.uploading import UPLOADS_KEY
from tests.live.killing import (
    LIMIT_S,
    assert_all_once,
    end_at,
    end_when,
    finish,
    import_words,
    kill,
    proxy_to,
    seeds,
    start_command,
    study_folder,
    write_session,
)
from tests.test_import_cutouts import write_source

SCREENSHOTS = os.environ.get("LS_INTEGRATION_SCREENSHOTS")
"""Where to keep pictures of the pages, to look at."""

N_IMAGES = 6
UPLOADS = re.compile(rb"POST /api/projects/\d+/import\?commit_to_project=false")

Import = Callable[..., ImportOutcome]


@pytest.fixture
def settings(live_server: EmbeddedServer) -> Settings:
    """Give the server as it is seen from elsewhere: no folder is known."""
    return load(url=live_server.url, api_key=live_server.token)


@pytest.fixture
def sample(repository: Path) -> Path:
    """Give the folder of the synthetic sample."""
    return repository / "data" / "sted_sample"


@pytest.fixture
def run_import(sample: Path, settings: Settings, tmp_path: Path) -> Import:
    """Give the import of a few images, uploaded."""

    def run(title: str, **options: Any) -> ImportOutcome:
        given = {"source": sample, "blind": True, "limit": N_IMAGES, "upload": True, **options}
        return import_sted_quality(
            ImportOptions(title=title, **given), settings, start=tmp_path, say=lambda _: None
        )

    return run


def pictures_of(folder: Path) -> dict[str, bytes]:
    """Read what the study has drawn: path below its folder of pictures -> bytes."""
    root = folder / "pictures"
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def holder_of(client: Client, study: Study) -> int:
    """Give the project that holds the uploaded pictures."""
    project_id = find_project(client, study.uuid, UPLOADS_KEY)
    assert project_id is not None
    return project_id


def fields_of(client: Client, study: Study, *names: str) -> list[list[str]]:
    """Give fields of the tasks of each of a study's projects, in order."""
    return [
        [
            str(task["data"][name])
            for task in list_tasks(client, project.project_id or 0)
            for name in names
        ]
        for project in study.projects
    ]


def assert_uploaded_once(client: Client, folder: Path, shown: set[str]) -> None:
    """Prove that the server has each picture once, byte for byte, and nothing else of ours."""
    study = studies.load(folder)
    drawn = pictures_of(folder)
    holder = holder_of(client, study)
    uploads = list_uploads(client, holder)
    stored = [client.get_bytes(f"/data/{one['file']}")[0] for one in uploads]
    assert sorted(stored) == sorted(drawn[image] for image in shown)
    assert client.get(f"/api/projects/{holder}")["task_number"] == 0
    addresses = studies.read_uploads(folder)
    # Killed before its items stood, a study is begun anew, in another folder of pictures: the
    # addresses of the first one stay, for the same files on the server.
    assert shown <= set(addresses)
    assert set(addresses.values()) == {f"/data/{one['file']}" for one in uploads}
    for image in shown:
        assert client.get_bytes(addresses[image])[0] == drawn[image]


def words_of(folder: Path, settings: Settings, start: Path) -> list[str]:
    """Give what `check` finds wrong."""
    return [str(line) for line in check(folder, settings, start) if line.state == "!!"]


def open_image(page: Page, link: str, text: str) -> None:
    """Open a stream, close the instructions, and wait until every picture has loaded."""
    page.goto(link)
    expect(page.get_by_text(text, exact=True)).to_be_attached(timeout=60_000)
    page.keyboard.press("Escape")
    expect(page.get_by_text(text, exact=True)).to_be_visible(timeout=30_000)
    page.wait_for_function(
        """() => {
            const shown = [...document.querySelectorAll('.lsf-image img')];
            return shown.length && shown.every(image => image.naturalWidth > 0);
        }"""
    )


def keep(page: Page, name: str) -> None:
    """Keep a picture of the page, where one is asked for."""
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / f"{name}.png")


def test_everybodys_page_shows_the_uploaded_pictures(
    run_import: Import,
    live_server: EmbeddedServer,
    client: Client,
    settings: Settings,
    page: Page,
    login: Callable[..., None],
    tmp_path: Path,
) -> None:
    """One copy of each for all; people who join and images that are added find theirs too."""
    done = run_import("Sent up")
    folder = done.folder
    images = studies.read_items(folder)["image"].tolist()
    assert_uploaded_once(client, folder, set(images))
    made: dict[str, Person] = {}
    add_people(
        folder,
        settings,
        ["Uma Upload"],
        start=tmp_path,
        say=lambda _: None,
        on_account=lambda _, person: made.update({person.name: person}),
    )
    assert_uploaded_once(client, folder, set(images))
    study = studies.load(folder)
    addresses = studies.read_uploads(folder)
    assert fields_of(client, study, "image") == [[addresses[image] for image in images]] * 2
    for project in study.projects:
        query = {"project": project.project_id}
        assert client.get("/api/storages/localfiles", params=query) == []
    assert words_of(folder, settings, tmp_path) == []
    uma = made["Uma Upload"]
    assert uma.password is not None
    login(page, live_server, uma.email, uma.password.get_secret_value())
    theirs = study.projects[1].project_id
    link = f"{live_server.url}/projects/{theirs}/data?labeling=1"
    open_image(page, link, f"Image 1 of {N_IMAGES}")
    keep(page, "upload_second_person")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Image 2 of {N_IMAGES}", exact=True)).to_be_visible(timeout=30_000)
    # Nobody from outside: the address alone opens nothing.
    context = page.context.browser.new_context()  # type: ignore[union-attr]
    assert context.request.get(live_server.url + addresses[images[0]]).status == 401
    context.close()


def test_added_images_and_examples_are_uploaded_too(
    run_import: Import,
    live_server: EmbeddedServer,
    client: Client,
    settings: Settings,
    sample: Path,
    page: Page,
    login: Callable[..., None],
    tmp_path: Path,
) -> None:
    """`extend` sends only what is new, the old addresses stay; examples stand in the dialog."""
    examples = tmp_path / "examples" / "actin"
    examples.mkdir(parents=True)
    Image.fromarray(np.full((32, 32), 200, dtype=np.uint8)).save(examples / "good_0.92.png")
    done = run_import("Sent up more", examples=examples.parent)
    before = studies.read_uploads(done.folder)
    assert len(before) == N_IMAGES + 1
    rows = pd.read_csv(sample / "manifest.csv", dtype=str).iloc[20:24]
    for path in rows["path"]:
        (tmp_path / "further" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sample / path, tmp_path / "further" / path)
    table = tmp_path / "further" / "manifest.csv"
    rows.to_csv(table, index=False)
    added = extend(done.folder, Addition(table), settings, start=tmp_path, say=lambda _: None)
    assert added.n_new == 4
    after = studies.read_uploads(done.folder)
    assert {image: after[image] for image in before} == before
    assert_uploaded_once(client, done.folder, set(after))
    assert len(after) == N_IMAGES + 4 + 1
    assert words_of(done.folder, settings, tmp_path) == []
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    page.goto(done.projects[0].link)
    page.wait_for_function("document.querySelector('td img')?.naturalWidth === 32")
    keep(page, "upload_examples")
    # Again: nothing is sent, nothing changes.
    journal = studies.read_journal(done.folder)
    assert run_import("Sent up more", examples=examples.parent).projects[0].push.sent == 0
    assert studies.read_journal(done.folder) == journal


@pytest.mark.parametrize("seed", seeds(3))
def test_killed_and_run_again_each_picture_and_each_task_is_there_once(
    seed: int,
    live_server: EmbeddedServer,
    client: Client,
    repository: Path,
    tmp_path: Path,
) -> None:
    """Killed while the server stores the first or the second batch of pictures, or at any time."""
    chance = random.Random(seed)
    title = f"Sent up {seed}"
    # No folder is shared: what is drawn lies where the server sees nothing.
    more = {"LS_INTEGRATION_MEDIA": str(tmp_path / "studies" / studies.slug(title) / "pictures")}
    words = import_words(repository, title, "--upload")
    moment = seed % 3
    with proxy_to(live_server.url, UPLOADS if moment else None) as proxy:
        process = start_command(live_server, tmp_path, *words, url=proxy.url, more=more)
        if moment:
            delay_s = chance.uniform(0.0, 0.3)
            sent = end_when(proxy, process, signal.SIGKILL, delay_s, n_skipped=moment - 1)
            assert sent.wait(LIMIT_S)
        else:
            end_at(process, signal.SIGKILL, chance.uniform(1.5, 6.0))
        kill(process)
        proxy.be_harmless()
        finish(start_command(live_server, tmp_path, *words, url=proxy.url, more=more))
    folder = study_folder(tmp_path, title)
    assert_all_once(client, folder, answers={})
    shown = set(studies.read_items(folder)["image"])
    assert len(shown) == 60
    assert_uploaded_once(client, folder, shown)


def test_a_request_that_never_arrived_is_sent_again(
    live_server: EmbeddedServer, client: Client, repository: Path, tmp_path: Path
) -> None:
    """The second batch is lost with its client; what was there before is not sent twice."""
    title = "Sent up and lost"
    words = import_words(repository, title, "--upload")
    more = {"LS_INTEGRATION_REQUEST_LIMIT_S": "20"}
    with proxy_to(live_server.url, None) as proxy:
        process = start_command(live_server, tmp_path, *words, url=proxy.url, more=more)
        proxy.look_for(UPLOADS)
        sent = end_when(proxy, process, signal.SIGKILL, 0.0, n_skipped=1)
        # From the second on nothing is let through.
        first = proxy.on_forwarded

        def stop_after_the_first() -> None:
            proxy._swallow = True
            first()

        proxy.on_forwarded = stop_after_the_first
        assert sent.wait(LIMIT_S)
        kill(process)
        proxy._swallow = False
        proxy.be_harmless()
        folder = study_folder(tmp_path, title)
        n_before = len(list_uploads(client, holder_of(client, studies.load(folder))))
        assert 0 < n_before < 60
        output = finish(start_command(live_server, tmp_path, *words, url=proxy.url, more=more))
    assert "pictures; waiting up to" in output
    assert_all_once(client, folder, answers={})


def test_the_results_are_those_of_a_shared_folder(
    live_server: EmbeddedServer, sample: Path, settings: Settings, tmp_path: Path
) -> None:
    """The same session through both: the same files, byte for byte, but for where pictures lie."""
    salt = "5a17" * 16
    results = {}
    for name in ("shared", "uploaded"):
        start = tmp_path / name
        folder = start / "study"
        begun = Study(kind="sted-quality", title="Both ways", blind=True, salt=salt)
        studies.save(folder, begun)
        is_shared = name == "shared"
        chosen = (
            settings.model_copy(update={"media": live_server.media, "server_media": None})
            if is_shared
            else settings
        )
        import_sted_quality(
            ImportOptions(
                source=sample, title="Both ways", blind=True, study=folder, upload=not is_shared
            ),
            chosen,
            start=start,
            say=lambda _: None,
        )
        session = write_session(folder, start / "Petra Both.npz", seed=7)
        replay(folder, [session], chosen, start=start, say=lambda _: None)
        results[name] = start / "results"
        export(folder, chosen, results[name], start=start)
        score_folder(results[name])
    shared, uploaded = results["shared"], results["uploaded"]
    for name in ("Petra Both.npz", "Petra Both.csv", "metrics.json"):
        assert (shared / name).read_bytes() == (uploaded / name).read_bytes(), name
    theirs, ours = (pd.read_csv(results[name] / "items.csv") for name in ("shared", "uploaded"))
    pd.testing.assert_frame_equal(theirs.drop(columns="image"), ours.drop(columns="image"))
    theirs, ours = (
        pd.read_csv(results[name] / "annotations.csv") for name in ("shared", "uploaded")
    )
    same = [name for name in map(str, theirs) if not name.endswith(("_id", "_at"))]
    same.append("item_id")
    assert {"label", "lead_time_s", "annotator"} <= set(same)
    pd.testing.assert_frame_equal(theirs[same], ours[same])


def test_the_other_kinds_upload_what_their_pages_show(
    live_server: EmbeddedServer,
    client: Client,
    sample: Path,
    settings: Settings,
    page: Page,
    login: Callable[..., None],
    tmp_path: Path,
) -> None:
    """Ratings; cutouts with neighbours and the link to the frame; a frame's page its frame only."""
    rated = import_sted_rating(
        RatingOptions(source=sample, title="Sent up rating", range=(0.6, 0.8), upload=True),
        settings,
        start=tmp_path,
        say=lambda _: None,
    )
    assert_uploaded_once(client, rated.folder, set(studies.read_items(rated.folder)["image"]))
    (tmp_path / "source").mkdir()
    source = write_source(tmp_path / "source")

    def cutouts(view: str) -> ImportOutcome:
        return import_cutouts(
            CutoutOptions(
                source=source.source,
                predictions=source.predictions,
                tile_px=source.tile_px,
                show="all",
                title="Sent up cutouts",
                view=view,  # type: ignore[arg-type]
                upload=True,
            ),
            settings,
            start=tmp_path,
            say=lambda _: None,
        )

    frames = cutouts("frame")
    items = studies.read_items(frames.folder)
    assert_uploaded_once(client, frames.folder, set(items["frame_image"]))
    assert words_of(frames.folder, settings, tmp_path) == []
    both = cutouts("cutout")
    shown = {image for name in ("frame_image", "image", "context") for image in items[name]}
    assert set(studies.read_uploads(both.folder)) == shown
    assert words_of(both.folder, settings, tmp_path) == []
    addresses = studies.read_uploads(both.folder)
    (task, *_) = list_tasks(client, both.projects[0].project_id)
    item = items.set_index("item_id").loc[task["data"]["item_id"]]
    assert task["data"]["image"] == addresses[item["image"]]
    assert task["data"]["context"] == addresses[item["context"]]
    assert addresses[item["frame_image"]] in str(task["data"])
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    for done, name, text in (
        (rated, "upload_rating", f"Image 1 of {rated.n_items}"),
        (both, "upload_cutout", f"Cutout 1 of {both.n_items}"),
    ):
        open_image(page, done.projects[0].link, text)
        keep(page, name)


def test_check_says_which_pictures_are_gone(
    run_import: Import, client: Client, settings: Settings, tmp_path: Path
) -> None:
    """One file, then their project; people are not invited to pages without pictures."""
    done = run_import("Sent up and gone")
    holder = holder_of(client, done.study)
    items = studies.read_items(done.folder)
    addresses = studies.read_uploads(done.folder)
    first = items["image"].iloc[0]
    listed = {f"/data/{one['file']}": one["id"] for one in list_uploads(client, holder)}
    client.delete(
        f"/api/projects/{holder}/file-uploads",
        json={"file_upload_ids": [listed[addresses[first]]]},
    )
    gone, unseen = words_of(done.folder, settings, tmp_path)
    assert f"pictures are gone from the server: {first}" in gone
    assert f"cannot show the picture {first}" in unseen
    assert "restore the server's backup" in unseen
    client.delete(f"/api/projects/{holder}")
    gone, _ = words_of(done.folder, settings, tmp_path)
    assert "the project that holds the study's pictures is gone" in gone
    with pytest.raises(ServerError, match="its uploaded file /data/upload/.* is gone there"):
        add_people(done.folder, settings, ["Nora Nopic"], start=tmp_path, say=lambda _: None)
    assert len(client.get("/api/projects", params={"title": "Sent up and gone"})["results"]) == 1


def test_other_options_are_refused_and_named(
    run_import: Import, settings: Settings, live_server: EmbeddedServer, tmp_path: Path
) -> None:
    """A study stays with one way; what names its server's addresses cannot be moved."""
    done = run_import("Sent up to stay")
    with pytest.raises(StudyError, match="upload was True, is False"):
        run_import("Sent up to stay", upload=False)
    elsewhere = settings.model_copy(
        update={"url": live_server.url.replace("127.0.0.1", "localhost")}
    )
    with pytest.raises(StudyError, match="its tasks name them where they are"):
        migrate(
            done.folder,
            settings,
            elsewhere,
            start=tmp_path,
            say=lambda _: None,
            on_account=lambda *_: None,
        )
    shutil.rmtree(done.folder / "pictures")
    # What is gone here is drawn again; the server needs nothing.
    assert run_import("Sent up to stay").projects[0].push.sent == 0
    assert words_of(done.folder, settings, tmp_path) == []
