"""Features of the power spectrum: how far each period stands above shot noise."""

import numpy as np
from numpy.typing import NDArray

from ls_integration.models.sted.counts import COUNT_FLOOR, Columns
from ls_integration.models.sted.grid import SECTORS, Grid, Singles, Spectra

LEAST_OVER_NOISE = 0.3
"""A bin of power below this part of the shot noise says nothing more: few waves scatter so low."""

SMALLEST_MODULATION = 1e-3
"""Added to power beyond shot noise over the squared mean, before the logarithm."""

LEAST_IN_SECTOR = 0.05
"""A direction counts with at least this part of the shot noise, or the direction of noise would
be described."""

WIDE_BANDS = ((1, 6), (6, 10), (10, 15))
"""Radial bins put together for directions: periods of about 97 to 33, 33 to 14 and 14 to 4.7
pixels: whole structures, bundles, single fibres; shorter ones are mostly noise."""


def describe_spectrum(spectra: Spectra, mean: Singles, grid: Grid) -> Columns:
    """Describe the radial power spectrum over the floor of shot noise.

    Photons that arrive independently have a flat power spectrum: with power
    |transform|^2 / n_pixels it is the mean count, whatever the image shows
    (Goodman 2000, Statistical Optics, section 9.2).

    Parameters
    ----------
    spectra : ndarray of complex64, shape (n_images, height, width // 2 + 1)
        Real transforms.
    mean : ndarray of float32, shape (n_images,)
        Mean count a pixel.
    grid : Grid
        Of that size.

    Returns
    -------
    dict of str to ndarray
        For each radial bin ``over`` (log of power over shot noise, 0 for noise
        alone) and ``modulation`` (log of the power beyond it over the squared
        mean); ``corner`` is the floor itself as it was measured; for each wide
        band how uneven its directions are. A bin that a small image does not
        have is taken for noise alone.
    """
    cells = sum_cells(spectra, grid) / (grid.height * grid.width)
    weights = grid.cell_weight.reshape(-1, SECTORS)
    power = _average(cells.sum(axis=2), weights.sum(axis=1), mean)
    noise = mean[:, None]
    over = np.log(np.maximum((power + COUNT_FLOOR) / (noise + COUNT_FLOOR), LEAST_OVER_NOISE))
    beyond = np.maximum(power - noise, 0) / (noise * noise + COUNT_FLOOR)
    modulation = np.log(beyond + SMALLEST_MODULATION)
    n_bins = power.shape[1] - 1
    columns: Columns = {f"spectrum.over{bin_:02d}": over[:, bin_] for bin_ in range(n_bins)}
    columns |= {f"spectrum.modulation{bin_:02d}": modulation[:, bin_] for bin_ in range(n_bins)}
    columns["spectrum.corner"] = over[:, -1]
    for number, (first, end) in enumerate(WIDE_BANDS):
        sectors = _average(cells[:, first:end].sum(axis=1), weights[first:end].sum(axis=0), mean)
        signal = np.maximum(sectors - noise, LEAST_IN_SECTOR * noise + COUNT_FLOOR)
        logs = np.log(signal)
        columns[f"direction{number}.spread"] = logs.std(axis=1)
        columns[f"direction{number}.strongest"] = logs.max(axis=1) - np.log(signal.mean(axis=1))
        columns[f"direction{number}.axes"] = logs[:, 0] - logs[:, SECTORS // 2]
    return columns


def sum_cells(spectra: Spectra, grid: Grid) -> Singles:
    """Add up the squared transform in each cell of radius and direction.

    Parameters
    ----------
    spectra : ndarray of complex64, shape (n_images, height, width // 2 + 1)
        Real transforms.
    grid : Grid
        Of that size.

    Returns
    -------
    ndarray of float32, shape (n_images, n_bins, SECTORS)
        0 in cells that the size does not have.
    """
    flat = spectra.reshape(len(spectra), -1)
    sums = np.zeros((len(spectra), len(grid.cell_weight)), dtype="float32")
    if len(grid.starts):
        power = flat.real**2 + flat.imag**2
        ordered = power[:, grid.order] * grid.ordered_weight
        sums[:, grid.cells] = np.add.reduceat(ordered, grid.starts, axis=1)
    return sums.reshape(len(spectra), -1, SECTORS)


def _average(sums: Singles, weights: Singles, mean: Singles) -> NDArray[np.floating]:
    """Divide by how many values were added; where there are none it is the shot noise."""
    averages: NDArray[np.floating] = np.where(
        weights > 0, sums / np.maximum(weights, 1), mean[:, None]
    )
    return averages
