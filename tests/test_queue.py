"""The queue: unsure and contradicted items first, near-duplicates apart."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ls_integration.models.queue import MOST_SPREAD, rank_queue, relevance


def test_relevance_by_hand() -> None:
    """At the threshold 1, at the ends 0; a sure contradiction is worth as much as doubt."""
    scores = np.array([0.0, 0.4, 0.8, 0.9, 1.0, 1.0, 0.0])
    alone = relevance(scores, 0.8)
    np.testing.assert_allclose(alone, [0, 0.5, 1, 0.5, 0, 0, 0])
    label = np.array([False, False, False, False, True, False, True])
    np.testing.assert_allclose(relevance(scores, 0.8, label), [0, 0.5, 1, 0.5, 0, 1, 1])
    known = np.array([True] * 5 + [False, True])
    np.testing.assert_allclose(relevance(scores, 0.8, label, known), [0, 0.5, 1, 0.5, 0, 0, 1])


def test_a_threshold_at_an_end_divides_by_nothing() -> None:
    """A threshold of 0 or 1 gives finite numbers."""
    scores = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(relevance(scores, 0.0), [1, 0.5, 0])
    np.testing.assert_allclose(relevance(scores, 1.0), [0, 0.5, 1])


def test_without_features_the_order_is_that_of_relevance() -> None:
    """The most relevant first; of equals the earlier."""
    scores = np.array([0.1, 0.5, 0.9, 0.5])
    assert rank_queue(scores, 0.5).tolist() == [1, 3, 0, 2]


def test_copies_do_not_fill_the_queue() -> None:
    """Five copies of the most doubtful item: one comes first, then other items."""
    generator = np.random.default_rng(0)
    features = generator.normal(size=(30, 8))
    features[:5] = features[0]
    scores = np.full(30, 0.6)
    scores[:5] = 0.5
    assert set(rank_queue(scores, 0.5)[:5].tolist()) == {0, 1, 2, 3, 4}
    first = rank_queue(scores, 0.5, features=features)[:5].tolist()
    assert first[0] == 0
    assert not set(first[1:]) & {1, 2, 3, 4}


def test_a_long_queue_goes_on_by_relevance() -> None:
    """Beyond those that are spread, items follow by relevance; none is lost."""
    generator = np.random.default_rng(1)
    n_items = MOST_SPREAD + 500
    scores = generator.random(n_items)
    order = rank_queue(scores, 0.5, features=generator.normal(size=(n_items, 4)))
    assert sorted(order.tolist()) == list(range(n_items))
    tail = relevance(scores, 0.5)[order[MOST_SPREAD:]]
    assert np.all(np.diff(tail) <= 0)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), max_size=30),
    st.floats(0, 1),
)
def test_every_item_comes_once(items: list[tuple[float, bool, bool]], threshold: float) -> None:
    """Whatever scores, labels and features are, also constant ones."""
    scores = np.array([item[0] for item in items])
    positive = np.array([item[1] for item in items], dtype=bool)
    known = np.array([item[2] for item in items], dtype=bool)
    features = np.ones((len(items), 3))
    order = rank_queue(scores, threshold, positive, known, features)
    assert sorted(order.tolist()) == list(range(len(items)))
    worth = relevance(scores, threshold, positive, known)
    assert np.all((worth >= 0) & (worth <= 1))
