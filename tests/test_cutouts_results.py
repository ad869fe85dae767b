"""What people said about cutouts: decisions, reviewers.csv, before and after."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations, empty
from ls_integration.errors import SourceError
from ls_integration.kinds.cutouts import all_cutouts, make_items
from ls_integration.kinds.cutouts_table import CutoutTable, read_predictions_table
from ls_integration.results.cutouts import (
    check_cutouts,
    decide,
    label_changes,
    latest_answers,
    list_reviews,
    write_reviewers,
)
from ls_integration.results.cutouts_metrics import build_cutout_metrics, score_review
from ls_integration.results.metrics import load_schema
from ls_integration.results.tables import read_items, write_items
from ls_integration.results.test_outputs import splice_labels
from ls_integration.scoring.detection import detection_rates
from tests.cutout_tables import SMALL, make_id, parse

YES, NO = "artifact", "no artifact"
PATHS = ["A/0/0", "A/200/0", "A/0/200", "A/200/200", "B.x_1/0/0", "B.x_1/200/0"]


def answers(rows: list[tuple[object, ...]], **columns: list[object]) -> pd.DataFrame:
    """Make an annotations table of (row of the small table, annotator, label)."""
    frame = pd.DataFrame(rows, columns=["row", "annotator", "label"])
    frame["item_id"] = [make_id(PATHS[row]) for row in frame.pop("row")]
    return check_annotations(frame.assign(**columns))


def small(random_floor: float = 0.0, text: str = SMALL) -> pd.DataFrame:
    """Give all cutouts of the small table; rows 1, 3, 4 are the queue."""
    table = parse(text)
    items = make_items(table, make_id=make_id, seed=0, random_floor=random_floor)
    return all_cutouts(table, items, make_id=make_id)


def decisions_of(annotations: pd.DataFrame, annotator: str | None = None) -> dict[str, str]:
    """Give the decision by source path."""
    paths = {make_id(path): path for path in PATHS}
    decided = decide(annotations, annotator=annotator)
    return {
        paths[one]: what for one, what in zip(decided["item_id"], decided["decision"], strict=True)
    }


def test_majority_tie_and_unsure() -> None:
    """One vote per person; two against one decide, one against one is a tie, unsure is a vote."""
    several = answers(
        [
            *((1, "Ann", YES), (1, "Bob", YES), (1, "Cas", NO)),
            *((3, "Ann", YES), (3, "Bob", NO)),
            *((4, "Ann", "unsure"), (4, "Bob", "unsure"), (4, "Cas", YES)),
            *((5, "Ann", YES), (5, "Bob", "unsure")),
            *((0, "Ann", None), (2, "Ann", None), (2, "Bob", NO)),
        ]
    )
    assert decisions_of(several) == {
        "A/200/0": YES,
        "A/200/200": "tie",
        "B.x_1/0/0": "unsure",
        "B.x_1/200/0": "tie",
        "A/0/200": NO,
    }
    counts = decide(several).set_index("item_id").loc[make_id("B.x_1/0/0")]
    assert counts.to_dict() == {
        **{"decision": "unsure", "n_people": 3, "n_artifact": 1},
        **{"n_no_artifact": 0, "n_unsure": 2},
    }
    assert decisions_of(several, "Bob")["A/200/200"] == NO
    assert set(decisions_of(several, "Cas")) == {"A/200/0", "B.x_1/0/0"}
    with pytest.raises(SourceError, match=r"nobody called Dan.*Ann, Bob, Cas \(3\)"):
        decide(several, annotator="Dan")


def test_the_last_answer_counts() -> None:
    """What was changed last counts, also against what was begun later; rounds before times."""
    twice = answers(
        [(1, "Ann", YES), (1, "Ann", NO), (3, "Ann", YES), (3, "Ann", NO)],
        created_at=["2026-01-01T10:00", "2026-01-01T10:05", "2026-01-01T10:00", "2026-01-01T10:05"],
        updated_at=["2026-01-01T10:10", "2026-01-01T10:05", None, None],
        project_id=[1, 2, 1, 2],
    )
    assert decisions_of(twice) == {"A/200/0": YES, "A/200/200": NO}
    assert len(latest_answers(twice)) == 2
    rounds = answers(
        [(1, "Ann", NO), (1, "Ann", YES)],
        round=[2, 1],
        created_at=["2026-01-01T10:00", "2026-01-02T10:00"],
    )
    assert decisions_of(rounds) == {"A/200/0": NO}
    skipped = answers([(1, "Ann", YES), (1, "Ann", None)])
    assert decisions_of(skipped) == {}


def test_no_answers_at_all() -> None:
    """An empty table decides nothing and changes nothing."""
    decided = decide(empty())
    assert len(decided) == 0
    assert label_changes(small(), decided) == {}
    assert len(list_reviews(small(), empty())) == 0
    block, warnings = score_review(small(), decided, seed=0)
    assert (block["reviewed"], block["unreviewed"], block["changed"]) == (0, 3, 0)
    assert block["before"] == block["after"]
    assert any(warning.startswith("outside_queue.error_rate: ") for warning in warnings)


def test_strange_answers() -> None:
    """A word that the page does not have, and a cutout that the table does not have, are named."""
    with pytest.raises(SourceError, match=r"anomaly \(1\)"):
        decide(answers([(1, "Ann", "anomaly")]))
    foreign = check_annotations(
        pd.DataFrame({"item_id": ["f"], "annotator": ["Ann"], "label": [YES]})
    )
    for made_of in (
        lambda: label_changes(small(), decide(foreign)),
        lambda: list_reviews(small(), foreign),
    ):
        with pytest.raises(SourceError, match=r"does not have: f \(1\)"):
            made_of()


def test_changes_are_against_the_present_label() -> None:
    """label_new counts before label; unsure, tie and agreement change nothing."""
    text = SMALL.replace("FP,0,0\n", "FP,0,1\n")
    said = answers(
        [
            *((1, "Ann", YES), (3, "Ann", NO), (4, "Ann", "unsure")),
            *((5, "Ann", YES), (0, "Ann", YES), (2, "Ann", YES), (2, "Bob", NO)),
        ]
    )
    assert label_changes(small(text=text), decide(said)) == {0: True, 3: False}
    assert label_changes(small(), decide(said)) == {0: True, 1: True, 3: False}


def test_reviewers(tmp_path: Path) -> None:
    """Every answer is a row, the corrected and the skipped too, in the order of the table."""
    said = answers(
        [(4, "Ann", None), (4, "=Bob", "unsure"), (1, "Ann", NO), (1, "Ann", YES), (3, "Ann", YES)],
        created_at=[f"2026-01-01T10:0{minute}:00Z" for minute in (4, 3, 2, 1, 0)],
        remark=["dim", None, None, "a trail", None],
        lead_time_s=[1.0, 2.0, 3.0, 4.5, None],
    )
    reviews = list_reviews(small(), said)
    assert list(reviews.columns) == [
        *("image_name", "grid_x", "grid_y", "error_id", "annotator", "round", "label"),
        *("changed", "skipped", "remark", "lead_time_s", "created_at", "updated_at"),
    ]
    rows = list(zip(reviews["error_id"], reviews["label"], reviews["changed"], strict=True))
    assert rows == [(0, YES, True), (0, NO, False), (1, YES, False), (2, "unsure", False), rows[4]]
    assert rows[4][:2] == (2, None)
    assert rows[4][2] is pd.NA
    path = write_reviewers(tmp_path, reviews)
    lines = path.read_text().splitlines()
    assert path.name == "reviewers.csv"
    assert lines[1] == (
        "A,200,0,0,Ann,1,artifact,true,false,a trail,4.5,2026-01-01T10:01:00.000000Z,"
    )
    assert lines[4].startswith("B.x_1,0,0,2,'=Bob,1,unsure,false,false,,2.0,")
    assert lines[5].startswith("B.x_1,0,0,2,Ann,1,,,true,dim,1.0,")


def test_before_and_after_by_hand() -> None:
    """TN FP TP FN | FP TP; a false positive and a false negative are corrected.

    Two frames: resamples are AA, AB, BB. Precision before is 1/2 in each, recall 1/2, 2/3, 1,
    F1 2/4, 4/7, 2/3; after it precision is 2/2, 3/4, 1/2 and recall 1.
    """
    said = answers([(1, "Ann", YES), (3, "Ann", NO), (2, "Ann", YES)])
    block, warnings = score_review(small(), decide(said), seed=0)
    assert block["before"] == {
        **{"tp": 2, "fp": 2, "fn": 1, "tn": 1},
        **{"precision": 0.5, "precision_ci95": None},
        **{"recall": 2 / 3, "recall_ci95": [0.5, 1.0]},
        **{"f1": 4 / 7, "f1_ci95": [0.5, 2 / 3]},
    }
    assert block["after"] == {
        **{"tp": 3, "fp": 1, "fn": 0, "tn": 2},
        **{"precision": 0.75, "precision_ci95": [0.5, 1.0]},
        **{"recall": 1.0, "recall_ci95": None},
        **{"f1": 6 / 7, "f1_ci95": [2 / 3, 1.0]},
    }
    counts = {name: block[name] for name in ("asked", "reviewed", "reviewed_unasked", "unreviewed")}
    assert counts == {"asked": 3, "reviewed": 3, "reviewed_unasked": 1, "unreviewed": 1}
    assert (block["changed"], block["unsure"], block["ties"]) == (2, 0, 0)
    assert [warning.split(": ")[0] for warning in warnings] == [
        *("before.precision_ci95", "after.recall_ci95", "queue.enrichment"),
        *("outside_queue.error_rate", "outside_queue.expected_wrong", "left.expected_wrong"),
    ]


def test_undefined_rates_have_reasons() -> None:
    """Nothing predicted, nothing labelled: null and a reason, never NaN."""
    truth, called = np.array([True, True, False]), np.zeros(3, dtype=bool)
    groups = np.array(["A", "A", "B"], dtype=object)
    _, measures = detection_rates(truth, called, groups, seed=0, positive=YES)
    assert measures["precision"].value is None
    assert measures["precision"].reason == "nothing is predicted to be artifact"
    assert measures["recall"].value == 0.0
    _, measures = detection_rates(called, called, groups, seed=0, positive=YES)
    assert [measure.value for measure in measures.values()] == [None] * 3
    _, measures = detection_rates(truth, truth, groups[[0, 0, 0]], seed=0)
    assert measures["f1"].value == 1.0
    assert measures["f1"].ci95 is None
    assert "fewer than two frames" in str(measures["f1"].reason)


def test_whole_frames_are_resampled() -> None:
    """The interval is that of drawing frames one by one in a loop, wider than that of tiles."""
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 40)
    hardness = generator.uniform(0.05, 0.95, 30)[groups]
    truth = generator.random(1200) < 0.5
    called = np.where(generator.random(1200) < hardness, truth, ~truth)
    counts, measures = detection_rates(truth, called, groups.astype(object), seed=5)
    values = []
    for _ in range(1500):
        drawn = np.concatenate(
            [np.flatnonzero(groups == one) for one in generator.integers(30, size=30)]
        )
        right = np.count_nonzero(truth[drawn] & called[drawn])
        values.append(right / np.count_nonzero(called[drawn]))
    expected = np.quantile(values, [0.025, 0.975])
    ours = measures["precision"].ci95
    assert ours is not None
    assert np.abs(np.array(ours) - expected).max() < 0.15 * (expected[1] - expected[0])
    _, as_tiles = detection_rates(truth, called, np.arange(1200).astype(object), seed=5)
    of_tiles = as_tiles["precision"].ci95
    assert of_tiles is not None
    assert ours[1] - ours[0] > 2 * (of_tiles[1] - of_tiles[0])
    assert detection_rates(truth, called, groups.astype(object), seed=5) == (counts, measures)


def test_the_random_floor_tells_of_the_rest() -> None:
    """All three cutouts outside the queue are drawn; of the two decided ones, one is changed."""
    said = answers([(0, "Ann", YES), (2, "Ann", YES), (5, "Ann", "unsure"), (1, "Ann", YES)])
    block, _ = score_review(small(random_floor=1.0), decide(said), seed=0)
    outside = block["outside_queue"]
    assert (outside["sampled"], outside["decided"], outside["changed"]) == (3, 2, 1)
    assert outside["error_rate"] == 0.5
    assert outside["error_rate_ci95"] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    # One cutout of the rest (unsure) and two of the queue are open.
    assert (outside["not_decided"], outside["expected_wrong"]) == (1, 0.5)
    assert (block["queue"]["shown"], block["queue"]["decided"]) == (3, 1)
    assert block["left"]["not_decided"] == 3
    assert (block["asked"], block["reviewed_unasked"], block["unreviewed"]) == (6, 0, 2)


def check(metrics: dict[str, Any]) -> None:
    """Check the form: valid by the schema, strict JSON, every null of ours with a reason."""
    jsonschema.validate(metrics, load_schema())
    json.dumps(metrics, allow_nan=False)
    explained = {warning.split(": ", 1)[0] for warning in metrics["warnings"]}
    for part in ("before", "after", "queue", "outside_queue", "left"):
        for name, value in metrics[part].items():
            if value is None:
                assert {f"{part}.{name}", f"{part}.{name.removesuffix('_ci95')}"} & explained


def test_the_whole_document() -> None:
    """Unsure is counted as such and not judged; who was not asked is not missing."""
    said = answers(
        [(1, "Ann", YES), (3, "Ann", "unsure"), (2, "Ann", YES), (4, "Bob", None), (1, "Bob", NO)]
    )
    metrics = build_cutout_metrics(small(), said, study={"title": "DES", "blind": False})
    check(metrics)
    ann, bob = metrics["people"]["Ann"], metrics["people"]["Bob"]
    assert (ann["classified"], ann["unsure"], ann["skipped"], ann["unanswered"]) == (2, 1, 0, 1)
    # Row 1 is labelled no artifact, row 2 artifact: one of two agrees.
    assert (ann["tp"], ann["fp"], ann["accuracy"]) == (1, 1, 0.5)
    assert (bob["classified"], bob["unsure"], bob["skipped"], bob["unanswered"]) == (1, 0, 1, 1)
    assert (metrics["kind"], metrics["n_items"], metrics["labels"]) == ("cutouts", 6, [YES, NO])
    assert metrics["model"]["score_label"] == YES
    assert (metrics["model"]["tp"], metrics["model"]["fp"]) == (2, 2)
    assert (metrics["ties"], metrics["tied_items"]) == (1, [make_id("A/200/0")])
    assert metrics["annotator"] is None
    one = build_cutout_metrics(small(), said, annotator="Ann")
    check(one)
    assert (one["ties"], one["changed"], one["annotator"]) == (0, 1, "Ann")
    check(build_cutout_metrics(small(), empty()))


def test_the_schema_asks_for_both() -> None:
    """A document of this kind without before or after is not valid; of another kind it is."""
    metrics = build_cutout_metrics(small(), empty())
    for name in ("before", "after", "unreviewed", "outside_queue"):
        broken = {key: value for key, value in metrics.items() if key != name}
        with pytest.raises(jsonschema.ValidationError, match=name):
            jsonschema.validate(broken, load_schema())
        jsonschema.validate(broken | {"kind": "sted-quality"}, load_schema())


def test_the_same_from_disk(tmp_path: Path) -> None:
    """items.csv holds all that the scores need."""
    said = answers([(1, "Ann", YES), (0, "Ann", NO)])
    cutouts = small(random_floor=0.3)
    read = read_items(write_items(tmp_path, cutouts))
    assert build_cutout_metrics(read, said) == build_cutout_metrics(cutouts, said)
    pd.testing.assert_frame_equal(
        check_cutouts(read)[["row", "is_queue"]], cutouts[["row", "is_queue"]]
    )
    for name, value, message in (
        ("row", "x", "row is not a number"),
        ("is_queue", "maybe", "is_queue of the items table is neither"),
        ("given_label", "normal", "given_label of the items table is no artifact"),
    ):
        with pytest.raises(SourceError, match=message):
            check_cutouts(read.assign(**{name: value}))
    with pytest.raises(SourceError, match="no column given_label"):
        check_cutouts(read.drop(columns="given_label"))


@pytest.fixture(scope="module")
def real(shared_data: Path) -> CutoutTable:
    """Read the authors' own table."""
    return read_predictions_table(shared_data / "des_cutouts" / "test_outputs.csv")


