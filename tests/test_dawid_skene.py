"""Dawid-Skene by crowd-kit: found again, independent of order and names, never a silent guess."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ls_integration.scoring.consensus import MISSING, TIED, majority
from ls_integration.scoring.dawid_skene import (
    FEW_PEOPLE,
    NO_ANSWERS,
    NO_COMMON,
    NOT_INSTALLED,
    ONE_LABEL,
    DawidSkene,
    estimate_dawid_skene,
)


def simulate(
    seed: int, n_items: int, rates: list[list[list[float]]], prior: list[float]
) -> tuple[np.ndarray, np.ndarray]:
    """True labels, and answers by confusion matrices; one answer of ten is missing."""
    generator = np.random.default_rng(seed)
    truth = generator.choice(len(prior), size=n_items, p=prior)
    votes = np.empty((n_items, len(rates)), dtype="int64")
    for person, matrix in enumerate(rates):
        edges = np.cumsum(np.array(matrix), axis=1)[truth]
        votes[:, person] = (generator.random((n_items, 1)) > edges).sum(axis=1)
    votes[generator.random(votes.shape) < 0.1] = MISSING
    return truth, votes


RATES = [
    [[0.95, 0.05], [0.10, 0.90]],
    [[0.60, 0.40], [0.02, 0.98]],
    [[0.99, 0.01], [0.45, 0.55]],
    [[0.80, 0.20], [0.25, 0.75]],
    [[0.55, 0.45], [0.40, 0.60]],
]
THREE_LABELS = [
    [[0.90, 0.05, 0.05], [0.10, 0.80, 0.10], [0.05, 0.15, 0.80]],
    [[0.70, 0.20, 0.10], [0.05, 0.90, 0.05], [0.10, 0.10, 0.80]],
    [[0.85, 0.10, 0.05], [0.20, 0.70, 0.10], [0.02, 0.03, 0.95]],
    [[0.80, 0.10, 0.10], [0.15, 0.75, 0.10], [0.10, 0.20, 0.70]],
]


def estimate(votes: np.ndarray, n_labels: int = 2) -> DawidSkene:
    found = estimate_dawid_skene(votes, n_labels)
    assert isinstance(found, DawidSkene)
    return found


@pytest.mark.parametrize(
    ("rates", "prior"), [(RATES, [0.65, 0.35]), (THREE_LABELS, [0.5, 0.3, 0.2])]
)
def test_known_confusion_matrices_are_found_again(
    rates: list[list[list[float]]], prior: list[float]
) -> None:
    """Of 8,000 items: rates to 0.04, prior to 0.02, and no fewer right than the majority has."""
    truth, votes = simulate(1, 8_000, rates, prior)
    found = estimate(votes, len(prior))
    assert found.rates == pytest.approx(np.array(rates), abs=0.04)
    assert found.prior == pytest.approx(np.array(prior), abs=0.02)
    assert found.converged
    assert not found.has_switched
    assert (found.decided == truth).mean() >= (majority(votes, len(prior)) == truth).mean()
    assert found.expected_items.sum(axis=1) == pytest.approx((votes != MISSING).sum(axis=0))
    # A probability says how often it is right.
    sure = found.posterior.max(axis=1)
    right = found.decided == truth
    for low, high in ((0.6, 0.8), (0.8, 0.95), (0.95, 1.01)):
        there = (sure >= low) & (sure < high)
        assert right[there].mean() == pytest.approx(sure[there].mean(), abs=0.04)


def expectation_maximization(
    votes: np.ndarray, n_labels: int, n_iterations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Dawid and Skene (1979), equations 2.3 to 2.5, without a library: posterior and rates."""
    given = np.stack([votes == label for label in range(n_labels)], axis=2).astype(float)

    def rate(posterior: np.ndarray) -> np.ndarray:
        rates = np.einsum("ij,ipl->pjl", posterior, given)
        return rates / rates.sum(axis=2, keepdims=True)

    posterior = given.sum(axis=1) / given.sum(axis=(1, 2))[:, None]
    for _ in range(n_iterations):
        log_rates = np.log(rate(posterior) + 1e-300)
        likelihood = posterior.mean(axis=0) * np.exp(np.einsum("ipl,pjl->ij", given, log_rates))
        posterior = likelihood / likelihood.sum(axis=1, keepdims=True)
    return posterior, rate(posterior)


