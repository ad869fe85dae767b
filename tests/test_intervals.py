"""Intervals: published values, the edges, and the ROC curve's area."""

import tracemalloc

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from ls_integration.scoring.delong import delong
from ls_integration.scoring.intervals import (
    _find_patterns,
    bootstrap_sums,
    percentile_interval,
    wilson,
)
from ls_integration.scoring.roc import auc, auc_difference, roc_points


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, 857, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_values(
    successes: int, total: int, low: float, high: float
) -> None:
    """Newcombe's four examples come out to four decimals."""
    assert wilson(successes, total) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_its_edges() -> None:
    """None of n starts at exactly 0, all of n ends at exactly 1, none of 0 is nothing."""
    assert wilson(0, 5)[0] == 0.0  # type: ignore[index]
    assert wilson(5, 5)[1] == 1.0  # type: ignore[index]
    assert wilson(0, 0) is None


def test_delong_by_its_definition() -> None:
    """The variance by ranks is that of the placement values, pair by pair."""
    generator = np.random.default_rng(3)
    truth = generator.random(60) < 0.4
    score = np.round(generator.normal(truth * 0.8, 1.0), 1)  # rounded, so that there are ties
    above = (score[truth][:, None] > score[~truth]) + 0.5 * (score[truth][:, None] == score[~truth])
    area = above.mean()
    variance = (
        above.mean(axis=1).var(ddof=1) / truth.sum()
        + above.mean(axis=0).var(ddof=1) / (~truth).sum()
    )
    half = 1.959963984540054 * np.sqrt(variance) / (area * (1 - area))
    centre = np.log(area / (1 - area))
    expected = [1 / (1 + np.exp(-(centre + sign * half))) for sign in (-1, 1)]
    assert delong(truth, score) == pytest.approx(expected, abs=1e-12)
    assert auc(truth, score).value == pytest.approx(roc_auc_score(truth, score), abs=1e-12)


def test_copies_within_a_group_add_nothing_to_the_area() -> None:
    """Two copies of each item in one group give the interval of one; as independent, a narrower."""
    generator = np.random.default_rng(4)
    truth = generator.random(80) < 0.3
    score = np.round(generator.normal(truth * 1.0, 1.0), 1)
    once = delong(truth, score)
    assert once is not None
    copies = delong(np.tile(truth, 2), np.tile(score, 2), groups=np.tile(np.arange(80), 2) * 7)
    assert copies == pytest.approx(once, abs=1e-12)
    unaware = delong(np.tile(truth, 2), np.tile(score, 2))
    assert unaware is not None
    assert unaware[1] - unaware[0] < 0.8 * (once[1] - once[0])


def test_the_area_of_groups_by_its_definition() -> None:
    """Obuchowski's variance, written with loops over groups that hold both classes."""
    generator = np.random.default_rng(5)
    truth, groups = generator.random(90) < 0.4, generator.integers(0, 25, 90)
    score = np.round(generator.normal(truth * 0.8, 1.0), 1)
    above = np.array([np.mean((s > score[~truth]) + 0.5 * (s == score[~truth])) for s in score])
    below = np.array([np.mean((s < score[truth]) + 0.5 * (s == score[truth])) for s in score])
    area, m, n = above[truth].mean(), truth.sum(), (~truth).sum()
    own = {True: [0.0, 0], False: [0.0, 0]}
    shared = 0.0
    for group in np.unique(groups):
        excess = {}
        for kind, parts in ((True, above), (False, below)):
            mask = (groups == group) & (truth == kind)
            excess[kind] = (parts[mask] - area).sum()
            own[kind][0] += excess[kind] ** 2
            own[kind][1] += int(mask.any())
        shared += excess[True] * excess[False]
    n_groups = len(np.unique(groups))
    s10, s01 = (k / ((k - 1) * size) * s for (s, k), size in zip(own.values(), (m, n), strict=True))
    variance = s10 / m + s01 / n + 2 * n_groups / (n_groups - 1) * shared / (m * n)
    half = 1.959963984540054 * np.sqrt(variance) / (area * (1 - area))
    centre = np.log(area / (1 - area))
    expected = [1 / (1 + np.exp(-(centre + sign * half))) for sign in (-1, 1)]
    assert delong(truth, score, groups=groups) == pytest.approx(expected, abs=1e-12)


