"""The scored tiles of one frame in one Parquet file, which says what it was made from.

The columns are ``image_name``, ``grid_x`` and ``grid_y`` (px), ``model_score``,
``label`` (True for an artifact; null where it is not known) and ``look``, by
which alike tiles are known: each feature's sign and logarithm, or nothing for a
network. The same frame and model make the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ls_integration.errors import ResultsError, SourceError
from ls_integration.files import parse_json, whole_file

SUFFIX: Final = ".parquet"
"""Behind the name of the frame: ``a/b.fits`` becomes ``a/b.fits.parquet``."""

FORMAT: Final = 1
"""Changes when a column means something else; files of another one are made again."""

_KEY: Final = b"ls_integration"
_LARGEST_LOOK = 1000.0


@dataclass(frozen=True)
class ScoredWith:
    """What decides about the scores of any frame.

    Attributes
    ----------
    model_sha256 : str
        Hash of the model's file.
    model_version : str
        Its name on predictions.
    threshold : float
        Score from which on a tile is an artifact.
    features_version : str or None
        None for a network, which has none.
    tile_px : int
        Side of a tile.
    origin : {"upper", "lower"} or None
        See `images.tiles`.
    hdu : int or str or None
        Unit of FITS files.
    bands : tuple of int
        Planes of one file that become colours.
    format_version : int
        Of the file.
    """

    model_sha256: str
    model_version: str
    threshold: float
    features_version: str | None
    tile_px: int
    origin: str | None
    hdu: int | str | None
    bands: tuple[int, ...]
    format_version: int = FORMAT

    def as_facts(self) -> dict[str, Any]:
        """Write it as JSON reads it.

        Returns
        -------
        dict
            The same after a way through JSON.
        """
        facts: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return facts


@dataclass(frozen=True)
class TileScores:
    """The scored tiles of a frame.

    Attributes
    ----------
    places : ndarray of int64, shape (n_tiles, 2)
        ``grid_x``, ``grid_y`` in px.
    scores : ndarray of float64, shape (n_tiles,)
        In 0..1.
    labels : ndarray of bool, shape (n_tiles,), or None
        True for an artifact; None where nobody knows.
    look : ndarray of float32, shape (n_tiles, n_features), or None
        Features; None without.
    """

    places: NDArray[np.int64]
    scores: NDArray[np.float64]
    labels: NDArray[np.bool_] | None
    look: NDArray[np.float32] | None


def write_scores(path: Path, image_name: str, tiles: TileScores, facts: Mapping[str, Any]) -> None:
    """Write the file of a frame, whole or not at all.

    Parameters
    ----------
    path : Path
        The file; its folder is made if it is missing.
    image_name : str
        The frame's name.
    tiles : TileScores
        Its tiles.
    facts : mapping
        JSON: what they were made from.

    Raises
    ------
    ResultsError
        If it cannot be written.
    """
    n_tiles = len(tiles.scores)
    labels = [None] * n_tiles if tiles.labels is None else tiles.labels
    columns = {
        "image_name": pa.array([image_name] * n_tiles, pa.string()),
        "grid_x": pa.array(tiles.places[:, 0], pa.int32()),
        "grid_y": pa.array(tiles.places[:, 1], pa.int32()),
        "model_score": pa.array(tiles.scores, pa.float64()),
        "label": pa.array(labels, pa.bool_()),
    }
    if tiles.look is not None:
        look = np.clip(np.log1p(np.abs(tiles.look)), 0, _LARGEST_LOOK) * np.sign(tiles.look)
        cells = pa.array(look.astype(np.float16).ravel())
        columns["look"] = pa.FixedSizeListArray.from_arrays(cells, tiles.look.shape[1])
    text = json.dumps(dict(facts), sort_keys=True, ensure_ascii=True)
    table = pa.table(columns).replace_schema_metadata({_KEY: text.encode()})
    try:
        with whole_file(path) as temporary:
            pq.write_table(
                table,
                str(temporary),
                compression="zstd",
                use_dictionary=["image_name"],
                write_page_checksum=True,
            )
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}; mend that, rerun"
        raise ResultsError(msg) from error


def read_facts(path: Path) -> dict[str, Any]:
    """Read what a file was made from, without its tiles.

    Parameters
    ----------
    path : Path
        A file that may be there.

    Returns
    -------
    dict
        Empty if it is not there, cut short, or none of ours; else as given to
        `write_scores`.
    """
    try:
        with pq.ParquetFile(str(path), pre_buffer=False) as file:
            facts = _facts_of(file)
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def read_tiles(path: Path, columns: Sequence[str]) -> dict[str, Any]:
    """Read columns of a file, see `read_scored`.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str
        Their names.

    Returns
    -------
    dict of str to ndarray
        The columns.

    Raises
    ------
    SourceError
        If it is damaged.
    """
    return read_scored(path, columns)[1]


def read_scored(path: Path, columns: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read what a file was made from, and columns of it.

    Parameters
    ----------
    path : Path
        The file.
    columns : sequence of str
        Their names; those that it lacks are left out.

    Returns
    -------
    facts : dict
        As given to `write_scores`; empty if it is none of ours.
    columns : dict of str to ndarray
        ``label`` as float64 (1, 0, NaN where it is not known), ``look`` as
        float32 of shape (n_tiles, n_features), ``image_name`` as str objects.

    Raises
    ------
    SourceError
        If it is damaged: its pages have checksums.
    """
    try:
        # No threads: see `ls_integration.parquet`.
        with pq.ParquetFile(str(path), pre_buffer=False, page_checksum_verification=True) as file:
            facts = _facts_of(file)
            there = [name for name in columns if name in file.schema_arrow.names]
            table = file.read(columns=there, use_threads=False)
            return facts, {name: _as_array(name, table.column(name)) for name in there}
    except (OSError, ValueError, TypeError, pa.ArrowNotImplementedError) as error:
        reason = " ".join(str(error).split())[:120]
        msg = f"{path} is damaged ({reason}); remove it and run predict again"
        raise SourceError(msg) from None


def _facts_of(file: Any) -> Any:
    return parse_json((file.schema_arrow.metadata or {}).get(_KEY, b"{}"))


def _as_array(name: str, column: Any) -> NDArray[Any]:
    if name == "look":
        if not pa.types.is_fixed_size_list(column.type):
            msg = f"its column look holds {column.type}"
            raise ValueError(msg)
        whole = column.combine_chunks()
        cells = whole.flatten().to_numpy(zero_copy_only=False)
        return np.asarray(cells, dtype=np.float32).reshape(len(whole), -1)
    if name == "label":
        values = column.cast(pa.int8()).to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)
    return np.asarray(column.to_numpy(zero_copy_only=False))
