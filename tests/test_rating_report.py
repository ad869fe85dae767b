"""``report.html`` of ratings: the same frame, new against old."""

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ls_integration.annotations import check_annotations
from ls_integration.results.figures.ratings import MOST_PANELS
from ls_integration.results.rating_metrics import build_rating_metrics
from ls_integration.results.report import write_report
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
    folder: Path, items: pd.DataFrame, annotations: pd.DataFrame, **study: object
) -> tuple[Page, str]:
    """Write the report; give the page and its text in one line."""
    about = {"title": "Again", **study}
    metrics = build_rating_metrics(
        items, annotations, normal_at_least=0.70, anomaly_below=0.60, study=about
    )
    write_report(folder, items, annotations, metrics, made_at=datetime(2024, 5, 1, 12, tzinfo=UTC))
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
