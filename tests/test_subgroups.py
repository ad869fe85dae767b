"""Subgroups: the whole study's numbers, over the items of one value of a column."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.errors import ConfigError
from ls_integration.results.lined_up import line_up_study
from ls_integration.results.metrics import build_metrics
from ls_integration.results.metrics.subgroup_columns import MOST_VALUES
from ls_integration.results.tables import check_items
from ls_integration.workflows.score import score_folder
from tests.test_metrics import check

N_ITEMS = 120


@pytest.fixture(scope="module")
def items() -> pd.DataFrame:
    """120 items of three structures, the last one in one class and without scores."""
    generator = np.random.default_rng(4)
    structure = np.repeat(["actin", "tubulin", "other: <b>"], [60, 50, 10])
    label = np.where(generator.random(N_ITEMS) < 0.4, "anomaly", "normal")
    label[110:] = "normal"
    score = generator.normal(label == "anomaly")
    score[110:] = np.nan
    return check_items(
        pd.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(N_ITEMS)],
                "label": label,
                "structure": structure,
                "group": [f"g{row // 3}" for row in range(N_ITEMS)],
                "day": [str(row % 12) for row in range(N_ITEMS)],
                "model_score": score,
                "name": [f"n{row}" for row in range(N_ITEMS)],
                "empty": "",
            }
        )
    )


@pytest.fixture(scope="module")
def annotations(items: pd.DataFrame) -> pd.DataFrame:
    """Three people; Cas has answered actin only."""
    parts = []
    for seed, name in enumerate(("Ann", "Bob", "Cas")):
        wrong = np.random.default_rng(seed).random(N_ITEMS) < 0.25
        called = (items["label"] == "anomaly").to_numpy() != wrong
        label = np.where(called, "anomaly", "normal")
        parts.append(pd.DataFrame({"item_id": items["item_id"], "annotator": name, "label": label}))
    table = pd.concat(parts, ignore_index=True)
    of_cas = (table["annotator"] == "Cas") & ~table["item_id"].isin(items["item_id"][:60])
    return check_annotations(table[~of_cas])


def test_a_subgroup_is_a_study_of_its_items(items: pd.DataFrame, annotations: pd.DataFrame) -> None:
    """Each number is the one that the tables of these items alone would give."""
    metrics = build_metrics(items, annotations, positive="anomaly", model_threshold=0.5)
    check(metrics)
    assert list(metrics["by"]) == ["structure"]
    assert list(metrics["by"]["structure"]) == ["actin", "other: <b>", "tubulin"]
    for value, part in metrics["by"]["structure"].items():
        own = check_items(items[items["structure"] == value].drop(columns="position"))
        answers = annotations[annotations["item_id"].isin(own["item_id"])].reset_index(drop=True)
        alone = build_metrics(own, answers, positive="anomaly", model_threshold=0.5)
        assert part["n_items"] == len(own)
        for name, entry in alone["people"].items():
            assert part["people"][name] == entry
        if value != "other: <b>":
            for name in ("auc", "auc_ci95", "accuracy", "accuracy_ci95", "tp", "fp"):
                assert part["model"][name] == alone["model"][name]
        assert part["agreement"]["pairwise"][0] == alone["agreement"]["pairwise"][0]
        assert part["agreement"]["krippendorff_alpha"] == pytest.approx(
            alone["agreement"]["krippendorff_alpha"]
        )
        majority, expected = part["consensus"]["majority"], alone["consensus"]["majority"]
        assert majority["n_decided"] == expected["n_decided"]
        assert majority["tied_items"] == expected["tied_items"]
    assert metrics["by"]["structure"]["tubulin"]["people"]["Cas"]["classified"] == 0
    warned = [text for text in metrics["warnings"] if text.startswith("by.structure.tubulin.peop")]
    assert any("people.Cas.accuracy: no judged item" in text for text in warned)


def test_scores_of_a_part_are_probabilities_only_if_all_are(
    items: pd.DataFrame, annotations: pd.DataFrame
) -> None:
    """One score of 1.2 in tubulin: the scores of actin are no probabilities either."""
    score = items["model_score"].rank(pct=True)
    for highest in (1.0, 1.2):
        score[70] = highest
        metrics = build_metrics(items.assign(model_score=score), annotations, positive="anomaly")
        actin = metrics["by"]["structure"]["actin"]["model"]
        assert (actin["brier"] is None) == (highest > 1) == (metrics["model"]["brier"] is None)
    assert any(
        line.startswith("by.structure.actin.model.brier: the scores are no probabilities")
        for line in metrics["warnings"]
    )


def test_a_part_keeps_its_groups(items: pd.DataFrame, annotations: pd.DataFrame) -> None:
    """Items that belong together still do; where none do any more, items are independent."""
    study = line_up_study(items, annotations, positive="anomaly")
    half = study.subset(np.arange(N_ITEMS) < 60)
    assert half.groups is not None
    assert half.groups.tolist() == np.repeat(np.arange(20), 3).tolist()
    assert half.votes.shape == (60, 3)
    assert half.items.index.tolist() == list(range(60))
    assert study.subset(np.arange(N_ITEMS) % 3 == 0).groups is None


def test_any_column_can_be_asked_for(items: pd.DataFrame, annotations: pd.DataFrame) -> None:
    """Several, in order, numbers by size; the default is then left out."""
    metrics = build_metrics(
        items, annotations, positive="anomaly", group_by=["day", "structure", "day"]
    )
    check(metrics)
    assert list(metrics["by"]) == ["day", "structure"]
    assert list(metrics["by"]["day"]) == [str(day) for day in range(12)]
    assert sum(part["n_items"] for part in metrics["by"]["day"].values()) == N_ITEMS


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("dye", "the items have no column 'dye' to group by; there are: item_id, position, label"),
        ("name", f"the column 'name' has 120 values; subgroups are for at most {MOST_VALUES}"),
        ("empty", "the column 'empty' has no values to group by"),
    ],
)
def test_what_is_no_subgroup_is_refused(
    items: pd.DataFrame, annotations: pd.DataFrame, column: str, message: str
) -> None:
    """A column that is not there, is nearly an id, or is empty: one line."""
    with pytest.raises(ConfigError) as caught:
        build_metrics(items, annotations, positive="anomaly", group_by=[column])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda items: items.drop(columns="structure"), None),
        (lambda items: items.assign(structure="actin"), None),
        (
            lambda items: items.assign(structure=items["name"]),
            "by.structure: it has 120 values, more than 50 subgroups",
        ),
    ],
    ids=["no column", "one value", "too many"],
)
def test_nothing_to_tell_apart(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    said: str | None,
) -> None:
    """Without two structures there are no subgroups; with too many it is said."""
    metrics = build_metrics(change(items), annotations, positive="anomaly")
    check(metrics)
    assert metrics["by"] == {}
    assert said is None or said in metrics["warnings"]


def test_items_without_a_value_are_counted(items: pd.DataFrame, annotations: pd.DataFrame) -> None:
    """They are in no subgroup, and the warning says how many."""
    some = items.assign(structure=items["structure"].where(items.index < 100))
    metrics = build_metrics(some, annotations, positive="anomaly")
    check(metrics)
    assert list(metrics["by"]["structure"]) == ["actin", "tubulin"]
    assert "by.structure: 20 items have no structure and are in no subgroup" in metrics["warnings"]


def test_the_page_shows_them(
    items: pd.DataFrame, annotations: pd.DataFrame, tmp_path: Path
) -> None:
    """A table and a figure for each column, values escaped, n where it is smaller."""
    items.to_csv(tmp_path / "items.csv", index=False)
    annotations.to_csv(tmp_path / "annotations.csv", index=False)
    scored = score_folder(tmp_path, group_by=["structure", "day"], model_threshold=0.5)
    page = scored.report.read_text(encoding="utf-8")
    assert "By structure" in page
    assert "By day" in page
    assert "other: &lt;b&gt;" in page
    assert "n = 0" in page  # Cas, who has answered no tubulin
    assert json.loads(scored.numbers.read_text(encoding="utf-8"))["by"].keys() == {
        "structure",
        "day",
    }
    table = pd.read_csv(tmp_path / "plots" / "subgroups_1.csv")
    assert (tmp_path / "plots" / "subgroups_2.png").is_file()
    of_bob = table[(table["who"] == "Bob") & (table["value"] == "tubulin")].iloc[0]
    entry = scored.metrics["by"]["structure"]["tubulin"]["people"]["Bob"]
    assert (of_bob["accuracy"], of_bob["n_judged"]) == (entry["accuracy"], 50)
    assert of_bob["role"] == "person"
    assert set(table.loc[table["who"] == "Model", "role"]) == {"model"}
    assert of_bob["accuracy_low"] == entry["accuracy_ci95"][0]


def test_without_a_truth_the_agreement_of_subgroups_is_shown(
    items: pd.DataFrame, annotations: pd.DataFrame, tmp_path: Path
) -> None:
    """No accuracy, no figure; the table has n and kappa."""
    items.drop(columns=["label", "model_score"]).to_csv(tmp_path / "items.csv", index=False)
    annotations.to_csv(tmp_path / "annotations.csv", index=False)
    scored = score_folder(tmp_path)
    page = scored.report.read_text(encoding="utf-8")
    assert "By structure" in page
    assert not (tmp_path / "plots" / "subgroups_1.png").exists()
    kappa = scored.metrics["by"]["structure"]["tubulin"]["agreement"]["mean_pairwise_cohen_kappa"]
    assert f"<td>{kappa:.3f}<" in page
