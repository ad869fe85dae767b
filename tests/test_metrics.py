"""``metrics.json``: its form, its nulls and its reasons."""

import json

import jsonschema
import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations, empty
from ls_integration.errors import SourceError
from ls_integration.results.metrics import build_metrics, load_schema
from ls_integration.results.tables import check_items


def make_items(**columns: list[object]) -> pd.DataFrame:
    table: dict[str, list[object]] = {
        "item_id": list("abcde"),
        "label": ["anomaly", "anomaly", "normal", "normal", "normal"],
        "model_score": [0.9, 0.3, 0.4, 0.1, 0.2],
    }
    return check_items(pd.DataFrame(table | columns))


def make_annotations(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    columns = ["item_id", "annotator", "label", "lead_time_s", "prefilled", "changed", "round"]
    return check_annotations(pd.DataFrame(rows, columns=columns[: len(rows[0])]))


# Five items, three people: a tie without Cas (d), a skip (Bob, c), a gap (Cas, e) and
# a double answer (Ann, e).
THREE = make_annotations(
    [
        ("a", "Ann", "anomaly", 1.0),
        ("b", "Ann", "normal", 2.0),
        ("c", "Ann", "normal", 3.0),
        ("d", "Ann", "anomaly", 4.0),
        ("e", "Ann", "anomaly", 5.0),
        ("e", "Ann", "normal", 9.0),
        ("a", "Bob", "anomaly", None),
        ("b", "Bob", "anomaly", None),
        ("c", "Bob", None, None),
        ("d", "Bob", "normal", None),
        ("e", "Bob", "normal", None),
        ("a", "Cas", "anomaly", 2.0),
        ("b", "Cas", "anomaly", 2.0),
        ("c", "Cas", "anomaly", 2.0),
    ]
)


def check(metrics: dict[str, object]) -> None:
    """Check the form: valid by the schema, strict JSON, every null with a reason."""
    jsonschema.validate(metrics, load_schema())
    json.dumps(metrics, allow_nan=False)
    warnings = metrics["warnings"]
    assert isinstance(warnings, list)
    explained = {warning.split(": ", 1)[0] for warning in warnings}

    def walk(value: object, path: str) -> None:
        if isinstance(value, dict):
            if "first" in value and "second" in value:
                path = f"{path}.{value['first']}.{value['second']}"
            if "rounds" in value:
                rounds = "-".join(str(number) for number in value["rounds"])
                path = f"{path}.{value['person']}.{rounds}"
            for key, part in value.items():
                name = key.replace(": ", ":")
                walk(part, f"{path}.{name}" if path else name)
        elif isinstance(value, list):
            for part in value:
                walk(part, path)
        elif (
            value is None and path not in {"kind", "blind"} and not path.endswith("model.threshold")
        ):
            # An interval or quartiles without a value share the value's reason.
            base = path.removesuffix("_ci95").replace("time_quartiles_s", "time_s")
            base = base.replace(".decision_time_s", ".median_decision_time_s")
            assert {path, base} & explained, path

    walk(metrics, "")


def test_the_schema_is_one() -> None:
    """The committed file is a valid JSON Schema that also forbids."""
    schema = load_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    metrics = build_metrics(make_items(), THREE, positive="anomaly", model_threshold=0.35)
    for path, value in ((("n_items",), -1), (("people", "Ann", "tpr"), 1.5), (("study",), None)):
        broken = json.loads(json.dumps(metrics))
        place = broken
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)


