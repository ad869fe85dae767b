"""STED images for a model: any source that `import sted-quality` reads, or one NPZ with all."""

import math
import weakref
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.errors import ConfigError, SourceError, some_of
from ls_integration.images.npy import npy_header, npy_values, refuse_objects
from ls_integration.images.read import MAX_PIXELS, decode_counts, read_image
from ls_integration.images.source_files import DAMAGED, check_file, damaged
from ls_integration.kinds.sources_table import SourceTable
from ls_integration.kinds.sted_source import read_source
from ls_integration.workflows.model_images import (
    Batch,
    ImageSource,
    Rows,
    StedImages,
    fingerprint_files,
)
from ls_integration.workflows.sted_options import PictureOptions

AT_ONCE = 8
"""Images in memory together: a tenth of a second's work of 224 x 224 counts, and no more than
2.7 GB of the largest that can be read."""

IMAGES, RATING, SESSION, ID = "images", "rating", "session", "id"
"""Arrays of an NPZ that holds a whole source."""

RATING_DECIMALS = 6
"""A rating that went by way of float32: 0.7 is 0.699999988 there, which is below 0.7."""

_MAX_TEXT = 1000
_MOST_IMAGES = 1_000_000
# Deflate cannot do better (zlib's own technical notes: 1032 to 1).
_MOST_PACKED = 1032


def open_sted(
    source: Path, ratings: Path | None = None, picture: PictureOptions | None = None
) -> ImageSource:
    """Open a source of STED images.

    Parameters
    ----------
    source : Path
        A folder or a manifest as of `import sted-quality`, or an NPZ with
        ``images`` (n, height, width) and maybe ``rating``, ``session``, ``id``.
    ratings : Path, optional
        Ratings of a folder of images.
    picture : PictureOptions, optional
        Which channel or plane of a stack.

    Returns
    -------
    ImageSource
        All of its images, those without a rating too; the group is the
        session, or the column ``group``.

    Raises
    ------
    SourceError
        If the source as a whole cannot be read.
    ConfigError
        If `ratings` is given for a source that has its own.
    """
    if source.suffix.lower() == ".npz" and source.is_file():
        if ratings is not None:
            msg = f"{source} gives the ratings itself; leave out --ratings {ratings}"
            raise ConfigError(msg)
        return _open_npz(source)
    return from_table(read_source(source, ratings=ratings), picture)


def from_table(table: SourceTable, picture: PictureOptions | None = None) -> ImageSource:
    """Open the images of a source's table.

    Parameters
    ----------
    table : SourceTable
        From `kinds.sted_source.read_source`.
    picture : PictureOptions, optional
        Which channel or plane of a stack.

    Returns
    -------
    ImageSource
        Of the rows without problems.
    """
    rows = table.without_problems()
    chosen = picture or PictureOptions()
    files = [Path(file) for file in rows["file"]]
    batches = _cut(len(rows))

    def read(number: int) -> Batch:
        good, counts, problems = [], [], []
        for row in batches[number].tolist():
            try:
                image = read_image(
                    files[row],
                    channel=chosen.channel,
                    plane=chosen.plane,
                    projection=chosen.projection,
                )
            except SourceError as error:
                problems.append((row, str(error)))
            else:
                good.append(row)
                counts.append(image)
        return Batch(np.array(good, dtype=np.int64), StedImages(counts), tuple(problems))

    return ImageSource(
        kind="sted-quality",
        name=table.name,
        rows=pd.DataFrame(
            {
                "item_id": rows["item_id"].fillna(""),
                "path": rows["source_path"],
                "target": rows["rating"],
                "group": rows["group"],
            }
        ),
        grouped_by="session",
        batches=batches,
        read=read,
        fingerprint=fingerprint_files(files, repr(chosen), *rows["source_path"]),
        notes=table.notes,
        problems=tuple((problem.source_path, problem.message) for problem in table.problems),
    )


def _cut(n_rows: int) -> tuple[Rows, ...]:
    return tuple(
        np.arange(start, min(start + AT_ONCE, n_rows), dtype=np.int64)
        for start in range(0, n_rows, AT_ONCE)
    )


class _Stack:
    """The images of an NPZ, read on from where the last batch ended."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._path = path
        self._shape = shape
        self._dtype = dtype
        self._file: IO[bytes] | None = None
        self._close: Callable[[], object] = lambda: None
        self._next = 0

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Give some images; what lies between is skipped."""
        if self._file is None or start < self._next:
            # Stays open from batch to batch: what is packed can only be read onwards.
            self._close()
            file = self._path.open("rb")
            self._close = weakref.finalize(self, file.close)
            self._file = zipfile.ZipFile(file).open(f"{IMAGES}.npy")  # noqa: SIM115
            npy_header(self._path, self._file)
            self._next = 0
        self._take(start - self._next, keep=False)
        images = np.frombuffer(self._take(stop - start, keep=True), dtype=self._dtype)
        self._next = stop
        return images.reshape(-1, *self._shape[1:]).astype(self._dtype.newbyteorder("="))

    def _take(self, n_images: int, *, keep: bool) -> bytes:
        assert self._file is not None
        size = self._dtype.itemsize * self._shape[1] * self._shape[2]
        if keep:
            data = self._file.read(n_images * size)
            if len(data) < n_images * size:
                raise EOFError
            return data
        for _ in range(n_images):
            self._file.read(size)
        return b""


