"""What must hold for any table of answers: agreement and consensus."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ls_integration.scoring.agreement import (
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    mean_pairwise_cohen_kappa,
    overall_agreement,
)
from ls_integration.scoring.consensus import MISSING, TIED, count_votes, majority
from ls_integration.scoring.grouped import share
from ls_integration.scoring.measure import Measure

N_LABELS = 3


def tables(people: tuple[int, int] = (2, 5), missing: bool = True) -> st.SearchStrategy[np.ndarray]:
    """Votes of some items and people."""
    shape = st.tuples(st.integers(1, 12), st.integers(*people))
    lowest = MISSING if missing else 0
    return arrays.arrays("int64", shape, elements=st.integers(lowest, N_LABELS - 1))


def measures(votes: np.ndarray) -> list[Measure]:
    return [
        overall_agreement(votes, N_LABELS)[0],
        fleiss_kappa(votes, N_LABELS)[0],
        krippendorff_alpha(votes, N_LABELS),
        mean_pairwise_cohen_kappa(votes, N_LABELS),
        cohen_kappa(votes[:, 0], votes[:, 1], N_LABELS),
    ]


def same(one: Measure, other: Measure, places: int = 9) -> bool:
    if one.value is None or other.value is None:
        return one.value is other.value and one.reason == other.reason
    return round(one.value - other.value, places) == 0


@settings(max_examples=40, deadline=None)
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_items_changes_no_value(votes: np.ndarray, random: object) -> None:
    """Items in any order: the same agreement, and each its own majority."""
    order = list(range(len(votes)))
    random.shuffle(order)  # type: ignore[attr-defined]
    for one, other in zip(measures(votes), measures(votes[order]), strict=True):
        assert same(one, other)
    assert (majority(votes, N_LABELS)[order] == majority(votes[order], N_LABELS)).all()


@settings(max_examples=40, deadline=None)
@given(tables())
def test_the_order_of_people_changes_no_value(votes: np.ndarray) -> None:
    """People in any order, so under any names: the same agreement, the same majority."""
    turned = votes[:, ::-1]
    for one, other in zip(measures(votes)[:-1], measures(turned)[:-1], strict=True):
        assert same(one, other)
    pair = [cohen_kappa(table[:, 0], table[:, -1], N_LABELS) for table in (votes, turned)]
    assert same(*pair)
    assert (majority(votes, N_LABELS) == majority(turned, N_LABELS)).all()


@settings(max_examples=40, deadline=None)
@given(tables())
def test_the_names_of_labels_change_no_value(votes: np.ndarray) -> None:
    """Labels in any order: the same agreement, and the majority under its new number."""
    turned = np.where(votes == MISSING, MISSING, N_LABELS - 1 - votes)
    for one, other in zip(measures(votes), measures(turned), strict=True):
        assert same(one, other)
    decided, other_decided = majority(votes, N_LABELS), majority(turned, N_LABELS)
    expected = np.where(decided < 0, decided, N_LABELS - 1 - decided)
    assert (expected == other_decided).all()


@settings(max_examples=40, deadline=None)
@given(tables())
def test_values_stay_in_their_range(votes: np.ndarray) -> None:
    """A value is at most 1, its interval is around it or missing with a reason."""
    for measure in measures(votes):
        assert measure.value is None or -1 - 1e-9 <= measure.value <= 1 + 1e-9
        assert measure.reason or measure.ci95


# With up to three people and complete answers this holds for a copy of anybody.
@settings(max_examples=40, deadline=None)
@given(tables(people=(2, 3), missing=False), st.integers(0, 1))
def test_a_copy_of_a_person_never_lowers_observed_agreement(votes: np.ndarray, who: int) -> None:
    """Two or three people: with a copy of any of them, agreement is as high or higher."""
    copied = np.column_stack([votes, votes[:, who]])
    before, after = (overall_agreement(table, N_LABELS)[0].value for table in (votes, copied))
    assert before is not None
    assert after is not None
    assert after >= before - 1e-12


def test_a_copy_of_who_stands_alone_lowers_it_from_four_people_on() -> None:
    """Three who agree and one who never does: 3 of 6 pairs; with a copy of that one 4 of 10."""
    votes = np.array([[0, 0, 0, 1]] * 5)
    copied = np.column_stack([votes, votes[:, 3]])
    assert overall_agreement(votes, 2)[0].value == 0.5
    assert overall_agreement(copied, 2)[0].value == 0.4


@settings(max_examples=40, deadline=None)
@given(tables(people=(2, 6), missing=False))
def test_a_copy_of_who_agrees_as_much_as_others_never_lowers_it(votes: np.ndarray) -> None:
    """Any number of people: a copy of the one who agrees most, or of everybody, raises it."""
    before = overall_agreement(votes, N_LABELS)[0].value
    assert before is not None
    agreed = [(votes == votes[:, [who]]).mean() for who in range(votes.shape[1])]
    most = int(np.argmax(agreed))
    for copied in (np.column_stack([votes, votes[:, most]]), np.hstack([votes, votes])):
        after = overall_agreement(copied, N_LABELS)[0].value
        assert after is not None
        assert after >= before - 1e-12


@settings(max_examples=40, deadline=None)
@given(tables())
@example(np.array([[0, 0, 1, 1], [MISSING, MISSING, MISSING, 2]]))
def test_a_majority_has_the_most_votes(votes: np.ndarray) -> None:
    """What is decided has more votes than any other label; ties and gaps are named."""
    counts = count_votes(votes, N_LABELS)
    for row, decided in zip(counts, majority(votes, N_LABELS), strict=True):
        most = np.flatnonzero(row == row.max())
        if decided == MISSING:
            assert row.sum() == 0
        elif decided == TIED:
            assert len(most) > 1
        else:
            assert most.tolist() == [decided]


@settings(max_examples=40, deadline=None)
@given(
    arrays.arrays("bool", st.integers(1, 30)),
    st.integers(1, 5),
)
def test_a_share_by_groups_has_the_same_value(hits: np.ndarray, size: int) -> None:
    """Groups change the interval, never the share; one group alone gives none, with a reason."""
    groups = np.arange(len(hits)) // size
    counted = np.ones(len(hits), dtype=bool)
    one, other = share(hits, counted, ""), share(hits, counted, "", groups=groups)
    assert one.value == other.value == hits.mean()
    assert other.ci95 or other.reason
    if groups.max() == 0:
        assert other.ci95 is None
    none = share(hits, ~counted, "no item counts", groups=groups)
    assert (none.value, none.reason) == (None, "no item counts")
