"""Whether answers get better or worse: over a session, and with the time that they took."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from statsmodels.discrete.discrete_model import Logit
from statsmodels.tools.sm_exceptions import (
    ConvergenceWarning,
    HessianInversionWarning,
    PerfectSeparationError,
    PerfectSeparationWarning,
)

from ls_integration.scoring.grouped import share
from ls_integration.scoring.intervals import LEVEL
from ls_integration.scoring.measure import Measure, undefined

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PARTS = 10
"""Equal parts of a session."""

QUARTERS = 4
"""Parts of the decision times."""

FEWEST_ANSWERS = 20
"""With fewer a part of the session would be one answer, and a trend a matter of luck."""

FEWEST_GROUPS = 10
"""With fewer groups the robust variance is far too small (Cameron, Miller 2015, section VI)."""

RESAMPLES = 2000
"""Of the groups of a part: fourteen parts a person would take long with more, and 50 values lie
beyond each bound."""

_STEEPEST = 100.0
"""Log odds beyond which an odds ratio (more than 1e43) says no more than "separated"."""

_FAILURES = (
    PerfectSeparationError,
    PerfectSeparationWarning,
    HessianInversionWarning,
    ConvergenceWarning,
    np.linalg.LinAlgError,
)


@dataclass(frozen=True)
class Part:
    """How many of some answers are right.

    Attributes
    ----------
    low, high : float
        The lowest and highest value of what the answers are sorted by.
    n, n_right : int
        Answers, and right ones among them.
    accuracy : Measure
        Their share, in [0, 1].
    """

    low: float
    high: float
    n: int
    n_right: int
    accuracy: Measure


def score_session(
    right: Bools, *, groups: Integers | None = None, seed: int = 0
) -> tuple[list[Part], Measure]:
    """Score answers in ten parts of a session, and the trend from its beginning to its end.

    Parameters
    ----------
    right : ndarray of bool, shape (n,)
        Whether each answer is right, in the order of answering.
    groups : ndarray of int, shape (n,), optional
        Number of the group of each answer's item, from 0.
    seed : int
        Seed of the bootstrap over groups.

    Returns
    -------
    parts : list of Part
        `PARTS` parts that differ by at most one answer, sorted by the position
        (first answer 0, last 1); none with fewer than `FEWEST_ANSWERS`.
    trend : Measure
        Odds of a right answer at the end over those at the beginning; see
        `find_odds_ratio`.
    """
    n = len(right)
    if n < FEWEST_ANSWERS:
        return [], undefined(_too_few("judged items have a known label", n))
    position = np.arange(n) / (n - 1)
    number = np.repeat(np.arange(PARTS), [len(part) for part in np.array_split(right, PARTS)])
    parts = _score_parts(right, position, number, groups, seed)
    return parts, find_odds_ratio(right, position, groups=groups)


def score_by_time(
    right: Bools, time_s: Floats, *, groups: Integers | None = None, seed: int = 0
) -> tuple[list[Part], Measure]:
    """Score answers in quarters of the decision time, and the trend with it.

    Parameters
    ----------
    right : ndarray of bool, shape (n,)
        Whether each answer is right.
    time_s : ndarray of float, shape (n,)
        Decision times in s; NaN where unknown. A time of 0 counts as unknown.
    groups : ndarray of int, shape (n,), optional
        Number of the group of each answer's item, from 0.
    seed : int
        Seed of the bootstrap over groups.

    Returns
    -------
    parts : list of Part
        The quarters, shortest times first. Equal times are in one part, so that
        there may be fewer and their sizes differ.
    trend : Measure
        Odds of a right answer over those at half the time; see
        `find_odds_ratio`.
    """
    timed = time_s > 0  # NaN is not
    n = int(np.count_nonzero(timed))
    if not n:
        return [], undefined("no decision time of a judged item with a known label is known")
    if n < FEWEST_ANSWERS:
        reason = _too_few("judged items with a known label have a decision time", n)
        return [], undefined(reason)
    right, time_s = right[timed], time_s[timed]
    groups = None if groups is None else groups[timed]
    if time_s.min() == time_s.max():
        return [], undefined("all decision times are the same")
    edges = np.quantile(time_s, np.arange(1, QUARTERS) / QUARTERS)
    number = np.searchsorted(edges, time_s, side="left")
    parts = _score_parts(right, time_s, number, groups, seed)
    return parts, find_odds_ratio(right, np.log2(time_s), groups=groups)


def find_odds_ratio(right: Bools, x: Floats, *, groups: Integers | None = None) -> Measure:
    """Find by which factor the odds of a right answer change as *x* goes up by 1.

    Logistic regression with an intercept; Wald's interval of the slope. With
    *groups* its variance is robust to answers that are alike within a group,
    and t-distributed with as many degrees of freedom as groups less one.

    Parameters
    ----------
    right : ndarray of bool, shape (n,)
        Whether each answer is right.
    x : ndarray of float, shape (n,)
        Finite.
    groups : ndarray of int, shape (n,), optional
        Number of the group of each answer's item, from 0.

    Returns
    -------
    Measure
        Above 0. Undefined where all or no answers are right, where *x* is the
        same for all, and where a limit of *x* separates right from wrong: the
        likelihood then has no maximum.

    References
    ----------
    Albert, Anderson (1984), Biometrika 71, 1, on separation. Cameron, Miller
    (2015), J. Human Resources 50, 317, on groups.
    """
    if right.all() or not right.any():
        return undefined("all answers are right" if right.all() else "no answer is right")
    if x.min() == x.max():
        return undefined("there is no spread to find a trend along")
    separated = undefined("right and wrong answers are separated: no trend can be estimated")
    of_right, of_wrong = x[right], x[~right]
    if of_right.max() <= of_wrong.min() or of_wrong.max() <= of_right.min():
        return separated
    n_groups = None if groups is None else len(np.unique(groups))
    robust = groups is not None and n_groups is not None and n_groups >= FEWEST_GROUPS
    options = {"cov_type": "cluster", "cov_kwds": {"groups": groups}, "use_t": True}
    # Of one size whatever the unit of x, so that Newton's steps neither overflow nor stall.
    scale = float(x.std())
    design = np.column_stack([np.ones(len(x)), (x - x.mean()) / scale])
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            fit = Logit(right.astype("float64"), design).fit(disp=0, **(options if robust else {}))
            bounds = fit.conf_int(alpha=1 - LEVEL)[1] / scale
    except _FAILURES:
        return separated
    slope = float(fit.params[1]) / scale
    if not abs(slope) <= _STEEPEST:
        return separated
    value = math.exp(slope)
    if groups is not None and not robust:
        return Measure(value, None, f"fewer than {FEWEST_GROUPS} groups ({n_groups})")
    if not np.abs(bounds).max() <= _STEEPEST:
        return Measure(value, None, "the trend is too uncertain for an interval")
    return Measure(value, (math.exp(bounds[0]), math.exp(bounds[1])))


def _score_parts(
    right: Bools, x: Floats, number: Integers, groups: Integers | None, seed: int
) -> list[Part]:
    parts = []
    for one in np.unique(number):
        inside = number == one
        hits = right[inside]
        everything = np.ones(len(hits), dtype=bool)
        own = None if groups is None else groups[inside]
        accuracy = share(hits, everything, "", groups=own, seed=seed, resamples=RESAMPLES)
        within = x[inside]
        n_right = int(np.count_nonzero(hits))
        parts.append(Part(float(within.min()), float(within.max()), len(hits), n_right, accuracy))
    return parts


def _too_few(what: str, n: int) -> str:
    return f"only {n} {what}; a trend needs {FEWEST_ANSWERS}"
