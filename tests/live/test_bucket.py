"""Pictures in an S3-compatible bucket, signed by Label Studio and fetched by the browser."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pytest
import requests
from PIL import Image
from playwright.sync_api import Page

from ls_integration import study as studies
from ls_integration.errors import ConfigError, ServerError, StudyError
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer, free_port
from ls_integration.server.people import Person
from ls_integration.server.pull import list_tasks
from ls_integration.settings import Settings, load
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.export import export
from ls_integration.workflows.extend import extend
from ls_integration.workflows.extension_options import Addition
from ls_integration.workflows.import_cutouts import import_cutouts
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.people import add_people
from ls_integration.workflows.replay import replay
from ls_integration.workflows.sted_options import ImportOptions
from tests.live.killing import (
    assert_all_once,
    end_at,
    finish,
    import_words,
    kill,
    start_command,
    study_folder,
    write_session,
)
from tests.live.test_upload import keep, open_image, pictures_of, words_of
from tests.test_import_cutouts import write_source

BUCKET, KEY, SECRET = "lab-pictures", "AKIATESTOFOURS", "the-secret-of-the-test"
N_IMAGES = 6
START_LIMIT_S = 60.0

Import = Callable[..., ImportOutcome]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an S3 server as a process of its own, and make a bucket in it."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    log = (tmp_path_factory.mktemp("s3") / "server.log").open("wb")
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log, subprocess.Popen(words, stdout=log, stderr=log) as server:
        try:
            deadline = time.monotonic() + START_LIMIT_S
            while True:
                try:
                    requests.get(url, timeout=5)
                except requests.ConnectionError:
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
                else:
                    break
            s3_client(url).create_bucket(Bucket=BUCKET)
            yield url
        finally:
            server.terminate()


def s3_client(endpoint: str) -> Any:
    """Open the bucket's server as its owner."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give the keys as every S3 tool takes them, and no others of this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.fixture
def settings(live_server: EmbeddedServer) -> Settings:
    """Give the server as it is seen from elsewhere: no folder is known."""
    return load(url=live_server.url, api_key=live_server.token)


@pytest.fixture
def sample(repository: Path) -> Path:
    """Give the folder of the synthetic sample."""
    return repository / "data" / "sted_sample"


@pytest.fixture
def run_import(sample: Path, settings: Settings, endpoint: str, tmp_path: Path) -> Import:
    """Give the import of a few images into the bucket."""

    def run(title: str, **options: Any) -> ImportOutcome:
        place = {"bucket": f"{BUCKET}/some/where", "s3_endpoint": endpoint}
        given = {"source": sample, "blind": True, "limit": N_IMAGES, **place, **options}
        return import_sted_quality(
            ImportOptions(title=title, **given), settings, start=tmp_path, say=lambda _: None
        )

    return run


def objects_of(endpoint: str, folder: Path) -> dict[str, bytes]:
    """Read a study's objects: path below the media folder -> bytes."""
    s3 = s3_client(endpoint)
    prefix = f"some/where/{studies.load(folder).pictures_folder}/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
    return {
        key.removeprefix("some/where/"): s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        for key in keys
    }


