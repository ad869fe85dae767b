"""consensus.csv and its numbers: each item's votes, decisions and doubts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.results.consensus_table import make_consensus, write_consensus
from ls_integration.results.folder import read_manifest
from ls_integration.results.lined_up import line_up_study
from ls_integration.results.metrics import build_metrics
from ls_integration.results.tables import check_items
from ls_integration.scoring import dawid_skene
from ls_integration.scoring.consensus import (
    DOUBTFUL,
    FEW_ANSWERS,
    MISSING,
    SKIPPED_BY_ALL,
    TIE,
    find_doubts,
)
from ls_integration.workflows.score import score_folder

ITEMS = check_items(
    pd.DataFrame(
        {
            "item_id": list("abcdef"),
            "source_path": [f"./{name}.npz" for name in "abcdef"],
            "label": ["anomaly", "normal", "normal", None, "normal", "anomaly"],
        }
    )
)


def answers(**people: str) -> pd.DataFrame:
    """One text per person, one letter per item: A, N, s for a skip, a dot for nothing."""
    rows = [
        {
            "item_id": item,
            "annotator": name,
            "label": {"A": "anomaly", "N": "normal"}.get(letter),
            "skipped": letter == "s",
        }
        for name, letters in people.items()
        for item, letter in zip("abcdef", letters, strict=True)
        if letter != "."
    ]
    return check_annotations(pd.DataFrame(rows))


def tabulate(items: pd.DataFrame, annotations: pd.DataFrame) -> pd.DataFrame:
    return make_consensus(line_up_study(items, annotations, positive="anomaly"))


def test_a_row_for_each_item_by_hand(tmp_path: Path) -> None:
    """Votes, majority, tie, known label and doubts of six items, as the CSV says them."""
    annotations = answers(Ann="AANNsN", Bob="ANNNsN", Cas="AN.N.N", Dan="AA.Ns.")
    path = write_consensus(tmp_path, tabulate(ITEMS, annotations))
    table = pd.read_csv(path, keep_default_na=False, dtype=str).set_index("item_id")
    assert table["source_path"]["a"] == "./a.npz"
    assert table["n_answers"].tolist() == ["4", "4", "2", "4", "0", "3"]
    assert table["votes_anomaly"].tolist() == ["4", "2", "0", "0", "0", "0"]
    assert table["votes_normal"].tolist() == ["0", "2", "2", "4", "0", "3"]
    assert table["majority"].tolist() == ["anomaly", "", "normal", "normal", "", "normal"]
    assert table["tied"].tolist() == ["false", "true", "false", "false", "false", "false"]
    assert table["known_label"].tolist() == [
        "anomaly", "normal", "normal", "", "normal", "anomaly",
    ]  # fmt: skip
    assert table["dawid_skene"]["e"] == ""
    assert table["dawid_skene_anomaly"]["e"] == ""
    assert float(table["dawid_skene_anomaly"]["a"]) > 0.9
    assert table["needs_opinion"]["a"] == ""
    assert table["needs_opinion"]["b"] == TIE
    assert table["needs_opinion"]["c"] in {FEW_ANSWERS, DOUBTFUL}
    assert table["needs_opinion"]["e"] == SKIPPED_BY_ALL


def test_the_rule_for_one_more_opinion() -> None:
    """The strongest reason is named; an item that nobody has seen is open, not in doubt."""
    votes = np.array(
        [[0, 0, 0], [0, 1, MISSING], [0, 0, MISSING], [0, 0, 1], [MISSING] * 3, [-1] * 3]
    )
    skipped = np.array([False, False, True, False, True, False])
    posterior = np.array(
        [[0.99, 0.01], [0.5, 0.5], [0.95, 0.05], [0.89, 0.11], [np.nan] * 2, [np.nan] * 2]
    )
    doubts = find_doubts(votes, 2, skipped=skipped, posterior=posterior)
    assert doubts.tolist() == ["", TIE, FEW_ANSWERS, DOUBTFUL, SKIPPED_BY_ALL, ""]
    # Eleven answers where others have twelve are enough.
    many = np.zeros((3, 12), dtype="int64")
    many[0, 0] = MISSING
    assert not find_doubts(many, 2, skipped=np.zeros(3, dtype=bool)).any()
    without = find_doubts(votes, 2, skipped=skipped)
    assert without.tolist() == ["", TIE, FEW_ANSWERS, "", SKIPPED_BY_ALL, ""]


def test_the_numbers_are_those_of_the_table() -> None:
    """What metrics.json counts is what the rows say."""
    generator = np.random.default_rng(3)
    truth = generator.random(200) < 0.4
    items = check_items(
        pd.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(200)],
                "label": np.where(truth, "anomaly", "normal"),
            }
        )
    )
    parts = [
        pd.DataFrame(
            {
                "item_id": items["item_id"],
                "annotator": name,
                "label": np.where(truth ^ (generator.random(200) < error), "anomaly", "normal"),
            }
        ).sample(frac=0.9, random_state=1)
        for name, error in {"Ann": 0.02, "Bob": 0.3, "Cas": 0.35, "Dan": 0.4}.items()
    ]
    annotations = check_annotations(pd.concat(parts, ignore_index=True))
    consensus = build_metrics(items, annotations, positive="anomaly")["consensus"]
    table = tabulate(items, annotations)
    for name in ("majority", "dawid_skene"):
        decided = table.dropna(subset=[name])
        right = (decided[name] == decided["known_label"]).mean()
        assert consensus[name]["accuracy"] == pytest.approx(right)
        assert consensus[name]["n_decided"] == len(decided)
    assert consensus["majority"]["n_tied"] == table["tied"].sum() > 0
    both = table.dropna(subset=["majority", "dawid_skene"])
    assert consensus["n_differ"] == (both["majority"] != both["dawid_skene"]).sum() > 0
    decided_ties = table["tied"] & table["dawid_skene"].notna()
    assert consensus["n_ties_decided"] == decided_ties.sum() > 0
    reasons = table["needs_opinion"].value_counts()
    for reason, count in consensus["needs_opinion"]["by_reason"].items():
        assert count == reasons.get(reason, 0)
    assert consensus["needs_opinion"]["n_items"] == (table["needs_opinion"] != "").sum()
    people = consensus["dawid_skene"]["people"]
    assert list(people) == ["Ann", "Bob", "Cas", "Dan"]
    for name, entry in people.items():
        answered = (annotations["annotator"] == name).sum()
        assert sum(entry["expected_items"].values()) == pytest.approx(answered)
        for row in entry["confusion"].values():
            assert sum(row.values()) == pytest.approx(1)
    # Ann is the best by the estimate, without a known label.
    rates = {name: entry["confusion"]["normal"]["normal"] for name, entry in people.items()}
    assert max(rates, key=rates.__getitem__) == "Ann"


def test_shuffled_rows_and_other_names_change_nothing() -> None:
    """The table is the same to the last digit, whoever came first and is called what."""
    generator = np.random.default_rng(5)
    people = {name: "".join(generator.choice(list("AN."), 6)) for name in ("Zoe", "Ann", "Mia")}
    annotations = answers(**people)
    expected = tabulate(ITEMS, annotations)
    shuffled = check_annotations(annotations.sample(frac=1, random_state=3))
    renamed = answers(**dict(zip(("b", "z", "a"), people.values(), strict=True)))
    for other in (shuffled, renamed):
        pd.testing.assert_frame_equal(tabulate(ITEMS, other), expected, check_exact=True)


def test_second_rounds_have_no_vote() -> None:
    """One vote per person, the first round's."""
    first = answers(Ann="AANNNA", Bob="AANNNA")
    second = answers(Ann="NNAAAN").assign(round=2)
    both = check_annotations(pd.concat([first, second], ignore_index=True))
    pd.testing.assert_frame_equal(tabulate(ITEMS, both), tabulate(ITEMS, first))


