"""What every reader of a source gives back."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ls_integration.kinds.sources_csv import parse_number

Origin = Literal["anomagui", "manifest", "folder"]
"""Which reader read a source."""

SOURCE_COLUMNS = (
    "source_path",
    "file",
    "rating",
    "structure",
    "group",
    "model_score",
    "model_label",
    "item_id",
)
"""Columns of `SourceTable.rows`, in order."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one image of a source.

    Attributes
    ----------
    row : int or None
        Its row in `SourceTable.rows`, counted from 0; None if it has no row.
    source_path : str
        As the source wrote it.
    message : str
        One line that names the file, the value and the remedy.
    """

    row: int | None
    source_path: str
    message: str


@dataclass(frozen=True)
class SourceTable:
    """The images of a source, in the source's order, the faulty ones included.

    Attributes
    ----------
    name : str
        What the source is called: the name of its folder or manifest.
    rows : DataFrame
        Columns `SOURCE_COLUMNS`: ``source_path`` (as the source wrote it) and
        ``file`` (absolute path) str; ``rating`` and ``model_score`` float64,
        NaN where there is none; the others str or None. Index 0, 1, ...
    selects_itself : bool
        Whether the source is a selection that someone made: nothing is left
        out of it.
    origin : {"anomagui", "manifest", "folder"}
        Which reader read it.
    problems : tuple of Problem
        What is wrong with single images.
    notes : tuple of str
        Lines for the user about what was ignored or is not there.
    """

    name: str
    rows: pd.DataFrame
    selects_itself: bool
    origin: Origin
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    def without_problems(self) -> pd.DataFrame:
        """Give the rows of which nothing is wrong.

        Returns
        -------
        DataFrame
            As `rows`, with an index 0, 1, ... of its own.
        """
        bad = {problem.row for problem in self.problems if problem.row is not None}
        return self.rows.drop(index=sorted(bad)).reset_index(drop=True)


@dataclass
class Collector:
    """Rows and problems while a source is read."""

    records: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seen_paths: dict[str, str] = field(default_factory=dict)
    seen_ids: dict[str, str] = field(default_factory=dict)

    def add(self, where: str, source_path: str, file: Path, cells: dict[str, str]) -> None:
        """Take one image, and note what is wrong with it.

        Parameters
        ----------
        where : str
            File and line that name the image, for messages.
        source_path : str
            As the source wrote it.
        file : Path
            Where the image lies.
        cells : dict of str to str
            Texts of the other columns; an empty text is a missing value.
        """
        faults: list[str] = []
        readable = source_path.encode(errors="backslashreplace").decode()
        if readable != source_path:
            faults.append(f"the name of the file {readable} is not UTF-8; rename it")
            source_path = readable
        rating = parse_number(cells.get("rating", ""), where, "rating", faults)
        if rating is not None and not 0.0 <= rating <= 1.0:
            faults.append(
                f"{where}: the rating {cells['rating'].strip()} of {source_path} is not between "
                "0 and 1; correct it"
            )
            rating = None
        score = parse_number(cells.get("model_score", ""), where, "model score", faults)
        label = cells.get("model_label", "").strip().lower() or None
        if label not in {None, "normal", "anomaly"}:
            faults.append(
                f"{where}: the model_label '{label}' is neither normal nor anomaly; correct it"
            )
            label = None
        item_id = cells.get("item_id", "").strip() or None
        faults += self._twice(where, source_path, str(file), item_id)
        record = {
            "source_path": source_path,
            "file": str(file),
            "rating": rating,
            "structure": cells.get("structure", "").strip() or None,
            "group": cells.get("group", "").strip() or None,
            "model_score": score,
            "model_label": label,
            "item_id": item_id,
        }
        row = len(self.records)
        self.records.append(record)
        self.problems += [Problem(row, source_path, fault) for fault in faults]

    def refuse(self, source_path: str, message: str, *, last_row: bool = False) -> None:
        """Note a fault, of the row added last or of an image that has none.

        Parameters
        ----------
        source_path : str
            As the source wrote it.
        message : str
            One line that names the file, the value and the remedy.
        last_row : bool
            Whether the fault is that of the row added last.
        """
        row = len(self.records) - 1 if last_row else None
        self.problems.append(Problem(row, source_path, message))

    def table(self, name: str, origin: Origin, *, selects_itself: bool) -> SourceTable:
        """Close the collection.

        Parameters
        ----------
        name : str
            What the source is called.
        origin : {"anomagui", "manifest", "folder"}
            Which reader read it.
        selects_itself : bool
            Whether someone selected these images.

        Returns
        -------
        SourceTable
            Frozen.
        """
        columns = {}
        for column in SOURCE_COLUMNS:
            dtype = "float64" if column in {"rating", "model_score"} else "object"
            columns[column] = pd.Series([record[column] for record in self.records], dtype=dtype)
        rows = pd.DataFrame(columns)
        return SourceTable(
            name, rows, selects_itself, origin, tuple(self.problems), tuple(self.notes)
        )

    def _twice(self, where: str, source_path: str, file: str, item_id: str | None) -> list[str]:
        faults = []
        first = self.seen_paths.setdefault(file, where)
        if first != where:
            faults.append(f"{where}: {source_path} is listed before, at {first}; remove one")
        if item_id is not None:
            first = self.seen_ids.setdefault(item_id, where)
            if first != where:
                faults.append(
                    f"{where}: the item_id {item_id} is used before, at {first}; make it unique"
                )
        return faults
