"""Which items are disputed most, and what the report shows of them."""

import base64
import io
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ls_integration.annotations import check_annotations
from ls_integration.results.metrics import build_metrics
from ls_integration.results.pictures import PictureOf, to_data_address
from ls_integration.results.report import write_report
from ls_integration.results.report.cards import SHOWN_AT_MOST, task_address
from ls_integration.results.tables import check_items
from ls_integration.scoring.consensus import MISSING
from ls_integration.scoring.disagreement import measure_disagreement, rank_by_disagreement
from ls_integration.workflows.result_pictures import study_pictures

LINK = re.compile(r'<a href="(https?://[^"<>]+)" rel="noopener noreferrer">')
N = MISSING


def test_the_order_of_a_table_small_enough_for_paper() -> None:
    """Most and most people against first, then divided ones, then those the model disputes too."""
    votes = np.array(
        [
            [0, 0, 0, 0],  # all with the label
            [1, N, N, N],  # one of one against: 1/2
            [1, 1, 1, N],  # three of three: 3/4
            [1, 1, 0, 0],  # two of four: 2/5, a tie
            [1, 1, 1, 1],  # four of four: 4/5
            [1, 1, 1, N],  # three of three, and the model
            [0, 1, 0, 1],  # no label, a tie
            [0, 1, 1, 1],  # no label, three against one
            [N, N, N, N],  # nobody
            [2, 2, 2, N],  # a third label is against too
        ]
    )
    known = np.array([0, 0, 0, 0, 0, 0, N, N, 0, 0])
    model = np.array([1, 0, 0, 0, 0, 1, 1, 0, 1, 0], dtype=bool)
    found = measure_disagreement(votes, known, model, 3)
    assert found.n_against.tolist() == [0, 1, 3, 2, 4, 3, 0, 0, 0, 3]
    assert found.contradiction[:5].tolist() == [0, 0.5, 0.75, 0.4, 0.8]
    pairs = [0, 0, 0, 4 / 6, 0, 0, 4 / 6, 3 / 6, 0, 0]
    assert found.division == pytest.approx(np.array(pairs))
    assert rank_by_disagreement(found).tolist() == [4, 5, 2, 9, 1, 3, 6, 7]


def test_nothing_to_rank() -> None:
    """No items, no people, no labels: an empty order and no warning."""
    for shape in ((0, 3), (4, 0)):
        votes = np.full(shape, MISSING)
        known = np.full(shape[0], MISSING)
        nothing = np.zeros(shape[0], dtype=bool)
        assert len(rank_by_disagreement(measure_disagreement(votes, known, nothing, 0))) == 0


def make_items(n_items: int = 40) -> pd.DataFrame:
    rows = range(n_items)
    return check_items(
        pd.DataFrame(
            {
                "item_id": [f"i{row}" for row in rows],
                "label": np.where(np.arange(n_items) % 2, "anomaly", "normal"),
                "rating": np.arange(n_items) / 100,
                "source_path": [f"folder/{row}.png" for row in rows],
                "image": [f"pictures/{row}.webp" for row in rows],
                "model_label": "anomaly",
                "model_score": 0.75,
            }
        )
    )


