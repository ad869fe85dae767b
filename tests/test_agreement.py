"""Agreement and majority against published tables and other libraries."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix

from ls_integration.scoring.agreement import (
    cohen_kappa,
    count_pairs,
    fleiss_kappa,
    krippendorff_alpha,
    mean_pairwise_cohen_kappa,
    overall_agreement,
)
from ls_integration.scoring.consensus import MISSING, TIED, majority
from ls_integration.scoring.measure import Measure


def read_votes(*rows: str) -> np.ndarray:
    """One text per person, one character per item, a dot for no answer."""
    letters = sorted(set("".join(rows)) - {"."})
    return np.array(
        [[MISSING if cell == "." else letters.index(cell) for cell in row] for row in rows]
    ).T


# Krippendorff (2011), examples A, B and C: two people with two labels, two people
# with five labels, four people with missing answers.
TWO_LABELS = read_votes("0100000010", "1110010000")
FIVE_LABELS = read_votes("aabbdcccedda", "babbbccceddd")
WITH_MISSING = read_votes(
    "123321412...",
    "1233224125.3",
    ".3332342251.",
    "12332441251.",
)


def test_alpha_of_two_labels() -> None:
    """Krippendorff's example A: 0.095."""
    assert krippendorff_alpha(TWO_LABELS, 2).value == pytest.approx(0.095, abs=5e-4)


def test_alpha_of_five_labels() -> None:
    """Krippendorff's example B: 0.692."""
    assert krippendorff_alpha(FIVE_LABELS, 5).value == pytest.approx(0.692, abs=5e-4)


def test_alpha_with_missing_answers() -> None:
    """Krippendorff's example C: 0.743."""
    assert krippendorff_alpha(WITH_MISSING, 5).value == pytest.approx(0.743, abs=5e-4)


def test_fleiss_of_the_common_example() -> None:
    """Fourteen raters, ten subjects, five categories (Fleiss' method): 0.210."""
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    votes = np.array([np.repeat(np.arange(5), row) for row in counts])
    kappa, n_items = fleiss_kappa(votes, 5)
    assert kappa.value == pytest.approx(0.210, abs=5e-4)
    assert n_items == 10


def test_fleiss_takes_items_that_all_answered() -> None:
    """An item that one person left out does not count."""
    votes = np.array([[0, 0, 0], [1, 1, 0], [0, 1, 1], [1, MISSING, 1]])
    kappa, n_items = fleiss_kappa(votes, 2)
    assert n_items == 3
    assert kappa.value == fleiss_kappa(votes[:3], 2)[0].value


def test_cohen_agrees_with_scikit_learn() -> None:
    """Every pair of 200 random answers with gaps has scikit-learn's kappa, and so the mean."""
    generator = np.random.default_rng(2)
    votes = generator.integers(-1, 3, size=(200, 4))
    expected = []
    for one in range(4):
        for other in range(one + 1, 4):
            both = (votes[:, one] >= 0) & (votes[:, other] >= 0)
            kappa = cohen_kappa(votes[:, one], votes[:, other], 3)
            expected.append(cohen_kappa_score(votes[both, one], votes[both, other]))
            assert kappa.value == pytest.approx(expected[-1], abs=1e-12)
            assert kappa.ci95 is not None
            assert kappa.ci95[0] < expected[-1] < kappa.ci95[1]
    assert mean_pairwise_cohen_kappa(votes, 3).value == pytest.approx(np.mean(expected), abs=1e-12)


def test_observed_agreement_is_the_mean_over_pairs() -> None:
    """With complete answers: the mean of scikit-learn's accuracy over all pairs of people."""
    votes = np.random.default_rng(5).integers(0, 3, size=(90, 4))
    pairs = [(one, other) for one in range(4) for other in range(one + 1, 4)]
    expected = np.mean([accuracy_score(votes[:, a], votes[:, b]) for a, b in pairs])
    observed, n_items = overall_agreement(votes, 3)
    assert observed.value == pytest.approx(expected, abs=1e-12)
    assert n_items == 90
    for one, other in pairs:
        table = count_pairs(votes[:, one], votes[:, other], 3)
        assert (table == confusion_matrix(votes[:, one], votes[:, other])).all()


def test_observed_agreement_by_hand() -> None:
    """Three of three, one pair of three, one of one, a single answer: (1 + 1/3 + 1) / 3."""
    votes = np.array([[0, 0, 0], [0, 1, 1], [1, MISSING, 1], [MISSING, MISSING, 0]])
    observed, n_items = overall_agreement(votes, 2)
    assert observed.value == pytest.approx(7 / 9)
    assert n_items == 3


