"""A lab's own network scores as declared beside it, and nothing else is run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ls_integration.errors import ModelError
from ls_integration.models.loading import load_scorer
from ls_integration.models.onnx_network import load_network

SIDECAR = """\
kind = "{kind}"
version = "mean-1"
threshold = 0.5
[input]
size_px = 16
channels = {channels}
layout = "{layout}"
normalise = "{normalise}"
{more}
[output]
means = "{means}"
positive = {positive}
"""


def write_network(
    path: Path,
    *,
    shape: Sequence[Any] = ("n", 1, 16, 16),
    n_outputs: int = 1,
    kind: str = "sted-quality",
    layout: str = "nchw",
    normalise: str = "none",
    means: str = "probability",
    positive: int = 0,
    more: str = "",
    element: int = TensorProto.FLOAT,
) -> Path:
    """Write a network that gives mean, 2 mean, 3 mean ... of each image, and its sidecar."""
    weights = np.arange(1, n_outputs + 1, dtype=np.float32)[None]
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("MatMul", ["mean", "weights"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("image", element, shape)],
        [helper.make_tensor_value_info("score", element, [shape[0], n_outputs])],
        [helper.make_tensor("weights", element, weights.shape, weights.ravel())],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    channels = shape[1] if layout == "nchw" else shape[3]
    path.with_suffix(".toml").write_text(
        SIDECAR.format(
            kind=kind,
            channels=channels,
            layout=layout,
            normalise=normalise,
            means=means,
            positive=positive,
            more=more,
        )
    )
    return path


IMAGES = np.random.default_rng(2).uniform(0, 1, (70, 16, 16)).astype(np.float32)


@pytest.mark.parametrize("batch", ["n", 1])
def test_a_network_scores_each_image(tmp_path: Path, batch: Any) -> None:
    """Also more than go at once, and where it was exported for one at a time."""
    network = load_scorer(write_network(tmp_path / "net.onnx", shape=(batch, 1, 16, 16)))
    assert (network.kind, network.version, network.threshold) == ("sted-quality", "mean-1", 0.5)
    scores = network.score_sted(IMAGES)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, IMAGES.mean(axis=(1, 2)), rtol=1e-6)
    assert np.array_equal(network.score_sted(IMAGES), scores)
    assert network.score_sted(IMAGES[:0]).shape == (0,)


def test_normalisation_and_output_are_those_declared(tmp_path: Path) -> None:
    """By hand: from 0 to 1, minus mean, over std, a logit."""
    path = write_network(
        tmp_path / "net.onnx",
        n_outputs=2,
        normalise="minmax",
        means="logit",
        positive=1,
        more="mean = [0.4]\nstd = [0.25]",
    )
    low, high = IMAGES.min(axis=(1, 2)), IMAGES.max(axis=(1, 2))
    logit = 2 * ((IMAGES.mean(axis=(1, 2)) - low) / (high - low) - 0.4) / 0.25
    wanted = 1 / (1 + np.exp(-logit))
    np.testing.assert_allclose(load_network(path).score_sted(IMAGES), wanted, rtol=1e-5)


def test_classes_become_one_score(tmp_path: Path) -> None:
    """Softmax over m and 2 m: the second has 1 / (1 + exp(-m))."""
    path = write_network(
        tmp_path / "net.onnx",
        n_outputs=2,
        means="softmax",
        positive=1,
        normalise="divide",
        more="divide_by = 10",
    )
    wanted = 1 / (1 + np.exp(-IMAGES.mean(axis=(1, 2))))
    np.testing.assert_allclose(load_network(path).score_sted(10 * IMAGES), wanted, rtol=1e-5)


def test_cutouts_are_cut_out_of_the_frame(tmp_path: Path) -> None:
    """In colour, channels last, 0 beyond the edges and where there are no data."""
    path = write_network(
        tmp_path / "net.onnx", kind="cutouts", layout="nhwc", shape=("n", 16, 16, 3)
    )
    frame = np.random.default_rng(3).uniform(0, 1, (40, 50, 3))
    frame[3, 4, 0] = np.nan
    corners = np.array([[0, 0], [16, 16], [40, 30], [-8, 0]])
    known = np.nan_to_num(frame)
    wanted = [
        known[:16, :16].sum() / 768,
        known[16:32, 16:32].sum() / 768,
        known[30:, 40:].sum() / 768,
        known[:16, :8].sum() / 768,
    ]
    network = load_network(path)
    np.testing.assert_allclose(network.score_cutouts(frame, corners, 16), wanted, rtol=1e-5)
    grey = network.score_cutouts(known[..., 0], corners, 16)
    np.testing.assert_allclose(grey[1], known[16:32, 16:32, 0].mean(), rtol=1e-5)
    with pytest.raises(ModelError, match="takes images of 16 x 16 px, these have 20 x 20"):
        network.score_cutouts(frame, corners, 20)
    with pytest.raises(ModelError, match="is of cutouts, not of sted-quality"):
        network.score_sted(IMAGES)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"shape": ("n", 1, 20, 20)}, "its sidecar says tensor.float. of .any, 1, 16, 16."),
        ({"shape": (8, 1, 16, 16)}, "its sidecar says"),
        ({"element": TensorProto.DOUBLE}, "takes tensor.double. of"),
        ({"means": "softmax"}, "does not fit its sidecar: .* gives shape .2, 1. for 2 images"),
        ({"positive": 1}, "says 'probability', column 1"),
        ({"positive": -1}, "output: .*counted from 0"),
        ({"means": "certainty"}, "output.means: Input should be 'probability'"),
        ({"kind": "cats"}, "kind: Input should be 'sted-quality' or 'cutouts'"),
        ({"more": "mean = [1.0, 2.0]"}, "mean has 2 values for 1 channels"),
        ({"more": "std = [0.0]"}, "std must be above 0"),
        ({"more": "divide_by = nan"}, "divide_by: Input should be a finite number"),
        ({"more": "colour = 1"}, "input.colour: Unexpected"),
        ({"more": "= 1"}, "is not TOML"),
    ],
)
def test_what_does_not_fit_is_refused_on_loading(
    tmp_path: Path, options: dict[str, Any], complaint: str
) -> None:
    """One line, which names the field or the sizes."""
    path = write_network(tmp_path / "net.onnx", **options)
    with pytest.raises(ModelError, match=complaint) as caught:
        load_network(path)
    assert "\n" not in str(caught.value)


def test_scores_outside_of_0_to_1_are_refused(tmp_path: Path) -> None:
    """A logit that was declared a probability is found with the first images."""
    network = load_network(write_network(tmp_path / "net.onnx"))
    with pytest.raises(ModelError, match="not from 0 to 1"):
        network.score_sted(7 * IMAGES)


def test_damaged_networks_are_refused(tmp_path: Path) -> None:
    """Truncated, empty, something else, missing, without a sidecar."""
    path = write_network(tmp_path / "net.onnx")
    data = path.read_bytes()
    for bad in (data[: len(data) // 2], b"", b"PK\x03\x04" + data):
        path.write_bytes(bad)
        with pytest.raises(ModelError):
            load_network(path)
    path.unlink()
    with pytest.raises(ModelError, match="cannot read the network"):
        load_network(path)
    path.with_suffix(".toml").unlink()
    with pytest.raises(ModelError, match="needs a file beside it"):
        load_network(path)


@pytest.mark.parametrize("location", ["weights.bin", "../secret.bin"])
def test_files_that_a_network_names_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    """Weights outside of the file could be any file of the machine."""
    folder = tmp_path / "here"
    folder.mkdir()
    path = write_network(folder / "net.onnx")
    (folder / location).write_bytes(np.ones(1, dtype=np.float32).tobytes())
    model = onnx.load(str(path))
    weights = model.graph.initializer[0]
    weights.ClearField("float_data")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    path.write_bytes(model.SerializeToString())
    monkeypatch.chdir(folder)
    with pytest.raises(ModelError):
        load_network(path)
