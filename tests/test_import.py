"""What an import refuses, selects and keeps, before a server is asked."""

import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from ls_integration.errors import ConfigError, SourceError, StudyError
from ls_integration.kinds import sted_quality
from ls_integration.kinds.page_texts import progress_texts
from ls_integration.kinds.sted_pages import hidden_parts
from ls_integration.kinds.sted_quality_page import page_texts
from ls_integration.progress import silent
from ls_integration.server.people import Person
from ls_integration.study import Study
from ls_integration.workflows import new_accounts
from ls_integration.workflows.extension_options import Addition, options_of
from ls_integration.workflows.import_items import read_table, select_rows
from ls_integration.workflows.import_options import remembered
from ls_integration.workflows.item_pictures import render_items
from ls_integration.workflows.sted_options import ImportOptions, PictureOptions, check_options
from ls_integration.workflows.titles import check_project_titles, person_names, project_title

LINES = ("path,rating,model_score,item_id", "0.npy,0.1,0.0,rating-0.1", "1.npy,0.9,0.7,../../../up")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Write a manifest whose ids tell the rating, and lead out of the folder."""
    folder = tmp_path / "a" / "b" / "source"
    folder.mkdir(parents=True)
    for number in range(2):
        np.save(folder / f"{number}.npy", np.arange(12.0).reshape(3, 4) + number)
    (folder / "manifest.csv").write_text("\n".join(LINES) + "\n")
    return folder


@pytest.mark.parametrize(
    ("options", "title", "words"),
    [
        ({"model_threshold": float("nan")}, "title", "--model-threshold nan"),
        ({"model_threshold": float("inf")}, "title", "--model-threshold inf"),
        ({"seed": -1}, "title", "--seed -1"),
        ({"limit": 0}, "title", "--limit 0"),
        ({"model_version": " "}, "title", "--model-version"),
        ({"picture": PictureOptions(colormap="nosuch")}, "title", "nosuch"),
        ({}, "   ", "'   ' is empty"),
        ({}, "two\nlines", "not printable"),
        ({}, "x" * 51, "51 characters"),
    ],
)
def test_what_cannot_be_right_is_refused_first(
    options: dict[str, object], title: str, words: str
) -> None:
    """Before anything is read, kept or sent; with the value in the message."""
    with pytest.raises(ConfigError, match=words):
        check_options(ImportOptions(source=Path(), **options), title)  # type: ignore[arg-type]


def test_a_title_too_long_for_one_person_is_refused_for_all() -> None:
    """Before the first account is made."""
    options = ImportOptions(source=Path(), people=("Ada", "Hugo Long"), round_number=2)
    check_project_titles("x" * 27, options.people, options.round_number)
    longer = (*options.people, "Hugo Longest of All His Long Family")
    with pytest.raises(ConfigError, match=r"of All His Long Family · round 2' has 75 characters"):
        check_project_titles("x" * 27, longer, options.round_number)


def test_a_long_study_title_makes_room_for_the_name() -> None:
    """The default title of the real study and its longest old session fit together."""
    title = "STED quality anomagui (blind)"
    assert project_title(title, "Fred", 1) == f"{title} · Fred"
    cut = project_title(title, "Theresa_2ndAnnotation", 1)
    assert cut == "STED quality anomagui (bl… · Theresa_2ndAnnotation"
    assert len(cut) == 50


def test_a_name_given_twice_is_one_person() -> None:
    """Spaces do not make another one."""
    assert person_names((" Ada  B", "Ben", "Ada B")) == (
        "Ada B",
        "Ben",
    )


def test_a_blind_study_does_not_use_the_sources_ids(source: Path) -> None:
    """An id of the source's making may be the rating itself, and goes to the server."""
    lines: list[str] = []
    options = ImportOptions(source=source, blind=True, score_high_means="normal")
    selection = select_rows(read_table(options), options, lines.append)
    assert selection.rows["item_id"].isna().all()
    assert any("item_id is not used" in line for line in lines)
    # Turned scores: 0 is 0, not -0.
    assert [str(score) for score in selection.rows["model_score"]] == ["0.0", "-0.7"]


def test_pictures_are_never_named_after_the_sources_ids(source: Path, tmp_path: Path) -> None:
    """An id with dots and slashes would be written outside the media folder."""
    options = ImportOptions(source=source, model_threshold=0.5)
    selection = select_rows(read_table(options), options, lambda line: None)
    study = Study(kind="sted-quality", title="T", blind=False)
    pictures = tmp_path / "media" / "pictures" / study.pictures_folder
    items, _ = render_items(
        selection, study, options, pictures, say=lambda line: None, report=silent
    )
    assert items["item_id"].tolist() == ["rating-0.1", "../../../up"]
    written = sorted(path.name for path in tmp_path.rglob("*.webp"))
    assert written == sorted(path.name for path in pictures.iterdir())
    assert written == sorted(f"{study.item_id(path)}.webp" for path in ("0.npy", "1.npy"))


def test_a_file_name_that_is_not_text_is_a_problem_of_that_file(tmp_path: Path) -> None:
    """It cannot stand in a table or on a page; the others can be imported."""
    np.save(tmp_path / "good.npy", np.arange(12.0).reshape(3, 4))
    (tmp_path / "bad\udcff.npy").write_bytes((tmp_path / "good.npy").read_bytes())
    options = ImportOptions(source=tmp_path)
    lines: list[str] = []
    with pytest.raises(SourceError):
        select_rows(read_table(options), options, lines.append)
    assert any(r"bad\udcff.npy is not UTF-8" in line for line in lines)
    options = ImportOptions(source=tmp_path, skip_bad=True)
    selection = select_rows(read_table(options), options, lines.append)
    assert selection.rows["source_path"].tolist() == ["good.npy"]
    assert selection.left_out == [r"bad\udcff.npy"]


