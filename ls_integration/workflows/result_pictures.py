"""Where the pictures of a results folder come from: the study's own, or the source's images."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

from ls_integration import study as studies
from ls_integration.errors import SourceError
from ls_integration.images.read import read_image
from ls_integration.images.render import render
from ls_integration.images.source_files import DAMAGED, without_warnings
from ls_integration.results.pictures import PictureOf
from ls_integration.server import embedded_files
from ls_integration.settings import Settings
from ls_integration.workflows.uploading import shares_folder, with_own_pictures

_FORMATS = ("WEBP", "PNG", "JPEG")
_PICTURES_FOLDER = "pictures"


def find_media(settings: Settings, start: Path, study: Path | None = None) -> Path | None:
    """Find the folder of rendered pictures without asking a server.

    Parameters
    ----------
    settings : Settings
        What the user said.
    start : Path
        The working folder.
    study : Path, optional
        Folder of the study, which keeps its pictures itself if it uploads them.

    Returns
    -------
    Path or None
        The setting's, else the study's, else that of the embedded server found upwards from
        *start*, running or not.
    """
    if settings.media is not None:
        return settings.media
    if study is not None and not shares_folder(studies.load(study)):
        return with_own_pictures(settings, study, is_shared=False).media
    data_dir = embedded_files.find(start)
    if data_dir is None:
        return None
    state = embedded_files.read_state(data_dir)
    media = Path(state.media) if state else data_dir / _PICTURES_FOLDER
    return media if media.is_dir() else None


def study_pictures(items: pd.DataFrame, media: Path | None) -> PictureOf | None:
    """Take the pictures that people saw.

    Parameters
    ----------
    items : DataFrame
        A checked items table; ``image`` is below *media*.
    media : Path or None
        The folder of rendered pictures.

    Returns
    -------
    callable or None
        None where there is no such folder or column.
    """
    if media is None or not media.is_dir() or "image" not in items.columns:
        return None
    root = media.resolve()
    names = items["image"].tolist()

    def picture_of(row: int) -> Image.Image | None:
        name = names[row]
        if not isinstance(name, str):
            return None
        try:
            path = (root / name).resolve()
            # The table may be anybody's; it must not show other files of this machine.
            if not path.is_relative_to(root) or not path.is_file():
                return None
            # Of odd palettes; the picture is shown all the same.
            with without_warnings(), Image.open(path, formats=_FORMATS) as picture:
                return picture.convert("RGB")
        except (*DAMAGED, Image.DecompressionBombError):
            return None

    return picture_of


def source_pictures(files: Sequence[Path | None]) -> PictureOf:
    """Draw the images of a source as a study does by default.

    Parameters
    ----------
    files : sequence of Path or None
        One for each item; it may be absent.

    Returns
    -------
    callable
        Gives None for an image that is absent or cannot be shown.
    """

    def picture_of(row: int) -> Image.Image | None:
        file = files[row]
        if file is None:
            return None
        try:
            return Image.fromarray(render(read_image(file)))
        except SourceError:
            return None

    return picture_of
