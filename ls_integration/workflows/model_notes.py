"""What is said of a model before it is used, and how its file is told from others."""

import hashlib
from pathlib import Path

from ls_integration.errors import ModelError
from ls_integration.models.model import Model, Scorer
from ls_integration.models.onnx_network import NETWORK_SUFFIX, SIDECAR_SUFFIX
from ls_integration.models.saved import other_libraries


def notes_on(scorer: Scorer) -> list[str]:
    """Say which model it is, and whether it may score otherwise than it was tested.

    Parameters
    ----------
    scorer : Scorer
        The model.

    Returns
    -------
    list of str
        Lines for the user.
    """
    notes = [f"model {scorer.version} of {scorer.kind}, threshold {scorer.threshold:.4g}"]
    if isinstance(scorer, Model) and (others := other_libraries(scorer.card)):
        notes.append(
            f"it was trained with {'; '.join(others)}: its scores may differ from those on its "
            "card; train again to be sure"
        )
    return notes


def hash_file(path: Path) -> str:
    """Tell a model's file from any other.

    Parameters
    ----------
    path : Path
        The file; of a network its sidecar counts too.

    Returns
    -------
    str
        Hex digest.

    Raises
    ------
    ModelError
        If it cannot be read.
    """
    paths = [path]
    if path.suffix.lower() == NETWORK_SUFFIX:
        paths.append(path.with_suffix(SIDECAR_SUFFIX))
    digest = hashlib.sha256()
    try:
        for one in paths:
            with one.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        msg = f"cannot read the model {path}: {error.strerror or error}; correct --model"
        raise ModelError(msg) from None
    return digest.hexdigest()