def test_numbers_by_hand() -> None:
    """Three people, a tie, a skip, a gap, a double answer: worked out on paper."""
    metrics = build_metrics(make_items(), THREE, positive="anomaly", model_threshold=0.35)
    check(metrics)
    ann, bob, cas = (metrics["people"][name] for name in ("Ann", "Bob", "Cas"))
    assert (ann["tp"], ann["fp"], ann["fn"], ann["tn"]) == (1, 1, 1, 2)
    assert (ann["accuracy"], ann["tpr"], ann["fpr"]) == (0.6, 0.5, 1 / 3)
    assert (ann["classified"], ann["skipped"], ann["unanswered"]) == (5, 0, 0)
    assert ann["median_decision_time_s"] == 3.0  # 1 2 3 4 9: the double answer's newest
    assert (bob["classified"], bob["skipped"], bob["unanswered"]) == (4, 1, 0)
    assert bob["accuracy"] == 1.0
    assert bob["median_decision_time_s"] is None
    assert (cas["classified"], cas["unanswered"]) == (3, 2)
    model = metrics["model"]
    assert (model["tp"], model["fp"], model["fn"], model["tn"]) == (1, 1, 1, 2)
    assert model["auc"] == pytest.approx(5 / 6)
    majority = metrics["consensus"]["majority"]
    # a, b anomaly; c one to one and d one to one: tied; e normal.
    assert majority["tied_items"] == ["c", "d"]
    assert (majority["tp"], majority["tn"], majority["n_decided"]) == (2, 1, 3)
    assert majority["accuracy"] == 1.0
    assert metrics["agreement"]["n_items_answered_by_all"] == 2
    pair = metrics["agreement"]["pairwise"][0]
    assert (pair["first"], pair["second"], pair["n_items"]) == ("Ann", "Bob", 4)
    assert pair["observed_agreement"] == 0.5
    # Answer by answer: Ann's, then Bob's; Ann's, then the model's (a and c at 0.35 or more).
    assert pair["counts"] == {
        "anomaly": {"anomaly": 1, "normal": 1},
        "normal": {"anomaly": 1, "normal": 1},
    }
    with_model = metrics["agreement"]["with_model"][0]
    assert (with_model["person"], with_model["n_items"]) == ("Ann", 5)
    assert with_model["counts"] == {
        "anomaly": {"anomaly": 1, "normal": 1},
        "normal": {"anomaly": 1, "normal": 2},
    }


def test_a_score_at_the_threshold_is_positive() -> None:
    """Equal to the threshold counts as positive, everywhere."""
    metrics = build_metrics(make_items(), THREE, positive="anomaly", model_threshold=0.9)
    assert metrics["model"]["tp"] == 1


def test_the_other_class_may_be_positive() -> None:
    """With the other label as positive, rates swap and the AUC stays."""
    one = build_metrics(make_items(), THREE, positive="anomaly", model_threshold=0.35)
    other = build_metrics(make_items(), THREE, positive="normal", model_threshold=0.35)
    check(other)
    assert other["model"]["auc"] == pytest.approx(one["model"]["auc"])
    for entry, swapped in (
        (one["model"], other["model"]),
        (one["people"]["Ann"], other["people"]["Ann"]),
        (one["consensus"]["majority"], other["consensus"]["majority"]),
    ):
        assert (entry["tp"], entry["fp"], entry["fn"], entry["tn"]) == (
            swapped["tn"],
            swapped["fn"],
            swapped["fp"],
            swapped["tp"],
        )
    assert one["agreement"] == other["agreement"]


def test_nothing_changes_from_run_to_run() -> None:
    """The same tables give the same bytes, bootstrap included."""
    texts = {json.dumps(build_metrics(make_items(), THREE, positive="anomaly")) for _ in range(2)}
    assert len(texts) == 1


def test_the_order_of_the_rows_does_not_matter() -> None:
    """Shuffled answers give the same numbers."""
    shuffled = THREE.sample(frac=1, random_state=1).reset_index(drop=True)
    one = build_metrics(make_items(), THREE, positive="anomaly")
    other = build_metrics(make_items(), shuffled, positive="anomaly")
    assert one["people"] == other["people"]
    assert one["agreement"]["krippendorff_alpha"] == other["agreement"]["krippendorff_alpha"]


