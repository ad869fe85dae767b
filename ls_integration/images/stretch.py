"""The values of a survey frame to 8 bit: limits once a frame, then every pixel alike.

The limits are a small dict that JSON can hold, so that a study can keep them
and draw the same picture again.
"""

import math
from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ls_integration.errors import ConfigError, SourceError
from ls_integration.images.frames import Frame
from ls_integration.images.source_files import WARNING_FILTERS

Stretch = Literal["none", "minmax", "zscale", "asinh"]
"""How values become grey levels."""

STRETCHES: tuple[str, ...] = get_args(Stretch)
Limits = dict[str, Any]
"""``stretch``, ``low`` and ``high`` (a number, or three for three bands) and constants."""

NO_DATA_RGB = (24, 28, 48)
"""Colour of pixels without a finite value and of what lies outside of a frame: a dark
blue that no grey picture has."""

ASINH_SOFTENING = 0.1
"""Where ``asinh`` turns from linear to logarithmic, as a part of the range: astropy's own."""

ASINH_HIGH_PERCENT = 99.9
"""The percentile that ``asinh`` shows as white: stars keep their shape, few cores burn out."""

ASINH_LEAST_RANGE = 5
"""At least so many times zscale's range are shown by ``asinh``, or the sky of a frame without
bright stars would be drawn almost white."""

LUPTON_STRETCH = 1.0
LUPTON_Q = 8
"""Lupton et al. 2004, PASP 116, 133: the linear part, here in units of each band's range, and
the softening (the paper's own)."""

# zscale's fit and the percentiles need no more; taken at random (always the same), since an
# even step through the rows can fall on a single column of the detector.
_SAMPLED_PIXELS = 1_000_000
_ZSCALE_PIXELS = 10_000
_BRIGHTEST = 1e6
_STRIP_PIXELS = 1 << 20


def frame_limits(frame: Frame, stretch: Stretch | None = None) -> Limits:
    """Find the values of a frame that are drawn black and white.

    - ``none``: 8-bit values as they are.
    - ``minmax``: the smallest and the largest value.
    - ``zscale``: those of IRAF and DS9 (astropy's `ZScaleInterval`), which show
      the sky and let stars burn out.
    - ``asinh``: from zscale's lower limit to the 99.9th percentile (or five
      times zscale's range), bent by astropy's `AsinhStretch`, which shows faint
      and bright alike.

    Pixels that are not finite do not count. Three values a pixel have limits of
    their own for each band (``zscale``, ``asinh``: they are joined as Lupton et
    al. do), but for ``minmax`` common ones, which keep the colours.

    Parameters
    ----------
    frame : Frame
        From `read_frame`.
    stretch : {"none", "minmax", "zscale", "asinh"}, optional
        By default ``none`` for pictures and ``zscale`` for all else.

    Returns
    -------
    dict
        For `apply`; strict JSON.

    Raises
    ------
    SourceError
        If the frame has fewer than two different finite values, or is to be
        shown as it is and is not of 8 bit.
    ConfigError
        If there is no such stretch.
    """
    name = stretch or default_stretch(frame)
    if name not in STRETCHES:
        msg = f"the stretch '{name}' is not known; use one of {', '.join(STRETCHES)}"
        raise ConfigError(msg)
    if name == "none":
        _check_8_bit(frame)
        return {"stretch": "none"}
    bands = _bands(frame.values) if name != "minmax" else [frame.values]
    ranges = [_band_limits(frame, band, name) for band in bands]
    limits: Limits = {"stretch": name}
    for index, key in enumerate(("low", "high")):
        numbers = [ends[index] for ends in ranges]
        limits[key] = numbers if len(numbers) > 1 else numbers[0]
    if len(ranges) == 3:
        limits |= {"lupton_stretch": LUPTON_STRETCH, "lupton_q": LUPTON_Q}
    elif name == "asinh":
        limits["asinh_softening"] = ASINH_SOFTENING
    return limits


def default_stretch(frame: Frame) -> Stretch:
    """Tell how a frame is shown if nobody says.

    Parameters
    ----------
    frame : Frame
        From `read_frame`.

    Returns
    -------
    str
        ``none`` for pictures, ``zscale`` for all else.
    """
    return "none" if frame.is_picture else "zscale"


