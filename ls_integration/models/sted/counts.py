"""Features of the counts themselves: statistics, foreground, blocks, lines of the scan."""

import numpy as np
from numpy.typing import NDArray

from ls_integration.models.sted.grid import Singles

Columns = dict[str, NDArray[np.floating]]
"""Name of a feature -> its value for each image."""

COUNT_FLOOR = 1e-3
"""Added to counts before a logarithm or a division: 50 photons in an image of 224 x 224, so that
an image without any photon has finite features and one with a few is not changed by it."""

MODULATION_FLOOR = 1e-4
"""Added to energies relative to the mean squared: a modulation of 1 %, below what any image of
fewer than 1e4 photons a pixel can show."""

OTSU_BINS = 128
"""Grey levels of the square root of the smoothed counts: the next level is less than one
standard deviation of the shot noise away up to 1000 counts."""


def log_ratio(above: NDArray[np.floating], below: NDArray[np.floating]) -> NDArray[np.floating]:
    """Give the logarithm of a ratio of counts, finite where both are 0.

    Parameters
    ----------
    above, below : ndarray of float, shape (n_images,)
        At least 0.

    Returns
    -------
    ndarray of float, shape (n_images,)
        Natural logarithm.
    """
    ratio: NDArray[np.floating] = np.log((above + COUNT_FLOOR) / (below + COUNT_FLOOR))
    return ratio


def describe_counts(counts: Singles) -> Columns:
    """Describe how many photons there are and how they are spread.

    Parameters
    ----------
    counts : ndarray of float32, shape (n_images, height, width)
        Finite, at least 0.

    Returns
    -------
    dict of str to ndarray
        ``mean`` and ``max`` are logarithms; ``fano`` is that of variance over
        mean, 0 for a flat image with shot noise alone (Fano 1947, Phys. Rev.
        72, 26); ``empty`` is the share of pixels without a photon.
    """
    flat = counts.reshape(len(counts), -1)
    mean = flat.mean(axis=1)
    centred = flat - mean[:, None]
    squared = centred * centred
    variance = squared.mean(axis=1)
    third = np.einsum("np,np->n", squared, centred) / flat.shape[1]
    # The cube root brings the skewness of few bright pixels (up to 100) near to that of others.
    skewness = np.cbrt(third / (variance + COUNT_FLOOR) ** 1.5)
    return {
        "counts.mean": np.log(mean + COUNT_FLOOR),
        "counts.max": np.log1p(flat.max(axis=1)),
        "counts.fano": log_ratio(variance, mean),
        "counts.skewness": skewness,
        "counts.empty": (flat == 0).mean(axis=1),
    }