def test_an_independent_computation_agrees() -> None:
    """300 items, five people: posteriors and rates are those of EM written out in the test."""
    _, votes = simulate(4, 300, RATES, [0.6, 0.4])
    votes = votes[(votes != MISSING).any(axis=1)]
    found = estimate(votes)
    posterior, rates = expectation_maximization(votes, 2, found.n_iterations)
    assert found.posterior == pytest.approx(posterior, abs=1e-7)
    assert found.rates == pytest.approx(rates, abs=1e-7)
    # Where it stops, it has settled.
    settled, _ = expectation_maximization(votes, 2, 2000)
    assert found.posterior == pytest.approx(settled, abs=0.02)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(5)))
def test_nothing_depends_on_the_order_of_people(seed: int, order: list[int]) -> None:
    """People in any order (so under any names): the very same bits for each."""
    _, votes = simulate(seed, 25, RATES, [0.6, 0.4])
    one, other = estimate(votes), estimate(votes[:, order])
    assert np.array_equal(one.posterior, other.posterior, equal_nan=True)
    assert np.array_equal(one.rates[order], other.rates, equal_nan=True)
    assert one.n_iterations == other.n_iterations


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_items_may_come_in_any_order(seed: int) -> None:
    """Each item keeps its posterior to rounding."""
    _, votes = simulate(seed, 25, RATES, [0.6, 0.4])
    order = np.random.default_rng(seed).permutation(len(votes))
    one, other = estimate(votes), estimate(votes[order])
    assert one.posterior[order] == pytest.approx(other.posterior, abs=1e-6, nan_ok=True)


def test_items_without_an_answer_have_no_posterior() -> None:
    """Nobody's answer is no guess; the unused label has no probability."""
    votes = np.array([[0, 0, 0], [2, 2, 2], [MISSING] * 3, [0, 2, 2], [0, 0, 2]])
    found = estimate(votes, 4)
    assert np.isnan(found.posterior[2]).all()
    assert found.decided[2] == MISSING
    answered = [0, 1, 3, 4]
    assert (found.posterior[answered][:, [1, 3]] == 0).all()
    assert found.posterior[answered].sum(axis=1) == pytest.approx(1, abs=1e-12)
    # Nobody met an item of a label that there is not.
    assert np.isnan(found.rates[:, [1, 3]]).all()


def test_what_is_even_stays_tied() -> None:
    """Two people who say the opposite of each other everywhere decide nothing."""
    votes = np.array([[0, 1], [1, 0], [0, 1], [1, 0]])
    assert (estimate(votes).decided == TIED).all()


def test_labels_that_changed_places_are_noticed() -> None:
    """If items of one true label are mostly called otherwise, the estimate says so."""
    rates = np.array([[[0.2, 0.8], [0.9, 0.1]]] * 3)
    expected = np.full((3, 2), 50.0)
    posterior = np.full((100, 2), 0.5)
    assert DawidSkene(posterior, np.array([0.5, 0.5]), rates, expected, 5, True).has_switched
    assert not DawidSkene(
        posterior, np.array([0.5, 0.5]), rates[:, ::-1], expected, 5, True
    ).has_switched


@pytest.mark.parametrize(
    ("votes", "reason"),
    [
        (np.empty((0, 3), dtype="int64"), NO_ANSWERS),
        (np.empty((3, 0), dtype="int64"), NO_ANSWERS),
        (np.full((3, 2), MISSING), NO_ANSWERS),
        (np.array([[0], [1]]), FEW_PEOPLE),
        (np.array([[0, MISSING], [1, MISSING]]), FEW_PEOPLE),
        (np.array([[0, MISSING], [MISSING, 1]]), NO_COMMON),
        (np.ones((4, 3), dtype="int64"), ONE_LABEL),
    ],
)
def test_what_cannot_be_estimated_has_its_reason(votes: np.ndarray, reason: str) -> None:
    """Too little to go on gives a sentence, not a number."""
    assert estimate_dawid_skene(votes, 2) == reason


def test_without_crowd_kit_the_reason_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hidden, crowd-kit is asked for by its extra; the rest of the package runs."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "crowdkit"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "crowdkit", None)
    _, votes = simulate(987, 20, RATES, [0.5, 0.5])
    assert estimate_dawid_skene(votes, 2) == NOT_INSTALLED
    assert "ls-integration[consensus]" in NOT_INSTALLED