def test_assisted_answers_are_never_called_independent() -> None:
    """Who started from a shown answer is said, and agreement says so too."""
    rows = [("a", "Ann", "anomaly", 1.0, True, True), ("b", "Ann", "normal", 1.0, True, False)]
    rows += [("a", "Bob", "anomaly", 1.0, False, None), ("b", "Bob", "normal", 1.0, False, None)]
    metrics = build_metrics(make_items(), make_annotations(rows), positive="anomaly")
    check(metrics)
    assert metrics["people"]["Ann"]["assisted"] == "all"
    assert (metrics["people"]["Ann"]["prefilled"], metrics["people"]["Ann"]["changed"]) == (2, 1)
    assert metrics["people"]["Bob"]["assisted"] == "none"
    assert metrics["agreement"]["independent"] is False
    assert metrics["agreement"]["assisted_people"] == ["Ann"]
    assert any("not independent" in warning for warning in metrics["warnings"])


def test_independent_people_are_scored_apart() -> None:
    """Where some saw an answer, the others' agreement is what it is without them."""
    generator = np.random.default_rng(2)
    rows = [
        (item, person, generator.choice(["anomaly", "normal"]), 1.0, person == "Dan", None)
        for person in ("Ann", "Bob", "Cas", "Dan")
        for item in "abcde"
    ]
    metrics = build_metrics(make_items(), make_annotations(rows), positive="anomaly")
    check(metrics)
    alone = make_annotations([row for row in rows if row[1] != "Dan"])
    expected = build_metrics(make_items(), alone, positive="anomaly")["agreement"]
    block = metrics["agreement"]["independent_people"]
    assert block.pop("people") == ["Ann", "Bob", "Cas"]
    assert block == {key: expected[key] for key in block}
    assert "independent_people" not in expected


def test_rounds_of_one_person_are_compared() -> None:
    """Ann says the same again on two of three items; Bob, one round, has no entry."""
    rows = [
        (item, person, label, 1.0, False, None, number)
        for person, number, answers in (
            ("Ann", 1, {"a": "anomaly", "b": "normal", "c": "normal"}),
            ("Ann", 2, {"a": "anomaly", "b": "anomaly", "c": "normal", "d": "normal"}),
            ("Bob", 1, {"a": "anomaly", "b": "normal", "c": "normal"}),
        )
        for item, label in answers.items()
    ]
    metrics = build_metrics(make_items(), make_annotations(rows), positive="anomaly")
    check(metrics)
    (entry,) = metrics["agreement"]["intra_rater"]
    assert (entry["person"], entry["rounds"], entry["n_items"]) == ("Ann", [1, 2], 3)
    assert entry["observed_agreement"] == pytest.approx(2 / 3)
    # By hand: chance is 1/3 * 2/3 + 2/3 * 1/3 = 4/9.
    assert entry["cohen_kappa"] == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))
    assert entry["counts"]["normal"] == {"anomaly": 1, "normal": 1}
    assert entry["independent"] is True


