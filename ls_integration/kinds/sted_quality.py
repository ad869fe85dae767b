"""The question "normal or anomaly?" about STED images: its items and predictions.

Pure. The readers of its sources are in `sted_source`, its label page in
`sted_quality_page`.

The score is "higher = more anomalous" everywhere; normal is a rating at or
above the threshold (0.70 in the authors' code, although their text says "above").
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ls_integration.kinds.sted_items import begin_items
from ls_integration.kinds.sted_source import ANOMALY, NORMAL, truth_label

KIND = "sted-quality"
LABEL_CONFIG = "sted_quality"
POSITIVE = ANOMALY

_ITEM_COLUMNS = [
    "item_id",
    "position",
    "part",
    "image",
    "source_path",
    "rating",
    "label",
    "model_score",
    "model_label",
    "structure",
    "group",
    "peak_count",
]


def make_items(
    rows: pd.DataFrame, *, make_id: Callable[[str], str], normal_at_least: float
) -> pd.DataFrame:
    """Make the items table from a source's selected rows.

    Parameters
    ----------
    rows : DataFrame
        From `sted_source`: ``source_path, rating, structure, group,
        model_score, model_label, item_id``, in the study's order.
    make_id : callable
        ``source_path`` -> opaque id, where ``item_id`` of *rows* is None.
    normal_at_least : float
        Rating in [0, 1] from which an image is normal.

    Returns
    -------
    DataFrame
        The items; ``image`` and ``peak_count`` are empty until the pictures
        have been rendered.
    """
    items = begin_items(rows, make_id=make_id)
    items["model_score"] = rows["model_score"].to_numpy(dtype=np.float64)
    items["model_label"] = rows["model_label"].to_numpy(dtype=object)
    items["label"] = np.array(
        [truth_label(rating, normal_at_least) for rating in items["rating"]], dtype=object
    )
    return items[_ITEM_COLUMNS]


def structure_tells_label(items: pd.DataFrame) -> bool:
    """Tell whether the structure on the page would give the right answer away.

    It is the name of a folder where a source has no column for it, and many
    sources keep their normal images in one folder and the anomalies in another.

    Parameters
    ----------
    items : DataFrame
        The items.

    Returns
    -------
    bool
        True if a structure is called as one of the answers, or if each one
        stands for a single answer and both occur.
    """
    named = {str(name).strip().lower() for name in items["structure"].dropna()}
    if named & {NORMAL, ANOMALY}:
        return True
    known = items.loc[items["label"].notna() & items["structure"].notna()]
    labels = known.groupby("structure")["label"].nunique()
    return bool(len(set(known["label"])) > 1 and (labels == 1).all())


def order_tells_label(items: pd.DataFrame) -> bool:
    """Tell whether all images of one answer come before those of the other.

    Parameters
    ----------
    items : DataFrame
        The items, in the study's order.

    Returns
    -------
    bool
        True if so, with three images of either answer at least.
    """
    labels = items["label"].dropna()
    n_changes = int((labels != labels.shift()).sum()) - 1
    return n_changes == 1 and int(labels.value_counts().min()) >= 3


def sent_predictions(items: pd.DataFrame, model_version: str) -> pd.DataFrame:
    """Choose what the label pages of an assisted study start from.

    Parameters
    ----------
    items : DataFrame
        The items.
    model_version : str
        Name of the model's answers on the server.

    Returns
    -------
    DataFrame
        ``item_id, label, score, model_version`` of the items that have a
        model's answer. ``score`` is the model's own, on its own scale; 1 or 0
        where the source has a decision and no score.
    """
    answered = items.loc[items["model_label"].notna()]
    score = answered["model_score"].to_numpy(dtype=np.float64, copy=True)
    # A source with decisions and no scores: certain of what it says.
    decided = (answered["model_label"] == POSITIVE).to_numpy(dtype=np.float64)
    score[np.isnan(score)] = decided[np.isnan(score)]
    return pd.DataFrame(
        {
            "item_id": answered["item_id"].to_numpy(dtype=object),
            "label": answered["model_label"].to_numpy(dtype=object),
            "score": score,
            "model_version": model_version,
        }
    )


def limit_text(rating: float) -> str:
    """Write a limit of the ratings as people read it, and never rounded to another.

    Parameters
    ----------
    rating : float
        In [0, 1].

    Returns
    -------
    str
        Two decimals, more where the limit has more: ``0.70``, ``0.705``.
    """
    short = f"{rating:.2f}"
    return short if float(short) == rating else repr(rating)
