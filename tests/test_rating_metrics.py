"""The numbers of a re-rating study against a hand-made table."""

import json

import jsonschema
import krippendorff
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.results.metrics import load_schema
from ls_integration.results.rating_metrics import SCHEMA_FILE, build_rating_metrics


@pytest.fixture
def items():
    """Four rated images and one without a rating."""
    return pd.DataFrame({"item_id": list("abcde"), "rating": [0.75, 0.72, 0.5, 0.8, None]})


def build(items, rows, **study):
    """Score a table of (item, person, round, rating); every null must have its reason."""
    names = ["item_id", "annotator", "round", "rating"]
    frame = pd.DataFrame(rows, columns=names)
    frame["label"] = None
    metrics = build_rating_metrics(
        items, check_annotations(frame), normal_at_least=0.70, anomaly_below=0.60, study=study
    )
    json.dumps(metrics, allow_nan=False)
    jsonschema.validate(metrics, load_schema(SCHEMA_FILE))
    explained = {line.split(": ", 1)[0] for line in metrics["warnings"]}
    entries = {f"people.{name}": entry for name, entry in metrics["people"].items()}
    entries |= {"mean": metrics["mean"], "agreement": metrics["agreement"]}
    for pair in metrics["agreement"]["pairwise"]:
        entries[f"agreement.pairwise.{pair['first']}.{pair['second']}"] = pair
    for path, entry in entries.items():
        for name in entry:
            if f"{name}_ci95" in entry and entry[f"{name}_ci95"] is None:
                assert {f"{path}.{name}", f"{path}.{name}_ci95"} & explained, (path, name)
    return metrics


def test_changes_by_hand(items):
    """0.75 -> 0.65 leaves the study, 0.72 -> 0.55 crosses, 0.5 -> 0.70 crosses back."""
    rows = [("a", 0.65), ("b", 0.55), ("c", 0.70), ("d", 0.80), ("e", 0.1)]
    metrics = build(items, [(item, "Ada", 1, rating) for item, rating in rows])
    ada = metrics["people"]["Ada"]
    assert (ada["rated"], ada["compared"]) == (5, 4)
    assert (ada["crossed_to_normal"], ada["crossed_to_not_normal"], ada["into_gap"]) == (1, 2, 1)
    assert ada["mean_absolute_change"] == pytest.approx((0.10 + 0.17 + 0.20 + 0) / 4)
    assert ada["mean_change"] == pytest.approx((-0.10 - 0.17 + 0.20) / 4)
    # Ranks 3 2 1 4 against 2 1 3 4.
    assert ada["spearman_with_old"] == pytest.approx(1 - 6 * (1 + 1 + 4 + 0) / (4 * 15))
    assert metrics["n_items_with_old_rating"] == 4
    assert metrics["agreement"]["icc_2_1"] is None
    assert any(line.startswith("agreement.icc_2_1: ") for line in metrics["warnings"])


def test_the_limit_itself_is_normal_and_the_gap_starts_with_its_lower_limit(items):
    """0.70 is normal, 0.60 lies in the gap, 0.59 does not."""
    metrics = build(items, [("a", "Ada", 1, 0.70), ("b", "Ada", 1, 0.60), ("d", "Ada", 1, 0.59)])
    ada = metrics["people"]["Ada"]
    assert (ada["crossed_to_not_normal"], ada["into_gap"]) == (2, 1)


def test_agreement_takes_first_rounds_only(items):
    """A second round of one person is not a second person."""
    first = [
        (item, "Ada", 1, rating) for item, rating in zip("abcd", (0.1, 0.2, 0.3, 0.4), strict=True)
    ]
    second = [(item, "Ada", 2, rating) for item, _, _, rating in first]
    metrics = build(items, first + second)
    assert metrics["agreement"]["people"] == 1
    assert set(metrics["people"]) == {"Ada", "Ada_round2"}
    ben = [(item, "Ben", 1, rating) for item, _, _, rating in first]
    agreed = build(items, first + ben)["agreement"]
    assert agreed["icc_2_1"] == pytest.approx(1.0)
    assert agreed["mean_pairwise_spearman"] == pytest.approx(1.0)
    assert agreed["n_items_rated_by_all"] == 4


