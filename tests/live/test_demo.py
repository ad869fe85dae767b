"""The demo, as `make demo` runs it, on the session's server."""

import json
import re
from pathlib import Path

from ls_integration import study as studies
from ls_integration.annotations import read_annotations
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.workflows.demo import REVIEWERS, is_recovered, run_demo


def test_the_demo_recovers_what_was_simulated(live_server: EmbeddedServer) -> None:
    """Assisted and blind, three reviewers, sixty images; a second run sends nothing."""
    folder = live_server.data_dir.parent
    lines: list[str] = []
    outcome = run_demo(folder, say=lines.append)
    assert outcome.server.already_running
    assert [done.imported.study.blind for done in outcome.studies] == [False, True]
    for done in outcome.studies:
        metrics = done.scored.metrics
        assert metrics["n_items"] == 60
        for reviewer in REVIEWERS:
            entry = metrics["people"][reviewer.name]
            assert entry["classified"] == 60
            assert is_recovered(reviewer, entry), (reviewer, entry)
        table = read_annotations(done.scored.folder / "annotations.csv")
        assert len(table) == 3 * 60
        # The assisted answers say that they are; what differs from the model is a change.
        assert table["prefilled"].all() == (not done.imported.study.blind)
        items = studies.read_items(done.imported.folder).set_index("item_id")
        if not done.imported.study.blind:
            shown = items["model_label"].loc[table["item_id"]].to_numpy()
            assert (table["changed"].to_numpy(bool) == (table["label"].to_numpy() != shown)).all()
        assert metrics["agreement"]["krippendorff_alpha"] is not None
        # Nobody has answered in the owner's own project, so the owner is in no result.
        assert set(metrics["people"]) == {reviewer.name for reviewer in REVIEWERS}
        assert "/projects/" in done.own_link
        for name in ("report.html", "metrics.json", "Ada.csv", "Ada.npz", "items.csv"):
            assert (done.scored.folder / name).stat().st_size > 0
        page = done.scored.report.read_text(encoding="utf-8")
        assert page.count('<img src="data:image/webp;base64,') == 24
        links = re.findall(r'<a href="([^"]+)/projects/(\d+)/data\?task=(\d+)" rel=', page)
        assert len(links) == 24
        assert {url for url, _, _ in links} == {live_server.url}
        asked = set(zip(table["project_id"], table["task_id"], strict=True))
        assert {(int(project), int(task)) for _, project, task in links} <= asked
    again = run_demo(folder, say=lines.append)
    assert [done.push.sent for study in again.studies for done in study.imported.projects] == [
        0
    ] * 6
    assert [done.scored.metrics["people"] for done in again.studies] == [
        done.scored.metrics["people"] for done in outcome.studies
    ]


def test_the_reviewers_tokens_are_the_owners_alone(live_server: EmbeddedServer) -> None:
    """They lie in the demo's folder, mode 0600."""
    path = Path(live_server.data_dir.parent) / "reviewers.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(path.read_text())) == {reviewer.name for reviewer in REVIEWERS}
