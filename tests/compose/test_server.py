"""From a clone to a server that does all that the embedded one does."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server.pull import list_tasks
from tests.compose.stack import SAMPLE, Stack, clone, compose_command, environment, run
from tests.conftest import SHARED_DATA
from tests.live.killing import assert_all_once, write_session

REAL = SHARED_DATA / "anomagui"
SOURCE = REAL if REAL.is_dir() else SAMPLE
N_IMAGES = 549 if REAL.is_dir() else 60
THRESHOLD = "0.213" if REAL.is_dir() else "0.5"
CONTROL = parse(label_config_xml("sted_quality")).choices()
IMPORT = ("import", "sted-quality", str(SOURCE), "--model-threshold", THRESHOLD)


def test_compose_refuses_to_start_before_init(images: None, tmp_path: Path) -> None:
    """There is no default password; the message names the command that makes some."""
    folder = clone(tmp_path)
    refused = subprocess.run(
        [*compose_command(), "up", "--detach"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "python -m ls_integration init" in refused.stderr


def test_every_service_is_healthy_limited_and_started_again(stack: Stack) -> None:
    """Memory, log size, restart, no powers, no writable system."""
    for service in ("database", "label-studio"):
        assert stack.health(service) == "healthy"
        (told,) = json.loads(stack.inspect(service))
        host = told["HostConfig"]
        assert host["Memory"] > 0
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "5"}
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]


def test_check_finds_nothing_wrong(stack: Stack) -> None:
    """A new server, seen from the clone with its .env."""
    lines = stack.ours("check").splitlines()
    assert not [line for line in lines if line.startswith("!!")], lines


@pytest.fixture(scope="module")
def imported(stack: Stack) -> Path:
    """Import all images, assisted, through the mounted folder."""
    stack.ours(*IMPORT, "--title", "Compose assisted")
    return stack.folder / "studies" / "compose-assisted"


def test_the_pictures_of_the_mounted_folder_load_in_a_browser(
    stack: Stack, imported: Path, page: Page
) -> None:
    """The owner of .env logs in, sees the first image, prefilled; Enter stores the answer."""
    with stack.client() as client:
        assert_all_once(client, imported, answers={})
    plan = studies.load(imported)
    page.goto(f"{stack.url}/projects/{plan.projects[0].project_id}/data?labeling=1")
    expect(page.get_by_text(f"Image 1 of {N_IMAGES}", exact=True)).to_be_visible(timeout=60_000)
    expect(page.locator(".lsf-choice input:checked")).to_have_count(1)
    page.wait_for_function("document.querySelector('.lsf-image img')?.naturalWidth > 0")
    page.screenshot(path=str(stack.folder / "label-page.png"))
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Image 2 of {N_IMAGES}", exact=True)).to_be_visible(timeout=30_000)


def test_check_says_that_the_two_sides_see_different_folders(
    stack: Stack, imported: Path, tmp_path: Path
) -> None:
    """In words, whether the server has other pictures or none."""
    media = tmp_path / "other"
    shutil.copytree(stack.media, media)
    for file in media.rglob("*.webp"):
        file.write_bytes(file.read_bytes() + b"other")
    settings = stack.folder / ".env"
    before = settings.read_text()
    settings.write_text(f"{before}LS_INTEGRATION_MEDIA={media}\n")
    try:
        said = stack.ours("check", "compose-assisted", check=False)
        assert "must be the same folder" in said
        refused = stack.ours(*IMPORT, "--blind", "--title", "Elsewhere", check=False)
        assert "does not serve the folder /label-studio/pictures/" in refused
        assert "--server-media (the same folder as the server sees it)" in refused
    finally:
        settings.write_text(before)


def sessions(stack: Stack, name: str, folder: Path) -> list[Path]:
    """Give finished sessions: real people's, else made up for the sample's items."""
    if REAL.is_dir():
        return [file for file in sorted(REAL.glob("*/*.npz")) if file.stem == file.parent.name]
    study = stack.folder / "studies" / name
    return [write_session(study, folder / f"{name}.npz", n) for n, name in enumerate("AB")]


def _score(stack: Stack, folder: Path) -> Path:
    """Import, replay, export and score by the commands that a scientist uses."""
    stack.ours(*IMPORT, "--blind", "--title", "Together")
    finished = sessions(stack, "together", folder)
    # Twice: nothing is doubled.
    for _ in range(2):
        stack.ours("replay", "together", *map(str, finished))
    stack.ours("export-and-score", "together", "--output", "results")
    return stack.folder / "results"


def _metrics(folder: Path) -> object:
    """Read all numbers; items are named by their files, since ids are each study's own."""
    text = (folder / "metrics.json").read_text()
    items = pd.read_csv(folder / "items.csv", dtype=str)
    for item_id, path in zip(items["item_id"], items["source_path"], strict=True):
        text = text.replace(item_id, path)
    return json.loads(text)


