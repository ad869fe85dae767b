"""The columns that the items of both STED studies have in common. Pure."""

from collections.abc import Callable

import numpy as np
import pandas as pd


def begin_items(rows: pd.DataFrame, *, make_id: Callable[[str], str]) -> pd.DataFrame:
    """Make an items table from a source's selected rows, for a kind to add its own columns.

    Parameters
    ----------
    rows : DataFrame
        ``source_path, rating, structure, group, item_id``, in the study's order.
    make_id : callable
        ``source_path`` -> opaque id, where ``item_id`` of *rows* is None.

    Returns
    -------
    DataFrame
        These, ``position`` and ``part``; ``image`` and ``peak_count`` are empty
        until the pictures have been drawn.
    """
    paths = rows["source_path"].to_numpy(dtype=object)
    ids = [
        own if isinstance(own, str) and own else make_id(path)
        for own, path in zip(rows["item_id"], paths, strict=True)
    ]
    n_items = len(rows)
    return pd.DataFrame(
        {
            "item_id": np.array(ids, dtype=object),
            "position": np.arange(n_items, dtype=np.int64),
            "part": np.ones(n_items, dtype=np.int64),
            "image": np.full(n_items, None, dtype=object),
            "source_path": paths,
            "rating": rows["rating"].to_numpy(dtype=np.float64),
            "structure": rows["structure"].to_numpy(dtype=object),
            "group": rows["group"].to_numpy(dtype=object),
            "peak_count": np.full(n_items, np.nan),
        }
    )
