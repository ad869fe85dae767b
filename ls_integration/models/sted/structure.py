"""Features of the structure: bands of size, ridges, and how far neighbours run in parallel."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ls_integration.models.sted.counts import COUNT_FLOOR, MODULATION_FLOOR, Columns, block_means
from ls_integration.models.sted.grid import (
    Filter,
    Grid,
    Singles,
    Spectra,
    make_filter,
    make_grid,
)

BAND_SIGMAS_PX = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.2)
"""Of the differences of Gaussians: half an octave each. The first passes what is as sharp as a
STED image of 20 nm pixels can be (33 nm at half maximum), the last what is 0.5 um wide."""

RIDGE_SIGMA_PX = 2.0
"""Of the Hessian: a fibre of 80 to 100 nm, at pixels of 20 nm, is as wide. Half and twice
of it add nothing in cross-validation."""

TEXTURES = ((1.5, 16), (3.0, 28))
"""Of the structure tensor: gradients at this sigma, averaged over blocks of this side, in
pixels: a fibre with its neighbours, and a bundle with its own."""

FOREGROUND_SIGMA_PX = 2.0
"""Counts are smoothed by it before structure is told from background: it averages 50 pixels, so
that one photon a pixel is known to 14 %."""

SMALLEST = 1e-6
"""Added to denominators that are 0 in a constant image only."""


@dataclass(frozen=True, eq=False)
class Filters:
    """All filters for one image size.

    Attributes
    ----------
    smooth : Filter
        Gaussian, for the foreground.
    bands : tuple of Filter
        Differences of neighbouring Gaussians.
    hessian : tuple of Filter
        Second derivatives xx, yy, xy of the Gaussian, times sigma squared.
    gradients : tuple of (Filter, Filter, int)
        Derivatives by x and y, and the side of the blocks in pixels.
    """

    smooth: Filter
    bands: tuple[Filter, ...]
    hessian: tuple[Filter, Filter, Filter]
    gradients: tuple[tuple[Filter, Filter, int], ...]


@lru_cache(maxsize=8)
def make_filters(height: int, width: int) -> Filters:
    """Make the filters for one image size; those of the last eight sizes are kept.

    Parameters
    ----------
    height, width : int
        In pixels.

    Returns
    -------
    Filters
        Each on the coarsest grid that holds it.
    """
    grid = make_grid(height, width)
    wave_y = 2 * np.pi * grid.frequency_y
    wave_x = 2 * np.pi * grid.frequency_x
    gaussians = [grid.gaussian(sigma) for sigma in BAND_SIGMAS_PX]
    second = -(RIDGE_SIGMA_PX**2) * grid.gaussian(RIDGE_SIGMA_PX)
    gradients = []
    for sigma, side in TEXTURES:
        first = 1j * grid.gaussian(sigma)
        gradients.append(
            (
                make_filter(grid, first * wave_x, sigma),
                make_filter(grid, first * wave_y, sigma),
                side,
            )
        )
    return Filters(
        make_filter(grid, grid.gaussian(FOREGROUND_SIGMA_PX), FOREGROUND_SIGMA_PX),
        tuple(
            make_filter(grid, narrow - wide, sigma)
            for sigma, narrow, wide in zip(BAND_SIGMAS_PX, gaussians, gaussians[1:], strict=False)
        ),
        (
            make_filter(grid, second * wave_x**2, RIDGE_SIGMA_PX),
            make_filter(grid, second * wave_y**2, RIDGE_SIGMA_PX),
            make_filter(grid, second * wave_x * wave_y, RIDGE_SIGMA_PX),
        ),
        tuple(gradients),
    )


@dataclass(frozen=True, eq=False)
class Scene:
    """A batch of images with what several features need.

    Attributes
    ----------
    spectra : ndarray of complex64, shape (n_images, height, width // 2 + 1)
        Real transforms.
    grid : Grid
        Of that size.
    mean, inside, outside : ndarray of float32, shape (n_images,)
        Mean counts of the image, of its structure, of its background.
    masks : dict of int to ndarray of float32
        1 in the structure, 0 elsewhere, on the grid reduced so many times.
    """

    spectra: Spectra
    grid: Grid
    mean: Singles
    inside: Singles
    outside: Singles
    masks: dict[int, Singles]


def describe_bands(scene: Scene, filters: Filters) -> Columns:
    """Describe each band of size: energy over shot noise in structure and background, and shape.

    Parameters
    ----------
    scene : Scene
        The images.
    filters : Filters
        Of that size.

    Returns
    -------
    dict of str to ndarray
        For each band ``inside`` and ``outside`` (log of the energy over that of
        shot noise there), ``modulation`` (log of the energy beyond shot noise
        over the squared mean count, in structure), ``skewness`` (cube root) and
        ``kurtosis`` (log of; noise alone has log 3).
    """
    columns: Columns = {}
    for number, band in enumerate(filters.bands):
        filtered = _flat(band.apply(scene.spectra, scene.grid))
        mask = _flat(scene.masks[band.factor])
        squared = filtered * filtered
        n_pixels = filtered.shape[1]
        area = mask.sum(axis=1)
        total = squared.sum(axis=1)
        within = np.einsum("np,np->n", squared, mask)
        inside = within / np.maximum(area, 1)
        outside = np.maximum(total - within, 0) / np.maximum(n_pixels - area, 1)
        noise = band.noise_gain
        energy = total / n_pixels + SMALLEST
        third = np.einsum("np,np->n", squared, filtered) / n_pixels
        fourth = np.einsum("np,np->n", squared, squared) / n_pixels
        columns[f"band{number}.inside"] = np.log(
            (inside + MODULATION_FLOOR) / (noise * scene.inside + MODULATION_FLOOR)
        )
        columns[f"band{number}.outside"] = np.log(
            (outside + MODULATION_FLOOR) / (noise * scene.outside + MODULATION_FLOOR)
        )
        beyond = np.maximum(inside - noise * scene.inside, 0)
        columns[f"band{number}.modulation"] = np.log(
            beyond / (scene.inside**2 + COUNT_FLOOR) + MODULATION_FLOOR
        )
        columns[f"band{number}.skewness"] = np.cbrt(third / energy**1.5)
        # A constant image has neither energy nor shape: taken for noise.
        columns[f"band{number}.kurtosis"] = np.log((fourth + 3 * SMALLEST**2) / energy**2)
    return columns


def describe_ridges(scene: Scene, filters: Filters) -> Columns:
    """Describe ridges by the eigenvalues of the Hessian matrix.

    Across a bright fibre the curvature is strongly negative, along it nearly 0
    (Frangi et al. 1998, MICCAI, 130).

    Parameters
    ----------
    scene : Scene
        The images.
    filters : Filters
        Of that size.

    Returns
    -------
    dict of str to ndarray
        Energy, height of the ridges in the image and in the structure, relative
        to the counts and to their shot noise; how line-like they are; valleys
        between them.
    """
    in_x, in_y, mixed = (_flat(part.apply(scene.spectra, scene.grid)) for part in filters.hessian)
    mask = _flat(scene.masks[filters.hessian[0].factor])
    area = np.maximum(mask.sum(axis=1), 1)
    middle = (in_x + in_y) / 2
    half = (in_x - in_y) / 2
    split = np.sqrt(half * half + mixed * mixed)
    ridge = np.maximum(split - middle, 0)
    other = middle + split
    uneven = split * split
    energy = middle * middle + uneven
    n_pixels = mask.shape[1]
    height = np.einsum("np,np->n", ridge, mask)
    line = np.einsum("np,np->n", np.maximum(ridge - np.abs(other), 0), mask)
    valley = np.einsum("np,np->n", np.maximum(other, 0), mask)
    all_energy = energy.sum(axis=1)
    return {
        "ridge.uneven": uneven.sum(axis=1) / (all_energy + SMALLEST),
        "ridge.uneven_inside": np.einsum("np,np->n", uneven, mask)
        / (np.einsum("np,np->n", energy, mask) + SMALLEST),
        "ridge.energy": np.log(
            all_energy / n_pixels / (scene.mean**2 + COUNT_FLOOR) + MODULATION_FLOOR
        ),
        "ridge.height": np.log(ridge.mean(axis=1) / (scene.mean + COUNT_FLOOR) + MODULATION_FLOOR),
        "ridge.height_inside": np.log(
            height / area / (scene.inside + COUNT_FLOOR) + MODULATION_FLOOR
        ),
        "ridge.over_noise": np.log(
            height / area / np.sqrt(scene.inside + COUNT_FLOOR) + MODULATION_FLOOR
        ),
        "ridge.line": line / (height + SMALLEST),
        "ridge.valley": np.log(valley / (height + SMALLEST) + 0.001),
    }


def describe_textures(scene: Scene, filters: Filters) -> Columns:
    """Describe how far gradients in a neighbourhood have one direction.

    The structure tensor is averaged over blocks; its coherence is 1 where all
    gradients of a block are parallel and 0 where none is preferred (Bigün,
    Granlund 1987, ICCV, 433; Jähne 1993, Spatio-Temporal Image Processing).

    Parameters
    ----------
    scene : Scene
        The images.
    filters : Filters
        Of that size.

    Returns
    -------
    dict of str to ndarray
        Coherence weighted by energy, its mean over blocks, weighted by their
        structure, its spread; that of the whole image; the preference of an
        axis of the scan; spread of the energy over blocks; energy.
    """
    columns: Columns = {}
    for number, (by_x, by_y, side) in enumerate(filters.gradients):
        in_x = by_x.apply(scene.spectra, scene.grid)
        in_y = by_y.apply(scene.spectra, scene.grid)
        size = max(1, side // by_x.factor)
        squared_x = _flat(block_means(in_x * in_x, size))
        squared_y = _flat(block_means(in_y * in_y, size))
        product = _flat(block_means(in_x * in_y, size))
        mask = _flat(block_means(scene.masks[by_x.factor], size))
        total = squared_x + squared_y
        difference = squared_x - squared_y
        length = np.sqrt(difference * difference + 4 * product * product)
        mean = total.mean(axis=1) + SMALLEST
        coherence = length / (total + COUNT_FLOOR)
        axis = difference.mean(axis=1)
        name = f"texture{number}"
        columns[f"{name}.coherence"] = length.mean(axis=1) / mean
        columns[f"{name}.coherence_mean"] = coherence.mean(axis=1)
        columns[f"{name}.coherence_inside"] = np.einsum("np,np->n", coherence, mask) / (
            mask.sum(axis=1) + SMALLEST
        )
        columns[f"{name}.coherence_spread"] = coherence.std(axis=1)
        columns[f"{name}.whole"] = np.hypot(axis, 2 * product.mean(axis=1)) / mean
        columns[f"{name}.axes"] = axis / mean
        columns[f"{name}.spread"] = np.log(total.std(axis=1) / mean + 0.01)
        columns[f"{name}.energy"] = np.log(mean / (scene.mean**2 + COUNT_FLOOR) + MODULATION_FLOOR)
    return columns


def _flat(images: Singles) -> Singles:
    return images.reshape(len(images), -1)
