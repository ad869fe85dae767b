"""The report on people together: the matrix of pairs, rounds, consensus."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.results.figures.together import plot_agreement
from ls_integration.results.metrics import build_metrics
from ls_integration.results.report import write_report
from ls_integration.results.tables import check_items
from ls_integration.scoring.dawid_skene import NOT_INSTALLED


def make_study(n_people: int, **columns: object) -> tuple[pd.DataFrame, pd.DataFrame]:
    generator = np.random.default_rng(n_people)
    truth = generator.random(60) < 0.4
    items = pd.DataFrame(
        {"item_id": [f"i{row}" for row in range(60)], "label": np.where(truth, "anomaly", "normal")}
    )
    parts = [
        pd.DataFrame(
            {
                "item_id": items["item_id"],
                "annotator": f"Person {number}",
                "label": np.where(truth ^ (generator.random(60) < 0.2), "anomaly", "normal"),
            }
        ).assign(**columns)
        for number in range(n_people)
    ]
    return check_items(items), check_annotations(pd.concat(parts, ignore_index=True))


def write(folder: Path, items: pd.DataFrame, annotations: pd.DataFrame) -> str:
    metrics = build_metrics(items, annotations, positive="anomaly")
    write_report(folder, items, annotations, metrics)
    return (folder / "report.html").read_text(encoding="utf-8")


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.mark.parametrize("n_people", [2, 3, 12])
def test_the_matrix_shows_every_pair_inside_its_square(n_people: int) -> None:
    """Each kappa stands twice, mirrored, smaller than its square; names do not run together."""
    metrics = build_metrics(*make_study(n_people), positive="anomaly")
    drawing = plot_agreement(metrics, "large-sample")
    axes = drawing.figure.axes[0]
    renderer = drawing.figure.canvas.get_renderer()  # type: ignore[attr-defined]
    drawing.figure.draw(renderer)
    pairs = metrics["agreement"]["pairwise"]
    shown = {text.get_position(): text for text in axes.texts}
    assert len(shown) == 2 * len(pairs) == n_people * (n_people - 1)
    number = {f"Person {place}": place + 0.5 for place in range(n_people)}
    (left, top), (right, bottom) = axes.transData.transform([(0, 0), (1, 1)])
    for pair in pairs:
        expected = f"{pair['cohen_kappa']:.2f}".replace("-", "\N{MINUS SIGN}")
        for first, second in ((pair["first"], pair["second"]), (pair["second"], pair["first"])):
            text = shown[(number[second], number[first])]
            assert text.get_text() == expected
            box = text.get_window_extent(renderer)
            assert box.width < right - left
            assert box.height < top - bottom
    boxes = [label.get_window_extent(renderer) for label in axes.get_yticklabels()]
    for one, other in zip(boxes, boxes[1:], strict=False):
        assert not one.overlaps(other)
    frame = drawing.figure.bbox
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        box = label.get_window_extent(renderer)
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1
        assert frame.y0 <= box.y0 < box.y1 <= frame.y1
    assert len(drawing.numbers) == len(pairs)
    assert "n = 60" in drawing.caption


def test_few_pairs_are_open_and_many_folded(tmp_path: Path) -> None:
    """Six people's pairs stand on the page; seven people's wait behind a line."""
    six = write(tmp_path / "6", *make_study(6))
    seven = write(tmp_path / "7", *make_study(7))
    assert six.count("<details><summary>") == 1  # the matrices answer by answer
    assert "Pair by pair: 21 pairs" not in six
    assert seven.count("<details><summary>") == 3
    assert "<summary>Pair by pair: 21 pairs</summary>" in seven
    assert "<summary>Estimated rates of 7 people</summary>" in seven


def test_matrices_are_the_counts(tmp_path: Path) -> None:
    """The small table of a pair has the numbers of metrics.json."""
    items, annotations = make_study(2)
    counts = build_metrics(items, annotations, positive="anomaly")["agreement"]["pairwise"][0]
    page = write(tmp_path, items, annotations)
    table = page[page.index("Person 0 (rows) – Person 1 (columns)") :]
    found = re.findall(r"<span>(\d+)</span>", table[: table.index("</table>")])
    rows = counts["counts"]
    assert [int(cell) for cell in found] == [
        rows[label][other] for label in ("anomaly", "normal") for other in ("anomaly", "normal")
    ]


def test_a_person_again_and_people_apart(tmp_path: Path) -> None:
    """Second rounds have a table; who saw nothing stands beside everybody."""
    items, annotations = make_study(4)
    again = annotations[annotations["annotator"] == "Person 1"].assign(round=2)
    shown = annotations["annotator"] == "Person 0"
    both = pd.concat([annotations.assign(prefilled=shown, changed=False), again], ignore_index=True)
    text = words(write(tmp_path, items, check_annotations(both)))
    assert "The same person again" in text
    assert "Person 1 1 and 2 60 1.000" in text
    assert "Independent people" in text
    assert "Beside them stand those of Person 1, Person 2 and Person 3, who saw none." in text
    assert "Take care: the model takes people as independent" in text


def test_one_person_with_two_rounds_has_agreement_with_oneself_only(tmp_path: Path) -> None:
    """No pair of people: no matrix, but the rounds."""
    items, annotations = make_study(1)
    both = pd.concat([annotations, annotations.assign(round=2)], ignore_index=True)
    page = write(tmp_path, items, check_annotations(both))
    assert "The same person again" in page
    assert not (tmp_path / "plots" / "agreement.png").exists()
    assert "What the people say together" not in page


def test_consensus_in_words(tmp_path: Path) -> None:
    """The sentence has the numbers of metrics.json; two people are warned of."""
    items, annotations = make_study(2)
    consensus = build_metrics(items, annotations, positive="anomaly")["consensus"]
    text = words(write(tmp_path, items, annotations))
    majority, doubts = consensus["majority"], consensus["needs_opinion"]
    assert majority["n_tied"] > 0
    expected = f"decides {majority['n_decided']} items; {majority['n_tied']} are tied and stay open"
    assert expected in text
    assert f" {doubts['n_items']} items need one more opinion ({doubts['n_items']} tied)" in text
    assert "Take care: the answers of two people do not settle" in text


def test_without_crowd_kit_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason stands where the estimate would."""
    monkeypatch.setattr(
        "ls_integration.results.metrics.consensus.estimate_dawid_skene",
        lambda votes, n_labels: NOT_INSTALLED,
    )
    text = words(write(tmp_path, *make_study(3)))
    assert "model is not estimated: crowd-kit is not installed" in text
    assert "How reliable each person is" not in text
