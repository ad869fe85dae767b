"""Errors along the rating: the numbers behind the first users' own figures."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from scipy import stats

from ls_integration.annotations import check_annotations
from ls_integration.results.decisions import list_decisions, read_gap
from ls_integration.results.figures.along_rating import spread_out
from ls_integration.results.figures.drawing import INK, MODEL, MUTED, PERSON, TOGETHER
from ls_integration.results.figures.label_changes import (
    plot_changes_by_frame,
    plot_label_changes,
)
from ls_integration.results.lined_up import line_up_study
from ls_integration.results.metrics import build_metrics
from ls_integration.results.report import write_report
from ls_integration.results.report.along_rating import show_along_rating
from ls_integration.results.report.section import Findings
from ls_integration.results.tables import check_items
from ls_integration.scoring.along_rating import (
    choose_bin_width,
    count_items_by_wrong_people,
    density,
    errors_per_bin,
    mean_per_bin,
    place_in_bins,
    rank_by_rating,
    rating_edges,
    running_errors,
)
from ls_integration.workflows.score import score_source

NAMES = ["errors_along_rating", "mean_decision", "people_wrong", "rating_density", "regret"]
EVERYTHING = np.ones(6, dtype=bool)


def make_items(n_items: int = 60) -> pd.DataFrame:
    rating = np.random.default_rng(1).random(n_items).round(3)
    labels = np.where(rating >= 0.7, "normal", "anomaly")
    ids = [f"i{row}" for row in range(n_items)]
    return check_items(pd.DataFrame({"item_id": ids, "rating": rating, "label": labels}))


def make_answers(items: pd.DataFrame, people: dict[str, float]) -> pd.DataFrame:
    parts = []
    for seed, (name, error) in enumerate(people.items()):
        wrong = np.random.default_rng(seed).random(len(items)) < error
        called = (items["label"] == "anomaly").to_numpy() != wrong
        label = np.where(called, "anomaly", "normal")
        parts.append(pd.DataFrame({"item_id": items["item_id"], "annotator": name, "label": label}))
    return check_annotations(pd.concat(parts, ignore_index=True))


def write(
    folder: Path, items: pd.DataFrame, answers: pd.DataFrame, **about: object
) -> dict[str, pd.DataFrame]:
    """Write the report; give the numbers of this section's figures."""
    metrics = build_metrics(items, answers, positive="anomaly")
    write_report(
        folder, items, answers, metrics, about=about, made_at=datetime(2024, 5, 1, tzinfo=UTC)
    )
    tables = {name: folder / "plots" / f"{name}.csv" for name in NAMES}
    return {name: pd.read_csv(path) for name, path in tables.items() if path.exists()}


def test_ties_keep_the_order_of_the_study() -> None:
    """Equal ratings stand in the order of the items; what has no rating or label is left out."""
    rating = np.array([0.5, 0.2, np.nan, 0.5, 0.2, 0.1])
    assert rank_by_rating(rating, EVERYTHING).tolist() == [5, 1, 4, 0, 3]
    usable = np.array([True, True, True, False, True, False])
    assert rank_by_rating(rating, usable).tolist() == [1, 4, 0]


def test_running_sums_and_bins() -> None:
    """Sums and bins of a table small enough for paper."""
    wrong = np.array([[1, 0], [0, 0], [1, 1], [0, 1], [1, 1]], dtype=bool)
    judged = np.array([[1, 1], [1, 0], [1, 1], [1, 1], [1, 1]], dtype=bool)
    assert running_errors(wrong).tolist() == [[1, 0], [1, 0], [2, 1], [2, 2], [3, 3]]
    errors, decisions = errors_per_bin(wrong, judged, 2)
    assert errors.tolist() == [[1, 0], [1, 2], [1, 1]]
    assert decisions.tolist() == [[2, 1], [2, 2], [1, 1]]
    assert count_items_by_wrong_people(wrong, EVERYTHING[:5]).tolist() == [1, 2, 2]


