"""What a model was trained on, kept beside it: features and targets, no images.

With it a model can be trained again on what people corrected since, without the
images of its first training. It is a NumPy archive without pickled objects.
"""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ls_integration.errors import ModelError, ResultsError, SourceError
from ls_integration.files import write_bytes
from ls_integration.images.npy import npy_header, read_npz
from ls_integration.images.source_files import DAMAGED
from ls_integration.models.model import Features, Floats

TRAINING_SUFFIX: Final = ".training.npz"
"""In the place of the model's own."""

MAX_TRAINING_BYTES: Final = 1024 * 1024 * 1024
"""A million items of 250 features of 4 bytes."""

_NAMES = ("features", "target", "groups", "features_version")


@dataclass(frozen=True)
class TrainingData:
    """What is learnt from, one row for each item.

    Attributes
    ----------
    features : ndarray of float32, shape (n_items, n_features)
        Finite.
    target : ndarray of float64, shape (n_items,)
        Ratings, or 1 for an artifact.
    groups : ndarray of str, shape (n_items,)
        Session or frame of each item; empty where none is known.
    features_version : str
        What the features mean.
    """

    features: Features
    target: Floats
    groups: NDArray[np.str_]
    features_version: str

    @property
    def group_numbers(self) -> NDArray[np.int64]:
        """Number the groups; an item without one is its own.

        Returns
        -------
        ndarray of int64, shape (n_items,)
            From 0.
        """
        own = np.array([f"item {row}" for row in range(len(self.groups))])
        named = np.char.add("group ", self.groups.astype(str))
        texts = np.where(self.groups == "", own, named)
        numbers = np.unique(texts, return_inverse=True)[1]
        return np.asarray(numbers, dtype=np.int64)


def training_path(model: Path) -> Path:
    """Name the file that lies beside a model.

    Parameters
    ----------
    model : Path
        The model's file.

    Returns
    -------
    Path
        Its training data's.
    """
    return model.with_suffix(TRAINING_SUFFIX)


def save_training(model: Path, data: TrainingData) -> None:
    """Write what a model was trained on beside it.

    Parameters
    ----------
    model : Path
        The model's file.
    data : TrainingData
        What it was trained on.

    Raises
    ------
    ResultsError
        If it cannot be written.
    """
    content = io.BytesIO()
    np.savez(
        content,
        allow_pickle=False,
        features=data.features,
        target=data.target,
        groups=data.groups.astype(np.str_),
        features_version=np.array(data.features_version),
    )
    path = training_path(model)
    try:
        write_bytes(path, content.getvalue())
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}; mend that, rerun"
        raise ResultsError(msg) from error


def load_training(model: Path) -> TrainingData:
    """Read what a model was trained on.

    Parameters
    ----------
    model : Path
        The model's file.

    Returns
    -------
    TrainingData
        Checked: of one length, finite.

    Raises
    ------
    ModelError
        If it is not there, damaged, or not what `save_training` writes.
    """
    path = training_path(model)
    try:
        if path.stat().st_size > MAX_TRAINING_BYTES:
            msg = f"it is larger than {MAX_TRAINING_BYTES:,} bytes"
            raise ModelError(msg)
        _check_sizes(path)
        arrays = read_npz(path, _NAMES, MAX_TRAINING_BYTES)
        data = TrainingData(
            np.asarray(arrays["features"], dtype=np.float32),
            np.asarray(arrays["target"], dtype=np.float64),
            np.asarray(arrays["groups"], dtype=np.str_),
            str(arrays["features_version"][()]),
        )
        n_items = len(data.target)
        is_whole = data.features.ndim == 2 and len(data.features) == len(data.groups) == n_items
        if not is_whole or not np.isfinite(data.features).all() or not n_items:
            msg = "its parts do not fit together"
            raise ModelError(msg)
    except FileNotFoundError:
        msg = f"there is no {path}, which `train` writes beside a model; train it again"
        raise ModelError(msg) from None
    except (ModelError, SourceError) as error:
        msg = f"{path} is not what a model was trained on: {error}; train again"
        raise ModelError(msg) from None
    except DAMAGED as error:
        msg = f"{path} is damaged ({type(error).__name__}); train again"
        raise ModelError(msg) from None
    return data


def _check_sizes(path: Path) -> None:
    """Refuse arrays that are more than the file: nothing has been unpacked yet."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                dtype = npy_header(path, file).dtype
            # `save_training` packs nothing: all parts together are no more than the file.
            is_packed = member.compress_type != zipfile.ZIP_STORED
            if dtype.hasobject or is_packed or member.file_size > MAX_TRAINING_BYTES:
                msg = f"its part {member.filename[:40]} is packed, or no array of numbers"
                raise ModelError(msg)