def make_answers(items: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Everybody says the same of every item; tasks count from 100, projects are 7, 8, ..."""
    parts = [
        pd.DataFrame(
            {
                "item_id": items["item_id"],
                "annotator": name,
                "label": label,
                "project_id": 7 + number,
                "task_id": 100 + np.arange(len(items)),
            }
        )
        for number, (name, label) in enumerate(labels.items())
    ]
    return check_annotations(pd.concat(parts, ignore_index=True))


def write(
    folder: Path,
    items: pd.DataFrame,
    answers: pd.DataFrame,
    *,
    picture_of: PictureOf | None = None,
    **about: object,
) -> str:
    metrics = build_metrics(items, answers, positive="anomaly")
    write_report(folder, items, answers, metrics, about=about, picture_of=picture_of)
    return (folder / "report.html").read_text(encoding="utf-8")


def noise(row: int) -> Image.Image:
    pixels = np.random.default_rng(row).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def section_of(page: str) -> str:
    return page[page.index("Where opinions differ most") : page.index("How the study was asked")]


def test_the_gallery_shows_pictures_answers_and_score(tmp_path: Path) -> None:
    """Twenty-four items, each with its picture, its words and everybody's answer, in 2 MB."""
    items = make_items(60)
    answers = make_answers(items, {"Ann": "anomaly", "Bob": "anomaly", "Cas": "normal"})
    answers.loc[answers.index[:1], ["label", "skipped"]] = [None, True]
    page = write(tmp_path, items, check_annotations(answers), picture_of=noise)
    gallery = section_of(page)
    assert "The first 24 of 60 items on which" in " ".join(gallery.split())
    pictures = re.findall(r'<img src="data:image/webp;base64,([^"]+)"', gallery)
    assert len(pictures) == SHOWN_AT_MOST
    assert sum(map(len, pictures)) < 2_000_000
    for text in pictures[:3]:
        with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
            assert picture.format == "WEBP"
            assert picture.width / picture.height == pytest.approx(4 / 3, abs=0.02)
    alternatives = re.findall(r'alt="([^"]+)"', gallery)
    assert len(set(alternatives)) == SHOWN_AT_MOST
    # All normal ones have two of three against them, the first of them was skipped by Ann.
    first = gallery[gallery.index("<li>") : gallery.index("</li>")]
    words = " ".join(re.sub(r"<[^>]+>", " ", first).split())
    assert words == (
        "1. 2 of 3 against the known label known label normal, rating 0.02 "
        "anomaly Ann and Bob normal Cas model anomaly (0.75) folder/2.png"
    )
    assert not LINK.search(page)


def test_skips_and_later_rounds_are_shown(tmp_path: Path) -> None:
    """A skip is told as one; a second round is shown and does not count."""
    items = make_items(2)
    first = make_answers(items, {"Ann": "anomaly", "Bob": "normal"})
    second = make_answers(items, {"Ann": "normal"}).assign(round=2)
    skip = check_annotations(
        pd.DataFrame({"item_id": ["i0"], "annotator": ["Cas"], "label": [None], "skipped": [True]})
    )
    both = check_annotations(pd.concat([first, second, skip], ignore_index=True))
    gallery = section_of(write(tmp_path, items, both))
    words = " ".join(re.sub(r"<[^>]+>", " ", gallery).split())
    assert "1 of 2 against the known label normal 0 normal: Ann_round2 and Bob" in words
    assert "skipped: Cas" in words


def test_links_are_the_only_addresses(tmp_path: Path) -> None:
    """A link to the task where the server is known; nothing is loaded, nothing else is linked."""
    items = make_items(3)
    answers = make_answers(items, {"Ann": "anomaly", "Bob": "normal"})
    for number, picture_of in enumerate((None, noise)):
        page = write(
            tmp_path / str(number),
            items,
            answers,
            picture_of=picture_of,
            server_url="http://127.0.0.1:8080/sub/",
        )
        assert LINK.findall(page) == [
            f"http://127.0.0.1:8080/sub/projects/7/data?task={task}" for task in (100, 102, 101)
        ]
        rest = LINK.sub("", re.sub(r"data:image/webp;base64,[A-Za-z0-9+/=]+", "", page))
        assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import|<script|<iframe|<object", rest)


@pytest.mark.parametrize(
    "server",
    [
        *("javascript:alert(1)//", "data:text/html,x", "ftp://host", "http://", "//host", "", None),
        *("http://[broken", 5),
    ],
)
def test_no_link_to_what_is_no_web_address(server: object) -> None:
    """A results folder from anybody cannot smuggle in a script or a strange address."""
    assert task_address(server, 1, 2) is None


def test_a_link_is_as_label_studio_writes_it() -> None:
    """Project and task are numbers; without one of them there is no link."""
    assert task_address("https://ls.example", 3, 5) == "https://ls.example/projects/3/data?task=5"
    assert task_address("https://ls.example", pd.NA, 5) is None
    assert task_address("https://ls.example", 3, None) is None


def test_hostile_texts_are_only_texts(tmp_path: Path) -> None:
    """Labels, names and paths that look like HTML, also in an alternative text and an address."""
    hostile = '"><script>alert(1)</script>'
    items = make_items(4)
    items["source_path"] = hostile
    answers = make_answers(items, {hostile: "anomaly", "Bob": hostile})
    page = write(tmp_path, items, answers, picture_of=noise, server_url=f"http://h/{hostile}")
    assert "<script" not in page


def test_without_disagreement_there_is_no_gallery(tmp_path: Path) -> None:
    """Where all agree with the labels and each other, nothing is shown."""
    items = make_items(4).assign(label="normal")
    answers = make_answers(items, {"Ann": "normal", "Bob": "normal"})
    assert "Where opinions differ most" not in write(tmp_path, items, answers)


def test_without_truth_and_ratings_people_can_differ(tmp_path: Path) -> None:
    """A table of answers alone: how far the pairs differ."""
    items = make_items(4)[["item_id", "position"]]
    answers = make_answers(items, {"Ann": "normal", "Bob": "anomaly"})
    gallery = section_of(write(tmp_path, items, answers))
    assert "2 answers, 100\N{NO-BREAK SPACE}% of the pairs differ" in gallery
    assert "Rating" not in gallery


def test_pictures_of_a_study_stay_in_its_folder(tmp_path: Path) -> None:
    """The table's paths cannot lead out of the pictures' folder; what is no picture is none."""
    media = tmp_path / "media"
    (media / "pictures").mkdir(parents=True)
    noise(0).save(media / "pictures" / "0.webp")
    noise(0).save(tmp_path / "secret.png")
    (media / "pictures" / "1.webp").write_text("no picture")
    (media / "link.png").symlink_to(tmp_path / "secret.png")
    names = ["pictures/0.webp", "../secret.png", str(tmp_path / "secret.png"), "pictures/1.webp"]
    names += ["link.png", "pictures/9.webp", "pictures", "", None, "a\0b"]  # type: ignore[list-item]
    picture_of = study_pictures(pd.DataFrame({"image": names}), media)
    assert picture_of is not None
    there = [picture_of(row) is not None for row in range(len(names))]
    assert there == [True] + [False] * (len(names) - 1)
    assert study_pictures(pd.DataFrame({"image": names}), tmp_path / "absent") is None
    assert study_pictures(pd.DataFrame({"item_id": names}), media) is None


def test_a_picture_fits_into_its_share() -> None:
    """Without loss where that fits; else smaller; too large a share is asked of nothing."""
    flat = Image.new("RGB", (224, 224), "red")
    assert len(to_data_address(flat, 83_000) or "") < 1000
    for size in ((300, 400), (5000, 20)):
        pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        address = to_data_address(Image.fromarray(pixels), 83_000)
        assert address is not None
        assert len(address) <= 83_000
    assert to_data_address(noise(0), 100) is None
