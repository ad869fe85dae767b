"""What must hold for the numbers of any study, tried on many made-up ones."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ls_integration.annotations import check_annotations
from ls_integration.results.metrics import build_metrics
from ls_integration.results.tables import check_items
from tests.test_metrics import check

LABELS = ("anomaly", "normal")
# The same examples in every run, however slow the machine is; a failing one is not made smaller,
# which would take minutes.
STEADY = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=10,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.too_slow],
)
RATES = ("accuracy", "tpr", "fpr")
COUNTS = ("classified", "skipped", "tp", "fp", "fn", "tn")
COEFFICIENTS = ("krippendorff_alpha", "fleiss_kappa", "mean_pairwise_cohen_kappa")

Tables = tuple[pd.DataFrame, pd.DataFrame]


@st.composite
def studies(draw: Callable[..., Any], least_people: int = 1, most_people: int = 4) -> Tables:
    """Items and answers: some labels and scores unknown, some answers missing or skips."""
    n_items = draw(st.integers(2, 12))
    n_people = draw(st.integers(least_people, most_people))
    known = draw(
        st.lists(st.sampled_from([*LABELS, *LABELS, None]), min_size=n_items, max_size=n_items)
    )
    scores = draw(
        st.lists(
            st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9, None]), min_size=n_items, max_size=n_items
        )
    )
    items = pd.DataFrame(
        {"item_id": [f"i{row}" for row in range(n_items)], "label": known, "model_score": scores}
    )
    rows = []
    for person in range(n_people):
        said = draw(
            st.lists(
                st.sampled_from([*LABELS, *LABELS, "skip", "nothing"]),
                min_size=n_items,
                max_size=n_items,
            )
        )
        rows += [
            (f"i{row}", f"P{person}", None if word == "skip" else word, word == "skip")
            for row, word in enumerate(said)
            if word != "nothing"
        ]
    table = pd.DataFrame(rows, columns=["item_id", "annotator", "label", "skipped"])
    table["skipped"] = table["skipped"].astype(bool)
    return check_items(items.astype({"label": object, "model_score": float})), check_annotations(
        table
    )


def score(items: pd.DataFrame, annotations: pd.DataFrame, **options: Any) -> dict[str, Any]:
    """Score as the command does, for the anomalies and with a threshold."""
    return build_metrics(
        items, annotations, **{"positive": "anomaly", "model_threshold": 0.5} | options
    )


def same(one: Any, other: Any) -> bool:
    """Compare numbers, lists and entries; sums in another order may differ in the last bits."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and one and isinstance(one[0], float):
        return bool(other == pytest.approx(one, abs=1e-9))
    return bool(other == (pytest.approx(one, abs=1e-9) if isinstance(one, float) else one))


def pairs_of(metrics: dict[str, Any], name_of: dict[str, str]) -> dict[frozenset[str], Any]:
    """Give what pairs of people agree on, whoever is named first."""
    return {
        frozenset(name_of[pair[place]] for place in ("first", "second")): {
            key: value
            for key, value in pair.items()
            if key not in {"first", "second", "counts"}  # which depend on the order
        }
        for pair in metrics["agreement"]["pairwise"]
    }


@STEADY
@given(studies(), st.randoms(use_true_random=False))
def test_order_and_names_change_no_number(tables: Tables, random: Any) -> None:
    """Rows in any order, people by any names: the same numbers and intervals."""
    items, annotations = tables
    people = annotations["annotator"].unique().tolist()
    names = ["Zoe", "ann", "Max", "7"]
    random.shuffle(names)
    new_name = dict(zip(people, names, strict=False))
    order = random.sample(range(len(annotations)), len(annotations))
    changed = annotations.assign(annotator=annotations["annotator"].map(new_name)).iloc[order]
    one = score(items, annotations)
    other = score(items, changed.reset_index(drop=True))
    check(one)
    for name, entry in one["people"].items():
        wanted = {**entry, "annotator": new_name[name]}
        assert same(wanted, other["people"][new_name[name]])
    assert same(one["model"], other["model"])
    assert same(one["consensus"]["majority"], other["consensus"]["majority"])
    whole, again = one["agreement"], other["agreement"]
    for name in COEFFICIENTS:
        assert same(whole[name], again[name])
        assert same(whole[f"{name}_ci95"], again[f"{name}_ci95"])
    keep = {name: name for name in other["people"]}
    assert same(pairs_of(one, new_name), pairs_of(other, keep))


@STEADY
@given(studies(), st.sampled_from([*LABELS, None]))
def test_an_item_without_answers_changes_nobodys_rates(tables: Tables, label: str | None) -> None:
    """It is counted as unanswered and in no rate, no coefficient."""
    items, annotations = tables
    more = pd.concat(
        [
            items.drop(columns="position"),
            pd.DataFrame({"item_id": ["new"], "label": [label], "model_score": [0.3]}),
        ],
        ignore_index=True,
    )
    one, other = score(items, annotations), score(check_items(more), annotations)
    for name, entry in one["people"].items():
        for key in (*RATES, *(f"{rate}_ci95" for rate in RATES), *COUNTS):
            assert same(entry[key], other["people"][name][key])
        assert other["people"][name]["unanswered"] == entry["unanswered"] + 1
    for name in COEFFICIENTS:
        assert same(one["agreement"][name], other["agreement"][name])


