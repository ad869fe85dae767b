"""Model files: written whole, read without pickle, and refused if they are not ours.

A file is skops' archive of the estimator with ``card.json`` beside it in the
archive. Everything is checked on the very bytes that skops then reads: the
archive's directory, the arrays' headers, every type that it asks for
(`trusted`), and in the end whether it scores.
"""

import io
import re
import warnings
import zipfile
from importlib import metadata
from pathlib import Path
from typing import IO, Final

import numpy as np

from ls_integration.errors import ConfigError, ModelError, ResultsError, SourceError
from ls_integration.files import write_bytes, write_text
from ls_integration.images.npy import npy_header
from ls_integration.images.source_files import DAMAGED
from ls_integration.models.card import ModelCard
from ls_integration.models.model import Model
from ls_integration.models.trusted import TRUSTED, check_content, check_schema

MODEL_SUFFIX: Final = ".skops"
CARD_SUFFIX: Final = ".card.md"

LIBRARIES: Final = ("scikit-learn", "numpy", "scipy", "skops")
"""What a model's scores may depend on."""

MAX_MODEL_BYTES: Final = 64 * 1024 * 1024
"""Ours have about 1 MB: thousands of support vectors times 100 features."""

_MAX_MEMBERS = 5000
_MAX_JSON_BYTES = 4 * 1024 * 1024
_CARD, _SCHEMA = "card.json", "schema.json"
_ARRAY = re.compile(r"\d{1,20}\.npy")
_BROKEN = (*DAMAGED, AttributeError, ImportError, RecursionError)
"""What skops and scikit-learn raise on altered files, besides what NumPy and zipfile do."""


def check_model_name(path: Path) -> None:
    """Refuse a name that `load_scorer` would not know, before hours are spent.

    Parameters
    ----------
    path : Path
        Where a model shall be saved.

    Raises
    ------
    ConfigError
        If it does not end in `MODEL_SUFFIX`.
    """
    if path.suffix.lower() != MODEL_SUFFIX:
        msg = f"--output {path} does not end in {MODEL_SUFFIX}; give NAME{MODEL_SUFFIX}"
        raise ConfigError(msg)


def save_model(path: Path, model: Model) -> None:
    """Write a model, whole or not at all, and its card for people beside it.

    Parameters
    ----------
    path : Path
        The file, ending in `MODEL_SUFFIX`; the card's text gets `CARD_SUFFIX`.
    model : Model
        Fitted.

    Raises
    ------
    ModelError
        If it could not be loaded again.
    ResultsError
        If the file cannot be written.
    """
    import skops.io

    content = io.BytesIO(skops.io.dumps(model.estimator))
    with zipfile.ZipFile(content, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr(_CARD, model.card.to_json())
    data = content.getvalue()
    read_model(data, str(path))
    try:
        write_bytes(path, data)
        write_text(path.with_suffix(CARD_SUFFIX), model.card.to_text())
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}; mend that, rerun"
        raise ResultsError(msg) from error


def load_model(path: Path) -> Model:
    """Read a model and check it.

    Parameters
    ----------
    path : Path
        From `save_model`.

    Returns
    -------
    Model
        Ready to score.

    Raises
    ------
    ModelError
        If it is not there, too large, not ours, damaged, or asks for types
        that no model of ours needs.
    """
    return read_model(read_bounded(path), str(path))


def read_bounded(path: Path) -> bytes:
    """Read a file that may be any size.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    bytes
        At most `MAX_MODEL_BYTES`.

    Raises
    ------
    ModelError
        If it cannot be read or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MODEL_BYTES + 1)
    except OSError as error:
        msg = f"cannot read the model {path}: {error.strerror or error}; correct --model"
        raise ModelError(msg) from None
    if len(data) > MAX_MODEL_BYTES:
        msg = f"the model {path} is larger than {MAX_MODEL_BYTES:,} bytes; it is not one of ours"
        raise ModelError(msg)
    return data


def read_model(data: bytes, name: str) -> Model:
    """Read a model from its bytes and check it.

    Parameters
    ----------
    data : bytes
        All of the file.
    name : str
        What it is called, for messages.

    Returns
    -------
    Model
        Ready to score.

    Raises
    ------
    ModelError
        As `load_model`.
    """
    try:
        return _read(data)
    except (ModelError, SourceError) as error:
        reason = str(error)
    except _BROKEN as error:
        reason = f"it is damaged ({type(error).__name__})"
    msg = f"{name} is not a model that can be used: {reason}"
    raise ModelError(msg)


def other_libraries(card: ModelCard) -> list[str]:
    """Tell which libraries are not those of the training.

    Parameters
    ----------
    card : ModelCard
        Of a model.

    Returns
    -------
    list of str
        For example ``scikit-learn 1.8.0, here 1.9.1``; the last digits count
        too: what they change is for the libraries' own notes to say.
    """
    return [
        f"{name} {then}, here {now}"
        for name, then in card.libraries.items()
        if name in LIBRARIES and (now := metadata.version(name)) != then
    ]


def library_versions() -> dict[str, str]:
    """Give the versions of what a model's scores may depend on.

    Returns
    -------
    dict of str to str
        Name -> version.
    """
    return {name: metadata.version(name) for name in LIBRARIES}


def _read(data: bytes) -> Model:
    import skops.io
    from sklearn.exceptions import InconsistentVersionWarning

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        _check_archive(archive, len(data))
        card = ModelCard.from_json(archive.read(_CARD))
        check_schema(archive.read(_SCHEMA))
    with warnings.catch_warnings():
        # `other_libraries` says it in our words.
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        estimator = skops.io.loads(data, trusted=TRUSTED)
    check_content(estimator)
    model = Model(card, estimator)
    names = model.feature_set.names
    with np.errstate(all="ignore"):
        model.score_features(np.zeros((2, len(names)), dtype=np.float32))
    return model


def _check_archive(archive: zipfile.ZipFile, size_bytes: int) -> None:
    """Refuse what `save_model` does not write; nothing has been unpacked yet."""
    members = archive.infolist()
    names = [member.filename for member in members]
    strange = [
        name for name in names if name not in (_CARD, _SCHEMA) and not _ARRAY.fullmatch(name)
    ]
    is_ours = {_CARD, _SCHEMA} <= set(names) and not strange and len(set(names)) == len(names)
    if not is_ours or len(names) > _MAX_MEMBERS:
        msg = "it was not written by `train`; give a file that it wrote"
        raise ModelError(msg)
    # Stored, not compressed: together they cannot be larger than the file.
    is_stored = all(
        member.compress_type == zipfile.ZIP_STORED
        and member.file_size == member.compress_size
        and not member.flag_bits & 1
        for member in members
    )
    sizes = {member.filename: member.file_size for member in members}
    is_small = max(sizes[_CARD], sizes[_SCHEMA]) <= _MAX_JSON_BYTES
    if not is_stored or not is_small or sum(sizes.values()) > size_bytes:
        msg = "its parts are larger than it is, or packed; give a file that `train` wrote"
        raise ModelError(msg)
    for name in names:
        if name.endswith(".npy"):
            with archive.open(name) as file:
                _check_array(Path(name), file, sizes[name])


def _check_array(name: Path, file: IO[bytes], size_bytes: int) -> None:
    shape, dtype, _ = npy_header(name, file)
    n_bytes = dtype.itemsize
    for side in shape:
        n_bytes *= side
    if dtype.kind not in "biuf" or file.tell() + n_bytes != size_bytes:
        msg = f"its array {name} has {dtype} of shape {shape}, which is not what it holds"
        raise ModelError(msg)
