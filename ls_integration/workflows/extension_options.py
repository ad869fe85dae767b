"""What `extend` was asked for, and the study's own options that it keeps to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ls_integration.errors import ConfigError, StudyError
from ls_integration.study import Study
from ls_integration.workflows.sted_options import ImportOptions, PictureOptions

_PICTURE_NAMES = ("colormap", "scale", "channel", "plane", "projection")
_KEPT_NAMES = (
    "model_threshold",
    "score_high_means",
    "model_version",
    "normal_at_least",
    "anomaly_below",
    "order",
    "seed",
)


@dataclass(frozen=True)
class Addition:
    """What the user asked `extend` for.

    Attributes
    ----------
    source : Path
        Folder or manifest.
    ratings : Path or None
        Ratings of a folder of images.
    limit : int or None
        Only so many images, the first ones of the source in the study's order.
    skip_bad : bool
        Leave out what cannot be imported instead of stopping.
    repeated : mapping of str to object
        Options of the import that were given again, by their names in
        `ImportOptions` and `PictureOptions`; they must be the study's.
    """

    source: Path
    ratings: Path | None = None
    limit: int | None = None
    skip_bad: bool = False
    repeated: Mapping[str, Any] = field(default_factory=dict)


def options_of(study: Study, addition: Addition) -> ImportOptions:
    """Put the study's options and the new source together.

    Parameters
    ----------
    study : Study
        With the options of its import.
    addition : Addition
        The source, and perhaps options that were given again.

    Returns
    -------
    ImportOptions
        As if the source had been imported into that study.

    Raises
    ------
    StudyError
        Naming each option that was given and is not the study's.
    ConfigError
        If the limit leaves nothing.
    """
    kept = {"blind": study.blind, **study.options}
    differ = [
        f"{_flag(name)} is {kept.get(name)!r} there, not {value!r}"
        for name, value in addition.repeated.items()
        if kept.get(name) != value
    ]
    if differ:
        msg = (
            f"the study '{study.title}' keeps its options ({'; '.join(differ)}); leave them out, "
            "or import the source into a study of its own"
        )
        raise StudyError(msg)
    if addition.limit is not None and addition.limit < 1:
        msg = f"--limit {addition.limit} leaves no image; give 1 or more"
        raise ConfigError(msg)
    return ImportOptions(
        source=addition.source,
        ratings=addition.ratings,
        limit=addition.limit,
        skip_bad=addition.skip_bad,
        blind=study.blind,
        picture=PictureOptions(**{name: study.options[name] for name in _PICTURE_NAMES}),
        **{name: study.options[name] for name in _KEPT_NAMES},
    )


def without_threshold(options: ImportOptions) -> ImportOptions:
    """Give the options for a source that has no scores to decide from.

    Parameters
    ----------
    options : ImportOptions
        From `options_of`.

    Returns
    -------
    ImportOptions
        The same, without the model's threshold.
    """
    return replace(options, model_threshold=None)


def _flag(name: str) -> str:
    """Name an option as the command line does."""
    return f"--{'slice' if name == 'plane' else name.replace('_', '-')}"
