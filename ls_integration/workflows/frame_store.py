"""Where the frames of a survey lie: a folder of this machine, or an address that fsspec knows.

A frame has a name (its path below the source, with slashes) and an address (the
file's path, or its URL).
"""

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from tenacity import Retrying, retry_if_not_exception_type, stop_after_attempt, wait_exponential

from ls_integration.errors import ConfigError, SourceError
from ls_integration.images.frame_files import is_shown, list_frames
from ls_integration.images.frames import has_suffix

_ATTEMPTS, _FIRST_WAIT_S = 3, 0.5
"""A busy object store answers "slow down"; who is refused three times is refused."""

_CHANGES_WITH_CONTENT = ("ETag", "etag", "Last-Modified", "LastModified", "mtime", "created")
"""What file systems of fsspec call the mark by which a changed file is known."""


def is_remote(source: str) -> bool:
    """Tell an address from a path.

    Parameters
    ----------
    source : str
        What the user gave.

    Returns
    -------
    bool
        True for ``http://``, ``https://``, ``s3://``, ``memory://`` and the like.
    """
    return "://" in source


def list_addresses(source: str) -> dict[str, str]:
    """Find all frames of a source.

    Parameters
    ----------
    source : str
        A folder or an address. An HTTP server must list its folders, as Apache,
        nginx (``autoindex``) and Python's own server do.

    Returns
    -------
    dict of str to str
        Name -> address, sorted by name; hidden files are left out.

    Raises
    ------
    ConfigError
        If the library for this kind of address is not installed, or the address
        holds a password.
    SourceError
        If the source cannot be listed, has no frames, or a name leads out of it.
    """
    if is_remote(source):
        found = _list_remote(source)
    else:
        found = {name: str(Path(source) / name) for name in list_frames(Path(source))}
    if not found:
        msg = f"{source} has no frames; give the folder of the JPEG, PNG, TIFF, NPY or FITS files"
        raise SourceError(msg)
    return found


def read_stamp(addresses: Sequence[str]) -> str:
    """Tell files from others of the same names without reading them.

    Parameters
    ----------
    addresses : sequence of str
        A frame's files.

    Returns
    -------
    str
        Sizes and times of the last change, or an object store's marks; empty if
        the server tells nothing by which a change would show.

    Raises
    ------
    ConfigError
        If the library for this kind of address is not installed.
    SourceError
        If a file is not there.
    """
    stamps = [_stamp(address) for address in addresses]
    return "; ".join(stamps) if all(stamps) else ""


@contextmanager
def fetched(addresses: Sequence[str]) -> Iterator[list[Path]]:
    """Give a frame's files as files of this machine.

    Parameters
    ----------
    addresses : sequence of str
        Paths are given as they are, all else is copied and removed afterwards.

    Yields
    ------
    list of Path
        In the order of the addresses, with their names.

    Raises
    ------
    ConfigError
        If the library for this kind of address is not installed.
    SourceError
        If a file cannot be fetched.
    """
    if not any(map(is_remote, addresses)):
        yield [Path(address) for address in addresses]
        return
    with tempfile.TemporaryDirectory(prefix="ls-integration-") as folder:
        copies = []
        for number, address in enumerate(addresses):
            name = unquote(urlsplit(address).path).rpartition("/")[2]
            copies.append(Path(folder, str(number), name))
            copies[-1].parent.mkdir()
            _attempt(_get_file, address, str(copies[-1]))
        yield copies


def _list_remote(source: str) -> dict[str, str]:
    parts = urlsplit(source)
    if parts.password is not None or parts.query:
        msg = (
            f"an address of {parts.hostname} holds a password or a key; leave it out and give it "
            "as docs/scale.md says"
        )
        raise ConfigError(msg)
    files, root = _file_system(source)
    root = root.rstrip("/")
    found = {}
    for path in _attempt(_all_files, source):
        name = unquote(str(path).removeprefix(root).lstrip("/"))
        if not has_suffix(name) or not is_shown(name):
            continue
        if ".." in PurePosixPath(name).parts or "\0" in name:
            msg = f"{source} lists '{name}', which leads out of it; rename that file"
            raise SourceError(msg)
        found[name] = str(files.unstrip_protocol(path))
    return dict(sorted(found.items()))


def _stamp(address: str) -> str:
    if not is_remote(address):
        try:
            found = Path(address).stat()
        except OSError as error:
            msg = f"cannot read {address}: {error.strerror or error}; correct the path"
            raise SourceError(msg) from None
        return f"{found.st_size} {found.st_mtime_ns}"
    about = _attempt(_info, address)
    marks = [str(about[key]) for key in _CHANGES_WITH_CONTENT if about.get(key)]
    return f"{about.get('size')} {' '.join(marks)}" if marks else ""


def _all_files(files: Any, path: str) -> list[str]:
    # Not `find`: it leaves out folders that cannot be listed, and their frames would be missing.
    found = files.walk(path, on_error="raise", detail=True)
    return [str(about["name"]) for _, _, inside in found for about in inside.values()]


def _get_file(files: Any, path: str, copy: str) -> None:
    files.get_file(path, copy)


def _info(files: Any, path: str) -> Any:
    return files.info(path)


def _attempt(action: Callable[..., Any], address: str, *arguments: str) -> Any:
    """Ask a file system, again where that may help."""
    files, path = _file_system(address)
    # What is not there now is not there a second later either.
    hopeless = (FileNotFoundError, PermissionError, IsADirectoryError)
    again = Retrying(
        stop=stop_after_attempt(_ATTEMPTS),
        wait=wait_exponential(_FIRST_WAIT_S),
        retry=retry_if_not_exception_type(hopeless),
        reraise=True,
    )
    try:
        return again(action, files, path, *arguments)
    except _failures() as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        msg = f"cannot get {address} ({reason}); see that it is there and may be read, rerun"
        raise SourceError(msg) from error


def _file_system(address: str) -> tuple[Any, str]:
    scheme = urlsplit(address).scheme
    needed = f"frames at {scheme}:// need another library; pip install 'ls-integration[remote]'"
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise ConfigError(needed) from None
    try:
        # Listings are kept for minutes otherwise, and a changed frame would not be seen.
        files, path = url_to_fs(address, use_listings_cache=False)
    except ImportError:
        raise ConfigError(needed) from None
    except ValueError as error:
        msg = f"{scheme}:// is no kind of address that can be read ({error}); use http or s3"
        raise ConfigError(msg) from None
    return files, path


def _failures() -> tuple[type[BaseException], ...]:
    """Name what a file system may raise: its libraries keep exceptions of their own."""
    found: list[type[BaseException]] = [OSError, ValueError, RuntimeError]
    if "aiohttp" in sys.modules:
        found.append(sys.modules["aiohttp"].ClientError)
    if "botocore.exceptions" in sys.modules:
        errors = sys.modules["botocore.exceptions"]
        found += [errors.BotoCoreError, errors.ClientError]
    return tuple(found)
