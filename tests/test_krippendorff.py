"""Krippendorff's alpha against his published table and the krippendorff package."""

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ls_integration.scoring.agreement import krippendorff_alpha
from ls_integration.scoring.consensus import MISSING
from ls_integration.scoring.ratings import krippendorff_alpha_interval

GAP = np.nan

# Krippendorff (2011), example C: four observers, twelve units, some missing.
PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, GAP, GAP, GAP],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, GAP, 3],
        [GAP, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, GAP],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, GAP],
    ]
).T


def as_votes(values: np.ndarray) -> np.ndarray:
    """Number the values from 0, `MISSING` for a gap."""
    return np.where(np.isnan(values), MISSING, values - 1).astype("int64")


def test_alpha_of_the_published_table() -> None:
    """Four observers, twelve units with gaps: 0.743 as names, 0.849 as an interval scale."""
    nominal = krippendorff_alpha(as_votes(PUBLISHED), 5).value
    assert nominal == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha_interval(PUBLISHED).value == pytest.approx(0.849, abs=5e-4)


@given(
    arrays.arrays(
        "float64",
        st.tuples(st.integers(2, 12), st.integers(2, 5)),
        elements=st.sampled_from([1.0, 2.0, 3.0, 4.0, GAP]),
    )
)
def test_alpha_is_that_of_the_krippendorff_package(values: np.ndarray) -> None:
    """Any table with gaps has the package's alpha, of names and on an interval scale."""
    paired = values[np.count_nonzero(~np.isnan(values), axis=1) >= 2]
    nominal = krippendorff_alpha(as_votes(values), 4)
    interval = krippendorff_alpha_interval(values)
    if len(np.unique(paired[~np.isnan(paired)])) < 2:
        assert nominal.value is None
        assert interval.value is None
        assert nominal.reason
        assert interval.reason
        return
    for level, ours in (("nominal", nominal), ("interval", interval)):
        expected = krippendorff.alpha(
            reliability_data=values.T, value_domain=[1, 2, 3, 4], level_of_measurement=level
        )
        assert ours.value == pytest.approx(expected, abs=1e-9)


def test_alpha_of_ratings_does_not_depend_on_their_scale() -> None:
    """Ratings times a factor, and far from zero, have the same alpha."""
    value = krippendorff_alpha_interval(PUBLISHED).value
    assert krippendorff_alpha_interval(PUBLISHED / 100).value == pytest.approx(value, abs=1e-12)
    assert krippendorff_alpha_interval(PUBLISHED + 1e6).value == pytest.approx(value, abs=1e-9)


def test_the_interval_of_alpha_holds_it_and_draws_groups() -> None:
    """Copies of an item in its group leave the interval as it is; as items they would narrow it."""
    generator = np.random.default_rng(3)
    ratings = generator.random((60, 1)) + generator.normal(0, 0.2, (60, 3))
    ratings[generator.random((60, 3)) < 0.1] = GAP
    alone = krippendorff_alpha_interval(ratings, seed=1)
    tripled, groups = np.repeat(ratings, 3, axis=0), np.repeat(np.arange(60), 3)
    together = krippendorff_alpha_interval(tripled, groups=groups, seed=1)
    independent = krippendorff_alpha_interval(tripled, seed=1)
    assert alone.value is not None
    assert alone.ci95 is not None
    assert independent.ci95 is not None
    assert alone.ci95[0] < alone.value < alone.ci95[1]
    assert together.ci95 == pytest.approx(alone.ci95, abs=0.01)
    assert independent.ci95[1] - independent.ci95[0] < 0.75 * (alone.ci95[1] - alone.ci95[0])


def test_full_agreement_has_a_value_and_no_interval() -> None:
    """Equal ratings of different items: 1, and the reason why there is no interval."""
    found = krippendorff_alpha_interval(np.array([[0.1, 0.1], [0.7, 0.7], [0.3, 0.3]]))
    assert found.value == 1
    assert found.ci95 is None
    assert found.reason


@pytest.mark.parametrize(
    "ratings",
    [
        np.empty((0, 3)),
        np.empty((3, 0)),
        np.array([[0.2], [0.4]]),
        np.array([[0.2, GAP], [GAP, 0.4]]),
        np.full((4, 3), GAP),
        np.full((4, 3), 0.7),
    ],
)
def test_alpha_of_ratings_that_cannot_be_has_a_reason(ratings: np.ndarray) -> None:
    """Nobody, one person, nothing in common, all equal: null with its reason."""
    found = krippendorff_alpha_interval(ratings)
    assert found.value is None
    assert found.reason
