"""How often 95 % intervals hold the true value, over many simulated studies.

Each study has items of two classes and three people with confusion matrices of
their own. Errors are correlated: every item has a difficulty that all people
and the model share, and in the grouped studies items of a session share a part
of theirs. One answer in ten is missing. The true value of each number is that
of one sample of 200 000 independent items of the same distribution.

Wanted: 92 to 98 of 100. Behind each share stands its own 95 % interval
(Wilson), since a few hundred studies know the share to about 2 %.
Run from the repository: ``python benchmarks/coverage.py [N_STUDIES] [--items N]``.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ls_integration.scoring.agreement import (
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    mean_pairwise_cohen_kappa,
    overall_agreement,
)
from ls_integration.scoring.calibration import average_precision
from ls_integration.scoring.consensus import MISSING
from ls_integration.scoring.decisions import score_decisions
from ls_integration.scoring.intervals import wilson
from ls_integration.scoring.measure import Measure
from ls_integration.scoring.rank_correlation import spearman
from ls_integration.scoring.ratings import intraclass_correlation, krippendorff_alpha_interval
from ls_integration.scoring.roc import auc

N_STUDIES, N_ITEMS, N_HUGE = 500, 300, 200_000
PREVALENCE, MISSED = 0.4, 0.1
ERRORS = np.array([[0.10, 0.25], [0.05, 0.40], [0.20, 0.15]])
"""Of each person: share of the negatives called positive, of the positives called negative."""
SHARED = 0.5
"""Share of the variance of what makes an answer wrong that people have in common."""
IN_SESSION = 0.5
"""Share of the variance of the difficulty that items of a session have in common."""
PER_SESSION = 5
LOWEST, HIGHEST = 0.92, 0.98

Interval = tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Simulated:
    """One study.

    Attributes
    ----------
    truth : ndarray of bool, shape (n_items,)
        The known label.
    votes : ndarray of int, shape (n_items, 3)
        Answers; `MISSING` where there is none.
    score : ndarray of float, shape (n_items,)
        The model's.
    ratings : ndarray of float, shape (n_items, 3)
        Ratings of three people.
    groups : ndarray of int, shape (n_items,)
        Session of each item; all different in the independent studies.
    """

    truth: NDArray[np.bool_]
    votes: NDArray[np.int64]
    score: NDArray[np.float64]
    ratings: NDArray[np.float64]
    groups: NDArray[np.int64]


def simulate(seed: int, n_items: int = N_ITEMS, *, grouped: bool = False) -> Simulated:
    """Draw a study; an item is distributed alike in grouped and independent ones."""
    random = np.random.default_rng(seed)
    groups = np.arange(n_items)
    difficulty = random.normal(size=n_items)
    if grouped:
        # Sessions of one to nine items.
        sizes = random.integers(1, 2 * PER_SESSION, size=n_items)
        groups = np.repeat(np.arange(n_items), sizes)[:n_items]
        session = random.normal(size=n_items)[groups]
        difficulty = np.sqrt(IN_SESSION) * session + np.sqrt(1 - IN_SESSION) * difficulty
    truth = random.random(n_items) < PREVALENCE
    own = random.normal(size=(n_items, len(ERRORS)))
    trouble = np.sqrt(SHARED) * difficulty[:, None] + np.sqrt(1 - SHARED) * own
    # Standard normal, so that its highest part is wrong: exactly the rates of ERRORS.
    wrong = trouble > stats.norm.isf(ERRORS[:, truth.astype(int)]).T
    votes = (truth[:, None] ^ wrong).astype("int64")
    votes[random.random(votes.shape) < MISSED] = MISSING
    score = random.normal(np.where(truth, 1.2, 0.0) - 0.5 * difficulty * np.where(truth, 1, -1))
    quality = 0.6 + 0.1 * difficulty
    ratings = quality[:, None] + random.normal([0.0, 0.05, -0.02], 0.08, (n_items, len(ERRORS)))
    return Simulated(truth, votes, score, ratings.round(2), groups)


@lru_cache(maxsize=4)
def decide(study: Simulated, seed: int, grouped: bool) -> Mapping[str, Measure]:
    """Score the first person's answers against the truth."""
    mine = study.votes[:, 0]
    groups = study.groups if grouped else None
    return score_decisions(study.truth, mine == 1, mine != MISSING, groups=groups, seed=seed)[1]


Kind = Callable[[Simulated, int], tuple[float | None, Interval]]


def _decisions(grouped: bool) -> dict[str, Kind]:
    def make(name: str) -> Kind:
        def score(study: Simulated, seed: int) -> tuple[float | None, Interval]:
            found = decide(study, seed, grouped)[name]
            return found.value, found.ci95

        return score

    how = "by group" if grouped else "items"
    names = ("accuracy", "tpr", "fpr", "precision", "f1", "balanced_accuracy", "cohen_kappa", "mcc")
    return {f"{name}, {how}": make(name) for name in names}