def test_without_truth_paths_and_crowd_kit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not known has no column or is empty, and the reason is in the warnings."""
    reason = dawid_skene.NOT_INSTALLED
    for module in ("consensus_table", "metrics.consensus"):
        name = f"ls_integration.results.{module}.estimate_dawid_skene"
        monkeypatch.setattr(name, lambda votes, n_labels: reason)
    items = check_items(pd.DataFrame({"item_id": list("abcdef")}))
    annotations = answers(Ann="AANNNA", Bob="ANNNNA")
    table = tabulate(items, annotations)
    assert not {"source_path", "known_label"} & set(table.columns)
    assert table["dawid_skene"].isna().all()
    assert table["dawid_skene_anomaly"].isna().all()
    assert table["needs_opinion"].tolist() == ["", TIE, "", "", "", ""]
    metrics = build_metrics(items, annotations, positive="anomaly")
    assert metrics["consensus"]["dawid_skene"]["accuracy"] is None
    assert f"consensus.dawid_skene.accuracy: {reason}" in metrics["warnings"]


def test_what_the_estimate_leans_on_is_said() -> None:
    """Two people, answers that were shown: the warnings name it."""
    two = build_metrics(ITEMS, answers(Ann="AANNNA", Bob="ANNNNA"), positive="anomaly")
    assert any("answers of two people do not settle" in line for line in two["warnings"])
    three = answers(Ann="AANNNA", Bob="ANNNNA", Cas="ANNNAA")
    assert not any(
        "consensus.dawid_skene:" in line
        for line in build_metrics(ITEMS, three, positive="anomaly")["warnings"]
    )
    shown = check_annotations(three.assign(prefilled=three["annotator"] == "Cas", changed=False))
    metrics = build_metrics(ITEMS, shown, positive="anomaly")
    assert any("people as independent of each other" in line for line in metrics["warnings"])


def test_score_writes_it_beside_the_numbers(tmp_path: Path) -> None:
    """A folder with two tables gets consensus.csv, known to the manifest; again is the same."""
    annotations = answers(Ann="AANNNA", Bob="ANNNNA", Cas="ANNNAA")
    annotations[["item_id", "annotator", "label"]].to_csv(tmp_path / "annotations.csv", index=False)
    ITEMS.to_csv(tmp_path / "items.csv", index=False)
    score_folder(tmp_path)
    path = tmp_path / "consensus.csv"
    first = path.read_bytes()
    assert len(pd.read_csv(path)) == 6
    assert "consensus.csv" in read_manifest(tmp_path)["files"]
    score_folder(tmp_path)
    assert path.read_bytes() == first
