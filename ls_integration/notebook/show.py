"""What a notebook shows: tables, pictures and the report, each by itself."""

import base64
import html
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from ls_integration.files import write_text
from ls_integration.results.figures.drawing import PNG_DPI, STYLE, Drawing

REPORT_HEIGHT_PX = 720


class Table(pd.DataFrame):
    """A DataFrame that a notebook shows with three decimals and without row numbers."""

    @property
    def _constructor(self) -> type["Table"]:
        # What is cut out of such a table is one.
        return Table

    def _repr_html_(self) -> str:
        most = pd.get_option("display.max_rows")
        index = self.index
        numbered = pd.api.types.is_integer_dtype(index.dtype) and index.name is None
        # None and NA would be printed as words where na_rep is for NaN alone.
        cells = pd.DataFrame(self).astype(object)
        return cells.where(cells.notna(), "").to_html(
            index=not numbered,
            float_format="{:.3f}".format,
            max_rows=most,
            show_dimensions=len(self) > most,
            border=0,
            notebook=True,
        )


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes
    ----------
    name : str
        As its files are called beside the report.
    figure : Figure
        Matplotlib's.
    numbers : DataFrame
        What is drawn: a row for each mark.
    caption : str
        What is seen, n, the kind of interval, the positive class.
    alternative : str
        What a screen reader says.
    """

    name: str
    figure: Figure
    numbers: pd.DataFrame
    caption: str
    alternative: str

    def __repr__(self) -> str:
        return f"<Picture '{self.name}': {self.caption}>"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width_in, height_in = self.figure.get_size_inches()
        # Drawn at twice the resolution of a screen, shown at its size.
        size = {"width": round(width_in * PNG_DPI / 2), "height": round(height_in * PNG_DPI / 2)}
        return _to_png(self.figure), size

    def _repr_html_(self) -> str:
        width_px = round(self.figure.get_size_inches()[0] * PNG_DPI / 2)
        source = base64.b64encode(_to_png(self.figure)).decode("ascii")
        text = self.alternative or self.caption
        return (
            f'<figure style="margin:1em 0;max-width:{width_px}px">'
            f'<img src="data:image/png;base64,{source}" alt="{html.escape(text)}" '
            'style="width:100%;height:auto;background:white">'
            f'<figcaption style="font-size:0.9em">{html.escape(self.caption)}</figcaption></figure>'
        )


class Pictures(Mapping[str, Picture]):
    """The figures of a report by name; a notebook shows all of them.

    Parameters
    ----------
    drawings : iterable of Drawing
        Of the report.
    """

    def __init__(self, drawings: tuple[Drawing, ...]) -> None:
        self._pictures = {
            drawing.name: Picture(
                drawing.name, drawing.figure, drawing.numbers, drawing.caption, drawing.alternative
            )
            for drawing in drawings
        }

    def __getitem__(self, name: str) -> Picture:
        if name not in self._pictures:
            msg = f"there is no figure '{name}'; there are: {', '.join(self._pictures) or 'none'}"
            raise KeyError(msg)
        return self._pictures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pictures)

    def __len__(self) -> int:
        return len(self._pictures)

    def __repr__(self) -> str:
        return f"<Pictures: {', '.join(self._pictures) or 'none'}>"

    def _repr_html_(self) -> str:
        return "\n".join(picture._repr_html_() for picture in self._pictures.values())

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._pictures)


@dataclass(frozen=True)
class ReportPage:
    """The report as one page: shown in the notebook, saved as a file.

    Attributes
    ----------
    html : str
        The page; it needs no other file and no network.
    """

    html: str

    def save(self, path: str | Path) -> Path:
        """Write the page.

        Parameters
        ----------
        path : str or Path
            The file, for example ``report.html``.

        Returns
        -------
        Path
            Where it is.
        """
        target = Path(path)
        write_text(target, self.html)
        return target

    def __repr__(self) -> str:
        return (
            f"<ReportPage: {len(self.html) / 1000:.0f} kB of HTML; .save('report.html') writes it>"
        )

    def _repr_html_(self) -> str:
        # The page has no scripts; sandboxed, it could not run any either.
        return (
            f'<iframe title="Report" sandbox srcdoc="{html.escape(self.html)}" '
            f'style="width:100%;height:{REPORT_HEIGHT_PX}px;border:1px solid #8888"></iframe>'
        )


def _to_png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(
            stream, format="png", dpi=PNG_DPI, facecolor="white", metadata={"Software": None}
        )
    return stream.getvalue()
