"""A study moves from the embedded server to that of docker-compose.yml."""

from pathlib import Path

import pandas as pd

from tests.compose.stack import Stack
from tests.compose.test_server import IMPORT, sessions

IDS = ["project_id", "task_id", "annotation_id"]


def test_the_exported_files_are_the_same_after_the_move(
    stack: Stack, embedded: Stack, tmp_path: Path
) -> None:
    """Byte for byte, but for Label Studio's own numbers; a second move has nothing to do."""
    embedded.ours(*IMPORT, "--blind", "--title", "Moving")
    finished = sessions(embedded, "moving", tmp_path)
    embedded.ours("replay", "moving", *map(str, finished))
    embedded.ours("export-and-score", "moving", "--output", "before")
    target = ("--to", stack.url, "--to-token-file", str(stack.folder / ".secrets/owner_token"))
    folders = ("--to-media", str(stack.media), "--to-server-media", "/label-studio/pictures")
    said = embedded.ours("migrate", "moving", *target, *folders)
    assert f"are on {stack.url}, compared with those on {embedded.url}" in said
    assert not (embedded.folder / "studies/moving/moving").exists()
    token = ("--token-file", str(stack.folder / ".secrets/owner_token"))
    embedded.ours("export-and-score", "moving", "--output", "after", *token)
    before, after = embedded.folder / "before", embedded.folder / "after"
    files = {path.relative_to(before) for path in before.rglob("*") if path.is_file()}
    assert files == {path.relative_to(after) for path in after.rglob("*") if path.is_file()}
    # These name the server, or numbers of its tasks.
    other = {"annotations.csv", "annotations.parquet", "report.html", "manifest.json"}
    differing = {
        file.name for file in files if (before / file).read_bytes() != (after / file).read_bytes()
    }
    assert differing <= other, differing
    tables = [pd.read_csv(one / "annotations.csv", dtype=str) for one in (before, after)]
    pd.testing.assert_frame_equal(tables[0].drop(columns=IDS), tables[1].drop(columns=IDS))
    assert len(tables[0]) == len(finished) * (len(tables[0]["item_id"].unique()))