@pytest.mark.parametrize(("n_ranked", "width"), [(1, 10), (549, 10), (1000, 10), (1001, 20)])
def test_bins_hold_ten_images_until_they_are_too_many(n_ranked: int, width: int) -> None:
    """Ten images a bin, as the old scripts; never more than a hundred bins."""
    assert choose_bin_width(n_ranked) == width
    assert -(-100_000 // choose_bin_width(100_000)) <= 100


def test_a_rating_on_an_edge_is_above_it() -> None:
    """0.70, 0.15 and the like belong to the bin that begins with them, 1 to the last one."""
    hundredths = np.array([float(f"{number / 100:.2f}") for number in range(101)])
    expected = [min(number // 5, 19) for number in range(101)]
    assert place_in_bins(hundredths, rating_edges(hundredths)).tolist() == expected
    other = np.array([-3.0, 0.0, 7.0])
    assert place_in_bins(other, rating_edges(other)).tolist() == [0, 6, 19]
    same = np.array([5.0, 5.0])
    assert place_in_bins(same, rating_edges(same)).tolist() == [0, 0]


def test_means_of_bins() -> None:
    """Means leave out what is missing; an interval holds its mean, or there is a reason."""
    values = np.array([0.0, 1.0, 1.0, np.nan, 0.5, 1.0, 1.0])
    means, counts = mean_per_bin(values, np.array([0, 0, 0, 0, 1, 3, 3]), 4, seed=0)
    assert counts.tolist() == [3, 1, 0, 2]
    assert [mean.value for mean in means] == [pytest.approx(2 / 3), 0.5, None, 1.0]
    low, high = means[0].ci95 or (1, 0)
    assert low <= 2 / 3 <= high
    assert [mean.ci95 for mean in means[1:]] == [None] * 3
    assert all(mean.reason for mean in means[1:])
    # All of one group: nothing is independent of anything.
    assert (
        mean_per_bin(values[:3], np.zeros(3, "int64"), 1, seed=0, groups=np.zeros(3, "int64"))[0][
            0
        ].ci95
        is None
    )


def test_the_density_is_scipys() -> None:
    """Ratings that repeat, each taken once, give the density of all of them."""
    generator = np.random.default_rng(0)
    values = generator.beta(4, 2, 400).round(2)
    at = np.linspace(0, 1, 50)
    found = density(values, at)
    assert found is not None
    assert np.allclose(found, stats.gaussian_kde(values)(at), rtol=0.01, atol=0.005)
    assert density(values[:19], at) is None
    assert density(np.full(50, 0.5), at) is None


def test_labels_of_lines_keep_apart() -> None:
    """Names at the ends of lines never overlap, and stay where there is room."""
    moved = spread_out(np.array([1.0, 1.0, 5.0, 9.9, 10.0]), 1.0, 10.0)
    assert (np.diff(moved) >= 1 - 1e-9).all()
    assert moved.max() <= 10
    assert moved[2] == 5.0


def test_numbers_of_the_figures(tmp_path: Path) -> None:
    """What is drawn is what a loop over the sorted items counts."""
    items = make_items()
    answers = make_answers(items, {"Ann": 0.1, "Bob": 0.4, "Cas": 0.2})
    answers.loc[answers.index[:7], ["label", "skipped"]] = [None, True]
    numbers = write(tmp_path, items, check_annotations(answers), kind="sted-quality")
    assert sorted(numbers) == NAMES
    known = dict(zip(items["item_id"], items["label"], strict=True))
    order = sorted(range(len(items)), key=lambda row: items["rating"][row])
    said = answers.pivot_table(
        index="item_id", columns="annotator", values="label", aggfunc="first"
    )
    regret = numbers["regret"].set_index(["who", "rank"])["errors"]
    bins = numbers["errors_along_rating"].set_index(["who", "first_rank"])
    for name in ("Ann", "Bob", "Cas"):
        total, n_judged, in_bin = 0, 0, 0
        for rank, row in enumerate(order):
            item_id = items["item_id"][row]
            if rank % 10 == 0:
                in_bin, n_judged = 0, 0
            answer = said[name][item_id] if item_id in said.index else np.nan
            is_wrong = isinstance(answer, str) and answer != known[item_id]
            total, in_bin = total + is_wrong, in_bin + is_wrong
            n_judged += isinstance(answer, str)
            if is_wrong:
                assert regret[name, rank + 1] == total
            if rank % 10 == 9:
                assert tuple(bins.loc[(name, rank - 8), ["errors", "judged"]]) == (in_bin, n_judged)
        assert regret[name, len(items)] == total
    both = numbers["people_wrong"].groupby("n_people_wrong")["n_items"].sum()
    assert both.index.tolist() == [0, 1, 2, 3]
    assert both.sum() == len(items)
    text = " ".join((tmp_path / "report.html").read_text(encoding="utf-8").split())
    assert "unanswered or tied images are no errors and add nothing: Ann 7" in text
    assert "from 0.60 to 0.70, between the two labels" in text
    people = numbers["mean_decision"].loc[numbers["mean_decision"]["who"] == "People"]
    assert people["n_items"].sum() == len(items)
    # With seven skips of Ann the other two still vote.
    called = (said == "anomaly").where(said.notna()).mean(axis=1).reindex(items["item_id"])
    mean = (called.to_numpy() * 1.0).mean()
    there = people["n_items"] > 0
    weighted = np.average(people["share_positive"][there], weights=people["n_items"][there])
    assert weighted == pytest.approx(mean)


@pytest.mark.parametrize("without", ["rating", "label"])
def test_without_ratings_or_labels_there_is_no_such_section(tmp_path: Path, without: str) -> None:
    """Where nothing can be sorted or be wrong, these figures are absent, and the page is there."""
    items = make_items()
    answers = make_answers(items, {"Ann": 0.1, "Bob": 0.4})
    assert write(tmp_path, items.drop(columns=without), answers) == {}
    assert "Errors along the rating" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_odd_studies_can_be_drawn(tmp_path: Path) -> None:
    """One item; thirty-five people; all ratings the same: a page each, without a warning."""
    one = make_items(1)
    assert len(write(tmp_path / "one", one, make_answers(one, {"Ann": 0.1}))["regret"]) == 1
    many = make_items(30)
    crowd = make_answers(many, {f"Person {number}": 0.2 for number in range(35)})
    assert write(tmp_path / "many", many, crowd)["regret"]["who"].nunique() == 36
    same = many.assign(rating=0.8)
    assert sorted(write(tmp_path / "same", same, make_answers(same, {"Ann": 0.1}))) == NAMES


def test_every_word_of_a_figure_can_be_read_on_a_dark_page(tmp_path: Path) -> None:
    """All texts have a colour that the page turns into its own; matplotlib's black has none."""
    items = make_items()
    answers = make_answers(items, {"Ann": 0.1, "Bob": 0.4, "Cas": 0.2})
    items["model_label"] = "normal"
    metrics = build_metrics(items, answers, positive="anomaly")
    study = line_up_study(items, answers, positive="anomaly")
    section = show_along_rating(Findings(metrics, study, {"kind": "sted-quality"}))
    assert section is not None
    flow = pd.DataFrame({"outcome": ["FP", "FN"], "label": ["no artifact", "artifact"]})
    counts = ["n_changed", "n_confirmed", "n_undecided", "n_not_answered"]
    frames = {"image_name": ["A"], "n_answered": 9, "n_changed": 3}
    cutouts = [
        plot_label_changes(flow.assign(n_cutouts=20, **dict.fromkeys(counts, 5))),
        plot_changes_by_frame(pd.DataFrame(frames).assign(n_now_artifact=2, n_now_no_artifact=1)),
    ]
    of_page = {INK, MUTED, PERSON, MODEL, TOGETHER, "#ffffff"}
    for drawing in [*section.drawings, *cutouts]:
        drawing.figure.draw_without_rendering()
        texts = [text for text in drawing.figure.findobj(Text) if text.get_text()]  # type: ignore[attr-defined]
        assert len(texts) > 5
        wrong = {text.get_text() for text in texts if to_hex(text.get_color()) not in of_page}  # type: ignore[attr-defined]
        assert not wrong, drawing.name


def test_the_gap_is_the_studys() -> None:
    """Limits of the study come first, those of the question next, else nothing is marked."""
    assert read_gap({"kind": "sted-quality"}) == (0.6, 0.7)
    own = {"kind": "sted-quality", "anomaly_below": 0.5, "normal_at_least": 0.55}
    assert read_gap(own) == (0.5, 0.55)
    assert read_gap({"anomaly_below": 0.5, "normal_at_least": 0.55}) == (0.5, 0.55)
    assert read_gap({"kind": "cutouts", "anomaly_below": None}) is None
    assert read_gap({}) is None


def test_deciders(tmp_path: Path) -> None:
    """Rounds are deciders of their own; two people make no majority; unknown labels no error."""
    items = make_items(20)
    items.loc[0, "label"] = None
    answers = make_answers(items, {"Ann": 1.0, "Bob": 0.0})
    again = check_annotations(pd.concat([answers, answers.assign(round=2)], ignore_index=True))
    found = list_decisions(line_up_study(items, again, positive="anomaly"))
    assert [one.name for one in found] == ["Ann", "Ann_round2", "Bob", "Bob_round2"]
    assert found[0].wrong.sum() == 19
    assert not found[0].wrong[0]


def test_the_real_sessions(shared_data: Path, tmp_path: Path) -> None:
    """Final regret is FP + FN of each author's own CSV; 549 images, 55 bins, gap at rank 228."""
    source = shared_data / "anomagui"
    sessions = [
        *(source / "Fred" / "Fred.npz", source / "Julia" / "Julia.npz"),
        source / "Theresa" / "Theresa_2ndAnnotation.npz",
    ]
    score_source(source, sessions, tmp_path, model_threshold=0.213)
    numbers = {name: pd.read_csv(tmp_path / "plots" / f"{name}.csv") for name in NAMES}
    last = numbers["regret"].groupby("who")["errors"].max()
    for session in sessions:
        with session.with_suffix(".csv").open(encoding="utf-8") as stream:
            row = next(csv.DictReader(stream))
        assert last[session.stem] == int(row["FP"]) + int(row["FN"])
    bins = numbers["errors_along_rating"]
    assert (bins.groupby("who").size() == 55).all()
    assert (bins.groupby("who")["errors"].sum() == last).all()
    assert (bins["highest_rating"][bins["last_rank"] < 228] < 0.6).all()
    assert (bins["lowest_rating"][bins["first_rank"] > 228] >= 0.7).all()
    assert numbers["people_wrong"]["n_items"].sum() == 549
