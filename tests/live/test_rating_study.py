"""Studies of ratings from source to files, on the real images, with a real browser."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from ls_integration import study as studies
from ls_integration.errors import SourceError, StudyError
from ls_integration.kinds.rating_selection import read_selection
from ls_integration.kinds.sted_source import read_source
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.pull import pull_answers
from ls_integration.settings import Settings, load
from ls_integration.workflows.apply_ratings import apply_ratings
from ls_integration.workflows.check import check
from ls_integration.workflows.connection import connect
from ls_integration.workflows.export import export
from ls_integration.workflows.extend import extend
from ls_integration.workflows.extension_options import Addition
from ls_integration.workflows.import_ratings import import_sted_rating
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.people import add_people
from ls_integration.workflows.replay import replay
from ls_integration.workflows.score import score_folder
from ls_integration.workflows.status import read_status
from ls_integration.workflows.sted_options import ImportOptions, RatingOptions
from tests.live.corrections import corrected

SCREENSHOTS = os.environ.get("LS_INTEGRATION_SCREENSHOTS")
"""Where to keep pictures of the pages, for the documentation."""

OWNER = "Olga Owner"
FRED = {361: 0.3, 426: 0.4, 373: 0.3, 398: 0.5, 460: 0.6, 462: 0.999}
"""His real session: row in the source -> new rating. Row 259 says 500."""

Import = Callable[..., ImportOutcome]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a working folder with studies in it."""
    return tmp_path_factory.mktemp("ratings")


@pytest.fixture(scope="module")
def settings(live_server: EmbeddedServer) -> Settings:
    """Give the settings of a client on the server's machine."""
    return load(url=live_server.url, api_key=live_server.token, media=live_server.media)


@pytest.fixture(scope="module")
def source(shared_data: Path) -> Path:
    """Give the folder of the real images."""
    return shared_data / "anomagui"


@pytest.fixture(scope="module")
def run_import(workplace: Path, source: Path, settings: Settings) -> Import:
    """Give the import as the command runs it; by default of the real selection."""

    def run(**options: Any) -> ImportOutcome:
        if not {"range", "from_disagreements"} & set(options):
            options.setdefault("select", source / "imgs_to_check.npz")
        say = options.pop("say", lambda _: None)
        given = RatingOptions(**{"source": source, **options})
        return import_sted_rating(given, settings, start=workplace, say=say)

    return run


@pytest.fixture
def rated_by_fred(
    run_import: Import,
    source: Path,
    settings: Settings,
    workplace: Path,
    request: pytest.FixtureRequest,
) -> Path:
    """Import the selection shuffled, under the test's name, and replay the real session."""
    title = request.node.name[-30:]
    folder = run_import(title=title, order="random", seed=5, blind=True).folder
    path = source / "Fred" / "reannotations.npy"
    (done,) = replay(folder, [path], settings, start=workplace, skip_bad=True, say=lambda _: None)
    assert (done.sent, done.session.annotator) == (6, "Fred")
    return folder


@pytest.fixture
def owner_page(page: Page, live_server: EmbeddedServer, login: Callable[..., None]) -> Page:
    """Log the server's owner in."""
    login(page, live_server, live_server.username, live_server.password.get_secret_value())
    return page


def wait_for(page: Page, text: str) -> None:
    """Wait until the image with this text stands on the page."""
    expect(page.get_by_text(text, exact=True)).to_be_visible(timeout=60_000)
    page.wait_for_function("document.querySelector('.lsf-image img')?.naturalWidth > 0")


def press(page: Page, keys: str) -> None:
    """Press keys such as ``7 S3 Enter``."""
    for key in keys.split():
        page.keyboard.press(f"Shift+Digit{key[1]}" if key[0] == "S" else key)


def screenshot(page: Page, name: str) -> None:
    """Keep a picture of the page where somebody wants them."""
    if SCREENSHOTS:
        page.wait_for_timeout(1_000)
        page.screenshot(path=f"{SCREENSHOTS}/{name}.png")


