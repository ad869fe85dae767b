"""``report.html``: one self-contained page that says in words who was how right."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ls_integration import __version__
from ls_integration.files import write_text
from ls_integration.kinds import sted_rating
from ls_integration.progress import Reporter, silent
from ls_integration.results.figures.drawing import Drawing, to_svg, write_png
from ls_integration.results.headline import FILTERS
from ls_integration.results.pictures import PictureOf
from ls_integration.results.report.labels import describe_labels
from ls_integration.results.report.ratings import describe_ratings
from ls_integration.results.report.section import Section
from ls_integration.results.tables import write_csv

PLOTS = "plots"
"""Name of the folder of figures."""

_DESCRIBE = {sted_rating.KIND: describe_ratings}
"""What the pages of kinds say whose answers are not labels."""

_PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn", "statsmodels", "matplotlib")


@dataclass(frozen=True)
class Report:
    """A report that is not on the disk yet.

    Attributes
    ----------
    html : str
        The page.
    drawings : tuple of Drawing
        Its figures, in their order; some are not on the page.
    """

    html: str
    drawings: tuple[Drawing, ...]


def write_report(
    folder: Path,
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    metrics: Mapping[str, Any],
    *,
    about: Mapping[str, Any] | None = None,
    picture_of: PictureOf | None = None,
    made_at: datetime | None = None,
    report: Reporter = silent,
) -> list[Path]:
    """Write the report and its figures.

    Parameters
    ----------
    folder : Path
        Where ``report.html`` and ``plots/`` go.
    items : DataFrame
        A checked items table.
    annotations : DataFrame
        A checked annotations table.
    metrics : mapping
        What the kind's numbers are, as ``metrics.json`` holds them.
    about : mapping, optional
        What the results folder says of its study.
    picture_of : callable, optional
        Gives the picture of a row of the items.
    made_at : datetime, optional
        The time that the report states; now by default.
    report : Reporter
        Told of each figure.

    Returns
    -------
    list of Path
        The report, then each figure as PNG and its numbers as CSV.
    """
    made = make_report(
        items, annotations, metrics, about=about, picture_of=picture_of, made_at=made_at
    )
    written: list[Path] = []
    for done, drawing in enumerate(made.drawings):
        report("Drawing figures", done, len(made.drawings))
        written.append(write_png(folder / PLOTS / f"{drawing.name}.png", drawing.figure))
        written.append(folder / PLOTS / f"{drawing.name}.csv")
        write_csv(written[-1], drawing.numbers)
    report("Drawing figures", len(made.drawings), len(made.drawings))
    path = folder / "report.html"
    write_text(path, made.html)
    return [path, *written]


def make_report(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    metrics: Mapping[str, Any],
    *,
    about: Mapping[str, Any] | None = None,
    picture_of: PictureOf | None = None,
    made_at: datetime | None = None,
) -> Report:
    """Make the report, write nothing.

    Parameters
    ----------
    items : DataFrame
        A checked items table.
    annotations : DataFrame
        A checked annotations table.
    metrics : mapping
        What the kind's numbers are, as ``metrics.json`` holds them.
    about : mapping, optional
        What the results folder says of its study.
    picture_of : callable, optional
        Gives the picture of a row of the items.
    made_at : datetime, optional
        The time that the report states; now by default.

    Returns
    -------
    Report
        Page and figures.
    """
    describe = _DESCRIBE.get(metrics["kind"], describe_labels)
    page = describe(items, annotations, metrics, about or {}, picture_of)
    made_at = made_at or datetime.now(UTC)
    html = (
        _environment()
        .get_template(page.template)
        .render(
            metrics=metrics,
            title=metrics["study"] or "Results",
            headline=page.headline,
            sections=page.sections,
            figure_of=_numbered(page.sections),
            made_at=made_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            versions=list_versions(),
        )
    )
    return Report(html, tuple(drawing for section in page.sections for drawing in section.drawings))


def list_versions() -> list[str]:
    """List this package, Python and the libraries behind the numbers.

    Returns
    -------
    list of str
        For example ``numpy 2.2.6``.
    """
    libraries = [f"{name} {metadata.version(name)}" for name in _PACKAGES]
    return [f"ls_integration {__version__}", f"Python {platform.python_version()}", *libraries]


def _numbered(sections: Sequence[Section]) -> Callable[[str], Markup]:
    """Make what turns the name of a figure into its HTML; figures count in their order."""
    numbers = count(1)
    figures = {
        drawing.name: _figure(drawing, next(numbers))
        for section in sections
        for drawing in section.drawings
        if drawing.on_page
    }
    # A template may ask for a figure that there is no data for.
    return lambda name: figures.get(name, Markup())


def _figure(drawing: Drawing, number: int) -> Markup:
    svg = Markup(to_svg(drawing.figure))  # noqa: S704 - our own drawing
    return Markup(
        '<figure class="{}" aria-label="{}">\n{}\n'
        "<figcaption><strong>Figure {}.</strong> {}</figcaption>\n</figure>"
    ).format(drawing.name, drawing.alternative, svg, number, drawing.caption)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ls_integration.results"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment
