"""Simulated reviewers of known error rates: the numbers find them again."""

import numpy as np
import pytest

from benchmarks.coverage import simulate
from ls_integration.scoring.agreement import krippendorff_alpha, mean_pairwise_cohen_kappa
from ls_integration.scoring.binary import proportion
from ls_integration.scoring.consensus import MISSING, majority
from ls_integration.scoring.decisions import score_decisions
from ls_integration.scoring.grouped import share
from ls_integration.scoring.roc import auc

STUDIES = 400
# Of 400 intervals of 95 %, 380 +- 4.4 hold; the limits are four standard errors
# and the small deviation that each method is known to have.
AT_LEAST, AT_MOST = 0.915, 0.985


@pytest.fixture(scope="module")
def studies() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Truth, decision and score of many studies of 150 items."""
    found = []
    for seed in range(STUDIES):
        generator = np.random.default_rng(seed)
        truth = generator.random(150) < 0.4
        wrong = generator.random(150) < np.where(truth, 0.25, 0.10)
        score = generator.normal(truth * 1.0)
        found.append((truth, truth ^ wrong, score))
    return found


@pytest.mark.parametrize(("name", "expected"), [("tpr", 0.75), ("fpr", 0.10), ("accuracy", 0.84)])
def test_wilson_covers_the_true_rate(
    studies: list[tuple[np.ndarray, np.ndarray, np.ndarray]], name: str, expected: float
) -> None:
    """About 95 of 100 intervals hold the error rate that was put in."""
    held = 0
    for truth, called, _ in studies:
        hits = truth == called if name == "accuracy" else called
        counted = {"tpr": truth, "fpr": ~truth}.get(name, np.ones(len(truth), dtype=bool))
        low, high = share(hits, counted, "").ci95 or (1.0, 0.0)
        held += low <= expected <= high
    assert AT_LEAST <= held / STUDIES <= AT_MOST


def test_delong_covers_the_true_area(
    studies: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    """The interval of the AUC of two normal distributions one apart holds Phi(1/sqrt 2)."""
    expected = 0.7602499389065233
    held = 0
    for truth, _, score in studies:
        low, high = auc(truth, score).ci95 or (1.0, 0.0)
        held += low <= expected <= high
    assert AT_LEAST <= held / STUDIES <= AT_MOST


def test_the_bootstrap_covers_the_true_agreement() -> None:
    """Intervals of alpha and of the mean kappa hold the value of endless items."""

    def simulate(seed: int, n_items: int) -> np.ndarray:
        generator = np.random.default_rng(seed)
        truth = generator.integers(0, 2, size=(n_items, 1))
        return np.where(generator.random((n_items, 3)) < 0.15, 1 - truth, truth)

    # Two answers agree with probability 0.85^2 + 0.15^2, chance is one half.
    expected = (0.85**2 + 0.15**2 - 0.5) / 0.5
    held = np.zeros(2)
    for seed in range(120):
        votes = simulate(seed, 200)
        for place, coefficient in enumerate((krippendorff_alpha, mean_pairwise_cohen_kappa)):
            low, high = coefficient(votes, 2, seed=seed).ci95 or (1.0, 0.0)
            held[place] += low <= expected <= high
    assert (held / 120 >= 0.89).all()
    assert (held / 120 <= 0.995).all()


def test_the_majority_is_better_than_its_members() -> None:
    """Three independent people of 15 % error are wrong together on 6 %."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, size=20_000)
    votes = np.where(generator.random((20_000, 3)) < 0.15, 1 - truth[:, None], truth[:, None])
    wrong = (majority(votes, 2) != truth).mean()
    assert wrong == pytest.approx(3 * 0.15**2 * 0.85 + 0.15**3, abs=0.01)


def test_intervals_by_group_cover_correlated_errors() -> None:
    """Of items in sessions that share a difficulty they hold the rates that were put in.

    Wilson's interval, to which the sessions are not told, holds them less often.
    """
    expected = {"accuracy": 0.84, "tpr": 0.75, "fpr": 0.10, "f1": 0.6 / 0.76}
    n_studies = 150
    held = dict.fromkeys([*expected, "unaware"], 0)
    for seed in range(n_studies):
        study = simulate(seed, 300, grouped=True)
        called, judged = study.votes[:, 0] == 1, study.votes[:, 0] != MISSING
        _, measures = score_decisions(study.truth, called, judged, groups=study.groups, seed=seed)
        right = int(np.count_nonzero((called == study.truth)[judged]))
        unaware = proportion(right, int(judged.sum()), "")
        for name, value in expected.items():
            low, high = measures[name].ci95 or (1.0, 0.0)
            held[name] += low <= value <= high
        low, high = unaware.ci95 or (1.0, 0.0)
        held["unaware"] += low <= expected["accuracy"] <= high
    for name in expected:
        # Of 150 intervals of 95 %, 142.5 +- 2.7 hold; three standard errors and a percent more.
        assert 0.885 <= held[name] / n_studies <= 0.995, (name, held)
    assert held["unaware"] < held["accuracy"]
