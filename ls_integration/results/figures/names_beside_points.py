"""Names beside the points of a figure, where each can be read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_RADII_PT = np.array([9, 14, 22, 32, 46, 64, 88, 120, 160, 210], dtype="float64")
_ANGLES = np.deg2rad(np.arange(0, 360, 15))
_DIRECTIONS = np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)])
_OUTWARD = np.array([-1.0, -1.0, 1.0, 1.0])
_LEADER_FROM_PT = 16


@dataclass(frozen=True)
class NamedPoint:
    """A point with a name and a cross.

    Attributes
    ----------
    x, y : float
        Where it is, in the units of the axes.
    name : str
        What to write beside it.
    color : str
        Of the name.
    bounds : tuple of float
        The ends of its cross: lowest and highest x, lowest and highest y.
    """

    x: float
    y: float
    name: str
    color: str
    bounds: tuple[float, float, float, float]


def place_labels(
    figure: Figure,
    axes: Axes,
    points: Sequence[NamedPoint],
    curve: tuple[Floats, Floats] | None,
) -> None:
    """Write each point's name where it covers no name, point, cross or axis.

    Every name takes the cheapest of 240 places around its point; the names come
    one after another, so the result is the same for the same points.

    Parameters
    ----------
    figure : Figure
        With an Agg canvas, which measures the text.
    axes : Axes
        Holds points, crosses and curve; its limits are final.
    points : sequence of NamedPoint
        What to name, in order.
    curve : tuple of ndarray or None
        A line (x and y) that names should not cover.
    """
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    scale = figure.dpi / 72
    frame = np.ravel(axes.get_window_extent(renderer).extents)
    centres = axes.transData.transform([(point.x, point.y) for point in points] or np.empty((0, 2)))
    marks = np.hstack([centres - 6 * scale, centres + 6 * scale])
    crosses = _cross_boxes(axes, points)
    path = _sample_lines(axes, curve)
    placed = np.empty((0, 4))
    for index, point in enumerate(points):
        text = axes.annotate(
            point.name,
            (point.x, point.y),
            (0, 0),
            textcoords="offset points",
            color=point.color,
            size=9,
            zorder=5,
        )
        text.set_in_layout(False)
        size = text.get_window_extent(renderer)
        half = np.array([size.width, size.height]) / 2
        # The label's own half size is added, so that its edge keeps the radius.
        middles = centres[index] + _DIRECTIONS * (_RADII_PT[:, None, None] * scale + half)
        middles = middles.reshape(-1, 2)
        boxes = np.hstack([middles - half, middles + half]) + 1.5 * scale * _OUTWARD
        covered = _count_overlaps(boxes, placed)
        covered += _count_overlaps(boxes, np.delete(marks, index, axis=0))
        covered += ((boxes[:, :2] < frame[:2]) | (boxes[:, 2:] > frame[2:])).any(axis=1)
        crossed = _count_overlaps(boxes, crosses)
        struck = _count_overlaps(boxes, np.hstack([path, path])) > 0
        nearest = np.clip(centres[index], boxes[:, :2], boxes[:, 2:])
        # Points in one place are told apart by colour; neither is in the other's way.
        gaps = centres - centres[index]
        apart = np.hypot(gaps[:, 0], gaps[:, 1]) > 8 * scale
        others = np.vstack([marks[apart], placed])
        led = np.zeros(len(boxes), dtype="int64")
        for part in np.linspace(0.1, 0.9, 9):
            # A leader through another point would seem to name that one.
            along = centres[index] + part * (nearest - centres[index])
            led += _count_overlaps(np.hstack([along, along]), others)
        radius = np.repeat(_RADII_PT, len(_DIRECTIONS))
        has_leader = radius > _LEADER_FROM_PT
        # Without a leader a label is read as the name of the point next to it.
        to_box = np.clip(centres, boxes[:, None, :2], boxes[:, None, 2:]) - centres
        distance = np.hypot(to_box[..., 0], to_box[..., 1])
        others_near = distance[:, apart] < 1.5 * distance[:, [index]]
        misread = others_near.any(axis=1) & ~has_leader
        cost = 1000 * covered + 60 * crossed + 40 * struck + radius
        best = int(np.argmin(cost + 100 * ((led > 0) & has_leader) + 100 * misread))
        left, bottom = (middles[best] - half - centres[index]) / scale
        text.set_position((float(left), float(bottom)))
        placed = np.vstack([placed, boxes[best]])
        if has_leader[best]:
            ends = axes.transData.inverted().transform([centres[index], nearest[best]])
            axes.plot(ends[:, 0], ends[:, 1], color=point.color, lw=0.6, alpha=0.6, zorder=2)


def _cross_boxes(
    axes: Axes,
    points: Sequence[NamedPoint],
) -> Floats:
    """Frame both arms of each cross, in pixels: (left, bottom, right, top)."""
    ends = []
    for point in points:
        x_low, x_high, y_low, y_high = point.bounds
        ends += [(x_low, point.y), (x_high, point.y), (point.x, y_low), (point.x, y_high)]
    pixels = axes.transData.transform(ends or np.empty((0, 2)))
    return np.asarray(pixels.reshape(-1, 4) + _OUTWARD, dtype="float64")


def _sample_lines(axes: Axes, curve: tuple[Floats, Floats] | None) -> Floats:
    """List points along the diagonal and the curve, in pixels."""
    lines = [np.column_stack([np.linspace(0, 1, 200)] * 2)]
    if curve is not None:
        # By arc length, so that a long vertical step has points too.
        along = np.cumsum(np.hypot(*np.diff(np.vstack(curve), prepend=0)))
        steps = np.linspace(0, along[-1], 400)
        lines.append(np.column_stack([np.interp(steps, along, axis) for axis in curve]))
    return np.asarray(axes.transData.transform(np.vstack(lines)), dtype="float64")


def _count_overlaps(boxes: Floats, others: Floats) -> NDArray[np.int64]:
    """Count for each box how many others it meets; (left, bottom, right, top)."""
    apart = (boxes[:, None, :2] > others[None, :, 2:]) | (boxes[:, None, 2:] < others[None, :, :2])
    return np.asarray((~apart.any(axis=2)).sum(axis=1), dtype="int64")