def mean_agreement(metrics: dict[str, Any]) -> float | None:
    """Average the observed agreement of all pairs that have one."""
    shares = [pair["observed_agreement"] for pair in metrics["agreement"]["pairwise"]]
    defined = [share for share in shares if share is not None]
    return float(np.mean(defined)) if defined else None


@STEADY
@given(studies(least_people=2), st.booleans())
def test_a_copy_of_a_person_never_lowers_observed_agreement(tables: Tables, all_: bool) -> None:
    """A copy agrees with its original on everything and with others as the original does.

    So of two people a copy of one, and of any number a copy of everybody, cannot lower the mean.
    (A copy of somebody who disagrees with most of a larger group does.)
    """
    items, annotations = tables
    people = annotations["annotator"].unique()
    copied = annotations[annotations["annotator"].isin(people if all_ else people[:1])]
    copies = copied.assign(annotator="copy of " + copied["annotator"])
    one = score(items, annotations)
    other = score(items, pd.concat([annotations, copies], ignore_index=True))
    found = pairs_of(other, {name: name for name in other["people"]})
    for name in copies["annotator"].unique():
        original = name.removeprefix("copy of ")
        own = found[frozenset([name, original])]
        judged = one["people"][original]["classified"]
        assert own["n_items"] == judged
        assert own["observed_agreement"] == (1.0 if judged else None)
        for third in set(people) - {original}:
            assert same(found[frozenset([original, third])], found[frozenset([name, third])])
    before, after = mean_agreement(one), mean_agreement(other)
    if before is not None and (all_ or len(people) == 2):
        assert after is not None
        assert after >= before - 1e-12


@STEADY
@given(studies())
def test_the_other_class_mirrors_the_rates(tables: Tables) -> None:
    """With the other label as the positive one TPR is 1 - FPR, and accuracy, AUC, kappa stay."""
    items, annotations = tables
    one, other = score(items, annotations), score(items, annotations, positive="normal")

    def mirrored(interval: list[float] | None) -> list[float] | None:
        return None if interval is None else [1 - interval[1], 1 - interval[0]]

    def mirror(first: dict[str, Any], second: dict[str, Any]) -> None:
        for name, twin in (("tpr", "fpr"), ("fpr", "tpr")):
            value = None if first[name] is None else 1 - first[name]
            assert same(value, second[twin])
            assert same(mirrored(first[f"{name}_ci95"]), second[f"{twin}_ci95"])
        assert same(first["accuracy"], second["accuracy"])

    for name, entry in one["people"].items():
        mirror(entry, other["people"][name])
        assert (entry["tp"], entry["fp"]) == (
            other["people"][name]["tn"],
            other["people"][name]["fn"],
        )
    mirror(one["model"], other["model"])
    mirror(one["consensus"]["majority"], other["consensus"]["majority"])
    assert same(one["model"]["auc"], other["model"]["auc"])
    assert same(one["model"]["auc_ci95"], other["model"]["auc_ci95"])
    for name in COEFFICIENTS:
        assert same(one["agreement"][name], other["agreement"][name])


@STEADY
@given(studies())
def test_every_item_twice_changes_no_value(tables: Tables) -> None:
    """Rates, areas and kappas stay; the copies of an item are a group."""
    items, annotations = tables
    twice = pd.concat(
        [items, items.assign(item_id=items["item_id"] + "'")], ignore_index=True
    ).drop(columns="position")
    twice["group"] = twice["item_id"].str.removesuffix("'")
    again = annotations.assign(item_id=annotations["item_id"] + "'")
    one = score(items, annotations)
    other = score(check_items(twice), pd.concat([annotations, again], ignore_index=True))
    for name, entry in one["people"].items():
        for rate in RATES:
            assert same(entry[rate], other["people"][name][rate])
        for number in COUNTS:
            assert other["people"][name][number] == 2 * entry[number]
    for name in ("auc", *RATES):
        assert same(one["model"][name], other["model"][name])
    # Krippendorff's alpha corrects for the number of answers; it moves a little.
    for name in ("fleiss_kappa", "mean_pairwise_cohen_kappa"):
        assert same(one["agreement"][name], other["agreement"][name])


@STEADY
@given(studies())
def test_only_the_order_of_the_scores_counts_for_the_area(tables: Tables) -> None:
    """Any rising function of the score leaves AUC and interval as they are."""
    items, annotations = tables
    one = score(items, annotations, model_threshold=None)
    raised = items.assign(model_score=np.exp(3 * items["model_score"]) - 100)
    other = score(raised, annotations, model_threshold=None)
    assert same(one["model"]["auc"], other["model"]["auc"])
    assert same(one["model"]["auc_ci95"], other["model"]["auc_ci95"])
