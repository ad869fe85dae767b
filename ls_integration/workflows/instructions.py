"""What a study adds to its kind's instructions: the scientist's text, examples."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from markdown_it import MarkdownIt

from ls_integration.errors import SourceError
from ls_integration.study import Study
from ls_integration.workflows.examples import Example, publish_examples, write_examples


def read_text(path: Path) -> str:
    """Turn a Markdown file into HTML for Label Studio's dialog.

    Parameters
    ----------
    path : Path
        UTF-8 Markdown; HTML in it is shown as text.

    Returns
    -------
    str
        HTML.

    Raises
    ------
    SourceError
        If the file cannot be read or is empty.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the instructions {path} ({error}); give a Markdown file in UTF-8"
        raise SourceError(msg) from None
    if not text.strip():
        msg = f"the instructions {path} are empty; write them, or leave --instructions out"
        raise SourceError(msg)
    # HTML is off: Label Studio stores scripts as they are.
    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def add_instructions(
    study: Study,
    items: pd.DataFrame,
    media: Path,
    *,
    text: str | None,
    examples: Sequence[Example] | None,
    show: Callable[[list[str]], Callable[[str], str]],
) -> Study:
    """Give a study the scientist's text and examples.

    Parameters
    ----------
    study : Study
        The study, its pictures on disk.
    items : DataFrame
        Its items.
    media : Path
        The media folder.
    text : str or None
        HTML from `read_text`.
    examples : sequence of Example or None
        From `find_examples`.
    show : callable
        Sees to it that the server shows pictures, given by their paths below the
        media folder, and gives the function from path to address.

    Returns
    -------
    Study
        With ``instructions_html``; as it was where neither is given.

    Raises
    ------
    SourceError
        If an example is also an item, or cannot be read.
    """
    if text is None and examples is None:
        return study
    html = f"<hr>{text}" if text else ""
    if examples:
        pictures = media / study.pictures_folder
        names = publish_examples(examples, pictures, [media / image for image in items["image"]])
        url_of = show([f"{study.pictures_folder}/{name}" for name in names])
        html += write_examples(
            examples, names, lambda name: url_of(f"{study.pictures_folder}/{name}")
        )
    return study.model_copy(update={"instructions_html": html})
