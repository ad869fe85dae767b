"""What an import was asked for, and what of it a study remembers."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from ls_integration.errors import ConfigError, StudyError
from ls_integration.images.read import Projection
from ls_integration.images.render import check_colormap, parse_scale
from ls_integration.kinds.sted_source import ANOMALY_BELOW, NORMAL_AT_LEAST
from ls_integration.study import Study

TITLE_MIN_CHARACTERS, TITLE_MAX_CHARACTERS = 3, 50
"""What Label Studio accepts as a project's title (its settings)."""

_CUT_TITLE_CHARACTERS = 10
"""A study's title is not cut further than this to make room for a person's name."""


_NOT_REMEMBERED = (
    "study",
    "title",
    "blind",
    "people",
    "round_number",
    "skip_bad",
    "instructions",
    "examples",
    "view",
)


@dataclass(frozen=True)
class PictureOptions:
    """How images become pictures; the same for the whole study.

    Attributes
    ----------
    colormap : str
        A name that matplotlib knows.
    scale : str
        ``minmax``, ``percentile`` or ``counts MAX``.
    channel, plane, projection
        Which part of a stack is shown, see `images.read.read_image`.
    """

    colormap: str = "hot"
    scale: str = "minmax"
    channel: int | None = None
    plane: int | None = None
    projection: Projection | None = None


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """What an import of any kind may be asked for.

    Attributes
    ----------
    source : Path
        Where the images are, or their table.
    study : Path or None
        The study's folder; by default ``studies/`` and the title's slug.
    title : str or None
        By default made from the source's name.
    blind : bool
        Nothing that would tell the answer goes to the server.
    order : {"file", "random"}
        The study's order; random is one seeded order for all.
    seed : int
        Of whatever is random.
    limit : int or None
        Only so many items, the first ones of the order.
    skip_bad : bool
        Leave out what cannot be imported instead of stopping.
    people : tuple of str
        Names; each gets a project of their own. None: the owner gets one.
    round_number : int
        Which round the new projects ask, from 1.
    shared : bool
        One project for all people instead of one for each.
    overlap : int or None
        Answers per item of a shared study; None: one.
    instructions : Path or None
        Markdown to add to the kind's own instructions.
    examples : Path or None
        Folder of pictures to show in the instructions.
    """

    source: Path
    study: Path | None = None
    title: str | None = None
    blind: bool = False
    order: Literal["file", "random"] = "file"
    seed: int = 0
    limit: int | None = None
    skip_bad: bool = False
    people: tuple[str, ...] = ()
    round_number: int = 1
    shared: bool = False
    overlap: int | None = None
    instructions: Path | None = None
    examples: Path | None = None


@dataclass(frozen=True, kw_only=True)
class StedOptions(StudyOptions):
    """What both imports of STED images may be asked for.

    Attributes
    ----------
    ratings : Path or None
        Ratings of a folder of images.
    normal_at_least, anomaly_below : float
        Limits of the ratings, in [0, 1].
    picture : PictureOptions
        How images become pictures.
    """

    ratings: Path | None = None
    normal_at_least: float = NORMAL_AT_LEAST
    anomaly_below: float = ANOMALY_BELOW
    picture: PictureOptions = field(default_factory=PictureOptions)


@dataclass(frozen=True, kw_only=True)
class RatingOptions(StedOptions):
    """What the user asked `import sted-rating` for: one of the three selections.

    Attributes
    ----------
    select : Path or None
        List of images, an ``imgs_to_check.npz``.
    range : tuple of float or None
        Ratings from the first up to the second, in [0, 1].
    from_disagreements : Path or None
        Results of a study of normal and anomaly: what most people dispute.
    """

    select: Path | None = None
    range: tuple[float, float] | None = None
    from_disagreements: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ImportOptions(StedOptions):
    """What the user asked `import sted-quality` for.

    Attributes
    ----------
    model_threshold : float or None
        Score from which an image counts as an anomaly.
    score_high_means : {"anomaly", "normal"}
        What a high score of the source says.
    model_version : str
        Name of the source's model on the server.
    """

    model_threshold: float | None = None
    score_high_means: Literal["anomaly", "normal"] = "anomaly"
    model_version: str = "model"


def remembered(options: StudyOptions) -> dict[str, Any]:
    """Give the options that make the study what it is, as JSON values.

    Parameters
    ----------
    options : StudyOptions
        All of them.

    Returns
    -------
    dict
        Without the study's folder, the people, the round, the instructions
        and ``skip_bad``, which may differ from one call to the next. Paths are
        absolute; those of `PictureOptions` stand among the others.
    """
    kept = {
        name: _as_json(value)
        for name, value in asdict(options).items()
        if name not in _NOT_REMEMBERED
    }
    kept["overlap"] = (options.overlap or 1) if options.shared else None
    return {**kept, **kept.pop("picture", {})}


def _as_json(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value.absolute())
    return list(value) if isinstance(value, tuple) else value


