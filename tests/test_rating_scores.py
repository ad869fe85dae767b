"""Agreement on ratings: published numbers, and what has no number."""

import numpy as np
import pytest

from ls_integration.scoring.ratings import (
    _from_sums,
    intraclass_correlation,
    mean_pairwise_spearman,
    spearman,
)

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    dtype=np.float64,
)
"""Table 2 of Shrout & Fleiss (1979): six targets, four judges."""


def test_published_intraclass_correlations():
    """Shrout & Fleiss print ICC(2,1) = 0.29 and ICC(3,1) = 0.71 for their table."""
    icc2, icc3, n_items = intraclass_correlation(SHROUT_FLEISS)
    assert (round(icc2.value, 2), round(icc3.value, 2), n_items) == (0.29, 0.71, 6)


def test_an_offset_lowers_agreement_and_not_consistency():
    """A person who always rates 0.1 higher is consistent (1) and does not agree."""
    one = np.array([0.1, 0.3, 0.5, 0.8])
    icc2, icc3, _ = intraclass_correlation(np.column_stack([one, one + 0.1]))
    assert icc3.value == pytest.approx(1.0)
    # MSR = 2 var, MSE = 0, MSC = 0.02: 2 var / (2 var + 2 * 0.02 / 4)
    expected = 2 * one.var(ddof=1) / (2 * one.var(ddof=1) + 2 * 0.02 / 4)
    assert icc2.value == pytest.approx(expected)


def test_items_that_somebody_left_out_do_not_count():
    """The published table keeps its numbers beside rows with gaps."""
    gaps = np.vstack([SHROUT_FLEISS, [5, np.nan, 1, 2], [np.nan] * 4])
    icc2, _, n_items = intraclass_correlation(gaps)
    assert (round(icc2.value, 2), n_items) == (0.29, 6)


@pytest.mark.parametrize(
    "ratings",
    [np.empty((0, 2)), np.ones((5, 1)), np.full((4, 2), 0.7), np.array([[0.1, np.nan]] * 4)],
    ids=["no items", "one person", "all equal", "nobody in common"],
)
def test_undefined_says_why(ratings):
    """No number comes without a reason."""
    icc2, icc3, _ = intraclass_correlation(ratings)
    assert icc2.value is None
    assert icc2.reason
    assert icc3.reason


def test_rank_correlation_over_what_both_rated():
    """Ranks 1 2 3 4 against 1 2 4 3 correlate at 0.8; a gap is left out."""
    one = np.array([0.1, 0.2, np.nan, 0.3, 0.4])
    other = np.array([0.5, 0.6, 0.1, 0.8, 0.7])
    measure, n_items = spearman(one, other)
    assert measure.value == pytest.approx(0.8)
    assert n_items == 4
    assert spearman(one[:2], other[:2])[0].reason
    assert spearman(np.full(4, 0.5), other[:4])[0].value is None


def test_mean_over_pairs_leaves_out_pairs_without_common_items():
    """Three people, one of whom rated nothing."""
    nothing = np.full(4, np.nan)
    one, other = np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3])
    assert mean_pairwise_spearman(np.column_stack([one, other, nothing])).value == pytest.approx(
        0.8
    )
    assert mean_pairwise_spearman(np.column_stack([one, nothing])).value is None


def test_intervals_hold_the_value_and_its_truth():
    """Ratings made of an item's own part and a person's error: ICC = 0.8 lies in most intervals."""
    held = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        items = generator.normal(0.5, 0.2, (60, 1))
        ratings = items + generator.normal(0.0, 0.1, (60, 3))
        icc2, icc3, _ = intraclass_correlation(ratings, seed=seed)
        low, high = icc3.ci95
        assert low < icc3.value < high
        assert icc2.ci95[0] < icc2.value < icc2.ci95[1]
        held += low < 0.8 < high
    assert 35 <= held <= 40


def test_the_quick_sums_are_the_analysis_of_variance():
    """One resample of the table as it is gives the coefficients of statsmodels."""
    icc2, icc3, _ = intraclass_correlation(SHROUT_FLEISS)
    sums = np.column_stack(
        [SHROUT_FLEISS, SHROUT_FLEISS.sum(axis=1) ** 2, (SHROUT_FLEISS**2).sum(axis=1)]
    ).sum(axis=0, keepdims=True)
    quick2, quick3 = _from_sums(sums, len(SHROUT_FLEISS))
    assert (quick2[0], quick3[0]) == pytest.approx((icc2.value, icc3.value))


def test_the_same_seed_gives_the_same_interval():
    """Numbers of a paper can be made again."""
    generator = np.random.default_rng(1)
    one, other = generator.random(30), generator.random(30)
    first, again = spearman(one, other, seed=7), spearman(one, other, seed=7)
    assert first == again
    assert first[0].ci95[0] < first[0].value < first[0].ci95[1]
