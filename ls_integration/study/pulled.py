"""What was pulled of a project, kept so that the next export asks for the changes only.

Two files in the study's folder: ``pulled/<project id>.parquet``, a row per task with its
JSON and its stamp (what a listing without answers says of it), and ``.json`` beside it:
which server and project that was, up to when, and the hash of the rows. Whatever does
not fit together is no copy at all: the server is then asked for everything.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from ls_integration.errors import StudyError
from ls_integration.files import PRIVATE_MODE, file_sha256, read_json, whole_file, write_json
from ls_integration.study.disk import writing

PULLED_FOLDER = "pulled"

ROWS_AT_ONCE = 500
"""Tasks of a block of the file: as many as are ever in memory as Python objects."""

STAMP_COLUMNS = ["updated_at_us", "n_annotations", "n_skips", "n_predictions"]
"""What a listing without answers says of a task; time in microseconds since 1970, UTC."""

SCHEMA = pa.schema(
    [
        ("task_id", pa.int64()),
        ("updated_at_us", pa.int64()),
        ("n_annotations", pa.int64()),
        ("n_skips", pa.int64()),
        ("n_predictions", pa.int64()),
        # Whether the counts are those of the task's own lists: not so if it moved meanwhile.
        ("settled", pa.bool_()),
        # JSON: [model version, time] of each prediction.
        ("versions", pa.string()),
        # JSON: the task as `answers_from_tasks` takes it.
        ("task", pa.string()),
    ]
)

NOT_THERE = "not there"
DAMAGED = "damaged"

_FORMAT = 1
_HASH = "rows_sha256"
_OWN_HASH = "sha256"

Write = Callable[[pa.Table], None]


@dataclass(frozen=True)
class Pulled:
    """A copy of a project's tasks and answers.

    Attributes
    ----------
    path : Path
        The Parquet file.
    about : dict
        Which server and project this is of, and what was asked for.
    people : tuple of int
        User ids of the server's members then.
    watermark_us : int
        All that the server had changed up to then is in it; in microseconds since
        1970 by the server's clock.
    stamps : DataFrame
        ``STAMP_COLUMNS`` and ``settled``, indexed by task id, ascending.
    """

    path: Path
    about: dict[str, Any]
    people: tuple[int, ...]
    watermark_us: int
    stamps: pd.DataFrame


def pulled_path(folder: Path, project_id: int) -> Path:
    """Tell where a project's copy lies.

    Parameters
    ----------
    folder : Path
        The study's folder.
    project_id : int
        The project.

    Returns
    -------
    Path
        The Parquet file.
    """
    return folder / PULLED_FOLDER / f"{project_id}.parquet"


def read_pulled(path: Path, about: Mapping[str, Any]) -> Pulled:
    """Read a project's copy, and prove that it is whole and the one that is meant.

    Parameters
    ----------
    path : Path
        The Parquet file.
    about : mapping
        Strict JSON: what the copy must be of.

    Returns
    -------
    Pulled
        As written.

    Raises
    ------
    StudyError
        Saying in a few words what is wrong with it.
    """
    try:
        content = read_json(_beside(path))
        own_hash = content.pop(_OWN_HASH)
        wrong = None
        if own_hash != _hash_of(content) or content[_HASH] != file_sha256(path):
            wrong = DAMAGED
        elif content["format"] != _FORMAT:
            wrong = "of another version of ls-integration"
        elif content["about"] != dict(about):
            wrong = "of another server, project or study"
        if wrong is None:
            # Only now, since a damaged file may crash what reads it.
            stamps = _read_stamps(path)
            if stamps.index.is_unique:
                return Pulled(
                    path, dict(about), tuple(content["people"]), content["watermark_us"], stamps
                )
        reason = wrong or DAMAGED
    except FileNotFoundError:
        reason = NOT_THERE
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        reason = DAMAGED
    raise StudyError(reason)


@contextmanager
def writing_pulled(
    path: Path, about: Mapping[str, Any], people: Sequence[int], watermark_us: int
) -> Iterator[Write]:
    """Write a project's copy anew; it takes its name when the block is over.

    Parameters
    ----------
    path : Path
        The Parquet file; the old one may be read meanwhile.
    about : mapping
        Strict JSON: what the copy is of.
    people : sequence of int
        User ids of the server's members.
    watermark_us : int
        Up to when it holds everything.

    Yields
    ------
    callable
        Takes tables of `SCHEMA`, in any order; from one thread.

    Raises
    ------
    StudyError
        If the study's folder cannot be written.
    """
    with writing(path.parent):
        for left in path.parent.glob(f".{path.name}.*"):
            # Of a run that was killed; the study's lock says that no other is at it.
            left.unlink()
        with whole_file(path, mode=PRIVATE_MODE) as temporary:
            waiting: list[pa.Table] = []
            open_writer: Any = pyarrow.parquet.ParquetWriter
            with open_writer(temporary, SCHEMA, compression="zstd") as writer:

                def flush() -> None:
                    writer.write_table(pa.concat_tables(waiting))
                    waiting.clear()

                def write(table: pa.Table) -> None:
                    # What is left of many blocks makes one, or they would get ever smaller.
                    waiting.append(table)
                    if sum(one.num_rows for one in waiting) >= ROWS_AT_ONCE:
                        flush()

                yield write
                if waiting:
                    flush()
            rows_hash = file_sha256(temporary)
        content = {
            "format": _FORMAT,
            "about": dict(about),
            "people": sorted(people),
            "watermark_us": watermark_us,
            _HASH: rows_hash,
        }
        # A kill between the two leaves files that do not fit, and those are no copy.
        write_json(_beside(path), {**content, _OWN_HASH: _hash_of(content)}, mode=PRIVATE_MODE)


def read_rows(pulled: Pulled, *, without: "np.ndarray[Any, Any]") -> Iterator[pa.Table]:
    """Read the rows of a copy block by block.

    Parameters
    ----------
    pulled : Pulled
        The copy.
    without : ndarray of int64
        Task ids to leave out.

    Yields
    ------
    Table
        Of `SCHEMA`, at most about `ROWS_AT_ONCE` rows.
    """
    for table in _blocks(pulled.path):
        stays = ~np.isin(table["task_id"].to_numpy(), without)
        yield table if stays.all() else table.filter(pa.array(stays))


def read_tasks(pulled: Pulled) -> Iterator[list[dict[str, Any]]]:
    """Read the tasks of a copy block by block.

    Parameters
    ----------
    pulled : Pulled
        The copy.

    Yields
    ------
    list of dict
        Tasks as `answers.answers_from_tasks` takes them, in any order.
    """
    for table in _blocks(pulled.path, ["task"]):
        # One text of all is read in half of the time of many.
        yield json.loads(f"[{','.join(table['task'].to_pylist())}]")


def prediction_versions(pulled: Pulled) -> dict[str, tuple[int, str]]:
    """Count the predictions of each model version.

    Parameters
    ----------
    pulled : Pulled
        The copy.

    Returns
    -------
    dict of str to tuple
        Version -> how many, and the time of the newest as the server writes it.
    """
    found: dict[str, tuple[int, str]] = {}
    for table in _blocks(pulled.path, ["versions"]):
        for text in table["versions"].to_pylist():
            for version, made_at in json.loads(text):
                count, newest = found.get(str(version), (0, ""))
                # Label Studio does not count those without a version.
                found[str(version)] = (count + (version is not None), max(newest, made_at))
    return found


def _read_stamps(path: Path) -> pd.DataFrame:
    tables = list(_blocks(path, ["task_id", *STAMP_COLUMNS, "settled"]))
    whole = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    frame = whole.select(["task_id", *STAMP_COLUMNS, "settled"]).to_pandas(use_threads=False)
    stamps: pd.DataFrame = frame.set_index("task_id").sort_index()
    return stamps


def _blocks(path: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    # Without threads, for the reason given in `parquet.read_parquet`.
    open_file: Any = pyarrow.parquet.ParquetFile
    with open_file(str(path), pre_buffer=False) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns=columns, use_threads=False)


def _beside(path: Path) -> Path:
    return path.with_suffix(".json")


def _hash_of(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
