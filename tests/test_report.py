"""``report.html``: one page, safe, whole, and true to what was asked."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ls_integration.annotations import check_annotations, empty
from ls_integration.results.figures.rates import plot_roc
from ls_integration.results.metrics import build_metrics
from ls_integration.results.report import write_report
from ls_integration.results.tables import check_items

HOSTILE = '<script>alert("x")</script>'
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Collects text, tags and attributes, and checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.tags, self.attributes = "", list[str](), list[tuple[str, str | None]]()
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def make_items(n_items: int = 80) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    truth = generator.random(n_items) < 0.4
    return check_items(
        pd.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(n_items)],
                "label": np.where(truth, "anomaly", "normal"),
                "model_score": generator.normal(truth * 1.0),
            }
        )
    )


def make_annotations(
    items: pd.DataFrame, people: dict[str, float], **columns: object
) -> pd.DataFrame:
    """Everybody's answers, wrong with the probability given."""
    parts = []
    for seed, (name, error) in enumerate(people.items()):
        generator = np.random.default_rng(seed)
        wrong = generator.random(len(items)) < error
        called = (items["label"] == "anomaly").to_numpy() != wrong
        parts.append(
            pd.DataFrame(
                {
                    "item_id": items["item_id"],
                    "annotator": name,
                    "label": np.where(called, "anomaly", "normal"),
                    "lead_time_s": generator.lognormal(size=len(items)),
                }
            ).assign(**columns)
        )
    return check_annotations(pd.concat(parts, ignore_index=True))


def write(
    folder: Path,
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    threshold: float | None = 0.5,
    **study: object,
) -> Page:
    metrics = build_metrics(
        items,
        annotations,
        positive="anomaly",
        model_threshold=threshold,
        study={"title": "A study", **study},
    )
    write_report(folder, items, annotations, metrics, made_at=datetime(2024, 5, 1, 12, tzinfo=UTC))
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    """No address, no script, no file beside it: the page opens from disk for ever."""
    items = make_items()
    page = write(tmp_path, items, make_annotations(items, {"Ann": 0.1, "Bob": 0.2, "Cas": 0.3}))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|//[a-z]|url\((?!#)|@import|<script|<iframe|<object", text)
    for name, value in page.attributes:
        if name in {"src", "href", "xlink:href", "data"}:
            assert value is not None
            assert value.startswith(("#", "data:"))
        assert not name.startswith("on")
    assert "default-src 'none'" in text


def test_a_name_is_only_a_name(tmp_path: Path) -> None:
    """A person, a study and a label that look like HTML are shown as text."""
    items = make_items()
    annotations = make_annotations(items, {HOSTILE: 0.1, "a$b$": 0.2, "C & D": 0.2})
    page = write(tmp_path, items, annotations, title=HOSTILE)
    assert "script" not in page.tags
    assert HOSTILE in page.text
    assert "C & D" in page.text


def test_the_figures_are_there(tmp_path: Path) -> None:
    """Seven PNG files, none empty, each with its numbers; six drawings on the page, each once."""
    items = make_items()
    page = write(tmp_path, items, make_annotations(items, {"Ann": 0.1, "Bob": 0.2}))
    names = sorted(path.name for path in (tmp_path / "plots").glob("*.png"))
    assert names == [
        "accuracy_by_time.png",
        "accuracy_over_session.png",
        "agreement.png",
        "confusion.png",
        "decision_times.png",
        "rates.png",
        "roc.png",
    ]
    for name in names:
        numbers = pd.read_csv((tmp_path / "plots" / name).with_suffix(".csv"))
        # A pair has two names.
        columns = [name for name in ("who", "first", "second") if name in numbers]
        assert {"Ann", "Bob"} <= set(numbers[columns].to_numpy().ravel())
        with Image.open(tmp_path / "plots" / name) as image:
            assert len(image.convert("RGB").getcolors(1_000_000)) > 10
    assert page.tags.count("svg") == 6


def test_intervals_by_group_are_named_so(tmp_path: Path) -> None:
    """With groups nothing on the page is called Wilson's or DeLong's; without, both are."""
    items = make_items()
    annotations = make_annotations(items, {"Ann": 0.1, "Bob": 0.2, "Cas": 0.3})
    for name, grouped in (("alone", False), ("grouped", True)):
        extra = {"group": [f"g{row // 4}" for row in range(len(items))]} if grouped else {}
        text = write(tmp_path / name, check_items(items.assign(**extra)), annotations).text
        assert ("Wilson" in text) is ("DeLong" in text) is not grouped
        assert ("BCa bootstrap over groups" in text) is grouped


def test_the_page_says_what_came_out(tmp_path: Path) -> None:
    """The numbers of the headline are those of the metrics, in words."""
    items = make_items()
    page = write(tmp_path, items, make_annotations(items, {"Ann": 0.0, "Bob": 0.5}))
    text = " ".join(page.text.split())
    assert "Ann agrees with the known label on 80 of 80 of the judged items (100.0 %" in text
    assert "2024-05-01 12:00 UTC" in text
    assert "statsmodels" in text


