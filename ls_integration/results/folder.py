"""The results folder: what is ours in it, and when it may be written.

``manifest.json`` lists the files that this package wrote, with their SHA-256.
Only these may be replaced, and only while they are as they were written: a file
that a person put there or changed is never overwritten without ``force``. All
of that is decided before the first byte is written. One command at a time writes
into a folder, and clears away what one that was killed has left there.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from ls_integration.errors import ResultsError, some_of
from ls_integration.files import file_sha256, read_json, write_json

MANIFEST = "manifest.json"
SCHEMA = 1
"""Version of the manifest's form."""

_WHOLE_MANIFEST = ".manifest-whole.json"
"""The manifest as it will be, while files still move."""

_LOCK, _STAGED = ".results-lock", ".results-unfinished"
"""In the results folder, and only while a command writes into it."""


@contextmanager
def open_results(
    folder: Path, study: Mapping[str, Any], *, force: bool = False, renews: Sequence[str] = ()
) -> Iterator[Path]:
    """Collect result files, then put all of them into a folder, or none.

    Parameters
    ----------
    folder : Path
        The results folder; made if it is missing.
    study : mapping
        What the manifest says of the study, as strict JSON. Its ``uuid`` is
        what tells one study from another.
    force : bool
        Replace files and results that would otherwise be refused.
    renews : sequence of str
        Folders and files below *folder* that would be wrong beside the new ones:
        what is ours of them, and the block does not write, is removed. Files that
        a person changed stay, and are theirs from then on.

    Yields
    ------
    Path
        An empty folder for the block to write into; what is in it when the
        block ends moves to the same place in *folder*.

    Raises
    ------
    ResultsError
        If a file is in the way or was changed since it was written, if the
        folder holds another study's results, if another command is writing
        into it, or if it cannot be written. In each case *folder* is as it was.
    """
    folder = folder.resolve()
    _refuse_a_file(folder)
    with _only_writer(folder):
        manifest = read_manifest(folder)
        if not force:
            _refuse_other_study(folder, manifest, study)
        staged = folder / _STAGED
        # Of a command that was killed: no other one is at work here.
        shutil.rmtree(staged, ignore_errors=True)
        try:
            staged.mkdir(mode=0o700)
        except OSError as error:
            raise _cannot_write(folder, error) from error
        try:
            yield staged
            hashes = {
                path.relative_to(staged).as_posix(): file_sha256(path)
                for path in sorted(staged.rglob("*"))
                if path.is_file()
            }
            if not force:
                _refuse_files_in_the_way(folder, manifest, hashes)
            _move_all(staged, folder, manifest, study, hashes, renews)
        except OSError as error:
            msg = f"cannot write the results to {folder}: {error}; mend this and run it again"
            raise ResultsError(msg) from error
        finally:
            shutil.rmtree(staged, ignore_errors=True)


@contextmanager
def _only_writer(folder: Path) -> Iterator[None]:
    """Keep other commands off a folder, which is made, and removed again if it stays empty."""
    is_new = not folder.exists()
    # Whoever else may write into the folder may lock it, too.
    lock = FileLock(folder / _LOCK, timeout=0, mode=0o666)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        msg = (
            f"another command is writing results into {folder}; wait until it has ended, or "
            "choose another --output"
        )
        raise ResultsError(msg) from None
    except OSError as error:
        raise _cannot_write(folder, error) from error
    try:
        yield
    finally:
        # Before the release: filelock (from 3.21 on) takes no lock on a file that is gone.
        with suppress(OSError):
            (folder / _LOCK).unlink()
        lock.release()
        if is_new:
            with suppress(OSError):
                folder.rmdir()


def _cannot_write(folder: Path, error: OSError) -> ResultsError:
    msg = f"cannot write into {folder}: {error.strerror}; choose another --output"
    return ResultsError(msg)