def _agreement(grouped: bool) -> dict[str, Kind]:
    def groups_of(study: Simulated) -> NDArray[np.int64] | None:
        return study.groups if grouped else None

    functions: dict[str, Callable[[Simulated, int], Measure]] = {
        "kappa of two": lambda study, seed: cohen_kappa(
            study.votes[:, 0], study.votes[:, 1], 2, groups=groups_of(study), seed=seed
        ),
        "mean kappa": lambda study, seed: mean_pairwise_cohen_kappa(
            study.votes, 2, groups=groups_of(study), seed=seed
        ),
        "Fleiss' kappa": lambda study, seed: fleiss_kappa(
            study.votes, 2, groups=groups_of(study), seed=seed
        )[0],
        "Krippendorff's alpha": lambda study, seed: krippendorff_alpha(
            study.votes, 2, groups=groups_of(study), seed=seed
        ),
        "observed agreement": lambda study, seed: overall_agreement(
            study.votes, 2, groups=groups_of(study), seed=seed
        )[0],
        "ICC(2,1)": lambda study, seed: intraclass_correlation(
            study.ratings, groups=groups_of(study), seed=seed
        )[0],
        "ICC(3,1)": lambda study, seed: intraclass_correlation(
            study.ratings, groups=groups_of(study), seed=seed
        )[1],
        "alpha of ratings": lambda study, seed: krippendorff_alpha_interval(
            study.ratings, groups=groups_of(study), seed=seed
        ),
        "Spearman's rho": lambda study, seed: spearman(
            study.ratings[:, 0], study.ratings[:, 1], groups=groups_of(study), seed=seed
        )[0],
    }
    how = "by group" if grouped else "items"
    return {f"{name}, {how}": _bounded(function) for name, function in functions.items()}


def _bounded(function: Callable[[Simulated, int], Measure]) -> Kind:
    def score(study: Simulated, seed: int) -> tuple[float | None, Interval]:
        found = function(study, seed)
        return found.value, found.ci95

    return score


def _ranking(grouped: bool) -> dict[str, Kind]:
    def groups_of(study: Simulated) -> NDArray[np.int64] | None:
        return study.groups if grouped else None

    how = "by group" if grouped else "items"
    return {
        f"AUC, {how}": _bounded(
            lambda study, _seed: auc(study.truth, study.score, groups=groups_of(study))
        ),
        f"average precision, {how}": _bounded(
            lambda study, seed: average_precision(
                study.truth, study.score, groups=groups_of(study), seed=seed
            )
        ),
    }


ALONE: Mapping[str, Kind] = {**_decisions(False), **_agreement(False), **_ranking(False)}
"""Kinds of intervals for independent items."""

GROUPED: Mapping[str, Kind] = {**_decisions(True), **_agreement(True), **_ranking(True)}
"""Kinds for items in sessions."""

UNAWARE: Mapping[str, Kind] = {
    f"{name}, sessions ignored": ALONE[f"{name}, items"] for name in ("accuracy", "f1", "AUC")
}
"""What comes out where the column ``group`` is missing: shown, not wanted."""


def cover(
    kinds: Mapping[str, Kind], n_studies: int, n_items: int, *, grouped: bool
) -> dict[str, tuple[int, int, float]]:
    """Count the intervals that hold the true value.

    Returns
    -------
    dict
        Kind -> intervals that held it, intervals that there were, true value.
    """
    huge = simulate(987_654_321, N_HUGE)
    rho = float(stats.spearmanr(huge.ratings[:, 0], huge.ratings[:, 1]).statistic)
    # Resampling the ranks of the huge sample would take an hour.
    truths = {
        name: rho if name.startswith("Spearman") else kind(huge, 0)[0]
        for name, kind in kinds.items()
    }
    held = dict.fromkeys(kinds, 0)
    there = dict.fromkeys(kinds, 0)
    for seed in range(n_studies):
        study = simulate(seed, n_items, grouped=grouped)
        for name, kind in kinds.items():
            interval, true = kind(study, seed)[1], truths[name]
            if interval is not None and true is not None:
                there[name] += 1
                held[name] += interval[0] <= true <= interval[1]
    return {name: (held[name], there[name], float(truths[name] or 0)) for name in kinds}


def main() -> None:
    """Print the table; exit with 1 if a wanted kind is surely outside of the band."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", type=int, nargs="?", default=N_STUDIES, metavar="N_STUDIES")
    parser.add_argument("--items", type=int, default=N_ITEMS)
    parser.add_argument("--sessions", action="store_true", help="only those of items in sessions")
    given = parser.parse_args()
    print(f"{given.studies} studies of {given.items} items, load {os.getloadavg()[0]:.1f}")
    is_wanted = True
    for title, kinds, grouped in (
        ("independent items", ALONE, False),
        (f"sessions of 1 to {2 * PER_SESSION - 1} items", GROUPED, True),
        ("the same sessions, not told", UNAWARE, True),
    ):
        if given.sessions and not grouped:
            continue
        print(f"\n{title:<36} {'true':>7} {'held':>9} {'share':>7}  95 % interval of the share")
        found = cover(kinds, given.studies, given.items, grouped=grouped)
        for name, (held, there, true) in found.items():
            low, high = wilson(held, there) or (0.0, 1.0)
            outside = high < LOWEST or low > HIGHEST
            is_wanted &= kinds is UNAWARE or not outside
            share = held / max(there, 1)
            note = "" if LOWEST <= share <= HIGHEST else "  outside of 92-98 %"
            print(
                f"{name:<36} {true:>7.4f} {held:>4}/{there:<4} {100 * share:>6.1f}%  "
                f"{100 * low:.1f}-{100 * high:.1f} %{note}"
            )
    sys.exit(0 if is_wanted else 1)


if __name__ == "__main__":
    main()