def progress(folder: Path, settings: Settings, start: Path) -> list[tuple[int, int | None]]:
    """Give how many images each person has done, and has left, as `status` says it."""
    rows = read_status(folder, connect(settings, studies.load(folder), start))
    return [(row.done, row.left) for row in rows]


def rated(path: Path) -> dict[int, float]:
    """Read a session: row in the source -> new rating, of what was rated."""
    table = np.load(path)
    assert table.dtype == np.float64
    assert table.shape == (141, 2)
    return {int(index): float(rating) for rating, index in table if not np.isnan(rating)}


def test_three_ratings_by_keyboard_come_back_exactly(
    run_import: Import, owner_page: Page, source: Path, settings: Settings, workplace: Path
) -> None:
    """The real 141: shown with their old ratings, empty pages; exactly these three in the files."""
    lines: list[str] = []
    done = run_import(title="Rating 141", say=lines.append)
    assert "reviewers will see the old rating; the pages start empty (--blind hides it)" in lines
    page = owner_page
    page.goto(done.projects[0].link)
    expect(page.get_by_text("Shift+9")).to_be_visible(timeout=60_000)
    screenshot(page, "sted_rating-instructions")
    page.keyboard.press("Escape")
    listed = read_selection(source / "imgs_to_check.npz")
    typed = {"0.73": "7 S3", "0.05": "S5 0", "1.00": "t"}
    for number, keys in enumerate(typed.values(), start=1):
        wait_for(page, f"Image {number} of 141")
        old = float(listed.source_paths[number - 1].rsplit("-", 1)[1].removesuffix(".npz"))
        shown = f"Old rating: {old:.3f}" if round(old, 2) != old else f"Old rating: {old:.2f}"
        expect(page.get_by_text(shown, exact=True)).to_be_visible()
        assert page.locator(".ant-radio-wrapper-checked").count() == 0
        press(page, keys)
        expect(page.get_by_text("Enter sends it").locator("visible=true")).to_be_visible()
        if number == 1:
            screenshot(page, "sted_rating-real")
        press(page, "Enter")
    wait_for(page, "Image 4 of 141")

    output = workplace / "three"
    outcome = export(done.folder, settings, output, start=workplace)
    assert (outcome.n_items, outcome.n_answers) == (141, 3)
    wanted = dict(zip(listed.indices[:3].astype(int), (0.73, 0.05, 1.0), strict=True))
    assert rated(output / OWNER / "reannotations.npy") == wanted
    assert np.load(output / OWNER / "reannotations.npy")[:, 1].tolist() == listed.indices.tolist()
    for written in (output, done.folder):
        kept = read_selection(written / "imgs_to_check.npz")
        assert kept.source_paths == listed.source_paths
        np.testing.assert_array_equal(kept.indices, listed.indices)
    table = pd.read_csv(output / "ratings.csv")
    assert table["mean"].dropna().tolist() == [0.73, 0.05, 1.0]

    scored = score_folder(output, media=settings.media)
    entry = scored.metrics["people"][OWNER]
    assert entry["rated"] == 3
    page.goto(scored.report.as_uri())
    cards = page.locator("ol.gallery li")
    expect(cards).to_have_count(3)
    cards.last.scroll_into_view_if_needed()
    screenshot(page, "sted_rating-report")
    drawn = "images => images.every(image => image.naturalWidth > 0)"
    assert cards.locator("img").evaluate_all(drawn)
    first = cards.filter(has=page.get_by_text("0.73", exact=True))
    expect(first).to_contain_text(listed.source_paths[0].removeprefix("./"))
    first.get_by_role("link").click()
    wait_for(page, "Image 1 of 141")
    assert any(line.split() and line.startswith(OWNER) for line in scored.lines or [])
    assert progress(done.folder, settings, workplace) == [(3, 138)]
    found = list(check(done.folder, settings, workplace))
    assert [line.text for line in found if line.state == "!!"] == []
    texts = [line.text for line in found]
    assert [text for text in texts if text.endswith("shows the old rating and starts empty")]
    assert not [text for text in texts if "assisted" in text]


