"""The source of a command about models, of either kind."""

from dataclasses import dataclass
from pathlib import Path

from ls_integration.errors import ConfigError
from ls_integration.images.read import Projection
from ls_integration.images.tiles import Origin
from ls_integration.workflows.cutout_images import open_cutouts
from ls_integration.workflows.cutout_options import CutoutOptions
from ls_integration.workflows.model_images import ImageSource
from ls_integration.workflows.sted_images import open_sted
from ls_integration.workflows.sted_options import PictureOptions


@dataclass(frozen=True)
class SourceOptions:
    """Where images are, and which part of their files.

    Attributes
    ----------
    source : Path
        Folder, manifest, NPZ, or the folder of the frames.
    ratings : Path or None
        STED: ratings of a folder of images.
    channel, plane, projection
        STED: which part of a stack, see `images.read.read_image`.
    predictions : Path or None
        Cutouts: their table.
    tile_px : int
        Cutouts: their side.
    origin, hdu, bands
        Cutouts: see `CutoutOptions`.
    """

    source: Path
    ratings: Path | None = None
    channel: int | None = None
    plane: int | None = None
    projection: Projection | None = None
    predictions: Path | None = None
    tile_px: int = 200
    origin: Origin | None = None
    hdu: str | None = None
    bands: tuple[str, ...] = ()


def open_source(kind: str, options: SourceOptions) -> ImageSource:
    """Open a source; no image is read yet.

    Parameters
    ----------
    kind : str
        ``sted-quality`` or ``cutouts``.
    options : SourceOptions
        Where it is.

    Returns
    -------
    ImageSource
        In its own order.

    Raises
    ------
    ConfigError
        If an option is missing or of the other kind.
    SourceError
        If the source as a whole cannot be read.
    """
    if kind != "cutouts":
        if options.predictions is not None:
            msg = f"--predictions {options.predictions} is for cutouts; leave it out for {kind}"
            raise ConfigError(msg)
        picture = PictureOptions(
            channel=options.channel, plane=options.plane, projection=options.projection
        )
        return open_sted(options.source, options.ratings, picture)
    if options.predictions is None:
        msg = "cutouts need their table; give --predictions CSV"
        raise ConfigError(msg)
    if options.ratings is not None:
        msg = f"--ratings {options.ratings} is for STED images; leave it out for cutouts"
        raise ConfigError(msg)
    return open_cutouts(
        CutoutOptions(
            source=options.source,
            predictions=options.predictions,
            tile_px=options.tile_px,
            origin=options.origin,
            hdu=options.hdu,
            bands=options.bands,
        )
    )
