"""Items that are added to a study: kept so that a kill leaves all of them, or none."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ls_integration import study as studies
from ls_integration.study import Extension, Study


def keep_part(
    folder: Path,
    study: Study,
    items: pd.DataFrame,
    added: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    source: Path,
    ratings: Path | None = None,
    limit: int | None = None,
    left_out: Sequence[str] = (),
) -> tuple[Study, pd.DataFrame]:
    """Write study and tables; the items come last and make it so.

    Parameters
    ----------
    folder : Path
        The study's folder; its lock must be held.
    study : Study
        The study.
    items : DataFrame
        Its items.
    added : DataFrame
        What comes after them, with pictures on disk; ``part`` and
        ``position`` are set here.
    predictions : DataFrame
        ``item_id, label, score, model_version`` of what the new pages start
        from; perhaps no rows.
    source : Path
        Where the new items are from.
    ratings : Path, optional
        Ratings of a folder of images.
    limit : int, optional
        Only so many images of the source were asked for.
    left_out : sequence of str
        Source paths that ``--skip-bad`` left out.

    Returns
    -------
    study : Study
        With the part.
    items : DataFrame
        All of them.
    """
    part = int(items["part"].max()) + 1
    extension = Extension(
        part=part,
        source=str(source.absolute()),
        ratings=str(ratings.absolute()) if ratings else None,
        limit=limit,
        left_out=list(left_out),
    )
    # One that a kill left without its items is replaced.
    before = [known for known in study.extensions if known.part < part]
    study = study.model_copy(update={"extensions": [*before, extension]})
    studies.save(folder, study)
    if len(predictions):
        known = studies.read_predictions(folder)
        kept = known.loc[known["item_id"].isin(items["item_id"])]
        studies.write_predictions(folder, pd.concat([kept, predictions], ignore_index=True))
    position = range(len(items), len(items) + len(added))
    new = added.assign(part=part, position=position)
    studies.write_items(folder, pd.concat([items, new], ignore_index=True))
    return study, studies.read_items(folder)
