"""What a review queue was worth, and how many wrong labels are left.

Decided items of the queue and of a random sample of the rest say how often a
label is wrong in each. Items of one group (a frame) are alike, so intervals use
the number of independent items that would be as informative.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from ls_integration.scoring.binary import Bools
from ls_integration.scoring.intervals import LEVEL
from ls_integration.scoring.measure import Measure, undefined

_NORMAL = float(stats.norm.ppf((1 + LEVEL) / 2))


@dataclass(frozen=True)
class Sample:
    """Decided items and how many of their labels were wrong.

    Attributes
    ----------
    n_wrong, n_decided : int
        Counts.
    n_effective : float
        As many independent items would be as informative, at most *n_decided*.
    """

    n_wrong: int
    n_decided: int
    n_effective: float

    @property
    def share(self) -> float:
        """Divide.

        Returns
        -------
        float
            From 0 to 1; NaN where nothing was decided.
        """
        return self.n_wrong / self.n_decided if self.n_decided else math.nan


def sample_of(is_wrong: Bools, groups: NDArray[np.int64] | None) -> Sample:
    """Count, and find how much the groups are worth.

    Parameters
    ----------
    is_wrong : ndarray of bool, shape (n_decided,)
        Whether the label of each decided item was wrong.
    groups : ndarray of int, shape (n_decided,), or None
        Numbers of their groups; None where items are independent.

    Returns
    -------
    Sample
        With ``n_effective = n / deff * (z / t)^2``: deff is the variance of the
        share between groups over that of independent items, at least 1, and t
        has a degree of freedom less than there are groups.

    References
    ----------
    Korn, Graubard (1998), Survey Methodology 24, 193 (effective sample size).
    Cochran (1977), Sampling Techniques, section 3.12 (variance of a share over
    clusters).
    """
    n_items, n_wrong = len(is_wrong), int(np.count_nonzero(is_wrong))
    if groups is None or not n_items:
        return Sample(n_wrong, n_items, float(n_items))
    members = np.bincount(groups)
    wrong = np.bincount(groups, weights=is_wrong)[members > 0]
    members = members[members > 0]
    n_groups, share = len(members), n_wrong / n_items
    if n_groups < 2 or share in {0.0, 1.0}:
        return Sample(n_wrong, n_items, float(n_items))
    residual = float(((wrong - share * members) ** 2).sum())
    variance = n_groups / (n_groups - 1) * residual / n_items**2
    design_effect = max(1.0, variance / (share * (1 - share) / n_items))
    student = float(stats.t.ppf((1 + LEVEL) / 2, n_groups - 1))
    return Sample(n_wrong, n_items, n_items / design_effect * (_NORMAL / student) ** 2)


def share_wrong(sample: Sample, reason: str) -> Measure:
    """Give the share of wrong labels.

    Parameters
    ----------
    sample : Sample
        From `sample_of`.
    reason : str
        What to say where nothing was decided.

    Returns
    -------
    Measure
        With Wilson's interval for the effective number of items.

    References
    ----------
    Franco, Little, Louis, Slud (2019), J. Surv. Stat. Methodol. 7, 334: Wilson's
    interval with the effective sample size holds in clustered samples.
    """
    if not sample.n_decided:
        return undefined(reason)
    return Measure(sample.share, _wilson(sample.share, sample.n_effective))


def enrichment(queue: Sample, floor: Sample) -> Measure:
    """Compare the queue with the rest: how many times more often its labels are wrong.

    Parameters
    ----------
    queue, floor : Sample
        Of the queue, and of a random sample of the rest.

    Returns
    -------
    Measure
        The ratio of the shares, with Katz's log interval; undefined where a
        share is unknown or that of the rest is 0.

    References
    ----------
    Katz, Baptista, Azen, Pike (1978), Biometrics 34, 469, method C.
    """
    if not queue.n_decided or not floor.n_decided:
        return undefined("it needs decided items of the queue and of the random floor")
    if not floor.n_wrong:
        return undefined("no label of the random floor was wrong, so the ratio has no bound")
    ratio = queue.share / floor.share
    if not queue.n_wrong:
        return Measure(0.0, None, "no label of the queue was wrong")
    variance = sum((1 - one.share) / (one.share * one.n_effective) for one in (queue, floor))
    factor = math.exp(_NORMAL * math.sqrt(variance))
    return Measure(ratio, (ratio / factor, ratio * factor))


def expected_wrong(share: Measure, n_left: int) -> Measure:
    """Carry a share over to the items that nobody decided.

    Parameters
    ----------
    share : Measure
        From `share_wrong`.
    n_left : int
        How many there are.

    Returns
    -------
    Measure
        A number of items.
    """
    if n_left == 0:
        return Measure(0.0, (0.0, 0.0))
    if share.value is None:
        return share
    interval = None if share.ci95 is None else (share.ci95[0] * n_left, share.ci95[1] * n_left)
    return Measure(share.value * n_left, interval, share.reason)


def add(first: Measure, second: Measure) -> Measure:
    """Add two independent numbers.

    Parameters
    ----------
    first, second : Measure
        With or without intervals.

    Returns
    -------
    Measure
        The sum, its interval recovered from theirs; undefined if either is.

    References
    ----------
    Zou, Donner (2008), Statistics in Medicine 27, 1693, equations 3 and 4.
    """
    if first.value is None or second.value is None:
        return undefined(first.reason or second.reason or "a part of it is undefined")
    if first.ci95 is None or second.ci95 is None:
        reason = first.reason or second.reason or "a part of it has no interval"
        return Measure(first.value + second.value, None, reason)
    total = first.value + second.value
    below = math.hypot(first.value - first.ci95[0], second.value - second.ci95[0])
    above = math.hypot(first.ci95[1] - first.value, second.ci95[1] - second.value)
    return Measure(total, (max(0.0, total - below), total + above))


def _wilson(share: float, n_effective: float) -> tuple[float, float]:
    low, high = proportion_confint(
        share * n_effective, n_effective, alpha=1 - LEVEL, method="wilson"
    )
    return (0.0 if share == 0 else float(low), 1.0 if share == 1 else float(high))
