"""`train`: a source of labelled images becomes a model with a card."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.errors import ConfigError, SourceError
from ls_integration.kinds.sted_source import ANOMALY_BELOW, NORMAL_AT_LEAST
from ls_integration.models.card import CardScore, ModelCard, Training, make_version
from ls_integration.models.cross_validation import (
    N_FOLDS,
    choose_threshold,
    measure_scores,
    out_of_fold_scores,
)
from ls_integration.models.estimators import find_positive, make_estimator
from ls_integration.models.folds import Bools
from ls_integration.models.model import (
    FEATURE_SETS,
    RECIPE_FEATURES,
    Features,
    Floats,
    Model,
)
from ls_integration.models.saved import library_versions
from ls_integration.models.training_data import TrainingData
from ls_integration.progress import Reporter, Say, silent
from ls_integration.scoring.measure import Measure
from ls_integration.scoring.roc import auc
from ls_integration.workflows.model_images import ImageSource

STEP = "features of images"
"""The name of the long step for a `Reporter`."""

CLEAR_AUC = "auc of clear ratings"
"""Without those that a study leaves out: what compares with a study's AUC."""


@dataclass(frozen=True)
class TrainOptions:
    """What the user asked `train` for.

    Attributes
    ----------
    recipe : str or None
        Of `RECIPE_FEATURES`; None: the usual one of the kind.
    threshold : float or None
        Score from which on an item is positive; None: chosen.
    seed : int
        Of the folds and of the bootstrap.
    skip_bad : bool
        Leave out what cannot be read instead of stopping.
    """

    recipe: str | None = None
    threshold: float | None = None
    seed: int = 0
    skip_bad: bool = False


@dataclass(frozen=True)
class Known:
    """What is learnt from, one row for each item.

    Attributes
    ----------
    features : ndarray of float32, shape (n_items, n_features)
        Of the recipe's features.
    target : ndarray of float64, shape (n_items,)
        Ratings, or 1 for an artifact.
    groups : ndarray of int64, shape (n_items,), or None
        What is not independent of each other; None: each item is.
    data_sha256 : str
        Hex digest of the pixels, targets and groups.
    group_names : tuple of str
        What the groups are called; empty texts where none is known.
    """

    features: Features
    target: Floats
    groups: NDArray[np.int64] | None
    data_sha256: str
    group_names: tuple[str, ...] = ()


def train(
    source: ImageSource, options: TrainOptions, *, say: Say, report: Reporter = silent
) -> Model:
    """Train a model and find out how good it is on groups that it has not seen.

    Parameters
    ----------
    source : ImageSource
        Labelled images.
    options : TrainOptions
        Recipe, threshold, seed.
    say : callable
        Told of what is left out and how items are grouped.
    report : Reporter, optional
        Told of progress, in items.

    Returns
    -------
    Model
        Trained on all items; the same for the same source, options and
        libraries, but for its time.

    Raises
    ------
    ConfigError
        If an option does not fit.
    SourceError
        If images cannot be read, or there is too little to learn from.
    """
    recipe = choose_recipe(source.kind, options)
    known = learnable(source, recipe, options, say=say, report=report)
    return fit_model(source, known, recipe, options, say=say)


def training_data(known: Known, recipe: str) -> TrainingData:
    """Give what is kept beside a model, for training it again.

    Parameters
    ----------
    known : Known
        What it was trained on.
    recipe : str
        Says what the features mean.

    Returns
    -------
    TrainingData
        Without the images.
    """
    groups = np.array(known.group_names or [""] * len(known.target), dtype=np.str_)
    return TrainingData(known.features, known.target, groups, RECIPE_FEATURES[recipe])