def apply(frame: Frame, limits: Limits) -> NDArray[np.uint8]:
    """Draw a frame in 8 bit.

    Parameters
    ----------
    frame : Frame
        From `read_frame`.
    limits : dict
        From `frame_limits`, of this frame or of another.

    Returns
    -------
    ndarray of uint8, shape (height, width) or (height, width, 3)
        Rows in the order of the frame; values outside of the limits are
        clipped. In colour if the frame is, or if it has pixels that are not
        finite: those are drawn in `NO_DATA_RGB`.

    Raises
    ------
    SourceError
        If the limits do not fit the frame.
    """
    try:
        name = limits["stretch"]
        if name == "none":
            _check_8_bit(frame)
            drawn: NDArray[np.uint8] = frame.values
            return drawn
        low, high = np.asarray(limits["low"], float), np.asarray(limits["high"], float)
        softening = limits.get("asinh_softening")
        lupton = (limits["lupton_stretch"], limits["lupton_q"]) if low.ndim else None
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{frame.source}: the limits {limits} are not of a stretch ({error}); import anew"
        raise SourceError(msg) from error
    if not (low < high).all():
        msg = f"{frame.source}: the limits {limits} make no range; import anew"
        raise SourceError(msg)
    if low.ndim and (frame.values.ndim != 3 or low.shape != (3,) or high.shape != (3,)):
        msg = f"{frame.source} is grey, but the limits {limits} are of three bands; import anew"
        raise SourceError(msg)
    output = np.empty(frame.values.shape, np.uint8)
    no_data = None
    for strip in _strips(frame.values):
        # Bits that are no number, and ranges beyond float64, are no reason to stop.
        with np.errstate(all="ignore"):
            values = frame.values[strip].astype(np.float64)
            unit = (values - low) / (high - low)
        finite: NDArray[np.bool_] = np.isfinite(values)
        if values.ndim == 3:
            finite = np.logical_and.reduce(finite, axis=-1)
        unit[~np.isfinite(unit)] = 0.0
        output[strip] = _lupton(unit, *lupton) if lupton else _grey(unit, softening)
        if not finite.all():
            if no_data is None:
                no_data = np.zeros(frame.values.shape[:2], bool)
            no_data[strip] = ~finite
    if no_data is None:
        return output
    if output.ndim == 2:
        output = np.repeat(output[..., None], 3, axis=2)
    output[no_data] = NO_DATA_RGB
    return output


def _check_8_bit(frame: Frame) -> None:
    if frame.values.dtype != np.uint8:
        msg = (
            f"{frame.source} holds {frame.values.dtype}, not 8-bit values: --stretch none cannot "
            "show it; use minmax, zscale or asinh"
        )
        raise SourceError(msg)


def _bands(values: NDArray[Any]) -> list[NDArray[Any]]:
    return [values] if values.ndim == 2 else [values[..., index] for index in range(3)]


def _strips(values: NDArray[Any]) -> Iterator[slice]:
    """Cut into rows of about a million values, so that float64 copies stay small."""
    rows = max(1, _STRIP_PIXELS // max(1, math.prod(values.shape[1:])))
    for start in range(0, len(values), rows):
        yield slice(start, start + rows)


def _band_limits(frame: Frame, band: NDArray[Any], name: str) -> tuple[float, float]:
    smallest, largest = _extremes(band)
    if not smallest < largest:
        what = "no finite value" if smallest > largest else f"the value {smallest:g} everywhere"
        msg = f"{frame.source} has {what}; there is nothing to see, leave the frame out"
        raise SourceError(msg)
    if name == "minmax":
        return smallest, largest
    with WARNING_FILTERS:  # importing filters warnings; late, since pictures need no astropy
        from astropy.visualization import ZScaleInterval

    sample = _sample(band)
    interval = ZScaleInterval(n_samples=_ZSCALE_PIXELS)
    with np.errstate(all="ignore"):  # values whose squares are beyond float64
        low, high = (float(limit) for limit in interval.get_limits(sample[:_ZSCALE_PIXELS]))
    if name == "asinh":
        bright = float(np.percentile(sample, ASINH_HIGH_PERCENT))
        high = max(bright, low + ASINH_LEAST_RANGE * (high - low))
    if -math.inf < low < high < math.inf:
        return low, high
    # Most of the sampled values are the same one: the background of a mask, say.
    return smallest, largest


def _extremes(band: NDArray[Any]) -> tuple[float, float]:
    smallest, largest = math.inf, -math.inf
    for strip in _strips(band):
        part = band[strip]
        finite = part[np.isfinite(part)]
        if finite.size:
            smallest = min(smallest, float(finite.min()))
            largest = max(largest, float(finite.max()))
    return smallest, largest


def _sample(band: NDArray[Any]) -> NDArray[np.float64]:
    """Give finite values in random order: all, or a million of a large band."""
    random = np.random.default_rng(0)
    if band.size > _SAMPLED_PIXELS:
        rows = random.integers(0, band.shape[0], _SAMPLED_PIXELS)
        columns = random.integers(0, band.shape[1], _SAMPLED_PIXELS)
        sample: NDArray[np.float64] = band[rows, columns].astype(np.float64)
        sample = sample[np.isfinite(sample)]
        if sample.size >= _ZSCALE_PIXELS:
            return sample
    sample = band[np.isfinite(band)].astype(np.float64)
    random.shuffle(sample)
    return sample


def _grey(unit: NDArray[np.float64], softening: float | None) -> NDArray[np.uint8]:
    np.clip(unit, 0.0, 1.0, out=unit)
    if softening is not None:
        with WARNING_FILTERS:
            from astropy.visualization import AsinhStretch

        unit = AsinhStretch(softening)(unit, clip=False)
    return np.rint(unit * 255).astype(np.uint8)


def _lupton(unit: NDArray[np.float64], stretch: float, q: float) -> NDArray[np.uint8]:
    with WARNING_FILTERS:
        from astropy.visualization import make_lupton_rgb

    # Far above white the formula only overflows.
    red, green, blue = np.moveaxis(np.minimum(unit, _BRIGHTEST), -1, 0)
    with np.errstate(all="ignore"):  # it divides by an intensity of 0 before it leaves it out
        colours: NDArray[np.uint8] = make_lupton_rgb(red, green, blue, stretch=stretch, Q=q)
    return colours
