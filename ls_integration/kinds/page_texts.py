"""Texts that the label pages of every kind are made of."""

from collections import Counter
from collections.abc import Iterable, Sequence

NOTHING = " "
"""For a field of the task's data that is empty: a missing one would print as "undefined"."""


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


def html_of(paragraphs: Iterable[str]) -> str:
    """Write instructions as Label Studio's HTML.

    Parameters
    ----------
    paragraphs : iterable of str
        Each with HTML of its own.

    Returns
    -------
    str
        With an empty line between them: Label Studio's page takes the margins
        of paragraphs away.
    """
    return "<br>".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
