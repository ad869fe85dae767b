"""Tables of cutouts for the tests: the real ones, and one small enough for paper."""

import hashlib

from ls_integration.kinds.cutouts_table import CutoutTable, parse_predictions_table

SMALL = """\
grid_id,image_name,grid_x,grid_y,label,preds,scores,confmat_labels,error_id,label_new
g0,A,0,0,0,0,0.1,TN,-1,0
g1,A,200,0,0,1,0.99,FP,0,0
g2,A,0,200,1,1,0.97,TP,-1,1
g3,A,200,200,1,0,0.5,FN,1,1
g4,B.x_1,0,0,0,1,0.96,FP,2,0
g5,B.x_1,200,0,1,1,1.0,TP,-1,
"""
"""Two frames; TN FP TP FN, FP TP; the last label_new is empty."""

BARE = """\
image_name,grid_x,grid_y,label,confidence
A,0,0,0,0.1
A,200,0,0,0.99
A,0,200,1,0.97
A,200,200,1,0.5
B.x_1,0,0,0,0.96
B.x_1,200,0,1,1.0
"""
"""The same cutouts with the needed columns only."""


def parse(text: str | bytes, **options: float) -> CutoutTable:
    """Read a table from its text."""
    data = text.encode() if isinstance(text, str) else text
    return parse_predictions_table(data, "t.csv", **options)  # type: ignore[arg-type]


def make_id(source_path: str) -> str:
    """Make an id that is neither the path nor in the order of the paths."""
    return hashlib.sha256(source_path.encode()).hexdigest()[:16]