def test_a_difference_of_areas_by_its_definition() -> None:
    """The paired variance of DeLong, from the covariance of both scores' placement values."""
    generator = np.random.default_rng(6)
    truth = generator.random(70) < 0.4
    shared = generator.normal(truth * 1.0)
    scores = [np.round(shared + generator.normal(0, s, 70), 1) for s in (0.5, 1.0)]
    placed = []
    for score in scores:
        pairs = (score[truth][:, None] > score[~truth]) + 0.5 * (
            score[truth][:, None] == score[~truth]
        )
        placed.append((pairs.mean(axis=1), pairs.mean(axis=0)))
    own = [np.cov([placed[0][k], placed[1][k]]) / len(placed[0][k]) for k in (0, 1)]
    contrast = np.array([1, -1])
    half = 1.959963984540054 * np.sqrt(contrast @ (own[0] + own[1]) @ contrast)
    found = auc_difference(truth, *scores)
    value = roc_auc_score(truth, scores[0]) - roc_auc_score(truth, scores[1])
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.ci95 == pytest.approx((value - half, value + half), abs=1e-12)
    # As independent scores the interval would be wider; with itself there is none.
    apart = sum(own[k][0, 0] + own[k][1, 1] for k in (0, 1))
    assert half < 1.96 * np.sqrt(apart)
    same = auc_difference(truth, scores[0], scores[0])
    assert (same.value, same.ci95) == (0.0, None)
    assert same.reason
    assert auc_difference(truth[truth], scores[0][truth], scores[1][truth]).reason


def test_an_auc_that_cannot_be_is_explained() -> None:
    """One class, no item, or perfect separation: the reason is given."""
    ones = np.ones(4, dtype=bool)
    assert auc(ones, np.arange(4.0)).value is None
    assert auc(ones, np.arange(4.0)).reason
    assert auc(ones[:0], np.empty(0)).reason
    perfect = auc(np.array([False, False, True, True]), np.arange(4.0))
    assert perfect.value == 1.0
    assert perfect.ci95 is None
    assert perfect.reason
    with pytest.raises(ValueError, match="both classes"):
        roc_points(ones, np.arange(4.0))


def test_the_curve_by_hand() -> None:
    """Four items, one out of order: area 3/4."""
    truth = np.array([False, True, False, True])
    fpr, tpr, thresholds = roc_points(truth, np.array([0.1, 0.2, 0.3, 0.4]))
    assert fpr.tolist() == [0.0, 0.0, 0.5, 0.5, 1.0]
    assert tpr.tolist() == [0.0, 0.5, 0.5, 1.0, 1.0]
    assert thresholds[0] == np.inf
    assert auc(truth, np.array([0.1, 0.2, 0.3, 0.4])).value == 0.75


def test_the_bootstrap_of_a_mean() -> None:
    """For a mean of many items it is the normal interval, and a seed repeats it."""
    values = np.random.default_rng(5).normal(size=400)
    features = np.column_stack([values, np.ones(400)])

    def mean(sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]

    first = bootstrap_sums(features, mean, seed=7, resamples=4000)
    assert first == bootstrap_sums(features, mean, seed=7, resamples=4000)
    half = 1.96 * values.std() / 20
    assert first == pytest.approx((values.mean() - half, values.mean() + half), abs=0.15 * half)
    assert bootstrap_sums(features[:1], mean, seed=7) is None
    assert bootstrap_sums(features, lambda sums: sums[:, 0] * np.nan, seed=7) is None


