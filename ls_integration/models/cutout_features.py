"""Cutouts of a survey frame to numbers that tell artifacts from sky.

Bands are treated alike: of what is measured in each band come the highest, the
middle and the lowest value of the three. Which band a streak is in says when it
was taken, not whether it is one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_integration.models.cutouts import ground, lines, shapes
from ls_integration.models.cutouts.noise import even_noise
from ls_integration.models.cutouts.planes import (
    BIN_PX,
    Planes,
    Scale,
    cut_planes,
    measure_scale,
    three_bands,
)

Floats = NDArray[np.float32]

VERSION = "cutouts-1"
"""Changes when a feature means something else; a model asks for the one it was trained on."""

TILES_AT_ONCE = 32
"""Tiles in memory together: 32 x 72 x 72 bins in 7 planes take 5 MB, about a core's cache."""

SMALLEST_SIDE_BINS = 24
"""A side below the longest line (32 bins) and its neighbours has nothing to measure."""

_RANKS = ("high", "mid", "low")
_ALONE = (*lines.NAMES, *shapes.NAMES)
_BAND = (*ground.NAMES, "full")

NAMES = (
    *(f"alone_{name}_{rank}" for name in _ALONE for rank in _RANKS),
    *(f"ghost_{name}_{rank}" for name in ground.NAMES for rank in _RANKS),
    *(f"band_{name}_{rank}" for name in _BAND for rank in _RANKS),
    *(f"light_{name}" for name in (*lines.NAMES, *shapes.NAMES, *ground.TENSOR_NAMES)),
    *(f"colour_{name}" for name in ground.TENSOR_NAMES),
    "unknown",
)
"""What the columns hold; ``alone`` is what one band has above the other two, ``light`` their mean,
``colour`` the largest of the three ``alone``, ``unknown`` the share of the tile without data."""


def extract(
    frame: NDArray[Any], corners: NDArray[np.int64], tile: int = 200, interior: int = 28
) -> Floats:
    """Measure the cutouts of a frame.

    Parameters
    ----------
    frame : ndarray, shape (height, width) or (height, width, 3)
        Real numbers of any type and unit; not finite where there are no data.
    corners : ndarray of int, shape (n_tiles, 2)
        Columns x and y of each tile's upper-left pixel, from the upper-left one of the
        frame. Tiles may reach over its edges.
    tile : int
        Side of a tile in pixels.
    interior : int
        Pixels left out at each edge of a tile, where boxes may have been drawn.

    Returns
    -------
    ndarray of float32, shape (n_tiles, len(NAMES))
        Finite. A tile's row does not depend on which other tiles are asked for.

    Raises
    ------
    ValueError
        If the frame has another shape, or the tile's interior is too small.
    """
    if (tile - 2 * interior) // BIN_PX < SMALLEST_SIDE_BINS or interior < 0:
        msg = (
            f"tiles of {tile} px without {interior} px at each edge are too small; "
            f"{SMALLEST_SIDE_BINS * BIN_PX} px must be left"
        )
        raise ValueError(msg)
    bands = three_bands(frame)
    corners = np.asarray(corners, dtype="int64").reshape(-1, 2)
    scale = measure_scale(bands)
    features = np.zeros((len(corners), len(NAMES)), dtype="float32")
    for start in range(0, len(corners), TILES_AT_ONCE):
        some = slice(start, start + TILES_AT_ONCE)
        features[some] = _measure(bands, corners[some], tile, interior, scale)
    return features


def _measure(
    bands: NDArray[Any], corners: NDArray[np.int64], tile: int, interior: int, scale: Scale
) -> Floats:
    planes = cut_planes(bands, corners, tile, interior, scale)
    even = np.stack([even_noise(plane) for plane in planes.alone])
    alone = [_lines_and_shapes(plane, planes) for plane in even]
    ghosts = [ground.measure_ground(plane) for plane in planes.alone]
    sky = [
        np.column_stack([ground.measure_ground(plane), full])
        for plane, full in zip(planes.bands, planes.full, strict=True)
    ]
    return np.concatenate(
        [
            _by_rank(np.stack(alone)),
            _by_rank(np.stack(ghosts)),
            _by_rank(np.stack(sky)),
            _lines_and_shapes(planes.light, planes),
            ground.measure_coherence(planes.light),
            ground.measure_coherence(even.max(axis=0)),
            1 - planes.known.mean(axis=(1, 2))[:, None],
        ],
        axis=1,
    )


def _lines_and_shapes(plane: Floats, planes: Planes) -> Floats:
    return np.concatenate(
        [lines.measure_lines(plane, planes.known), shapes.measure_shapes(plane)], axis=1
    )


def _by_rank(values: Floats) -> Floats:
    """Turn (3, n_tiles, n_names) into (n_tiles, n_names x 3), highest band first."""
    ranked = np.sort(values, axis=0)[::-1]
    return np.ascontiguousarray(np.moveaxis(ranked, 0, -1)).reshape(values.shape[1], -1)
