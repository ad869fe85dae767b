"""`select`: of a survey's scores, the table of those tiles that deserve a person.

Two passes over the files of scores: the first reads one number a tile and keeps
candidates, the second reads what the candidates look like.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.errors import ConfigError, ResultsError, SourceError
from ls_integration.files import write_text
from ls_integration.models.folds import Bools, Floats
from ls_integration.models.queue import rank_queue, relevance
from ls_integration.models.selection import (
    CANDIDATES,
    MOST_SPREAD,
    Places,
    Smallest,
    best_rows,
    even_share,
    random_keys,
)
from ls_integration.progress import Reporter, Say, silent
from ls_integration.workflows.score_files import SUFFIX, read_scored, read_tiles

READING, LOOKING = "reading scores", "looking for near-duplicates"
"""The names of the steps for a `Reporter`."""

MOST_TASKS: Final = 50_000
"""A project of Label Studio with more tasks is slow for its reviewers."""

ERROR, UNCERTAIN, RANDOM = "error", "uncertain", "random"
"""Why a tile was chosen: its label contradicts the model, the model doubts, or by lot."""

_OF_FRAME: Final = ("tiles", "frame_sha256", "stamp")
"""What two files of one run may differ in."""


@dataclass(frozen=True)
class SelectOptions:
    """What the user asked for.

    Attributes
    ----------
    scores : Path
        Folder of `predict`.
    budget : int
        How many tiles people shall look at.
    output : Path
        The table.
    random_floor : float
        Share of the budget that is drawn by lot.
    per_frame : int or None
        A frame gives at most so many, but for the lot; None: see
        `models.selection.even_share`.
    seed : int
        Of the lot and of the places where it is mixed in.
    """

    scores: Path
    budget: int
    output: Path
    random_floor: float = 0.05
    per_frame: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Selected:
    """What `select` did.

    Attributes
    ----------
    n_frames, n_tiles : int
        Of the survey.
    counts : mapping of str to int
        `ERROR`, `UNCERTAIN`, `RANDOM` -> tiles chosen.
    frames_chosen : tuple of str
        Names of the frames that they are of.
    facts : mapping
        What the scores were made with, see `score_files.ScoredWith`.
    """

    n_frames: int
    n_tiles: int
    counts: Mapping[str, int]
    frames_chosen: tuple[str, ...]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class _Survey:
    """The files of scores, which are of one model."""

    paths: list[Path]
    facts: dict[str, Any]
    n_tiles: int
    spread: Smallest
    best: Smallest
    lot: Smallest


def select(options: SelectOptions, *, say: Say, report: Reporter = silent) -> Selected:
    """Choose tiles and write their table.

    Parameters
    ----------
    options : SelectOptions
        From which scores, how many.
    say : callable
        Takes lines for the user.
    report : Reporter, optional
        Told of progress, in frames.

    Returns
    -------
    Selected
        The same for the same scores and options.

    Raises
    ------
    ConfigError
        If the budget or the share is none.
    SourceError
        If there are no scores, they are of several models, or a file is damaged.
    ResultsError
        If the table cannot be written.
    """
    if options.budget < 1 or not 0 <= options.random_floor <= 1:
        msg = (
            f"--budget {options.budget} and --random-floor {options.random_floor:g}: give a number "
            "from 1 on and a share from 0 to 1"
        )
        raise ConfigError(msg)
    n_random = math.ceil(round(options.random_floor * options.budget, 6))
    n_queue = options.budget - n_random
    survey = _read_survey(options, n_queue, n_random, report)
    if options.budget > MOST_TASKS:
        say(
            f"--budget {options.budget} makes more tasks than one project should have "
            f"({MOST_TASKS}); split the table into several studies"
        )
    queue = _queue(survey, n_queue, report)
    lot = _lot(survey, queue, n_random)
    table = _table(survey, queue, lot, options.seed)
    try:
        # Names as they are: `import cutouts` looks for these files.
        write_text(options.output, table.to_csv(index=False, lineterminator="\n"))
    except OSError as error:
        msg = f"cannot write {options.output}: {error.strerror or error}; mend that, rerun"
        raise ResultsError(msg) from error
    counts = table["chosen_for"].value_counts()
    return Selected(
        n_frames=len(survey.paths),
        n_tiles=survey.n_tiles,
        counts={reason: int(counts.get(reason, 0)) for reason in (ERROR, UNCERTAIN, RANDOM)},
        frames_chosen=tuple(table["image_name"].unique()),
        facts=survey.facts,
    )


def _read_survey(options: SelectOptions, n_queue: int, n_random: int, report: Reporter) -> _Survey:
    """Go through all scores once and keep candidates."""
    folder = options.scores
    found = folder.rglob(f"*{SUFFIX}") if folder.is_dir() else iter(())
    # Hidden ones are what a kill left half written.
    paths = sorted(path for path in found if not path.name.startswith("."))
    if not paths:
        msg = f"{folder} has no scores of frames; give the folder that predict --output wrote"
        raise SourceError(msg)
    n_most = options.per_frame or even_share(n_queue, len(paths))
    n_candidates = max(n_queue, min(CANDIDATES * n_queue, MOST_SPREAD))
    spread, best = Smallest(n_candidates), Smallest(n_queue)
    lot = Smallest(n_queue + n_random)
    first: dict[str, Any] = {}
    n_tiles = 0
    for number, path in enumerate(paths):
        report(READING, number, len(paths))
        facts, tiles = read_scored(path, ["model_score", "label"])
        common = {key: value for key, value in facts.items() if key not in _OF_FRAME}
        first = first or common
        _refuse_other(path, first, common)
        worth = relevance(tiles["model_score"], first["threshold"], *_labels(tiles["label"]))
        rows = best_rows(worth, max(n_most, n_queue))
        spread.offer(number, rows[:n_most], -worth[rows[:n_most]])
        best.offer(number, rows, -worth[rows])
        name = path.relative_to(folder).as_posix()
        lot.offer(number, np.arange(len(worth)), random_keys(options.seed, name, len(worth)))
        n_tiles += len(worth)
    report(READING, len(paths), len(paths))
    return _Survey(paths, first, n_tiles, spread, best, lot)


def _refuse_other(path: Path, first: dict[str, Any], found: dict[str, Any]) -> None:
    if not found or "threshold" not in found:
        msg = f"{path} is no file of scores; remove it, or give the folder of predict --output"
        raise SourceError(msg)
    if found != first:
        differing = [key for key in first if found.get(key) != first[key]]
        msg = (
            f"{path} was scored by {found.get('model_version')} and others by "
            f"{first['model_version']} (they differ in {', '.join(differing)}); run predict again "
            "for all frames, or remove what is old"
        )
        raise SourceError(msg)


def _labels(labels: Floats) -> tuple[Bools, Bools]:
    """Tell artifacts, and where a label is known."""
    return labels > 0.5, np.isfinite(labels)


def _queue(survey: _Survey, n_queue: int, report: Reporter) -> Places:
    """Choose the tiles that are worth most, without near-duplicates."""
    candidates, _ = survey.spread.kept()
    if len(candidates) and n_queue:
        scores, labels, looks = [], [], []
        frames = np.unique(candidates[:, 0])
        # In the order of the files, so that each is opened once.
        candidates = candidates[np.lexsort((candidates[:, 1], candidates[:, 0]))]
        for n_done, (frame, rows) in enumerate(_by_frame(candidates), start=1):
            tiles = read_tiles(survey.paths[frame], ["model_score", "label", "look"])
            scores.append(tiles["model_score"][rows])
            labels.append(tiles["label"][rows])
            if "look" in tiles:
                looks.append(tiles["look"][rows])
            report(LOOKING, n_done, len(frames))
        order = rank_queue(
            np.concatenate(scores),
            survey.facts["threshold"],
            *_labels(np.concatenate(labels)),
            np.concatenate(looks) if looks else None,
            most_spread=MOST_SPREAD,
            n_first=n_queue,
        )
        candidates = candidates[order[:n_queue]]
    # Frames with few tiles cannot fill their share: then others give more than theirs.
    best, _ = survey.best.kept()
    more = best[~_is_in(best, candidates)]
    return np.concatenate([candidates, more])[:n_queue]


def _lot(survey: _Survey, queue: Places, n_random: int) -> Places:
    drawn, _ = survey.lot.kept()
    return drawn[~_is_in(drawn, queue)][:n_random]


def _is_in(places: Places, others: Places) -> NDArray[np.bool_]:
    known = {(frame, row) for frame, row in others.tolist()}
    return np.array([(frame, row) in known for frame, row in places.tolist()], dtype=bool)


def _by_frame(places: Places) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Group places that are sorted by frame."""
    starts = np.flatnonzero(np.diff(places[:, 0], prepend=-1))
    for part in np.split(places, starts[1:]):
        yield int(part[0, 0]), part[:, 1]


