"""``errors/NAME/FP`` and ``FN``: a picture of each error, titled, in the order of the rating."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.files import whole_file
from ls_integration.progress import Reporter, silent
from ls_integration.results.decisions import Decisions, list_decisions
from ls_integration.results.lined_up import LinedUp
from ls_integration.results.pictures import PictureOf, draw_titled
from ls_integration.results.tables import write_csv

ERRORS = "errors"
"""Stem of the folder of pictures, and of the table that lists them."""

# Little effort: each picture is written once for every person who is wrong on it.
_COMPRESSION = 3


def write_error_pictures(
    folder: Path, study: LinedUp, picture_of: PictureOf, *, report: Reporter = silent
) -> pd.DataFrame:
    """Write the pictures of all false positives and false negatives.

    Parameters
    ----------
    folder : Path
        Where ``errors/`` and ``errors.csv`` go.
    study : LinedUp
        The study.
    picture_of : callable
        Gives the picture of a row of the items.
    report : Reporter
        Told of progress.

    Returns
    -------
    DataFrame
        What ``errors.csv`` has, see `list_errors`; ``file`` is missing where
        the item has no picture.
    """
    errors = list_errors(study)
    rows = errors.groupby("row", sort=True)
    for done, (row, group) in enumerate(rows):
        report("Pictures of errors", done, len(rows))
        picture = picture_of(int(str(row)))
        if picture is None:
            errors.loc[group.index, "file"] = None
            continue
        # Whoever gave the same wrong answer gets the same file.
        for _, same in group.groupby("decision"):
            first = same.iloc[0]
            titled = draw_titled(picture, _title(first))
            target = folder / str(first["file"])
            with whole_file(target) as temporary:
                titled.save(temporary, "PNG", compress_level=_COMPRESSION)
            content = target.read_bytes()
            for name in same["file"].iloc[1:]:
                with whole_file(folder / str(name)) as temporary:
                    temporary.write_bytes(content)
    report("Pictures of errors", len(rows), len(rows))
    write_csv(folder / f"{ERRORS}.csv", errors.drop(columns="row"))
    return errors


def list_errors(study: LinedUp) -> pd.DataFrame:
    """List everybody's errors.

    Parameters
    ----------
    study : LinedUp
        The study.

    Returns
    -------
    DataFrame
        A row for each: ``who``, ``error`` (``FP`` or ``FN``), ``file`` (relative
        to the results; sorts by rating, the same name for everybody), ``item_id``,
        ``source_path``, ``rating``, ``known_label``, ``decision``,
        ``model_score``, and ``row`` of the items.
    """
    items = study.items
    rating = _numbers(items, "rating")
    # Without a rating last, in the order of the study.
    order = np.argsort(rating, kind="stable")
    rank = np.empty(len(items), dtype="int64")
    rank[order] = np.arange(1, len(items) + 1)
    n_digits = len(str(len(items)))
    tables = []
    for decider in list_decisions(study):
        rows = np.flatnonzero(decider.wrong)
        kinds = np.where(study.truth.positive[rows], "FN", "FP")
        files = [
            f"{ERRORS}/{decider.name}/{kind}/{rank[row]:0{n_digits}d}_{_write_rating(rating[row])}.png"
            for row, kind in zip(rows, kinds, strict=True)
        ]
        tables.append(
            pd.DataFrame(
                {
                    "who": decider.name,
                    "error": kinds,
                    "file": pd.Series(files, dtype=object),
                    "item_id": items["item_id"].to_numpy(dtype=object)[rows],
                    "source_path": _texts(items, "source_path")[rows],
                    "rating": rating[rows],
                    "known_label": _texts(items, "label")[rows],
                    "decision": _decided(decider, study, rows),
                    "model_score": _numbers(items, "model_score")[rows],
                    "row": rows,
                }
            )
        )
    columns = ["who", "error", "file", "item_id", "source_path", "rating", "known_label"]
    if not tables:
        return pd.DataFrame(columns=[*columns, "decision", "model_score", "row"])
    errors = pd.concat(tables, ignore_index=True)
    by_rank = pd.Series(rank[errors["row"].to_numpy(dtype="int64")])
    people = pd.Series(pd.factorize(errors["who"])[0])
    order = np.lexsort((by_rank, errors["error"].to_numpy(dtype=str), people))
    in_order: pd.DataFrame = errors.iloc[order].reset_index(drop=True)
    return in_order


def _decided(decider: Decisions, study: LinedUp, rows: NDArray[np.int64]) -> list[str]:
    """Name the answers: a person's own label, else the positive one or the other."""
    votes = next((one.votes for one in study.people if one.name == decider.name), None)
    if decider.role == "person" and votes is not None:
        return [study.labels[number] for number in votes[rows]]
    return [study.positive if called else study.negative for called in decider.called[rows]]


def _title(error: "pd.Series[Any]") -> list[str]:
    rating = error["rating"]
    score = error["model_score"]
    numbers = [
        *([] if pd.isna(rating) else [f"rating {rating:g}"]),
        *([] if pd.isna(score) else [f"model score {score:.3g}"]),
    ]
    return [
        f"{error['error']}: called {error['decision']}, known as {error['known_label']}",
        ", ".join(numbers) or str(error["item_id"]),
    ]


def _write_rating(rating: float) -> str:
    if np.isnan(rating):
        return "unrated"
    return f"{rating:.3f}" if abs(rating) < 1000 else f"{rating:.6g}"


def _numbers(items: pd.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in items.columns:
        return np.full(len(items), np.nan)
    return items[name].to_numpy(dtype="float64", na_value=np.nan)


def _texts(items: pd.DataFrame, name: str) -> NDArray[np.object_]:
    if name not in items.columns:
        return np.full(len(items), None, dtype=object)
    return items[name].to_numpy(dtype=object)
