"""Agreement and majority against published tables and other libraries."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from ls_integration.scoring.agreement import (
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    mean_pairwise_cohen_kappa,
    observed_agreement,
)
from ls_integration.scoring.consensus import MISSING, TIED, majority


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
    assert observed_agreement(votes[:, 0], votes[:, 1]) == (3, 3)


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
