"""``agreement`` of ``metrics.json``: one vote per person; rounds of one person apart."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.metrics.entries import put_measure
from ls_integration.results.people import Person
from ls_integration.scoring.agreement import (
    FEW_PEOPLE,
    NO_COMMON,
    cohen_kappa,
    count_pairs,
    fleiss_kappa,
    krippendorff_alpha,
    mean_pairwise_cohen_kappa,
    overall_agreement,
)
from ls_integration.scoring.grouped import share
from ls_integration.scoring.measure import undefined

ASSISTED_AGREEMENT = (
    "some of these answers started from an answer that was shown, so the people are not "
    "independent of it or of each other"
)

_COEFFICIENTS = (
    "observed_agreement",
    "fleiss_kappa",
    "krippendorff_alpha",
    "mean_pairwise_cohen_kappa",
)


def score_agreement(study: LinedUp, seed: int, warnings: list[str]) -> dict[str, Any]:
    """Score how far people agree with each other, with themselves and with the model.

    Parameters
    ----------
    study : LinedUp
        The study; with groups, every interval resamples these.
    seed : int
        Seed of the bootstrap.
    warnings : list of str
        Gets the reasons of what is undefined.

    Returns
    -------
    dict
        Over first rounds, but for ``intra_rater``: rounds of one person. Where
        some people saw an answer first and others did not, the coefficients of
        the others alone are in ``independent_people``.
    """
    path = "agreement"
    people = study.first_rounds
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
    entry |= _score_together(path, people, study, seed, warnings)
    if shown and len(shown) < len(people):
        alone = [person for person in people if person.assisted == "none"]
        block = _score_together(f"{path}.independent_people", alone, study, seed, warnings)
        names = [person.name for person in alone]
        entry["independent_people"] = {"people": names, "n_people": len(alone), **block}
    entry["pairwise"] = [
        {"first": one.name, "second": other.name}
        | _score_pair(f"{path}.pairwise.{one.name}.{other.name}", one, other, study, seed, warnings)
        for one, other in combinations(people, 2)
    ]
    entry["intra_rater"] = [
        {
            "person": one.annotator,
            "rounds": [one.number, other.number],
            "independent": one.assisted == other.assisted == "none",
        }
        | _score_pair(
            f"{path}.intra_rater.{one.annotator}.{one.number}-{other.number}",
            one,
            other,
            study,
            seed,
            warnings,
        )
        for one, other in _pair_rounds(study.people)
    ]
    entry["with_model"] = [_count_with_model(person, study) for person in people]
    return entry


def _score_together(
    path: str, people: Sequence[Person], study: LinedUp, seed: int, warnings: list[str]
) -> dict[str, Any]:
    """Give the coefficients of these people together."""
    entry: dict[str, Any] = {}
    if len(people) < 2:
        for name in _COEFFICIENTS:
            put_measure(path, name, undefined(FEW_PEOPLE), entry, warnings)
        return entry | {"n_items_answered_by_two": 0, "n_items_answered_by_all": 0}
    votes, n_labels = np.column_stack([person.votes for person in people]), len(study.labels)
    observed, n_two = overall_agreement(votes, n_labels, groups=study.groups, seed=seed)
    fleiss, n_all = fleiss_kappa(votes, n_labels, groups=study.groups, seed=seed)
    alpha = krippendorff_alpha(votes, n_labels, groups=study.groups, seed=seed)
    mean = mean_pairwise_cohen_kappa(votes, n_labels, groups=study.groups, seed=seed)
    for name, measure in zip(_COEFFICIENTS, (observed, fleiss, alpha, mean), strict=True):
        put_measure(path, name, measure, entry, warnings)
    return entry | {"n_items_answered_by_two": n_two, "n_items_answered_by_all": n_all}


def _score_pair(
    path: str, one: Person, other: Person, study: LinedUp, seed: int, warnings: list[str]
) -> dict[str, Any]:
    both = one.judged & other.judged
    n_labels = len(study.labels)
    counts = count_pairs(one.votes, other.votes, n_labels)
    entry: dict[str, Any] = {
        "n_items": int(np.count_nonzero(both)),
        "counts": _name_counts(counts, study.labels),
    }
    same = one.votes == other.votes
    observed = share(same, both, NO_COMMON, groups=study.groups, seed=seed)
    put_measure(path, "observed_agreement", observed, entry, warnings)
    kappa = cohen_kappa(one.votes, other.votes, n_labels, groups=study.groups, seed=seed)
    put_measure(path, "cohen_kappa", kappa, entry, warnings)
    return entry


def _pair_rounds(people: Sequence[Person]) -> list[tuple[Person, Person]]:
    """Pair the rounds of each person, people as they first appear."""
    rounds: dict[str, list[Person]] = {}
    for person in people:
        rounds.setdefault(person.annotator, []).append(person)
    return [pair for mine in rounds.values() for pair in combinations(mine, 2)]


def _count_with_model(person: Person, study: LinedUp) -> dict[str, Any]:
    """Count how a person's answers meet the model's, positive or not."""
    both = person.judged & study.model.decided
    # 0 for the positive label, 1 for whatever is not.
    mine, its = (~person.called[both]).astype("int64"), (~study.model.called[both]).astype("int64")
    return {
        "person": person.name,
        "n_items": int(np.count_nonzero(both)),
        "counts": _name_counts(count_pairs(mine, its, 2), [study.positive, study.negative]),
    }


def _name_counts(counts: NDArray[np.int64], labels: Sequence[str]) -> dict[str, dict[str, int]]:
    """Name rows (the first's answer) and columns (the second's)."""
    rows = counts.tolist()
    return {
        label: dict(zip(labels, row, strict=True)) for label, row in zip(labels, rows, strict=True)
    }
