"""Instructions with rated pictures, as people see them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.errors import SourceError
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.settings import load
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.sted_options import ImportOptions


def test_people_see_the_text_and_the_examples(
    live_server: EmbeddedServer,
    client: Client,
    repository: Path,
    tmp_path: Path,
    page: Page,
    login: Callable[[Page, EmbeddedServer, str, str], None],
) -> None:
    """Pictures load; a changed text reaches the project, the same one changes nothing."""
    text = tmp_path / "text.md"
    text.write_text("## Our own rule\n\nLook at the *rings*.")
    examples = tmp_path / "examples"
    for name, value in (("actin/good_0.92.png", 200), ("actin/bad_0.11.png", 40)):
        path = examples / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((32, 32), value, dtype=np.uint8)).save(path)

    def run() -> ImportOutcome:
        return import_sted_quality(
            ImportOptions(
                source=repository / "data" / "sted_sample",
                title="Instructions",
                blind=True,
                limit=4,
                instructions=text,
                examples=examples,
            ),
            load(url=live_server.url, api_key=live_server.token, media=live_server.media),
            start=tmp_path,
            say=lambda line: None,
        )

    done = run().projects[0]
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    page.goto(done.link)
    expect(page.get_by_text("Our own rule")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Image 1 of 4", exact=True)).to_be_attached(timeout=60_000)
    page.wait_for_function(
        """() => {
            const shown = [...document.querySelectorAll('td img')];
            return shown.length === 2 && shown.every(image => image.naturalWidth === 32);
        }"""
    )
    for words in ("actin", "0.92", "0.11"):
        expect(page.get_by_text(words, exact=True).first).to_be_visible()

    def project() -> dict[str, object]:
        answer: dict[str, object] = client.get(f"/api/projects/{done.project_id}")
        return answer

    before = project()
    run()
    assert project() == before
    text.write_text("## A better rule")
    run()
    assert "A better rule" in str(project()["expert_instruction"])
    assert "Our own rule" not in str(project()["expert_instruction"])

    study = tmp_path / "studies" / "instructions"
    item = live_server.media / studies.read_items(study)["image"].iloc[0]
    with Image.open(item) as picture:
        picture.save(examples / "actin" / "item_0.5.png")
    with pytest.raises(SourceError, match=r"also items of the study: item_0\.5\.png"):
        run()
