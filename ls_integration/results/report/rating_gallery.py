"""The part of the report that shows the images on which ratings differ most."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ls_integration.results.headline import FILTERS
from ls_integration.results.report.cards import (
    SHOWN_AT_MOST,
    Said,
    collect_answers,
    name_item,
    picture_in_page,
)
from ls_integration.results.report.section import RatingFindings, Section

MOST_ROWS = 15
"""Of a table of images, where there are no pictures."""

MOST_PEOPLE = 6
"""Who have a column each in such a table; of more, the ratings stand in one."""


def show_items(findings: RatingFindings) -> Section | None:
    """Show the images that moved farthest, and those on which people differ most.

    Parameters
    ----------
    findings : RatingFindings
        What was found.

    Returns
    -------
    Section or None
        None where nothing was rated.
    """
    firsts = findings.firsts
    table = pd.DataFrame(
        {
            "old": findings.items["rating"].to_numpy(),
            "mean": firsts.mean(axis=1).to_numpy(),
            "low": firsts.min(axis=1).to_numpy(),
            "high": firsts.max(axis=1).to_numpy(),
        }
    )
    table["change"] = table["mean"] - table["old"]
    table["spread"] = table["high"] - table["low"]
    ranked = {name: _rank(table[name].abs()) for name in ("change", "spread")}
    n_lists = sum(1 for places in ranked.values() if places)
    if not n_lists:
        return None
    # Half of the pictures each, so that the page stays one that can be sent.
    at_most = MOST_ROWS if findings.picture_of is None else SHOWN_AT_MOST // n_lists
    shown = {name: places[:at_most] for name, places in ranked.items()}
    all_ids = findings.items["item_id"].tolist()
    ids = [all_ids[row] for row in {*shown["change"], *shown["spread"]}]
    said = collect_answers(findings.annotations, ids, _write, findings.about.get("server_url"))
    lists = {
        name: [_describe(row, name, table.iloc[row], findings, said) for row in places]
        for name, places in shown.items()
    }
    entries = [entry for entries in lists.values() for entry in entries]
    values = {
        **lists,
        "n": {name: len(places) for name, places in ranked.items()},
        "has_pictures": any(entry["picture"] for entry in entries),
        "has_links": any(entry["link"] for entry in entries),
        "people": list(firsts.columns) if firsts.shape[1] <= MOST_PEOPLE else [],
    }
    return Section("rating_items", values=values)


def _describe(
    row: int,
    measure: str,
    numbers: "pd.Series[float]",
    findings: RatingFindings,
    said: Mapping[str, Said],
) -> dict[str, Any]:
    """Collect what the page says of one image."""
    item = findings.items.iloc[row]
    name, known = name_item(item), said[str(item["item_id"])]
    rating = FILTERS["rating"]
    what = (
        f"{_signed(numbers['change'])}, to {rating(numbers['mean'])}"
        if measure == "change"
        else f"{rating(numbers['spread'])} apart"
    )
    return {
        "name": name,
        "what": what,
        "old": numbers["old"],
        "mean": numbers["mean"],
        "size": numbers[measure],
        "given": findings.firsts.iloc[row].tolist(),
        "answers": sorted(known.answers, key=_place, reverse=True),
        "link": known.link,
        "picture": picture_in_page(row, findings.picture_of),
        "alternative": f"Picture of {name}",
    }


def _rank(size: "pd.Series[float]") -> list[int]:
    """Sort the rows with a size above 0, the largest first, the first of equal ones first."""
    # Ratings are decimal: 0.30000000000000004 is no larger than 0.3.
    order = size.round(6).sort_values(ascending=False, kind="stable")
    return [int(row) for row in order[order > 0].index]


def _write(answer: Mapping[str, Any]) -> str:
    return FILTERS["rating"](answer["rating"])


def _place(answer: Mapping[str, Any]) -> tuple[bool, str]:
    """Place a skip below all ratings, which are written alike, from 0.00 to 1.00."""
    return answer["label"][:1].isdigit(), answer["label"]


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{FILTERS['rating'](value)}"
