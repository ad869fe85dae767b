"""`improve`: does reviewing pay? The model before and after it, and the review simulated."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ls_integration.errors import ConfigError, SourceError
from ls_integration.models.cross_validation import N_FOLDS, choose_threshold, out_of_fold_scores
from ls_integration.models.estimators import find_positive
from ls_integration.models.folds import Floats
from ls_integration.models.improvement import (
    Improvement,
    Places,
    ReviewCurve,
    measure_improvement,
    trace_review,
)
from ls_integration.models.queue import rank_queue
from ls_integration.progress import Reporter, Say, silent
from ls_integration.workflows.reviewed import Reviewed, read_reviewed
from ls_integration.workflows.train import Known, TrainOptions, choose_recipe, learnable

CURVE_STEP = "simulated review"
"""The name of the long step for a `Reporter`."""


@dataclass(frozen=True)
class ImproveOptions:
    """What the user asked `improve` for.

    Attributes
    ----------
    recipe : str or None
        Of `models.model.RECIPE_FEATURES`; None: the usual one of the kind.
    steps : int
        In how many parts the curve cuts the review; 0: no curve.
    repeats : int
        Random orders.
    seed : int
        Of the folds, the models and the random orders.
    """

    recipe: str | None = None
    steps: int = 8
    repeats: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Improved:
    """What came out.

    Attributes
    ----------
    kind : str
        Of the model: ``sted-quality`` or ``cutouts``.
    recipe : str
        What was trained.
    grouped_by : str
        What no model had seen of what it scored: ``session``, ``frame``, ``item``.
    n_reviewed : int
        Items that people answered.
    improvement : Improvement
        Old against corrected labels.
    curves : list of ReviewCurve
        Quality against the number of reviewed items.
    """

    kind: str
    recipe: str
    grouped_by: str
    n_reviewed: int
    improvement: Improvement
    curves: list[ReviewCurve]


def improve(
    folder: Path,
    results: Path,
    options: ImproveOptions,
    *,
    say: Say,
    report: Reporter = silent,
) -> Improved:
    """Train on the labels before and after the review, and simulate the review.

    Parameters
    ----------
    folder : Path
        The study, whose source is where it was at the import.
    results : Path
        What was exported of it; of cutouts also a corrected table.
    options : ImproveOptions
        Recipe, steps of the curve, seed.
    say : callable
        Told of what is left out and how items are grouped.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    Improved
        The same for the same files and options.

    Raises
    ------
    ConfigError
        If an option cannot be right, or the study is of a kind without a model.
    SourceError
        If the source is gone, the results are of another study, or there is too
        little to learn from.
    """
    if options.steps < 0 or options.repeats < 1 or options.seed < 0:
        msg = (
            f"--steps {options.steps}, --repeats {options.repeats}, --seed {options.seed}: give "
            "no negative number, and one repeat at least"
        )
        raise ConfigError(msg)
    reviewed = read_reviewed(folder, results)
    recipe = choose_recipe(
        reviewed.source.kind, TrainOptions(recipe=options.recipe, seed=options.seed)
    )
    known, old, queue = _learn(reviewed, recipe, options, say, report)
    n_corrected = int(np.count_nonzero(old != known.target))
    say(
        f"{len(queue)} items were reviewed, {n_corrected} labels corrected; training {recipe} on "
        f"{len(old)} items before and after"
    )
    try:
        improvement = measure_improvement(
            recipe, known.features, old, known.target, known.groups, seed=options.seed
        )
        curves = _trace(known, old, queue, recipe, options, report) if options.steps else []
    except ValueError as error:
        msg = f"cannot train {recipe} on {reviewed.source.name}: {error}; give more labelled images"
        raise SourceError(msg) from None
    return Improved(
        kind=reviewed.source.kind,
        recipe=recipe,
        grouped_by="item" if known.groups is None else reviewed.source.grouped_by,
        n_reviewed=len(queue),
        improvement=improvement,
        curves=curves,
    )


def _learn(
    reviewed: Reviewed, recipe: str, options: ImproveOptions, say: Say, report: Reporter
) -> tuple[Known, Floats, Places]:
    """Turn the images into features; give these, the old targets and the queue's places."""
    source = replace(reviewed.source, rows=reviewed.source.rows.assign(target=reviewed.corrected))
    known = learnable(source, recipe, TrainOptions(seed=options.seed), say=say, report=report)
    learnt = np.flatnonzero(~np.isnan(reviewed.corrected))
    place = np.full(len(reviewed.corrected), -1, dtype=np.intp)
    place[learnt] = np.arange(len(learnt))
    queue = place[reviewed.queue]
    return known, reviewed.old[learnt], queue[queue >= 0]


def _trace(
    known: Known,
    old: Floats,
    queue: Places,
    recipe: str,
    options: ImproveOptions,
    report: Reporter,
) -> list[ReviewCurve]:
    scores = out_of_fold_scores(recipe, known.features, old, known.groups, N_FOLDS, options.seed)
    positive = find_positive(recipe, old)
    threshold, _how = choose_threshold(scores, positive)
    against = np.where(positive, 1 - scores, scores)
    uncertain = rank_queue(scores, threshold, positive, features=known.features)
    generator = np.random.default_rng(options.seed)
    orders: dict[str, list[Places]] = {
        "queue": [queue],
        "uncertain": [uncertain[np.isin(uncertain, queue)]],
        "confidence": [queue[np.argsort(-against[queue], kind="stable")]],
        "random": [generator.permutation(queue) for _ in range(options.repeats)],
    }
    n_reviewed = np.unique(np.linspace(0, len(queue), options.steps + 1).round().astype(int))
    return trace_review(
        recipe,
        known.features,
        old,
        known.target,
        orders,
        n_reviewed.tolist(),
        known.groups,
        seed=options.seed,
        report=lambda done, total: report(CURVE_STEP, done, total),
    )
