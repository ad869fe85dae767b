"""What a model learns from and scores: images in batches, of whatever source.

A batch is what is in memory at once: some STED images, or a frame with its
cutouts. Batches are always cut at the same places, so that the scores of a run
that was interrupted are those of one that was not.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.kinds.cutouts import NEGATIVE, POSITIVE
from ls_integration.kinds.sted_source import ANOMALY, NORMAL
from ls_integration.models.card import ModelKind
from ls_integration.models.model import Features, FeatureSet, Floats, Scorer

Rows = NDArray[np.int64]

LABELS: Final[Mapping[ModelKind, tuple[str, str]]] = {
    "sted-quality": (NORMAL, ANOMALY),
    "cutouts": (NEGATIVE, POSITIVE),
}
"""Kind -> what a score below, and one at or above the threshold says."""


class Images(Protocol):
    """The images of a batch."""

    def score(self, scorer: Scorer) -> Floats:
        """Score them.

        Parameters
        ----------
        scorer : Scorer
            Of their kind.

        Returns
        -------
        ndarray of float64, shape (n_items,)
            In [0, 1].
        """

    def describe(self, feature_set: FeatureSet) -> Features:
        """Turn them into features.

        Parameters
        ----------
        feature_set : FeatureSet
            Of their kind.

        Returns
        -------
        ndarray of float32, shape (n_items, n_features)
            One row each.
        """

    def parts(self) -> Iterable[NDArray[Any]]:
        """Give their pixels, to tell these images from any others.

        Returns
        -------
        iterable of ndarray
            In the order of the items.
        """


@dataclass(frozen=True)
class Batch:
    """Images that are in memory together.

    Attributes
    ----------
    rows : ndarray of int64, shape (n_items,)
        Of `ImageSource.rows`; ascending.
    images : Images
        One for each row.
    problems : tuple of (int, str)
        Row and message of what could not be read, and is not in `rows`.
    """

    rows: Rows
    images: Images
    problems: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class ImageSource:
    """Images of a source, in its order, not read yet.

    Attributes
    ----------
    kind : {"sted-quality", "cutouts"}
        The question about them.
    name : str
        What the source is called.
    rows : DataFrame
        ``item_id`` (the source's own, or empty), ``path``, ``target`` float64
        (the rating, or 1 for an artifact; NaN: unknown) and ``group`` (text or
        None).
    grouped_by : str
        What a group is: ``session``, ``frame``.
    batches : tuple of ndarray of int64
        Rows of each batch; together all of them.
    read : callable
        Number of a batch -> the batch.
    fingerprint : str
        Changes when a file of the source does.
    notes : tuple of str
        Lines for the user.
    problems : tuple of (str, str)
        Path and message of what is wrong with single lines of the source; they
        are not among the rows.
    """

    kind: ModelKind
    name: str
    rows: pd.DataFrame
    grouped_by: str
    batches: tuple[Rows, ...]
    read: Callable[[int], Batch]
    fingerprint: str
    notes: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class StedImages:
    """STED images, perhaps of several sizes.

    Attributes
    ----------
    counts : sequence of ndarray
        Photon counts, each (height, width).
    """

    counts: Sequence[NDArray[Any]]

    def score(self, scorer: Scorer) -> Floats:
        """Score them, see `Images.score`.

        Parameters
        ----------
        scorer : Scorer
            Of STED images.

        Returns
        -------
        ndarray of float64, shape (n_items,)
            In [0, 1].
        """
        scores: Floats = np.zeros(len(self.counts))
        for places in self._by_size():
            scores[places] = scorer.score_sted(self._stacked(places))
        return scores

    def describe(self, feature_set: FeatureSet) -> Features:
        """Turn them into features, see `Images.describe`.

        Parameters
        ----------
        feature_set : FeatureSet
            Of STED images.

        Returns
        -------
        ndarray of float32, shape (n_items, n_features)
            One row each.
        """
        features = np.zeros((len(self.counts), len(feature_set.names)), dtype=np.float32)
        for places in self._by_size():
            features[places] = feature_set.extract(self._stacked(places))
        return features

    def parts(self) -> Iterable[NDArray[Any]]:
        """Give their pixels, see `Images.parts`.

        Returns
        -------
        iterable of ndarray
            As float32, since counts may come as integers or not.
        """
        return (np.ascontiguousarray(one, dtype=np.float32) for one in self.counts)

    def _by_size(self) -> list[list[int]]:
        places: dict[tuple[int, ...], list[int]] = {}
        for place, one in enumerate(self.counts):
            places.setdefault(one.shape, []).append(place)
        return list(places.values())

    def _stacked(self, places: Sequence[int]) -> NDArray[np.float32]:
        return np.stack([np.asarray(self.counts[place], dtype=np.float32) for place in places])


@dataclass(frozen=True)
class CutoutImages:
    """Cutouts of one frame.

    Attributes
    ----------
    frame : ndarray, shape (height, width) or (height, width, 3)
        Real numbers.
    corners : ndarray of int64, shape (n_items, 2)
        Column and row of each one's first pixel.
    tile_px : int
        Side of a cutout.
    """

    frame: NDArray[Any]
    corners: NDArray[np.int64]
    tile_px: int

    def score(self, scorer: Scorer) -> Floats:
        """Score them, see `Images.score`.

        Parameters
        ----------
        scorer : Scorer
            Of cutouts.

        Returns
        -------
        ndarray of float64, shape (n_items,)
            In [0, 1].
        """
        return scorer.score_cutouts(self.frame, self.corners, self.tile_px)

    def describe(self, feature_set: FeatureSet) -> Features:
        """Turn them into features, see `Images.describe`.

        Parameters
        ----------
        feature_set : FeatureSet
            Of cutouts.

        Returns
        -------
        ndarray of float32, shape (n_items, n_features)
            One row each.
        """
        return feature_set.extract(self.frame, self.corners, self.tile_px)

    def parts(self) -> Iterable[NDArray[Any]]:
        """Give the frame's pixels and the places, see `Images.parts`.

        Returns
        -------
        iterable of ndarray
            Two.
        """
        return (np.ascontiguousarray(self.frame), np.ascontiguousarray(self.corners))


def fingerprint_files(paths: Iterable[Path], *more: str) -> str:
    """Tell files from others of the same names, without reading them.

    Parameters
    ----------
    paths : iterable of Path
        The files; one that is not there counts as such.
    *more : str
        What else makes the source what it is.

    Returns
    -------
    str
        Hex digest of names, sizes and times of the last change.
    """
    digest = hashlib.sha256("\n".join(more).encode())
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            digest.update(f"\n{path} is not there".encode(errors="surrogateescape"))
        else:
            line = f"\n{path} {found.st_size} {found.st_mtime_ns}"
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()
