"""A frame and its corners to normalised tiles: what each band shows, and what it alone shows.

An artifact of one exposure (a streak, a cosmic ray, a bleed trail) is in one
band of a composite only, while stars and galaxies are in all of them. So beside
the brightness there is a plane for each band that holds what the band has above
the brighter one of the other two. All planes are in units of the frame's own
noise, so that nothing depends on the stretch or on the unit of the values.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]

BIN_PX = 2
"""Pixels of a frame that become one here, in each direction.

JPEG stores colours at half of the resolution, and a point is two pixels wide or
more in every survey: nothing is lost, and the filters take a quarter of the time.
"""

SAMPLE_EVERY = 3
"""Every third bin in each direction gives the frame's noise.

Odd, so that it does not keep step with tiles of 200 pixels or JPEG blocks of 8;
250,000 values of a frame of 4200 x 2200 leave an error of the median of 0.3 % of
the noise.
"""

SOFTENING = 10.0
"""Noise units above which brightness counts by its logarithm (arcsinh).

Below, where faint artifacts are, nothing changes. Above, values of a linear
FITS image become alike those of a stretched picture.
"""

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a Gaussian over its median absolute deviation."""

SATURATED = 0.98
"""Share of the way from a band's median to its maximum that counts as full.

Below 1, since JPEG's rounding moves 255 to 250.
"""

BRIGHT = 8.0
"""Noise units from which on a bin is a source beyond doubt, and its colour is measured."""

RARE_COLOUR = 0.9
"""Nine of ten bins of sources are less coloured; streaks are below 1 % of them."""

MOST_COLOUR = 3.0
"""A band may be three times as bright in a source, not more: in a frame with a band that is missing
in part, the measured colour knows no limit."""

EMPTY_SIGMA = 0.5
"""Above the lowest value of a frame, in noise units: JPEG's rounding of black. Sky is so dark
in a tenth of its bins, never over `EMPTY_BINS`."""

EMPTY_BINS = 9
"""Three times as wide as a streak, in which the other bands may be black too."""


@dataclass(frozen=True)
class Scale:
    """What is normal in a frame.

    Attributes
    ----------
    centre, sigma : ndarray of float32, shape (3,)
        Median and robust standard deviation of each band, in the frame's unit.
    full : ndarray of float32, shape (3,)
        Values from here on are saturated.
    empty : ndarray of float32, shape (3,)
        Wide areas below have no data.
    colour : ndarray of float32, shape (3,)
        How much brighter a band is than the brighter one of the others, in sources of a rare
        colour.
    alone_centre, alone_sigma : ndarray of float32, shape (3,)
        The same of what each band alone shows, in units of `sigma`.
    light_centre, light_sigma : float
        The same of the mean of the bands, in units of `sigma`.
    """

    centre: Floats
    sigma: Floats
    full: Floats
    empty: Floats
    colour: Floats
    alone_centre: Floats
    alone_sigma: Floats
    light_centre: float
    light_sigma: float


@dataclass(frozen=True)
class Planes:
    """Tiles in units of the frame's noise, 0 where there are no data.

    Attributes
    ----------
    bands : ndarray of float32, shape (3, n_tiles, side, side)
        Each band above the frame's median, softened.
    alone : ndarray of float32, shape (3, n_tiles, side, side)
        What each band has above the brighter one of the others.
    light : ndarray of float32, shape (n_tiles, side, side)
        Mean of the bands.
    known : ndarray of float32, shape (n_tiles, side, side)
        1 where all bands have data, else 0.
    full : ndarray of float32, shape (3, n_tiles)
        Share of saturated bins.
    """

    bands: Floats
    alone: Floats
    light: Floats
    known: Floats
    full: Floats


def three_bands(frame: NDArray[Any]) -> NDArray[Any]:
    """Give a frame three bands; the bands of a grey one are equal.

    Parameters
    ----------
    frame : ndarray, shape (height, width) or (height, width, 3)
        Real numbers.

    Returns
    -------
    ndarray, shape (height, width, 3)
        A view.

    Raises
    ------
    ValueError
        If it has another shape.
    """
    if frame.ndim == 2:
        return np.broadcast_to(frame[..., None], (*frame.shape, 3))
    if frame.ndim != 3 or frame.shape[2] != 3:
        msg = f"a frame has shape (height, width) or (height, width, 3), not {frame.shape}"
        raise ValueError(msg)
    return frame


def measure_scale(frame: NDArray[Any]) -> Scale:
    """Measure what is normal in a frame, from a sample of its bins.

    Parameters
    ----------
    frame : ndarray, shape (height, width, 3)
        Real numbers, not finite where there are no data.

    Returns
    -------
    Scale
        Finite, with sigmas above 0, for every frame.
    """
    sample = _sample_bins(frame)
    sample = sample[np.isfinite(sample).all(axis=1)]
    if not len(sample):
        sample = np.zeros((1, 3), dtype="float32")
    centre, sigma = _centre_and_sigma(sample)
    highest = np.maximum(sample.max(axis=0), centre)
    # A constant band has nothing that is full.
    full = np.where(highest > centre, centre + SATURATED * (highest - centre), np.inf)
    bands = _soften((sample - centre) / sigma).T
    colour = _reddest(bands)
    alone_centre, alone_sigma = _centre_and_sigma(_alone(bands, colour).T)
    light_centre, light_sigma = _centre_and_sigma(bands.mean(axis=0)[:, None])
    return Scale(
        centre,
        sigma,
        full.astype("float32"),
        (sample.min(axis=0) + EMPTY_SIGMA * sigma).astype("float32"),
        colour,
        alone_centre,
        alone_sigma,
        float(light_centre[0]),
        float(light_sigma[0]),
    )


