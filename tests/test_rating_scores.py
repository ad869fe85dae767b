"""Agreement on ratings: published numbers, and what has no number."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from ls_integration.scoring.rank_correlation import (
    correlate_ranks,
    mean_pairwise_spearman,
    spearman,
)
from ls_integration.scoring.ratings import intraclass_correlation

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


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_the_sums_are_the_analysis_of_variance(offset: float) -> None:
    """Mean squares by statsmodels give the same coefficients, also far from zero."""
    generator = np.random.default_rng(3)
    ratings = generator.random((20, 1)) + generator.normal(0.0, 0.2, (20, 4)) + offset
    item, person = np.indices(ratings.shape)
    long = pd.DataFrame({"rating": ratings.ravel(), "item": item.ravel(), "who": person.ravel()})
    table = anova_lm(ols("rating ~ C(item) + C(who)", data=long).fit())
    rows, columns, rest = (table["sum_sq"] / table["df"]).loc[["C(item)", "C(who)", "Residual"]]
    between = rows + 3 * rest
    icc2, icc3, _ = intraclass_correlation(ratings)
    assert icc2.value == pytest.approx((rows - rest) / (between + 4 * (columns - rest) / 20))
    assert icc3.value == pytest.approx((rows - rest) / between)


def test_ranks_of_a_resample_are_scipys() -> None:
    """How often each item is drawn says as much as the list of what was drawn; ties included."""
    generator = np.random.default_rng(4)
    one = np.round(generator.random(40), 1)
    other = np.round(one + generator.normal(0.0, 0.3, 40), 1)
    drawn = generator.multinomial(40, np.full(40, 1 / 40), size=20)
    expected = [
        stats.spearmanr(np.repeat(one, times), np.repeat(other, times)).statistic for times in drawn
    ]
    assert correlate_ranks(drawn.astype(float), one, other) == pytest.approx(expected)
    alone = np.zeros((1, 40))
    alone[0, 3] = 7
    assert np.isnan(correlate_ranks(alone, one, other)).all()


def test_groups_make_intervals_wider() -> None:
    """Ten images of one cell are hardly more than one image."""
    generator = np.random.default_rng(5)
    groups = np.repeat(np.arange(12), 10)
    cell = generator.random(12)[groups]
    ratings = np.column_stack([cell, cell + generator.normal(0.0, 0.2, 12)[groups]])
    ratings += generator.normal(0.0, 0.01, ratings.shape)

    def width(measure):
        return measure.ci95[1] - measure.ci95[0]

    def widths(drawn):
        icc2, icc3, _ = intraclass_correlation(ratings, groups=drawn)
        ranks, _ = spearman(*ratings.T, groups=drawn)
        mean = mean_pairwise_spearman(ratings, groups=drawn)
        return [width(measure) for measure in (icc2, icc3, ranks, mean)]

    for alone, together in zip(widths(None), widths(groups), strict=True):
        assert together > 1.5 * alone


def test_the_mean_of_one_pair_is_that_pair() -> None:
    """Value and interval, also where each left something out."""
    generator = np.random.default_rng(6)
    ratings = generator.random((30, 1)) + generator.normal(0.0, 0.2, (30, 2))
    pair, _ = spearman(*ratings.T, seed=3)
    mean = mean_pairwise_spearman(ratings, seed=3)
    assert mean.value == pytest.approx(pair.value)
    assert mean.ci95 == pytest.approx(pair.ci95)
    ratings[4, 0] = ratings[7, 1] = np.nan
    gaps = mean_pairwise_spearman(ratings, seed=3)
    assert gaps.value == pytest.approx(spearman(*ratings.T)[0].value)
    assert gaps.ci95[0] < gaps.value < gaps.ci95[1]


def test_the_same_seed_gives_the_same_interval():
    """Numbers of a paper can be made again."""
    generator = np.random.default_rng(1)
    one, other = generator.random(30), generator.random(30)
    first, again = spearman(one, other, seed=7), spearman(one, other, seed=7)
    assert first == again
    assert first[0].ci95[0] < first[0].value < first[0].ci95[1]
