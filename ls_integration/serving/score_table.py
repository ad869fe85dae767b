"""Read a CSV of model scores and find each score's item.

Columns as `predict` writes them: ``item_id, path, model_score, model_label,
model_version``. Either ``item_id`` or ``path`` names the item; ``model_label``
may be left out where a threshold is given. Higher scores mean more anomalous,
and a score equal to the threshold is positive.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ls_integration.errors import SourceError, some_of
from ls_integration.spreadsheet import unquote_text

POSITIVE_LABEL, NEGATIVE_LABEL = "anomaly", "normal"
"""What a score at or above, and below the threshold means."""


@dataclass(frozen=True)
class Score:
    """What the model says of one item.

    Attributes
    ----------
    item_id : str
        The item's id in its study; empty where only the path is known.
    path : str
        The file as the source wrote it; empty where only the id is known.
    score : float
        Finite; higher is more anomalous.
    label : str
        The model's decision, one of the label page's choices.
    """

    item_id: str
    path: str
    score: float
    label: str


@dataclass(frozen=True)
class ScoreTable:
    """Scores of one version of one model.

    Attributes
    ----------
    model_version : str
        Stands on every prediction and is the backend's title.
    scores : mapping of str to Score
        By ``item_id``.
    """

    model_version: str
    scores: Mapping[str, Score]

    @property
    def labels(self) -> tuple[str, ...]:  # numpydoc ignore=RT01
        """Every label that occurs, sorted."""
        return tuple(sorted({score.label for score in self.scores.values()}))


def read_score_table(
    path: Path,
    *,
    model_version: str | None = None,
    threshold: float | None = None,
    source_paths: Mapping[str, str] | None = None,
) -> ScoreTable:
    """Read a score table and give each row its item.

    Parameters
    ----------
    path : Path
        A CSV with the columns of this module's docstring.
    model_version : str, optional
        Name of the model; by default the one of the column ``model_version``.
    threshold : float, optional
        Decides where the table has no ``model_label``; where it has one, the
        two must agree.
    source_paths : mapping of str to str, optional
        ``item_id`` -> ``source_path`` of a study. With it, rows that have a
        path are joined by path, since item ids differ between studies, and
        rows of items that are not in the study are left out.

    Returns
    -------
    ScoreTable
        At least one score.

    Raises
    ------
    SourceError
        Naming the line, if a row has no item, no finite score, no label, or
        an item that an earlier row has; or if nothing is left to serve.
    """
    rows = _read_rows(path)
    version = _one_version(path, rows, model_version)
    scores = [_score_of(path, line, row, threshold) for line, row in rows]
    lines = [line for line, _ in rows]
    _refuse_doubles(path, lines, scores)
    if source_paths is not None:
        scores = _in_study(scores, source_paths)
        if not scores:
            msg = f"{path}: none of its {len(rows)} rows belongs to the study; give its own table"
            raise SourceError(msg)
    nameless = [line for line, score in zip(lines, scores, strict=False) if not score.item_id]
    if nameless:
        msg = f"{path}, line {some_of(nameless)}: no item_id; fill it, or name the study with STUDY"
        raise SourceError(msg)
    return ScoreTable(version, {score.item_id: score for score in scores})


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Rows with the number of the line on which each ends, blank cells as ''."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, restval="", strict=True)
            header = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = header
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"cannot read the score table {path}: {error}; give a CSV file in UTF-8"
        raise SourceError(msg) from None
    if "model_score" not in header or not {"item_id", "path"} & set(header):
        msg = (
            f"{path} has the columns {', '.join(header) or 'none'}; "
            "it needs model_score and item_id or path"
        )
        raise SourceError(msg)
    if not rows:
        msg = f"{path} has no rows; give a table with one score an item"
        raise SourceError(msg)
    too_long = [line for line, row in rows if None in row]
    if too_long:
        msg = f"{path}, line {some_of(too_long)}: more cells than the header has; mend the row"
        raise SourceError(msg)
    return [(line, {name: cell.strip() for name, cell in row.items()}) for line, row in rows]


def _one_version(path: Path, rows: Sequence[tuple[int, dict[str, str]]], given: str | None) -> str:
    named = sorted({row.get("model_version", "") for _, row in rows} - {""})
    if len(named) > 1:
        msg = f"{path} holds several model versions: {some_of(named)}; give one table a version"
        raise SourceError(msg)
    if given and named and named[0] != given:
        msg = (
            f"{path} is of model version '{named[0]}', --model-version says '{given}'; "
            "leave the option out or correct the table"
        )
        raise SourceError(msg)
    version = given or (named[0] if named else "")
    if not version:
        msg = f"{path} has no model_version; name the model with --model-version"
        raise SourceError(msg)
    return version


def _score_of(path: Path, line: int, row: Mapping[str, str], threshold: float | None) -> Score:
    item_id, source_path = (unquote_text(row.get(name, "")) for name in ("item_id", "path"))
    if not item_id and not source_path:
        msg = f"{path}, line {line}: neither item_id nor path; say whose score it is"
        raise SourceError(msg)
    try:
        score = float(row["model_score"])
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        msg = (
            f"{path}, line {line}: the model_score is '{row['model_score']}'; "
            "give a number or leave the row out"
        )
        raise SourceError(msg)
    label = row.get("model_label", "")
    if threshold is not None:
        decided = POSITIVE_LABEL if score >= threshold else NEGATIVE_LABEL
        if label and label != decided:
            msg = (
                f"{path}, line {line}: the model_label is '{label}', but {score} at the threshold "
                f"{threshold} is '{decided}'; leave --model-threshold out or correct the table"
            )
            raise SourceError(msg)
        label = decided
    if not label:
        msg = f"{path}, line {line}: no model_label; fill it or give --model-threshold"
        raise SourceError(msg)
    return Score(item_id, source_path, score, label)


def _refuse_doubles(path: Path, lines: Sequence[int], scores: Sequence[Score]) -> None:
    seen: dict[tuple[str, str], int] = {}
    for line, score in zip(lines, scores, strict=True):
        keys = [("item_id", score.item_id)] if score.item_id else []
        keys += [("path", _plain(score.path))] if score.path else []
        for column, value in keys:
            first = seen.setdefault((column, value), line)
            if first != line:
                msg = (
                    f"{path}, line {line}: the {column} '{value}' stands on line {first} already; "
                    "leave one of the two out"
                )
                raise SourceError(msg)


def _in_study(scores: Sequence[Score], source_paths: Mapping[str, str]) -> list[Score]:
    by_path = {_plain(source_path): item_id for item_id, source_path in source_paths.items()}
    joined = [
        replace(score, item_id=by_path.get(_plain(score.path), "")) if score.path else score
        for score in scores
    ]
    return [score for score in joined if score.item_id in source_paths]


def _plain(path: str) -> str:
    """Take './' and doubled slashes out, so that two spellings of a path meet."""
    return PurePosixPath(path).as_posix()