def check_options(options: ImportOptions, title: str) -> None:
    """Refuse options of `import sted-quality` before anything is read.

    Parameters
    ----------
    options : ImportOptions
        All of them.
    title : str
        The study's title.

    Raises
    ------
    ConfigError
        Naming the option and its value.
    """
    check_picture_options(options.picture)
    check_study_options(options, title)
    if options.model_threshold is not None and not math.isfinite(options.model_threshold):
        msg = f"--model-threshold {options.model_threshold} is not a finite number; give one"
        raise ConfigError(msg)
    if not options.model_version.strip():
        msg = "--model-version is empty; give the model a name"
        raise ConfigError(msg)


def check_picture_options(picture: PictureOptions) -> None:
    """Refuse what no picture can be made with.

    Parameters
    ----------
    picture : PictureOptions
        How images become pictures.

    Raises
    ------
    ConfigError
        Naming the option and its value.
    """
    parse_scale(picture.scale)
    check_colormap(picture.colormap)


def check_study_options(options: StudyOptions, title: str) -> None:
    """Refuse options of any kind that cannot be right before anything is read.

    Parameters
    ----------
    options : StudyOptions
        All of them.
    title : str
        The study's title.

    Raises
    ------
    ConfigError
        Naming the option and its value.
    """
    if not title.strip() or not title.isprintable():
        msg = f"the title {title!r} is empty or not printable; give another --title"
        raise ConfigError(msg)
    project_title(title, None, round_number=1)
    if options.overlap is not None and not options.shared:
        msg = (
            f"--overlap {options.overlap} is for one project that all people share; add --shared, "
            "or leave it out: without it everybody answers everything"
        )
        raise ConfigError(msg)
    if options.overlap is not None and options.overlap < 1:
        msg = f"--overlap {options.overlap} asks nobody; give 1 or more"
        raise ConfigError(msg)
    if options.limit is not None and options.limit < 1:
        msg = f"--limit {options.limit} leaves no image; give 1 or more"
        raise ConfigError(msg)
    if options.seed < 0:
        msg = f"--seed {options.seed} is negative; give 0 or more"
        raise ConfigError(msg)


def person_names(names: Sequence[str]) -> tuple[str, ...]:
    """Give the people's names as they stand on result files, each once.

    Parameters
    ----------
    names : sequence of str
        As the user typed them.

    Returns
    -------
    tuple of str
        In the order given, with single spaces.
    """
    return tuple(dict.fromkeys(" ".join(name.split()) for name in names))


def project_title(study_title: str, name: str | None, round_number: int, view: str = "") -> str:
    """Write the title of one person's project.

    Parameters
    ----------
    study_title : str
        The study's.
    name : str or None
        Whose project; None: the owner's, who is not named.
    round_number : int
        Counted from 1; the first one is not named.
    view : str
        Which of the kind's pages it shows; the usual one is not named.

    Returns
    -------
    str
        For example ``STED quality lab · Ada · round 2``. A study's title is
        cut, and ends in "…", where the name needs its room.

    Raises
    ------
    ConfigError
        If Label Studio would refuse it.
    """
    suffix = f" · {view}" if view else ""
    suffix += f" · round {round_number}" if round_number > 1 else ""
    ending = f"{'' if name is None else f' · {name}'}{suffix}"
    room = TITLE_MAX_CHARACTERS - len(ending)
    if ending and len(study_title) > room >= _CUT_TITLE_CHARACTERS:
        study_title = f"{study_title[: room - 1].rstrip()}…"
    title = f"{study_title}{ending}"
    if not TITLE_MIN_CHARACTERS <= len(title) <= TITLE_MAX_CHARACTERS:
        msg = (
            f"the project title '{title}' has {len(title)} characters, Label Studio takes "
            f"{TITLE_MIN_CHARACTERS} to {TITLE_MAX_CHARACTERS}; give a shorter title or name"
        )
        raise ConfigError(msg)
    return title


def check_project_titles(study_title: str, names: Sequence[str], round_number: int) -> None:
    """Refuse a name that makes a title too long, before anything is made.

    Parameters
    ----------
    study_title : str
        The study's.
    names : sequence of str
        The people's; none: the owner's project is meant.
    round_number : int
        Counted from 1.

    Raises
    ------
    ConfigError
        Naming the title and its length.
    """
    for name in person_names(names) or (None,):
        project_title(study_title, name, round_number)


def check_same_options(study: Study, options: StudyOptions, folder: Path) -> None:
    """Refuse to go on with a study that was imported with other options.

    Parameters
    ----------
    study : Study
        What is there.
    options : StudyOptions
        What is asked.
    folder : Path
        The study's folder, for the message.

    Raises
    ------
    StudyError
        Naming each option that differs, with both values.
    """
    asked = remembered(options)
    then = {"shared": False, **study.options}
    differ = [
        f"{name.replace('_', '-')} was {then.get(name)!r}, is {value!r}"
        for name, value in asked.items()
        if then.get(name) != value
    ]
    if study.blind != options.blind:
        differ.insert(0, f"blind was {study.blind}, is {options.blind}")
    if options.title is not None and study.title != options.title:
        differ.append(f"title was {study.title!r}, is {options.title!r}")
    if differ:
        msg = (
            f"the study {folder} was imported with other options ({'; '.join(differ)}); use the "
            "same ones (if a source was moved: a link in its old place), another folder with "
            "--study, or `extend` to add the images of another source"
        )
        raise StudyError(msg)
