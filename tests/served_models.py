"""A small model trained on the synthetic sample, for the tests of the backend that serves it."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ls_integration.images.read import read_image
from ls_integration.kinds.sted_source import read_source
from ls_integration.models import sted_features
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
