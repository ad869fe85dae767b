"""Studies in a notebook: tables as DataFrames, figures, the report in the page."""

from ls_integration.notebook.opening import open_study, score
from ls_integration.notebook.samples import sample_results
from ls_integration.notebook.scored_study import ScoredStudy

__all__ = ["ScoredStudy", "open_study", "sample_results", "score"]
