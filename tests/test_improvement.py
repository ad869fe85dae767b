"""Corrected labels make a better model, and the curve says how many it takes."""

import numpy as np
import pytest

from ls_integration.models.improvement import measure_improvement, trace_review
from ls_integration.models.sted_features import NAMES

RECIPE = "sted-rating"
N_ITEMS, N_GROUPS = 240, 24


def make_study(flipped: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features that tell good from bad, the ratings, and ratings of which a share is wrong."""
    generator = np.random.default_rng(7)
    groups = np.repeat(np.arange(N_GROUPS), N_ITEMS // N_GROUPS)
    good = generator.random(N_ITEMS) < 0.6
    # As many features as the recipe has; three of them say something.
    features = generator.normal(size=(N_ITEMS, len(NAMES))).astype("float32")
    features[:, :3] += 1.5 * good[:, None]
    corrected = np.where(good, 0.9, 0.3)
    # Mistaken in one direction, as where somebody was too strict.
    wrong = good & (generator.random(N_ITEMS) < flipped)
    return features, np.where(wrong, 0.3, corrected), corrected, groups


def test_corrected_labels_pay() -> None:
    """With half of the good images called bad, corrected labels are surely better to learn from."""
    features, old, corrected, groups = make_study(0.5)
    found = measure_improvement(RECIPE, features, old, corrected, groups)
    assert (found.n_items, found.n_groups) == (N_ITEMS, N_GROUPS)
    assert found.n_corrected == np.count_nonzero(old != corrected)
    gain = found.auc_gain
    assert gain.value == pytest.approx(found.auc_corrected.value - found.auc_old.value, abs=1e-12)
    assert gain.ci95 is not None
    assert gain.ci95[0] > 0


def test_no_correction_is_no_gain() -> None:
    """The same labels give the same model: a gain of 0 with the reason why it has no interval."""
    features, _, corrected, groups = make_study(0.0)
    found = measure_improvement(RECIPE, features, corrected, corrected, groups)
    assert found.n_corrected == 0
    assert found.auc_gain.value == 0.0
    assert found.auc_gain.ci95 is None
    assert found.auc_gain.reason


def test_the_curve_starts_at_the_old_and_ends_at_the_corrected_labels() -> None:
    """All orders begin and end alike; an order that looks at mistakes first corrects sooner."""
    features, old, corrected, groups = make_study(0.5)
    found = measure_improvement(RECIPE, features, old, corrected, groups)
    wrong = np.flatnonzero(old != corrected)
    right = np.flatnonzero(old == corrected)
    orders = {
        "mistakes first": [np.concatenate([wrong, right])],
        "mistakes last": [np.concatenate([right, wrong])],
        "random": [np.random.default_rng(seed).permutation(N_ITEMS) for seed in range(2)],
    }
    steps = (0, len(wrong) // 2, len(wrong), N_ITEMS)
    first, last, random = trace_review(RECIPE, features, old, corrected, orders, steps, groups)
    for curve in (first, last, random):
        assert curve.n_reviewed == steps
        assert curve.auc[0] == pytest.approx(found.auc_old.value, abs=1e-12)
        assert curve.auc[-1] == pytest.approx(found.auc_corrected.value, abs=1e-12)
        assert curve.n_corrected[-1] == len(wrong)
        assert all(
            low <= mean <= high
            for low, mean, high in zip(curve.auc_lowest, curve.auc, curve.auc_highest, strict=True)
        )
    assert first.n_corrected[:3] == (0, len(wrong) // 2, len(wrong))
    assert first.auc[2] == pytest.approx(found.auc_corrected.value, abs=1e-12)
    assert last.n_corrected[1] == 0
    assert last.auc[1] == first.auc[0] < first.auc[1]
    assert (first.n_repeats, random.n_repeats) == (1, 2)


def test_items_that_nobody_looked_at_keep_their_label() -> None:
    """An order of some items corrects only these, however long the review is."""
    features, old, corrected, groups = make_study(0.5)
    wrong = np.flatnonzero(old != corrected)
    (curve,) = trace_review(
        RECIPE, features, old, corrected, {"few": [wrong[:5]]}, (5, N_ITEMS), groups
    )
    assert curve.n_corrected == (5, 5)


def test_a_curve_of_one_class_is_refused() -> None:
    """Without both classes there is no area to trace."""
    features, old, corrected, groups = make_study(0.5)
    with pytest.raises(ValueError, match="both classes"):
        trace_review(RECIPE, features, old, np.full_like(corrected, 0.9), {}, (0,), groups)