def cut_planes(
    frame: NDArray[Any], corners: NDArray[np.int64], tile: int, interior: int, scale: Scale
) -> Planes:
    """Cut tiles out of a frame and normalise them.

    Parameters
    ----------
    frame : ndarray, shape (height, width, 3)
        Real numbers, not finite where there are no data.
    corners : ndarray of int, shape (n_tiles, 2)
        Columns x and y of the upper-left pixel; parts outside of the frame have no data.
    tile : int
        Side of a tile in pixels.
    interior : int
        Pixels left out at each of its edges.
    scale : Scale
        Of the same frame.

    Returns
    -------
    Planes
        ``side = (tile - 2 * interior) // BIN_PX``.
    """
    side = (tile - 2 * interior) // BIN_PX
    values = np.full((len(corners), side, side, 3), np.nan, dtype="float32")
    for number, (x, y) in enumerate(corners + interior):
        values[number] = _bins(_window(frame, int(x), int(y), side * BIN_PX))
    known = np.isfinite(values).all(axis=-1)
    values[~known] = scale.centre
    known &= ~_is_empty(values < scale.empty)
    full = (values >= scale.full).mean(axis=(1, 2), dtype="float32").T
    bands = np.ascontiguousarray(np.moveaxis(_soften((values - scale.centre) / scale.sigma), -1, 0))
    alone = _alone(bands, scale.colour) - scale.alone_centre[:, None, None, None]
    alone /= scale.alone_sigma[:, None, None, None]
    light = (bands.mean(axis=0) - np.float32(scale.light_centre)) / np.float32(scale.light_sigma)
    # Bins without data are as dark as the frame's median, in every plane.
    bands *= known
    alone *= known
    light *= known
    return Planes(bands, alone, light, known.astype("float32"), full)


def _is_empty(dark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell where a band has no data: dark all over a square wider than any shadow of a source."""
    size = (1, EMPTY_BINS, EMPTY_BINS)
    empty = np.zeros(dark.shape[:-1], dtype=bool)
    for band in range(3):
        if dark[..., band].mean() == 0:
            continue
        core = ndimage.minimum_filter(dark[..., band], size, mode="nearest")
        # Two bins more: JPEG and resampling carry the edge so far.
        grown = (1, EMPTY_BINS + 4, EMPTY_BINS + 4)
        empty |= ndimage.maximum_filter(core, grown, mode="nearest")
    return empty


def _reddest(bands: Floats) -> Floats:
    """Measure how much brighter each band gets than the others in real sources; bands first."""
    found = np.ones(3, dtype="float32")
    for band in range(3):
        others = np.delete(bands, band, axis=0).max(axis=0)
        bright = np.maximum(bands[band], others) > BRIGHT
        if bright.any():
            ratio = bands[band][bright] / np.maximum(others[bright], 1)
            found[band] = np.clip(np.quantile(ratio, RARE_COLOUR), 1, MOST_COLOUR)
    return found


def _window(frame: NDArray[Any], x: int, y: int, side_px: int) -> Floats:
    """Cut a square; NaN where it lies outside of the frame."""
    height, width = frame.shape[:2]
    top, left = min(max(y, 0), height), min(max(x, 0), width)
    bottom, right = min(max(y + side_px, 0), height), min(max(x + side_px, 0), width)
    inside = frame[top:bottom, left:right]
    if inside.shape[:2] == (side_px, side_px):
        return inside.astype("float32")
    square = np.full((side_px, side_px, 3), np.nan, dtype="float32")
    square[top - y : bottom - y, left - x : right - x] = inside
    return square


def _bins(values: Floats) -> Floats:
    side = len(values) // BIN_PX
    binned: Floats = values.reshape(side, BIN_PX, side, BIN_PX, 3).mean(axis=(1, 3))
    return binned


def _sample_bins(frame: NDArray[Any]) -> Floats:
    """Give every third bin of the frame, shape (n, 3)."""
    step = BIN_PX * SAMPLE_EVERY
    height, width = (max(length - BIN_PX + 1, 0) for length in frame.shape[:2])
    total: Floats = np.zeros(frame[:height:step, :width:step].shape, dtype="float32")
    for row in range(BIN_PX):
        for column in range(BIN_PX):
            total += frame[row : height + row : step, column : width + column : step]
    total /= BIN_PX**2
    return total.reshape(-1, 3)


def _centre_and_sigma(values: Floats) -> tuple[Floats, Floats]:
    """Give median and robust sigma of each column of values, shape (n, n_columns)."""
    centre = np.median(values, axis=0)
    sigma = MAD_TO_SIGMA * np.median(np.abs(values - centre), axis=0)
    # More than half of the values are equal: take the plain spread, or any unit if there is none.
    sigma = np.where(sigma > 0, sigma, values.std(axis=0))
    return centre.astype("float32"), np.where(sigma > 0, sigma, 1).astype("float32")


def _soften(values: Floats) -> Floats:
    softened: Floats = np.arcsinh(values / np.float32(SOFTENING)) * np.float32(SOFTENING)
    return softened


def _alone(bands: Floats, colour: Floats) -> Floats:
    """Give what each band has above the brighter one of the others; bands first."""
    red, green, blue = bands
    others = (np.maximum(green, blue), np.maximum(red, blue), np.maximum(red, green))
    alone: Floats = np.stack(
        [
            band - np.where(other > 0, factor * other, other)
            for band, other, factor in zip(bands, others, colour, strict=True)
        ]
    )
    return alone