def _refuse_a_file(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        msg = f"{folder} is a file, not a folder; choose another --output"
        raise ResultsError(msg)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what a results folder says of itself.

    Parameters
    ----------
    folder : Path
        The results folder.

    Returns
    -------
    dict
        ``schema``, ``study``, ``files``; without entries where there is no
        manifest.

    Raises
    ------
    ResultsError
        If the manifest cannot be read or is of a newer version.
    """
    _refuse_a_file(folder)
    path = folder / MANIFEST
    if not path.exists():
        return {"schema": SCHEMA, "study": {}, "files": {}}
    try:
        manifest = read_json(path)
        schema = int(manifest["schema"])
        parts = (manifest["study"], manifest["files"], manifest.get("pending", {}))
        if not all(isinstance(part, dict) for part in parts):
            raise TypeError(MANIFEST)
    except (OSError, ValueError, KeyError, OverflowError, TypeError) as error:
        msg = f"cannot read {path}; remove it (its folder then counts as not ours) or restore it"
        raise ResultsError(msg) from error
    if schema > SCHEMA:
        msg = f"{path} is of the form {schema}, newer than {SCHEMA}; update ls-integration"
        raise ResultsError(msg)
    return dict(manifest)


def _refuse_other_study(
    folder: Path, manifest: Mapping[str, Any], study: Mapping[str, Any]
) -> None:
    there, ours = manifest["study"].get("uuid"), study.get("uuid")
    if manifest["files"] and there != ours:
        title = manifest["study"].get("title") or there
        msg = f"{folder} holds the results of another study ('{title}'); choose another --output"
        raise ResultsError(msg)


def _refuse_files_in_the_way(
    folder: Path, manifest: Mapping[str, Any], hashes: Mapping[str, str]
) -> None:
    foreign, changed = [], []
    for name, wanted in hashes.items():
        path = folder / name
        if any(parent.is_file() for parent in path.parents):
            foreign.append(name)
        if not (path.exists() or path.is_symlink()):
            continue
        # "pending" is what a run that was killed while moving meant to write.
        ours = {manifest["files"].get(name), manifest.get("pending", {}).get(name)} - {None}
        if not path.is_file() or not ours:
            if not (path.is_file() and file_sha256(path) == wanted):
                foreign.append(name)
        elif file_sha256(path) not in ours | {wanted}:
            changed.append(name)
    if foreign:
        msg = (
            f"{folder} has files in the way that this program did not write: {some_of(foreign)}; "
            "move them, choose another --output, or replace them with --force"
        )
        raise ResultsError(msg)
    if changed:
        msg = (
            f"{folder} has files that were changed since they were written: {some_of(changed)}; "
            "copy them elsewhere, or replace them with --force"
        )
        raise ResultsError(msg)


def _move_all(
    staged: Path,
    folder: Path,
    manifest: Mapping[str, Any],
    study: Mapping[str, Any],
    hashes: Mapping[str, str],
    renews: Sequence[str],
) -> None:
    """Move each file into place; the manifest is right before, between and after."""
    same_study = manifest["study"].get("uuid") == study.get("uuid")
    files = dict(manifest["files"]) if same_study else {}
    written = {"schema": SCHEMA, "study": dict(study)}
    before = manifest.get("pending", {})
    pending = {**before, **hashes}
    # "pending" is what a run that was killed while moving meant to write.
    old = {
        name: {files.get(name), before.get(name)}
        for name in ({**files, **before} if same_study else {})
        if name not in hashes and _is_below(name, renews)
    }
    kept = {name: sha256 for name, sha256 in files.items() if name not in old}
    for name in hashes:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    # All that needs room is written before the first file moves: a full disk changes nothing.
    # And in the folder that the next run clears: a kill may leave half a file.
    write_json(staged / MANIFEST, {**written, "files": files, "pending": pending})
    whole = {**written, "files": dict(sorted({**kept, **hashes}.items()))}
    write_json(staged / _WHOLE_MANIFEST, whole)
    (staged / MANIFEST).replace(folder / MANIFEST)
    for name in hashes:
        (staged / name).replace(folder / name)
    for name, ours in old.items():
        _remove(folder, name, ours)
    (staged / _WHOLE_MANIFEST).replace(folder / MANIFEST)


def _is_below(name: str, places: Sequence[str]) -> bool:
    """Tell whether a file of a manifest is one of these places, or in one of them."""
    path = PurePosixPath(name)
    # A manifest of somebody else's making leads nowhere but into its own folder.
    leads_away = path.is_absolute() or ".." in path.parts
    return not leads_away and any(path.is_relative_to(place) for place in places)


def _remove(folder: Path, name: str, ours: Set[str | None]) -> None:
    """Remove a file if it is as we wrote it, and the folders that this leaves empty."""
    path = folder / name
    if path.is_symlink() or not path.is_file() or file_sha256(path) not in ours:
        return
    path.unlink()
    # The first that still has something in it ends this.
    with suppress(OSError):
        for parent in path.relative_to(folder).parents[:-1]:
            (folder / parent).rmdir()
