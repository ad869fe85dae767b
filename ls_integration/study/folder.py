"""The study folder: find it, read it, write it, keep others off."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from ls_integration.errors import StudyError, some_of
from ls_integration.files import PRIVATE_MODE, read_json, write_json
from ls_integration.study.disk import writing
from ls_integration.study.model import Study

STUDIES_FOLDER = "studies"
STUDY_FILE = "study.json"
_LOCK_FILE = ".lock"


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
        If there is none, naming those that there are; or if it is another user's.
    """
    direct = (start / name).resolve()
    if exists(direct):
        return direct
    known: list[str] = []
    for folder in (start.resolve(), *start.resolve().parents):
        studies = folder / STUDIES_FOLDER
        if exists(studies / name):
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

    Raises
    ------
    StudyError
        If it is the folder of another user, who alone may look.
    """
    try:
        return (folder / STUDY_FILE).is_file()
    except PermissionError:
        msg = (
            f"{folder} belongs to another user, who alone may read it; run this as that user (the "
            "ML backend of docker-compose.yml with LS_INTEGRATION_BACKEND_USER)"
        )
        raise StudyError(msg) from None


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
        content = read_json(path)
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

    Raises
    ------
    StudyError
        If it cannot be written.
    """
    with writing(folder):
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
        If another command holds it, or the folder cannot be written.
    """
    lock = FileLock(folder / _LOCK_FILE, timeout=0)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            msg = f"another command is working on the study {folder.name}; wait until it has ended"
            raise StudyError(msg) from None
    try:
        yield
    finally:
        lock.release()
