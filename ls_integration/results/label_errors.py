"""``label_errors.csv``: the known labels, most doubtful first."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.tables import write_csv
from ls_integration.scoring.consensus import MISSING
from ls_integration.scoring.label_errors import (
    contradiction,
    out_of_fold_probability,
    pooled_opinion,
)

LABEL_ERRORS_FILE = "label_errors.csv"
"""Name of the file."""

TRUE_LABEL = "true_label"
"""Column of the items with a better truth, of a later and more careful look, where there is one."""


def rank_labels(study: LinedUp, *, seed: int = 0) -> pd.DataFrame:
    """Rank the known labels by how strongly people and model contradict them.

    People have one vote each, of their first rounds; the model has one as well,
    its score turned into a probability that has not seen the item's own label
    (`scoring.label_errors.out_of_fold_probability`).

    Parameters
    ----------
    study : LinedUp
        The study.
    seed : int
        Of the model's parts.

    Returns
    -------
    DataFrame
        A row for each item with a known label and a vote: ``rank`` from 1,
        ``item_id``, ``label``, ``suggested_label`` (empty where the votes do
        not speak against the label), ``contradiction`` (above 0, below 1),
        ``n_answers``, ``n_against`` (people), ``model_probability`` (of the
        positive label; NaN where the model has no vote), ``opinion`` (share of
        the votes for the positive label) and ``place`` in the items.
    """
    known = study.truth.known
    truth = study.truth.positive
    # "unsure" is an answer, but nobody's known label: no vote for or against one.
    classes = {study.positive, *study.items["label"].dropna()} if known.any() else set()
    is_vote = [number for number, label in enumerate(study.labels) if label in classes]
    judged = np.isin(study.votes, is_vote)
    number = study.labels.index(study.positive) if study.positive in study.labels else MISSING - 1
    n_answers = judged.sum(axis=1).astype("int64")
    n_positive = (study.votes == number).sum(axis=1).astype("int64")
    model = _model_votes(study, seed)
    opinion = pooled_opinion(n_positive, n_answers, model)
    votes = n_answers + ~np.isnan(model)
    doubt = contradiction(truth, opinion, votes)
    place = np.flatnonzero(known & (votes > 0))
    # Equal doubt: more people first, then the study's order.
    place = place[np.lexsort((place, -n_answers[place], -doubt[place]))]
    is_against = np.where(truth, opinion < 0.5, opinion > 0.5)[place]
    suggested = np.where(truth, study.negative, study.positive).astype(object)[place]
    suggested[~is_against] = None
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(place) + 1),
            "item_id": study.items["item_id"].to_numpy(dtype=object)[place],
            "label": study.items["label"].to_numpy(dtype=object)[place] if len(place) else [],
            "suggested_label": suggested,
            "contradiction": doubt[place],
            "n_answers": n_answers[place],
            "n_against": np.where(truth, n_answers - n_positive, n_positive)[place],
            "model_probability": model[place],
            "opinion": opinion[place],
            "place": place,
        }
    )


def write_label_errors(folder: Path, study: LinedUp, ranking: pd.DataFrame) -> Path:
    """Write the ranking with what the items say of themselves.

    Parameters
    ----------
    folder : Path
        Where it goes.
    study : LinedUp
        The study.
    ranking : DataFrame
        From `rank_labels`.

    Returns
    -------
    Path
        ``label_errors.csv``.
    """
    table = ranking.drop(columns=["opinion", "place"])
    for offset, name in enumerate(("source_path", "rating", "structure", TRUE_LABEL)):
        if name in study.items.columns:
            values = study.items[name].take(ranking["place"].to_numpy())
            table.insert(2 + min(offset, 1), name, values.reset_index(drop=True))
    path = folder / LABEL_ERRORS_FILE
    write_csv(path, table)
    return path


def _model_votes(study: LinedUp, seed: int) -> NDArray[np.float64]:
    """Give the model's probability of the positive label; NaN where it has no vote."""
    votes = np.full(len(study.items), np.nan)
    usable = study.truth.known & study.model.scored
    if usable.any():
        groups = None if study.groups is None else study.groups[usable]
        found = out_of_fold_probability(
            study.truth.positive[usable], study.model.score[usable], groups=groups, seed=seed
        )
        if found is not None:
            votes[usable] = found
    elif study.model.decided.any():
        votes[study.model.decided] = study.model.called[study.model.decided]
    return votes
