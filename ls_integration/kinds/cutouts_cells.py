"""Texts of a table's cells -> truths, whole numbers and scores, with the faulty lines."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ls_integration.errors import some_of

Bools = NDArray[np.bool_]
Lines = NDArray[np.int64]

_TRUTHS = {"0": False, "0.0": False, "false": False, "1": True, "1.0": True, "true": True}
_OTHERS = {"0": "1", "0.0": "1.0", "false": "true", "False": "True", "FALSE": "TRUE"}
_OTHERS |= {other: text for text, other in _OTHERS.items()}

_WHOLE = re.compile(r"([+-]?\d{1,15})(?:\.0*)?")
"""Also 200.0: pandas writes a column that once had a gap in this way."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


def note(faults: list[str], what: str, wrong: Bools, lines: Lines) -> None:
    """Note what is wrong with some rows, if it is wrong with any.

    Parameters
    ----------
    faults : list of str
        Gets the message.
    what : str
        What is wrong.
    wrong : ndarray of bool, shape (n_rows,)
        With which rows.
    lines : ndarray of int64, shape (n_rows,)
        Their lines in the file.
    """
    if wrong.any():
        faults.append(f"{what} in line {some_of(lines[wrong].tolist())}")


def note_cells(
    faults: list[str], what: str, wrong: Bools, lines: Lines, texts: Sequence[str]
) -> None:
    """Note what is wrong with some cells, and show them.

    Parameters
    ----------
    faults : list of str
        Gets the message.
    what : str
        What is wrong.
    wrong : ndarray of bool, shape (n_rows,)
        With which rows.
    lines : ndarray of int64, shape (n_rows,)
        Their lines in the file.
    texts : sequence of str
        The cells.
    """
    if wrong.any():
        named = [f"{lines[row]} ('{texts[row][:20]}')" for row in np.flatnonzero(wrong)]
        faults.append(f"{what} in line {some_of(named)}")


def read_truths(
    texts: Sequence[str], column: str, lines: Lines, faults: list[str], *, may_be_empty: bool
) -> tuple[Bools, Bools]:
    """Read 0/1, 0.0/1.0, true/false.

    Parameters
    ----------
    texts : sequence of str
        The cells.
    column : str
        Its name, for the message.
    lines : ndarray of int64, shape (n_rows,)
        The rows' lines in the file.
    faults : list of str
        Gets a message if a cell is something else.
    may_be_empty : bool
        Whether an empty cell is no fault.

    Returns
    -------
    values, known : ndarray of bool, each of shape (n_rows,)
        True for 1 and true; where *known* is False the cell is empty or wrong.
    """
    # Few different cells: each is read once.
    different = {text: _TRUTHS.get(text.strip().lower()) for text in set(texts)}
    values = np.array([different[text] is True for text in texts], dtype=bool)
    known = np.array([different[text] is not None for text in texts], dtype=bool)
    wrong = ~known
    if may_be_empty:
        wrong &= np.array([bool(text.strip()) for text in texts], dtype=bool)
    note_cells(faults, f"{column} is neither 0/1 nor true/false", wrong, lines, texts)
    return values, known


def read_forms(
    texts: Sequence[str], values: Bools, lines: Lines, faults: list[str]
) -> tuple[str, str]:
    """Find the texts in which a table writes its two labels.

    Parameters
    ----------
    texts : sequence of str
        Cells of ``label``, all of them readable.
    values : ndarray of bool, shape (n_rows,)
        What they mean.
    lines : ndarray of int64, shape (n_rows,)
        The rows' lines in the file.
    faults : list of str
        Gets a message if one label is written in two ways.

    Returns
    -------
    false_text, true_text : str
        As in the file; a label that does not occur is written as its opposite
        asks: 1.0 beside 0.0, False beside True.
    """
    stripped = [text.strip() for text in texts]
    family = _family(stripped[0])
    forms: dict[bool, str] = {}
    for text, value in zip(stripped, values.tolist(), strict=True):
        if value not in forms and _family(text) == family:
            forms[value] = text
        if len(forms) == 2:
            break
    for value, word in ((False, "false"), (True, "true")):
        if value not in forms:
            forms[value] = _OTHERS.get(forms[not value], word)
    wrong = np.array(
        [text != forms[value] for text, value in zip(stripped, values.tolist(), strict=True)],
        dtype=bool,
    )
    what = f"label is neither '{forms[False]}' nor '{forms[True]}' as in the first rows"
    note_cells(faults, what, wrong, lines, texts)
    return forms[False], forms[True]


def read_whole_numbers(
    texts: Sequence[str], column: str, lines: Lines, faults: list[str], *, minimum: int
) -> NDArray[np.int64]:
    """Read whole numbers.

    Parameters
    ----------
    texts : sequence of str
        The cells.
    column : str
        Its name, for the message.
    lines : ndarray of int64, shape (n_rows,)
        The rows' lines in the file.
    faults : list of str
        Gets a message if a cell is no whole number or too small.
    minimum : int
        The smallest number allowed.

    Returns
    -------
    ndarray of int64, shape (n_rows,)
        One below *minimum* where the cell is wrong.
    """
    different = {text: _whole(text, minimum) for text in set(texts)}
    numbers = np.array([different[text] for text in texts], dtype="int64")
    what = f"{column} is not a whole number from {minimum} on"
    note_cells(faults, what, numbers < minimum, lines, texts)
    return numbers


def read_scores(
    texts: Sequence[str], column: str, lines: Lines, faults: list[str]
) -> NDArray[np.float64]:
    """Read scores.

    Parameters
    ----------
    texts : sequence of str
        The cells: decimal numbers with a point.
    column : str
        Its name, for the message.
    lines : ndarray of int64, shape (n_rows,)
        The rows' lines in the file.
    faults : list of str
        Gets a message if a cell is not a finite number.

    Returns
    -------
    ndarray of float64, shape (n_rows,)
        The nearest float64; NaN where the cell is wrong.
    """
    scores = np.array(
        [float(text) if _NUMBER.fullmatch(text.strip()) else np.nan for text in texts],
        dtype="float64",
    )
    wrong = ~np.isfinite(scores)
    note_cells(faults, f"{column} is not a number", wrong, lines, texts)
    return scores


def named_texts(texts: Iterable[str]) -> list[str | None]:
    """Take empty texts for nothing.

    Parameters
    ----------
    texts : iterable of str
        Cells.

    Returns
    -------
    list of str or None
        None where there are only blanks.
    """
    return [text if text.strip() else None for text in texts]


def _whole(text: str, minimum: int) -> int:
    match = _WHOLE.fullmatch(text.strip())
    return max(int(match[1]), minimum - 1) if match else minimum - 1


def _family(text: str) -> str:
    """Tell 0/1, 0.0/1.0 and false/true apart."""
    return {"0": "0", "1": "0", "0.0": "0.0", "1.0": "0.0"}.get(text, "word")
