"""`--order uncertain` and `reorder`: which items are most worth a look, first to last.

Loads scikit-learn: import it where the order is asked for, not before.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.errors import ConfigError
from ls_integration.kinds.cutouts import POSITIVE
from ls_integration.kinds.cutouts_table import CutoutTable
from ls_integration.kinds.sources_table import SourceTable
from ls_integration.kinds.sted_source import ANOMALY, truth_label
from ls_integration.models.folds import Bools, Floats
from ls_integration.models.model import FEATURE_SETS, Features
from ls_integration.models.queue import MOST_SPREAD, rank_queue, relevance
from ls_integration.models.queue_scale import find_threshold, scale_scores
from ls_integration.models.sted_features import FAST_VERSION
from ls_integration.progress import Reporter, silent
from ls_integration.workflows.model_images import ImageSource
from ls_integration.workflows.sted_images import from_table
from ls_integration.workflows.sted_options import StedOptions

Places = NDArray[np.intp]

ReadFeatures = Callable[[Places], Features | None]
"""Places of items -> a row of finite features each, or None if there are none."""

STEP = "looking for near-duplicates"
"""The name of this step for a `Reporter`."""


def rank_items(
    scores: Floats,
    threshold: float,
    positive: Bools,
    known: Bools,
    read_features: ReadFeatures | None = None,
) -> Places:
    """Order items so that those most worth a look come first.

    Parameters
    ----------
    scores : ndarray of float, shape (n_items,)
        Of any scale, higher is more positive; NaN where there is none.
    threshold : float
        Score from which on the model calls an item positive.
    positive : ndarray of bool, shape (n_items,)
        The present labels.
    known : ndarray of bool, shape (n_items,)
        Where there is a label.
    read_features : callable, optional
        Asked for the images that may have to be kept apart, see
        `models.queue.rank_queue`; None: near-duplicates follow each other.

    Returns
    -------
    ndarray of int, shape (n_items,)
        Places of the items; those without a score come last, as they stood.
    """
    scored = np.flatnonzero(np.isfinite(scores))
    scaled, cut = scale_scores(scores[scored], threshold)
    features = None
    if read_features is not None:
        # Only so many are spread: the others' images need not be opened.
        worth = relevance(scaled, cut, positive[scored], known[scored])
        head = np.argsort(-worth, kind="stable")[:MOST_SPREAD]
        found = read_features(scored[head])
        if found is not None:
            features = np.zeros((len(scored), found.shape[1]), dtype="float32")
            features[head] = found
    order = rank_queue(scaled, cut, positive[scored], known[scored], features)
    return np.concatenate([scored[order], np.flatnonzero(~np.isfinite(scores))])


def rank_sted(
    rows: pd.DataFrame,
    options: StedOptions,
    threshold: float | None,
    report: Reporter = silent,
) -> Places:
    """Order the rows of a source of STED images.

    Parameters
    ----------
    rows : DataFrame
        As `SourceTable.rows`, with the model's labels filled in; at least one.
    options : StedOptions
        Source, limits of the ratings, and which part of a stack is shown.
    threshold : float or None
        The model's; None: found from its labels.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        Places of the rows.

    Raises
    ------
    ConfigError
        If there are no scores, or the model's labels keep to no threshold.
    """
    scores = rows["model_score"].to_numpy(dtype="float64")
    if not np.isfinite(scores).any():
        msg = (
            f"--order uncertain needs a model's scores, and {options.source} has none; give a "
            "source with them (`predict` writes one), or --order random"
        )
        raise ConfigError(msg)
    labels = [truth_label(rating, options.normal_at_least) for rating in rows["rating"]]
    known = np.array([label is not None for label in labels])
    positive = np.array([label == ANOMALY for label in labels])
    if threshold is None:
        threshold = called_threshold(rows, "--model-threshold")

    def read(places: Places) -> Features | None:
        chosen = rows.iloc[places].reset_index(drop=True)
        table = SourceTable(str(options.source), chosen, selects_itself=True, origin="manifest")
        return read_features(from_table(table, options.picture), report)

    return rank_items(scores, threshold, positive, known, read)


def rank_cutouts(table: CutoutTable, items: pd.DataFrame) -> Places:
    """Order the cutouts that a study asks about.

    The random floor keeps its places: ranked among the queue its surest cutouts
    would all stand at the end, where a review that stops early never comes, and
    the errors outside the queue would be estimated from its doubtful ones.

    Parameters
    ----------
    table : CutoutTable
        The table.
    items : DataFrame
        From `kinds.cutouts.make_items`.

    Returns
    -------
    ndarray of int, shape (n_items,)
        Places of the items.

    Raises
    ------
    ConfigError
        If the model's predictions keep to no threshold.
    """
    threshold = table_threshold(table)
    positive = (items["label"] == POSITIVE).to_numpy(dtype=bool)
    known = items["label"].notna().to_numpy(dtype=bool)
    scores = items["model_score"].to_numpy(dtype="float64")
    return rank_in_queue(items["is_queue"].to_numpy(dtype=bool), scores, threshold, positive, known)


def rank_in_queue(
    is_queue: Bools, scores: Floats, threshold: float, positive: Bools, known: Bools
) -> Places:
    """Order the items of a queue, and leave those that are mixed into it where they are.

    Parameters
    ----------
    is_queue : ndarray of bool, shape (n_items,)
        False for the random floor.
    scores : ndarray of float, shape (n_items,)
        As of `rank_items`.
    threshold : float
        As of `rank_items`.
    positive, known : ndarray of bool, shape (n_items,)
        As of `rank_items`.

    Returns
    -------
    ndarray of int, shape (n_items,)
        Places of the items.
    """
    order = np.arange(len(is_queue))
    queue = order[is_queue]
    ranked = rank_items(scores[queue], threshold, positive[queue], known[queue])
    order[is_queue] = queue[ranked]
    return order


def table_threshold(table: CutoutTable) -> float:
    """Give the threshold of a table's model.

    Parameters
    ----------
    table : CutoutTable
        The table.

    Returns
    -------
    float
        As given, else the one to which its predictions keep.

    Raises
    ------
    ConfigError
        If they keep to none.
    """
    if table.threshold is not None:
        return table.threshold
    scores = table.frame["score"].to_numpy(dtype="float64")
    scored = np.isfinite(scores)
    called = table.frame["prediction"].to_numpy(dtype=bool)
    return _threshold_of(scores[scored], called[scored], "--threshold")


def called_threshold(rows: pd.DataFrame, option: str) -> float:
    """Find the threshold of a model of STED images from its labels.

    Parameters
    ----------
    rows : DataFrame
        ``model_score`` and ``model_label``.
    option : str
        What else would say it.

    Returns
    -------
    float
        A score at or above it is an anomaly.

    Raises
    ------
    ConfigError
        If the labels keep to none.
    """
    scores = rows["model_score"].to_numpy(dtype="float64")
    decided = np.isfinite(scores) & rows["model_label"].notna().to_numpy(dtype=bool)
    called = (rows["model_label"] == ANOMALY).to_numpy(dtype=bool)
    return _threshold_of(scores[decided], called[decided], option)


def _threshold_of(scores: Floats, called_positive: Bools, option: str) -> float:
    threshold = find_threshold(scores, called_positive) if len(scores) else None
    if threshold is None:
        msg = (
            "the model's decisions keep to no threshold of its scores, so that nothing says how "
            f"far it is from another answer; give {option}"
        )
        raise ConfigError(msg)
    return threshold


def read_features(source: ImageSource, report: Reporter = silent) -> Features | None:
    """Describe STED images as far as it takes to tell near-duplicates.

    Parameters
    ----------
    source : ImageSource
        The images.
    report : Reporter, optional
        Told of progress, in items.

    Returns
    -------
    ndarray of float32, shape (n_items, n_features)
        One that cannot be read is as the average of the others: like nothing
        in particular. None if none can be read.
    """
    feature_set = FEATURE_SETS[FAST_VERSION]
    features = np.full((len(source.rows), len(feature_set.names)), np.nan, dtype="float32")
    n_done = 0
    for number, rows in enumerate(source.batches):
        report(STEP, n_done, len(features))
        batch = source.read(number)
        if len(batch.rows):
            features[batch.rows] = batch.images.describe(feature_set)
        n_done += len(rows)
    report(STEP, n_done, len(features))
    is_read = np.isfinite(features).all(axis=1)
    if not is_read.any():
        return None
    features[~is_read] = features[is_read].mean(axis=0)
    return features
