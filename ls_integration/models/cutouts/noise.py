"""Tiles divided by their own noise, where it is above the frame's."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ls_integration.models.cutouts.planes import MAD_TO_SIGMA

Floats = NDArray[np.float32]

NOISE_BLOCK_BINS = 12
"""Several times the width of a source or streak, so that the median is sky."""


def even_noise(plane: Floats) -> Floats:
    """Divide tiles by their own noise where it is above the frame's.

    Towards the edges of a stack fewer exposures overlap; what would be an
    artifact elsewhere is noise there.

    Parameters
    ----------
    plane : ndarray of float32, shape (n_tiles, side, side)
        In units of the frame's noise.

    Returns
    -------
    ndarray of float32, shape (n_tiles, side, side)
        In units of the noise nearby.
    """
    count, side, _ = plane.shape
    n_blocks = side // NOISE_BLOCK_BINS
    width = -(-side // n_blocks)
    # The last block is filled up by what lies before it.
    padded = np.pad(
        plane, ((0, 0), (0, n_blocks * width - side), (0, n_blocks * width - side)), "symmetric"
    )
    blocks = padded.reshape(count, n_blocks, width, n_blocks, width).swapaxes(2, 3)
    values = blocks.reshape(count, n_blocks, n_blocks, -1)
    middle = np.median(values, axis=-1, keepdims=True)
    noise = np.float32(MAD_TO_SIGMA) * np.median(np.abs(values - middle), axis=-1)
    # A source that fills a block does not fill most of its neighbours.
    noise = np.maximum(ndimage.median_filter(noise, (1, 3, 3), mode="nearest"), 1)
    spread = np.repeat(np.repeat(noise, width, axis=1), width, axis=2)
    evened: Floats = plane / spread[:, :side, :side]
    return evened
