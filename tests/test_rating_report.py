"""``report.html`` of ratings: the same frame, new against old."""

import base64
import io
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ls_integration.annotations import check_annotations
from ls_integration.results.figures.ratings import MOST_PANELS, plot_old_new
from ls_integration.results.pictures import PictureOf
from ls_integration.results.rating_metrics import build_rating_metrics
from ls_integration.results.report import write_report
from ls_integration.results.report.cards import SHOWN_AT_MOST
from ls_integration.results.tables import check_items
from tests.test_report import HOSTILE, Page


def make_items(n_items: int = 40) -> pd.DataFrame:
    """Images with ratings from 0.41 to 0.80."""
    rating = 0.41 + 0.01 * np.arange(n_items)
    names = [f"actin/{row}.npz" for row in range(n_items)]
    ids = [f"i{row}" for row in range(n_items)]
    table = {"item_id": ids, "source_path": names, "rating": rating.round(2)}
    return check_items(pd.DataFrame(table))


def rate(items: pd.DataFrame, people: dict[str, float], **columns: object) -> pd.DataFrame:
    """Everybody rates all images, each by the same amount away from the old rating."""
    parts = [
        pd.DataFrame(
            {
                "item_id": items["item_id"],
                "annotator": name,
                "label": None,
                "rating": (items["rating"] + offset).clip(0, 1).round(2),
                "lead_time_s": 2.0,
            }
        ).assign(**columns)
        for name, offset in people.items()
    ]
    return check_annotations(pd.concat(parts, ignore_index=True))


def write(
    folder: Path,
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    *,
    picture_of: PictureOf | None = None,
    **study: object,
) -> tuple[Page, str]:
    """Write the report; give the page and its text in one line."""
    about = {"title": "Again", **study}
    metrics = build_rating_metrics(
        items, annotations, normal_at_least=0.70, anomaly_below=0.60, study=about
    )
    write_report(
        folder,
        items,
        annotations,
        metrics,
        about=about,
        picture_of=picture_of,
        made_at=datetime(2024, 5, 1, 12, tzinfo=UTC),
    )
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    return page, " ".join(page.text.split())


def test_the_page_says_who_moved_and_what_crossed(tmp_path: Path) -> None:
    """0.05 lower everywhere: 0.70 to 0.74 are no longer normal, 0.65 to 0.74 are in the gap."""
    items = make_items()
    _, text = write(tmp_path, items, rate(items, {"Ada": -0.05}), blind=True)
    assert "Ada rated 40 of 40 images again. New less old rating is −0.050 on average" in text
    assert "0 became normal (0.7 or more), 5 no longer are, and 10 lie now between" in text
    assert "The study was blind: the old ratings were not on the server." in text
    assert "40 images, 40 with an old rating · 1 person · normal from 0.7" in text
    assert "Agreement between people" not in text
    assert "Known label" not in text


def test_people_beside_each_other(tmp_path: Path) -> None:
    """Agreement, the images with the largest change and spread in order; what was shown is said."""
    items = make_items()
    annotations = rate(items, {"Ada": 0.0, "Ben": 0.0})
    annotations.loc[
        (annotations["annotator"] == "Ben") & (annotations["item_id"] == "i7"), "rating"
    ] = 0.9
    annotations.loc[annotations["item_id"] == "i3", "rating"] = 0.8
    _, text = write(tmp_path, items, annotations, blind=False)
    assert "The pages showed the old rating, so the new ones are not independent of it." in text
    moved = text.index("Images that moved farthest")
    spread = text.index("Images on which people differ most")
    named = re.findall(r"actin/\d+\.npz", text[moved:spread])
    # i3: 0.44 to 0.80 by both; i7: 0.48 to a mean of 0.69.
    assert named == ["actin/3.npz", "actin/7.npz"]
    assert re.findall(r"actin/\d+\.npz", text[spread:]) == ["actin/7.npz"]
    assert "ICC(2,1)" in text
    assert "40 images that all rated" in text
    assert "Ada – Ben" in text


def test_figures_with_their_numbers(tmp_path: Path) -> None:
    """PNG and CSV of each, also of what is not drawn since there are too many people."""
    items = make_items()
    people = {f"Person {number:02d}": 0.01 * number for number in range(MOST_PANELS + 2)}
    page, text = write(tmp_path, items, rate(items, people))
    plots = tmp_path / "plots"
    names = sorted(path.name for path in plots.glob("*.png"))
    assert names == ["decision_times.png", "old_new.png", "rating_changes.png"]
    for name in names:
        with Image.open(plots / name) as image:
            assert len(image.convert("RGB").getcolors(1_000_000)) > 10
    numbers = pd.read_csv(plots / "old_new.csv")
    assert len(numbers) == 40 * (len(people) + 1)
    moved = numbers.loc[numbers["who"] == "Person 13"]
    assert (moved["new"] - moved["old"]).tolist() == pytest.approx([0.13] * 40)
    changes = pd.read_csv(plots / "rating_changes.csv")
    assert changes.groupby("who")["n_items"].sum().unique().tolist() == [40]
    still = changes.loc[(changes["who"] == "Person 00") & (changes["n_items"] > 0)]
    assert still[["change_from", "change_to"]].to_numpy().tolist() == [[-0.025, 0.025]]
    assert f"The first {MOST_PANELS} of 15" in text
    assert page.tags.count("svg") == 3


def test_a_name_is_only_a_name_and_nothing_is_fetched(tmp_path: Path) -> None:
    """As in every report."""
    items = make_items().assign(source_path=HOSTILE)
    page, _ = write(tmp_path, items, rate(items, {"a$b$": 0.1, "C & D": 0.2}), title=HOSTILE)
    assert "script" not in page.tags
    assert HOSTILE in page.text
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import|<script|<iframe|<object", html)


