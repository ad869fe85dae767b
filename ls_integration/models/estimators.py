"""Recipes of models: features in, a score of 0 to 1 out, higher for "more anomalous".

All offer ``fit(features, target, groups)`` and ``predict_score(features)``. They
hold scikit-learn's types and plain numbers only, so that a saved model can be
loaded without trusting anything else.
"""

import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVR

from ls_integration.errors import ConfigError
from ls_integration.models.sted_features import NAMES

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Groups = NDArray[np.generic]
Numbers = NDArray[np.floating]

NORMAL_AT_LEAST = 0.70
"""Lowest rating of a normal image (the authors of the rated STED images: Durand et al. 2018,
Nat. Commun. 9, 5247)."""

CALIBRATION_FOLDS = 5
"""Each fifth of the groups is scored by a model of the other four, which are nearly as many as
the final model is trained on."""

UNUSUAL = 0.10
"""Share of normal items, out of fold, that a model of normal items alone scores above 0.5."""

SVR_C, SVR_GAMMA, SVR_EPSILON = 4.0, 0.0013, 0.05
"""Of the regression with a Gaussian kernel on standardised features, chosen by cross-validation
over sessions; half or twice of one of them changes the AUC by less than 0.002. Differences below
the tolerance cost nothing: a rating is not known better than that."""

LOW_IN_BAD_IMAGES = (
    r"spectrum\.over(09|10|11|12|13|14)$",
    r"band[01234]\.inside$",
    r"ridge\.(height|height_inside|over_noise)$",
    r"foreground\.(ratio|snr)$",
)
"""Photon noise, blur, bleaching and background all lower how far periods of 5 to 17 pixels (the
fibres and spots that STED is there to resolve) stand above shot noise, and the contrast."""

TWO_SIDED_WEIGHT = 0.5
"""Of the Mahalanobis distance beside the one-sided part: 0.2 to 0.5 are alike in cross-validation,
0 is worse by 0.01, the distance alone by 0.08."""

MOST_SPREADS = 6.0
"""Standard deviations of normal items beyond which a feature is not more unusual."""


class Estimator(Protocol):
    """What a recipe makes."""

    def fit(self, features: Numbers, target: Floats, groups: Groups | None = None) -> "Estimator":
        """Learn from items of known target.

        Parameters
        ----------
        features : ndarray of float, shape (n_items, n_features)
            Finite.
        target : ndarray of float, shape (n_items,)
            As the recipe wants it.
        groups : ndarray, shape (n_items,), optional
            Imaging session or frame of each item: they stay together.

        Returns
        -------
        Estimator
            Itself.
        """

    def predict_score(self, features: Numbers) -> Floats:
        """Score items.

        Parameters
        ----------
        features : ndarray of float, shape (n_items, n_features)
            Finite.

        Returns
        -------
        ndarray of float64, shape (n_items,)
            In 0..1, higher for more anomalous.
        """


def split_groups(
    positive: Bools, groups: Groups | None, n_folds: int, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Deal whole groups out to folds with about the same share of positives.

    Parameters
    ----------
    positive : ndarray of bool, shape (n_items,)
        Which items are anomalous.
    groups : ndarray, shape (n_items,), optional
        The imaging session or frame of each item; without it each is its own.
    n_folds : int
        How many folds; fewer where there are fewer groups, or items of a class.
    seed : int
        Of the shuffle.

    Yields
    ------
    training, test : ndarray of int
        Places of the items, ascending.

    Raises
    ------
    ValueError
        If all items are of one group: nothing is left to learn from.
    """
    of_item = (
        np.arange(len(positive)) if groups is None else np.unique(groups, return_inverse=True)[1]
    )
    n_groups = len(np.unique(of_item))
    if n_groups < 2:
        msg = "cross-validation needs at least two groups"
        raise ValueError(msg)
    # More folds than a class has items would leave some without it.
    rarest = min(np.count_nonzero(positive), np.count_nonzero(~positive))
    n_folds = min(n_folds, n_groups, max(int(rarest), 2))
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    yield from folds.split(np.zeros((len(positive), 1)), positive, of_item)


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


def is_below(rating: Floats, limit: float) -> Bools:
    """Tell which ratings are below a limit, also where they went by way of float32.

    Parameters
    ----------
    rating : ndarray of float, shape (n_items,)
        As they were given, to at most six decimals.
    limit : float
        The lowest rating that is not below.

    Returns
    -------
    ndarray of bool, shape (n_items,)
        True below it; 0.699999988, which is 0.7 in float32, is not below 0.7.
    """
    below: Bools = np.round(np.asarray(rating, dtype="float64"), 6) < limit
    return below


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


def _sted_rating(seed: int) -> RatingModel:
    return RatingModel(_make_regressor(), seed=seed)


def _sted_normal_only(seed: int) -> NormalModel:
    return NormalModel(_columns(LOW_IN_BAD_IMAGES), _columns((r"band\d",)), seed=seed)


def _cutouts(seed: int) -> Estimator:
    # It deals its frames out to folds by `split_groups` above.
    from ls_integration.models.cutout_estimator import CutoutModel

    return CutoutModel(seed)


def _columns(patterns: Sequence[str]) -> list[int]:
    """Give the places of the features that start with one of the patterns."""
    matched = re.compile("|".join(patterns)).match
    return [place for place, name in enumerate(NAMES) if matched(name)]


def _make_regressor() -> Any:
    return make_pipeline(
        MinMaxScaler(clip=True),
        StandardScaler(),
        SVR(C=SVR_C, gamma=SVR_GAMMA, epsilon=SVR_EPSILON),
    )


RECIPES: dict[str, Callable[[int], Estimator]] = {
    "sted-rating": _sted_rating,
    "sted-fast": _sted_rating,
    "sted-normal-only": _sted_normal_only,
    "cutouts": _cutouts,
}
"""Name of a recipe -> what makes its estimator from a seed."""


def make_estimator(recipe: str, seed: int = 0) -> Estimator:
    """Make an untrained estimator.

    Parameters
    ----------
    recipe : str
        One of `RECIPES`.
    seed : int
        Of its folds.

    Returns
    -------
    Estimator
        With ``fit`` and ``predict_score``.

    Raises
    ------
    ConfigError
        If there is no such recipe.
    """
    if recipe not in RECIPES:
        msg = f"there is no recipe {recipe!r}; take one of {', '.join(RECIPES)}"
        raise ConfigError(msg)
    return RECIPES[recipe](seed)


def find_positive(recipe: str, target: Floats) -> Bools:
    """Tell which items a recipe calls positive: anomalous, or an artifact.

    Parameters
    ----------
    recipe : str
        One of `RECIPES`.
    target : ndarray of float, shape (n_items,)
        Ratings for a recipe of STED images; else 1 for positive items.

    Returns
    -------
    ndarray of bool, shape (n_items,)
        True where an item is positive.
    """
    if recipe.startswith("sted-"):
        return is_below(target, NORMAL_AT_LEAST)
    return np.asarray(target) > 0.5