def test_better_and_worse_than_the_model_only_where_that_is_sure(tmp_path: Path) -> None:
    """Nearly always right beats the model, wrong loses; a few answers leave it open."""
    items = make_items(200)
    everybody = make_annotations(items, {"Ann": 0.02, "Bob": 0.9, "Cas": 0.3})
    few = (everybody["annotator"] != "Cas") | everybody["item_id"].isin(items["item_id"][:12])
    text = " ".join(write(tmp_path, items, check_annotations(everybody[few])).text.split())
    for names, result in (
        ("Ann", "less"),
        ("Bob", "more"),
        ("Cas", "neither surely less nor more"),
    ):
        assert f"With as many false alarms as {names}, the model would find {result}." in text


def test_what_people_had_seen_is_said(tmp_path: Path) -> None:
    """Blind, assisted and unknown are three different sentences."""
    items = make_items()
    blind = write(tmp_path, items, make_annotations(items, {"Ann": 0.1}), blind=True)
    assert "blind to the model" in blind.text
    shown = make_annotations(items, {"Ann": 0.1}, prefilled=True, changed=False)
    both = pd.concat([shown, make_annotations(items, {"Bob": 0.1})], ignore_index=True)
    assisted = write(tmp_path, items, check_annotations(both), blind=False)
    text = " ".join(assisted.text.split())
    assert "The answers of Ann started from one that the page showed" in text
    assert "not independent opinions" in text
    assert "80 of 80, 0 overruled" in text
    assert "They are not the agreement of independent people" in text
    unknown = write(tmp_path, items, make_annotations(items, {"Ann": 0.1}))
    assert "is not recorded" in unknown.text


@pytest.mark.parametrize(
    "people", [{}, {"Ann": 0.1}, {f"Person number {n}": 0.1 for n in range(12)}]
)
def test_few_and_many_people(tmp_path: Path, people: dict[str, float]) -> None:
    """Nobody, one person and twelve give a page that says so."""
    items = make_items()
    annotations = make_annotations(items, people) if people else empty()
    page = write(tmp_path, items, annotations)
    for name in people:
        assert name in page.text
    if not people:
        assert "There are no answers yet." in page.text


def test_without_truth_and_model(tmp_path: Path) -> None:
    """A table of answers alone gives agreement, and says that there is no truth."""
    items = make_items()
    annotations = make_annotations(items, {"Ann": 0.1, "Bob": 0.2})
    page = write(tmp_path, items[["item_id", "position"]], annotations, threshold=None)
    assert "There are no known labels" in page.text
    assert "Krippendorff" in page.text
    assert not (tmp_path / "plots" / "roc.png").exists()


def test_undefined_values_are_listed(tmp_path: Path) -> None:
    """Each null of the metrics stands on the page with its reason."""
    items = make_items()
    items["label"] = "normal"
    page = write(tmp_path, items, make_annotations(items, {"Ann": 0.1}))
    assert "people.Ann.tpr" in page.text
    assert "no judged item is anomaly by its known label" in page.text
    assert "nan" not in re.findall(r"\w+", page.text.lower())


def labels_of(figure: Figure) -> list[tuple[str, object]]:
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    renderer = canvas.get_renderer()
    return [(text.get_text(), text.get_window_extent(renderer)) for text in figure.axes[0].texts]


@pytest.mark.parametrize("seed", range(4))
def test_labels_do_not_overlap(seed: int) -> None:
    """Ten people close together: every name is readable and within the axes."""
    generator = np.random.default_rng(seed)
    items = make_items(200)
    people = {
        f"Reviewer {number}": error for number, error in enumerate(generator.uniform(0.02, 0.3, 10))
    }
    metrics = build_metrics(
        items, make_annotations(items, people), positive="anomaly", model_threshold=0.5
    )
    figure = plot_roc(metrics, None, "Wilson").figure
    labels = labels_of(figure)
    assert len(labels) == 12
    frame = figure.axes[0].get_window_extent()
    for place, (name, box) in enumerate(labels):
        assert frame.contains(*box.min), name  # type: ignore[attr-defined]
        assert frame.contains(*box.max), name  # type: ignore[attr-defined]
        for other, second in labels[:place]:
            assert not box.overlaps(second), (name, other)  # type: ignore[attr-defined]


def test_further_measures_stand_folded_on_the_page(tmp_path: Path) -> None:
    """Precision, F1, balanced accuracy, kappa and MCC of everybody, as metrics.json has them."""
    items = make_items()
    annotations = make_annotations(items, {"Ann": 0.1, "Bob": 0.2})
    page = write(tmp_path, items, annotations)
    metrics = build_metrics(items, annotations, positive="anomaly", model_threshold=0.5)
    text = page.text[page.text.index("Precision, F1, balanced accuracy") :]
    for entry in (metrics["people"]["Ann"], metrics["people"]["Bob"], metrics["model"]):
        for key in ("precision", "f1", "balanced_accuracy", "cohen_kappa", "mcc"):
            assert f"{entry[key]:.3f}" in text.replace("\N{MINUS SIGN}", "-")
