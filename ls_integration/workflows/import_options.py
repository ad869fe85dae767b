"""What an import of any kind was asked for, and what of it a study remembers."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from ls_integration.errors import ConfigError, StudyError
from ls_integration.server.bucket import read_bucket
from ls_integration.study import Study
from ls_integration.workflows.titles import project_title

Order = Literal["file", "random", "uncertain"]

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
    order : {"file", "random", "uncertain"}
        The study's order; random is one seeded order for all, uncertain puts
        first what the model doubts or what contradicts it.
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
    upload : bool
        The pictures are sent to the server, which sees no folder of ours.
    bucket : str or None
        Or they are put into this S3 bucket, ``NAME`` or ``NAME/PREFIX``.
    s3_endpoint : str or None
        Address of its server, where that is not Amazon's.
    """

    source: Path
    study: Path | None = None
    title: str | None = None
    blind: bool = False
    order: Order = "file"
    seed: int = 0
    limit: int | None = None
    skip_bad: bool = False
    people: tuple[str, ...] = ()
    round_number: int = 1
    shared: bool = False
    overlap: int | None = None
    instructions: Path | None = None
    examples: Path | None = None
    upload: bool = False
    bucket: str | None = None
    s3_endpoint: str | None = None


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
        absolute; those of pictures stand among the others.
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
    if options.bucket is not None:
        read_bucket(options.bucket, options.s3_endpoint)
        if options.upload:
            msg = f"--upload and --bucket {options.bucket} are two places for pictures; give one"
            raise ConfigError(msg)
    elif options.s3_endpoint is not None:
        msg = f"--s3-endpoint {options.s3_endpoint} is where a bucket is; add --bucket NAME"
        raise ConfigError(msg)
    if options.limit is not None and options.limit < 1:
        msg = f"--limit {options.limit} leaves no image; give 1 or more"
        raise ConfigError(msg)
    if options.seed < 0:
        msg = f"--seed {options.seed} is negative; give 0 or more"
        raise ConfigError(msg)
    if options.blind and options.order == "uncertain":
        msg = (
            "--blind with --order uncertain would tell what the model doubts by what comes first; "
            "give --order random"
        )
        raise ConfigError(msg)


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
    then = {"shared": False, "upload": False, "score_high_means": "anomaly", **study.options}
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