@pytest.mark.parametrize("case", ["nobody", "no old rating", "all skipped", "one image"])
def test_odd_studies_have_a_page(tmp_path: Path, case: str) -> None:
    """What cannot be said is left out, with its reason, and never a NaN."""
    items = make_items()
    annotations = rate(items, {"Ada": 0.1, "Ben": 0.0})
    if case == "nobody":
        annotations = annotations.iloc[:0]
    elif case == "no old rating":
        items["rating"] = np.nan
    elif case == "all skipped":
        annotations = annotations.assign(rating=np.nan, skipped=True)
    else:
        annotations = annotations.loc[annotations["item_id"] == "i0"]
    _, text = write(tmp_path, items, check_annotations(annotations))
    assert "What is undefined or left out, and why" in text
    assert "nan" not in re.findall(r"\w+", text.lower())
    if case in {"nobody", "all skipped"}:
        assert "There are no ratings yet." in text


def picture(row: int) -> Image.Image:
    """Give every image pixels of its own."""
    pixels = np.random.default_rng(row).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def disputed(items: pd.DataFrame) -> pd.DataFrame:
    """Ann moves i3 and i7 up, Bob i7 only; Cas skips i3; Ann rates i3 a second time."""
    answers = rate(items, {"Ann": 0.0, "Bob": 0.0}, project_id=7)
    answers["task_id"] = [100 + int(name[1:]) for name in answers["item_id"]]
    of_ann = answers["annotator"] == "Ann"
    answers.loc[of_ann & (answers["item_id"] == "i3"), "rating"] = 0.9
    answers.loc[answers["item_id"] == "i7", "rating"] = 0.8
    more = answers.loc[of_ann & (answers["item_id"] == "i3")]
    again = more.assign(round=2, rating=0.05)
    skip = more.assign(annotator="Cas", rating=np.nan, skipped=True)
    return check_annotations(pd.concat([answers, again, skip], ignore_index=True))


def words_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_gallery_has_picture_old_rating_answers_and_link(tmp_path: Path) -> None:
    """Both lists, every answer of every round, highest first, a skip last, and the task."""
    items = make_items()
    write(
        *(tmp_path, items, disputed(items)),
        picture_of=picture,
        server_url="http://127.0.0.1:8080",
    )
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    moved, spread = html.index("Images that moved farthest"), html.index("Images on which people")
    cards = re.findall(r"<li>.*?</li>", html[moved:spread], flags=re.DOTALL)
    assert [words_of(card) for card in cards] == [
        "1. +0.32, to 0.80 old rating 0.48 0.80 Ann and Bob actin/7.npz",
        "2. +0.23, to 0.67 old rating 0.44 0.90 Ann 0.44 Bob 0.05 Ann_round2 "
        "skipped Cas actin/3.npz",
    ]
    apart = re.findall(r"<li>.*?</li>", html[spread:], flags=re.DOTALL)
    assert len(apart) == 1
    assert words_of(apart[0]).startswith("1. 0.46 apart old rating 0.44 0.90 Ann")
    links = [f"http://127.0.0.1:8080/projects/7/data?task={task}" for task in (107, 103, 103)]
    assert re.findall(r'<a href="([^"]+)" rel="noopener noreferrer">actin', html) == links
    for card, row in zip(cards, (7, 3), strict=True):
        source = re.search(r'src="data:image/webp;base64,([^"]+)"', card)
        assert source is not None
        with Image.open(io.BytesIO(base64.b64decode(source[1]))) as shown:
            assert np.array_equal(np.asarray(shown.convert("RGB")), np.asarray(picture(row)))


def test_all_pictures_together_stay_small(tmp_path: Path) -> None:
    """Twenty-four of them at most, in both lists together; how many there are is said."""
    items = make_items()
    _, text = write(tmp_path, items, rate(items, {"Ann": 0.1, "Bob": 0.0}), picture_of=picture)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.count("<img ") == SHOWN_AT_MOST
    assert text.count("The first 12 of 40; all images are in ratings.csv") == 2


def test_without_pictures_a_table_has_every_answer_and_the_link(tmp_path: Path) -> None:
    """A column a person; of a crowd all answers in one cell."""
    items = make_items()
    server = "http://127.0.0.1:8080"
    write(tmp_path / "few", items, disputed(items), server_url=server)
    html = (tmp_path / "few" / "report.html").read_text(encoding="utf-8")
    assert html.count('data?task=103" rel="noopener noreferrer">actin/3.npz</a>') == 2
    assert "Image Old Ann Bob Cas Mean Change actin/7.npz 0.48 0.80 0.80 – 0.800 0.320" in words_of(
        html
    )
    crowd = rate(items, {f"Person {number}": 0.0 for number in range(8)})
    crowd.loc[(crowd["annotator"] == "Person 3") & (crowd["item_id"] == "i7"), "rating"] = 1.0
    write(tmp_path / "crowd", items, crowd)
    words = words_of((tmp_path / "crowd" / "report.html").read_text(encoding="utf-8"))
    assert "Image Old Ratings Mean Spread actin/7.npz 0.48 1.00: Person 3 0.48: Person 0" in words


@pytest.mark.parametrize("n_people", [1, 2, 3, 4, 7])
def test_nothing_of_a_figure_is_cut_off(n_people: int) -> None:
    """Titles and names of axes lie within the picture, also where panels fill one row."""
    items = make_items()
    ratings = {f"Olga {number}": items["rating"].to_numpy() for number in range(n_people)}
    figure = plot_old_new(items, ratings, (0.6, 0.7)).figure
    figure.canvas.draw()
    box, (width_in, height_in) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(box.x0, box.y0, width_in - box.x1, height_in - box.y1) >= 0