def test_agreement_draws_groups_anew() -> None:
    """Copies of an item in its group leave every interval; as items they would narrow it."""
    generator = np.random.default_rng(8)
    truth = generator.integers(0, 2, size=(80, 1))
    votes = np.where(generator.random((80, 3)) < 0.25, 1 - truth, truth)
    votes[generator.random((80, 3)) < 0.1] = MISSING
    tripled, groups = np.repeat(votes, 3, axis=0), np.repeat(np.arange(80), 3)

    def measure(votes: np.ndarray, groups: np.ndarray | None) -> list[Measure]:
        return [
            overall_agreement(votes, 2, groups=groups, seed=1)[0],
            fleiss_kappa(votes, 2, groups=groups, seed=1)[0],
            krippendorff_alpha(votes, 2, groups=groups, seed=1),
            mean_pairwise_cohen_kappa(votes, 2, groups=groups, seed=1),
            cohen_kappa(votes[:, 0], votes[:, 1], 2, groups=groups, seed=1),
        ]

    singles = measure(votes, np.arange(80))
    for alone, together, independent in zip(
        singles, measure(tripled, groups), measure(tripled, None), strict=True
    ):
        assert alone.ci95 is not None
        assert independent.ci95 is not None
        assert together.ci95 == pytest.approx(alone.ci95, abs=0.02)
        assert independent.ci95[1] - independent.ci95[0] < 0.7 * (alone.ci95[1] - alone.ci95[0])


def test_a_label_that_nobody_used_changes_nothing() -> None:
    """Labels of the truth alone do not enter agreement."""
    votes = np.array([[0, 0], [1, 1], [0, 1], [1, 1]])
    for coefficient in (krippendorff_alpha, mean_pairwise_cohen_kappa):
        assert coefficient(votes, 4).value == coefficient(votes, 2).value
    assert fleiss_kappa(votes, 4)[0].value == pytest.approx(fleiss_kappa(votes, 2)[0].value)
    assert cohen_kappa(votes[:, 0], votes[:, 1], 4) == cohen_kappa(votes[:, 0], votes[:, 1], 2)


def test_full_agreement_is_one() -> None:
    """The same answers give 1 everywhere."""
    votes = np.array([[0, 0, 0], [1, 1, 1], [1, 1, 1]])
    assert krippendorff_alpha(votes, 2).value == 1
    assert fleiss_kappa(votes, 2)[0].value == 1
    assert mean_pairwise_cohen_kappa(votes, 2).value == 1
    assert overall_agreement(votes, 2)[0].value == 1


@pytest.mark.parametrize(
    "votes",
    [
        np.zeros((5, 3), dtype=np.int64),  # one label only
        np.array([[0], [1]]),  # one person
        np.empty((4, 0), dtype=np.int64),  # nobody
        np.array([[0, MISSING], [MISSING, 1]]),  # nothing in common
        np.empty((0, 2), dtype=np.int64),  # no items
    ],
)
def test_undefined_agreement_has_a_reason(votes: np.ndarray) -> None:
    """Where chance agreement is complete, or nothing is shared, there is a reason."""
    found = [
        krippendorff_alpha(votes, 2),
        fleiss_kappa(votes, 2)[0],
        mean_pairwise_cohen_kappa(votes, 2),
    ]
    for measure in found:
        assert measure.value is None
        assert measure.reason


def test_the_bootstrap_contains_the_value() -> None:
    """The intervals surround their coefficient and repeat themselves."""
    generator = np.random.default_rng(4)
    truth = generator.integers(0, 2, size=300)
    votes = np.where(generator.random((300, 3)) < 0.2, 1 - truth[:, None], truth[:, None])
    for measure in (
        krippendorff_alpha(votes, 2, seed=1),
        fleiss_kappa(votes, 2, seed=1)[0],
        mean_pairwise_cohen_kappa(votes, 2, seed=1),
    ):
        assert measure.ci95 is not None
        assert measure.value is not None
        assert measure.ci95[0] < measure.value < measure.ci95[1]
    assert krippendorff_alpha(votes, 2, seed=1) == krippendorff_alpha(votes, 2, seed=1)


def test_a_tie_is_named_and_not_broken() -> None:
    """Two against two decides nothing; nobody's answer is nobody's."""
    votes = np.array([[0, 0, 1], [0, 1, MISSING], [MISSING] * 3, [2, 2, 2], [0, 1, 2]])
    assert majority(votes, 3).tolist() == [0, TIED, MISSING, 2, TIED]
    assert majority(np.empty((2, 0), dtype=np.int64), 0).tolist() == [MISSING, MISSING]
