"""The recipe for cutouts: a kernel machine on lines and glows, and a calibrated probability."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from ls_integration.models.cutout_features import NAMES
from ls_integration.models.folds import CALIBRATION_FOLDS, split_groups

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Numbers = NDArray[np.floating]
Groups = NDArray[np.generic]

SVR_C, SVR_GAMMA, SVR_EPSILON = 0.1, 0.003, 0.1
"""Of the regression of 0 and 1 with a Gaussian kernel on standardised features. Smooth and much
regularised, since eight frames have 122 artifacts: in cross-validation that leaves out a frame at a
time, ten times the C or three times the gamma change the AUC by less than 0.01. A
regression and not a classifier: it consists of numbers only, see `models.estimators`."""

MOST_SPREADS = 4.0
"""Standard deviations to which features are cut: a stack's ragged edge has values that no other
tile has, and would decide alone."""

COLOUR_COLUMNS = tuple(
    place
    for place, name in enumerate(NAMES)
    if name.startswith(("alone_line_", "ghost_")) and name.endswith("_high")
)
"""Lines and glows in the band that alone shows most of them. With areas, sources and noise beside
them, or the second band, cross-validation over eight frames is no better (AUC from 0.01 above to
0.03 below, within its error): too few artifacts to learn more from."""

GREY_COLUMNS = tuple(
    place
    for place, name in enumerate(NAMES)
    if name.startswith("light_line_") or (name.startswith("band_") and name.endswith("_high"))
)
"""The same of the brightness, where the frames trained on have one band."""


class CutoutModel:
    """A regression that tells artifacts from sky, and how it becomes a probability.

    The probability is learnt from frames that the regression had not seen (Platt
    1999, Advances in Large Margin Classifiers, 61): on its own training tiles it
    is too sure.

    Parameters
    ----------
    seed : int
        Of the folds; the rest has nothing random.

    Attributes
    ----------
    columns : list of int
        The features that are looked at.
    scaler : StandardScaler
        Mean and spread of the logarithms.
    regressor : SVR
        Standardised features -> about 0..1, both classes weighing alike.
    calibration : LogisticRegression
        What the regressor says -> probability of an artifact.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.columns = list(COLOUR_COLUMNS)
        self.scaler = StandardScaler()
        self.regressor = SVR(C=SVR_C, gamma=SVR_GAMMA, epsilon=SVR_EPSILON)
        # Hardly any regularisation: one slope and one offset for hundreds of items.
        self.calibration = LogisticRegression(C=1e6)

    def fit(self, features: Numbers, target: Floats, groups: Groups | None = None) -> "CutoutModel":
        """Learn artifacts, and the probability out of fold.

        Parameters
        ----------
        features : ndarray of float, shape (n_items, n_features)
            Finite, as `cutout_features.NAMES`.
        target : ndarray of float, shape (n_items,)
            1 for an artifact, else 0.
        groups : ndarray, shape (n_items,), optional
            Frame of each item.

        Returns
        -------
        CutoutModel
            Itself.

        Raises
        ------
        ValueError
            If there are fewer than two groups, or a part of them has one class
            only.
        """
        positive = np.asarray(target) > 0.5
        coloured = np.ptp(features[:, list(COLOUR_COLUMNS)], axis=0).any()
        self.columns = list(COLOUR_COLUMNS if coloured else GREY_COLUMNS)
        held_out = np.empty(len(positive))
        _check_classes(positive)
        for training, test in split_groups(positive, groups, CALIBRATION_FOLDS, self.seed):
            _check_classes(positive[training])
            self._learn(features[training], positive[training])
            held_out[test] = self._regress(features[test])
        self.calibration.fit(held_out[:, None], positive)
        self._learn(features, positive)
        return self

    def predict_score(self, features: Numbers) -> Floats:
        """Predict how probably each cutout has an artifact.

        Parameters
        ----------
        features : ndarray of float, shape (n_items, n_features)
            Finite, as `cutout_features.NAMES`.

        Returns
        -------
        ndarray of float64, shape (n_items,)
            In 0..1, for as many artifacts as there were in training.
        """
        if not len(features):
            return np.empty(0)
        regressed = self._regress(features)[:, None]
        return np.asarray(self.calibration.predict_proba(regressed)[:, 1], dtype="float64")

    def _learn(self, features: Numbers, positive: Bools) -> None:
        self.scaler.fit(self._chosen(features))
        # Artifacts are rare; with equal weights the regression would say 0 everywhere.
        weight = np.where(positive, (~positive).sum() / positive.sum(), 1.0)
        self.regressor.fit(
            self._standard(features), positive.astype("float64"), sample_weight=weight
        )

    def _regress(self, features: Numbers) -> Floats:
        return np.asarray(self.regressor.predict(self._standard(features)), dtype="float64")

    def _standard(self, features: Numbers) -> Floats:
        standard = self.scaler.transform(self._chosen(features))
        cut: Floats = np.clip(standard, -MOST_SPREADS, MOST_SPREADS)
        return cut

    def _chosen(self, features: Numbers) -> Floats:
        """Take the columns, large values by their logarithm."""
        chosen = np.asarray(features, dtype="float64")[:, self.columns]
        logarithm: Floats = np.sign(chosen) * np.log1p(np.abs(chosen))
        return logarithm


def _check_classes(positive: Bools) -> None:
    if positive.all() or not positive.any():
        msg = "cutouts with and without artifacts are needed, each in at least two frames"
        raise ValueError(msg)