@pytest.mark.parametrize(("limit", "text"), [(0.7, "0.70"), (0.705, "0.705"), (1.0, "1.00")])
def test_the_criterion_is_not_rounded(limit: float, text: str) -> None:
    """The page would otherwise ask another question than the one that is scored."""
    assert sted_quality.limit_text(limit) == text
    texts = page_texts(normal_at_least=limit, is_prefilled=False)
    assert texts["criterion"] == f"normal: a quality of {text} or more"


def test_passwords_are_added_to_a_file_of_the_owner(tmp_path: Path) -> None:
    """What was kept before stays; nobody else can read it."""
    for name in ("Ada", "Ben"):
        person = Person(name, f"{name}@people.invalid", 7, SecretStr(f"secret of {name}"))
        new_accounts.keep_in_study(tmp_path, person)
    path = tmp_path / "passwords.txt"
    assert path.read_text().splitlines() == [
        "Ada: login Ada@people.invalid password secret of Ada",
        "Ben: login Ben@people.invalid password secret of Ben",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_passwords_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Before an account is made whose password would be lost."""
    new_accounts.check_passwords_file(tmp_path / "new.txt")
    for path in (tmp_path, tmp_path / "none" / "new.txt"):
        with pytest.raises(ConfigError, match="cannot be written"):
            new_accounts.check_passwords_file(path)


@pytest.mark.parametrize(
    ("structures", "labels", "tells"),
    [
        (["actin", "tubulin"] * 2, ["normal", "normal", "anomaly", "anomaly"], False),
        (["good", "bad"] * 2, ["normal", "anomaly"] * 2, True),
        (["Normal", "x"] * 2, [None] * 4, True),
        (["actin", "tubulin"] * 2, ["normal"] * 4, False),
        ([None] * 4, ["normal", "anomaly"] * 2, False),
    ],
)
def test_a_structure_that_tells_the_answer_is_found(
    structures: list[str | None], labels: list[str | None], tells: bool
) -> None:
    """Folders called after the answers would undo the blinding on every page."""
    items = pd.DataFrame({"structure": structures, "label": labels}, dtype=object)
    assert sted_quality.structure_tells_label(items) is tells


@pytest.mark.parametrize(
    ("labels", "tells"),
    [
        (["anomaly"] * 3 + ["normal"] * 3, True),
        (["anomaly"] * 3 + [None] + ["normal"] * 3, True),
        (["anomaly"] * 2 + ["normal"] * 3, False),
        (["anomaly", "normal"] * 3, False),
        (["anomaly"] * 6, False),
        ([None] * 6, False),
    ],
)
def test_an_order_that_tells_the_answer_is_found(labels: list[str | None], tells: bool) -> None:
    """Images sorted by quality: after the first few, a reviewer knows the rest."""
    items = pd.DataFrame({"label": labels}, dtype=object)
    assert sted_quality.order_tells_label(items) is tells


def test_progress_stays_true_when_images_are_added() -> None:
    """A page that says "of 549" must not lie after an extension: each part counts its own."""
    first = progress_texts([1, 1, 1])
    assert first == ["Image 1 of 3", "Image 2 of 3", "Image 3 of 3"]
    more = progress_texts([1, 1, 1, 2, 2, 3])
    assert more[:3] == first
    assert more[3:] == ["Image 1 of 2 (part 2)", "Image 2 of 2 (part 2)", "Image 1 of 1 (part 3)"]


def test_the_structure_of_a_part_is_hidden_for_good() -> None:
    """Tasks that were sent keep their texts: a later part changes nothing about them."""
    tells = [("good", "normal"), ("bad", "anomaly")]
    tells_not = [("actin", "normal"), ("actin", "anomaly")]

    def hidden(*parts: list[tuple[str, str]]) -> list[int]:
        rows = [(part, *row) for part, rows in enumerate(parts, start=1) for row in rows]
        items = pd.DataFrame(rows, columns=["part", "structure", "label"]).astype(object)
        return hidden_parts(items)

    assert hidden(tells) == [1]
    assert hidden(tells, tells_not) == [1]
    assert hidden(tells_not, tells) == [2]
    assert hidden(tells_not, tells_not, tells_not) == []
    # Each part is of one answer, and they tell it together.
    assert hidden([("day 1", "normal")], [("day 2", "anomaly")]) == [2]


def test_an_extension_keeps_the_options_of_the_study() -> None:
    """They may be given again; another value is refused by its option's name."""
    imported = ImportOptions(source=Path("/a"), blind=True, picture=PictureOptions(plane=2))
    study = Study(kind="sted-quality", title="T", blind=True, options=remembered(imported))
    again = {"blind": True, "plane": 2, "order": "file", "normal_at_least": 0.7}
    options = options_of(study, Addition(Path("/b"), limit=3, repeated=again))
    assert options == ImportOptions(
        source=Path("/b"), blind=True, limit=3, picture=PictureOptions(plane=2)
    )
    with pytest.raises(
        StudyError, match=r"\(--slice is 2 there, not 3; --seed is 0 there, not 1\)"
    ):
        options_of(study, Addition(Path("/b"), repeated={"plane": 3, "seed": 1}))
    with pytest.raises(ConfigError, match="--limit 0"):
        options_of(study, Addition(Path("/b"), limit=0))
