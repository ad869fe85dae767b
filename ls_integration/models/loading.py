"""Any model file -> what scores images."""

from pathlib import Path

from ls_integration.models.model import Scorer
from ls_integration.models.onnx_network import NETWORK_SUFFIX, load_network
from ls_integration.models.saved import load_model


def load_scorer(path: Path, n_threads: int | None = None) -> Scorer:
    """Read a trained model, or a lab's own network.

    Parameters
    ----------
    path : Path
        A file that `train` wrote, or one that ends in ``.onnx``.
    n_threads : int, optional
        That a network computes with; all processors by default.

    Returns
    -------
    Scorer
        Checked.

    Raises
    ------
    ModelError
        If it cannot be used.
    ConfigError
        If a library for it is not installed.
    """
    if path.suffix.lower() == NETWORK_SUFFIX:
        return load_network(path, n_threads)
    return load_model(path)
