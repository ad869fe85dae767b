"""What lies over the boxes of cutouts: the confidence, and the red box of truth. Pure.

Label Studio draws one colour and no text for a region. So both pages lay HTML
over their picture, that takes no clicks.
"""

from collections.abc import Sequence

from ls_integration.kinds.cutouts_regions import Tile

NOTHING = "<div></div>"
"""An empty field would print as "undefined"."""

_SCORED = ("FP", "TP")
_COLOURS = {"FP": "#d9a6f2", "TP": "#8ff08f"}
"""Of the confidence: the boxes' colours, light enough to be read on the sky."""

_STROKE_PX = 2.2
"""From a box to the red one inside of it: its stroke, and room for what is rounded."""

_LARGEST_TEXT_PX, _SMALLEST_TEXT_PX = 15.0, 7.0
_TEXT_SHARE = 0.22
"""Of a tile's height: five digits are then well within its width."""

_LINE_SHARE = 4 / 3
"""Of the letters' height, a line's."""


def overlay_html(
    tiles: Sequence[Tile | None],
    shown_px: tuple[float, float],
    *,
    inset: float,
    above_edge_px: float,
) -> str:
    """Write what lies over a picture of tiles besides its boxes.

    Parameters
    ----------
    tiles : sequence of Tile or None
        Of the picture.
    shown_px : tuple of float
        Width and height of the picture on the screen. Per cent would not do:
        what holds this HTML on the page has no height.
    inset : float
        Of the boxes, as in `cutouts_regions.region`.
    above_edge_px : float
        From the lower edge of a tile to that of the confidence.

    Returns
    -------
    str
        HTML: the confidence on each FP and TP, the red box of truth in each TP.
    """
    parts = []
    for tile in tiles:
        if tile is None or tile.outcome not in _SCORED:
            continue
        x, width = (shown_px[0] / 100 * number for number in tile.box[::2])
        y, height = (shown_px[1] / 100 * number for number in tile.box[1::2])
        if tile.outcome == "TP":
            across, down = inset * width + _STROKE_PX, inset * height + _STROKE_PX
            place = _place(x + across, y + down, width - 2 * across, height - 2 * down)
            style = f"{place};box-sizing:border-box;border:2px solid #ff3b30"
            parts.append(f'<div style="{style}"></div>')
        if tile.score is not None:
            text_px = min(_LARGEST_TEXT_PX, max(_SMALLEST_TEXT_PX, _TEXT_SHARE * height))
            line_px = _LINE_SHARE * text_px
            place = _place(x, y + height - above_edge_px - line_px, width, line_px)
            style = (
                f"{place};color:{_COLOURS[tile.outcome]};text-align:center;font:600 "
                f"{text_px:.1f}px/{line_px:.1f}px sans-serif;text-shadow:0 0 3px #000,0 0 3px #000"
            )
            parts.append(f'<div style="{style}">{tile.score:.3f}</div>')
    return "".join(parts) or NOTHING


def _place(x: float, y: float, width: float, height: float) -> str:
    return (
        f"position:absolute;left:{x:.1f}px;top:{y:.1f}px;width:{width:.1f}px;height:{height:.1f}px"
    )
