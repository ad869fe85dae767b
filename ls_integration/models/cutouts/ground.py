"""The sky of a tile: how bright, how uneven, how noisy, against the frame's own."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]

BLOCKS = 6
"""Blocks along a side: of 12 bins in a tile of 200 pixels without its edges, several times a
galaxy, so that the median of a block is sky."""

NAMES = ("sky", "sky_spread", "sky_range", "sky_slope", "sky_bend", "noise", "row", "column")
"""Median of the blocks, their standard deviation and range, the slope of a plane through them, what
that leaves over, the difference of neighbours, the brightest row and column above the middle."""

TENSOR_SCALES_BINS = (2.0, 5.0)
"""Sigma over which directions agree: a streak's width, and about its length."""

TENSOR_NAMES = tuple(
    f"coherence_{scale:g}_{what}" for scale in TENSOR_SCALES_BINS for what in ("mean", "top")
)
"""Mean of (l1 - l2) / (l1 + l2) of the structure tensor weighted by l1 + l2, and the 99 % quantile
of log(1 + l1 - l2)."""


def measure_ground(plane: Floats) -> Floats:
    """Measure the sky of tiles.

    Parameters
    ----------
    plane : ndarray of float32, shape (n_tiles, side, side)
        In noise units.

    Returns
    -------
    ndarray of float32, shape (n_tiles, len(NAMES))
        In noise units.
    """
    count, side, _ = plane.shape
    width = side // BLOCKS
    kept = plane[:, : width * BLOCKS, : width * BLOCKS]
    blocks = kept.reshape(count, BLOCKS, width, BLOCKS, width).swapaxes(2, 3)
    sky = np.median(blocks.reshape(count, BLOCKS, BLOCKS, -1), axis=-1)
    place = np.linspace(-1, 1, BLOCKS, dtype="float32")
    # Rows and columns of a square are orthogonal, so that each slope stands for itself.
    norm = BLOCKS * (place**2).sum()
    down = (sky * place[:, None]).sum(axis=(1, 2)) / norm
    right = (sky * place).sum(axis=(1, 2)) / norm
    left_over = (
        sky
        - sky.mean(axis=(1, 2), keepdims=True)
        - down[:, None, None] * place[:, None]
        - right[:, None, None] * place
    )
    flat = sky.reshape(count, -1)
    rows, columns = np.median(plane, axis=2), np.median(plane, axis=1)
    differences = np.abs(np.diff(plane, axis=2)).reshape(count, -1)
    return np.stack(
        [
            np.median(flat, axis=1),
            flat.std(axis=1),
            np.ptp(flat, axis=1),
            np.hypot(down, right),
            left_over.std(axis=(1, 2)),
            np.median(differences, axis=1),
            rows.max(axis=1) - np.median(rows, axis=1),
            columns.max(axis=1) - np.median(columns, axis=1),
        ],
        axis=1,
    ).astype("float32")


def measure_coherence(plane: Floats) -> Floats:
    """Measure how far the edges in tiles agree on a direction.

    Parameters
    ----------
    plane : ndarray of float32, shape (n_tiles, side, side)
        In noise units.

    Returns
    -------
    ndarray of float32, shape (n_tiles, len(TENSOR_NAMES))
        Coherence in 0..1; see `TENSOR_NAMES`.

    References
    ----------
    Bigun, Granlund (1987), Proc. First ICCV, 433.
    """
    count = len(plane)
    down = ndimage.gaussian_filter(plane, (0, 1, 1), order=(0, 1, 0), mode="nearest")
    right = ndimage.gaussian_filter(plane, (0, 1, 1), order=(0, 0, 1), mode="nearest")
    columns = []
    for scale in TENSOR_SCALES_BINS:
        sigma = (0, scale, scale)
        down_2 = ndimage.gaussian_filter(down * down, sigma, mode="nearest")
        right_2 = ndimage.gaussian_filter(right * right, sigma, mode="nearest")
        mixed = ndimage.gaussian_filter(down * right, sigma, mode="nearest")
        energy = (down_2 + right_2).reshape(count, -1)
        directed = np.hypot(down_2 - right_2, 2 * mixed).reshape(count, -1)
        total = energy.sum(axis=1)
        columns.append(directed.sum(axis=1) / np.where(total > 0, total, 1))
        columns.append(np.log1p(np.quantile(directed, 0.99, axis=1)))
    return np.stack(columns, axis=1).astype("float32")
