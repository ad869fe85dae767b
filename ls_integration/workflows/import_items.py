"""A source -> the rows that a study shall ask about, checked and in order."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ls_integration.errors import SourceError, StudyError, some_of
from ls_integration.kinds.sted_quality import limit_text
from ls_integration.kinds.sted_source import (
    SourceTable,
    model_labels,
    read_source,
    select,
)
from ls_integration.study import Study
from ls_integration.workflows.import_options import StudyOptions
from ls_integration.workflows.sted_options import ImportOptions

Say = Callable[[str], None]
"""Takes one line for the user."""


@dataclass(frozen=True)
class Selection:
    """The rows of a source that a study shall ask about, before any picture.

    Attributes
    ----------
    rows : DataFrame
        As `SourceTable.rows`, in the study's order, the model's labels filled in.
    left_out : list of str
        Source paths that ``--skip-bad`` left out.
    threshold : float or None
        The model's, on the scale on which higher is more anomalous.
    """

    rows: pd.DataFrame
    left_out: list[str]
    threshold: float | None


def read_table(options: ImportOptions) -> SourceTable:
    """Read the source's table; no image is opened.

    Parameters
    ----------
    options : ImportOptions
        ``source`` and ``ratings``.

    Returns
    -------
    SourceTable
        All images of the source.
    """
    return read_source(options.source, ratings=options.ratings)


def select_rows(
    table: SourceTable, options: ImportOptions, say: Say, *, ignored: Collection[str] = ()
) -> Selection:
    """Choose the rows, refuse or leave out the faulty ones, put them in order.

    Parameters
    ----------
    table : SourceTable
        All images of the source.
    options : ImportOptions
        Thresholds, order, limit, ``skip_bad``.
    say : callable
        Told of every problem and of what was left out.
    ignored : collection of str, optional
        Source paths that came into the study in another way: they take no
        part, as if the source did not have them.

    Returns
    -------
    Selection
        At least one row.

    Raises
    ------
    SourceError
        If images are faulty and ``skip_bad`` is not set, or none is left.
    ConfigError
        If scores need a threshold.
    """
    for note in table.notes:
        say(note)
    left_out = stop_or_leave_out(
        [(problem.source_path, problem.message) for problem in table.problems], options, say
    )
    rows = table.without_problems()
    rows = without_given_ids(rows, options, say)
    if options.blind and options.model_threshold is None and rows["model_label"].isna().all():
        # Blind without a threshold: scored by AUC alone. From zero: 0 must not become -0.
        score = rows["model_score"]
        turned = 0.0 - score if options.score_high_means == "normal" else score
        decided, threshold = rows.assign(model_score=turned), None
    else:
        decisions = model_labels(
            rows, options.model_threshold, score_high_means=options.score_high_means
        )
        decided, threshold = decisions.rows, decisions.threshold
        for note in decisions.notes:
            say(note)
    kept, ambiguous = select(
        decided,
        selects_itself=table.selects_itself,
        normal_at_least=options.normal_at_least,
        anomaly_below=options.anomaly_below,
    )
    if ambiguous:
        low, high = limit_text(options.anomaly_below), limit_text(options.normal_at_least)
        say(f"left out {ambiguous} ambiguous images ({low} <= rating < {high})")
    kept = kept.loc[~kept["source_path"].isin(ignored)].reset_index(drop=True)
    return Selection(in_order(kept, options), left_out, threshold)


def without_given_ids(rows: pd.DataFrame, options: StudyOptions, say: Say) -> pd.DataFrame:
    """Drop the source's own ids where they would go to the server of a blind study.

    Parameters
    ----------
    rows : DataFrame
        As `SourceTable.rows`.
    options : StudyOptions
        ``blind``.
    say : callable
        Told of it.

    Returns
    -------
    DataFrame
        Only an id that we make is sure not to tell the rating.
    """
    if options.blind and rows["item_id"].notna().any():
        say("the source's column item_id is not used in a blind study")
        return rows.assign(item_id=None)
    return rows


def in_order(rows: pd.DataFrame, options: StudyOptions) -> pd.DataFrame:
    """Put the rows into the study's order, and take the first ones.

    Parameters
    ----------
    rows : DataFrame
        In the source's order, with an index 0, 1, ...
    options : StudyOptions
        ``order``, ``seed`` and ``limit``.

    Returns
    -------
    DataFrame
        At least one row.

    Raises
    ------
    SourceError
        If there is none.
    """
    if options.order == "random":
        order = np.random.default_rng(options.seed).permutation(len(rows))
        rows = rows.iloc[order]
    if options.limit is not None:
        rows = rows.head(options.limit)
    if rows.empty:
        msg = f"no image of {options.source} is left to ask about; check its ratings and limits"
        raise SourceError(msg)
    return rows.reset_index(drop=True)


def check_same_source(selection: Selection, items: pd.DataFrame, study: Study) -> None:
    """Refuse to go on with a study whose source has changed since.

    Parameters
    ----------
    selection : Selection
        What the source holds now.
    items : DataFrame
        What the import brought into the study.
    study : Study
        Knows what was left out.

    Raises
    ------
    StudyError
        Naming the first images that were added, removed, moved or rated anew.
    """
    left_out = set(study.left_out)
    now = selection.rows.loc[~selection.rows["source_path"].isin(left_out)]
    now_paths, then_paths = now["source_path"].tolist(), items["source_path"].tolist()
    added = [path for path in now_paths if path not in set(then_paths)]
    removed = [path for path in then_paths if path not in set(now_paths)]
    differ = []
    if added:
        differ.append(f"new: {some_of(added)}")
    if removed:
        differ.append(f"gone: {some_of(removed)}")
    if not differ and now_paths != then_paths:
        differ.append("their order")
    if not differ:
        compared = [name for name in ("rating", "model_score", "source_index") if name in items]
        for column in compared:
            same = np.array_equal(
                now[column].to_numpy(dtype=float), items[column].to_numpy(dtype=float), True
            )
            if not same:
                differ.append(f"the column {column}")
    if differ:
        msg = (
            f"the source of the study '{study.title}' has changed since its import "
            f"({'; '.join(differ)}); put it back, or import into another folder with --study"
            f"{', or add what is new with `extend`' if added else ''}"
        )
        raise StudyError(msg)


def stop_or_leave_out(
    problems: list[tuple[str, str]], options: StudyOptions, say: Say
) -> list[str]:
    """Say each problem; leave their images out, or stop.

    Parameters
    ----------
    problems : list of (str, str)
        Source path and line for the user.
    options : StudyOptions
        ``skip_bad``.
    say : callable
        Takes lines for the user.

    Returns
    -------
    list of str
        Source paths that are left out.

    Raises
    ------
    SourceError
        If there are any and ``skip_bad`` is not set.
    """
    if not problems:
        return []
    for _, message in problems:
        say(f"{'left out' if options.skip_bad else 'bad'}: {message}")
    if not options.skip_bad:
        msg = (
            f"{len(problems)} images cannot be imported (see above), nothing was sent; correct "
            "them, or pass --skip-bad to import the rest"
        )
        raise SourceError(msg)
    return [path for path, _ in problems]
