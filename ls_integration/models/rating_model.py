"""A model of rated images: a regression of the rating, calibrated to a probability."""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from ls_integration.models.folds import (
    CALIBRATION_FOLDS,
    NORMAL_AT_LEAST,
    Floats,
    Groups,
    Numbers,
    is_below,
    split_groups,
)


class RatingModel:
    """A regression of the rating, and how a predicted rating becomes a probability.

    The probability is learnt from ratings that were predicted for groups which
    the regression had not seen (Platt 1999, Advances in Large Margin
    Classifiers, 61): fitted to its own training items it would be too sure.

    Parameters
    ----------
    regressor : object
        A scikit-learn regressor.
    normal_at_least : float
        An item is an anomaly below this rating.
    seed : int
        Of the folds.

    Attributes
    ----------
    calibration : LogisticRegression
        Predicted rating -> probability of an anomaly.
    """

    def __init__(
        self, regressor: Any, normal_at_least: float = NORMAL_AT_LEAST, seed: int = 0
    ) -> None:
        self.regressor = regressor
        self.normal_at_least = normal_at_least
        self.seed = seed
        # Hardly any regularisation: one slope and one offset for hundreds of items.
        self.calibration = LogisticRegression(C=1e6)

    def fit(self, features: Numbers, target: Floats, groups: Groups | None = None) -> "RatingModel":
        """Learn the rating, and the probability from ratings out of fold.

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
        RatingModel
            Itself.

        Raises
        ------
        ValueError
            If there are fewer than two groups, or no item on one side of the
            limit.
        """
        positive = is_below(target, self.normal_at_least)
        if positive.all() or not positive.any():
            msg = f"ratings on both sides of {self.normal_at_least:g} are needed"
            raise ValueError(msg)
        held_out = np.empty(len(target))
        for training, test in split_groups(positive, groups, CALIBRATION_FOLDS, self.seed):
            self.regressor.fit(features[training], target[training])
            held_out[test] = self.regressor.predict(features[test])
        self.calibration.fit(held_out[:, None], positive)
        self.regressor.fit(features, target)
        return self

    def predict_rating(self, features: Numbers) -> Floats:
        """Predict the ratings.

        Parameters
        ----------
        features : ndarray of float, shape (n_items, n_features)
            Finite.

        Returns
        -------
        ndarray of float64, shape (n_items,)
            About 0..1, not cut off there.
        """
        return np.asarray(self.regressor.predict(features), dtype="float64")

    def predict_score(self, features: Numbers) -> Floats:
        """Predict how probably each item is an anomaly.

        Parameters
        ----------
        features : ndarray of float, shape (n_items, n_features)
            Finite.

        Returns
        -------
        ndarray of float64, shape (n_items,)
            In 0..1, for as many anomalies as there were in training.
        """
        if not len(features):
            return np.empty(0)
        ratings = self.predict_rating(features)[:, None]
        return np.asarray(self.calibration.predict_proba(ratings)[:, 1], dtype="float64")
