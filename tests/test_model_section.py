"""The report on the model: calibration and everybody against it."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.results.metrics import build_metrics
from ls_integration.results.report import write_report
from ls_integration.results.tables import check_items


def write(
    folder: Path,
    factor: float = 1.0,
    threshold: float | None = 0.5,
    *,
    names: Sequence[str] = ("Person 0", "Person 1", "Person 2"),
    shown_to: str = "",
) -> str:
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
                "annotator": name,
                "prefilled": name == shown_to,
                "label": np.where(truth ^ (generator.random(400) < share), "anomaly", "normal"),
            }
        )
        for name, share in zip(names, (0.1, 0.2, 0.35), strict=True)
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


def test_who_saw_an_answer_first_is_marked_against_the_model_too(tmp_path: Path) -> None:
    """That person, and what they all say together; nobody else, and nobody in a blind study."""
    page = write(tmp_path / "one", shown_to="Person 1")
    part = page[page.index("people against the model") :]
    assert "Person 0 400" in part
    assert "Person 1 saw an answer first 400" in part
    assert "Person 2 400" in part
    for name in ("Majority", "Dawid–Skene"):
        assert f"{name} some saw an answer first 400" in part
    assert "saw an answer first" not in write(tmp_path / "blind")


def test_the_numbers_tell_a_person_called_model_from_the_model(tmp_path: Path) -> None:
    """And one called Majority: each row of each figure of those who decide has a role."""
    write(tmp_path, names=("Model", "Majority", "Model, each threshold"))
    people = {("Model", "person"), ("Majority", "person"), ("Model, each threshold", "person")}
    everybody = people | {("Majority", "together"), ("Model", "model")}
    curve = {("Model, each threshold", "model")}
    for name, more in (("rates", set()), ("confusion", set()), ("roc", curve)):
        table = pd.read_csv(tmp_path / "plots" / f"{name}.csv")
        assert set(zip(table["who"], table["role"], strict=True)) == everybody | more
