"""Features of a STED image that know its physics: photon counts, not grey levels.

Counts are taken as they are; a picture of grey levels works too, since these
are numbers as well, but its shot noise is unknown and a model has to be trained
on such pictures. All images of a batch have one size, and the features of an
image are the same in any batch.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from ls_integration.models.sted.counts import (
    Columns,
    block_means,
    describe_blocks,
    describe_counts,
    describe_foreground,
    describe_lines,
    find_foreground,
)
from ls_integration.models.sted.grid import REDUCTIONS, Singles, make_grid
from ls_integration.models.sted.spectrum import describe_spectrum
from ls_integration.models.sted.structure import (
    Scene,
    describe_bands,
    describe_ridges,
    describe_textures,
    make_filters,
)

VERSION = "sted-1"
"""Changes whenever a feature of `extract` changes: a saved model names the one it was made for."""

FAST_VERSION = "sted-fast-1"
"""The same for `extract_fast`."""

BLOCKS_PX = (8, 16, 32)
"""Sides of blocks: from a few fibres to a seventh of a 224 px image."""

FAST_BLOCKS_PX = (4, 16)
"""In the fast set, which has no foreground: the smallest sees single fibres."""

_AT_ONCE = 1
# More images at once are slower: the arrays of one fit into a core's cache (2 MB).


def extract(counts: ArrayLike) -> Singles:
    """Describe STED images in all ways.

    Parameters
    ----------
    counts : array_like, shape (n_images, height, width)
        Photon counts, any real type; one of fewer than 0 photons or without a
        finite value counts as 0. Of a side of 8 or more, up to 7 pixels at
        the right or the bottom are left out, so that 8 divides it.

    Returns
    -------
    ndarray of float32, shape (n_images, len(NAMES))
        Always finite. An image's row does not depend on the others.

    Raises
    ------
    ValueError
        If *counts* has another number of axes, or images without pixels.
    """
    return _extract(counts, _describe, len(NAMES))


def extract_fast(counts: ArrayLike) -> Singles:
    """Describe STED images by one transform and sums alone.

    Parameters
    ----------
    counts : array_like, shape (n_images, height, width)
        As in `extract`.

    Returns
    -------
    ndarray of float32, shape (n_images, len(FAST_NAMES))
        Always finite. An image's row does not depend on the others.

    Raises
    ------
    ValueError
        If *counts* has another number of axes, or images without pixels.
    """
    return _extract(counts, _describe_fast, len(FAST_NAMES))


def _extract(counts: ArrayLike, describe: Callable[[Singles], Columns], n_features: int) -> Singles:
    images = np.asarray(counts)
    if images.ndim != 3 or 0 in images.shape[1:]:
        msg = f"images of shape (n_images, height, width) are needed, not {images.shape}"
        raise ValueError(msg)
    features = np.empty((len(images), n_features), dtype="float32")
    for start in range(0, len(images), _AT_ONCE):
        columns = describe(_clean(images[start : start + _AT_ONCE]))
        features[start : start + _AT_ONCE] = np.stack(list(columns.values()), axis=1)
    return features


def _clean(images: NDArray[np.generic]) -> Singles:
    height, width = images.shape[1:]
    step = 2 * REDUCTIONS[0]
    # The coarsest grid has even sides too, so that a cut spectrum has as many waves up as down.
    images = images[:, : _crop(height, step), : _crop(width, step)]
    counts: Singles = np.ascontiguousarray(images, dtype="float32")
    if images.dtype.kind != "u":
        counts = np.nan_to_num(counts, nan=0, posinf=0, neginf=0)
        np.maximum(counts, 0, out=counts)
    return counts


def _crop(side_px: int, step: int) -> int:
    return side_px if side_px < step else side_px - side_px % step


def _describe_fast(counts: Singles) -> Columns:
    _n_images, height, width = counts.shape
    mean = counts.reshape(len(counts), -1).mean(axis=1)
    spectra = fft.rfft2(counts)
    return {
        **describe_counts(counts),
        **describe_spectrum(spectra, mean, make_grid(height, width)),
        **describe_blocks(counts, FAST_BLOCKS_PX),
        **describe_lines(counts),
    }


def _describe(counts: Singles) -> Columns:
    _n_images, height, width = counts.shape
    grid, filters = make_grid(height, width), make_filters(height, width)
    mean = counts.reshape(len(counts), -1).mean(axis=1)
    spectra = fft.rfft2(counts)
    structure = find_foreground(filters.smooth.apply(spectra, grid)).astype("float32")
    factor = filters.smooth.factor
    foreground, inside, outside = describe_foreground(
        block_means(counts, factor), block_means(counts * counts, factor), structure
    )
    masks = {reduced: _resize_mask(structure, factor, reduced) for reduced in REDUCTIONS}
    scene = Scene(spectra, grid, mean, inside, outside, masks)
    return {
        **describe_counts(counts),
        **describe_spectrum(spectra, mean, grid),
        **foreground,
        **describe_bands(scene, filters),
        **describe_ridges(scene, filters),
        **describe_textures(scene, filters),
        **describe_blocks(counts, BLOCKS_PX),
        **describe_lines(counts),
    }


def _resize_mask(mask: Singles, present: int, wanted: int) -> Singles:
    if wanted >= present:
        step = wanted // present
        return np.ascontiguousarray(mask[:, ::step, ::step])
    times = present // wanted
    return mask.repeat(times, axis=1).repeat(times, axis=2)


# The order of the columns is that in which they are described: no second list to keep in step.
_BLANK = np.zeros((1, 8, 8), dtype="float32")
NAMES: tuple[str, ...] = tuple(_describe(_BLANK))
"""What the columns of `extract` are."""

FAST_NAMES: tuple[str, ...] = tuple(_describe_fast(_BLANK))
"""What the columns of `extract_fast` are."""
