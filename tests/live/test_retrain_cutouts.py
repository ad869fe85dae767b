"""Corrected cutouts teach a model of cutouts, from the first training to the new predictions."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ls_integration import study as studies
from ls_integration.models.saved import load_model
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from ls_integration.settings import load
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.import_cutouts import import_cutouts
from tests.commands import environment_of, run_command

TILE_PX, N_FRAMES, N_WRONG, N_ANSWERS = 112, 15, 14, 48
ROWS = COLUMNS = 2


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw frames with a streak in two of four tiles, and a table in which some labels lie."""
    folder = tmp_path_factory.mktemp("taught")
    (folder / "frames").mkdir()
    random = np.random.default_rng(8)
    rows = []
    for number in range(N_FRAMES):
        frame = random.normal(70, 6, (ROWS * TILE_PX, COLUMNS * TILE_PX))
        streaked = random.permutation(ROWS * COLUMNS) < 2
        for tile, has_streak in enumerate(streaked):
            top, left = (part * TILE_PX for part in divmod(tile, COLUMNS))
            if has_streak:
                start = random.integers(20, 90)
                across = np.arange(TILE_PX)
                frame[top + (start + across // 3) % TILE_PX, left + across] += 40
            rows.append((f"f{number:02d}", left, top, int(has_streak)))
        pixels = np.clip(frame, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "frames" / f"f{number:02d}.png")
    table = pd.DataFrame(rows, columns=["image_name", "grid_x", "grid_y", "truth"])
    lies = random.choice(N_ANSWERS, N_WRONG, replace=False)
    table["label"] = table["truth"]
    table.loc[lies, "label"] = 1 - table.loc[lies, "truth"]
    table["scores"] = 0.5
    table.drop(columns="truth").to_csv(folder / "table.csv", index=False)
    table.to_csv(folder / "truth.csv", index=False)
    return folder


def run(folder: Path, server: EmbeddedServer, *words: str) -> str:
    """Run a command as people do; give what it says."""
    done = run_command(folder, *words, environment=environment_of(server))
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_corrected_cutouts_teach_the_model(
    survey: Path, live_server: EmbeddedServer, client: Client
) -> None:
    """The wrong labels are unlearnt, the better model stays, what is open gets its predictions."""
    words = ("--predictions", "table.csv", "--tile", str(TILE_PX), "--output", "taught.skops")
    run(survey, live_server, "train", "cutouts", "frames", *words)
    old = load_model(survey / "taught.skops")
    options = CutoutOptions(
        source=survey / "frames",
        predictions=survey / "table.csv",
        title="Taught cutouts",
        show="all",
        tile_px=TILE_PX,
    )
    settings = load(url=live_server.url, api_key=live_server.token, media=live_server.media)
    imported = import_cutouts(options, settings, start=survey, say=lambda _: None)
    (project,) = imported.projects
    truth = pd.read_csv(survey / "truth.csv").set_index(["image_name", "grid_x", "grid_y"])
    items = studies.read_items(imported.folder).set_index("item_id")
    tasks = pull_answers(client, project.project_id, with_predictions=True)
    n_judged = 0
    for task in tasks:
        item = items.loc[task["data"]["item_id"]]
        place = (item["image_name"], int(item["grid_x"]), int(item["grid_y"]))
        if truth.index.get_loc(place) >= N_ANSWERS:
            continue
        label = "artifact" if truth.loc[place, "truth"] else "no artifact"
        value = {"choices": [label]}
        verdict = {"from_name": "verdict", "to_name": "cutout", "type": "choices", "value": value}
        client.post(f"/api/tasks/{task['id']}/annotations/", json={"result": [verdict]})
        n_judged += 1
    assert n_judged == N_ANSWERS

    said = run(survey, live_server, "retrain", str(imported.folder), "--model", "taught.skops")
    new = load_model(survey / "taught.skops")
    assert new.version != old.version, said
    flat = " ".join(said.split())
    assert (
        f"{N_ANSWERS} items are decided: {N_WRONG} of the training are other now, 0 are new" in flat
    )
    before, after = old.card.scores["auc"].value, new.card.scores["auc"].value
    assert before is not None
    assert after is not None
    assert after > before
    # The old one can be had again; the study's people still start from the present label.
    assert load_model(survey / f"taught.{old.version}.skops").version == old.version
    shown = client.get(f"/api/projects/{project.project_id}")["model_version"]
    assert shown == "present-label"
    for task in pull_answers(client, project.project_id, with_predictions=True):
        versions = [one["model_version"] for one in task["predictions"]]
        assert len(versions) == len(set(versions))
        assert task["annotations"] or new.version in versions
    # The same again learns nothing new.
    said = run(survey, live_server, "retrain", str(imported.folder), "--model", "taught.skops")
    assert "stays" in said
    assert load_model(survey / "taught.skops").version == new.version
