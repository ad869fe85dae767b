"""The report on the model: calibration and everybody against it."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.results.metrics import build_metrics
from ls_integration.results.report import write_report
from ls_integration.results.tables import check_items


def write(folder: Path, factor: float = 1.0, threshold: float | None = 0.5) -> str:
    generator = np.random.default_rng(7)
    truth = generator.random(400) < 0.4
    score = factor / (1 + np.exp(-generator.normal(2 * truth - 1, 1.2)))
    items = check_items(
        pd.DataFrame(
            {
                "item_id": [f"i{row}" for row in range(400)],
                "label": np.where(truth, "anomaly", "normal"),
                "model_score": score,
            }
        )
    )
    answers = [
        pd.DataFrame(
            {
                "item_id": items["item_id"],
                "annotator": f"Person {number}",
                "label": np.where(truth ^ (generator.random(400) < share), "anomaly", "normal"),
            }
        )
        for number, share in enumerate((0.1, 0.2, 0.35))
    ]
    annotations = check_annotations(pd.concat(answers, ignore_index=True))
    metrics = build_metrics(items, annotations, positive="anomaly", model_threshold=threshold)
    write_report(folder, items, annotations, metrics)
    return " ".join(re.sub(r"<[^>]+>", " ", (folder / "report.html").read_text("utf-8")).split())


def test_probabilities_have_a_curve_and_everybody_a_row(tmp_path: Path) -> None:
    """Bins add up to the items, bars too; each person, majority and Dawid-Skene has a row."""
    page = write(tmp_path)
    numbers = pd.read_csv(tmp_path / "plots" / "calibration.csv")
    assert numbers.groupby("part")["n"].sum().to_dict() == {"bar": 400, "bin": 400}
    assert (tmp_path / "plots" / "calibration.png").exists()
    part = page[page.index("people against the model") :]
    assert "Brier score" in part
    for name in ("Person 0", "Person 1", "Person 2", "Majority", "Dawid–Skene"):
        assert f"{name} 400" in part


@pytest.mark.parametrize("threshold", [50.0, None])
def test_other_scores_say_why_not(tmp_path: Path, threshold: float | None) -> None:
    """No figure, one sentence; without a threshold only the distance from the curve."""
    page = write(tmp_path, factor=100.0, threshold=threshold)
    assert not (tmp_path / "plots" / "calibration.png").exists()
    assert "No Brier score and no calibration: the scores are no probabilities (from" in page
    assert ("Person 0 400 – – –" in page) == (threshold is None)
