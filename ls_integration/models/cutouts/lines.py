"""How much of a straight, thin line is in a tile, at several lengths.

The mean along short lines of 16 directions is taken by one Fourier transform
each; a long line is several short ones end to end that are all lit, and beside
it, on both sides, it is dark. A round source is not: it also lights what lies
beside the line.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float32]

DIRECTIONS = 16
"""11.25 degrees apart: at the end of a line of 16 bins the next direction is 1.6 bins off,
which is the width of a line."""

SHORT_BINS = 8
"""Length of the shortest line, about three times the width of a point source."""

CROSS_SIGMA_BINS = 0.8
"""Half of a line's width: that of a sharp point source, 4 pixels across in all."""

BESIDE_BINS = 4
"""Distance of the lines on both sides: beyond the width of a streak (6 to 8 pixels, seen in
stacked surveys), within that of a galaxy."""

DARKEST, BRIGHTEST = -2.0, 6.0
"""Noise units to which values are cut before the mean, so that a line must be lit along its
whole length: one bright point in eight bins gives 0.75."""

NAMES = tuple(f"line_{length}_{what}" for length in (8, 16, 32) for what in ("top", "20th", "turn"))
"""Of each length in bins: the best line, the twentieth best place, and how much the best direction
is above the middle one."""


def measure_lines(plane: Floats, known: Floats) -> Floats:
    """Measure the lines in tiles.

    Parameters
    ----------
    plane : ndarray of float32, shape (n_tiles, side, side)
        In noise units, 0 where nothing is known.
    known : ndarray of float32, shape (n_tiles, side, side)
        1 where there are data, else 0.

    Returns
    -------
    ndarray of float32, shape (n_tiles, len(NAMES))
        In noise units.
    """
    count, side, _ = plane.shape
    size = fft.next_fast_len(side + 3 * SHORT_BINS, real=True)
    kernels = _kernels(size)
    signal = fft.rfft2(np.clip(plane, DARKEST, BRIGHTEST), s=(size, size), workers=1)
    weight = fft.rfft2(known, s=(size, size), workers=1) if (known == 0).any() else None
    plain = np.ones((1, side, side), dtype="float32")
    plain_weight = fft.rfft2(plain, s=(size, size), workers=1)
    best = [np.full((count, side, side), DARKEST, dtype="float32") for _ in range(3)]
    tops: list[list[Floats]] = [[], [], []]
    for number in range(DIRECTIONS):
        angle = np.pi * number / DIRECTIONS
        step = np.array([np.sin(angle), np.cos(angle)])
        lit = fft.irfft2(signal * kernels[number], s=(size, size), workers=1)
        share = fft.irfft2(
            (plain_weight if weight is None else weight) * kernels[number],
            s=(size, size),
            workers=1,
        )
        # Of a line that leaves the tile, what is inside is the mean; below a quarter it is noise.
        mean = np.where(share > 0.25, lit / np.maximum(share, 0.25), np.nan)
        across = BESIDE_BINS * np.array([-step[1], step[0]])
        beside = np.fmax(_moved(mean, across), _moved(mean, -across))
        short = np.fmin(mean - beside, mean)
        half = SHORT_BINS / 2 * step
        middle = np.fmin(_moved(short, half), _moved(short, -half))
        whole = 2 * half
        long = (_or_zero(_moved(middle, whole)) + _or_zero(_moved(middle, -whole))) / 2
        for place, lines in enumerate((short, middle, long)):
            inside = _or_zero(lines[:, :side, :side])
            tops[place].append(inside.reshape(count, -1).max(axis=1))
            np.maximum(best[place], inside, out=best[place])
    columns = []
    for place in range(3):
        flat = best[place].reshape(count, -1)
        twentieth = np.partition(flat, -20, axis=1)[:, -20]
        directions = np.stack(tops[place])
        top = directions.max(axis=0)
        columns += [top, twentieth, top - np.median(directions, axis=0)]
    return np.stack(columns, axis=1).astype("float32")


def _moved(values: Floats, step: NDArray[np.float64]) -> Floats:
    """Look a step further, in whole bins; the margin of a transform is wide enough."""
    rows, columns = (round(float(part)) for part in step)
    return np.roll(values, (-rows, -columns), axis=(-2, -1))


def _or_zero(values: Floats) -> Floats:
    return np.nan_to_num(values, nan=0.0, copy=False)


@lru_cache(maxsize=4)
def _kernels(size: int) -> NDArray[np.complex64]:
    """Make the transforms of the short lines; each adds up to 1."""
    places = np.fft.fftfreq(size, 1 / size)
    rows, columns = np.meshgrid(places, places, indexing="ij")
    kernels = np.empty((DIRECTIONS, size, size), dtype="float32")
    for number in range(DIRECTIONS):
        angle = np.pi * number / DIRECTIONS
        along = columns * np.cos(angle) + rows * np.sin(angle)
        across = rows * np.cos(angle) - columns * np.sin(angle)
        # The ends fade over one bin, so that no direction has more bins than another.
        ends = np.clip(SHORT_BINS / 2 + 0.5 - np.abs(along), 0, 1)
        line = ends * np.exp(-(across**2) / (2 * CROSS_SIGMA_BINS**2))
        kernels[number] = line / line.sum()
    transforms: NDArray[np.complex64] = fft.rfft2(kernels, workers=1)
    return transforms