def test_again_nothing_is_sent_and_other_options_are_named(
    run_import: Import, repository: Path, settings: Settings, workplace: Path, owner_page: Page
) -> None:
    """Also another selection; who joins later gets a project; extending is refused."""
    sample = repository / "data" / "sted_sample"
    asked = {"source": sample, "title": "Rating range", "limit": 5}
    done = run_import(range=(0.70, 0.90), **asked)
    items = studies.read_items(done.folder)
    assert items["rating"].between(0.70, 0.90, inclusive="left").all()
    again = run_import(range=(0.70, 0.90), **asked)
    assert (again.projects[0].push.sent, again.projects[0].push.already_there) == (0, 5)
    with pytest.raises(StudyError, match=r"range was \[0.7, 0.9\], is \[0.6, 0.9\]"):
        run_import(range=(0.60, 0.90), **asked)
    with pytest.raises(StudyError, match="blind was False, is True"):
        run_import(range=(0.70, 0.90), blind=True, **asked)
    with pytest.raises(StudyError, match="is of the kind sted-rating, which cannot be extended"):
        extend(done.folder, Addition(sample), settings, start=workplace, say=lambda _: None)
    add_people(done.folder, settings, ["Rita Rating"], start=workplace, say=lambda _: None)
    assert progress(done.folder, settings, workplace) == [(0, 5), (0, 5)]
    page = owner_page
    page.goto(done.projects[0].link)
    wait_for(page, "Image 1 of 5")
    page.keyboard.press("Escape")
    press(page, "7 S3")
    screenshot(page, "sted_rating")


def test_a_blind_study_tells_nothing(run_import: Import, client: Client) -> None:
    """No rating in any task; the list is sorted by them, which the import says."""
    lines: list[str] = []
    done = run_import(title="Rating blind", blind=True, limit=20, say=lines.append)
    assert any("in the order of their old ratings" in line for line in lines)
    tasks = pull_answers(client, done.projects[0].project_id, with_predictions=True)
    assert {task["data"]["old_rating"] for task in tasks} == {" "}
    ratings = studies.read_items(done.folder)["rating"]
    told = [f"{rating:.2f}" for rating in ratings] + [str(rating) for rating in ratings]
    sent = str([task["data"] for task in tasks])
    assert not [text for text in told if text in sent]


def test_the_real_session_is_replayed_exactly_once(
    rated_by_fred: Path, source: Path, settings: Settings, workplace: Path, client: Client
) -> None:
    """500 is refused by its row; with --skip-bad six ratings, 0.999 too; again: nothing."""
    path = source / "Fred" / "reannotations.npy"

    def run(**options: Any) -> Any:
        say = options.pop("say", lambda _: None)
        return replay(rated_by_fred, [path], settings, start=workplace, say=say, **options)

    n_projects = client.get("/api/projects")["count"]
    with pytest.raises(SourceError, match=r"outside of 0 to 1 in row 3: 500 .*--skip-bad"):
        run()
    assert client.get("/api/projects")["count"] == n_projects
    lines: list[str] = []
    (done,) = run(skip_bad=True, say=lines.append)
    assert (done.sent, done.already_there) == (0, 6)
    assert f"left out: {path}, row 3: 500" in lines
    output = workplace / "fred"
    export(rated_by_fred, settings, output, start=workplace)
    assert rated(output / "Fred" / "reannotations.npy") == FRED
    (again,) = run(skip_bad=True, annotator="Theresa", round_number=2)
    assert again.sent == 6
    # What we wrote is what can be brought in elsewhere.
    own = output / "Fred" / "reannotations.npy"
    (copied,) = replay(
        rated_by_fred, [own], settings, start=workplace, annotator="Frida", say=lambda _: None
    )
    assert copied.sent == 6


