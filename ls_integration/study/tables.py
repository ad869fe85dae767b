"""The study's tables: items, what pages start from, what was first answered, uploads."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ls_integration.annotations import refuse_other_cells
from ls_integration.answers import SEEN_COLUMNS
from ls_integration.errors import SourceError, StudyError, some_of
from ls_integration.files import PRIVATE_MODE, whole_file
from ls_integration.parquet import read_parquet
from ls_integration.study.disk import writing

_ITEMS_FILE = "items.parquet"
_PREDICTIONS_FILE = "predictions.parquet"
_SEEN_FILE = "seen.parquet"
_MOVED_FILE = "moved.parquet"
_MOVED_COLUMNS = ("item_id", "label", "server_url", "project_id", "annotation_id", "stored_at")
_UPLOADS_FILE = "uploads.parquet"


def write_items(folder: Path, items: pd.DataFrame) -> None:
    """Write the items table.

    Parameters
    ----------
    folder : Path
        The study's folder.
    items : DataFrame
        One row per item, see ``docs/architecture.md``.
    """
    _write_table(folder / _ITEMS_FILE, check_items(items))


def read_items(folder: Path) -> pd.DataFrame:
    """Read the items table and check it.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Returns
    -------
    DataFrame
        One row per item, in the study's order.

    Raises
    ------
    StudyError
        If the file is missing or unreadable.
    SourceError
        If it breaks its contract.
    """
    path = folder / _ITEMS_FILE
    table = _read_table(path)
    try:
        return check_items(table)
    except SourceError as error:
        msg = f"{path}: {error}"
        raise SourceError(msg) from None


def check_items(items: pd.DataFrame) -> pd.DataFrame:
    """Refuse an items table that breaks its contract.

    Parameters
    ----------
    items : DataFrame
        Must have ``item_id`` (unique, not empty), ``position`` (0, 1, ...),
        ``image`` and ``source_path``. ``part`` (1: imported, 2, ...: added
        later) is 1 where it is missing.

    Returns
    -------
    DataFrame
        The same table, sorted by ``position``.

    Raises
    ------
    SourceError
        Naming the column and the first offending rows.
    """
    missing = [
        name for name in ("item_id", "position", "image", "source_path") if name not in items
    ]
    if missing:
        msg = f"the items table lacks the column {some_of(missing)}; restore it from a backup"
        raise SourceError(msg)
    doubled = items.loc[items["item_id"].duplicated(), "item_id"].tolist()
    if doubled:
        msg = f"item_id must be unique, it is not for {some_of(doubled)}; remove the doubled rows"
        raise SourceError(msg)
    ordered = items.sort_values("position", kind="stable").reset_index(drop=True)
    if ordered["position"].tolist() != list(range(len(ordered))):
        msg = "the column position of the items table does not count from 0; restore the table"
        raise SourceError(msg)
    return ordered if "part" in ordered else ordered.assign(part=1)


def write_predictions(folder: Path, predictions: pd.DataFrame) -> None:
    """Write what the label pages of the study start from.

    Parameters
    ----------
    folder : Path
        The study's folder.
    predictions : DataFrame
        Columns ``item_id, label, score, model_version``.
    """
    _write_table(folder / _PREDICTIONS_FILE, predictions)


def read_predictions(folder: Path) -> pd.DataFrame:
    """Read what the label pages of the study start from.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Returns
    -------
    DataFrame
        Columns ``item_id, label, score, model_version``; no rows where the
        study is blind or its source had no scores.
    """
    path = folder / _PREDICTIONS_FILE
    if not path.exists():
        return pd.DataFrame({"item_id": [], "label": [], "score": [], "model_version": []})
    return _read_table(path, ("item_id", "label", "score", "model_version"))


def write_seen(folder: Path, seen: pd.DataFrame) -> None:
    """Remember how each answer looked when it was first pulled.

    Parameters
    ----------
    folder : Path
        The study's folder.
    seen : DataFrame
        Columns of `answers.SEEN_COLUMNS`.
    """
    _write_table(folder / _SEEN_FILE, seen)


def read_seen(folder: Path) -> pd.DataFrame:
    """Read how each answer looked when it was first pulled.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Returns
    -------
    DataFrame
        Columns of `answers.SEEN_COLUMNS`; empty before the first pull.
    """
    path = folder / _SEEN_FILE
    return _read_table(path, SEEN_COLUMNS) if path.exists() else pd.DataFrame()


def write_moved(folder: Path, moved: pd.DataFrame) -> None:
    """Keep what answers said of themselves on the server that they were moved from.

    Parameters
    ----------
    folder : Path
        The study's folder.
    moved : DataFrame
        From `workflows.moved_answers.note_moved`.
    """
    _write_table(folder / _MOVED_FILE, moved)


def read_moved(folder: Path) -> pd.DataFrame | None:
    """Read what moved answers said of themselves.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Returns
    -------
    DataFrame or None
        None if the study was never moved.
    """
    path = folder / _MOVED_FILE
    return _read_table(path, _MOVED_COLUMNS) if path.exists() else None


def write_uploads(folder: Path, addresses: Mapping[str, str]) -> None:
    """Remember where the server shows the pictures that were uploaded to it.

    Parameters
    ----------
    folder : Path
        The study's folder.
    addresses : mapping of str to str
        Path below the media folder -> address, relative to the server.
    """
    table = pd.DataFrame({"image": list(addresses), "address": list(addresses.values())})
    _write_table(folder / _UPLOADS_FILE, table)


def read_uploads(folder: Path) -> dict[str, str]:
    """Read where the server shows the pictures that were uploaded to it.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Returns
    -------
    dict of str to str
        Path below the media folder -> address; empty before the first upload.

    Raises
    ------
    StudyError
        If the file is unreadable.
    """
    path = folder / _UPLOADS_FILE
    if not path.exists():
        return {}
    table = _read_table(path, ("image", "address"))
    return dict(zip(table["image"], table["address"], strict=True))


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with writing(path.parent), whole_file(path, mode=PRIVATE_MODE) as temporary:
        table.to_parquet(temporary, index=False)


def _read_table(path: Path, needed: Sequence[str] = ()) -> pd.DataFrame:
    try:
        table = read_parquet(path)
        missing = [name for name in needed if name not in table.columns]
        if missing:
            msg = f"it lacks the column {some_of(missing)}"
            raise ValueError(msg)
        for name in table.columns:
            refuse_other_cells(str(name), table[name])
        return table
    except (OSError, ValueError, SourceError) as error:
        reason = " ".join(str(error).split())[:200]
        msg = f"cannot read {path} ({reason}); restore it from a backup, or import into a new study"
        raise StudyError(msg) from None
