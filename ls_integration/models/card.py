"""The model card: what a model was trained on, how good it is, where it decides."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal, get_args

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from ls_integration.errors import ModelError

ModelKind = Literal["sted-quality", "cutouts"]
"""The questions that models answer."""

MODEL_KINDS: tuple[str, ...] = get_args(ModelKind)

NAME_OF_MODEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""What a version may be: it stands on predictions, in file names and in tables."""
_STRICT: Final = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_ONE_ITEM: Final = "item"

_NOT_FOR = {
    "sted-quality": "Not for other microscopes, stainings or image sizes than those it was trained "
    "on, and not instead of looking: it ranks and pre-annotates images that people decide about.",
    "cutouts": "Not for other cameras, filters or reductions than those it was trained on, and not "
    "instead of looking: it ranks and pre-annotates cutouts that people decide about.",
}


@checked_dataclass(frozen=True, config=_STRICT)
class CardScore:
    """One number of a card.

    Attributes
    ----------
    value : float or None
        None where it is undefined.
    ci95 : tuple of float or None
        The 95 % interval over groups; None where it is undefined.
    reason : str or None
        Why value or interval is undefined.
    """

    value: float | None
    ci95: tuple[float, float] | None = None
    reason: str | None = None


@checked_dataclass(frozen=True, config=_STRICT)
class ModelCard:
    """What a model was trained on, how good it is, where it decides.

    Attributes
    ----------
    kind : {"sted-quality", "cutouts"}
        The question that it answers.
    recipe : str
        Of `estimators.make_estimator`.
    version : str
        Name of this very model, on predictions too; see `make_version`.
    data_sha256 : str
        Hex digest of the training features, targets and groups.
    n_items, n_positive, n_groups : int
        Of the training data; positive is an anomaly or artifact.
    grouped_by : str
        What was held out together in cross-validation: ``session``, ``frame``,
        or ``item`` where there is no group.
    features_version : str
        What the numbers mean that the model was trained on.
    scores : mapping of str to CardScore
        Of cross-validation: every item scored by a model that saw nothing of
        its group.
    threshold : float
        A score at or above it is positive.
    threshold_how : str
        How it was chosen, in words.
    libraries : mapping of str to str
        Name -> version, of the training.
    created_at : str
        ISO 8601, UTC.
    parameters : mapping
        What `train` was asked for; JSON values.
    """

    kind: ModelKind
    recipe: str
    version: str
    data_sha256: str
    n_items: int
    n_positive: int
    n_groups: int
    grouped_by: str
    features_version: str
    scores: Mapping[str, CardScore]
    threshold: float
    threshold_how: str
    libraries: Mapping[str, str]
    created_at: str
    parameters: Mapping[str, str | int | float | bool | None]

    def __post_init__(self) -> None:
        """Refuse a version that cannot stand in a file's name or on a prediction.

        Raises
        ------
        ValueError
            Naming it; `ModelCard.from_json` makes a line of it.
        """
        if not NAME_OF_MODEL.fullmatch(self.version):
            msg = f"the version {self.version[:40]!r} is no name"
            raise ValueError(msg)

    def to_json(self) -> str:
        """Write the card as it lies in the model file.

        Returns
        -------
        str
            Indented JSON.
        """
        return json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "ModelCard":
        """Read a card and check it.

        Parameters
        ----------
        text : str or bytes
            From `to_json`.

        Returns
        -------
        ModelCard
            Every field there, of its type, finite.

        Raises
        ------
        ModelError
            Naming the first field that is wrong.
        """
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "its form"
            msg = f"the model card is damaged ({where[:60]}: {first['msg'][:100]}); train again"
            raise ModelError(msg) from None

    def to_text(self) -> str:
        """Write the card for people.

        Returns
        -------
        str
            Markdown: trained on what, how good, for what not.
        """
        named = "anomalies" if self.kind == "sted-quality" else "artifacts"
        groups = "" if self.grouped_by == _ONE_ITEM else f" in {self.n_groups} {self.grouped_by}s"
        lines = [
            f"# {self.version}",
            "",
            f"A model of `{self.kind}`, recipe `{self.recipe}`, made {self.created_at}.",
            "",
            f"Trained on {self.n_items} items{groups}, {self.n_positive} of them {named} (data "
            f"{self.data_sha256[:12]}, features `{self.features_version}`).",
            "",
            f"Cross-validated, each {self.grouped_by} held out whole:",
            "",
            *(f"- {name}: {_score_text(score)}" for name, score in self.scores.items()),
            "",
            f"Threshold {self.threshold:.6g}: {self.threshold_how}",
            "",
            _NOT_FOR[self.kind],
            "",
            "Trained with " + ", ".join(f"{name} {v}" for name, v in self.libraries.items()) + ".",
        ]
        return "\n".join(lines) + "\n"


_ADAPTER = TypeAdapter(ModelCard)


@dataclass(frozen=True)
class Training:
    """What decides which model comes out of a training.

    Attributes
    ----------
    recipe : str
        Of `estimators.make_estimator`.
    data_sha256 : str
        Of the training data.
    features_version : str
        What the numbers mean.
    libraries : mapping of str to str
        Name -> version.
    parameters : mapping
        JSON values.
    """

    recipe: str
    data_sha256: str
    features_version: str
    libraries: Mapping[str, str]
    parameters: Mapping[str, str | int | float | bool | None]


def make_version(training: Training) -> str:
    """Name a model after all that decides how it scores.

    Parameters
    ----------
    training : Training
        Data, features, libraries, parameters.

    Returns
    -------
    str
        The recipe and 8 hex digits: the same training has the same name, any
        other one another (32 bits: among 100 models two share one with
        probability 1e-6).
    """
    text = json.dumps(asdict(training), sort_keys=True, allow_nan=False)
    return f"{training.recipe}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _score_text(score: CardScore) -> str:
    if score.value is None:
        return f"undefined ({score.reason})"
    if score.ci95 is None or not all(map(math.isfinite, score.ci95)):
        return f"{score.value:.4f} (no interval: {score.reason})"
    return f"{score.value:.4f} (95 %: {score.ci95[0]:.4f} to {score.ci95[1]:.4f})"
