"""Small trained models and what poisons their files, for the tests of models."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_integration.models.card import CardScore, ModelCard
from ls_integration.models.estimators import make_estimator
from ls_integration.models.model import FEATURE_SETS, RECIPE_FEATURES, Model
from ls_integration.models.saved import library_versions


def training_data(recipe: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Draw features that tell the target a little, the target, and five groups."""
    generator = np.random.default_rng(5)
    target = generator.uniform(0.2, 1.0, 60)
    names = FEATURE_SETS[RECIPE_FEATURES[recipe]].names
    noise = generator.normal(0, 0.3, (60, len(names)))
    features = (target[:, None] + noise).astype(np.float32)
    if recipe == "cutouts":
        target = (target < 0.6).astype(np.float64)
    return features, target, np.arange(60, dtype=np.int64) % 5


def small_model(recipe: str = "sted-rating", threshold: float = 0.5) -> Model:
    """Train a model of a recipe on next to nothing."""
    card = ModelCard(
        kind="cutouts" if recipe == "cutouts" else "sted-quality",
        recipe=recipe,
        version=f"{recipe}-0123abcd",
        data_sha256="0" * 64,
        n_items=60,
        n_positive=36,
        n_groups=5,
        grouped_by="session",
        features_version=RECIPE_FEATURES[recipe],
        scores={"AUC": CardScore(0.75, (0.5, 1.0)), "AP": CardScore(None, None, "one class")},
        threshold=threshold,
        threshold_how="by hand",
        libraries=library_versions(),
        created_at="2026-01-01T00:00:00+00:00",
        parameters={"seed": 0, "threshold": None},
    )
    return Model(card, make_estimator(recipe).fit(*training_data(recipe)))


def members_of(data: bytes) -> dict[str, bytes]:
    """Unpack a model file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """Pack a model file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, part in members.items():
            archive.writestr(name, part)
    return content.getvalue()


def with_schema(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """Change what a file asks for; its checksums fit."""
    members = members_of(data)
    schema = json.loads(members["schema.json"])
    change(schema)
    return packed({**members, "schema.json": json.dumps(schema).encode()})


def nodes(value: Any) -> list[dict[str, Any]]:
    """List all nodes of a schema."""
    found = []
    if isinstance(value, dict):
        found += [value] if "__loader__" in value else []
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            found += nodes(inner)
    return found