def test_pages_show_the_pictures_of_the_bucket(
    run_import: Import,
    live_server: EmbeddedServer,
    client: Client,
    settings: Settings,
    sample: Path,
    endpoint: str,
    page: Page,
    login: Callable[..., None],
    tmp_path: Path,
) -> None:
    """Also of people who join and images that are added; the secret is nowhere to be read."""
    done = run_import("Bucket of ours")
    folder = done.folder
    assert objects_of(endpoint, folder) == pictures_of(folder)
    assert len(pictures_of(folder)) == N_IMAGES
    made: dict[str, Person] = {}
    add_people(
        folder,
        settings,
        ["Bea Bucket"],
        start=tmp_path,
        say=lambda _: None,
        on_account=lambda _, person: made.update({person.name: person}),
    )
    rows = pd.read_csv(sample / "manifest.csv", dtype=str).iloc[20:22]
    for path in rows["path"]:
        target = tmp_path / "further" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((sample / path).read_bytes())
    table = tmp_path / "further" / "manifest.csv"
    rows.to_csv(table, index=False)
    extend(folder, Addition(table), settings, start=tmp_path, say=lambda _: None)
    assert objects_of(endpoint, folder) == pictures_of(folder)
    study, items = studies.load(folder), studies.read_items(folder)
    for project in study.projects:
        tasks = list_tasks(client, project.project_id or 0)
        assert [task["data"]["image"] for task in tasks] == [
            f"s3://{BUCKET}/some/where/{image}" for image in items["image"]
        ]
        query = {"project": project.project_id}
        (storage,) = client.get("/api/storages/s3", params=query)
        # Never synchronised.
        assert storage["last_sync"] is None
        assert SECRET not in str(storage)
        assert KEY not in str(storage)
    ours = [path.read_bytes() for path in folder.iterdir() if path.is_file()]
    assert not any(SECRET.encode() in content or KEY.encode() in content for content in ours)
    assert words_of(folder, settings, tmp_path) == []
    bea = made["Bea Bucket"]
    assert bea.password is not None
    login(page, live_server, bea.email, bea.password.get_secret_value())
    link = f"{live_server.url}/projects/{study.projects[1].project_id}/data?labeling=1"
    open_image(page, link, f"Image 1 of {N_IMAGES}")
    keep(page, "bucket_second_person")
    # From the bucket itself, with a signature.
    (first, *_) = list_tasks(client, study.projects[1].project_id or 0)
    signed = client.get_redirect(client.get(f"/api/tasks/{first['id']}")["data"]["image"])
    assert signed.startswith(f"{endpoint}/{BUCKET}/some/where/")
    assert "X-Amz-Signature" in signed
    assert run_import("Bucket of ours").projects[0].push.sent == 0


def test_cutouts_and_examples_of_a_bucket_study_load(
    live_server: EmbeddedServer,
    client: Client,
    settings: Settings,
    endpoint: str,
    page: Page,
    login: Callable[..., None],
    tmp_path: Path,
) -> None:
    """Cutout, neighbours, the link to the frame; examples are uploaded: nobody signs them."""
    (tmp_path / "source").mkdir()
    source = write_source(tmp_path / "source")
    (tmp_path / "examples").mkdir()
    example = Image.fromarray(np.full((32, 32), 90, dtype=np.uint8))
    example.save(tmp_path / "examples" / "one_artifact.png")
    done = import_cutouts(
        CutoutOptions(
            source=source.source,
            predictions=source.predictions,
            tile_px=source.tile_px,
            title="Bucket of cutouts",
            examples=tmp_path / "examples",
            bucket=f"{BUCKET}/some/where",
            s3_endpoint=endpoint,
        ),
        settings,
        start=tmp_path,
        say=lambda _: None,
    )
    assert words_of(done.folder, settings, tmp_path) == []
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    page.goto(done.projects[0].link)
    page.wait_for_function("document.querySelector('td img')?.naturalWidth === 32")
    open_image(page, done.projects[0].link, f"Cutout 1 of {done.n_items}")
    keep(page, "bucket_cutout")
    with page.context.expect_page() as opened:
        page.get_by_text("whole frame").click()
    opened.value.wait_for_function("document.images[0]?.naturalWidth === 30")


