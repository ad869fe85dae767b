"""A model of normal images alone: how far an image falls short of them."""

import math
import sys
from collections.abc import Sequence

import numpy as np
from scipy.special import expit
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import StandardScaler

from ls_integration.models.folds import (
    CALIBRATION_FOLDS,
    NORMAL_AT_LEAST,
    Floats,
    Groups,
    Numbers,
    is_below,
    split_groups,
)

UNUSUAL = 0.10
"""Share of normal items, out of fold, that a model of normal items alone scores above 0.5."""

TWO_SIDED_WEIGHT = 0.5
"""Of the Mahalanobis distance beside the one-sided part: 0.2 to 0.5 are alike in cross-validation,
0 is worse by 0.01, the distance alone by 0.08."""

MOST_SPREADS = 6.0
"""Standard deviations of normal items beyond which a feature is not more unusual."""


class NormalModel:
    """How far an item falls short of normal ones, learnt from normal items alone.

    Two parts are added. Features that physics says are low in a bad image (how far
    fine structure stands above shot noise, the contrast): the mean square of
    what they lack, in standard deviations of normal items; more than usual costs
    nothing. And, in either direction, the Mahalanobis distance of features
    that describe the structure: there one cannot tell beforehand what will be wrong.

    A score of 0.5 is as unusual as the most unusual tenth of normal items of
    groups that the model had not seen; it is not a probability, since there
    were no anomalies to learn it from.

    Parameters
    ----------
    one_sided : sequence of int
        Columns that count where they are too low.
    two_sided : sequence of int
        Columns that count in either direction.
    normal_at_least : float
        Items below this rating take no part in training.
    seed : int
        Of the folds.

    Attributes
    ----------
    scaler : StandardScaler
        Mean and spread of normal items.
    covariance : LedoitWolf
        Of the two-sided columns, shrunk (Ledoit, Wolf 2004, J. Multivariate
        Anal. 88, 365): a session has fewer items than there are columns.
    limit, width : float
        The distance of the score 0.5, and how much more it is at 0.73.
    """

    def __init__(
        self,
        one_sided: Sequence[int],
        two_sided: Sequence[int],
        normal_at_least: float = NORMAL_AT_LEAST,
        seed: int = 0,
    ) -> None:
        self.one_sided = list(one_sided)
        self.two_sided = list(two_sided)
        self.normal_at_least = normal_at_least
        self.seed = seed
        self.scaler = StandardScaler()
        self.covariance = LedoitWolf()
        self.limit = 0.0
        self.width = 1.0

    def fit(self, features: Numbers, target: Floats, groups: Groups | None = None) -> "NormalModel":
        """Learn what normal items look like; others are not looked at.

        Parameters
        ----------
        features : ndarray of float, shape (n_items, n_features)
            Finite.
        target : ndarray of float, shape (n_items,)
            Ratings, 0..1.
        groups : ndarray, shape (n_items,), optional
            Imaging session of each item.

        Returns
        -------
        NormalModel
            Itself.

        Raises
        ------
        ValueError
            If there are no normal items of two groups.
        """
        normal = ~is_below(target, self.normal_at_least)
        kept: Floats = np.asarray(features, dtype="float64")[normal]
        mine = None if groups is None else groups[normal]
        held_out = np.empty(len(kept))
        for training, test in split_groups(normal[normal], mine, CALIBRATION_FOLDS, self.seed):
            self._learn(kept[training])
            held_out[test] = self.measure_distance(kept[test])
        middle, self.limit = (float(value) for value in np.quantile(held_out, [0.5, 1 - UNUSUAL]))
        # So that the normal item in the middle scores 0.1: the logistic of -log(9).
        self.width = max((self.limit - middle) / math.log(9), sys.float_info.min)
        self._learn(kept)
        return self

    def _learn(self, normal: Floats) -> None:
        standard = self.scaler.fit(normal).transform(normal)
        self.covariance.fit(standard[:, self.two_sided])

    def measure_distance(self, features: Numbers) -> Floats:
        """Measure how far items are from normal ones.

        Parameters
        ----------
        features : ndarray of float, shape (n_items, n_features)
            Finite.

        Returns
        -------
        ndarray of float64, shape (n_items,)
            At least 0; about 1 for normal items.
        """
        standard = self.scaler.transform(np.asarray(features, dtype="float64"))
        # Beyond it no normal item is; without a limit one odd feature would decide alone.
        standard = np.clip(standard, -MOST_SPREADS, MOST_SPREADS)
        lacking = np.minimum(standard[:, self.one_sided], 0)
        other = self.covariance.mahalanobis(standard[:, self.two_sided])
        distance: Floats = (lacking**2).mean(axis=1) + TWO_SIDED_WEIGHT * other / len(
            self.two_sided
        )
        return distance

    def predict_score(self, features: Numbers) -> Floats:
        """Say how unusual items are.

        Parameters
        ----------
        features : ndarray of float, shape (n_items, n_features)
            Finite.

        Returns
        -------
        ndarray of float64, shape (n_items,)
            In 0..1: 0.1 for the normal item in the middle, 0.5 for one of the most
            unusual tenth, higher beyond.
        """
        if not len(features):
            return np.empty(0)
        distance = self.measure_distance(features)
        return np.asarray(expit((distance - self.limit) / self.width), dtype="float64")
