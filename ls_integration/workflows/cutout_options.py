"""What `import cutouts` was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from ls_integration.errors import ConfigError
from ls_integration.images.stretch import Stretch
from ls_integration.images.tiles import Origin
from ls_integration.kinds.cutouts import Show
from ls_integration.study import Study
from ls_integration.workflows.import_options import StudyOptions, check_study_options


@dataclass(frozen=True, kw_only=True)
class CutoutOptions(StudyOptions):
    """What the user asked `import cutouts` for; ``source`` is the folder of frames.

    Attributes
    ----------
    predictions : Path
        The table of cutouts.
    threshold : float or None
        Score from which a cutout counts as an artifact, where the table does
        not say it or shall be checked.
    tile_px : int
        Side of a cutout in px.
    show : {"errors", "positives", "all"}
        Which cutouts are asked about.
    view : {"cutout", "frame"}
        A page for each cutout or for each frame; may differ from call to call.
    stretch : {"none", "minmax", "zscale", "asinh"} or None
        None: zscale, or none for pictures.
    origin : {"upper", "lower"} or None
        What ``grid_y`` counts from; None: upper for pictures, else lower.
    hdu : str or None
        Unit of the FITS files, by number or name.
    bands : tuple of str
        Three planes, by number, or three files a frame, by their bands' names.
    random_floor : float
        Share of the cutouts outside the queue that are mixed into it.
    shared : bool
        One project for all people; here the rule.
    """

    predictions: Path
    threshold: float | None = None
    tile_px: int = 200
    show: Show = "errors"
    view: Literal["cutout", "frame"] = "cutout"
    stretch: Stretch | None = None
    origin: Origin | None = None
    hdu: str | None = None
    bands: tuple[str, ...] = ()
    random_floor: float = 0.0
    shared: bool = True


def check_cutout_options(options: CutoutOptions, title: str) -> None:
    """Refuse options that cannot be right before anything is read.

    Parameters
    ----------
    options : CutoutOptions
        All of them.
    title : str
        The study's title.

    Raises
    ------
    ConfigError
        Naming the option and its value.
    """
    check_study_options(options, title)
    if not 0.0 <= options.random_floor <= 1.0:
        msg = f"--random-floor {options.random_floor:g} is no share; give 0 to 1, for example 0.05"
        raise ConfigError(msg)
    if options.blind and not options.random_floor and options.show == "errors":
        msg = (
            "--blind with errors only would tell the answer: every image would be one on which "
            "label and model differ; add --random-floor 0.05, or --show all"
        )
        raise ConfigError(msg)
    if options.bands and len(options.bands) != 3:
        msg = f"--bands {' '.join(options.bands)}: give three, for red, green and blue"
        raise ConfigError(msg)


def read_hdu(text: str | None) -> int | str | None:
    """Read which unit of FITS files is meant.

    Parameters
    ----------
    text : str or None
        As given with ``--hdu``.

    Returns
    -------
    int or str or None
        Its number, its name, or the first with an image.
    """
    return int(text) if text and text.isdecimal() else text


def split_bands(bands: Sequence[str]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Tell planes of one file from files of one band each.

    Parameters
    ----------
    bands : sequence of str
        As given with ``--bands``.

    Returns
    -------
    planes : tuple of int
        Those given by number.
    names : tuple of str
        The others.
    """
    planes = tuple(int(band) for band in bands if band.isdecimal())
    return planes, tuple(band for band in bands if not band.isdecimal())


def options_of_study(study: Study) -> CutoutOptions:
    """Give the import's options again, as far as images and pictures depend on them.

    Parameters
    ----------
    study : Study
        Of cutouts.

    Returns
    -------
    CutoutOptions
        As they stand in ``study.json``.
    """
    known: dict[str, Any] = {
        one.name: study.options[one.name]
        for one in fields(CutoutOptions)
        if one.name in study.options
    }
    for name in ("source", "predictions"):
        known[name] = Path(known[name])
    known["bands"] = tuple(known.get("bands") or ())
    return CutoutOptions(**known)
