"""When a model learns again, from what, and whether it stays; without a server."""

import logging
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations
from ls_integration.errors import ModelError
from ls_integration.models.corrections import compare, correct
from ls_integration.models.training_data import (
    TrainingData,
    load_training,
    save_training,
    training_path,
)
from ls_integration.serving.application import START_TRAINING
from ls_integration.serving.training import Retraining
from ls_integration.workflows.corrected_items import decided_answers, targets

PROJECT = 7


def _retraining(folder: Path, after: int | None, code: str = "pass") -> Retraining:
    command = [sys.executable, "-c", f"print('trained', flush=True); {code}"]
    return Retraining(
        command, {}, lambda: {PROJECT}, after, folder / "answers.json", folder / "training.log"
    )


def _answer(number: Any, project: int = PROJECT, **more: Any) -> dict[str, Any]:
    return {"project": {"id": project}, "annotation": {"id": number, **more}}


def _wait_until_over(retraining: Retraining) -> None:
    end = time.monotonic() + 60
    while retraining.is_training:
        assert time.monotonic() < end
        time.sleep(0.05)


def _n_trainings(folder: Path) -> int:
    log = folder / "training.log"
    return log.read_text().count("trained") if log.exists() else 0


def test_enough_new_answers_train_once(tmp_path: Path) -> None:
    """From several threads at once; then as many are needed again."""
    retraining = _retraining(tmp_path, 50, "import time; time.sleep(1)")
    threads = [
        threading.Thread(target=retraining, args=("ANNOTATION_CREATED", _answer(number)))
        for number in range(60)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert retraining.is_training
    _wait_until_over(retraining)
    assert _n_trainings(tmp_path) == 1
    # Those that came after its start are new for the next one.
    assert retraining.n_new <= 10


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("ANNOTATION_CREATED", _answer(1, project=8)),
        ("ANNOTATION_CREATED", _answer(1, was_cancelled=True)),
        ("ANNOTATION_CREATED", _answer("1")),
        ("ANNOTATION_CREATED", {"project": PROJECT, "annotation": {"id": 1}}),
        ("ANNOTATION_CREATED", {"annotation": []}),
        ("ANNOTATIONS_DELETED", _answer(1)),
        ("PROJECT_UPDATED", {"project": {"id": PROJECT}}),
        ("TASKS_CREATED", {}),
    ],
)
def test_other_events_do_not_count(tmp_path: Path, event: str, payload: dict[str, Any]) -> None:
    """Skips, other studies' projects, what is no answer."""
    retraining = _retraining(tmp_path, 1)
    retraining(event, payload)
    assert (retraining.n_new, retraining.is_training) == (0, False)


def test_an_answer_that_is_corrected_is_one_answer(tmp_path: Path) -> None:
    """However often; and a restart of the backend forgets none."""
    retraining = _retraining(tmp_path, 50)
    for _ in range(100):
        retraining("ANNOTATION_UPDATED", _answer(1))
    retraining("ANNOTATION_CREATED", _answer(2))
    assert retraining.n_new == 2
    assert _retraining(tmp_path, 50).n_new == 2
    (tmp_path / "answers.json").write_text("{")
    assert _retraining(tmp_path, 50).n_new == 0


def test_the_button_trains_at_once_and_not_twice(tmp_path: Path) -> None:
    """Without a number of answers only the button does."""
    retraining = _retraining(tmp_path, None, "import time; time.sleep(1)")
    for number in range(60):
        retraining("ANNOTATION_CREATED", _answer(number))
    assert not retraining.is_training
    retraining(START_TRAINING, {})
    retraining(START_TRAINING, {})
    _wait_until_over(retraining)
    assert (_n_trainings(tmp_path), retraining.n_new) == (1, 0)


