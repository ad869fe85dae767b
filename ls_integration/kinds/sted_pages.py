"""What the label pages of both STED studies have in common."""

from collections.abc import Sequence

import pandas as pd

from ls_integration.kinds.kind import IMAGE_WIDTH
from ls_integration.kinds.sted_quality import structure_tells_label
from ls_integration.label_config import LabelConfig, parse, with_image_width
from ls_integration.resources import label_config_xml
from ls_integration.study import Study

IMAGE_WIDTH_PX = 672
"""Widest picture that a screen of 1366x768 shows without scrolling, and three
times the 224 pixels of the STED images."""


def read_sted_config(name: str, study: Study, view: str = "") -> LabelConfig:  # noqa: ARG001
    """Give the label page of a study.

    Parameters
    ----------
    name : str
        Of the kind's label config.
    study : Study
        Knows how wide its pictures are shown.
    view : str
        There is one only.

    Returns
    -------
    LabelConfig
        As the package has it, where no width is known yet.
    """
    xml = label_config_xml(name)
    width_px = study.options.get(IMAGE_WIDTH)
    return parse(with_image_width(xml, int(width_px)) if width_px else xml)


def hide_structure(items: pd.DataFrame) -> pd.DataFrame:
    """Take the structure out of the parts of a blind study in which it would tell the answer.

    Parameters
    ----------
    items : DataFrame
        With ``part, structure, label``.

    Returns
    -------
    DataFrame
        The same object where nothing needs to be hidden, see `hidden_parts`.
    """
    hidden = hidden_parts(items)
    if not hidden:
        return items
    return items.assign(structure=items["structure"].mask(items["part"].isin(hidden), None))


def hidden_parts(items: pd.DataFrame) -> list[int]:
    """Find the parts whose structure reviewers of a blind study must not see.

    Parameters
    ----------
    items : DataFrame
        With ``part, structure, label``.

    Returns
    -------
    list of int
        A part that is in it stays so, and one that is not stays out, when more
        are added: what was sent cannot be taken back.
    """
    return [
        part
        for part in sorted(set(items["part"]))
        if structure_tells_label(items.loc[items["part"] == part])
        or structure_tells_label(items.loc[items["part"] <= part])
    ]


def image_width_px(widths_px: Sequence[int]) -> int:
    """Choose how wide pictures are shown: a whole multiple of their pixels.

    Parameters
    ----------
    widths_px : sequence of int
        Longer side of each picture of the study, in pixels.

    Returns
    -------
    int
        The largest whole multiple of the largest picture that is not above
        `IMAGE_WIDTH_PX`, or `IMAGE_WIDTH_PX` itself for a larger picture.
    """
    largest = max(widths_px)
    return IMAGE_WIDTH_PX if largest > IMAGE_WIDTH_PX else IMAGE_WIDTH_PX // largest * largest


def skip_key(*, is_shared: bool) -> str:
    """Write which key skips, and what becomes of the image.

    Parameters
    ----------
    is_shared : bool
        One project for all people.

    Returns
    -------
    str
        HTML, a line of the instructions.
    """
    skips = "the image is left to others" if is_shared else "you are asked again at the end"
    return f"<b>Ctrl+Space</b> (on a Mac: <b>Option+Enter</b>) skips: {skips}"
