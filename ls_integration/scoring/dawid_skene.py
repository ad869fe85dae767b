"""What people say together, each weighed by how reliable they turn out to be.

The model of Dawid and Skene: an item has one true label; given that label, people
answer independently of each other, each with rates of their own. The true labels
and the rates are estimated together, without a known label, by crowd-kit.

References
----------
Dawid, Skene (1979), Applied Statistics 28, 20. Ustalov, Pavlichenko, Tseitlin
(2024), Journal of Open Source Software 9, 6227 (crowd-kit).
"""

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.scoring.consensus import MISSING, TIED

Floats = NDArray[np.float64]
Votes = NDArray[np.int64]

NOT_INSTALLED = "crowd-kit is not installed: pip install 'ls-integration[consensus]'"
NO_ANSWERS = "there are no answers"
FEW_PEOPLE = "estimating how reliable people are needs the answers of two people"
NO_COMMON = "no item was answered by two people, so nothing tells how reliable they are"
ONE_LABEL = "only one label was used"

MOST_ITERATIONS = 100
"""Of the EM algorithm; the real sessions need 27."""

TOLERANCE = 1e-6
"""Gain of the evidence bound per answer at which it stops: rates hold to about three digits."""

_SAME = 1e-9
"""Posteriors closer than this are equal but for rounding."""

_NO_ITEMS = 1e-3
"""Fewer expected items than this give no rate: crowd-kit clips what is below 1e-10."""


@dataclass(frozen=True, eq=False)
class DawidSkene:
    """What the model of Dawid and Skene says.

    Attributes
    ----------
    posterior : ndarray of float, shape (n_items, n_labels)
        Probability of each label; NaN where nobody answered.
    prior : ndarray of float, shape (n_labels,)
        Estimated share of each label among the answered items.
    rates : ndarray of float, shape (n_people, n_labels, n_labels)
        How often a person gives the label of the last axis to items whose true
        label is that of the middle axis; NaN where they met none.
    expected_items : ndarray of float, shape (n_people, n_labels)
        How many of the items that the person answered have this true label.
    n_iterations : int
        Of the EM algorithm.
    converged : bool
        Whether it stopped by itself.
    """

    posterior: Floats
    prior: Floats
    rates: Floats
    expected_items: Floats
    n_iterations: int
    converged: bool

    @property
    def decided(self) -> Votes:
        """Decide each item by its most probable label.

        Returns
        -------
        ndarray of int, shape (n_items,)
            `TIED` where two are as probable, `MISSING` where nobody answered.
        """
        known = np.nan_to_num(self.posterior, nan=-1.0)
        best = known.max(axis=1)
        decided: Votes = known.argmax(axis=1).astype("int64")
        decided[np.count_nonzero(known > best[:, None] - _SAME, axis=1) > 1] = TIED
        decided[best < 0] = MISSING
        return decided

    @property
    def has_switched(self) -> bool:
        """Find out whether a label has changed places with another one.

        Returns
        -------
        bool
            True if items of some true label are, over all people, called
            something else more often than by its name.
        """
        met = np.nan_to_num(self.rates) * self.expected_items[:, :, None]
        together = met.sum(axis=0)
        return bool((together.max(axis=1) > np.diag(together) + _SAME).any())


def estimate_dawid_skene(votes: Votes, n_labels: int) -> DawidSkene | str:
    """Estimate true labels and everybody's error rates together.

    EM starts from the shares of the votes, so it is deterministic, and a label
    keeps its name as long as most people are more often right than wrong. It
    depends neither on the names of the people nor on their order.

    Parameters
    ----------
    votes : ndarray of int, shape (n_items, n_people)
        Label numbers from 0, `MISSING` where there is no answer; one vote each.
    n_labels : int
        How many labels there are.

    Returns
    -------
    DawidSkene or str
        The estimate, or the reason why there is none.
    """
    answered = votes != MISSING
    if not answered.any():
        return NO_ANSWERS
    if np.count_nonzero(answered.any(axis=0)) < 2:
        return FEW_PEOPLE
    if not (np.count_nonzero(answered, axis=1) >= 2).any():
        return NO_COMMON
    if len(np.unique(votes[answered])) < 2:
        return ONE_LABEL
    try:
        return _estimate(
            np.ascontiguousarray(votes, dtype="int64").tobytes(), votes.shape, n_labels
        )
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "crowdkit":
            raise
        return NOT_INSTALLED


# The numbers, the table and the report each ask for it, and a million answers take a while.
@lru_cache(maxsize=2)
def _estimate(packed: bytes, shape: tuple[int, int], n_labels: int) -> DawidSkene:
    with warnings.catch_warnings():
        # Its progress bars, which nobody sees here, ask for widgets when a notebook loads it.
        warnings.filterwarnings("ignore", message="IProgress not found")
        from crowdkit.aggregation import DawidSkene as CrowdKit

    votes = np.frombuffer(packed, dtype="int64").reshape(shape)
    # Sums of floats depend on their order in the last digit: people stand in an order of
    # their answers, whatever they are called and whoever came first.
    order = sorted(range(shape[1]), key=lambda person: votes[:, person].tobytes())
    items, people = np.nonzero(votes[:, order] != MISSING)
    labels = votes[:, order][items, people]
    table = pd.DataFrame({"task": items, "worker": people, "label": labels}, dtype="int32")
    model: Any = CrowdKit(n_iter=MOST_ITERATIONS, tol=TOLERANCE).fit(table)
    history = model.loss_history_
    used = model.probas_.columns.to_numpy()
    posterior = np.full((shape[0], n_labels), np.nan)
    there = model.probas_.index.to_numpy()
    posterior[there] = 0.0
    # It clips what is below 1e-10, so a row adds up to a little more than 1.
    found = model.probas_.to_numpy()
    posterior[np.ix_(there, used)] = found / found.sum(axis=1, keepdims=True)
    prior = np.zeros(n_labels)
    prior[model.priors_.index.to_numpy()] = model.priors_.to_numpy()
    known = np.nan_to_num(posterior)
    expected_items = (votes != MISSING).T.astype("float64") @ known
    rates = np.zeros((shape[1], n_labels, n_labels))
    worker, answer = (
        model.errors_.index.get_level_values(name).to_numpy() for name in ("worker", "label")
    )
    # The columns of this one table are Python objects.
    true = np.asarray(model.errors_.columns, dtype="int64")
    cells = np.array(order)[worker][:, None], true[None, :], answer[:, None]
    rates[cells] = model.errors_.to_numpy()
    rates[expected_items < _NO_ITEMS] = np.nan
    converged = len(history) < MOST_ITERATIONS or history[-1] - history[-2] < TOLERANCE
    return DawidSkene(posterior, prior, rates, expected_items, len(history), bool(converged))