def test_bias_and_skewness_are_corrected() -> None:
    """Of a skewed spread it is what SciPy's BCa gives, and not its percentiles."""
    values = np.random.default_rng(2).lognormal(sigma=0.8, size=400)
    features = np.column_stack([values, values**2, np.ones(400)])

    def variance(sums: np.ndarray) -> np.ndarray:
        return sums[:, 1] / sums[:, 2] - (sums[:, 0] / sums[:, 2]) ** 2

    found = bootstrap_sums(features, variance, seed=1)
    oracle = {
        method: stats.bootstrap((values,), np.var, method=method, n_resamples=10_000, rng=1)
        for method in ("BCa", "percentile")
    }
    low, high = oracle["BCa"].confidence_interval
    assert found == pytest.approx((low, high), abs=0.04 * (high - low))
    assert found is not None
    assert found[0] - oracle["percentile"].confidence_interval.low > 0.05 * (high - low)


def test_few_and_skewed_items_have_an_interval() -> None:
    """Where a correction would turn the spread round, it ends with the resamples."""
    values = np.linspace(0, 1, 1001)
    assert percentile_interval(values, 3, acceleration=0.5) == pytest.approx((0.0736, 1), abs=0.001)


def test_items_of_one_group_are_drawn_together() -> None:
    """Copies of each item in its group change nothing; taken as independent they would narrow."""
    values = np.random.default_rng(0).normal(size=40)
    features = np.column_stack([values, np.ones(40)])
    tripled, groups = np.repeat(features, 3, axis=0), np.repeat(np.arange(40), 3)

    def mean(sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]

    alone = bootstrap_sums(features, mean, seed=1)
    together = bootstrap_sums(tripled, mean, seed=1, groups=groups)
    independent = bootstrap_sums(tripled, mean, seed=1)
    assert alone is not None
    assert independent is not None
    assert together == pytest.approx(alone)
    assert independent[1] - independent[0] < 0.75 * (alone[1] - alone[0])


def test_many_patterns_are_drawn_in_blocks() -> None:
    """Of 20 001 different items the interval is that of normal theory, whatever their order."""
    generator = np.random.default_rng(6)
    values = generator.gamma(2.0, size=20_001)
    features = np.column_stack([values, np.ones(20_001)])

    def mean(sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]

    interval = bootstrap_sums(features, mean, seed=3)
    half = 1.96 * values.std() / np.sqrt(20_001)
    expected = (values.mean() - half, values.mean() + half)
    assert interval == pytest.approx(expected, abs=0.15 * half)
    shuffled = generator.permutation(20_001)
    assert bootstrap_sums(features[shuffled], mean, seed=3) == interval


def test_many_groups_that_are_alike_are_drawn_together() -> None:
    """50,000 groups of one item each cost what the items do, and give their interval."""
    generator = np.random.default_rng(8)
    hits = generator.random(50_000) < 0.3
    features = np.column_stack([hits, np.ones(50_000)]).astype("float64")

    def share(sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]

    tracemalloc.start()
    grouped = bootstrap_sums(features, share, seed=1, groups=generator.permutation(50_000))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grouped == bootstrap_sums(features, share, seed=1)
    # One by one they took 2 GB.
    assert peak_bytes < 200e6


def test_the_patterns_are_the_different_rows() -> None:
    """Few or many, the rows and counts of numpy's unique."""
    generator = np.random.default_rng(7)
    for features in (
        generator.integers(0, 2, (500, 6)).astype(float),
        generator.random((50, 3)),
        np.zeros((4, 2)),
    ):
        rows, counts = np.unique(features, axis=0, return_counts=True)
        found, times = _find_patterns(features)
        order = np.lexsort(rows.T)
        assert found.tolist() == rows[order].tolist()
        assert times.tolist() == counts[order].tolist()


def test_whole_numbers_are_added_exactly() -> None:
    """Draws are kept in few bytes; sums of counts and of fractions are those of the same draws."""
    counts = np.random.default_rng(9).integers(0, 50, (80, 2)).astype(float)
    groups = np.repeat(np.arange(40), 2)

    def ratio(sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / (sums[:, 0] + sums[:, 1])

    whole = bootstrap_sums(counts, ratio, seed=2, groups=groups)
    assert bootstrap_sums(counts * 0.25, ratio, seed=2, groups=groups) == pytest.approx(
        whole, rel=1e-12
    )
