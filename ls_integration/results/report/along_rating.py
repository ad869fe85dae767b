"""The part of the report about errors along the rating: the first users' own figures."""

import numpy as np

from ls_integration.results.decisions import Decisions, list_decisions, read_gap
from ls_integration.results.figures.along_rating import plot_errors_per_bin, plot_regret
from ls_integration.results.figures.by_rating import (
    plot_mean_decision,
    plot_people_wrong,
    plot_rating_density,
)
from ls_integration.results.people import Bools
from ls_integration.results.report.section import Findings, Section
from ls_integration.scoring.along_rating import rank_by_rating

_NAMED_AT_MOST = 6


def show_along_rating(findings: Findings) -> Section | None:
    """Show where on the scale of the ratings people and model go wrong.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None without items that have a rating and a known label, or without
        anybody who decided on one.
    """
    study = findings.study
    if "rating" not in study.items.columns:
        return None
    rating = study.items["rating"].to_numpy(dtype="float64", na_value=np.nan)
    ranked = rank_by_rating(rating, study.truth.known)
    usable = np.zeros(len(rating), dtype=bool)
    usable[ranked] = True
    deciders = [one for one in list_decisions(study) if (one.judged & usable).any()]
    if not deciders:
        return None
    gap = read_gap(findings.about)
    rated = np.where(usable, rating, np.nan)
    note = _say_left_out(deciders, usable)
    drawings = [
        plot_regret(deciders, ranked, rating, gap, note),
        plot_errors_per_bin(deciders, ranked, rating, gap, note),
    ]
    first = {person.name for person in study.first_rounds}
    people = [one for one in deciders if one.role == "person" and one.name in first]
    if people:
        model = next((one for one in deciders if one.role == "model"), None)
        drawings += [
            plot_mean_decision(
                people, model, rated, gap, positive=study.positive, groups=study.groups
            ),
            plot_people_wrong(
                people,
                usable,
                study.truth.positive,
                positive=study.positive,
                negative=study.negative,
            ),
        ]
    drawings.append(
        plot_rating_density(deciders, rated, gap, positive=study.positive, negative=study.negative)
    )
    return Section("along_rating", tuple(drawings))


def _say_left_out(deciders: list[Decisions], usable: Bools) -> str:
    """Say who did not judge all images: what is not judged is no error."""
    missing = [
        f"{one.name} {n_missing}"
        for one in deciders
        if (n_missing := int(np.count_nonzero(usable & ~one.judged)))
    ]
    if not missing:
        return ""
    named = ", ".join(missing[:_NAMED_AT_MOST])
    more = f" and {len(missing) - _NAMED_AT_MOST} more" if len(missing) > _NAMED_AT_MOST else ""
    return f" Skipped, unanswered or tied images are no errors and add nothing: {named}{more}."
