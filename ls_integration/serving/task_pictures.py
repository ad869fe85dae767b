"""The image that a task names, for tasks that belong to no study at hand.

What a task says was written by whoever can edit tasks, so it opens nothing but
files of the media folder, and what the one Label Studio serves as data.

Only measured values are taken: a picture in colours, and any WebP, was drawn
for people, and its counts can't be had back.
"""

import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from PIL import Image

from ls_integration.errors import IntegrationError, SourceError, TaskError
from ls_integration.images.read import IMAGE_SUFFIXES
from ls_integration.images.source_files import DAMAGED
from ls_integration.serving.inputs import Input, StedInput

LOCAL_FILES = "/data/local-files/"
"""Below which Label Studio shows files of its media folder: ``?d=`` and their path."""

MAX_IMAGE_BYTES = 64 * 1024 * 1024
"""Larger files are not read; 5,000 x 5,000 pixels of 16 bit have 50 MB."""

Fetch = Callable[[str, int], bytes]
"""An image's address, a number of bytes that it may have -> the file, from Label Studio."""

_NEEDS_STUDY = "give --study, which knows the source files"
_GREY = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L"}
_PICTURES = (".png", ".jpg", ".jpeg")


class TaskPictures:
    """Finds the image that a task names.

    Parameters
    ----------
    media : Path or None
        The media folder; read first.
    fetch : callable or None
        Asks Label Studio for what is not in it.
    folder : Path
        Private; for what was fetched, until it has been read.
    """

    def __init__(self, media: Path | None, fetch: Fetch | None, folder: Path) -> None:
        self._media = media
        self._fetch = fetch
        self._folder = folder

    def __call__(self, data: Mapping[str, Any]) -> Input:
        """Find the image of a STED task.

        Parameters
        ----------
        data : mapping
            The task's data.

        Returns
        -------
        Input
            A file of measured values.

        Raises
        ------
        TaskError
            If the task names none that may be read.
        SourceError
            If it is none that can be read.
        ServerError
            If Label Studio does not give it.
        """
        address = data.get("image")
        if "context" in data or not isinstance(address, str) or len(address) > 4096:
            msg = f"the task names no image that can be scored by itself; {_NEEDS_STUDY}"
            raise TaskError(msg)
        suffix = PurePosixPath(file_name(address)).suffix.lower()
        if suffix not in IMAGE_SUFFIXES:
            what = "pictures drawn for people" if suffix == ".webp" else f"'{suffix[:10]}' files"
            msg = f"{what} hold no measured values; {_NEEDS_STUDY}"
            raise TaskError(msg)
        found = None if self._media is None else media_file(address, self._media)
        if found is not None:
            _refuse_colours(found)
            return StedInput(found)
        if self._fetch is None:
            msg = f"an image is not in the media folder, no Label Studio is known; {_NEEDS_STUDY}"
            raise TaskError(msg)
        content = self._fetch(address, MAX_IMAGE_BYTES)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=suffix, delete=False) as file:
            file.write(content)
        fetched = Path(file.name)
        try:
            _refuse_colours(fetched)
        except IntegrationError:
            fetched.unlink(missing_ok=True)
            raise
        return StedInput(fetched, is_temporary=True)


def file_name(address: str) -> str:
    """Give the name of the file that an address names.

    Parameters
    ----------
    address : str
        Of an image, as a task has it.

    Returns
    -------
    str
        Without folders; empty if there is none.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    inside = parse_qs(parts.query).get("d", [""])[0]
    return PurePosixPath(inside or unquote(parts.path)).name


def media_file(address: str, media: Path) -> Path | None:
    """Find a file of the media folder.

    Parameters
    ----------
    address : str
        ``/data/local-files/?d=`` and a path; other addresses name no file here.
    media : Path
        The media folder.

    Returns
    -------
    Path or None
        A file in it, without links; None if it is not there, or the address is
        another one.

    Raises
    ------
    TaskError
        If the path leads out of the media folder, or to no plain file.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme or parts.netloc or parts.path != LOCAL_FILES:
        return None
    inside = parse_qs(parts.query).get("d", [""])[0]
    steps = inside.split("/")
    if not inside or "\0" in inside or "\\" in inside or inside.startswith("/") or ".." in steps:
        raise TaskError(_outside(inside))
    try:
        root = media.resolve(strict=True)
        found = (root / inside).resolve(strict=True)
        status = found.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RuntimeError):
        raise TaskError(_outside(inside)) from None
    # Resolved: a link may lead to anywhere.
    if not found.is_relative_to(root) or found.suffix.lower() not in IMAGE_SUFFIXES:
        raise TaskError(_outside(inside))
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_IMAGE_BYTES:
        msg = f"{_named(inside)} of a task is no file of at most {MAX_IMAGE_BYTES:,} bytes"
        raise TaskError(msg)
    return found


def _outside(inside: str) -> str:
    return f"{_named(inside)} of a task is not a path inside the media folder; correct the task"


def _named(inside: str) -> str:
    return repr(inside[:80])


def _refuse_colours(path: Path) -> None:
    if path.suffix.lower() not in _PICTURES:
        return
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            mode = picture.mode
    except (*DAMAGED, Image.DecompressionBombError) as error:
        msg = f"{path.name} is damaged ({type(error).__name__})"
        raise SourceError(msg) from None
    if mode not in _GREY:
        msg = f"pictures in colours hold no measured values; {_NEEDS_STUDY}"
        raise TaskError(msg)
