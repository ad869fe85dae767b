"""What `improve` writes: its numbers, the curve as table and figure."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ls_integration.files import write_json
from ls_integration.models.improvement import Improvement, ReviewCurve
from ls_integration.results.figures.drawing import write_png
from ls_integration.results.figures.review_curve import draw_review_curves
from ls_integration.results.tables import write_csv
from ls_integration.scoring.measure import Measure

IMPROVEMENT_FILE, CURVE_FILE, PICTURE_FILE = (
    "improvement.json",
    "review_curve.csv",
    "review_curve.png",
)


def write_improvement(
    folder: Path,
    improvement: Improvement,
    curves: Sequence[ReviewCurve],
    *,
    recipe: str,
    grouped_by: str,
    n_reviewed: int,
) -> list[Path]:
    """Write ``improvement.json`` and, with curves, ``review_curve.csv`` and ``.png``.

    Parameters
    ----------
    folder : Path
        Where they go.
    improvement : Improvement
        Old against corrected labels.
    curves : sequence of ReviewCurve
        The simulated review; may be empty.
    recipe : str
        What was trained.
    grouped_by : str
        What no model had seen of what it scored.
    n_reviewed : int
        Items that people answered.

    Returns
    -------
    list of Path
        What was written.
    """
    values: dict[str, Any] = {
        "recipe": recipe,
        "grouped_by": grouped_by,
        "n_reviewed": n_reviewed,
        "warnings": [],
    }
    for name, value in asdict(improvement).items():
        measure = getattr(improvement, name)
        if not isinstance(measure, Measure):
            values[name] = value
            continue
        values[name] = measure.value
        values[f"{name}_ci95"] = None if measure.ci95 is None else list(measure.ci95)
        if measure.reason:
            values["warnings"].append(f"{name}: {measure.reason}")
    write_json(folder / IMPROVEMENT_FILE, values)
    written = [folder / IMPROVEMENT_FILE]
    if curves:
        drawing = draw_review_curves(curves, grouped_by)
        write_csv(folder / CURVE_FILE, drawing.numbers)
        written += [folder / CURVE_FILE, write_png(folder / PICTURE_FILE, drawing.figure)]
    return written
