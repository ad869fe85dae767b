"""Parquet files are read without threads that outlive the reading."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ls_integration.parquet import read_parquet

_COUNT_THREADS = """
import os, sys
from pathlib import Path
import pandas, pyarrow.parquet
from ls_integration.parquet import read_parquet
before = len(os.listdir("/proc/self/task"))
read_parquet(Path(sys.argv[1]))
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a small table."""
    path = tmp_path / "table.parquet"
    frame = pd.DataFrame({"text": ["a", None], "number": [0.1, float("nan")]})
    frame.to_parquet(path, index=False)
    return path


def test_a_table_comes_back_as_it_was_written(path: Path) -> None:
    """As pandas itself reads it."""
    pd.testing.assert_frame_equal(read_parquet(path), pd.read_parquet(path))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_no_thread_is_left_behind(path: Path) -> None:
    """A thread of Arrow's pool that is alive at the end can abort the process."""
    command = [sys.executable, "-c", _COUNT_THREADS, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) == 0


def test_no_parquet_file_is_a_value_error(tmp_path: Path) -> None:
    """So that every reader can name the file and what to do."""
    path = tmp_path / "x.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(ValueError, match="Parquet"):
        read_parquet(path)
