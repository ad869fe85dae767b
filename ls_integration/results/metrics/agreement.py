"""``agreement`` of ``metrics.json``: first rounds, one vote per person."""

from itertools import combinations
from typing import Any

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.entries import put_measure
from ls_integration.results.people import Person
from ls_integration.scoring.agreement import (
    FEW_PEOPLE,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    mean_pairwise_cohen_kappa,
    observed_agreement,
)
from ls_integration.scoring.binary import proportion
from ls_integration.scoring.measure import undefined

ASSISTED_AGREEMENT = (
    "some of these answers started from an answer that was shown, so the people are not "
    "independent of it or of each other"
)


def score_agreement(study: LinedUp, seed: int, warnings: list[str]) -> dict[str, Any]:
    """Score how far people agree with each other.

    Parameters
    ----------
    study : LinedUp
        The study.
    seed : int
        Seed of the bootstrap.
    warnings : list of str
        Gets the reasons of what is undefined.

    Returns
    -------
    dict
        The entry.
    """
    path = "agreement"
    people, votes, n_labels = study.first_rounds, study.votes, len(study.labels)
    absent = {person.annotator for person in study.people} - {one.annotator for one in people}
    for annotator in sorted(absent):
        warnings.append(f"{path}: {annotator} has no first round and is left out")
    shown = [person.name for person in people if person.assisted != "none"]
    entry: dict[str, Any] = {
        "n_people": len(people),
        "independent": not shown,
        "assisted_people": shown,
    }
    if shown and len(people) > 1:
        warnings.append(f"{path}.independent: {ASSISTED_AGREEMENT}: {', '.join(shown)}")
    if len(people) < 2:
        for name in ("fleiss_kappa", "krippendorff_alpha", "mean_pairwise_cohen_kappa"):
            put_measure(path, name, undefined(FEW_PEOPLE), entry, warnings)
        return entry | {"n_items_answered_by_all": 0, "pairwise": []}
    fleiss, n_common = fleiss_kappa(votes, n_labels, seed=seed)
    put_measure(path, "fleiss_kappa", fleiss, entry, warnings)
    entry["n_items_answered_by_all"] = n_common
    alpha = krippendorff_alpha(votes, n_labels, seed=seed)
    put_measure(path, "krippendorff_alpha", alpha, entry, warnings)
    mean = mean_pairwise_cohen_kappa(votes, n_labels, seed=seed)
    put_measure(path, "mean_pairwise_cohen_kappa", mean, entry, warnings)
    entry["pairwise"] = [
        _score_pair(one, other, n_labels, warnings) for one, other in combinations(people, 2)
    ]
    return entry


def _score_pair(one: Person, other: Person, n_labels: int, warnings: list[str]) -> dict[str, Any]:
    path = f"agreement.pairwise.{one.name}.{other.name}"
    agreed, both = observed_agreement(one.votes, other.votes)
    entry: dict[str, Any] = {"first": one.name, "second": other.name, "n_items": both}
    observed = proportion(agreed, both, "no item was answered by both")
    put_measure(path, "observed_agreement", observed, entry, warnings)
    put_measure(path, "cohen_kappa", cohen_kappa(one.votes, other.votes, n_labels), entry, warnings)
    return entry
