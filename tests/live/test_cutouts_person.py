"""A person checks the errors of a real frame by keyboard; the table comes back corrected."""

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.settings import load
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.export import export
from ls_integration.workflows.import_cutouts import import_cutouts
from ls_integration.workflows.score import score_folder

FRAME = "COSMOS_C01"
NEIGHBOUR = (0, 1000)
"""grid_x and grid_y of the tile below the first cutout of the stream: a TN, so not in the queue."""


def read_rows(data: bytes) -> list[dict[str, str]]:
    """Read a table with the standard library alone."""
    return list(csv.DictReader(data.decode().splitlines()))


def count(rows: list[dict[str, str]], label: str) -> dict[str, float]:
    """Count by hand: predictions against one column of labels."""
    pairs = Counter((row["preds"] == "1", row[label] == "1") for row in rows)
    tp, fp, fn = pairs[True, True], pairs[True, False], pairs[False, True]
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "tn": pairs[False, False],
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
    }


def test_seven_cells_are_corrected_by_keyboard(
    live_server: EmbeddedServer,
    page: Page,
    login: Callable[..., None],
    shared_data: Path,
    tmp_path: Path,
) -> None:
    """4 FP and 2 FN in the stream, one neighbour in its picture; one unsure changes nothing."""
    source = (shared_data / "des_cutouts" / "test_outputs.csv").read_bytes()
    lines = source.splitlines(keepends=True)
    kept = [line for line in lines[1:] if f",{FRAME},".encode() in line]
    table = tmp_path / "one.csv"
    table.write_bytes(b"".join([lines[0], *kept]))
    rows = read_rows(table.read_bytes())
    queue = sorted(
        (row for row in rows if int(row["error_id"]) >= 0), key=lambda row: int(row["error_id"])
    )
    wrong = [row for row in queue if row["confmat_labels"] == "FP"][:4]
    wrong += [row for row in queue if row["confmat_labels"] == "FN"][:2]
    unsure = next(row for row in queue if row not in wrong)
    settings = load(url=live_server.url, api_key=live_server.token, media=live_server.media)
    outcome = import_cutouts(
        CutoutOptions(
            source=shared_data / "des_cutouts" / "images", predictions=table, title="Seven cells"
        ),
        settings,
        start=tmp_path,
        say=lambda _: None,
    )
    assert outcome.n_items == len(queue)
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    page.goto(outcome.projects[0].link)
    for number, row in enumerate(queue, start=1):
        progress = page.get_by_text(f"Cutout {number} of {len(queue)}", exact=True)
        expect(progress).to_be_visible(timeout=60_000)
        for picture in (".review-image", ".review-context"):
            page.wait_for_function(
                "css => document.querySelector(`${css} .lsf-image img`)?.naturalWidth > 0",
                arg=picture,
            )
        # Keys are lost that are pressed before the page has set what it starts from.
        expect(page.locator(".review-answer .ant-radio-wrapper-checked")).to_have_count(1)
        if number == 1:
            page.keyboard.press("Escape")
            box = page.locator(".review-context .konvajs-content").bounding_box()
            assert box is not None
            page.wait_for_timeout(500)
            page.mouse.click(box["x"] + 300, box["y"] + 500)
            expect(page.get_by_text("This tile:")).to_be_visible()
            page.keyboard.press("Shift+Digit1")
        if row in wrong:
            page.keyboard.press("2" if row["label"] == "1" else "1")
        elif row is unsure:
            page.keyboard.press("3")
        page.keyboard.press("Enter")
    expect(page.get_by_text("No More Tasks")).to_be_visible(timeout=60_000)

    exported = export(outcome.folder, settings, tmp_path / "results", start=tmp_path)
    after = read_rows((exported.folder / "test_outputs.csv").read_bytes())
    changed = [
        (old, new)
        for old, new in zip(rows, after, strict=True)
        if old["label_new"] != new["label_new"]
    ]
    (neighbour,) = [row for row in rows if (int(row["grid_x"]), int(row["grid_y"])) == NEIGHBOUR]
    assert neighbour["error_id"] == "-1"
    wanted = sorted(int(row["grid_id"]) for row in [*wrong, neighbour])
    assert sorted(int(old["grid_id"]) for old, _ in changed) == wanted
    for old, new in changed:
        assert new["label_new"] == ("0" if old["label"] == "1" else "1")
        assert {**new, "label_new": old["label_new"]} == old

    metrics = score_folder(exported.folder).metrics
    json.dumps(metrics, allow_nan=False)
    for name, column, table_rows in (("before", "label", rows), ("after", "label_new", after)):
        by_hand = count(table_rows, column)
        assert {key: metrics[name][key] for key in by_hand} == pytest.approx(by_hand), name
    assert (metrics["changed"], metrics["unsure"], metrics["unreviewed"]) == (7, 1, 0)
    assert metrics["reviewed"] == len(queue) + 1
    assert studies.load(outcome.folder).overlap == 1
