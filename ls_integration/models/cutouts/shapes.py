"""Connected bright areas of tiles: how many, how long, how straight."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]

SMOOTHING_BINS = 1.0
"""About the width of a point source, so that faint streaks hold together."""

LEVELS = (1.5, 3.0, 6.0)
"""Brightness that an area begins at, in noise units of a bin.

Smoothing leaves 0.28 of independent noise: 1.5 is five times that, and the steps
double up to what is plain to see.
"""

SMALLEST_BINS = 6
"""Fewer bins than a point source has are noise, and have no shape."""

NAMES = tuple(
    f"area_{level:g}_{what}"
    for level in LEVELS
    for what in ("count", "bins", "length", "thin", "line", "light")
)
"""Of the areas above each level: how many, how many bins together, the longest (bins), the most
elongated (0 to 1), the most of length x elongation, the most light of one times its elongation."""


def measure_shapes(plane: Floats) -> Floats:
    """Measure the bright areas of tiles.

    Parameters
    ----------
    plane : ndarray of float32, shape (n_tiles, side, side)
        In noise units, 0 where nothing is known.

    Returns
    -------
    ndarray of float32, shape (n_tiles, len(NAMES))
        All 0 where nothing is bright.
    """
    smooth = ndimage.gaussian_filter(plane, (0, SMOOTHING_BINS, SMOOTHING_BINS), mode="constant")
    return np.concatenate([_measure_areas(smooth, level) for level in LEVELS], axis=1)


def _measure_areas(smooth: Floats, level: float) -> Floats:
    count = len(smooth)
    # Areas of different tiles never touch: neighbours are within a tile only.
    touching = np.zeros((3, 3, 3), dtype=bool)
    touching[1] = True
    areas, n_areas = ndimage.label(smooth > level, structure=touching)
    tile, row, column = np.nonzero(areas)
    number = areas[tile, row, column] - 1
    light = smooth[tile, row, column].astype("float64")

    def add(values: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        return np.bincount(number, weights=values, minlength=n_areas).astype("float64")

    bins = add()
    owner = np.zeros(n_areas, dtype="int64")
    owner[number] = tile
    # Second moments of the places, not of the light: a bright core would hide the tail.
    middle_row, middle_column = add(row.astype(float)) / bins, add(column.astype(float)) / bins
    # 1/12 is a square bin's own.
    row_2 = add(row.astype(float) ** 2) / bins - middle_row**2 + 1 / 12
    column_2 = add(column.astype(float) ** 2) / bins - middle_column**2 + 1 / 12
    mixed = add(row.astype(float) * column) / bins - middle_row * middle_column
    mean, spread = (row_2 + column_2) / 2, np.hypot((row_2 - column_2) / 2, mixed)
    # A thin bar of length L has the variance L^2 / 12 along itself.
    length = np.sqrt(12 * (mean + spread))
    thin = 1 - np.sqrt(np.maximum(mean - spread, 0) / (mean + spread))
    big = bins >= SMALLEST_BINS
    per_area = (length, thin, length * thin, np.log1p(add(light)) * thin)
    found = np.zeros((count, 6))
    np.add.at(found[:, 0], owner[big], 1)
    np.add.at(found[:, 1], owner[big], bins[big])
    for place, values in enumerate(per_area, start=2):
        np.maximum.at(found[:, place], owner[big], values[big])
    return found.astype("float32")
