"""A lab's own network, ``net.onnx``, with `onnx_sidecar` beside it.

Nothing of it is executed but its own operators: no custom ones, and no files
that it may name.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from ls_integration.errors import ConfigError, ModelError
from ls_integration.models.card import ModelKind
from ls_integration.models.model import Floats, checked_scores, refuse_kind
from ls_integration.models.onnx_sidecar import NetworkInput, Sidecar, read_sidecar

NETWORK_SUFFIX: Final = ".onnx"
SIDECAR_SUFFIX: Final = ".toml"

MAX_NETWORK_BYTES: Final = 2**31 - 1
"""Protocol buffers end there; larger networks keep their weights in further files."""

_AT_ONCE = 32


class OnnxNetwork:
    """A network and what is declared about it.

    Parameters
    ----------
    sidecar : Sidecar
        What is declared.
    session : onnxruntime.InferenceSession
        The network.
    """

    def __init__(self, sidecar: Sidecar, session: Any) -> None:
        self._sidecar = sidecar
        self._session = session
        # Many are exported for one image at a time.
        self._at_once = 1 if session.get_inputs()[0].shape[0] == 1 else _AT_ONCE

    @property
    def kind(self) -> ModelKind:  # numpydoc ignore=RT01
        """Name of the question that it answers."""
        return self._sidecar.kind

    @property
    def version(self) -> str:  # numpydoc ignore=RT01
        """Name that it has on predictions."""
        return self._sidecar.version

    @property
    def threshold(self) -> float:  # numpydoc ignore=RT01
        """Score from which on an item is positive."""
        return self._sidecar.threshold

    def score_sted(self, counts: NDArray[Any]) -> Floats:
        """Score STED images.

        Parameters
        ----------
        counts : ndarray, shape (n_images, height, width)
            Photon counts.

        Returns
        -------
        ndarray of float64, shape (n_images,)
            In [0, 1], higher means more anomalous.

        Raises
        ------
        ModelError
            If the network is for other images.
        """
        refuse_kind(self, "sted-quality")
        return self.score_images(np.asarray(counts, dtype=np.float32)[..., None])

    def score_cutouts(self, frame: NDArray[Any], corners: NDArray[np.int64], tile: int) -> Floats:
        """Score cutouts of one frame.

        Parameters
        ----------
        frame : ndarray, shape (height, width) or (height, width, 3)
            Real numbers; what is not finite counts as 0, and so does what is
            beyond its edges.
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
            If the network is for other images.
        """
        refuse_kind(self, "cutouts")
        values = np.asarray(frame)
        values = values[..., None] if values.ndim == 2 else values
        scores = [
            self.score_images(_cut(values, corners[start : start + _AT_ONCE], tile))
            for start in range(0, len(corners), _AT_ONCE)
        ]
        return np.concatenate(scores) if scores else np.zeros(0)

    def score_images(self, images: NDArray[np.float32]) -> Floats:
        """Score images of any kind.

        Parameters
        ----------
        images : ndarray of float32, shape (n_images, height, width, channels)
            One or three channels; colours become grey, and grey three equal
            colours, where the network takes the other.

        Returns
        -------
        ndarray of float64, shape (n_images,)
            In [0, 1].

        Raises
        ------
        ModelError
            If they are of another size, or what the network gives is no score.
        """
        wanted = self._sidecar.input
        side, channels = wanted.size_px, wanted.channels
        if images.shape[1:3] != (side, side):
            height, width = images.shape[1:3]
            msg = (
                f"the network {self.version} takes images of {side} x {side} px, these have "
                f"{width} x {height}; export one for them"
            )
            raise ModelError(msg)
        if images.shape[3] != channels:
            if images.shape[3] == 3:
                images = images.mean(axis=3, keepdims=True)
            else:
                images = np.repeat(images, 3, axis=3)
        scores = [
            self._run(images[start : start + self._at_once])
            for start in range(0, len(images), self._at_once)
        ]
        return np.concatenate(scores) if scores else np.zeros(0)

    def _run(self, images: NDArray[np.float32]) -> Floats:
        wanted = self._sidecar.input
        values = _normalised(images, wanted)
        if wanted.layout == "nchw":
            values = np.ascontiguousarray(np.moveaxis(values, 3, 1))
        name = self._session.get_inputs()[0].name
        (output,) = self._session.run([self._session.get_outputs()[0].name], {name: values})
        return self._meaning(np.asarray(output), len(images))

    def _meaning(self, output: NDArray[Any], n_images: int) -> Floats:
        said = self._sidecar.output
        columns = output.reshape(n_images, -1) if output.size and n_images else output
        fits = columns.ndim == 2 and len(columns) == n_images and said.positive < columns.shape[1]
        needed = 2 if said.means == "softmax" else 1
        if not fits or columns.shape[1] < needed:
            msg = (
                f"the network {self.version} gives shape {output.shape} for {n_images} images; its "
                f"sidecar says '{said.means}', column {said.positive}: correct one of the two"
            )
            raise ModelError(msg)
        values = columns.astype(np.float64)
        if said.means == "softmax":
            values = softmax(values, axis=1)
        score = values[:, said.positive]
        return checked_scores(
            expit(score) if said.means == "logit" else score, n_images, self.version
        )


def load_network(path: Path, n_threads: int | None = None) -> OnnxNetwork:
    """Read a network and its sidecar, and see that they fit together.

    Parameters
    ----------
    path : Path
        The ``.onnx`` file; the sidecar has its name with ``.toml``.
    n_threads : int, optional
        That it computes with; all processors by default.

    Returns
    -------
    OnnxNetwork
        It has scored a blank image.

    Raises
    ------
    ModelError
        If one of the two is missing, damaged, or contradicts the other.
    ConfigError
        If onnxruntime is not installed.
    """
    sidecar = read_sidecar(path.with_suffix(SIDECAR_SUFFIX))
    session = _open(path, n_threads)
    _check_input(path, session, sidecar.input)
    network = OnnxNetwork(sidecar, session)
    side = sidecar.input.size_px
    blank = np.zeros((2, side, side, sidecar.input.channels), dtype=np.float32)
    try:
        network.score_images(blank)
    except ModelError as error:
        msg = f"{path} does not fit its sidecar: {error}"
        raise ModelError(msg) from None
    except _runtime_errors() as error:
        msg = f"{path} cannot score a blank image of {side} px: {_one_line(error)}"
        raise ModelError(msg) from None
    return network


def _open(path: Path, n_threads: int | None) -> Any:
    try:
        import onnxruntime
    except ImportError:
        msg = f"{path} needs onnxruntime; install it: pip install 'ls-integration[onnx]'"
        raise ConfigError(msg) from None
    try:
        with path.open("rb") as file:
            data = file.read(MAX_NETWORK_BYTES + 1)
    except OSError as error:
        msg = f"cannot read the network {path}: {error.strerror or error}; correct --model"
        raise ModelError(msg) from None
    if len(data) > MAX_NETWORK_BYTES:
        msg = f"the network {path} is larger than 2 GB; export a smaller one"
        raise ModelError(msg)
    options = onnxruntime.SessionOptions()
    if n_threads is not None:
        options.intra_op_num_threads = n_threads
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # its warnings go past our console
    try:
        # From bytes: files beside it, which a network may name, are not looked for.
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except _runtime_errors() as error:
        msg = f"{path} is no network that onnxruntime can use: {_one_line(error)}"
        raise ModelError(msg) from None


def _runtime_errors() -> tuple[type[Exception], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = (one for one in vars(state).values() if isinstance(one, type))
    return (*(one for one in own if issubclass(one, Exception)), RuntimeError, ValueError)


def _check_input(path: Path, session: Any, wanted: NetworkInput) -> None:
    """Compare what the network declares itself with the sidecar."""
    inputs = session.get_inputs()
    side, channels = wanted.size_px, wanted.channels
    shape = (channels, side, side) if wanted.layout == "nchw" else (side, side, channels)
    declared = inputs[0].shape if len(inputs) == 1 else None
    fits = (
        declared is not None
        and inputs[0].type == "tensor(float)"
        and len(declared) == 4
        and (declared[0] == 1 or not isinstance(declared[0], int))
        and all(
            own == said or not isinstance(own, int)
            for own, said in zip(declared[1:], shape, strict=True)
        )
    )
    if not fits:
        said = f"tensor(float) of (any, {', '.join(map(str, shape))})"
        own = ", ".join(f"{one.type} of {tuple(one.shape)}" for one in inputs)[:200]
        msg = f"{path} takes {own}; its sidecar says {said}: correct it, or export it so"
        raise ModelError(msg)


def _normalised(images: NDArray[np.float32], wanted: NetworkInput) -> NDArray[np.float32]:
    values: NDArray[Any] = np.nan_to_num(images, nan=0.0, posinf=0.0, neginf=0.0)
    if wanted.normalise == "minmax":
        low = values.min(axis=(1, 2, 3), keepdims=True)
        span = values.max(axis=(1, 2, 3), keepdims=True) - low
        values = (values - low) / np.where(span > 0, span, 1)
    elif wanted.normalise == "divide":
        values = values / np.float32(wanted.divide_by)
    if wanted.mean:
        values = values - np.asarray(wanted.mean, dtype=np.float32)
    if wanted.std:
        values = values / np.asarray(wanted.std, dtype=np.float32)
    return values.astype(np.float32, copy=False)


def _cut(frame: NDArray[Any], corners: NDArray[np.int64], tile: int) -> NDArray[np.float32]:
    height, width, channels = frame.shape
    tiles = np.zeros((len(corners), tile, tile, channels), dtype=np.float32)
    for number, (x, y) in enumerate(corners.tolist()):
        left, top = max(x, 0), max(y, 0)
        part = frame[top : min(y + tile, height), left : min(x + tile, width)]
        rows, columns = part.shape[:2]
        tiles[number, top - y : top - y + rows, left - x : left - x + columns] = part
    return tiles


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