def _table(survey: _Survey, queue: Places, lot: Places, seed: int) -> pd.DataFrame:
    """Read what is known of the chosen, in the queue's order with the lot mixed in."""
    chosen = np.concatenate([queue, lot])
    by_file = np.lexsort((chosen[:, 1], chosen[:, 0]))
    parts = []
    columns = ["image_name", "grid_x", "grid_y", "model_score", "label"]
    for frame, rows in _by_frame(chosen[by_file]):
        tiles = read_tiles(survey.paths[frame], columns)
        parts.append(pd.DataFrame({name: tiles[name][rows] for name in columns}))
    found = pd.concat(parts, ignore_index=True)
    found.index = pd.Index(by_file)
    found = found.sort_index()
    threshold = survey.facts["threshold"]
    scores = found["model_score"].to_numpy()
    positive, known = _labels(found["label"].to_numpy())
    called = scores >= threshold
    reason = np.where(known & (positive != called), ERROR, UNCERTAIN).astype(object)
    reason[len(queue) :] = RANDOM
    rate = np.ones(len(chosen))
    rate[len(queue) :] = len(lot) / max(1, survey.n_tiles - len(queue))
    table = pd.DataFrame(
        {
            "image_name": found["image_name"],
            "grid_x": found["grid_x"],
            "grid_y": found["grid_y"],
            # Where nobody has labelled, people start from what the model says.
            "label": np.where(known, positive, called).astype(int),
            "preds": called.astype(int),
            "confidence": scores,
            "chosen_for": reason,
            "worth": np.round(relevance(scores, threshold, positive, known), 6),
            "chosen_at_rate": rate,
            "label_from": np.where(known, "table", "model"),
            "model_version": survey.facts["model_version"],
        }
    )
    return table.iloc[_mixed(len(queue), len(lot), seed)]


def _mixed(n_queue: int, n_lot: int, seed: int) -> NDArray[np.intp]:
    """Mix the lot into the queue, whose order stays."""
    generator = np.random.default_rng(seed)
    order = np.empty(n_queue + n_lot, dtype=np.intp)
    is_lot = np.zeros(len(order), dtype=bool)
    is_lot[generator.choice(len(order), size=n_lot, replace=False)] = True
    order[is_lot] = n_queue + generator.permutation(n_lot)
    order[~is_lot] = np.arange(n_queue)
    return order