@pytest.mark.parametrize("seed", range(2))
def test_killed_and_run_again_each_picture_and_each_task_is_there_once(
    seed: int,
    live_server: EmbeddedServer,
    client: Client,
    repository: Path,
    endpoint: str,
    tmp_path: Path,
) -> None:
    """At any time; an answered session is exported as from any other study."""
    title = f"Bucket kill {seed}"
    place = ("--bucket", f"{BUCKET}/some/where", "--s3-endpoint", endpoint)
    words = import_words(repository, title, *place)
    media = tmp_path / "studies" / studies.slug(title) / "pictures"
    more = {
        "LS_INTEGRATION_MEDIA": str(media),
        **{name: os.environ[name] for name in os.environ if name.startswith("AWS_")},
    }
    process = start_command(live_server, tmp_path, *words, more=more)
    end_at(process, signal.SIGKILL, random.Random(seed).uniform(2.0, 7.0))
    kill(process)
    finish(start_command(live_server, tmp_path, *words, more=more))
    folder = study_folder(tmp_path, title)
    assert_all_once(client, folder, answers={})
    assert objects_of(endpoint, folder) == pictures_of(folder)
    assert len(pictures_of(folder)) == 60
    settings = load(url=live_server.url, api_key=live_server.token)
    session = write_session(folder, tmp_path / f"Bob Bucket {seed}.npz", seed=seed)
    replay(folder, [session], settings, start=tmp_path, say=lambda _: None)
    export(folder, settings, tmp_path / "results", start=tmp_path)
    with np.load(session) as given, np.load(tmp_path / "results" / session.name) as back:
        assert np.array_equal(given["classifications"], back["classifications"])


def test_check_says_what_is_wrong_with_the_bucket(
    run_import: Import,
    client: Client,
    settings: Settings,
    endpoint: str,
    tmp_path: Path,
) -> None:
    """An object that is gone, another one in its place, a connection that is gone."""
    done = run_import("Bucket check")
    first = studies.read_items(done.folder)["image"].iloc[0]
    place = {"Bucket": BUCKET, "Key": f"some/where/{first}"}
    s3 = s3_client(endpoint)
    s3.delete_object(**place)
    (fault,) = words_of(done.folder, settings, tmp_path)
    assert f"the picture s3://{BUCKET}/some/where/{first} does not load" in fault
    assert "check that it is still there" in fault
    assert "X-Amz" not in fault
    # The same import again mends it.
    assert run_import("Bucket check").projects[0].push.sent == 0
    assert words_of(done.folder, settings, tmp_path) == []
    s3.put_object(**place, Body=b"something else")
    (fault,) = words_of(done.folder, settings, tmp_path)
    assert "the bucket holds another picture" in fault
    run_import("Bucket check")
    query = {"project": done.projects[0].project_id}
    (storage,) = client.get("/api/storages/s3", params=query)
    client.delete(f"/api/storages/s3/{storage['id']}")
    loading, connection = words_of(done.folder, settings, tmp_path)
    assert "gives no address for it" in loading
    assert "storage: none is connected" in connection
    run_import("Bucket check")
    assert words_of(done.folder, settings, tmp_path) == []


def test_what_cannot_be_right_is_refused_in_words(
    run_import: Import, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is sent; a key that ends by itself is not given to Label Studio."""
    run_import("Bucket stays")
    with pytest.raises(StudyError, match="bucket was 'lab-pictures/some/where', is None"):
        run_import("Bucket stays", bucket=None, s3_endpoint=None)
    with pytest.raises(ConfigError, match="two places for pictures"):
        run_import("Bucket twice", upload=True)
    with pytest.raises(ConfigError, match="add --bucket NAME"):
        run_import("Bucket less", bucket=None)
    with pytest.raises(ServerError, match=r"no-such-bucket .* cannot be used \(NoSuchBucket"):
        run_import("Bucket unknown", bucket="no-such-bucket")
    with pytest.raises(ServerError, match="cannot be used"):
        run_import("Bucket away", s3_endpoint="http://127.0.0.1:9")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "for an hour")
    with pytest.raises(ConfigError, match="LS_INTEGRATION_S3_SERVER_PROFILE"):
        run_import("Bucket for an hour")
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConfigError, match="no key for the bucket"):
        run_import("Bucket closed")
    titles = [one["title"] for one in client.get("/api/projects?page_size=1000")["results"]]
    assert [title for title in titles if title.startswith("Bucket")].count("Bucket stays") == 1
    for title in ("twice", "less", "unknown", "away", "for an hour", "closed"):
        assert f"Bucket {title}" not in titles
