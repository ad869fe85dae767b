"""What the label pages of both STED studies have in common."""

from collections import Counter
from collections.abc import Sequence

IMAGE_WIDTH_PX = 672
"""Widest picture that a screen of 1366x768 shows without scrolling, and three
times the 224 pixels of the STED images."""


def progress_texts(parts: Sequence[int], noun: str = "Image") -> list[str]:
    """Write where each item stands, in words that stay true when more are added.

    Parameters
    ----------
    parts : sequence of int
        The part of each item, in the study's order.
    noun : str
        What the items are called.

    Returns
    -------
    list of str
        ``Image 3 of 549``, for items that were added ``Image 1 of 51 (part 2)``.
    """
    sizes, seen, texts = Counter(parts), Counter[int](), []
    for part in parts:
        seen[part] += 1
        text = f"{noun} {seen[part]} of {sizes[part]}"
        texts.append(text if part == 1 else f"{text} (part {part})")
    return texts


def place_texts(parts: Sequence[int], *, is_shared: bool) -> list[str]:
    """Write what stands above each picture: how far one is, where that can be known.

    Parameters
    ----------
    parts : sequence of int
        The part of each item, in the study's order.
    is_shared : bool
        The pages come in no order, so they tell no progress.

    Returns
    -------
    list of str
        ``Image no. 3`` in a shared study, else as `progress_texts`.
    """
    if is_shared:
        return [f"Image no. {number}" for number in range(1, len(parts) + 1)]
    return progress_texts(parts)


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
