"""Results of made-up studies, as `export` writes them, for trying things out."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ls_integration.annotations import check_annotations
from ls_integration.errors import ConfigError
from ls_integration.files import write_bytes
from ls_integration.kinds import cutouts, sted_quality, sted_rating
from ls_integration.kinds.cutouts_table import parse_predictions_table
from ls_integration.kinds.rating_selection import SELECTION_FILE, write_selection
from ls_integration.kinds.sted_source import ANOMALY_BELOW, NORMAL_AT_LEAST, truth_label
from ls_integration.results.anomagui import write_sessions
from ls_integration.results.cutouts import decide, label_changes, list_reviews, write_reviewers
from ls_integration.results.folder import open_results
from ls_integration.results.ratings import write_ratings
from ls_integration.results.tables import write_annotations, write_items
from ls_integration.results.test_outputs import TEST_OUTPUTS, splice_labels
from ls_integration.sample import (
    MODEL_THRESHOLD,
    SEED,
    make_cutouts,
    make_sample,
    simulate_answers,
    simulate_ratings,
)

_REVIEWERS = {"Ada": (0.95, 0.05, 1), "Ben": (0.70, 0.15, 2), "Cleo": (0.90, 0.60, 5)}
"""Name -> TPR, FPR and seed of a simulated reviewer."""

_RATERS = {"Ada": (0.0, 0.03, 1), "Ben": (-0.06, 0.06, 2), "Cleo": (0.04, 0.10, 3)}
"""Name -> mean and standard deviation of the error of a simulated rating, and seed."""

_CUTOUT_ERRORS = {"Ada": 0.03, "Ben": 0.10, "Cleo": 0.20}
"""Name -> probability that a simulated reviewer is wrong about a cutout."""

_RANDOM_FLOOR = 0.05


def sample_results(kind: str, folder: str | Path) -> Path:
    """Write the results of a made-up study with three simulated reviewers.

    Parameters
    ----------
    kind : {"sted-quality", "sted-rating", "cutouts"}
        The question.
    folder : str or Path
        Where to; made if it is missing.

    Returns
    -------
    Path
        *folder*, for `open_study`: what ``export`` writes of such a study.

    Raises
    ------
    ConfigError
        If there is no sample of that kind.
    ResultsError
        If files are in the way.
    """
    if kind not in _WRITERS:
        msg = f"there is no sample of the kind '{kind}'; give one of {', '.join(_WRITERS)}"
        raise ConfigError(msg)
    target = Path(folder)
    about = {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"ls_integration sample {kind}")),
        "kind": kind,
        "title": f"Made-up {kind} study",
        "blind": True,
    }
    _WRITERS[kind](target, about)
    return target


def _write_quality(folder: Path, about: Mapping[str, Any]) -> None:
    rows = _sample_rows()
    rows["label"] = [truth_label(rating, NORMAL_AT_LEAST) for rating in rows["rating"]]
    says = rows["model_score"] >= MODEL_THRESHOLD
    rows["model_label"] = np.where(says, sted_quality.POSITIVE, "normal")
    parts = []
    for name, (tpr, fpr, seed) in _REVIEWERS.items():
        simulated = simulate_answers(rows["label"].tolist(), tpr, fpr, seed)
        answers = {"label": simulated.labels, "lead_time_s": simulated.lead_time_s}
        parts.append(_answers_of(name, rows["item_id"], answers))
    annotations = check_annotations(pd.concat(parts, ignore_index=True))
    known = {"positive": sted_quality.POSITIVE, "model_threshold": MODEL_THRESHOLD}
    with open_results(folder, {**about, **known}) as staged:
        write_annotations(staged, annotations)
        write_items(staged, rows)
        write_sessions(staged, rows, annotations, positive=sted_quality.POSITIVE)


def _write_ratings(folder: Path, about: Mapping[str, Any]) -> None:
    rows = _sample_rows().drop(columns="model_score")
    rows["source_index"] = rows["position"].astype(np.float64)
    parts = []
    for name, (offset, error, seed) in _RATERS.items():
        rated = simulate_ratings(rows["rating"].to_numpy(), offset, error, seed)
        answers = {"label": None, "rating": rated.ratings, "lead_time_s": rated.lead_time_s}
        parts.append(_answers_of(name, rows["item_id"], answers))
    annotations = check_annotations(pd.concat(parts, ignore_index=True))
    limits = {"normal_at_least": NORMAL_AT_LEAST, "anomaly_below": ANOMALY_BELOW}
    with open_results(folder, {**about, **limits}) as staged:
        write_annotations(staged, annotations)
        write_items(staged, rows)
        write_ratings(staged, rows, annotations)
        paths, indices = rows["source_path"].tolist(), rows["source_index"].tolist()
        write_selection(staged / SELECTION_FILE, paths, indices)


def _write_cutouts(folder: Path, about: Mapping[str, Any]) -> None:
    simulated = make_cutouts()
    table = parse_predictions_table(simulated.table.encode(), TEST_OUTPUTS)
    asked = cutouts.make_items(table, make_id=_make_id, seed=SEED, random_floor=_RANDOM_FLOOR)
    items = cutouts.all_cutouts(table, asked, make_id=_make_id)
    truth = simulated.is_artifact[asked["row"].to_numpy()]
    parts = []
    for seed, (name, error) in enumerate(_CUTOUT_ERRORS.items()):
        generator = np.random.default_rng(seed)
        called = truth != (generator.random(len(asked)) < error)
        labels = np.where(called, cutouts.POSITIVE, cutouts.NEGATIVE)
        parts.append(_answers_of(name, asked["item_id"], {"label": labels}))
    annotations = check_annotations(pd.concat(parts, ignore_index=True))
    with open_results(folder, {**about, "positive": cutouts.POSITIVE}) as staged:
        write_annotations(staged, annotations)
        write_items(staged, items)
        changes = label_changes(items, decide(annotations))
        write_bytes(staged / TEST_OUTPUTS, splice_labels(table, changes))
        write_reviewers(staged, list_reviews(items, annotations))


_WRITERS = {
    sted_quality.KIND: _write_quality,
    sted_rating.KIND: _write_ratings,
    cutouts.KIND: _write_cutouts,
}


def _sample_rows() -> pd.DataFrame:
    images = make_sample()
    return pd.DataFrame(
        {
            "item_id": [_make_id(image.path) for image in images],
            "position": np.arange(len(images)),
            "source_path": [image.path for image in images],
            "rating": [image.rating for image in images],
            "model_score": [image.model_score for image in images],
            "structure": [image.structure for image in images],
            "group": [image.group for image in images],
        }
    )


def _answers_of(name: str, item_ids: "pd.Series[str]", answers: Mapping[str, Any]) -> pd.DataFrame:
    return pd.DataFrame({"item_id": item_ids, "annotator": name, **answers})


def _make_id(source_path: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, source_path).hex[:16]
