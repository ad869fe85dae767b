"""Which labels the review of cutouts changed: numbers, figures and the part of the report."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from ls_integration.annotations import check_annotations, empty
from ls_integration.kinds.cutouts import all_cutouts, make_items
from ls_integration.kinds.cutouts_table import read_predictions_table
from ls_integration.results.cutouts import check_cutouts, decide
from ls_integration.results.cutouts_changes import count_by_frame, count_by_outcome, label_flow
from ls_integration.results.cutouts_metrics import build_cutout_metrics
from ls_integration.results.report import write_report
from tests.cutout_tables import SMALL, make_id, parse

YES, NO = "artifact", "no artifact"
PATHS = ["A/0/0", "A/200/0", "A/0/200", "A/200/200", "B.x_1/0/0", "B.x_1/200/0"]


def small() -> pd.DataFrame:
    """Give all cutouts of the small table; rows 1, 3, 4 are the queue."""
    table = parse(SMALL)
    items = make_items(table, make_id=make_id, seed=0)
    return check_cutouts(all_cutouts(table, items, make_id=make_id))


def answers(*rows: tuple[int, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["row", "annotator", "label"])
    frame["item_id"] = [make_id(PATHS[row]) for row in frame.pop("row")]
    return check_annotations(frame)


def write(folder: Path, cutouts: pd.DataFrame, annotations: pd.DataFrame) -> str:
    metrics = build_cutout_metrics(cutouts, annotations)
    write_report(folder, cutouts, annotations, metrics)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_a_review_small_enough_for_paper() -> None:
    """A changed and a tied FP, an open FN, a neighbour that was changed though nobody asked."""
    said = answers(
        *((1, "Ann", YES), (4, "Ann", YES), (4, "Bob", NO), (2, "Ann", NO)), (0, "Ann", None)
    )
    flow = label_flow(small(), decide(said))
    assert flow[["outcome_before", "outcome_after", "state"]].to_numpy().tolist() == [
        ["FP", "TP", "changed"],
        ["FN", "FN", "not answered"],
        ["FP", "FP", "undecided"],
        ["TP", "FP", "changed"],
    ]
    counts = count_by_outcome(flow).set_index(["outcome", "label"])
    assert counts.loc[("FP", NO)].tolist() == [2, 1, 0, 1, 0]
    assert counts.loc[("FN", YES)].tolist() == [1, 0, 0, 0, 1]
    assert counts.loc[("TP", YES)].tolist() == [1, 1, 0, 0, 0]
    frames = count_by_frame(flow)
    assert frames.to_numpy().tolist() == [["A", 3, 2, 2, 1, 1], ["B.x_1", 1, 1, 0, 0, 0]]


def test_the_figures_are_on_the_page_with_their_numbers(tmp_path: Path) -> None:
    """Two figures and a table in the section of the review; every frame is in the CSV."""
    page = write(tmp_path, small(), answers((1, "Ann", YES), (3, "Ann", YES), (4, "Ann", "unsure")))
    assert page.index('class="label_changes"') < page.index('class="changes_by_frame"')
    frames = pd.read_csv(tmp_path / "plots" / "changes_by_frame.csv")
    assert frames["image_name"].tolist() == ["A", "B.x_1"]
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "FP no artifact 2 1 0 1 0" in text
    assert "FN artifact 1 0 1 0 0" in text


def test_nothing_answered_and_nothing_changed(tmp_path: Path) -> None:
    """No answers, or only confirmed labels: a page without the figure of frames."""
    for name, said in (("none", empty()), ("same", answers((1, "Ann", NO), (3, "Ann", YES)))):
        page = write(tmp_path / name, small(), said)
        assert "What became of the labels" in page
        assert 'class="changes_by_frame"' not in page
        assert not (tmp_path / name / "plots" / "changes_by_frame.csv").exists()


def test_unsure_is_no_contradiction(tmp_path: Path) -> None:
    """Whoever could not tell neither contradicts a label nor anybody else, and is shown."""
    only_unsure = answers((1, "Ann", "unsure"), (1, "Bob", NO))
    assert "Where opinions differ most" not in write(tmp_path / "a", small(), only_unsure)
    page = write(tmp_path / "b", small(), answers((1, "Ann", "unsure"), (1, "Bob", YES)))
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "1 of 1 against the known label" in text
    assert "unsure: Ann" in text


def test_the_real_table(shared_data: Path, tmp_path: Path) -> None:
    """Simulated reviews of 215 real errors in 8 frames: sums are those of metrics.json."""
    table = read_predictions_table(shared_data / "des_cutouts" / "predictions.csv")
    items = make_items(table, make_id=make_id, seed=0, random_floor=0.05)
    cutouts = check_cutouts(all_cutouts(table, items, make_id=make_id))
    asked = items["item_id"].to_numpy(dtype=object)
    parts = []
    for seed, name in enumerate(("Ida", "Jan", "Kim")):
        generator = np.random.default_rng(seed)
        label = np.where(generator.random(len(asked)) < 0.5, YES, NO)
        label[generator.random(len(asked)) < 0.1] = "unsure"
        parts.append(pd.DataFrame({"item_id": asked, "annotator": name, "label": label}))
    said = check_annotations(pd.concat(parts, ignore_index=True)).iloc[: -len(asked) // 2]
    metrics = build_cutout_metrics(cutouts, said)
    flow = label_flow(cutouts, decide(said))
    counts, frames = count_by_outcome(flow), count_by_frame(flow)
    assert counts["n_changed"].sum() == frames["n_changed"].sum() == metrics["changed"]
    assert counts["n_undecided"].sum() == metrics["unsure"] + metrics["ties"]
    assert counts["n_not_answered"].sum() == metrics["unreviewed"]
    assert counts["n_cutouts"].sum() == metrics["asked"] + metrics["reviewed_unasked"]
    assert len(frames) == 8
    moved = {name: metrics["after"][name] - metrics["before"][name] for name in ("tp", "fn")}
    for name, change in moved.items():
        of_flow = [(flow[f"outcome_{when}"] == name.upper()).sum() for when in ("after", "before")]
        assert of_flow[0] - of_flow[1] == change
    write_report(tmp_path, cutouts, said, metrics)
    assert (tmp_path / "plots" / "label_changes.png").stat().st_size > 10_000
