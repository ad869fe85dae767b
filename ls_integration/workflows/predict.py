"""`predict`: a source and a model become a table of scores, a batch at a time."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ls_integration.errors import ResultsError
from ls_integration.files import write_text
from ls_integration.models.model import Floats, Scorer, refuse_kind
from ls_integration.progress import Reporter, silent
from ls_integration.spreadsheet import quote_cells
from ls_integration.workflows.model_images import LABELS, ImageSource
from ls_integration.workflows.part_file import PartFile
from ls_integration.workflows.train import refuse_bad

STEP = "scoring images"
"""The name of this step for a `Reporter`."""


@dataclass(frozen=True)
class Predicted:
    """What `predict` found out.

    Attributes
    ----------
    scores : ndarray of float64, shape (n_items,)
        One for each row of the source; NaN where the image cannot be read.
    threshold : float
        The model's.
    n_found : int
        Items whose score an earlier run had found already.
    """

    scores: Floats
    threshold: float
    n_found: int

    @property
    def n_scored(self) -> int:  # numpydoc ignore=RT01
        """Number of items with a score."""
        return int(np.count_nonzero(np.isfinite(self.scores)))

    @property
    def n_positive(self) -> int:  # numpydoc ignore=RT01
        """Number of items at or above the threshold."""
        return int(np.count_nonzero(self.scores >= self.threshold))


def predict(
    source: ImageSource,
    scorer: Scorer,
    model_sha256: str,
    output: Path,
    *,
    skip_bad: bool = False,
    say: Callable[[str], None],
    report: Reporter = silent,
) -> Predicted:
    """Score a source and write the table, whole or not at all.

    Parameters
    ----------
    source : ImageSource
        The images.
    scorer : Scorer
        The model.
    model_sha256 : str
        Hash of its file: scores of another model are not gone on from.
    output : Path
        The CSV file.
    skip_bad : bool
        Leave out what cannot be read instead of stopping.
    say : callable
        Told of what is left out.
    report : Reporter, optional
        Told of progress, in items.

    Returns
    -------
    Predicted
        The same whether or not the run was interrupted.

    Raises
    ------
    ModelError
        If the model is of another kind, or for other images.
    SourceError
        If images cannot be read and *skip_bad* is not set; those that can be
        are not scored again by the next run.
    ResultsError
        If the table cannot be written.
    """
    for note in source.notes:
        say(note)
    predicted, parts = score_resumably(
        source, scorer, model_sha256, output, skip_bad=skip_bad, say=say, report=report
    )
    try:
        write_text(output, table_text(source.rows, predicted.scores, scorer))
    except OSError as error:
        msg = f"cannot write {output}: {error.strerror or error}; mend that, rerun"
        raise ResultsError(msg) from error
    parts.remove()
    return predicted


def score_resumably(
    source: ImageSource,
    scorer: Scorer,
    model_sha256: str,
    output: Path,
    *,
    skip_bad: bool,
    say: Callable[[str], None],
    report: Reporter = silent,
) -> tuple[Predicted, PartFile]:
    """Score all images of a source, going on from what an earlier run has finished.

    Parameters
    ----------
    source : ImageSource
        The images.
    scorer : Scorer
        Of their kind.
    model_sha256 : str
        Hash of its file: scores of another model are not gone on from.
    output : Path
        What finished batches are kept beside; the same for all commands that may
        go on from each other.
    skip_bad : bool
        Leave out what cannot be read instead of stopping.
    say : callable
        Told of what is left out.
    report : Reporter, optional
        Told of progress, in items.

    Returns
    -------
    predicted : Predicted
        The same whether or not a run was interrupted.
    parts : PartFile
        To be removed once the scores are not needed again.

    Raises
    ------
    ModelError
        If the model is of another kind, or for other images.
    SourceError
        If images cannot be read and *skip_bad* is not set.
    """
    key = hashlib.sha256(f"{model_sha256} {source.fingerprint}".encode()).hexdigest()
    parts = PartFile(output, key)
    predicted, problems = score_source(source, scorer, parts, report=report)
    refuse_bad([*source.problems, *problems], skip_bad, say)
    return predicted, parts


def score_source(
    source: ImageSource, scorer: Scorer, parts: PartFile | None = None, *, report: Reporter = silent
) -> tuple[Predicted, list[tuple[str, str]]]:
    """Score all images of a source, a batch in memory at a time.

    Parameters
    ----------
    source : ImageSource
        The images.
    scorer : Scorer
        Of their kind.
    parts : PartFile, optional
        Where finished batches are kept.
    report : Reporter, optional
        Told of progress, in items.

    Returns
    -------
    predicted : Predicted
        The scores.
    problems : list of (str, str)
        Path and message of what cannot be read.

    Raises
    ------
    ModelError
        If the model is of another kind, or for other images.
    """
    refuse_kind(scorer, source.kind)
    n_items = len(source.rows)
    scores: Floats = np.full(n_items, np.nan)
    problems: list[tuple[str, str]] = []
    found = parts.read() if parts else {}
    n_done = n_found = 0
    report(STEP, 0, n_items)
    for number, rows in enumerate(source.batches):
        known = found.get(number)
        # Written without digits lost: the same bits.
        if isinstance(known, list) and len(known) == len(rows):
            scores[rows] = known
            n_found += len(rows)
        else:
            batch = source.read(number)
            scores[batch.rows] = batch.images.score(scorer)
            problems += [(str(source.rows["path"].iloc[row]), text) for row, text in batch.problems]
            # A batch with a bad image is looked at again: the image may have been mended.
            if parts and not batch.problems:
                parts.add(number, scores[rows].tolist())
        n_done += len(rows)
        report(STEP, n_done, n_items)
    return Predicted(scores, scorer.threshold, n_found), problems


def table_text(rows: pd.DataFrame, scores: Floats, scorer: Scorer) -> str:
    """Write the table of scores.

    Parameters
    ----------
    rows : DataFrame
        ``item_id``, ``path``.
    scores : ndarray of float64, shape (n_items,)
        Rows without a score are left out.
    scorer : Scorer
        Kind, threshold and version.

    Returns
    -------
    str
        CSV in the order of the rows; scores with all their digits.
    """
    is_scored = np.isfinite(scores)
    negative, positive = LABELS[scorer.kind]
    table = pd.DataFrame(
        {
            "item_id": rows["item_id"],
            "path": rows["path"],
            "model_score": scores,
            "model_label": np.where(scores >= scorer.threshold, positive, negative),
            "model_version": scorer.version,
        }
    )
    text: str = quote_cells(table.loc[is_scored]).to_csv(index=False, lineterminator="\n")
    return text