def test_what_a_correction_does_to_digits_beyond_the_keys(
    rated_by_fred: Path,
    owner_page: Page,
    settings: Settings,
    workplace: Path,
    client: Client,
    live_server: EmbeddedServer,
) -> None:
    """0.999 stays while nobody changes it; a key makes it what the keys say, 0.999 was first."""
    project = next(
        entry for entry in studies.load(rated_by_fred).projects if entry.annotator == "Fred"
    )
    items = studies.read_items(rated_by_fred).set_index("source_index")
    tasks = pull_answers(client, project.project_id or 0, with_predictions=False)
    ids = {task["data"]["item_id"]: task["id"] for task in tasks}
    task = ids[items.loc[462, "item_id"]]

    def answer() -> tuple[float, str | None]:
        output = workplace / "corrected"
        export(rated_by_fred, settings, output, start=workplace, force=True)
        table = pd.read_parquet(output / "annotations.parquet")
        row = table.loc[(table["annotator"] == "Fred") & (table["task_id"] == task)].iloc[0]
        return row["rating"], row["first_label"]

    page = owner_page

    def change(keys: str) -> None:
        page.goto(f"{live_server.url}/projects/{project.project_id}/data?task={task}")
        page.wait_for_function("document.querySelector('.lsf-image img')?.naturalWidth > 0")
        with corrected(page):
            press(page, f"{keys} Enter")

    assert answer() == (0.999, None)
    change("S8")
    screenshot(page, "sted_rating-corrected")
    assert answer() == (0.98, "0.999")
    # The digits that it had: the whole rating again.
    change("S9")
    assert answer() == (0.999, None)


def test_disputed_ratings_are_exactly_those(
    run_import: Import, source: Path, settings: Settings, workplace: Path
) -> None:
    """Two of three real people disagree with the rating: computed here from their files."""
    names = ("Fred/Fred", "Julia/Julia", "Theresa/Theresa_2ndAnnotation")
    paths = [source / f"{name}.npz" for name in names]
    given = ImportOptions(source=source, blind=True, model_threshold=0.213, title="For disputes")
    asked = import_sted_quality(given, settings, start=workplace, say=lambda _: None)
    replay(asked.folder, paths, settings, start=workplace, say=lambda _: None)
    results = workplace / "for disputes"
    export(asked.folder, settings, results, start=workplace)

    tables = [np.load(path)["classifications"] for path in paths]
    is_anomaly = tables[0][:, 1] < 0.70
    n_against = sum((table[:, 0] == 1) != is_anomaly for table in tables)
    wanted = np.flatnonzero(n_against >= 2)
    assert 50 < len(wanted) < 300
    done = run_import(from_disagreements=results, title="Disputed")
    items = studies.read_items(done.folder)
    assert items["source_index"].astype(int).tolist() == wanted.tolist()
    lines = (source / "test_paths.csv").read_text().split()
    names_there = [Path(lines[row]).with_suffix(".npz").name for row in wanted]
    assert [Path(path).name for path in items["source_path"]] == names_there
    # More may be answered there later; this study goes on with what it asks.
    shutil.rmtree(results)
    again = run_import(from_disagreements=results, title="Disputed")
    assert again.projects[0].push.already_there == len(wanted)
    assert again.projects[0].push.sent == 0


def test_new_ratings_become_the_next_studys_source(
    rated_by_fred: Path, source: Path, settings: Settings, workplace: Path, tmp_path: Path
) -> None:
    """Six ratings are new, 543 are the old ones; scores and paths are the source's."""
    output = workplace / "applied"
    export(rated_by_fred, settings, output, start=workplace)
    copy = tmp_path / "source"
    copy.mkdir()
    for name in ("actin", "tubulin"):
        (copy / name).symlink_to(source / name)
    for name in ("test_paths.csv", "test_scores.csv"):
        shutil.copy(source / name, copy)
    manifest = copy / "rated_again.csv"
    done = apply_ratings(output, copy, manifest, annotator="Fred")
    assert (done.n_images, done.n_rated, done.n_changed, done.n_added) == (549, 6, 6, 0)
    before, after = read_source(copy).rows, read_source(manifest).rows
    changed = {row: before["rating"][row] for row in range(549)} | FRED
    assert after["rating"].tolist() == list(changed.values())
    for name in ("source_path", "file", "structure", "model_score"):
        pd.testing.assert_series_equal(before[name], after[name])
    plan = ImportOptions(source=manifest, blind=True, title="After re-rating")
    again = import_sted_quality(plan, settings, start=workplace, dry_run=True, say=lambda _: None)
    # 0.6 lies in the gap and leaves the study.
    assert again.n_items == 548
