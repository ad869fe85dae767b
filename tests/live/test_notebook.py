"""A notebook that opens a study sees what `export` would bring back."""

from pathlib import Path

import pandas as pd
import pytest

import ls_integration
from ls_integration import study as studies
from ls_integration.label_config import choice_result, parse
from ls_integration.resources import label_config_xml
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import list_tasks
from ls_integration.settings import load
from ls_integration.workflows.export import export
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.sted_options import ImportOptions

CONTROL = parse(label_config_xml("sted_quality")).choices()


def test_a_study_opened_by_its_folder_has_the_answers_of_its_server(
    live_server: EmbeddedServer,
    client: Client,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same tables as of an export, from anywhere; read once, until it is opened again."""
    settings = load(url=live_server.url, api_key=live_server.token, media=live_server.media)
    options = ImportOptions(
        source=repository / "data" / "sted_sample",
        title="Opened in a notebook",
        blind=True,
        limit=6,
        people=("Nora Notebook",),
    )
    done = import_sted_quality(options, settings, start=tmp_path, say=lambda _: None)
    tasks = list_tasks(client, done.projects[0].project_id)

    def answer(place: int, label: str) -> None:
        client.post(
            f"/api/tasks/{tasks[place]['id']}/annotations/",
            json={
                "result": choice_result(CONTROL, label),
                "completed_by": done.study.people["Nora Notebook"],
                "lead_time": 1.5,
                "ground_truth": False,
            },
        )

    for place, label in enumerate(["normal", "anomaly", "normal"]):
        answer(place, label)
    elsewhere = tmp_path / "notebooks"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", live_server.token.get_secret_value())
    study = ls_integration.open_study(done.folder)
    assert "answers not read yet" in repr(study)
    export(done.folder, settings, tmp_path / "results", start=tmp_path)
    exported = ls_integration.open_study(tmp_path / "results")
    pd.testing.assert_frame_equal(study.annotations(), exported.annotations())
    assert study.metrics == exported.metrics
    assert "3 answers, blind" in repr(study)
    assert live_server.token.get_secret_value() not in repr(vars(study)) + study._repr_html_()
    assert studies.load(done.folder).salt not in repr(vars(study)) + study._repr_html_()
    answer(3, "anomaly")
    assert study.scores().equals(exported.scores())
    assert len(ls_integration.open_study(done.folder).annotations()) == 4
