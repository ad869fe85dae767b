"""Parquet files, read without threads that outlive their work."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file.

    pandas hands Arrow an open file and lets it use its thread pool; a process
    that ends soon after then sometimes aborts ("terminate called without an
    active exception", exit code -6) although its work is done: seen in 2 of 50
    imports on a busy machine.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    DataFrame
        As written.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no Parquet file (`pyarrow.ArrowInvalid` is one).

    References
    ----------
    https://github.com/apache/arrow/issues/50482,
    https://github.com/apache/arrow/issues/34314
    """
    # read_table goes through datasets, whose input threads no option switches off.
    open_file: Any = pyarrow.parquet.ParquetFile
    with open_file(str(path), pre_buffer=False) as file:
        try:
            frame: pd.DataFrame = file.read(use_threads=False).to_pandas(use_threads=False)
        except (AttributeError, LookupError, NotImplementedError, TypeError) as error:
            # What pandas noted for itself beside the table is damaged.
            msg = f"it holds no table of pandas' ({type(error).__name__}: {error})"
            raise ValueError(msg) from error
    return frame
