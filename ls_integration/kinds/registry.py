"""The kinds of study that this version knows."""

from ls_integration.errors import StudyError
from ls_integration.kinds.cutouts_page import CUTOUTS
from ls_integration.kinds.kind import Kind
from ls_integration.kinds.sted_quality_page import STED_QUALITY
from ls_integration.kinds.sted_rating import STED_RATING
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
