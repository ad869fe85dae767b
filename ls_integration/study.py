"""The study folder: what was asked of whom, with which options, on which server.

A study is ``studies/<name>/`` on this side, never below the server's document
root: ``study.json``, ``items.parquet``, ``predictions.parquet`` (what the page
started from) and ``journal.jsonl``. It holds the truth, so it is the owner's
alone (mode 0700).
"""

import hashlib
import hmac
import json
import os
import re
import secrets
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ls_integration.errors import SourceError, StudyError, some_of
from ls_integration.files import PRIVATE_MODE, whole_file, write_json

SCHEMA = 1
"""Version of ``study.json``; raised when an older one can no longer be read."""

STUDIES_FOLDER = "studies"
STUDY_FILE = "study.json"
_ITEMS_FILE = "items.parquet"
_PREDICTIONS_FILE = "predictions.parquet"
_SEEN_FILE = "seen.parquet"
_JOURNAL_FILE = "journal.jsonl"
_LOCK_FILE = ".lock"

ITEM_ID_HEX_DIGITS = 16
"""64 bits: among a million items two share an id with probability 3e-8."""


class Project(BaseModel):
    """One Label Studio project of a study: one person's round of the question.

    Attributes
    ----------
    key : str
        Unique within the study; stands in the project's description with the
        study's uuid, so that a project is found again after a kill.
    title : str
        As the server shows it.
    project_id : int or None
        None until the project has been made.
    annotator : str
        The person's name as it stands on result files.
    user_id : int or None
        The person's account; None for the owner of the token.
    round : int
        1, 2, ...
    """

    model_config = ConfigDict(frozen=True)

    key: str
    title: str
    project_id: int | None = None
    annotator: str
    user_id: int | None = None
    round: int = Field(default=1, ge=1)


class Study(BaseModel):
    """What ``study.json`` holds.

    Attributes
    ----------
    uuid : str
        Made with the study, written before the first request.
    kind : str
        Which question, for example ``sted-quality``.
    title : str
        Title of the study and of its projects.
    blind : bool
        True: the server holds nothing of rating, label or score.
    server_url : str or None
        The one server of the study; None until something was sent.
    salt : str
        Hex key of the item ids; lies here only.
    pictures_folder : str
        Folder of the rendered pictures below the media folder.
    options : dict
        Every option of the import, JSON values.
    left_out : list of str
        Source paths that ``--skip-bad`` left out.
    people : dict of str to int
        Name on files -> user id on the server.
    projects : list of Project
        In the order made.
    versions : dict of str to str
        Of this package, the SDK and the server.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    uuid: str = Field(default_factory=lambda: str(uuid.uuid4()))
    kind: str
    title: str
    blind: bool
    server_url: str | None = None
    salt: str = Field(default_factory=lambda: secrets.token_hex(32), repr=False)
    pictures_folder: str = Field(
        default_factory=lambda: secrets.token_hex(8), pattern="^[0-9a-f]{16}$"
    )
    options: dict[str, Any] = Field(default_factory=dict)
    left_out: list[str] = Field(default_factory=list)
    people: dict[str, int] = Field(default_factory=dict)
    projects: list[Project] = Field(default_factory=list)
    versions: dict[str, str] = Field(default_factory=dict)

    def with_project(self, project: Project) -> "Study":
        """Give a copy in which *project* stands in the place of its key.

        Parameters
        ----------
        project : Project
            New or changed.

        Returns
        -------
        Study
            The copy.
        """
        keys = [known.key for known in self.projects]
        projects = list(self.projects)
        if project.key in keys:
            projects[keys.index(project.key)] = project
        else:
            projects.append(project)
        return self.model_copy(update={"projects": projects})

    def item_id(self, source_path: str) -> str:
        """Derive the opaque id of an item.

        An HMAC, since a plain hash of a public file name could be looked up.

        Parameters
        ----------
        source_path : str
            As the source wrote it.

        Returns
        -------
        str
            16 hex digits.

        References
        ----------
        RFC 2104, HMAC, with SHA-256.
        """
        digest = hmac.new(bytes.fromhex(self.salt), source_path.encode(), hashlib.sha256)
        return digest.hexdigest()[:ITEM_ID_HEX_DIGITS]


def slug(text: str) -> str:
    """Turn a title into a folder name.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        Lower-case letters, digits and single hyphens; ``study`` if none is left.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "study"


