"""The kinds of study that this version knows."""

from ls_integration.errors import ConfigError, StudyError
from ls_integration.kinds.cutouts_page import CUTOUTS
from ls_integration.kinds.kind import Kind
from ls_integration.kinds.sted_quality_page import STED_QUALITY
from ls_integration.kinds.sted_rating import STED_RATING
from ls_integration.label_config import LabelConfig
from ls_integration.study import Study

KINDS = {kind.name: kind for kind in (STED_QUALITY, STED_RATING, CUTOUTS)}
"""Name -> kind."""


def kind_of(study: Study) -> Kind:
    """Give the kind of a study.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    Kind
        Its kind.

    Raises
    ------
    StudyError
        If this version does not know it.
    """
    if study.kind not in KINDS:
        msg = (
            f"the study '{study.title}' is of the kind {study.kind}, which this version does not "
            "know; install the version of ls-integration that made it"
        )
        raise StudyError(msg)
    return KINDS[study.kind]


def kind_of_page(config: LabelConfig) -> Kind:
    """Tell which question a label page asks, by the answers that it offers.

    Parameters
    ----------
    config : LabelConfig
        Of a project, perhaps edited by hand: names may be others.

    Returns
    -------
    Kind
        Its kind.

    Raises
    ------
    ConfigError
        If it offers the answers of no kind that this version knows.
    """
    rows = [control.values for control in config.controls.values() if control.kind == "Choices"]
    for kind in KINDS.values():
        if kind.labels and any(set(kind.labels) <= set(row) for row in rows):
            return kind
        if not kind.labels and len(rows) == 2 and all(map(_are_digits, rows)):
            return kind
    offered = "; ".join(", ".join(row) for row in rows) or "nothing to choose from"
    msg = (
        f"the label page offers {offered[:200]}, which no kind of study does "
        f"(there are {', '.join(KINDS)}); connect a project that `import` made"
    )
    raise ConfigError(msg)


def _are_digits(row: tuple[str, ...]) -> bool:
    return len(row) >= 10 and all(text.replace(".", "", 1).isdecimal() for text in row)
