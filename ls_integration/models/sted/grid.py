"""The Fourier grid of one image size: which filter has which gain at which frequency.

All filters are multiplied into one transform of the image. A filter that lets
nothing through above a half or a quarter of the highest frequency is computed
on a grid that much coarser: cutting the transform is exact low-pass sampling.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Singles = NDArray[np.float32]
Spectra = NDArray[np.complex64]

PASSED_BY_CUT = 0.01
"""A Gaussian may have at most this gain at the edge of the grid that it is cut to: its band
then loses less than 1e-4 of its energy, far below its shot noise."""

REDUCTIONS = (4, 2, 1)
"""How much coarser a grid may be; sides that 4 does not divide are cropped by up to 3 pixels."""

PERIODS_PX = np.geomspace(120.0, 2.0, 20)
"""Edges of the radial bins, in pixels per period: from half of a 224 px image (longer ones have
too few waves to be measured) to the shortest that pixels hold; 19 bins, a factor 1.24 each, so
that each holds at least two waves of such an image."""

SECTORS = 8
"""Directions told apart, 22.5 degrees each: fewer would miss a bundle of fibres, with more a
sector of the lowest bins would be empty."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Frequencies of the real two-dimensional transform of images of one size.

    Attributes
    ----------
    height, width : int
        Of the images, in pixels.
    frequency_y, frequency_x : ndarray of float32, shapes (height, 1) and (1, width // 2 + 1)
        In periods per pixel.
    weight : ndarray of float32, shape (1, width // 2 + 1)
        How many of the full transform's values one value stands for: 2, or 1 in
        the columns that have no mirror image.
    order : ndarray of int
        Places of the flat transform, those of one cell after another.
    ordered_weight : ndarray of float32
        Their weights.
    starts : ndarray of int
        Where each cell that has places begins in *order*.
    cells : ndarray of int
        The number of each of those: radial bin * `SECTORS` + direction; the
        last bin is the corners beyond the shortest period.
    cell_weight : ndarray of float32, shape (n_bins * SECTORS,)
        Sum of the weights in each cell, 0 where a small image has none.
    """

    height: int
    width: int
    frequency_y: Singles
    frequency_x: Singles
    weight: Singles
    order: NDArray[np.intp]
    ordered_weight: Singles
    starts: NDArray[np.intp]
    cells: NDArray[np.intp]
    cell_weight: Singles

    def reduction(self, sigma_px: float) -> int:
        """Give how much coarser the grid of a Gaussian of *sigma_px* may be.

        Parameters
        ----------
        sigma_px : float
            Standard deviation in pixels.

        Returns
        -------
        int
            1, 2 or 4; always a divisor of both sides.
        """
        for factor in REDUCTIONS:
            at_edge = np.exp(-2 * (np.pi * sigma_px * 0.5 / factor) ** 2)
            fits = self.height % (2 * factor) == 0 and self.width % (2 * factor) == 0
            if at_edge <= PASSED_BY_CUT and fits:
                return factor
        return 1

    def gaussian(self, sigma_px: float) -> Singles:
        """Give the gain of a Gaussian on the full grid.

        Parameters
        ----------
        sigma_px : float
            Standard deviation in pixels.

        Returns
        -------
        ndarray of float32, shape (height, width // 2 + 1)
            In 0..1, 1 at frequency 0: exp(-2 pi^2 sigma^2 f^2), the transform
            of a Gaussian of area 1.
        """
        squared = self.frequency_y**2 + self.frequency_x**2
        gain: Singles = np.exp(-2 * (np.pi * sigma_px) ** 2 * squared).astype("float32")
        return gain

    def cut(self, values: NDArray[np.inexact], factor: int) -> NDArray[np.inexact]:
        """Leave out frequencies above 1 / (2 factor).

        Parameters
        ----------
        values : ndarray, shape (..., height, width // 2 + 1)
            Transforms or gains.
        factor : int
            A divisor of both sides, from `reduction`.

        Returns
        -------
        ndarray, shape (..., height // factor, width // factor // 2 + 1)
            In the order that the inverse transform of that size expects.
        """
        if factor == 1:
            return values
        half = self.height // factor // 2
        columns = self.width // factor // 2 + 1
        return np.concatenate(
            [values[..., :half, :columns], values[..., -half:, :columns]], axis=-2
        )


@lru_cache(maxsize=8)
def make_grid(height: int, width: int) -> Grid:
    """Make the grid of one image size; those of the last eight sizes are kept.

    Parameters
    ----------
    height, width : int
        In pixels, at least 1.

    Returns
    -------
    Grid
        Its frequencies, weights and cells.
    """
    frequency_y = np.fft.fftfreq(height)[:, None]
    frequency_x = np.fft.rfftfreq(width)[None, :]
    weight = np.full((1, width // 2 + 1), 2, dtype="float32")
    weight[:, 0] = 1
    if width % 2 == 0:
        weight[:, -1] = 1
    radius = np.hypot(frequency_y, frequency_x)
    # -1: longer waves than are measured, among them the mean; last: beyond 1/2, the corners.
    radial = np.searchsorted(1 / PERIODS_PX, radius, side="right") - 1
    angle = np.mod(np.arctan2(frequency_y, np.broadcast_to(frequency_x, radius.shape)), np.pi)
    # Sectors lie around 0, 22.5, ... degrees: the axes of the scan are the middle of one.
    sector = np.floor(angle / np.pi * SECTORS + 0.5).astype("intp") % SECTORS
    cell = np.where(radial >= 0, radial * SECTORS + sector, -1).ravel()
    order = np.argsort(cell, kind="stable")
    order = order[cell[order] >= 0]
    cells, starts = np.unique(cell[order], return_index=True)
    weights = np.broadcast_to(weight, radius.shape).ravel()[order]
    cell_weight = np.bincount(cell[order], weights, minlength=len(PERIODS_PX) * SECTORS)
    return Grid(
        height,
        width,
        frequency_y.astype("float32"),
        frequency_x.astype("float32"),
        weight,
        order,
        weights,
        starts,
        cells,
        cell_weight.astype("float32"),
    )


@dataclass(frozen=True, eq=False)
class Filter:
    """A filter on the coarsest grid that holds it.

    Attributes
    ----------
    gain : ndarray of float32 or complex64
        On the cut grid, times the scale that the shorter inverse transform needs.
    factor : int
        How much coarser that grid is.
    noise_gain : float
        Variance of the filtered image over that of white noise that goes in: the
        mean of the squared gain over all frequencies (Parseval).
    """

    gain: NDArray[np.inexact]
    factor: int
    noise_gain: float

    def apply(self, spectra: Spectra, grid: Grid) -> Singles:
        """Filter images that are given as transforms.

        Parameters
        ----------
        spectra : ndarray of complex64, shape (n_images, height, width // 2 + 1)
            Not changed.
        grid : Grid
            Of that size.

        Returns
        -------
        ndarray of float32, shape (n_images, height // factor, width // factor)
            The filtered images, every *factor*-th pixel.
        """
        shape = (grid.height // self.factor, grid.width // self.factor)
        product = grid.cut(spectra, self.factor) * self.gain
        filtered: Singles = fft.irfft2(product, s=shape, overwrite_x=True)
        return filtered


def make_filter(grid: Grid, gain: NDArray[np.inexact], sigma_px: float) -> Filter:
    """Put a filter on the coarsest grid that holds it.

    Parameters
    ----------
    grid : Grid
        Of the images.
    gain : ndarray, shape (height, width // 2 + 1)
        At each frequency, real or complex.
    sigma_px : float
        Of the narrowest Gaussian in it, in pixels.

    Returns
    -------
    Filter
        To be kept: making it costs more than applying it.
    """
    factor = grid.reduction(sigma_px)
    kind = "complex64" if np.iscomplexobj(gain) else "float32"
    cut = (grid.cut(gain, factor) / factor**2).astype(kind)
    power = float((np.abs(gain) ** 2 * grid.weight).sum()) / (grid.height * grid.width)
    return Filter(np.ascontiguousarray(cut), factor, power)
