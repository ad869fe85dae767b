"""The images of a STED quality study: which ones, how good, and what the model said."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pandas as pd

from ls_integration.errors import ConfigError, some_of
from ls_integration.kinds.sources_sted import find_all_images, find_reader
from ls_integration.kinds.sources_table import Problem, SourceTable

__all__ = [
    "ANOMALY",
    "ANOMALY_BELOW",
    "NORMAL",
    "NORMAL_AT_LEAST",
    "ModelDecisions",
    "Problem",
    "SourceTable",
    "model_labels",
    "read_all_images",
    "read_source",
    "select",
    "truth_label",
]

NORMAL: Final = "normal"
ANOMALY: Final = "anomaly"

NORMAL_AT_LEAST = 0.70
"""Lowest rating of a normal image, as in AnomaGUI's code (its text says > 0.70)."""

ANOMALY_BELOW = 0.60
"""Images from this rating up to `NORMAL_AT_LEAST` are ambiguous and left out."""


@dataclass(frozen=True)
class ModelDecisions:
    """A source's rows with the model's answers filled in.

    Attributes
    ----------
    rows : DataFrame
        A copy; in ``model_score`` higher is more anomalous.
    threshold : float or None
        A score at or above it is an anomaly; None if none was given.
    notes : tuple of str
        Lines for the user.
    """

    rows: pd.DataFrame
    threshold: float | None
    notes: tuple[str, ...] = ()


def read_source(
    source: Path, *, ratings: Path | None = None, check_files: bool = True
) -> SourceTable:
    """Read the images of a study, whichever of three forms the source has.

    - a folder with ``test_paths.csv`` (and perhaps ``test_scores.csv``), as
      AnomaGUI's: see `sources_sted.read_anomagui`;
    - a manifest CSV, or a folder that holds a ``manifest.csv``: see
      `sources_sted.read_manifest`;
    - any folder of images: see `sources_sted.read_folder`.

    Parameters
    ----------
    source : Path
        Folder or manifest.
    ratings : Path, optional
        CSV file ``path,rating`` for a folder of images.
    check_files : bool
        Whether an image that is not there is a problem; scoring finished
        sessions needs none of them.

    Returns
    -------
    SourceTable
        All images in the source's order, with the problems of single ones.

    Raises
    ------
    SourceError
        If the source as a whole cannot be read: no such folder, no column
        ``path``, lists of different length, no image.
    ConfigError
        If `ratings` is given for a source that has its own.
    """
    return find_reader(source.resolve(), ratings, check_files=check_files)


def read_all_images(source: Path, *, ratings: Path | None = None) -> SourceTable:
    """Read the images of a source, also those that its own list leaves out.

    Parameters
    ----------
    source : Path
        Folder or manifest.
    ratings : Path, optional
        CSV file ``path,rating`` for a folder of images.

    Returns
    -------
    SourceTable
        As `read_source`, but of AnomaGUI's folder every image that lies in it.

    Raises
    ------
    SourceError
        As `read_source`.
    ConfigError
        As `read_source`.
    """
    return find_all_images(source.resolve(), ratings)


def select(
    rows: pd.DataFrame,
    *,
    selects_itself: bool,
    normal_at_least: float = NORMAL_AT_LEAST,
    anomaly_below: float = ANOMALY_BELOW,
) -> tuple[pd.DataFrame, int]:
    """Leave out the ambiguous images.

    Parameters
    ----------
    rows : DataFrame
        As in `SourceTable`.
    selects_itself : bool
        Whether the source is a selection already: then all are kept.
    normal_at_least : float
        Lowest rating of a normal image, 0 to 1.
    anomaly_below : float
        Ratings from here up to `normal_at_least` are left out.

    Returns
    -------
    rows : DataFrame
        What is kept, in order, with an index 0, 1, ...; images without a
        rating are kept.
    left_out : int
        How many are not.

    Raises
    ------
    ConfigError
        If the two limits do not make a range within 0 to 1.
    """
    if not 0.0 <= anomaly_below <= normal_at_least <= 1.0:
        msg = (
            f"--anomaly-below {anomaly_below:g} and --normal-at-least {normal_at_least:g} must lie "
            "between 0 and 1, the first not above the second"
        )
        raise ConfigError(msg)
    if selects_itself:
        return rows.reset_index(drop=True), 0
    ambiguous = (rows["rating"] >= anomaly_below) & (rows["rating"] < normal_at_least)
    return rows[~ambiguous].reset_index(drop=True), int(ambiguous.sum())


def truth_label(rating: float, normal_at_least: float = NORMAL_AT_LEAST) -> str | None:
    """Tell which answer is right for an image of this rating.

    Parameters
    ----------
    rating : float
        0 to 1; NaN if there is none.
    normal_at_least : float
        Lowest rating of a normal image.

    Returns
    -------
    str or None
        ``normal``, ``anomaly``, or None without a rating.
    """
    if math.isnan(rating):
        return None
    return NORMAL if rating >= normal_at_least else ANOMALY


def model_labels(
    rows: pd.DataFrame,
    threshold: float | None,
    *,
    score_high_means: Literal["anomaly", "normal"] = ANOMALY,
) -> ModelDecisions:
    """Decide from the model's scores, where the source has no decisions.

    Parameters
    ----------
    rows : DataFrame
        As in `SourceTable`.
    threshold : float or None
        On the source's own scale of scores. A score at or above it is an
        anomaly; if high scores mean normal, one at or below it.
    score_high_means : {"anomaly", "normal"}
        What a high score says. With ``normal``, scores and threshold change
        their sign, so that higher is more anomalous everywhere after this.

    Returns
    -------
    ModelDecisions
        The source's own ``model_label`` is kept where there is one.

    Raises
    ------
    ConfigError
        If there are scores but neither decisions nor a threshold, a threshold
        but no scores, or the source's decisions contradict the threshold.
    """
    decided = rows.copy()
    has_score = rows["model_score"].notna()
    has_label = rows["model_label"].notna()
    if not has_score.any():
        if threshold is not None:
            msg = f"--model-threshold {threshold:g} is given, but no model scores; leave it out"
            raise ConfigError(msg)
        return ModelDecisions(decided, None)
    notes: list[str] = []
    if score_high_means == NORMAL:
        # Subtracted from zero, so that a score of 0 does not become -0.
        decided["model_score"] = 0.0 - rows["model_score"]
        threshold = None if threshold is None else 0.0 - threshold
        notes.append("scores and threshold are stored negated: higher is more anomalous")
    undecided = has_score & ~has_label
    if threshold is None:
        if undecided.any():
            msg = (
                f"{int(undecided.sum())} images have a model score but no decision; "
                "give --model-threshold, the score from which an image counts as an anomaly"
            )
            raise ConfigError(msg)
    else:
        computed = pd.Series(
            np.where(decided["model_score"] >= threshold, ANOMALY, NORMAL), index=rows.index
        )
        other = has_score & has_label & (computed != rows["model_label"])
        if other.any():
            named = some_of(list(rows.loc[other, "source_path"]))
            msg = (
                f"the source's model_label contradicts --model-threshold for {named}; "
                "leave out the threshold or the column"
            )
            raise ConfigError(msg)
        labels = zip(rows["model_label"], computed, undecided, has_label, strict=True)
        decided["model_label"] = pd.Series(
            [new if gap else old if known else None for old, new, gap, known in labels],
            index=rows.index,
            dtype="object",
        )
    without = int((~has_score & ~has_label).sum())
    if without:
        notes.append(f"{without} of {len(rows)} images have no model answer")
    return ModelDecisions(decided, threshold, tuple(notes))
