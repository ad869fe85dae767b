"""Which images the rows of an old session are: the order of its source, and its time. Pure."""

import numpy as np
import pandas as pd

from ls_integration.errors import StudyError, some_of
from ls_integration.study import Study
from ls_integration.workflows.import_items import SOURCE_ORDER


def items_of_session(n_rows: int, items: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Find the items of a session by its length, in the order of its rows.

    Parameters
    ----------
    n_rows : int
        Of the session.
    items : DataFrame
        The study's items.
    study : Study
        Knows how their order was made.

    Returns
    -------
    DataFrame
        Those that the study had before an extension, where so many rows are
        theirs; otherwise all.

    Raises
    ------
    StudyError
        As `in_source_order`; or if the study has a random order and the
        session is not from before its first extension.
    """
    first = items.loc[items["part"] == 1]
    if n_rows == len(first) or len(first) == len(items):
        return in_source_order(first, study)
    if study.options.get("order", "file") != "file":
        msg = (
            f"the study '{study.title}' {_how(study)} and was extended, so only sessions of "
            f"its first {len(first)} images can be told apart, not one of {n_rows}; import the "
            "sources with --order file into another study"
        )
        raise StudyError(msg)
    ends = np.cumsum(items["part"].value_counts(sort=False).sort_index().to_numpy())
    return items.head(n_rows) if n_rows in ends else items


def in_source_order(items: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Put a study's items into the order of its source, which old sessions have.

    Parameters
    ----------
    items : DataFrame
        In the study's order.
    study : Study
        With the options of its import.

    Returns
    -------
    DataFrame
        The same items.

    Raises
    ------
    StudyError
        If a random order cannot be undone: images of the source are not in the
        study, or no rating could prove the order right.
    """
    if study.options.get("order", "file") == "file":
        return items
    source_rows = study.options.get(SOURCE_ORDER)
    if source_rows is not None:
        return items.iloc[np.argsort(source_rows)].reset_index(drop=True)
    limit = study.options.get("limit")
    reasons = []
    if limit is not None and limit <= len(items):
        reasons.append(f"--limit {limit}")
    if study.left_out:
        reasons.append(f"--skip-bad, which left out {len(study.left_out)} images")
    if items["rating"].isna().all():
        reasons.append("a source without ratings")
    if reasons:
        msg = (
            f"the study '{study.title}' {_how(study)} with {' and '.join(reasons)}, so the "
            "rows of an old session cannot be told apart; import the source with --order file "
            "into another study"
        )
        raise StudyError(msg)
    # As the import drew it. Were that ever changed, the ratings would not fit.
    order = np.random.default_rng(study.options["seed"]).permutation(len(items))
    return items.iloc[np.argsort(order)].reset_index(drop=True)


def _how(study: Study) -> str:
    is_random = study.options["order"] == "random"
    return "has a random order" if is_random else "is ordered by the model's doubt"


def name_selection(items: pd.DataFrame, study: Study) -> str:
    """Name what makes the rows of a study fewer, more or others than its source's.

    Parameters
    ----------
    items : DataFrame
        The study's items.
    study : Study
        With the options of its import.

    Returns
    -------
    str
        For a message; empty if there is nothing.
    """
    parts = []
    if study.options.get("limit") is not None:
        parts.append(f"--limit {study.options['limit']}")
    if study.left_out:
        parts.append(f"--skip-bad, without {some_of(study.left_out)}")
    if study.options.get("order", "file") != "file":
        parts.append(f"--order {study.options['order']}")
    sizes = items["part"].value_counts(sort=False).sort_index().tolist()
    if len(sizes) > 1:
        parts.append(f"{sizes[0]} images, extended by {' and '.join(map(str, sizes[1:]))}")
    return ", ".join(parts)
