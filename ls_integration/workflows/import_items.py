"""A source -> the rows that a study shall ask about, checked and in order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.errors import SourceError, StudyError, some_of
from ls_integration.kinds.sted_quality import limit_text
from ls_integration.kinds.sted_source import (
    SourceTable,
    model_labels,
    read_source,
    select,
)
from ls_integration.progress import Reporter, Say, silent
from ls_integration.study import Study
from ls_integration.workflows.import_options import StudyOptions
from ls_integration.workflows.sted_options import ImportOptions, StedOptions

SOURCE_ORDER = "source_order"
"""Where a study keeps, among its options, where in its source the items of its first part were:
with an order that cannot be made again."""


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
    source_rows : sequence of int
        Where each of *rows* was before it was put into order.
    """

    rows: pd.DataFrame
    left_out: list[str]
    threshold: float | None
    source_rows: Sequence[int] = ()

    def found(self, order: str, paths: Sequence[str]) -> dict[str, list[int]]:
        """Give what the study shall keep of an order that cannot be made again.

        Parameters
        ----------
        order : str
            Of the study.
        paths : sequence of str
            Source paths of its items, in its order.

        Returns
        -------
        dict of str to list of int
            `SOURCE_ORDER`, where *order* is ``uncertain``.
        """
        if order != "uncertain":
            return {}
        places = dict(zip(self.rows["source_path"], self.source_rows, strict=True))
        return {SOURCE_ORDER: [int(places[path]) for path in paths]}


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
    table: SourceTable,
    options: ImportOptions,
    say: Say,
    *,
    ignored: Collection[str] = (),
    known_paths: Sequence[str] | None = None,
    report: Reporter = silent,
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
    known_paths : sequence of str, optional
        Source paths of a study that has been imported, see `put_in_order`.
    report : Reporter, optional
        Told of progress.

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
    if options.order == "uncertain" and known_paths is None:
        say("looking at the images, so that near-duplicates do not follow each other")
    order = find_order(kept, options, threshold, known_paths=known_paths, report=report)
    rows = in_order(kept, options, order)
    return Selection(rows, left_out, threshold, order[: len(rows)].tolist())


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


def find_order(
    rows: pd.DataFrame,
    options: StedOptions,
    threshold: float | None,
    *,
    known_paths: Sequence[str] | None = None,
    report: Reporter = silent,
) -> NDArray[np.intp]:
    """Find the study's order.

    Parameters
    ----------
    rows : DataFrame
        In the source's order, with an index 0, 1, ..., the model's labels
        filled in where the order is ``uncertain``.
    options : StedOptions
        ``order`` and ``seed``.
    threshold : float or None
        The model's.
    known_paths : sequence of str, optional
        Source paths of a study that has been imported, in its order. An order
        by doubt is not made again: what people have seen stands, whatever a
        newer version of this package would put first.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        Places of the rows. Of a known study fewer if it has a limit: what was
        beyond then is not new now.

    Raises
    ------
    ConfigError
        If an order by doubt has no scores to be made of.
    """
    if options.order == "random":
        return np.random.default_rng(options.seed).permutation(len(rows))
    if options.order == "file" or rows.empty:
        return np.arange(len(rows))
    if known_paths is not None:
        places = {path: place for place, path in enumerate(rows["source_path"])}
        known = [places.pop(path) for path in known_paths if path in places]
        others = [] if options.limit is not None else list(places.values())
        return np.array([*known, *others], dtype=np.intp)
    # scikit-learn takes a second to load, which other orders need not wait for.
    from ls_integration.workflows.uncertain_order import rank_sted

    return rank_sted(rows, options, threshold, report)


def in_order(rows: pd.DataFrame, options: StudyOptions, order: NDArray[np.intp]) -> pd.DataFrame:
    """Put the rows into the study's order, and take the first ones.

    Parameters
    ----------
    rows : DataFrame
        In the source's order, with an index 0, 1, ...
    options : StudyOptions
        ``source`` and ``limit``.
    order : ndarray of int
        From `find_order`.

    Returns
    -------
    DataFrame
        At least one row.

    Raises
    ------
    SourceError
        If there is none.
    """
    rows = rows.iloc[order]
    if options.limit is not None:
        rows = rows.head(options.limit)
    if rows.empty:
        msg = f"no image of {options.source} is left to ask about; check its ratings and limits"
        raise SourceError(msg)
    return rows.reset_index(drop=True)


def imported_paths(items: pd.DataFrame, study: Study) -> list[str]:
    """Name what the import of a study brought, in the study's order.

    Parameters
    ----------
    items : DataFrame
        The study's items.
    study : Study
        Knows what was left out.

    Returns
    -------
    list of str
        Source paths; those of what was left out come last.
    """
    return [*items.loc[items["part"] == 1, "source_path"], *study.left_out]


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
