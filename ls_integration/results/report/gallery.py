"""The part of the report that shows the items on which opinions differ most."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.annotations import newest_answers
from ls_integration.results.lined_up import LinedUp
from ls_integration.results.names import name_rounds, rounds_of
from ls_integration.results.pictures import to_data_address
from ls_integration.results.report.section import Findings, Section
from ls_integration.scoring.consensus import MISSING
from ls_integration.scoring.disagreement import (
    Disagreement,
    measure_disagreement,
    rank_by_disagreement,
)

SHOWN_AT_MOST = 24
PICTURES_AT_MOST_BYTES = 2_000_000
"""Of all pictures together, so that the page stays one that can be sent."""

_NAMED_AT_MOST = 8
_SKIPPED = "skipped"


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
    names = name_rounds(rounds_of(findings.annotations))
    asked = findings.annotations.loc[findings.annotations["item_id"].isin(ids)]
    answers = dict(iter(newest_answers(asked).groupby("item_id", sort=False)))
    entries = [
        _describe(row, number, findings, found, answers.get(item_id), names)
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


def task_address(server: object, project: object, task: object) -> str | None:
    """Write the address of a task in Label Studio's Data Manager.

    Parameters
    ----------
    server : object
        What the results folder says of the server.
    project, task : object
        The numbers beside an answer.

    Returns
    -------
    str or None
        None where one of them is not known, or the server's is no web address.
    """
    if not isinstance(server, str) or pd.isna(project) or pd.isna(task):  # type: ignore[call-overload]
        return None
    try:
        parts = urlsplit(server)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return None
    base = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    return f"{base}/projects/{int(str(project))}/data?task={int(str(task))}"


def _describe(
    row: int,
    number: int,
    findings: Findings,
    found: Disagreement,
    answers: pd.DataFrame | None,
    names: Mapping[tuple[str, int], str],
) -> dict[str, Any]:
    """Collect what the page says of one item."""
    study = findings.study
    item = study.items.iloc[row]
    known = item.get("label") if study.truth.known[row] else None
    name = item.get("source_path")
    said: dict[str, list[str]] = {}
    link = None
    rows = [] if answers is None else answers.to_dict("records")
    by_person = {(str(one["annotator"]), int(one["round"])): one for one in rows}
    for key in (key for key in names if key in by_person):
        answer = by_person[key]
        label = _SKIPPED if answer["skipped"] else str(answer["label"])
        said.setdefault(label, []).append(names[key])
        link = link or task_address(
            findings.about.get("server_url"), answer["project_id"], answer["task_id"]
        )
    model = None
    if study.model.decided[row]:
        model = study.positive if study.model.called[row] else study.negative
    against, total = int(found.n_against[row]), int(found.n_answers[row])
    what = (
        f"{against} of {total} against the known label"
        if known is not None
        else f"{total} answers, {_percent(found.division[row])} of the pairs differ"
    )
    name = str(item["item_id"] if name is None or pd.isna(name) else name)
    return {
        "name": name,
        "known": known,
        "rating": _number(item, "rating"),
        "score": _number(item, "model_score"),
        "model": model,
        "answers": [
            {
                "label": label,
                "n": len(who),
                "who": [*who[:_NAMED_AT_MOST], *_more(len(who) - _NAMED_AT_MOST)],
            }
            for label, who in sorted(said.items(), key=lambda pair: -len(pair[1]))
        ],
        "what": what,
        "link": link,
        "picture": _picture(row, findings),
        "alternative": f"Picture {number}: {name}",
    }


def _picture(row: int, findings: Findings) -> dict[str, Any] | None:
    picture = None if findings.picture_of is None else findings.picture_of(row)
    if picture is None:
        return None
    address = to_data_address(picture, PICTURES_AT_MOST_BYTES // SHOWN_AT_MOST)
    if address is None:
        return None
    return {"address": address, "width": picture.width, "height": picture.height}


def _number(item: "pd.Series[Any]", name: str) -> float | None:
    value = item.get(name)
    return None if value is None or pd.isna(value) else float(value)


def _more(n_more: int) -> list[str]:
    return [f"{n_more} more"] if n_more > 0 else []


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
