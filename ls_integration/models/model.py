"""A trained model: a card, an estimator, and images -> scores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ls_integration.errors import ModelError
from ls_integration.models import cutout_features, sted_features
from ls_integration.models.card import ModelCard, ModelKind
from ls_integration.models.estimators import Estimator

Floats = NDArray[np.float64]
Features = NDArray[np.float32]


class Scorer(Protocol):
    """What scores images: a trained `Model`, or a network of a lab's own."""

    @property
    def kind(self) -> ModelKind:  # numpydoc ignore=RT01
        """Name the question that it answers."""

    @property
    def version(self) -> str:  # numpydoc ignore=RT01
        """Name it as on predictions."""

    @property
    def threshold(self) -> float:  # numpydoc ignore=RT01
        """Give the score from which on an item is positive."""

    def score_sted(self, counts: NDArray[Any]) -> Floats:
        """Score STED images, see `Model.score_sted`.

        Parameters
        ----------
        counts : ndarray, shape (n_images, height, width)
            Photon counts.

        Returns
        -------
        ndarray of float64, shape (n_images,)
            In [0, 1], higher means more anomalous.
        """

    def score_cutouts(self, frame: NDArray[Any], corners: NDArray[np.int64], tile: int) -> Floats:
        """Score cutouts of one frame, see `Model.score_cutouts`.

        Parameters
        ----------
        frame : ndarray, shape (height, width) or (height, width, 3)
            Real numbers.
        corners : ndarray of int64, shape (n_cutouts, 2)
            Column and row of each one's first pixel.
        tile : int
            Side of a cutout in px.

        Returns
        -------
        ndarray of float64, shape (n_cutouts,)
            In [0, 1], higher means more likely an artifact.
        """


@dataclass(frozen=True)
class FeatureSet:
    """A version of the features.

    Attributes
    ----------
    kind : {"sted-quality", "cutouts"}
        What they are features of.
    names : tuple of str
        In the order of the columns.
    extract : callable
        Images -> ndarray of float32, shape (n_items, n_features).
    """

    kind: ModelKind
    names: tuple[str, ...]
    extract: Callable[..., Features]


FEATURE_SETS: Final[Mapping[str, FeatureSet]] = {
    sted_features.VERSION: FeatureSet("sted-quality", sted_features.NAMES, sted_features.extract),
    sted_features.FAST_VERSION: FeatureSet(
        "sted-quality", sted_features.FAST_NAMES, sted_features.extract_fast
    ),
    cutout_features.VERSION: FeatureSet("cutouts", cutout_features.NAMES, cutout_features.extract),
}
"""Version -> features that this package can compute."""

RECIPE_FEATURES: Final[Mapping[str, str]] = {
    "sted-rating": sted_features.VERSION,
    "sted-fast": sted_features.FAST_VERSION,
    "sted-normal-only": sted_features.VERSION,
    "cutouts": cutout_features.VERSION,
}
"""Recipe of `estimators` -> the features that it learns from; the usual one of a kind first."""