def test_a_training_that_fails_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And nothing else happens: the old model answers."""
    retraining = _retraining(tmp_path, None, "raise SystemExit(1)")
    with caplog.at_level(logging.WARNING):
        retraining(START_TRAINING, {})
        _wait_until_over(retraining)
    assert "the training failed (code 1); see" in caplog.text


def _data(n_items: int, seed: int, *, wrong: int = 0) -> tuple[TrainingData, np.ndarray[Any, Any]]:
    """Draw features that tell the rating, of which the first few are wrong; give the right ones."""
    generator = np.random.default_rng(seed)
    right = generator.uniform(0.3, 1.0, n_items).round(3)
    features = (right[:, None] + generator.normal(0, 0.08, (n_items, 4))).astype(np.float32)
    said = right.copy()
    said[:wrong] = np.where(right[:wrong] >= 0.7, 0.3, 0.9)
    groups = np.array([f"session-{row % 6}" for row in range(n_items)])
    return TrainingData(features, said, groups, "sted-1"), right


def test_corrections_take_the_place_of_what_was_learnt() -> None:
    """What was trained on is known by its features and keeps its group; others are added."""
    before, right = _data(60, 1, wrong=10)
    other, _ = _data(5, 2)
    answered = TrainingData(
        np.concatenate([before.features[:10], other.features]),
        np.concatenate([right[:10], other.target]),
        np.array([""] * 10 + ["session-1"] * 3 + [""] * 2),
        "sted-1",
    )
    corrected = correct(before, answered)
    assert (corrected.n_changed, corrected.n_added) == (10, 5)
    data = corrected.data
    np.testing.assert_array_equal(data.target[:60], right)
    np.testing.assert_array_equal(data.groups[:60], before.groups)
    numbers = data.group_numbers
    assert numbers[60] == numbers[1]
    assert len(set(numbers[63:]) | set(numbers[:60])) == 6 + 2


def test_right_answers_make_a_better_model_and_wrong_ones_a_worse() -> None:
    """Measured on the corrected targets of groups that neither has seen."""
    wrong, right = _data(120, 3, wrong=40)
    better = TrainingData(wrong.features, right, wrong.groups, "sted-1")
    before, after = compare(wrong, better, "sted-rating", 0)
    assert after > before
    unchanged = compare(better, better, "sted-rating", 0)
    assert unchanged[0] == unchanged[1] == pytest.approx(after)


def test_training_data_come_back(tmp_path: Path) -> None:
    """Bit for bit; an item without a group is its own."""
    data, _ = _data(10, 4)
    data = TrainingData(data.features, data.target, np.array([""] * 4 + ["ä"] * 6), "sted-1")
    save_training(tmp_path / "m.skops", data)
    read = load_training(tmp_path / "m.skops")
    for name in ("features", "target", "groups"):
        np.testing.assert_array_equal(getattr(read, name), getattr(data, name))
    assert len(set(read.group_numbers)) == 5


@pytest.mark.parametrize("how", ["gone", "cut", "pickle", "short", "nan"])
def test_other_training_data_are_refused(tmp_path: Path, how: str) -> None:
    """One line, and no pickle is read."""
    model, (data, _) = tmp_path / "m.skops", _data(10, 4)
    path = training_path(model)
    if how == "cut":
        save_training(model, data)
        path.write_bytes(path.read_bytes()[:-300])
    elif how == "pickle":
        np.savez(path, features=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif how == "short":
        np.savez(
            path,
            features=data.features,
            target=data.target[:-1],
            groups=data.groups,
            features_version="sted-1",
        )
    elif how == "nan":
        bad = np.full_like(data.features, np.nan)
        save_training(model, TrainingData(bad, data.target, data.groups, "sted-1"))
    with pytest.raises(ModelError, match="train"):
        load_training(model)


def test_people_have_one_vote_on_an_item() -> None:
    """Their newest; a tie teaches nothing."""
    rows = [
        ("a", "Ada", "normal", 1),
        ("a", "Ada", "anomaly", 2),
        ("b", "Ada", "normal", 1),
        ("b", "Ben", "anomaly", 2),
        ("c", "Ada", "anomaly", 1),
        ("c", "Ben", "anomaly", 2),
        ("c", "Cy", "normal", 3),
    ]
    table = pd.DataFrame(rows, columns=["item_id", "annotator", "label", "updated_at"])
    table["updated_at"] = pd.to_datetime(table["updated_at"], unit="s", utc=True)
    answers = decided_answers(check_annotations(table))
    assert answers["label"].to_dict() == {"a": "anomaly", "c": "anomaly"}


def test_an_answer_teaches_a_rating() -> None:
    """The known one if they agree, else the usual one of images called so."""
    items = pd.DataFrame({"item_id": list("abcd"), "rating": [0.7, 0.9, np.nan, 0.2]})
    answers = pd.DataFrame(
        {"label": ["normal", "anomaly", "normal", None], "rating": [np.nan] * 4},
        index=list("abcd"),
    )
    learnt = np.array([0.1, 0.3, 0.5, 0.8, 0.9])
    assert targets("sted-quality", answers, items, learnt) == {"a": 0.7, "b": 0.3, "c": 0.85}
    ratings = pd.DataFrame({"label": [None], "rating": [0.73]}, index=["b"])
    assert targets("sted-rating", ratings, items, learnt) == {"b": 0.73}
    said = pd.DataFrame(
        {"label": ["artifact", "no artifact", "unsure"], "rating": [np.nan] * 3}, index=list("abc")
    )
    assert targets("cutouts", said, items, learnt) == {"a": 1.0, "b": 0.0}
