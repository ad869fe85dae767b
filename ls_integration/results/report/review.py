"""The part of the report about the review of cutouts: predictions and labels before and after."""

from ls_integration.kinds import cutouts
from ls_integration.results.cutouts import check_cutouts, decide
from ls_integration.results.cutouts_changes import count_by_frame, count_by_outcome, label_flow
from ls_integration.results.figures.drawing import Drawing
from ls_integration.results.figures.label_changes import (
    plot_changes_by_frame,
    plot_label_changes,
)
from ls_integration.results.report.section import Findings, Section


def show_review(findings: Findings) -> Section | None:
    """Show the predictions of cutouts before and after the review, and the changed labels.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        Of a study of cutouts only.
    """
    if findings.metrics["kind"] != cutouts.KIND:
        return None
    if findings.annotations is None:
        return Section("review", values={"changes": []})
    decisions = decide(findings.annotations, annotator=findings.metrics["annotator"])
    flow = label_flow(check_cutouts(findings.study.items), decisions)
    counts, frames = count_by_outcome(flow), count_by_frame(flow)
    drawings: list[Drawing] = []
    if len(counts):
        drawings.append(plot_label_changes(counts))
    if frames["n_changed"].any():
        drawings.append(plot_changes_by_frame(frames))
    return Section("review", tuple(drawings), {"changes": counts.to_dict("records")})