@dataclass(frozen=True)
class Model:
    """A trained model.

    Attributes
    ----------
    card : ModelCard
        What it was trained on, how good it is, where it decides.
    estimator : Estimator
        Fitted.
    """

    card: ModelCard
    estimator: Estimator

    @property
    def kind(self) -> ModelKind:  # numpydoc ignore=RT01
        """Name of the question that it answers."""
        return self.card.kind

    @property
    def version(self) -> str:  # numpydoc ignore=RT01
        """Name that it has on predictions."""
        return self.card.version

    @property
    def threshold(self) -> float:  # numpydoc ignore=RT01
        """Score from which on an item is positive."""
        return self.card.threshold

    @property
    def feature_set(self) -> FeatureSet:
        """Give the features that it was trained on.

        Returns
        -------
        FeatureSet
            Of this package.

        Raises
        ------
        ModelError
            If this package cannot compute them, or they are of another kind.
        """
        known = FEATURE_SETS.get(self.card.features_version)
        if known is None or known.kind != self.card.kind:
            msg = (
                f"the model {self.version} was trained on features "
                f"'{self.card.features_version[:40]}', which this version cannot compute (it has "
                f"{', '.join(FEATURE_SETS)}); train again, or use the version that trained it"
            )
            raise ModelError(msg)
        return known

    def score_sted(self, counts: NDArray[Any]) -> Floats:
        """Score STED images.

        Parameters
        ----------
        counts : ndarray of float32 or uint16, shape (n_images, height, width)
            Photon counts.

        Returns
        -------
        ndarray of float64, shape (n_images,)
            In [0, 1], higher means more anomalous.

        Raises
        ------
        ModelError
            If it is no model of STED images, or does not score.
        """
        refuse_kind(self, "sted-quality")
        return self.score_features(self._features(counts))

    def score_cutouts(self, frame: NDArray[Any], corners: NDArray[np.int64], tile: int) -> Floats:
        """Score cutouts of one frame.

        Parameters
        ----------
        frame : ndarray, shape (height, width) or (height, width, 3)
            Real numbers; not finite where there are no data.
        corners : ndarray of int64, shape (n_cutouts, 2)
            Column and row of each one's first pixel.
        tile : int
            Side of a cutout in px.

        Returns
        -------
        ndarray of float64, shape (n_cutouts,)
            In [0, 1], higher means more likely an artifact.

        Raises
        ------
        ModelError
            If it is no model of cutouts, or does not score.
        """
        return self.score_features(self.describe_cutouts(frame, corners, tile))

    def describe_cutouts(
        self, frame: NDArray[Any], corners: NDArray[np.int64], tile: int
    ) -> Features:
        """Turn cutouts of one frame into the features that it was trained on.

        Parameters
        ----------
        frame : ndarray, shape (height, width) or (height, width, 3)
            Real numbers; not finite where there are no data.
        corners : ndarray of int64, shape (n_cutouts, 2)
            Column and row of each one's first pixel.
        tile : int
            Side of a cutout in px.

        Returns
        -------
        ndarray of float32, shape (n_cutouts, n_features)
            For `score_features`.

        Raises
        ------
        ModelError
            If it is no model of cutouts, or cannot describe these.
        """
        refuse_kind(self, "cutouts")
        return self._features(frame, corners, tile)

    def _features(self, *images: Any) -> Features:
        try:
            return self.feature_set.extract(*images)
        except ValueError as error:
            msg = f"the model {self.version} cannot describe these images: {error}"
            raise ModelError(msg) from None

    def score_features(self, features: Features) -> Floats:
        """Score what the images have been turned into.

        Parameters
        ----------
        features : ndarray of float32, shape (n_items, n_features)
            Of the model's `feature_set`.

        Returns
        -------
        ndarray of float64, shape (n_items,)
            In [0, 1], higher means more anomalous.

        Raises
        ------
        ModelError
            If the scores are none: the file was made by somebody else.
        """
        try:
            scores = np.asarray(self.estimator.predict_score(features))
        except ValueError as error:
            # scikit-learn's, of images or of a model that overflow: one line of theirs is enough.
            reason = (str(error).splitlines() or ["no reason given"])[0][:200]
            msg = f"the model {self.version} cannot score these images: {reason}"
            raise ModelError(msg) from None
        return checked_scores(scores, len(features), self.version)


def checked_scores(scores: NDArray[Any], n_items: int, version: str) -> Floats:
    """Refuse what is not one score for each item.

    Parameters
    ----------
    scores : ndarray
        As an estimator or a network gave them.
    n_items : int
        How many there should be.
    version : str
        Of the model, for the message.

    Returns
    -------
    ndarray of float64, shape (n_items,)
        Finite, in [0, 1].

    Raises
    ------
    ModelError
        Saying what is wrong.
    """
    if scores.shape != (n_items,) or scores.dtype.kind not in "fiu":
        msg = (
            f"the model {version} gives {scores.dtype} of shape {scores.shape} for {n_items} "
            "items, not one number each; train or export it again"
        )
        raise ModelError(msg)
    if not np.all((scores >= 0) & (scores <= 1)):
        msg = f"the model {version} gives scores that are not from 0 to 1; train or export it again"
        raise ModelError(msg)
    return scores.astype(np.float64)


def refuse_kind(scorer: Scorer, kind: str) -> None:
    """Refuse images of another kind than the model's.

    Parameters
    ----------
    scorer : Scorer
        The model.
    kind : str
        What shall be scored.

    Raises
    ------
    ModelError
        If the two differ.
    """
    if scorer.kind != kind:
        msg = f"the model {scorer.version} is of {scorer.kind}, not of {kind}; give another --model"
        raise ModelError(msg)
