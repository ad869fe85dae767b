"""Recipes of models: features in, a score of 0 to 1 out, higher for "more anomalous".

All offer ``fit(features, target, groups)`` and ``predict_score(features)``. They
hold scikit-learn's types and plain numbers only, so that a saved model can be
loaded without trusting anything else.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVR

from ls_integration.errors import ConfigError
from ls_integration.models.cutout_estimator import CutoutModel
from ls_integration.models.folds import NORMAL_AT_LEAST, Bools, Floats, Groups, Numbers, is_below
from ls_integration.models.normal_model import NormalModel
from ls_integration.models.rating_model import RatingModel
from ls_integration.models.sted_features import NAMES

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


def _sted_rating(seed: int) -> RatingModel:
    return RatingModel(_make_regressor(), seed=seed)


def _sted_normal_only(seed: int) -> NormalModel:
    return NormalModel(_columns(LOW_IN_BAD_IMAGES), _columns((r"band\d",)), seed=seed)


def _cutouts(seed: int) -> Estimator:
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