def _open_npz(path: Path) -> ImageSource:
    check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            if IMAGES not in names:
                msg = (
                    f"{path} has {', '.join(sorted(names)) or 'nothing'}, no array {IMAGES}; give "
                    "an NPZ with images (n, height, width) and rating, or a folder of images"
                )
                raise SourceError(msg)
            with archive.open(f"{IMAGES}.npy") as file:
                shape, dtype, is_fortran = npy_header(path, file)
            _check_size(path, shape, dtype, archive.getinfo(f"{IMAGES}.npy"))
            columns = {
                name: _read_column(path, archive, name, shape[0] if shape else 0)
                for name in (RATING, SESSION, ID)
                if name in names
            }
    except DAMAGED as error:
        raise damaged(path, error) from error
    if len(shape) != 3 or 0 in shape or dtype.kind not in "iuf":
        msg = f"{path}, key {IMAGES}, has {dtype} of shape {shape}, not (n, height, width) counts"
        raise SourceError(msg)
    if is_fortran:
        msg = (
            f"{path}, key {IMAGES}, is stored column by column, so no image can be read alone; "
            "save numpy.ascontiguousarray of it"
        )
        raise SourceError(msg)
    source = ImageSource(
        kind="sted-quality",
        name=path.stem,
        rows=_npz_rows(path, shape[0], columns),
        grouped_by="session",
        batches=_cut(shape[0]),
        read=lambda _: Batch(np.zeros(0, dtype=np.int64), StedImages([])),
        fingerprint=fingerprint_files([path]),
    )
    stack = _Stack(path, shape, dtype)

    def read(number: int) -> Batch:
        rows = source.batches[number]
        try:
            images = stack.read(int(rows[0]), int(rows[-1]) + 1)
        except DAMAGED as error:
            raise damaged(path, error) from error
        counts = [decode_counts(image) for image in images]
        problems = [
            (int(row), f"{path}, image {row}: it is {what}; leave it out")
            for row, image in zip(rows, counts, strict=True)
            if (what := _fault(image))
        ]
        bad = {row for row, _ in problems}
        good = [place for place, row in enumerate(rows.tolist()) if row not in bad]
        return Batch(rows[good], StedImages([counts[place] for place in good]), tuple(problems))

    return replace(source, read=read)


def _check_size(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], member: zipfile.ZipInfo
) -> None:
    """Refuse a header, or a directory of an archive, that promises what is not there."""
    n_bytes = math.prod(shape) * dtype.itemsize
    if member.file_size > _MOST_PACKED * max(member.compress_size, 1) or n_bytes > member.file_size:
        msg = (
            f"{path}, key {IMAGES}, says {dtype} of shape {shape}, which it does not hold; "
            "save it again"
        )
        raise SourceError(msg)
    if math.prod(shape[1:]) > MAX_PIXELS or (shape and shape[0] > _MOST_IMAGES):
        msg = (
            f"{path}, key {IMAGES}, has shape {shape}: more than {_MOST_IMAGES:,} images, or of "
            f"more than {MAX_PIXELS:,} pixels; cut it into several"
        )
        raise SourceError(msg)


def _fault(image: NDArray[Any]) -> str:
    """Say what `read_image` would refuse."""
    if not np.isfinite(image).all():
        return "not finite everywhere"
    return "of one value everywhere" if image.min() == image.max() else ""


def _read_column(path: Path, archive: zipfile.ZipFile, name: str, n_rows: int) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as file:
        header = npy_header(path, file)
        shape, dtype, _ = header
        refuse_objects(path, dtype)
        if shape != (n_rows,) or dtype.itemsize > 4 * _MAX_TEXT:
            msg = f"{path}, key {name}, has shape {shape} for {n_rows} images; give one value each"
            raise SourceError(msg)
        return npy_values(path, file, header)


def _npz_rows(path: Path, n_rows: int, columns: dict[str, NDArray[Any]]) -> pd.DataFrame:
    ratings: NDArray[Any] = np.full(n_rows, np.nan)
    if RATING in columns:
        ratings = np.round(columns[RATING].astype(np.float64), RATING_DECIMALS)
        wrong = np.flatnonzero((ratings < 0) | (ratings > 1) | np.isinf(ratings))
        if len(wrong):
            msg = f"{path}, key {RATING}: not from 0 to 1 in rows {some_of(wrong.tolist())}"
            raise SourceError(msg)
    names = [str(value) for value in columns.get(ID, np.arange(n_rows))]
    if len(set(names)) < n_rows:
        # An id may be unique within its structure only.
        names = [f"{number}" for number in range(n_rows)]
    groups = columns.get(SESSION)
    return pd.DataFrame(
        {
            "item_id": "",
            "path": pd.Series(names, dtype=object),
            "target": ratings,
            "group": pd.Series(
                [None] * n_rows if groups is None else [str(value) for value in groups],
                dtype=object,
            ),
        }
    )
