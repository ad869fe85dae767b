"""Subgroups of ratings: the whole study's numbers, over the images of one value of a column."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jsonschema import ValidationError, validate

from ls_integration.annotations import check_annotations
from ls_integration.errors import ConfigError
from ls_integration.results.folder import open_results
from ls_integration.results.metrics import load_schema
from ls_integration.results.metrics.subgroup_columns import MOST_VALUES
from ls_integration.results.rating_metrics import SCHEMA_FILE, build_rating_metrics
from ls_integration.results.tables import check_items, write_annotations, write_items
from ls_integration.workflows.score import score_folder

N_ITEMS = 90
NUMBERS = ("people", "mean", "agreement", "n_items", "n_items_with_old_rating")


@pytest.fixture(scope="module")
def items() -> pd.DataFrame:
    """90 images of three structures, the last one without old ratings, in threes of one group."""
    rating = np.random.default_rng(3).uniform(0.4, 0.9, N_ITEMS).round(2)
    rating[80:] = np.nan
    return check_items(
        pd.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(N_ITEMS)],
                "source_path": [f"{row}.npz" for row in range(N_ITEMS)],
                "rating": rating,
                "structure": np.repeat(["tubulin", "actin", "other: <b>"], [50, 30, 10]),
                "group": [f"g{row // 3}" for row in range(N_ITEMS)],
                "day": [str(row % 11) for row in range(N_ITEMS)],
                "name": [f"n{row}" for row in range(N_ITEMS)],
            }
        )
    )


@pytest.fixture(scope="module")
def annotations(items: pd.DataFrame) -> pd.DataFrame:
    """Ann rates actin lower and the rest as it was, Bob as it comes; Cas rates tubulin only."""
    parts = []
    for seed, name in enumerate(("Ann", "Bob", "Cas")):
        rating = items["rating"].fillna(0.5).to_numpy()
        noise = np.random.default_rng(seed).normal(0, 0.05, N_ITEMS)
        lower = (items["structure"] == "actin").to_numpy() * 0.2
        rating = rating - lower if name == "Ann" else rating + noise
        table = {"item_id": items["item_id"], "annotator": name, "label": None, "lead_time_s": 2.0}
        parts.append(pd.DataFrame({**table, "rating": rating.clip(0, 1).round(2)}))
    table = pd.concat(parts, ignore_index=True)
    of_cas = (table["annotator"] == "Cas") & ~table["item_id"].isin(items["item_id"][:50])
    return check_annotations(table[~of_cas])


def build(items: pd.DataFrame, annotations: pd.DataFrame, **options: object) -> dict:
    metrics = build_rating_metrics(
        items, annotations, normal_at_least=0.70, anomaly_below=0.60, **options
    )
    json.dumps(metrics, allow_nan=False)
    validate(metrics, load_schema(SCHEMA_FILE))
    return metrics


def test_a_subgroup_is_a_study_of_its_images(
    items: pd.DataFrame, annotations: pd.DataFrame
) -> None:
    """Each number and reason is the one that the tables of these images alone would give."""
    metrics = build(items, annotations)
    assert list(metrics["by"]) == ["structure"]
    assert list(metrics["by"]["structure"]) == ["actin", "other: <b>", "tubulin"]
    for value, part in metrics["by"]["structure"].items():
        own = items[items["structure"] == value].reset_index(drop=True)
        answers = annotations[annotations["item_id"].isin(own["item_id"])].reset_index(drop=True)
        alone = build(own, answers)
        assert alone["by"] == {}
        for name, entry in alone["people"].items():
            assert part["people"][name] == entry
        for key in ("mean", "n_items", "n_items_with_old_rating"):
            assert part[key] == alone[key]
        if value == "tubulin":  # The others lack Cas, who makes no number undefined there.
            assert part["agreement"] == alone["agreement"]
            path = f"by.structure.{value}."
            reasons = [
                line.removeprefix(path) for line in metrics["warnings"] if line.startswith(path)
            ]
            assert reasons == alone["warnings"]
    actin = metrics["by"]["structure"]["actin"]["people"]
    assert actin["Ann"]["mean_change"] == pytest.approx(-0.2)
    assert metrics["by"]["structure"]["tubulin"]["people"]["Ann"]["mean_change"] == 0
    assert (actin["Cas"]["rated"], actin["Cas"]["unanswered"]) == (0, 30)
    said = "by.structure.other:<b>.people.Ann.mean_change: no image has an old and a new rating"
    assert said in metrics["warnings"]


def test_any_column_can_be_asked_for(items: pd.DataFrame, annotations: pd.DataFrame) -> None:
    """Several, numbers by size; crossings and images of the parts add up to those of the whole."""
    metrics = build(items, annotations, group_by=["day", "structure"])
    assert list(metrics["by"]) == ["day", "structure"]
    assert list(metrics["by"]["day"]) == [str(day) for day in range(11)]
    for parts in metrics["by"].values():
        for key in ("rated", "compared", "crossed_to_not_normal", "into_gap"):
            counts = [part["people"]["Ann"][key] for part in parts.values()]
            assert sum(counts) == metrics["people"]["Ann"][key] > 0
        assert sum(part["n_items"] for part in parts.values()) == N_ITEMS


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("dye", "the items have no column 'dye' to group by"),
        ("name", f"the column 'name' has 90 values; subgroups are for at most {MOST_VALUES}"),
    ],
)
def test_what_is_no_subgroup_is_refused(
    items: pd.DataFrame, annotations: pd.DataFrame, column: str, message: str
) -> None:
    """As of labels: one line."""
    with pytest.raises(ConfigError) as caught:
        build(items, annotations, group_by=[column])
    assert message in str(caught.value)


def test_the_schema_knows_them(items: pd.DataFrame, annotations: pd.DataFrame) -> None:
    """A subgroup that lacks one of its blocks is refused."""
    metrics = build(items, annotations)
    for key in NUMBERS:
        part = {**metrics["by"]["structure"]["actin"]}
        del part[key]
        with pytest.raises(ValidationError):
            validate({**metrics, "by": {"structure": {"actin": part}}}, load_schema(SCHEMA_FILE))


def write(folder: Path, items: pd.DataFrame, annotations: pd.DataFrame) -> Path:
    about = {"uuid": "u", "title": "Again", "kind": "sted-rating", "blind": True}
    with open_results(folder, about) as staged:
        write_annotations(staged, annotations)
        write_items(staged, items)
    return folder


def test_the_page_shows_them(
    items: pd.DataFrame, annotations: pd.DataFrame, tmp_path: Path
) -> None:
    """A table and a figure for each column that was asked for, values escaped, n where smaller."""
    folder = write(tmp_path / "results", items, annotations)
    scored = score_folder(folder, group_by=["structure", "day"])
    page = scored.report.read_text(encoding="utf-8")
    assert page.index("By structure") < page.index("By day")
    assert "other: &lt;b&gt;" in page
    assert "0 with an old rating" in page
    assert "n = 0" in page  # Cas, who has rated no actin
    table = pd.read_csv(folder / "plots" / "subgroups_1.csv", float_precision="round_trip")
    assert (folder / "plots" / "subgroups_2.png").is_file()
    assert list(table["who"].unique()) == ["Ann", "Bob", "Cas", "Mean of all"]
    of_bob = table[(table["who"] == "Bob") & (table["value"] == "actin")].iloc[0]
    entry = scored.metrics["by"]["structure"]["actin"]["people"]["Bob"]
    assert (of_bob["mean_change"], of_bob["compared"]) == (entry["mean_change"], 30)
    assert of_bob["mean_change_low"] == entry["mean_change_ci95"][0]
    assert f"{entry['spearman_with_old']:.3f}" in page[page.index("More numbers by structure") :]


def test_without_old_ratings_the_agreement_of_subgroups_is_shown(
    items: pd.DataFrame, annotations: pd.DataFrame, tmp_path: Path
) -> None:
    """No change, no figure; the table has n and the coefficient."""
    both = annotations[annotations["annotator"] != "Cas"].reset_index(drop=True)
    folder = write(tmp_path / "results", items.assign(rating=np.nan), both)
    scored = score_folder(folder)
    page = scored.report.read_text(encoding="utf-8")
    assert not (folder / "plots" / "subgroups_1.png").exists()
    agreed = scored.metrics["by"]["structure"]["tubulin"]["agreement"]["icc_2_1"]
    assert f"<td>{agreed:.3f}<" in page[page.index("By structure") :]
    assert "More numbers by" not in page
