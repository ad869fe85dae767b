"""Example pictures for the instructions of a study: found, checked, published."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from ls_integration.errors import SourceError, some_of
from ls_integration.files import whole_file
from ls_integration.images.source_files import DAMAGED, without_warnings
from ls_integration.study import Study

_EXAMPLE_WIDTH_PX = 168
"""Three examples stand side by side in Label Studio's dialog."""

_EXAMPLES_IN_A_ROW = 3
# Others have decoders that nobody looked at here; one of them (EPS) runs programs.
_FORMATS = ("PNG", "JPEG", "WEBP")

_EXAMPLE_PREFIX, _EXAMPLE_HEX_DIGITS = "example-", 16
"""Example pictures are named after the first digits of `hash_pixels`."""

_RATED_NAME = re.compile(r"_(?P<rating>[01](?:\.\d+)?)$")


@dataclass(frozen=True)
class Example:
    """One picture for the instructions, with its answer.

    Attributes
    ----------
    path : Path
        The PNG file.
    answer : str
        A rating as the file's name writes it, from 0 to 1, or a label.
    structure : str
        Name of the folder that it lies in; empty for those on top.
    """

    path: Path
    answer: str
    structure: str


def find_examples(folder: Path, labels: Sequence[str] = ()) -> list[Example]:
    """List the examples of a folder.

    Parameters
    ----------
    folder : Path
        PNG files whose names end in ``_<answer>.png``, perhaps in one folder
        for each structure.
    labels : sequence of str
        What an answer can be, with hyphens for its spaces in a name; none: a
        rating from 0 to 1.

    Returns
    -------
    list of Example
        By structure, then the best rating first, or in the order of *labels*.

    Raises
    ------
    SourceError
        If the folder is missing or holds none, or names the first files whose
        names tell no answer.
    """
    wanted = " or ".join(_name_of(label) for label in labels) or "a rating from 0 to 1"
    if not folder.is_dir():
        msg = f"the folder of examples {folder} does not exist; correct --examples"
        raise SourceError(msg)
    paths = sorted([*folder.glob("*.png"), *folder.glob("*/*.png")])
    if not paths:
        msg = f"no PNG file in {folder}; give examples named <name>_<answer>.png"
        raise SourceError(msg)
    examples, nameless = [], []
    for path in paths:
        answer = _label_in(path.stem, labels) if labels else _rating_in(path.stem)
        if answer is None:
            nameless.append(path.name)
            continue
        structure = "" if path.parent == folder else path.parent.name
        examples.append(Example(path, answer, structure))
    if nameless:
        msg = (
            f"examples without {wanted} at the end of their names: {some_of(nameless)}; rename "
            "them to <name>_<answer>.png"
        )
        raise SourceError(msg)

    def place(example: Example) -> tuple[str, float]:
        rank = labels.index(example.answer) if labels else -float(example.answer)
        return example.structure, rank

    return sorted(examples, key=place)


def _rating_in(stem: str) -> str | None:
    match = _RATED_NAME.search(stem)
    return match["rating"] if match is not None and float(match["rating"]) <= 1.0 else None


def _label_in(stem: str, labels: Sequence[str]) -> str | None:
    return next((label for label in labels if stem.endswith(f"_{_name_of(label)}")), None)


def _name_of(label: str) -> str:
    """Write a label as it stands in a file's name."""
    return label.replace(" ", "-")


def publish_examples(
    examples: Sequence[Example], pictures: Path, items: Sequence[Path]
) -> list[str]:
    """Copy the examples beside the study's pictures, under names that tell nothing.

    Parameters
    ----------
    examples : sequence of Example
        From `find_examples`.
    pictures : Path
        The study's folder of pictures.
    items : sequence of Path
        The pictures of the study's items.

    Returns
    -------
    list of str
        File names in *pictures*, in the order of the examples.

    Raises
    ------
    SourceError
        If an example cannot be read, or shows the same pixels as an item: its
        rating would be the answer.
    """
    hashes = [hash_pixels(example.path) for example in examples]
    of_items = {hash_pixels(path) for path in items}
    told = [
        example.path.name
        for example, pixels in zip(examples, hashes, strict=True)
        if pixels in of_items
    ]
    if told:
        msg = (
            f"examples that are also items of the study: {some_of(told)}; "
            "their ratings would be the answers, take others"
        )
        raise SourceError(msg)
    names = [f"{_EXAMPLE_PREFIX}{pixels[:_EXAMPLE_HEX_DIGITS]}.png" for pixels in hashes]
    for example, name in zip(examples, names, strict=True):
        with (
            whole_file(pictures / name) as temporary,
            Image.open(example.path, formats=_FORMATS) as picture,
        ):
            # Pixels only: metadata may tell where the picture is from.
            picture.convert("RGB").save(temporary, format="PNG")
    return names


def write_examples(
    examples: Sequence[Example], names: Sequence[str], url_of: Callable[[str], str]
) -> str:
    """Write the examples as HTML, grouped by structure.

    Parameters
    ----------
    examples : sequence of Example
        In the order in which they shall stand.
    names : sequence of str
        From `publish_examples`.
    url_of : callable
        File name -> address on the server.

    Returns
    -------
    str
        HTML of headings and tables, which Label Studio keeps.
    """
    parts = ["<h3>Examples</h3>"]
    structures = list(dict.fromkeys(example.structure for example in examples))
    for structure in structures:
        if structure:
            parts.append(f"<h4>{escape(structure)}</h4>")
        cells = [
            f'<td><img src="{escape(url_of(name))}" width="{_EXAMPLE_WIDTH_PX}"/>'
            f"<br>{escape(example.answer)}</td>"
            for example, name in zip(examples, names, strict=True)
            if example.structure == structure
        ]
        rows = [
            "".join(cells[start : start + _EXAMPLES_IN_A_ROW])
            for start in range(0, len(cells), _EXAMPLES_IN_A_ROW)
        ]
        parts.append("<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>")
    return "".join(parts)


def is_example(pixels: str, study: Study) -> bool:
    """Tell whether a picture stands in a study's instructions, with its rating.

    Parameters
    ----------
    pixels : str
        From `hash_pixels`.
    study : Study
        The study.

    Returns
    -------
    bool
        True if it does.
    """
    name = f"{_EXAMPLE_PREFIX}{pixels[:_EXAMPLE_HEX_DIGITS]}.png"
    return name in study.instructions_html


def hash_pixels(path: Path) -> str:
    """Name what a picture shows, whatever its format.

    Parameters
    ----------
    path : Path
        Any picture that Pillow reads without loss.

    Returns
    -------
    str
        SHA-256 of its RGB pixels and their shape, in hex digits.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    try:
        # Of odd palettes; the picture is shown all the same.
        with without_warnings(), Image.open(path, formats=_FORMATS) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (*DAMAGED, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split())
        msg = f"cannot read the picture {path} ({reason}); replace it, or leave it out"
        raise SourceError(msg) from None
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
