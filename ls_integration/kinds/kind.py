"""What a kind of study is: the question that it asks, and how an answer reads.

A new kind is a module that makes one `Kind`, its label config, and a line in
`registry`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ls_integration.answers import Reader, Writer
from ls_integration.label_config import LabelConfig
from ls_integration.study import Study


@dataclass(frozen=True)
class TabFilter:
    """One condition on the tasks of a tab.

    Attributes
    ----------
    column : str
        Of the Data Manager, for example ``data.outcome``, ``total_annotations``.
    value : str or int
        What it is compared with.
    operator : str
        As Label Studio names it.
    type : str
        Of the column, as Label Studio names it.
    """

    column: str
    value: str | int
    operator: str = "equal"
    type: str = "String"


@dataclass(frozen=True)
class Tab:
    """A list of a project's tasks for the Data Manager.

    Attributes
    ----------
    title : str
        As the tab shows it; no two of a project alike.
    filters : tuple of TabFilter
        All hold for each task; none: every task.
    order_by : str
        A column; empty for the order of the study.
    is_descending : bool
        The largest first.
    hidden : tuple of str
        Columns that are not shown at first.
    numbers : tuple of str
        Columns of the data that are sorted as numbers.
    """

    title: str
    filters: tuple[TabFilter, ...] = ()
    order_by: str = ""
    is_descending: bool = False
    hidden: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """All that a project of a study shows.

    Attributes
    ----------
    config : LabelConfig
        The label page.
    tasks : list of dict
        ``data`` and perhaps ``predictions``, in the study's order.
    instructions : str
        The default instructions, as Label Studio's HTML.
    notes : tuple of str
        Lines for the scientist: what people will see, and what was hidden.
    model_version : str or None
        The predictions from which the pages start; None: they start empty.
    tabs : tuple of Tab
        Of the Data Manager, from left to right; none: Label Studio's own.
    """

    config: LabelConfig
    tasks: list[dict[str, Any]]
    instructions: str
    notes: tuple[str, ...]
    model_version: str | None
    tabs: tuple[Tab, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A question that is asked about images.

    Attributes
    ----------
    name : str
        As in ``study.json`` and on the command line.
    positive : str
        The label that counts as positive; empty where people give ratings.
    labels : tuple of str
        All that an answer can be; none where people give ratings.
    read_config : callable
        A study and a view (empty for the usual one) -> the label page.
    make_page : callable
        A study, its items and predictions, a function that gives a picture's
        address, and a view -> the page. Pure.
    read_answer : callable
        A study's label page -> the reader of its answers.
    fit_width_px : callable or None
        The longer sides of the study's pictures, in pixels -> how wide the
        page shows them; None where the page does not depend on it.
    example_labels : tuple of str
        Answers at the end of the names of example pictures; none: ratings.
    write_answer : callable or None
        A study's label page -> the writer of answers that were given
        elsewhere; None where none can be brought in.
    """

    name: str
    positive: str
    labels: tuple[str, ...]
    read_config: Callable[[Study, str], LabelConfig]
    make_page: Callable[[Study, pd.DataFrame, pd.DataFrame, Callable[[str], str], str], Page]
    read_answer: Callable[[LabelConfig], Reader]
    fit_width_px: Callable[[list[int]], int] | None = None
    example_labels: tuple[str, ...] = ()
    write_answer: Callable[[LabelConfig], Writer] | None = None


IMAGE_WIDTH = "image_width_px"
"""Where a study keeps how wide its pages show a picture, among its options."""
