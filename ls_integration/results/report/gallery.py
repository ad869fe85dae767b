"""The part of the report that shows the items on which opinions differ most."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.results.lined_up import LinedUp
from ls_integration.results.report.cards import (
    SHOWN_AT_MOST,
    Said,
    collect_answers,
    name_item,
    picture_in_page,
)
from ls_integration.results.report.section import Findings, Section
from ls_integration.scoring.consensus import MISSING
from ls_integration.scoring.disagreement import (
    Disagreement,
    measure_disagreement,
    rank_by_disagreement,
)


def show_gallery(findings: Findings) -> Section | None:
    """Show the items with the strongest disagreement.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None where nobody contradicts a known label or somebody else.
    """
    study = findings.study
    found = measure_study(study)
    ranked = rank_by_disagreement(found)
    if not len(ranked) or findings.annotations is None:
        return None
    shown = ranked[:SHOWN_AT_MOST].tolist()
    ids = study.items["item_id"].iloc[shown]
    said = collect_answers(
        findings.annotations,
        ids.tolist(),
        lambda answer: str(answer["label"]),
        findings.about.get("server_url"),
    )
    entries = [
        _describe(row, number, findings, found, said.get(item_id, Said()))
        for number, (row, item_id) in enumerate(zip(shown, ids, strict=True), 1)
    ]
    values = {
        "entries": entries,
        "n_disputed": len(ranked),
        "has_pictures": any(entry["picture"] for entry in entries),
        "has_rating": any(entry["rating"] is not None for entry in entries),
        "has_model": any(entry["model"] for entry in entries),
        "has_links": any(entry["link"] for entry in entries),
    }
    return Section("gallery", values=values)


def measure_study(study: LinedUp) -> Disagreement:
    """Measure the disagreement on each item of a study.

    Parameters
    ----------
    study : LinedUp
        The study.

    Returns
    -------
    Disagreement
        First rounds, one vote per person.
    """
    known: NDArray[np.int64] = np.full(len(study.items), MISSING, dtype="int64")
    if "label" in study.items.columns:
        labels = pd.Index(study.items["label"].astype(object))
        known = np.asarray(pd.Index(study.labels, dtype=object).get_indexer(labels), dtype="int64")
    model = study.model
    contradicts = model.decided & study.truth.known & (model.called != study.truth.positive)
    return measure_disagreement(study.votes, known, contradicts, len(study.labels))


def _describe(
    row: int, number: int, findings: Findings, found: Disagreement, said: Said
) -> dict[str, Any]:
    """Collect what the page says of one item."""
    study = findings.study
    item = study.items.iloc[row]
    known = item.get("label") if study.truth.known[row] else None
    model = None
    if study.model.decided[row]:
        model = study.positive if study.model.called[row] else study.negative
    against, total = int(found.n_against[row]), int(found.n_answers[row])
    what = (
        f"{against} of {total} against the known label"
        if known is not None
        else f"{total} answers, {_percent(found.division[row])} of the pairs differ"
    )
    name = name_item(item)
    return {
        "name": name,
        "known": known,
        "rating": _number(item, "rating"),
        "score": _number(item, "model_score"),
        "model": model,
        "answers": sorted(said.answers, key=lambda answer: -answer["n"]),
        "what": what,
        "link": said.link,
        "picture": picture_in_page(row, findings.picture_of),
        "alternative": f"Picture {number}: {name}",
    }


def _number(item: "pd.Series[Any]", name: str) -> float | None:
    value = item.get(name)
    return None if value is None or pd.isna(value) else float(value)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
