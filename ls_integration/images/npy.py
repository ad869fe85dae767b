"""NumPy's file format, read in two steps, so that a bomb is seen before it goes off."""

import threading
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
    with _HEADERS:
        shape, is_fortran, dtype = readers[version](file)
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
        msg = f"{path} holds Python objects, not numbers; save the image as a plain array"
        raise SourceError(msg)