def choose_recipe(kind: str, options: TrainOptions) -> str:
    """Choose the recipe, and refuse options that cannot be right.

    Parameters
    ----------
    kind : str
        Of the model.
    options : TrainOptions
        All of them.

    Returns
    -------
    str
        Of `RECIPE_FEATURES`.

    Raises
    ------
    ConfigError
        Naming the option and its value.
    """
    fitting = [
        name for name, features in RECIPE_FEATURES.items() if FEATURE_SETS[features].kind == kind
    ]
    recipe = options.recipe or fitting[0]
    if recipe not in fitting:
        msg = f"--recipe {recipe} is none of {kind}; give one of {', '.join(fitting)}"
        raise ConfigError(msg)
    if options.threshold is not None and not 0 <= options.threshold <= 1:
        msg = f"--threshold {options.threshold} is no score; give 0 to 1"
        raise ConfigError(msg)
    if options.seed < 0:
        msg = f"--seed {options.seed} is negative; give 0 or more"
        raise ConfigError(msg)
    return recipe


def learnable(
    source: ImageSource,
    recipe: str,
    options: TrainOptions,
    *,
    say: Say,
    report: Reporter = silent,
) -> Known:
    """Read all labelled images, a batch at a time, and keep their features.

    Parameters
    ----------
    source : ImageSource
        Labelled images; those without a label are left out.
    recipe : str
        Says which features.
    options : TrainOptions
        ``skip_bad``.
    say : callable
        Told of what is left out.
    report : Reporter, optional
        Told of progress, in items.

    Returns
    -------
    Known
        At least one item.

    Raises
    ------
    SourceError
        If images cannot be read and ``skip_bad`` is not set, or none is
        labelled.
    """
    for note in source.notes:
        say(note)
    problems = list(source.problems)
    feature_set = FEATURE_SETS[RECIPE_FEATURES[recipe]]
    digest = hashlib.sha256()
    target = source.rows["target"].to_numpy(dtype=np.float64)
    kept: list[NDArray[np.int64]] = []
    features: list[Features] = []
    n_done = 0
    report(STEP, 0, len(target))
    for number, rows in enumerate(source.batches):
        if np.isnan(target[rows]).all():
            n_done += len(rows)
            continue
        batch = source.read(number)
        problems += [(str(source.rows["path"].iloc[row]), text) for row, text in batch.problems]
        kept.append(batch.rows)
        try:
            features.append(batch.images.describe(feature_set))
        except ValueError as error:
            msg = f"{source.name}: {error}"
            raise SourceError(msg) from None
        for part in batch.images.parts():
            digest.update(f"{part.dtype.str} {part.shape}".encode())
            digest.update(part.data)
        n_done += len(rows)
        report(STEP, n_done, len(target))
    report(STEP, len(target), len(target))
    refuse_bad(problems, options.skip_bad, say)
    rows = np.concatenate([*kept, np.zeros(0, dtype=np.int64)])
    is_known = ~np.isnan(target[rows])
    rows = rows[is_known]
    if not len(rows):
        msg = f"no image of {source.name} has a label to learn from; give its ratings"
        raise SourceError(msg)
    n_unknown = len(target) - len(rows) - len(problems) + len(source.problems)
    if n_unknown:
        say(f"left out {n_unknown} images without a rating")
    # In the source's order, in whichever the batches came.
    order = np.argsort(rows, kind="stable")
    groups = _groups(source, rows[order], say)
    for number in rows[order].tolist():
        digest.update(f"\n{target[number]!r} {source.rows['group'].iloc[number]}".encode())
    return Known(
        np.concatenate(features)[is_known][order],
        target[rows[order]],
        groups,
        digest.hexdigest(),
        tuple(source.rows["group"].iloc[rows[order]].fillna("").astype(str)),
    )