def test_nobody_answered(items):
    """No people, and a reason for each number that is missing."""
    metrics = build(items, [])
    assert metrics["people"] == {}
    assert metrics["mean"]["rated"] == 0
    assert any("mean.mean_absolute_change" in line for line in metrics["warnings"])


def test_intervals_of_changes_resample_groups(items):
    """Images of one session moved alike: the interval is wider than of independent ones."""
    many = pd.DataFrame({"item_id": [f"i{row}" for row in range(60)], "rating": 0.5})
    rows = [(f"i{row}", "Ada", 1, 0.5 + 0.1 * (row // 10 % 2) + 0.001 * row) for row in range(60)]
    alone = build(many, rows)["people"]["Ada"]
    grouped = many.assign(group=[f"session {row // 10}" for row in range(60)])
    together = build(grouped, rows)["people"]["Ada"]
    assert together["mean_change"] == alone["mean_change"]
    for entry in (alone, together):
        low, high = entry["mean_change_ci95"]
        assert low < entry["mean_change"] < high
    width = {
        name: entry["mean_change_ci95"][1] - entry["mean_change_ci95"][0]
        for name, entry in (("alone", alone), ("together", together))
    }
    assert width["together"] > 1.5 * width["alone"]


def test_pairs_and_what_was_shown(items):
    """Each pair by itself; people who saw the old rating are not called independent."""
    rows = [
        (item, "Ada", 1, rating) for item, rating in zip("abcd", (0.1, 0.2, 0.3, 0.4), strict=True)
    ]
    rows += [(item, "Ben", 1, rating + 0.1) for item, _, _, rating in rows]
    rows += [("a", "Cleo", 1, 0.9)]
    shown = build(items, rows, blind=False)
    pairs = {(pair["first"], pair["second"]): pair for pair in shown["agreement"]["pairwise"]}
    assert list(pairs) == [("Ada", "Ben"), ("Ada", "Cleo"), ("Ben", "Cleo")]
    assert pairs["Ada", "Ben"]["mean_absolute_difference"] == pytest.approx(0.1)
    assert pairs["Ada", "Ben"]["spearman"] == pytest.approx(1.0)
    assert pairs["Ada", "Cleo"]["n_items"] == 1
    assert pairs["Ada", "Cleo"]["spearman"] is None
    assert shown["agreement"]["n_items_rated_by_two"] == 4
    assert shown["agreement"]["independent"] is False
    assert any(line.startswith("agreement.independent: ") for line in shown["warnings"])
    assert build(items, rows, blind=True)["agreement"]["independent"] is True
    assert build(items, rows)["agreement"]["independent"] is None


def test_alpha_is_that_of_krippendorffs_package(items):
    """The agreement of the metrics is the published coefficient, gaps included."""
    rows = [
        ("a", "Ada", 1, 0.2),
        ("b", "Ada", 1, 0.4),
        ("c", "Ada", 1, 0.9),
        ("a", "Ben", 1, 0.3),
        ("b", "Ben", 1, 0.5),
        ("d", "Ben", 1, 0.8),
        ("c", "Cleo", 1, 0.7),
        ("d", "Cleo", 1, 0.6),
    ]
    nan = float("nan")
    table = [[0.2, 0.4, 0.9, nan], [0.3, 0.5, nan, 0.8], [nan, nan, 0.7, 0.6]]
    expected = krippendorff.alpha(reliability_data=table, level_of_measurement="interval")
    agreement = build(items, rows)["agreement"]
    assert agreement["krippendorff_alpha_interval"] == pytest.approx(expected)


def test_the_schema_is_one(items):
    """Itself valid, and it refuses a broken form."""
    jsonschema.Draft202012Validator.check_schema(load_schema(SCHEMA_FILE))
    metrics = build(items, [("a", "Ada", 1, 0.65)])
    for broken in (
        {**metrics, "schema": 2},
        {**metrics, "people": {"Ada": {**metrics["people"]["Ada"], "rated": -1}}},
        {**metrics, "mean": {}},
        {name: value for name, value in metrics.items() if name != "agreement"},
        {**metrics, "warnings": ["no reason"]},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, load_schema(SCHEMA_FILE))
    jsonschema.validate(build(items, []), load_schema(SCHEMA_FILE))
