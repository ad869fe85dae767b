"""A small model trained on the synthetic sample, for the tests of the backend that serves it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ls_integration.images.read import read_image
from ls_integration.kinds.sted_source import read_source
from ls_integration.models import cutout_features, sted_features
from ls_integration.models.estimators import make_estimator
from ls_integration.models.model import Model
from ls_integration.models.saved import save_model
from tests.model_files import small_model

RECIPE = "sted-rating"


def train_on(manifest: Path, path: Path, *, seed: int = 0) -> Model:
    """Train on a manifest, as `train` does but for the cross-validation, and save the model."""
    rows = read_source(manifest).rows
    counts = np.stack([read_image(Path(file)) for file in rows["file"]])
    groups = np.unique(rows["group"], return_inverse=True)[1]
    estimator = make_estimator(RECIPE, seed)
    estimator.fit(sted_features.extract(counts), rows["rating"].to_numpy(), groups)
    card = replace(small_model(RECIPE).card, version=f"{RECIPE}-{seed:08x}")
    model = Model(card, estimator)
    save_model(path, model)
    return model


def cutout_model(path: Path, *, threshold: float = 0.5) -> Model:
    """Save a model of cutouts that was trained on next to nothing."""
    generator = np.random.default_rng(5)
    target = generator.uniform(0.2, 1.0, 60)
    noise = generator.normal(0, 0.3, (60, len(cutout_features.NAMES)))
    # Any recipe will do: what it scores is not looked at.
    estimator = make_estimator(RECIPE).fit(
        (target[:, None] + noise).astype(np.float32), target, np.arange(60) % 5
    )
    card = replace(
        small_model(RECIPE).card,
        kind="cutouts",
        version="cutouts-0123abcd",
        features_version=cutout_features.VERSION,
        threshold=threshold,
    )
    model = Model(card, estimator)
    save_model(path, model)
    return model
