"""Small frames of a survey and a model of them, for the tests of `predict` over many."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_integration.models import cutout_features
from ls_integration.models.estimators import make_estimator
from ls_integration.models.model import Model
from ls_integration.models.saved import save_model
from tests.model_files import small_model

TILE = 112
"""The smallest side in px that the features of cutouts can measure is 104."""


def draw_frame(seed: int, width: int = 2 * TILE, height: int = TILE) -> NDArray[Any]:
    """Draw noise, stars and, in one of each two tiles, a streak: brighter or fainter."""
    generator = np.random.default_rng(seed)
    values = generator.normal(100, 5, (height, width)).astype(np.float32)
    for y, x in generator.integers(2, 100, (12, 2)):
        values[y - 2 : y + 2, x - 2 : x + 2] += generator.uniform(50, 500)
    left = TILE * (seed % 2)
    values[20 + seed % 60 :: TILE, left : left + TILE] += generator.uniform(0, 25)
    return values


def write_frame(path: Path, seed: int) -> None:
    """Write a frame as NPY."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, draw_frame(seed))


def write_survey(folder: Path, n_frames: int) -> Path:
    """Write frames of two tiles each, some in a folder below."""
    for number in range(n_frames):
        below = "night 2" if number % 3 == 2 else "."
        write_frame(folder / below / f"frame {number:03d}.npy", number)
    return folder


def survey_model(path: Path, threshold: float = 0.5) -> Model:
    """Train a model to see the streaks, and save it."""
    seeds = range(1000, 1012)
    corners = np.array([[0, 0], [TILE, 0]])
    features = [cutout_features.extract(draw_frame(seed), corners, TILE) for seed in seeds]
    target = [float(seed % 2 == side) for seed in seeds for side in range(2)]
    estimator = make_estimator("cutouts")
    estimator.fit(np.concatenate(features), np.array(target), np.repeat(list(seeds), 2) % 4)
    model = Model(replace(small_model("cutouts").card, threshold=threshold), estimator)
    save_model(path, model)
    return model


def hashes(folder: Path) -> dict[str, str]:
    """Hash all files that are not hidden."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
