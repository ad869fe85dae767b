"""What the readers of image files share: is it there, is it damaged, how large would it be."""

import struct
import threading
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ls_integration.errors import SourceError, reason_of

DAMAGED = (
    ArithmeticError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the decoders raise on damaged bytes; found by cutting and flipping real files."""

MAX_FRAME_PIXELS = 178_956_970
"""Larger frames are refused, by Pillow too (as decompression bombs): 13,377 pixels squared."""

WARNING_FILTERS = threading.Lock()
"""To be held while warnings are filtered: the filters belong to the whole process."""


@contextmanager
def without_warnings(category: type[Warning] = Warning) -> Iterator[None]:
    """Keep a library's remarks from the user: on odd headers, chunks, palettes.

    Parameters
    ----------
    category : type, optional
        Of the warnings that are not wanted. Others can be filtered inside the block.

    Yields
    ------
    None
        For the block; `WARNING_FILTERS` is held as long.
    """
    with WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield


def check_file(path: Path) -> None:
    """Refuse what is no readable file with something in it.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    SourceError
        If it is missing, no file, empty or not to be read by this user.
    """
    if not path.exists():
        msg = f"{path} does not exist; correct the path or leave the image out"
        raise SourceError(msg)
    if not path.is_file():
        msg = f"{path} is not a file; give the image file itself"
        raise SourceError(msg)
    if path.stat().st_size == 0:
        msg = f"{path} is empty (0 bytes); copy or export it again"
        raise SourceError(msg)
    try:
        path.open("rb").close()
    except PermissionError:
        msg = f"{path} may not be read by this user; change its permissions"
        raise SourceError(msg) from None


def damaged(path: Path, error: BaseException) -> SourceError:
    """Make the error of a file whose decoder failed.

    Parameters
    ----------
    path : Path
        The file.
    error : BaseException
        What its decoder raised, one of `DAMAGED`.

    Returns
    -------
    SourceError
        To be raised from `error`.
    """
    return SourceError(
        f"{path} is damaged or cut short ({reason_of(error)}); copy or export it again"
    )


def check_planes(path: Path, shape: tuple[int, ...], n_planes: int, chosen: Sequence[int]) -> None:
    """Refuse a choice of planes that does not fit.

    Parameters
    ----------
    path : Path
        Named in the error.
    shape : tuple of int
        Of what the file holds, named in the error.
    n_planes : int
        How many planes there are.
    chosen : sequence of int
        Planes, counted from 0; empty if none was chosen.

    Raises
    ------
    SourceError
        If a plane does not exist, or there are several and none was chosen.
    """
    wrong = [plane for plane in chosen if not 0 <= plane < n_planes]
    if wrong or (n_planes != 1 and not chosen):
        problem = f"--bands {wrong[0]} is not one of them" if wrong else "choose with --bands"
        msg = f"{path} has shape {shape}, which is {n_planes} planes, counted from 0: {problem}"
        raise SourceError(msg)