BLOCK_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the blocks of an image: the empty ones, the usual ones, the brightest ones."""


def describe_blocks(counts: Singles, sizes_px: tuple[int, ...]) -> Columns:
    """Describe brightness and contrast of square blocks.

    The contrast of a block is its variance beyond shot noise over its squared
    mean: a property of the structure, not of how many photons there are.

    Parameters
    ----------
    counts : ndarray of float32, shape (n_images, height, width)
        Finite, at least 0.
    sizes_px : tuple of int
        Sides of the blocks; a shorter side of the image is one block.

    Returns
    -------
    dict of str to ndarray
        Logarithms of quantiles over the blocks.
    """
    mean = counts.reshape(len(counts), -1).mean(axis=1)
    columns: Columns = {}
    squares = counts * counts
    for size in sizes_px:
        blocks = block_means(counts, size).reshape(len(counts), -1)
        variance = block_means(squares, size).reshape(len(counts), -1) - blocks * blocks
        # 0.05: below one photon in 20 pixels nothing can be said about the contrast of a block.
        contrast = np.maximum(variance - blocks, 0) / (blocks * blocks + 0.05)
        bright = np.log((_quantiles(blocks) + 0.02) / (mean[:, None] + COUNT_FLOOR))
        strong = np.log(_quantiles(contrast) + 0.01)
        for place, quantile in enumerate(BLOCK_QUANTILES):
            columns[f"block{size}.mean{100 * quantile:02.0f}"] = bright[:, place]
            # The lowest twentieth of the contrasts is 0 in nearly every image.
            if place > 0:
                columns[f"block{size}.contrast{100 * quantile:02.0f}"] = strong[:, place]
    return columns


def _quantiles(blocks: Singles) -> Singles:
    """Give `BLOCK_QUANTILES` as values that occur; for so few blocks sorting is the fastest."""
    ordered = np.sort(blocks, axis=1)
    places = np.round(np.array(BLOCK_QUANTILES) * (blocks.shape[1] - 1)).astype("intp")
    return ordered[:, places]


def block_means(images: Singles, size_px: int) -> Singles:
    """Average square blocks; what is left over at the right and the bottom is left out.

    Parameters
    ----------
    images : ndarray of float32, shape (n_images, height, width)
        Any values.
    size_px : int
        Side of a block; a shorter side of the image is one block.

    Returns
    -------
    ndarray of float32, shape (n_images, height // size_px, width // size_px)
        At least one block.
    """
    n_images, height, width = images.shape
    tall, wide = min(size_px, height), min(size_px, width)
    rows, columns = height // tall, width // wide
    kept = images[:, : rows * tall, : columns * wide]
    # First whole lines onto each other: much faster than over both axes at once.
    lines = kept.reshape(n_images, rows, tall, columns * wide).sum(axis=2)
    sums: Singles = lines.reshape(n_images, rows, columns, wide).sum(axis=3)
    return sums * np.float32(1 / (tall * wide))


def describe_lines(counts: Singles) -> Columns:
    """Describe how much the sum of a line differs from the next, along both axes of the scan.

    Parameters
    ----------
    counts : ndarray of float32, shape (n_images, height, width)
        Finite, at least 0.

    Returns
    -------
    dict of str to ndarray
        Logarithm of the variance of the difference over that of shot noise: 0
        where lines differ by shot noise alone; a jump of the stage, a flicker of
        the laser and a bleached half of the image are seen in one axis.
    """
    mean = counts.reshape(len(counts), -1).mean(axis=1)
    columns: Columns = {}
    for name, axis in (("row", 2), ("column", 1)):
        profile = counts.mean(axis=axis)
        steps = np.diff(profile, axis=1)
        variance = (steps * steps).sum(axis=1) / max(1, steps.shape[1])
        columns[f"line.{name}"] = log_ratio(variance * counts.shape[axis] / 2, mean)
    return columns


def find_foreground(smoothed: Singles) -> NDArray[np.bool_]:
    """Tell structure from background by Otsu's threshold.

    It is found on the square root of the counts, which makes the spread of shot
    noise the same at every brightness (Anscombe 1948, Biometrika 35, 246).

    Parameters
    ----------
    smoothed : ndarray of float32, shape (n_images, height, width)
        Counts without most of their shot noise; what is below 0 counts as 0.

    Returns
    -------
    ndarray of bool, shape (n_images, height, width)
        True where there is structure; nowhere in a constant image.

    References
    ----------
    Otsu (1979), IEEE Trans. Syst. Man Cybern. 9, 62.
    """
    roots = np.sqrt(np.maximum(smoothed, 0)).reshape(len(smoothed), -1)
    lowest, highest = roots.min(axis=1), roots.max(axis=1)
    width = np.maximum((highest - lowest) / OTSU_BINS, 1e-6)[:, None]
    levels = ((roots - lowest[:, None]) / width).astype("int32")
    np.minimum(levels, OTSU_BINS - 1, out=levels)
    thresholds = [_otsu_level(np.bincount(row, minlength=OTSU_BINS)) for row in levels]
    structure: NDArray[np.bool_] = levels > np.array(thresholds)[:, None]
    return structure.reshape(smoothed.shape)


def _otsu_level(histogram: NDArray[np.intp]) -> int:
    """Give the last level of the background: where the variance between classes is highest."""
    below = np.cumsum(histogram)
    moment = np.cumsum(histogram * np.arange(len(histogram)))
    product = (below * (below[-1] - below)).astype("float64")
    difference = moment[-1] * (below / below[-1]) - moment
    between = np.divide(difference**2, product, out=np.zeros(len(product)), where=product > 0)
    return int(np.argmax(between))


def describe_foreground(
    counts: Singles, squares: Singles, foreground: Singles
) -> tuple[Columns, Singles, Singles]:
    """Describe the contrast between structure and background.

    Parameters
    ----------
    counts, squares : ndarray of float32, shape (n_images, height, width)
        Counts and their squares, averaged over the pixels of the mask's grid.
    foreground : ndarray of float32, shape (n_images, height, width)
        1 where there is structure, 0 elsewhere.

    Returns
    -------
    columns : dict of str to ndarray
        Area, brightness of both, their ratio, the contrast over its shot noise,
        the share of all photons, the spread over shot noise in each.
    inside, outside : ndarray of float32, shape (n_images,)
        Mean counts of structure and background.
    """
    n_images = len(counts)
    mask = foreground.reshape(n_images, -1)
    flat, flat_squares = counts.reshape(n_images, -1), squares.reshape(n_images, -1)
    area = mask.sum(axis=1)
    rest = mask.shape[1] - area
    total, total_squares = flat.sum(axis=1), flat_squares.sum(axis=1)
    sum_inside = np.einsum("np,np->n", flat, mask)
    squares_inside = np.einsum("np,np->n", flat_squares, mask)
    inside = sum_inside / np.maximum(area, 1)
    outside = np.maximum(total - sum_inside, 0) / np.maximum(rest, 1)
    spread_in = squares_inside / np.maximum(area, 1) - inside**2
    spread_out = (total_squares - squares_inside) / np.maximum(rest, 1) - outside**2
    contrast = np.maximum(inside - outside, 0)
    columns: Columns = {
        "foreground.area": area / mask.shape[1],
        "foreground.inside": np.log(inside + COUNT_FLOOR),
        "foreground.outside": np.log(outside + COUNT_FLOOR),
        "foreground.ratio": log_ratio(inside, outside),
        "foreground.snr": np.log((contrast + COUNT_FLOOR) / np.sqrt(inside + COUNT_FLOOR)),
        "foreground.share": sum_inside / (total + COUNT_FLOOR),
        "foreground.fano_inside": log_ratio(np.maximum(spread_in, 0), inside),
        "foreground.fano_outside": log_ratio(np.maximum(spread_out, 0), outside),
    }
    return columns, inside, outside
