"""A figure with its numbers and its caption, and how all figures look.

Colours are those of Okabe and Ito, which colour-blind people tell apart. In the
SVG each colour is a CSS variable, so that the page can be light or dark.

References
----------
Okabe, Ito (2008), Color Universal Design, https://jfly.uni-koeln.de/color/
"""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from matplotlib.text import Text
from numpy.typing import NDArray

from ls_integration.files import whole_file

Floats = NDArray[np.float64]

INK, MUTED, RULE = "#1a1a1b", "#66666b", "#d9d9de"
MODEL, PERSON, TOGETHER = "#0072b2", "#d55e00", "#00805e"
LOOKS = {"person": (PERSON, "o"), "together": (TOGETHER, "D"), "model": (MODEL, "s")}
"""Role of who decides -> colour and marker; the role is a column of the figures' numbers."""

_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    MODEL: "var(--model)",
    PERSON: "var(--person)",
    TOGETHER: "var(--together)",
}

PNG_DPI = 200
_LONGEST_NAME = 24
_FONTS = (
    *("DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Micro Hei"),
    *("WenQuanYi Zen Hei", "Droid Sans Fallback", "PingFang SC", "Microsoft YaHei"),
    *("Arial Unicode MS", "Last Resort High-Efficiency"),
)
"""Where each character is looked for, in this order. The last one is matplotlib's and has a box
for every character, so that no name of any script makes it warn."""

_INSTALLED = set(get_font_names())
STYLE: Any = {
    # By name, since only one of "sans-serif" is ever tried; a font that is not installed would be
    # a line in the log for each text.
    "font.family": [name for name in _FONTS if name in _INSTALLED],
    "font.size": 9.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    # Outlines, not fonts: labels must keep the place that was measured here.
    "svg.fonttype": "path",
    "svg.hashsalt": "ls_integration",
}
"""Matplotlib's settings for every figure: use inside ``mpl.rc_context``."""


@dataclass(frozen=True)
class Drawing:
    """A figure of the report.

    Attributes
    ----------
    name : str
        Stem of its files ``plots/NAME.png`` and ``plots/NAME.csv``.
    figure : Figure
        What is drawn.
    numbers : DataFrame
        What is drawn, as a table: a row for each mark.
    caption : str
        Plain text: what is seen, n, the kind of interval, the positive class.
    alternative : str
        What a screen reader says instead, and where the numbers are on the page.
    on_page : bool
        False for a figure that the page shows as a table.
    """

    name: str
    figure: Figure
    numbers: pd.DataFrame
    caption: str = ""
    alternative: str = ""
    on_page: bool = True


def new_figure(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    """Make a figure with one set of axes in the report's style.

    Parameters
    ----------
    width_in, height_in : float
        Size in inches; 7.6 is the width of the page.

    Returns
    -------
    figure : Figure
        With an Agg canvas, which measures text: no window, no state of pyplot's.
    axes : Axes
        Its only axes.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, figure.subplots()


def write_png(path: Path, figure: Figure) -> Path:
    """Write a figure as PNG on white.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    figure : Figure
        As the functions of this package give it.

    Returns
    -------
    Path
        *path*.
    """
    _set_fonts(figure)
    with whole_file(path) as temporary, mpl.rc_context(STYLE):
        # No software name and date: the same numbers give the same bytes.
        figure.savefig(
            temporary, format="png", dpi=PNG_DPI, facecolor="white", metadata={"Software": None}
        )
    return path


def to_svg(figure: Figure) -> str:
    """Turn a figure into SVG that can stand in an HTML page.

    Parameters
    ----------
    figure : Figure
        As the functions of this package give it.

    Returns
    -------
    str
        An ``<svg>`` element: transparent, colours as CSS variables, no address
        of any kind in it.
    """
    stream = io.StringIO()
    _set_fonts(figure)
    with mpl.rc_context(STYLE):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, variable)
    # White fills are the paper; matplotlib's white is nowhere else.
    text = text.replace("#ffffff", "var(--paper)")
    return text.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)


def _set_fonts(figure: Figure) -> None:
    """Give our fonts to the texts that were added outside of ``mpl.rc_context(STYLE)``."""
    for text in figure.findobj(Text):
        text.set_fontfamily(STYLE["font.family"])


def short(name: str) -> str:
    """Shorten a name so that it fits into a figure.

    Parameters
    ----------
    name : str
        Any text.

    Returns
    -------
    str
        At most 24 characters; a dollar sign does not start mathematics.
    """
    name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    return name.replace("$", r"\$")