def test_a_real_session(real: CutoutTable) -> None:
    """4 FP and 2 FN corrected, a neighbour corrected, one unsure: seven bytes, and the counts.

    Before: 111 TP, 204 FP, 11 FN, 1,522 TN. The four become TP, the two TN; the neighbour, a TN,
    becomes FN.
    """
    items = make_items(real, make_id=make_id, seed=0)
    cutouts = all_cutouts(real, items, make_id=make_id)
    outcome = cutouts["outcome"]
    four, two = cutouts.index[outcome == "FP"][:4], cutouts.index[outcome == "FN"][:2]
    unsure, neighbour = cutouts.index[outcome == "FP"][9], cutouts.index[outcome == "TN"][0]
    agreed = cutouts.index[outcome == "FP"][4:9]
    labels = {**dict.fromkeys(four, YES), **dict.fromkeys(two, NO), **dict.fromkeys(agreed, NO)}
    labels |= {unsure: "unsure", neighbour: YES}
    said = check_annotations(
        pd.DataFrame(
            {
                "item_id": cutouts["item_id"][list(labels)].tolist(),
                "annotator": "Ann",
                "label": list(labels.values()),
            }
        )
    )
    changes = label_changes(cutouts, decide(said))
    old, new = real.data, splice_labels(real, changes)
    assert sum(one != two for one, two in zip(old, new, strict=True)) == 7
    assert set(changes) == set(cutouts["row"][[*four, *two, neighbour]])
    metrics = build_cutout_metrics(cutouts, said)
    check(metrics)
    before, after = metrics["before"], metrics["after"]
    assert [before[cell] for cell in ("tp", "fp", "fn", "tn")] == [111, 204, 11, 1522]
    assert [after[cell] for cell in ("tp", "fp", "fn", "tn")] == [115, 200, 10, 1523]
    assert before["precision"] == pytest.approx(111 / 315)
    assert before["recall"] == pytest.approx(111 / 122)
    assert after["f1"] == pytest.approx(230 / 440)
    for part in (before, after):
        for name in ("precision", "recall", "f1"):
            low, high = part[f"{name}_ci95"]
            assert low < part[name] < high
    assert {name: metrics[name] for name in ("reviewed", "reviewed_unasked", "unreviewed")} == {
        "reviewed": 13,
        "reviewed_unasked": 1,
        "unreviewed": 203,
    }
    assert (metrics["changed"], metrics["unsure"], metrics["ties"]) == (7, 1, 0)
