"""`apply-ratings`: corrected ratings become the manifest of the next study."""

import csv
import io
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path

import numpy as np
import pandas as pd

from ls_integration.errors import ConfigError, ResultsError, SourceError, some_of
from ls_integration.files import write_text
from ls_integration.kinds.sources_csv import inside
from ls_integration.kinds.sted_source import SourceTable, read_all_images, read_source
from ls_integration.results.ratings import new_ratings
from ls_integration.results.tables import read_folder

_ALWAYS = ("rating", "structure", "group")
_WHERE_GIVEN = ("model_score", "model_label", "item_id")


@dataclass(frozen=True)
class Applied:
    """What a new manifest holds.

    Attributes
    ----------
    output : Path
        The manifest.
    n_images : int
        Its lines.
    n_rated : int
        Those with a new rating, changed or not.
    n_changed : int
        Those whose rating is another one now.
    n_added : int
        Those that the source's own list leaves out.
    """

    output: Path
    n_images: int
    n_rated: int
    n_changed: int
    n_added: int


def apply_ratings(
    results: Path,
    source: Path,
    output: Path,
    *,
    ratings: Path | None = None,
    annotator: str | None = None,
    force: bool = False,
) -> Applied:
    """Write a manifest of a source with the ratings that people gave.

    Parameters
    ----------
    results : Path
        Folder that `export` wrote of a study of ratings.
    source : Path
        Folder or manifest whose images they are.
    output : Path
        The new manifest, in a folder that holds all the images.
    ratings : Path, optional
        CSV file ``path,rating`` of a folder of images without ratings.
    annotator : str, optional
        Whose ratings, as on files; the mean of everybody's first round by default.
    force : bool
        Replace a file that is there; never one of the source's own.

    Returns
    -------
    Applied
        Counts. Images without a new rating keep their old one; rated ones that
        the source's list leaves out come last.

    Raises
    ------
    SourceError
        If there are no ratings, or one is of an image that the source lacks.
    ConfigError
        If nobody is called so, or the manifest cannot name the images from there.
    ResultsError
        If a file is in the way.
    """
    _refuse_file_in_the_way(output, source, ratings, force=force)
    new = _new_ratings(results, annotator)
    rows, n_added = _rows_of(source, ratings, new)
    given = rows["source_path"].map(new).to_numpy(dtype=np.float64)
    old = rows["rating"].to_numpy(dtype=np.float64)
    is_rated = ~np.isnan(given)
    table = rows.assign(rating=np.where(is_rated, given, old))
    write_text(output, _manifest(table, output.resolve().parent, output))
    return Applied(
        output=output,
        n_images=len(table),
        n_rated=int(is_rated.sum()),
        n_changed=int((is_rated & (given != old)).sum()),
        n_added=n_added,
    )


def _refuse_file_in_the_way(
    output: Path, source: Path, ratings: Path | None, *, force: bool
) -> None:
    folder = source if source.is_dir() else source.parent
    own = [source, ratings, *(folder / name for name in ("test_paths.csv", "test_scores.csv"))]
    if source.is_dir():
        own.append(folder / "manifest.csv")
    files = [path for path in own if path is not None and path.is_file()]
    if output.exists() and any(output.samefile(path) for path in files):
        msg = f"{output} belongs to the source and is never overwritten; give another --output"
        raise ResultsError(msg)
    if output.is_dir() or output.suffix.lower() != ".csv":
        msg = f"{output} is no name of a manifest; give a file that ends in .csv"
        raise ConfigError(msg)
    if output.exists() and not force:
        msg = f"{output} is there already; give another --output, or replace it with --force"
        raise ResultsError(msg)


def _new_ratings(results: Path, annotator: str | None) -> dict[str, float]:
    """Read the new ratings, by source path."""
    annotations, items = read_folder(results)
    if items is None or not {"source_path", "rating"} <= set(items.columns):
        msg = f"{results} has no items.csv with source_path and rating; give a folder of `export`"
        raise SourceError(msg)
    if annotations["rating"].isna().all():
        msg = f"{results} holds no ratings; give the results of a sted-rating study"
        raise SourceError(msg)
    named = new_ratings(items, annotations)
    if annotator is None:
        # Hundredths: a mean such as 0.7249999999999999 is noise.
        firsts = annotations.loc[annotations["round"] == 1]
        values = new_ratings(items, firsts).mean(axis=1).round(6)
    elif annotator in named:
        values = named[annotator]
    else:
        msg = f"nobody called '{annotator}' rated in {results}; there are: {some_of(list(named))}"
        raise ConfigError(msg)
    both = zip(items["source_path"], values, strict=True)
    return {str(path): float(value) for path, value in both if not np.isnan(value)}


def _rows_of(source: Path, ratings: Path | None, new: dict[str, float]) -> tuple[pd.DataFrame, int]:
    """Give the source's rows, then the rated ones that its own list leaves out."""
    table = read_source(source, ratings=ratings)
    rows = _faultless(table)
    absent = set(new) - set(rows["source_path"])
    n_added = 0
    if absent:
        others = _faultless(read_all_images(source, ratings=ratings))
        others = others.loc[others["source_path"].isin(absent)]
        absent -= set(others["source_path"])
        n_added = len(others)
        rows = pd.concat([rows, others], ignore_index=True)
    if absent:
        msg = (
            f"{len(absent)} rated images are not in {source}: {some_of(sorted(absent))}; give the "
            "source of that study"
        )
        raise SourceError(msg)
    return rows, n_added


def _faultless(table: SourceTable) -> pd.DataFrame:
    if table.problems:
        messages = [problem.message for problem in table.problems]
        msg = f"{messages[0]} ({len(messages)} faulty images in {table.name})"
        raise SourceError(msg)
    return table.rows


def _manifest(rows: pd.DataFrame, folder: Path, output: Path) -> str:
    columns = [*_ALWAYS, *(name for name in _WHERE_GIVEN if rows[name].notna().any())]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", *columns])
    for row in rows.to_dict("records"):
        written = _path_from(folder, str(row["source_path"]), Path(row["file"]), output)
        writer.writerow([written, *(_cell(row[name]) for name in columns)])
    return text.getvalue()


def _path_from(folder: Path, source_path: str, file: Path, output: Path) -> str:
    """Name an image from the manifest's folder; as the source does, where that is right."""
    if inside(folder, source_path) == file:
        # Studies are joined by it.
        return source_path
    written = Path(relpath(file, folder)).as_posix()
    if inside(folder, written) != file:
        msg = (
            f"a manifest names images below its own folder, and {file} is not below {folder}; "
            f"write {output.name} into a folder that holds all the images"
        )
        raise ConfigError(msg)
    return written


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else repr(value)
    return "" if value is None else str(value)
