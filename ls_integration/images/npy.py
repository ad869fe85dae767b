"""NumPy's file format, read in two steps, so that a bomb is seen before it goes off."""

import math
import threading
import zipfile
from collections.abc import Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.lib import format as untyped_npy_format
from numpy.typing import NDArray

from ls_integration.errors import SourceError

npy_format: Any = untyped_npy_format
"""NumPy's own reader of its format, which comes without types."""

_HEADERS = threading.Lock()
"""To be held while NumPy reads a header: it parses it as Python, and CPython 3.11 loses count of
its depth when two threads do so ("AST constructor recursion depth mismatch", its issue 106905)."""


class NpyHeader(NamedTuple):
    """What stands before the values.

    Attributes
    ----------
    shape : tuple of int
        Of the array.
    dtype : dtype
        Of the array.
    is_fortran : bool
        True if the first axis runs fastest.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool


def npy_header(path: Path, file: IO[bytes]) -> NpyHeader:
    """Read shape and type without the values.

    Parameters
    ----------
    path : Path
        Named in errors.
    file : binary file
        At the beginning of an array in NumPy's format; left at its values.

    Returns
    -------
    NpyHeader
        What it says.

    Raises
    ------
    SourceError
        If the version is unknown.
    """
    version = npy_format.read_magic(file)
    readers = {
        (1, 0): npy_format.read_array_header_1_0,
        (2, 0): npy_format.read_array_header_2_0,
    }
    if version not in readers:
        msg = f"{path} is stored in version {version} of NumPy's format; save it with numpy.save"
        raise SourceError(msg)
    try:
        with _HEADERS:
            shape, is_fortran, dtype = readers[version](file)
    except SystemError as error:
        # What CPython 3.11 says of the header behind one that was nested too deeply.
        raise ValueError(str(error)) from error
    return NpyHeader(shape, dtype, is_fortran)


def npy_values(path: Path, file: IO[bytes], header: NpyHeader) -> NDArray[Any]:
    """Read the values that stand behind a header.

    Parameters
    ----------
    path : Path
        Named in errors.
    file : binary file
        Where `npy_header` left it.
    header : NpyHeader
        Of which the size was found to be bearable.

    Returns
    -------
    ndarray
        Of the header's shape and type.

    Raises
    ------
    SourceError
        If it holds Python objects.
    EOFError
        If values are missing.
    """
    refuse_objects(path, header.dtype)
    flat = np.empty(int(np.prod(header.shape, dtype=object)), dtype=header.dtype)
    # Files opened for reading and members of archives have it, whatever their type says.
    readable = cast("BufferedIOBase", file)
    n_bytes = readable.readinto(flat.view(np.uint8).data) if flat.nbytes else 0
    if n_bytes < flat.nbytes:
        msg = f"{flat.nbytes - n_bytes} bytes are missing"
        raise EOFError(msg)
    return flat.reshape(header.shape, order="F" if header.is_fortran else "C")


def read_npz(path: Path, names: Sequence[str], max_bytes: int) -> dict[str, NDArray[Any]]:
    """Read arrays of an archive of NumPy's, none of them larger than is bearable.

    Parameters
    ----------
    path : Path
        The archive.
    names : sequence of str
        Keys of the arrays that are wanted.
    max_bytes : int
        The largest array that is read.

    Returns
    -------
    dict of str to ndarray
        By key. Pickled objects are never loaded.

    Raises
    ------
    SourceError
        If an array holds Python objects or is larger.
    KeyError
        If an array is not there.
    OSError, ValueError, EOFError
        And others of `source_files.DAMAGED`, if the file is damaged.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for name in names:
            with archive.open(f"{name}.npy") as file:
                arrays[name] = _bounded(path, file, max_bytes)
    return arrays


def read_npy(path: Path, max_bytes: int) -> NDArray[Any]:
    """Read a file of NumPy's that is no larger than is bearable.

    Parameters
    ----------
    path : Path
        The file.
    max_bytes : int
        The largest array that is read.

    Returns
    -------
    ndarray
        Pickled objects are never loaded.

    Raises
    ------
    SourceError
        If it holds Python objects or is larger.
    OSError, ValueError, EOFError
        And others of `source_files.DAMAGED`, if the file is damaged.
    """
    with path.open("rb") as file:
        return _bounded(path, file, max_bytes)


def _bounded(path: Path, file: IO[bytes], max_bytes: int) -> NDArray[Any]:
    header = npy_header(path, file)
    n_bytes = math.prod(header.shape) * header.dtype.itemsize
    if n_bytes > max_bytes:
        msg = (
            f"{path} has {header.dtype} of shape {header.shape}, more than {max_bytes:,} bytes; "
            "give the file itself, not another one of its name"
        )
        raise SourceError(msg)
    return npy_values(path, file, header)


def refuse_objects(path: Path, dtype: np.dtype[Any]) -> None:
    """Refuse an array of Python objects, which only pickle could load.

    Parameters
    ----------
    path : Path
        Named in the error.
    dtype : dtype
        Type of the array, from `npy_header`.

    Raises
    ------
    SourceError
        If it holds objects.
    """
    if dtype.hasobject:
        msg = f"{path} holds Python objects, not numbers; save it as a plain array"
        raise SourceError(msg)
