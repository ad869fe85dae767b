"""The file beside a lab's own network, ``net.toml``: what it takes and what it gives.

::

    kind = "sted-quality"        # or "cutouts"
    version = "resnet-2026-10"   # its name on predictions
    threshold = 0.5              # a score at or above it is positive
    [input]
    size_px = 224                # side of the square images or tiles
    channels = 1                 # 1, or 3 for the colours of a frame
    layout = "nchw"              # or "nhwc"
    normalise = "none"           # minmax: each image from 0 to 1; divide: by `divide_by`
    divide_by = 1.0
    mean = [0.0]                 # then subtracted and divided, for each channel
    std = [1.0]
    [output]
    means = "probability"        # of positive; or logit, or softmax over classes
    positive = 0                 # the column of an anomaly or artifact
"""

import tomllib
from dataclasses import field
from pathlib import Path
from typing import Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from ls_integration.errors import ModelError
from ls_integration.models.card import NAME_OF_MODEL, ModelKind

MAX_SIDE_PX: Final = 4096
"""Of a network's images; two blank ones are scored on loading."""

_MAX_BYTES = 64 * 1024
_STRICT: Final = ConfigDict(extra="forbid", allow_inf_nan=False)


@checked_dataclass(frozen=True, config=_STRICT)
class NetworkInput:
    """What a network takes, see the module's head.

    Attributes
    ----------
    size_px : int
        Side of its square images.
    channels : {1, 3}
        Greys or colours.
    layout : {"nchw", "nhwc"}
        Where the channels stand.
    normalise : {"none", "minmax", "divide"}
        What is done to the values first.
    divide_by : float
        For ``divide``.
    mean, std : list of float
        One for each channel, subtracted and divided after that.
    """

    size_px: int
    channels: Literal[1, 3] = 1
    layout: Literal["nchw", "nhwc"] = "nchw"
    normalise: Literal["none", "minmax", "divide"] = "none"
    divide_by: float = 1.0
    mean: list[float] = field(default_factory=list)
    std: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant.

        Raises
        ------
        ValueError
            Naming them.
        """
        if not 1 <= self.size_px <= MAX_SIDE_PX or self.divide_by <= 0:
            msg = f"size_px {self.size_px}, divide_by {self.divide_by}: give 1 to 4096, above 0"
            raise ValueError(msg)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values and len(values) != self.channels:
                msg = f"{name} has {len(values)} values for {self.channels} channels"
                raise ValueError(msg)
        if not all(value > 0 for value in self.std):
            msg = "std must be above 0"
            raise ValueError(msg)


@checked_dataclass(frozen=True, config=_STRICT)
class NetworkOutput:
    """What a network gives, see the module's head.

    Attributes
    ----------
    means : {"probability", "logit", "softmax"}
        What its numbers are.
    positive : int
        Column of an anomaly or artifact, where there are several.
    """

    means: Literal["probability", "logit", "softmax"]
    positive: int = 0

    def __post_init__(self) -> None:
        """Refuse a column that cannot be meant.

        Raises
        ------
        ValueError
            Naming it.
        """
        if self.positive < 0:
            msg = f"the column {self.positive} is counted from 0"
            raise ValueError(msg)


@checked_dataclass(frozen=True, config=_STRICT)
class Sidecar:
    """The file beside a network, see the module's head.

    Attributes
    ----------
    kind : {"sted-quality", "cutouts"}
        The question that it answers.
    version : str
        Its name on predictions.
    threshold : float
        In [0, 1], of the score that is made of its output.
    input : NetworkInput
        What it takes.
    output : NetworkOutput
        What it gives.
    """

    kind: ModelKind
    version: str
    threshold: float
    input: NetworkInput
    output: NetworkOutput

    def __post_init__(self) -> None:
        """Refuse a name or a threshold that cannot be used.

        Raises
        ------
        ValueError
            Naming it.
        """
        if not NAME_OF_MODEL.fullmatch(self.version):
            msg = f"the version {self.version[:40]!r} must be letters, digits, dots and hyphens"
            raise ValueError(msg)
        if not 0 <= self.threshold <= 1:
            msg = f"the threshold {self.threshold} is not from 0 to 1"
            raise ValueError(msg)


_ADAPTER = TypeAdapter(Sidecar)


def read_sidecar(path: Path) -> Sidecar:
    """Read what is declared about a network.

    Parameters
    ----------
    path : Path
        The TOML file.

    Returns
    -------
    Sidecar
        Every field of its type.

    Raises
    ------
    ModelError
        Naming the first field that is wrong.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        msg = (
            f"cannot read {path}: {error.strerror or error}; a network needs a file beside it that "
            "says its input size, normalisation and output meaning, see docs/models.md"
        )
        raise ModelError(msg) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        msg = f"{path} is not TOML ({reason}); see docs/models.md"
        raise ModelError(msg) from None
    try:
        return _ADAPTER.validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        msg = f"{path}, {where[:60]}: {first['msg'][:160]}; see docs/models.md"
        raise ModelError(msg) from None
