"""What a review queue was worth, and how many wrong labels are left."""

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from ls_integration.scoring.measure import Measure, undefined
from ls_integration.scoring.queue import (
    Sample,
    add,
    enrichment,
    expected_wrong,
    sample_of,
    share_wrong,
)


def test_independent_items_give_wilson_and_katz() -> None:
    """Without groups the intervals are those of statsmodels for plain counts."""
    queue, floor = Sample(80, 204, 204.0), Sample(3, 90, 90.0)
    assert share_wrong(queue, "").ci95 == pytest.approx(
        proportion_confint(80, 204, method="wilson")
    )
    ratio = enrichment(queue, floor)
    assert ratio.value == pytest.approx((80 / 204) / (3 / 90))
    assert ratio.ci95 == pytest.approx(
        confint_proportions_2indep(80, 204, 3, 90, compare="ratio", method="log", correction=False)
    )


def test_groups_count_for_what_they_are_worth() -> None:
    """Frames that are all wrong or all right are worth one item each, and t is wider than z."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    is_wrong = np.repeat(random.random(40) < 0.3, 10)
    sample = sample_of(is_wrong, groups)
    assert sample.n_decided == 400
    assert sample.n_effective == pytest.approx(40 * 39 / 40 * (1.95996 / 2.02269) ** 2, rel=1e-3)
    assert sample_of(is_wrong, None).n_effective == 400
    # Spread evenly, groups say nothing; nothing wrong says nothing about groups.
    even = sample_of(np.tile([True, False], 200), groups)
    assert even.n_effective == pytest.approx(400 * (1.95996 / 2.02269) ** 2, rel=1e-3)
    assert sample_of(np.zeros(400, bool), groups).n_effective == 400


def test_the_interval_holds_in_clustered_frames() -> None:
    """In 300 studies of 47 unlike frames about 95 % of the intervals hold the share."""
    random = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        rates = random.beta(2, 6, size=47)
        sizes = random.integers(2, 25, size=47)
        groups = np.repeat(np.arange(47), sizes)
        is_wrong = random.random(len(groups)) < np.repeat(rates, sizes)
        interval = share_wrong(sample_of(is_wrong, groups), "").ci95
        assert interval is not None
        held += interval[0] <= 0.25 <= interval[1]
    assert 275 <= held <= 297


def test_what_is_left_by_hand() -> None:
    """A share carried over, two of them added, and the edges."""
    share = Measure(0.1, (0.05, 0.2))
    left = expected_wrong(share, 1000)
    assert left.value == pytest.approx(100)
    assert left.ci95 == pytest.approx((50, 200))
    total = add(left, Measure(30.0, (20.0, 60.0)))
    assert total.value == pytest.approx(130)
    assert total.ci95 == pytest.approx((130 - np.hypot(50, 10), 130 + np.hypot(100, 30)))
    assert expected_wrong(undefined("nothing drawn"), 0) == Measure(0.0, (0.0, 0.0))
    assert expected_wrong(undefined("nothing drawn"), 5).reason == "nothing drawn"
    assert add(left, undefined("nothing drawn")).reason == "nothing drawn"
    nothing = sample_of(np.zeros(0, bool), np.zeros(0, np.int64))
    assert share_wrong(nothing, "nothing drawn").reason == "nothing drawn"
    assert enrichment(Sample(1, 2, 2.0), nothing).value is None
    assert enrichment(Sample(1, 2, 2.0), Sample(0, 9, 9.0)).value is None
    assert enrichment(Sample(0, 2, 2.0), Sample(1, 9, 9.0)).value == 0.0