def refuse_bad(problems: list[tuple[str, str]], skip_bad: bool, say: Say) -> None:
    """Say each problem; stop if they shall not be left out.

    Parameters
    ----------
    problems : list of (str, str)
        Path and line for the user.
    skip_bad : bool
        Go on without them.
    say : callable
        Takes lines for the user.

    Raises
    ------
    SourceError
        If there are any and *skip_bad* is not set.
    """
    # Of a frame that cannot be read all cutouts say the same.
    for message in dict.fromkeys(message for _, message in problems):
        say(f"{'left out' if skip_bad else 'bad'}: {message}")
    if problems and not skip_bad:
        msg = (
            f"{len(problems)} images cannot be read (see above); correct them, or pass --skip-bad "
            "to go on without them"
        )
        raise SourceError(msg)


def _groups(source: ImageSource, rows: NDArray[np.int64], say: Say) -> NDArray[np.int64] | None:
    names = source.rows["group"].iloc[rows].reset_index(drop=True)
    if names.isna().all():
        say(
            f"no {source.grouped_by} is known of the images: each counts as independent, which "
            "flatters the scores if some are of one session"
        )
        return None
    alone = names.isna()
    if alone.any():
        say(f"{int(alone.sum())} images have no {source.grouped_by}: each counts as its own")
    own = pd.Series([f"row {row}" for row in rows], dtype=object)
    # A name and a row's number must not meet.
    texts = ("group " + names.astype(str)).where(~alone, own)
    return np.asarray(pd.factorize(texts)[0], dtype=np.int64)


def fit_model(
    source: ImageSource, known: Known, recipe: str, options: TrainOptions, *, say: Say
) -> Model:
    """Cross-validate a recipe, choose its threshold, and train it on everything.

    Parameters
    ----------
    source : ImageSource
        What the items are.
    known : Known
        What is learnt from.
    recipe : str
        Of the source's kind.
    options : TrainOptions
        Threshold, seed.
    say : callable
        Told what is done.

    Returns
    -------
    Model
        With its card.

    Raises
    ------
    SourceError
        If there is too little to learn from.
    """
    target, groups, seed = known.target, known.groups, options.seed
    positive = find_positive(recipe, target)
    say(f"cross-validating {recipe} on {len(target)} items, {int(positive.sum())} of them positive")
    try:
        scores = out_of_fold_scores(recipe, known.features, target, groups, N_FOLDS, seed)
        if options.threshold is None:
            threshold, how = choose_threshold(scores, positive)
        else:
            threshold, how = options.threshold, "given with --threshold"
        measures = measure_scores(positive, scores, threshold, groups, seed)
        if source.kind == "sted-quality":
            measures = {CLEAR_AUC: _clear_auc(known, positive, scores), **measures}
        estimator = make_estimator(recipe, seed).fit(known.features, target, groups)
    except ValueError as error:
        msg = f"cannot train {recipe} on {source.name}: {error}; give more labelled images"
        raise SourceError(msg) from None
    training = Training(
        recipe=recipe,
        data_sha256=known.data_sha256,
        features_version=RECIPE_FEATURES[recipe],
        libraries=library_versions(),
        parameters={"seed": seed, "threshold": options.threshold, "folds": N_FOLDS},
    )
    card = ModelCard(
        kind=source.kind,
        recipe=recipe,
        version=make_version(training),
        data_sha256=known.data_sha256,
        n_items=len(target),
        n_positive=int(positive.sum()),
        n_groups=len(target) if groups is None else len(np.unique(groups)),
        grouped_by="item" if groups is None else source.grouped_by,
        features_version=training.features_version,
        scores={
            name: CardScore(measure.value, measure.ci95, measure.reason)
            for name, measure in measures.items()
        },
        threshold=threshold,
        threshold_how=how,
        libraries=training.libraries,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        parameters=training.parameters,
    )
    return Model(card, estimator)


def _clear_auc(known: Known, positive: Bools, scores: Floats) -> Measure:
    """Measure the ranking without the images that a study leaves out as ambiguous."""
    clear = (known.target < ANOMALY_BELOW) | (known.target >= NORMAL_AT_LEAST)
    groups = None if known.groups is None else known.groups[clear]
    return auc(positive[clear], scores[clear], groups=groups)