def test_groups_widen_the_intervals_of_agreement() -> None:
    """Items that are copies of each other in one group: same values, wider intervals."""
    generator = np.random.default_rng(6)
    n_items = 150
    items = check_items(
        pd.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(n_items)],
                "label": np.repeat(generator.choice(["anomaly", "normal"], n_items // 5), 5),
                "group": np.repeat([f"frame {row}" for row in range(n_items // 5)], 5),
            }
        )
    )
    answers = [
        pd.DataFrame(
            {
                "item_id": items["item_id"],
                "annotator": person,
                "label": np.repeat(generator.choice(["anomaly", "normal"], n_items // 5), 5),
            }
        )
        for person in ("Ann", "Bob", "Cas")
    ]
    annotations = check_annotations(pd.concat(answers))
    grouped = build_metrics(items, annotations, positive="anomaly")
    check(grouped)
    single = build_metrics(items.drop(columns="group"), annotations, positive="anomaly")

    def widths(entry: dict[str, object], keys: list[str]) -> np.ndarray:
        return np.array([np.ptp(entry[f"{key}_ci95"]) for key in keys])

    keys = [key for key in grouped["agreement"] if f"{key}_ci95" in grouped["agreement"]]
    for one, other, names in (
        (grouped["agreement"], single["agreement"], keys),
        (
            grouped["agreement"]["pairwise"][0],
            single["agreement"]["pairwise"][0],
            ["observed_agreement", "cohen_kappa"],
        ),
    ):
        assert [one[key] for key in names] == [other[key] for key in names]
        assert (widths(one, names) > 1.5 * widths(other, names)).all()


def test_rounds_are_people_of_their_own_and_vote_once() -> None:
    """A second round has an entry, but only the first takes part in agreement."""
    rows = [
        ("a", "Ann", "anomaly", 1.0, False, None, 1),
        ("a", "Ann", "normal", 1.0, False, None, 2),
    ]
    rows += [
        ("a", "Bob", "anomaly", 1.0, False, None, 1),
        ("a", "Cas", "normal", 1.0, False, None, 2),
    ]
    metrics = build_metrics(make_items(), make_annotations(rows), positive="anomaly")
    check(metrics)
    assert list(metrics["people"]) == ["Ann", "Ann_round2", "Bob", "Cas_round2"]
    assert metrics["agreement"]["n_people"] == 2
    assert metrics["consensus"]["majority"]["tp"] == 1
    assert any("Cas has no first round" in warning for warning in metrics["warnings"])


@pytest.mark.parametrize(
    ("items", "annotations"),
    [
        (make_items(), empty()),
        (make_items(label=[None] * 5), THREE),
        (make_items(label=["normal"] * 5), THREE),
        (make_items(label=["anomaly"] * 5), THREE),
        (make_items(model_score=[np.nan] * 5), THREE),
        (make_items(model_score=[0.5, np.nan, 0.5, np.nan, 0.5]), THREE),
        (check_items(pd.DataFrame({"item_id": list("abcde")})), THREE),
        (make_items(), make_annotations([("a", "Ann", None), ("b", "Ann", None)])),
        (make_items(), make_annotations([("a", "Ann", "normal"), ("a", "Bob", "normal")])),
        (make_items(), make_annotations([("a", "Ann", "normal"), ("b", "Bob", "normal")])),
        (make_items(), make_annotations([("a", "Ann", "x"), ("a", "Bob", "y"), ("a", "Cas", "z")])),
    ],
    ids=[
        "no answers",
        "no labels",
        "only normal",
        "only anomaly",
        "no scores",
        "some scores",
        "no truth",
        "all skipped",
        "one label",
        "nothing in common",
        "three labels",
    ],
)
def test_poor_tables_have_defined_results(items: pd.DataFrame, annotations: pd.DataFrame) -> None:
    """Whatever is missing, each number is there or is null with its reason."""
    check(build_metrics(items, annotations, positive="anomaly"))
    check(build_metrics(items, annotations, positive="anomaly", model_threshold=0.5))


def test_answers_on_unknown_items_are_refused() -> None:
    """An answer that no item claims is an error, not a loss."""
    strange = make_annotations([("z", "Ann", "normal")])
    with pytest.raises(SourceError, match=r"does not have: z \(1\)"):
        build_metrics(make_items(), strange, positive="anomaly")


def test_a_large_table_is_lined_up() -> None:
    """Many items and people agree with a count by pandas."""
    generator = np.random.default_rng(8)
    n_items, people = 2000, [f"P{number}" for number in range(6)]
    truth = generator.random(n_items) < 0.3
    items = check_items(
        pd.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(n_items)],
                "label": np.where(truth, "anomaly", "normal"),
            }
        )
    )
    table = pd.MultiIndex.from_product([people, items["item_id"]]).to_frame(index=False)
    table.columns = pd.Index(["annotator", "item_id"])
    table["label"] = np.where(generator.random(len(table)) < 0.4, "anomaly", "normal")
    table = table.sample(frac=0.8, random_state=1)
    metrics = build_metrics(items, check_annotations(table), positive="anomaly")
    joined = table.merge(items, on="item_id", suffixes=("", "_known"))
    for name, mine in joined.groupby("annotator"):
        right = (mine["label"] == mine["label_known"]).mean()
        assert metrics["people"][name]["accuracy"] == pytest.approx(right)