def find(name: str, start: Path) -> Path:
    """Find a study by its folder or, upwards from *start*, by its name.

    Parameters
    ----------
    name : str
        A path to a study folder, or the name of one below a ``studies``
        folder here or above.
    start : Path
        The working folder.

    Returns
    -------
    Path
        The study's folder.

    Raises
    ------
    StudyError
        If there is none; names those that there are.
    """
    direct = (start / name).resolve()
    if (direct / STUDY_FILE).is_file():
        return direct
    known: list[str] = []
    for folder in (start.resolve(), *start.resolve().parents):
        studies = folder / STUDIES_FOLDER
        if (studies / name / STUDY_FILE).is_file():
            return studies / name
        known += sorted(path.parent.name for path in studies.glob(f"*/{STUDY_FILE}"))
    there = f"there are: {some_of(known)}" if known else "there is none here or above"
    msg = f"no study '{name}' ({there}); give its name or its folder"
    raise StudyError(msg)


def exists(folder: Path) -> bool:
    """Tell whether *folder* is a study.

    Parameters
    ----------
    folder : Path
        Any path.

    Returns
    -------
    bool
        True if it holds a ``study.json``.
    """
    return (folder / STUDY_FILE).is_file()


def load(folder: Path) -> Study:
    """Read ``study.json`` and check it.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Returns
    -------
    Study
        As written.

    Raises
    ------
    StudyError
        If it is missing, unreadable, or of a newer version of this package.
    """
    path = folder / STUDY_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Study.model_validate(content)
    except FileNotFoundError:
        msg = f"{folder} is no study folder (no {STUDY_FILE}); give one that `import` made"
    except (OSError, ValueError, ValidationError) as error:
        # A ValidationError is a ValueError; its text would print the salt.
        reason = type(error).__name__ if isinstance(error, ValidationError) else str(error)
        msg = (
            f"cannot read {path} ({reason}); restore it from a backup, or use the version "
            "of ls-integration that wrote it"
        )
    raise StudyError(msg) from None


def save(folder: Path, study: Study) -> None:
    """Write ``study.json``, whole and for the owner only.

    Parameters
    ----------
    folder : Path
        The study's folder; made if it is missing.
    study : Study
        What to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    write_json(folder / STUDY_FILE, study.model_dump(), mode=PRIVATE_MODE)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other commands off the study while the block runs.

    Parameters
    ----------
    folder : Path
        The study's folder; made if it is missing.

    Yields
    ------
    None
        While the lock is held.

    Raises
    ------
    StudyError
        If another command holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK_FILE, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        msg = f"another command is working on the study {folder.name}; wait until it has ended"
        raise StudyError(msg) from None
    try:
        yield
    finally:
        lock.release()


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
    return check_items(_read_table(folder / _ITEMS_FILE))


def check_items(items: pd.DataFrame) -> pd.DataFrame:
    """Refuse an items table that breaks its contract.

    Parameters
    ----------
    items : DataFrame
        Must have ``item_id`` (unique, not empty), ``position`` (0, 1, ...),
        ``image`` and ``source_path``.

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
    return ordered


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
    return _read_table(path)


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
    return _read_table(path) if path.exists() else pd.DataFrame()


def append_journal(folder: Path, entry: Mapping[str, Any]) -> None:
    """Add one line to the journal and see it on the disk.

    Parameters
    ----------
    folder : Path
        The study's folder.
    entry : mapping
        JSON values.
    """
    with (folder / _JOURNAL_FILE).open("a", encoding="utf-8") as journal:
        journal.write(json.dumps(dict(entry)) + "\n")
        journal.flush()
        os.fsync(journal.fileno())


def read_journal(folder: Path) -> list[dict[str, Any]]:
    """Read the journal's lines.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Returns
    -------
    list of dict
        In the order written. A last line that a kill cut short is left out:
        its batch was not sent, since the line is on the disk before the batch.
    """
    path = folder / _JOURNAL_FILE
    if not path.exists():
        return []
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def _write_table(path: Path, table: pd.DataFrame) -> None:
    with whole_file(path, mode=PRIVATE_MODE) as temporary:
        table.to_parquet(temporary, index=False)


def _read_table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        msg = f"cannot read {path} ({reason}); restore it from a backup, or import into a new study"
        raise StudyError(msg) from None
