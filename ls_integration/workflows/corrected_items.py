"""The answers of a study -> what a model can learn from them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ls_integration.kinds import cutouts, sted_rating
from ls_integration.kinds.sted_source import ANOMALY, NORMAL, NORMAL_AT_LEAST
from ls_integration.models.folds import is_below
from ls_integration.models.model import Features, Floats, Model
from ls_integration.models.training_data import TrainingData
from ls_integration.serving.inputs import CutoutInput, FrameInput, Input, StedInput

_DIGITS = 6
"""A rating that went through float32 must not fall below the limit that it was on."""


def decided_answers(annotations: pd.DataFrame) -> pd.DataFrame:
    """Give one answer for each item: everybody's newest, and of these what most say.

    Parameters
    ----------
    annotations : DataFrame
        Annotations tables of a study's projects, one after the other.

    Returns
    -------
    DataFrame
        ``label`` (None where ratings were asked) and ``rating`` (their mean)
        by ``item_id``; items on which people are divided are left out.
    """
    given = annotations.loc[~annotations["skipped"]]
    newest = given.sort_values("updated_at", kind="stable").drop_duplicates(
        ["item_id", "annotator"], keep="last"
    )
    rows = {}
    for item_id, own in newest.groupby("item_id", sort=False):
        votes = own["label"].dropna().value_counts()
        if len(votes) > 1 and votes.iloc[0] == votes.iloc[1]:
            continue
        label = str(votes.index[0]) if len(votes) else None
        rows[str(item_id)] = {"label": label, "rating": own["rating"].mean()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["label", "rating"])


def targets(
    kind: str, answers: pd.DataFrame, items: pd.DataFrame, learnt: Floats
) -> dict[str, float]:
    """Say what each answer teaches.

    A rating teaches itself. "Normal" or "anomaly" leaves a known rating that
    says the same as it is; else it teaches the median rating of the images that
    the model has learnt as such. An artifact is 1, none is 0.

    Parameters
    ----------
    kind : str
        Of the study.
    answers : DataFrame
        From `decided_answers`.
    items : DataFrame
        The study's items.
    learnt : ndarray of float64, shape (n_items,)
        Targets that the model was trained on.

    Returns
    -------
    dict of str to float
        ``item_id`` -> target, in the order of the items; "unsure" teaches
        nothing.
    """
    known = items.drop_duplicates("item_id").set_index("item_id")
    found: dict[str, float] = {}
    for item_id in known.index:
        if item_id not in answers.index:
            continue
        label, rating = answers.loc[item_id, "label"], answers.loc[item_id, "rating"]
        if kind == sted_rating.KIND:
            value = float(rating)
        elif kind == cutouts.KIND:
            names = {cutouts.POSITIVE: 1.0, cutouts.NEGATIVE: 0.0}
            value = names.get(str(label), np.nan)
        else:
            value = _rating_of(str(label), float(known["rating"].get(item_id, np.nan)), learnt)
        if np.isfinite(value):
            found[str(item_id)] = round(value, _DIGITS)
    return found


def _rating_of(label: str, known: float, learnt: Floats) -> float:
    if label not in (NORMAL, ANOMALY):
        return np.nan
    is_anomaly = label == ANOMALY
    if np.isfinite(known) and is_below(np.array([known]), NORMAL_AT_LEAST)[0] == is_anomaly:
        return known
    alike = learnt[is_below(learnt, NORMAL_AT_LEAST) == is_anomaly]
    return float(np.median(alike)) if len(alike) else np.nan


def describe_items(
    model: Model,
    target: Mapping[str, float],
    inputs: Mapping[str, Input],
    groups: Mapping[str, str],
) -> TrainingData:
    """Read the items that were judged and compute their features.

    Parameters
    ----------
    model : Model
        Says which features.
    target : mapping of str to float
        ``item_id`` -> target.
    inputs : mapping of str to Input
        ``item_id`` -> its source file; items without are left out.
    groups : mapping of str to str
        ``item_id`` -> session or frame; empty where none is known.

    Returns
    -------
    TrainingData
        One row for each item.

    Raises
    ------
    SourceError
        If a source file cannot be read.
    """
    chosen = [item_id for item_id in target if item_id in inputs]
    features: dict[str, Features] = {}
    frames: dict[FrameInput, list[tuple[str, CutoutInput]]] = {}
    for item_id in chosen:
        found = inputs[item_id]
        if isinstance(found, StedInput):
            features[item_id] = model.feature_set.extract(found.read()[None])[0]
        else:
            frames.setdefault(found.frame, []).append((item_id, found))
    for source, wanted in frames.items():
        frame = source.read()
        corners = np.array([one.corner(frame) for _, one in wanted], dtype=np.int64)
        of_frame = model.feature_set.extract(frame.values, corners, wanted[0][1].tile_px)
        features |= {item_id: row for (item_id, _), row in zip(wanted, of_frame, strict=True)}
    n_features = len(model.feature_set.names)
    return TrainingData(
        np.array([features[item_id] for item_id in chosen], np.float32).reshape(-1, n_features),
        np.array([target[item_id] for item_id in chosen], dtype=np.float64),
        np.array([groups.get(item_id, "") for item_id in chosen], dtype=np.str_),
        model.card.features_version,
    )
