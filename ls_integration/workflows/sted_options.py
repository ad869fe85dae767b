"""What the imports of STED images were asked for."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ls_integration.errors import ConfigError
from ls_integration.images.read import Projection
from ls_integration.images.render import check_colormap, parse_scale
from ls_integration.kinds.sted_source import ANOMALY_BELOW, NORMAL_AT_LEAST
from ls_integration.workflows.import_options import StudyOptions, check_study_options


@dataclass(frozen=True)
class PictureOptions:
    """How images become pictures; the same for the whole study.

    Attributes
    ----------
    colormap : str
        A name that matplotlib knows.
    scale : str
        ``minmax``, ``percentile`` or ``counts MAX``.
    channel, plane, projection
        Which part of a stack is shown, see `images.read.read_image`.
    """

    colormap: str = "hot"
    scale: str = "minmax"
    channel: int | None = None
    plane: int | None = None
    projection: Projection | None = None


@dataclass(frozen=True, kw_only=True)
class StedOptions(StudyOptions):
    """What both imports of STED images may be asked for.

    Attributes
    ----------
    ratings : Path or None
        Ratings of a folder of images.
    normal_at_least, anomaly_below : float
        Limits of the ratings, in [0, 1].
    picture : PictureOptions
        How images become pictures.
    """

    ratings: Path | None = None
    normal_at_least: float = NORMAL_AT_LEAST
    anomaly_below: float = ANOMALY_BELOW
    picture: PictureOptions = field(default_factory=PictureOptions)


@dataclass(frozen=True, kw_only=True)
class ImportOptions(StedOptions):
    """What the user asked `import sted-quality` for.

    Attributes
    ----------
    model_threshold : float or None
        Score from which an image counts as an anomaly.
    score_high_means : {"anomaly", "normal"}
        What a high score of the source says.
    model_version : str
        Name of the source's model on the server.
    """

    model_threshold: float | None = None
    score_high_means: Literal["anomaly", "normal"] = "anomaly"
    model_version: str = "model"


@dataclass(frozen=True, kw_only=True)
class RatingOptions(StedOptions):
    """What the user asked `import sted-rating` for: one of the three selections.

    Attributes
    ----------
    select : Path or None
        List of images, an ``imgs_to_check.npz``.
    range : tuple of float or None
        Ratings from the first up to the second, in [0, 1].
    from_disagreements : Path or None
        Results of a study of normal and anomaly: what most people dispute.
    model_threshold : float or None
        Score from which an image counts as an anomaly; for the order alone.
    score_high_means : {"anomaly", "normal"}
        What a high score of the source says; for the order alone.
    """

    select: Path | None = None
    range: tuple[float, float] | None = None
    from_disagreements: Path | None = None
    model_threshold: float | None = None
    score_high_means: Literal["anomaly", "normal"] = "anomaly"


def check_options(options: ImportOptions, title: str) -> None:
    """Refuse options of `import sted-quality` before anything is read.

    Parameters
    ----------
    options : ImportOptions
        All of them.
    title : str
        The study's title.

    Raises
    ------
    ConfigError
        Naming the option and its value.
    """
    check_picture_options(options.picture)
    check_study_options(options, title)
    if options.model_threshold is not None and not math.isfinite(options.model_threshold):
        msg = f"--model-threshold {options.model_threshold} is not a finite number; give one"
        raise ConfigError(msg)
    if not options.model_version.strip():
        msg = "--model-version is empty; give the model a name"
        raise ConfigError(msg)


def check_picture_options(picture: PictureOptions) -> None:
    """Refuse what no picture can be made with.

    Parameters
    ----------
    picture : PictureOptions
        How images become pictures.

    Raises
    ------
    ConfigError
        Naming the option and its value.
    """
    parse_scale(picture.scale)
    check_colormap(picture.colormap)
