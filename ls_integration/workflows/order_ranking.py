"""What the order of `reorder` is made from: scores, labels, and features of near-duplicates."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ls_integration.errors import IntegrationError, StudyError
from ls_integration.kinds import cutouts, sted_quality
from ls_integration.kinds.cutouts_table import read_predictions_table
from ls_integration.kinds.registry import kind_of
from ls_integration.models.folds import Bools, Floats
from ls_integration.models.model import Features, Scorer
from ls_integration.progress import Reporter, Say
from ls_integration.study import Study
from ls_integration.workflows.cutouts_results import TABLE_FILE
from ls_integration.workflows.predict import score_resumably
from ls_integration.workflows.push_predictions import MODEL_SCORES
from ls_integration.workflows.study_images import open_study_images
from ls_integration.workflows.uncertain_order import (
    Places,
    called_threshold,
    rank_in_queue,
    rank_items,
    read_features,
    table_threshold,
)


@dataclass(frozen=True)
class ReorderOptions:
    """What the user asked `reorder` for.

    Attributes
    ----------
    skip_bad : bool
        Images that a model cannot read come last instead of stopping.
    source : Path or None
        Where the images are now, if they were moved.
    """

    skip_bad: bool = False
    source: Path | None = None


@dataclass(frozen=True)
class Ranking:
    """What an order is made from, by the study's items.

    Attributes
    ----------
    items : DataFrame
        The items.
    scores : ndarray of float, shape (n_items,)
        NaN where there is none.
    threshold : float
        A score at or above it is positive.
    positive, known : ndarray of bool, shape (n_items,)
        The label that stands, and whether there is one.
    read_features : callable or None
        Places -> features that tell near-duplicates, or None where images are gone.
    """

    items: pd.DataFrame
    scores: Floats
    threshold: float
    positive: Bools
    known: Bools
    read_features: Callable[[Places], Features | None] | None

    def order(self, places: Places) -> Places:
        """Put some of the items into order.

        Parameters
        ----------
        places : ndarray of int
            Of the items.

        Returns
        -------
        ndarray of int
            The same, most worth a look first.
        """
        of_them = (self.scores[places], self.threshold, self.positive[places], self.known[places])
        if "is_queue" in self.items:
            is_queue = self.items["is_queue"].to_numpy(dtype=bool)[places]
            return places[rank_in_queue(is_queue, *of_them)]
        read = self.read_features
        own = (lambda some: read(places[some])) if read else None
        return places[rank_items(*of_them, own)]


def make_ranking(
    folder: Path,
    study: Study,
    items: pd.DataFrame,
    scorer: Scorer | None,
    model_sha256: str,
    options: ReorderOptions,
    *,
    say: Say,
    report: Reporter,
) -> Ranking:
    """Gather what an order is made from.

    Parameters
    ----------
    folder : Path
        The study's folder.
    study : Study
        An assisted one.
    items : DataFrame
        Its items.
    scorer : Scorer or None
        Model that says what is doubtful; None: the scores of the import.
    model_sha256 : str
        Hash of its file; empty without one.
    options : ReorderOptions
        Where the images are.
    say : callable
        Takes lines for the user.
    report : Reporter
        Told of progress.

    Returns
    -------
    Ranking
        Of all items.

    Raises
    ------
    StudyError
        If there are no scores.
    ModelError
        If the model is of another kind.
    ConfigError
        If nothing says from which score on the model calls an item positive.
    SourceError
        If images cannot be read.
    """
    if scorer is not None:
        scores = _model_scores(
            folder, study, items, scorer, model_sha256, options, say=say, report=report
        )
        threshold = scorer.threshold
    else:
        scores, threshold = _own_scores(folder, study, items)
    positive = (items["label"] == kind_of(study).positive).to_numpy(dtype=bool)
    known = items["label"].notna().to_numpy(dtype=bool)
    read = None
    if study.kind == sted_quality.KIND:
        read = _reader(folder, study, items, options.source, say=say, report=report)
    return Ranking(items, scores, threshold, positive, known, read)


def _model_scores(
    folder: Path,
    study: Study,
    items: pd.DataFrame,
    scorer: Scorer,
    model_sha256: str,
    options: ReorderOptions,
    *,
    say: Say,
    report: Reporter,
) -> Floats:
    source = open_study_images(study, folder, items, options.source)
    # Beside what `push-predictions` keeps: it goes on from there.
    predicted, parts = score_resumably(
        source,
        scorer,
        model_sha256,
        folder / MODEL_SCORES,
        skip_bad=options.skip_bad,
        say=say,
        report=report,
    )
    parts.remove()
    by_item = dict(zip(source.rows["item_id"], predicted.scores.tolist(), strict=True))
    return np.array([by_item.get(item_id, np.nan) for item_id in items["item_id"]])


def _own_scores(folder: Path, study: Study, items: pd.DataFrame) -> tuple[Floats, float]:
    scores = items["model_score"].to_numpy(dtype="float64")
    if not np.isfinite(scores).any():
        msg = f"the study '{study.title}' was imported without model scores; give a --model"
        raise StudyError(msg)
    if study.kind == cutouts.KIND:
        table = read_predictions_table(
            folder / TABLE_FILE,
            threshold=study.options.get("threshold"),
            tile_px=int(study.options["tile_px"]),
        )
        return scores, table_threshold(table)
    threshold = study.options.get("stored_threshold")
    if threshold is not None:
        return scores, float(threshold)
    return scores, called_threshold(items, "--model")


def _reader(
    folder: Path,
    study: Study,
    items: pd.DataFrame,
    source: Path | None,
    *,
    say: Say,
    report: Reporter,
) -> Callable[[Places], Features | None]:
    """Give the reader of features of the study's images, each read once for all projects."""
    known: dict[int, Any] = {}
    gone = False

    def read(places: Places) -> Features | None:
        nonlocal gone
        missing = np.array([place for place in places.tolist() if place not in known], dtype="int")
        if len(missing) and not gone:
            try:
                images = open_study_images(
                    study, folder, items.iloc[missing].reset_index(drop=True), source
                )
                found = read_features(images, report)
            except IntegrationError as error:
                found = None
                say(f"near-duplicates are not kept apart: {error}")
            gone = found is None
            if found is not None:
                known.update(zip(missing.tolist(), found, strict=True))
        return None if gone else np.stack([known[place] for place in places.tolist()])

    return read