def test_export_and_score_equals_that_of_the_embedded_server(
    stack: Stack, embedded: Stack, tmp_path: Path
) -> None:
    """Same images, same sessions, two servers: the same numbers in the same files."""
    ours, theirs = _score(stack, tmp_path), _score(embedded, tmp_path)
    for file in sorted(theirs.glob("*.csv")):
        if file.stem in ("annotations", "items", "consensus", "label_errors"):
            continue  # they name this study's ids
        assert (ours / file.name).read_bytes() == file.read_bytes(), file.name
    for file in sorted(theirs.glob("*.npz")):
        left, right = np.load(ours / file.name), np.load(file)
        for name in right.files:
            np.testing.assert_array_equal(left[name], right[name])
    assert _metrics(ours) == _metrics(theirs)
    if REAL.is_dir():
        assert (ours / "Fred.csv").read_bytes() == (REAL / "Fred" / "Fred.csv").read_bytes()


def test_the_first_answer_is_kept(stack: Stack) -> None:
    """As on the embedded server: a corrected answer remembers what it was."""
    words = ("--blind", "--title", "Corrected", "--limit", "1")
    stack.ours("import", "sted-quality", str(SAMPLE), *words)
    project = studies.load(stack.folder / "studies" / "corrected").projects[0].project_id
    assert project is not None
    with stack.client() as client:
        (task,) = list_tasks(client, project)
        body = {"result": choice_result(CONTROL, "normal"), "lead_time": 1.5}
        made = client.post(f"/api/tasks/{task['id']}/annotations/", json=body)
        corrected = {"result": choice_result(CONTROL, "anomaly")}
        client.patch(f"/api/annotations/{made['id']}/", json=corrected)
    stack.ours("export", "corrected", "--output", "corrected")
    (row,) = pd.read_csv(stack.folder / "corrected/annotations.csv").to_dict("records")
    assert (row["first_label"], row["label"]) == ("normal", "anomaly")


def test_the_page_starts_from_the_backend_in_its_container(
    stack: Stack, backend_study: Path, page: Page
) -> None:
    """Scores of a table, served by the image of ml_backend/Dockerfile to an assisted study."""
    project_id = studies.load(backend_study).projects[0].project_id
    page.goto(f"{stack.url}/projects/{project_id}/data?labeling=1")
    for number, choice in ((1, "anomaly"), (2, "normal")):
        expect(page.get_by_text(f"Image {number} of 4", exact=True)).to_be_visible(timeout=60_000)
        expect(page.locator(f'input[type="radio"][name="{choice}"]')).to_be_checked()
        page.keyboard.press("Enter")
    expect(page.get_by_text("Image 3 of 4", exact=True)).to_be_visible(timeout=30_000)
    (told,) = json.loads(run(stack.folder, ["docker", "inspect", stack.container("ml-backend")]))
    assert told["Config"]["User"] == "10001"
    assert told["HostConfig"]["ReadonlyRootfs"] is True
