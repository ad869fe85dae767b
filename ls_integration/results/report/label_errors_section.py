"""The part of the report on known labels that look wrong."""

import pandas as pd

from ls_integration.results.label_errors import LABEL_ERRORS_FILE, rank_labels
from ls_integration.results.report.section import Findings, Section

SHOWN_AT_MOST = 15
"""Rows of the page's table; all are in the file."""


def show_label_errors(findings: Findings) -> Section | None:
    """Show how many known labels are probably wrong, and which are the most doubtful.

    Parameters
    ----------
    findings : Findings
        What was found.

    Returns
    -------
    Section or None
        None where no known label has an answer or a score beside it.
    """
    if not findings.metrics["label_errors"]["n_ranked"]:
        return None
    ranking = rank_labels(findings.study)
    doubtful = ranking.loc[ranking["suggested_label"].notna()].head(SHOWN_AT_MOST)
    items = findings.study.items.take(doubtful["place"].to_numpy())
    names = items["source_path"] if "source_path" in items.columns else items["item_id"]
    rows = [
        {**row, "name": name, "model": None if pd.isna(probability) else probability}
        for row, name, probability in zip(
            doubtful.to_dict("records"), names, doubtful["model_probability"], strict=True
        )
    ]
    return Section("label_errors", values={"rows": rows, "file": LABEL_ERRORS_FILE})
