"""What is settled before the first task of a project is sent."""

import shutil
from pathlib import Path

import pytest

from ls_integration import study as studies
from ls_integration.errors import ServerError
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.settings import load
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.sted_options import ImportOptions


def import_sample(
    server: EmbeddedServer, source: Path, start: Path, *, media: Path, round_number: int = 1
) -> ImportOutcome:
    """Import the sample's first images, with *media* as this side's folder of pictures."""
    return import_sted_quality(
        ImportOptions(
            source=source, title="Before sending", blind=True, limit=4, round_number=round_number
        ),
        load(url=server.url, api_key=server.token, media=media, server_media=str(server.media)),
        start=start,
        say=lambda line: None,
    )


def project_of_round(client: Client, folder: Path, round_number: int) -> dict[str, object]:
    """Ask the server for the study's project of one round."""
    (project,) = [
        project for project in studies.load(folder).projects if project.round == round_number
    ]
    fields: dict[str, object] = client.get(f"/api/projects/{project.project_id}")
    return fields


def test_another_folder_of_pictures_is_found_before_a_task_is_sent(
    live_server: EmbeddedServer, client: Client, repository: Path, tmp_path: Path
) -> None:
    """People must not be sent pages of other pictures; with the right folder it goes on."""
    sample = repository / "data" / "sted_sample"
    imported = import_sample(live_server, sample, tmp_path, media=live_server.media)
    pictures = imported.study.pictures_folder
    items = studies.read_items(imported.folder)
    other = tmp_path / "other"
    shutil.copytree(live_server.media / pictures, other / pictures)
    shutil.copy(other / items["image"].iloc[0], other / items["image"].iloc[-1])
    with pytest.raises(ServerError, match="another picture"):
        import_sample(live_server, sample, tmp_path, media=other, round_number=2)
    assert project_of_round(client, imported.folder, 2)["task_number"] == 0
    n_batches = [entry["event"] for entry in studies.read_journal(imported.folder)].count("batch")
    assert n_batches == 1
    again = import_sample(live_server, sample, tmp_path, media=live_server.media, round_number=2)
    assert again.projects[0].push.sent == 4


def test_the_pages_of_a_study_stay_as_wide_as_they_were_first(
    live_server: EmbeddedServer, client: Client, repository: Path, tmp_path: Path
) -> None:
    """The width is chosen once, from the pictures; a later project takes it from the study."""
    sample = repository / "data" / "sted_sample"
    imported = import_sample(live_server, sample, tmp_path, media=live_server.media)
    study = studies.load(imported.folder)
    width_px = study.options["image_width_px"]
    first = str(project_of_round(client, imported.folder, 1)["label_config"])
    assert f"{width_px}px" in first
    # No size of picture leads to this width: who looks at the pictures again does not find it.
    options = {**study.options, "image_width_px": 601}
    studies.save(imported.folder, study.model_copy(update={"options": options}))
    import_sample(live_server, sample, tmp_path, media=live_server.media, round_number=2)
    second = str(project_of_round(client, imported.folder, 2)["label_config"])
    assert second == first.replace(f"{width_px}px", "601px")
    # A study of an earlier version does not know its width.
    del options["image_width_px"]
    known = studies.load(imported.folder)
    studies.save(imported.folder, known.model_copy(update={"options": options}))
    import_sample(live_server, sample, tmp_path, media=live_server.media, round_number=3)
    assert project_of_round(client, imported.folder, 3)["label_config"] == first
    assert studies.load(imported.folder).options["image_width_px"] == width_px
