"""Files that appear whole or not at all."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PRIVATE_MODE = 0o600
"""Mode of files that hold secrets or a study's truth: the owner only."""


def file_sha256(path: Path) -> str:
    """Hash a file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        64 hex digits.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def whole_file(path: Path, *, mode: int | None = None) -> Iterator[Path]:
    """Write *path* under a temporary name, then rename it into place.

    A reader sees the old file or the new one, never a part. If the block
    raises, the old file stays and the temporary one is removed.

    Parameters
    ----------
    path : Path
        The file to write; its folder is made if it is missing.
    mode : int, optional
        Permission bits; by default what the umask leaves of 0666.

    Yields
    ------
    Path
        The temporary file in the same folder, for the block to write.

    Raises
    ------
    OSError
        If the folder cannot be written or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary_name(path)
    # Not mkstemp: its 0600 could only be undone by asking for the umask, which
    # sets it for a moment, in every thread.
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    os.close(os.open(temporary, flags, 0o666 if mode is None else mode))
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


@contextmanager
def whole_files() -> Iterator[Callable[[Path, bytes], None]]:
    """Write many files, which get their names together at the end of the block.

    The promise of `whole_file` for each of them, power cuts among it, for less:
    waiting for the disk once they are all on their way to it, not between one
    and the next. Fewer of them may have their names if the end is cut off.

    Yields
    ------
    callable
        Takes the path and all that the file shall hold; from any thread, until
        the block is over. Its folder is made if it is missing.

    Raises
    ------
    OSError
        If a folder cannot be written or the disk is full.
    """
    temporaries: dict[Path, Path] = {}
    folders: set[Path] = set()

    def write(path: Path, content: bytes) -> None:
        if path.parent not in folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            folders.add(path.parent)
        temporary = _temporary_name(path)
        temporaries[temporary] = path
        with temporary.open("xb") as file:
            file.write(content)

    try:
        yield write
        for temporary in temporaries:
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
        for temporary, path in temporaries.items():
            temporary.replace(path)
    except BaseException:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)
        raise


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}{path.suffix}")


def write_bytes(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write *content* to *path*, whole or not at all.

    Parameters
    ----------
    path : Path
        The file to write.
    content : bytes
        All that it shall hold.
    mode : int, optional
        Permission bits, see `whole_file`.
    """
    with whole_file(path, mode=mode) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str, *, mode: int | None = None) -> None:
    """Write *content* to *path* as UTF-8 with its line ends as they are.

    Parameters
    ----------
    path : Path
        The file to write.
    content : str
        All that it shall hold.
    mode : int, optional
        Permission bits, see `whole_file`.
    """
    write_bytes(path, content.encode("utf-8"), mode=mode)


def parse_json(text: str | bytes) -> Any:
    """Read JSON that anybody may have written.

    Parameters
    ----------
    text : str or bytes
        Bytes in UTF-8.

    Returns
    -------
    dict or list or str or int or float or bool or None
        What it says.

    Raises
    ------
    ValueError
        If it is no JSON, or nested deeper than any of ours.
    """
    try:
        return json.loads(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError:
        msg = "it is nested too deeply"
        raise ValueError(msg) from None


def read_json(path: Path) -> Any:
    """Read a JSON file that anybody may have written.

    Parameters
    ----------
    path : Path
        In UTF-8.

    Returns
    -------
    dict or list or str or int or float or bool or None
        What it says.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        As `parse_json`.
    """
    return parse_json(path.read_bytes())


def read_texts(path: Path) -> dict[str, str]:
    """Read a JSON file of texts by name; one that is not there holds none.

    Parameters
    ----------
    path : Path
        In UTF-8.

    Returns
    -------
    dict of str to str
        Name -> text.

    Raises
    ------
    OSError
        If it is there and cannot be read.
    ValueError
        If it holds something else.
    """
    try:
        found = read_json(path)
    except FileNotFoundError:
        return {}
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        msg = f"{path.name} holds no texts by name"
        raise ValueError(msg)
    return found


def write_json(path: Path, content: Any, *, mode: int | None = None) -> None:
    """Write *content* to *path* as indented JSON.

    Parameters
    ----------
    path : Path
        The file to write.
    content : dict or list
        Strict JSON values: NaN and infinity are refused.
    mode : int, optional
        Permission bits, see `whole_file`.

    Raises
    ------
    ValueError
        If *content* holds NaN or infinity, which JSON has no word for.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n", mode=mode)
