"""`predict` over a survey: frames -> a folder of score files, by any number of workers.

One frame is one unit of work (`score_frame`): what is finished stays, and the
same command goes on from there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ls_integration.errors import ConfigError, PartialError, ResultsError, some_of
from ls_integration.images.frame_files import match_bands, match_frames
from ls_integration.images.tiles import Origin
from ls_integration.kinds.cutouts_table import CutoutTable, read_predictions_table
from ls_integration.models.loading import load_scorer
from ls_integration.models.model import Model, Scorer
from ls_integration.progress import Reporter, Say, silent
from ls_integration.workflows.cutout_options import read_hdu, split_bands
from ls_integration.workflows.frame_store import is_remote, list_addresses
from ls_integration.workflows.model_notes import hash_file, notes_on
from ls_integration.workflows.score_files import SUFFIX, ScoredWith
from ls_integration.workflows.score_frame import FrameTask, score_frame
from ls_integration.workflows.workers import open_engine

STEP = "scoring frames"
"""The name of this step for a `Reporter`."""


@dataclass(frozen=True)
class FrameOptions:
    """What the user asked for.

    Attributes
    ----------
    source : str
        Folder or address of the frames.
    model : Path
        The model's file.
    output : Path
        Folder of the score files.
    predictions : Path or None
        Table of the tiles to score; None: all tiles of all frames.
    tile_px : int
        Side of a tile.
    origin, hdu, bands
        See `cutout_options.CutoutOptions`.
    cluster : str or None
        See `workers.open_engine`.
    n_workers : int or None
        See `workers.open_engine`.
    skip_bad : bool
        Frames that cannot be read are no failure.
    """

    source: str
    model: Path
    output: Path
    predictions: Path | None = None
    tile_px: int = 200
    origin: Origin | None = None
    hdu: str | None = None
    bands: tuple[str, ...] = ()
    cluster: str | None = None
    n_workers: int | None = None
    skip_bad: bool = False


@dataclass(frozen=True)
class PredictedFrames:
    """What `predict_frames` did.

    Attributes
    ----------
    n_frames : int
        Frames with a file of scores.
    n_found : int
        Of these scored by an earlier run.
    n_tiles : int
        Their tiles.
    n_positive : int
        Of these at or above the threshold.
    n_bad : int
        Frames without.
    scored_with : ScoredWith
        The model and the tiles.
    """

    n_frames: int
    n_found: int
    n_tiles: int
    n_positive: int
    n_bad: int
    scored_with: ScoredWith


def predict_frames(
    options: FrameOptions, *, say: Say, report: Reporter = silent
) -> PredictedFrames:
    """Score all frames of a source.

    Parameters
    ----------
    options : FrameOptions
        What is scored, with what, by whom.
    say : callable
        Takes lines for the user.
    report : Reporter, optional
        Told of progress, in frames.

    Returns
    -------
    PredictedFrames
        The same numbers for any number of workers.

    Raises
    ------
    ConfigError
        If options contradict each other, or a library is missing.
    ModelError
        If the model cannot be used for such tiles.
    SourceError
        If the source cannot be listed or does not have the table's frames.
    ResultsError
        If scores cannot be written.
    PartialError
        If frames are bad and *skip_bad* is not set, or the cluster is gone; the
        others' scores stay.
    """
    scorer = load_scorer(options.model)
    for note in notes_on(scorer):
        say(note)
    _try_tile(scorer, options.tile_px)
    scored_with = _scored_with(options, scorer)
    frames = _Frames.find(options)
    for note in frames.notes:
        say(note)
    _refuse_file(options.output)
    n_frames = n_found = n_tiles = n_positive = n_bad = 0
    with open_engine(options.cluster, options.n_workers) as (engine, name):
        say(f"{len(frames.addresses)} frames, {name}")
        report(STEP, 0, len(frames.addresses))
        for task, outcome in engine(score_frame, frames.tasks(options, scored_with), say):
            problem = outcome.problem if outcome else _lost(task.name)
            if problem or outcome is None:
                n_bad += 1
                say(f"{'left out' if options.skip_bad else 'bad'}: {problem}")
            else:
                n_frames += 1
                n_found += outcome.was_there
                n_tiles += outcome.n_tiles
                n_positive += outcome.n_positive
            report(STEP, n_frames + n_bad, len(frames.addresses))
    _note_strangers(options.output, frames.addresses, say)
    if n_bad and not options.skip_bad:
        msg = (
            f"{n_bad} of {len(frames.addresses)} frames could not be scored (see above), the "
            f"scores of {n_frames} are in {options.output}; correct them and run the same command "
            "again, or pass --skip-bad to go on without them"
        )
        raise PartialError(msg)
    return PredictedFrames(n_frames, n_found, n_tiles, n_positive, n_bad, scored_with)


@dataclass(frozen=True)
class _Frames:
    """The frames to score: name -> addresses, and maybe the table of their tiles."""

    addresses: Mapping[str, tuple[str, ...]]
    table: CutoutTable | None = None

    @classmethod
    def find(cls, options: FrameOptions) -> "_Frames":
        found = list_addresses(options.source)
        _, named_bands = split_bands(options.bands)
        if options.predictions is None:
            if named_bands:
                msg = (
                    f"--bands {' '.join(options.bands)} names files, and only a table says which "
                    "belong together; give --predictions CSV"
                )
                raise ConfigError(msg)
            return cls({name: (address,) for name, address in found.items()})
        table = read_predictions_table(options.predictions, tile_px=options.tile_px)
        names = list(dict.fromkeys(table.frame["image_name"]))
        if named_bands:
            bands = match_bands(found, names, options.bands, options.source)
            files = {name: tuple(found[file] for file in some) for name, some in bands.items()}
        else:
            matched = match_frames(found, names, options.source)
            files = {name: (found[file],) for name, file in matched.items()}
        return cls(files, table)

    @property
    def notes(self) -> tuple[str, ...]:
        return self.table.notes if self.table else ()

    def tasks(self, options: FrameOptions, scored_with: ScoredWith) -> Iterator[FrameTask]:
        tiles = {}
        if self.table is not None:
            tiles = self.table.frame.groupby("image_name", sort=False).indices
            places = self.table.frame[["grid_x", "grid_y"]].to_numpy(dtype=np.int64)
            present = self.table.present
        for name, addresses in self.addresses.items():
            # Workers may stand in other folders.
            files = tuple(
                address if is_remote(address) else str(Path(address).absolute())
                for address in addresses
            )
            rows = tiles.get(name)
            yield FrameTask(
                name=name,
                addresses=files,
                target=_target(options.output.absolute(), name),
                model=options.model.absolute(),
                scored_with=scored_with,
                places=None if rows is None else places[rows],
                labels=None if rows is None else present[rows],
            )


def _target(output: Path, name: str) -> Path:
    return output / f"{name}{SUFFIX}"


def _scored_with(options: FrameOptions, scorer: Scorer) -> ScoredWith:
    planes, _ = split_bands(options.bands)
    return ScoredWith(
        model_sha256=hash_file(options.model),
        model_version=scorer.version,
        threshold=scorer.threshold,
        features_version=scorer.card.features_version if isinstance(scorer, Model) else None,
        tile_px=options.tile_px,
        origin=options.origin,
        hdu=read_hdu(options.hdu),
        bands=planes,
    )


def _try_tile(scorer: Scorer, tile_px: int) -> None:
    """Refuse a model that is not for such tiles now, and not once for each frame."""
    if scorer.kind != "cutouts":
        msg = (
            f"a folder of scores is for cutouts, the model {scorer.version} is of {scorer.kind}; "
            "name a table, as --output scores.csv"
        )
        raise ConfigError(msg)
    # Not blank: without any noise there is no unit to measure in.
    frame = np.random.default_rng(0).integers(0, 255, (tile_px, tile_px), dtype=np.uint8)
    scorer.score_cutouts(frame, np.zeros((1, 2), dtype=np.int64), tile_px)


def _refuse_file(output: Path) -> None:
    if output.exists() and not output.is_dir():
        msg = f"{output} is a file; name a folder for the scores of frames"
        raise ResultsError(msg)


def _lost(name: str) -> str:
    return (
        f"{name}: each worker that began it was lost, it may need more memory than there is; give "
        "fewer --workers, or workers with more memory"
    )


def _note_strangers(output: Path, addresses: Mapping[str, object], say: Say) -> None:
    """Name files of scores that are of no frame of the source: `select` would read them."""
    strangers = sorted(
        name
        for path in output.rglob(f"*{SUFFIX}")
        if (name := path.relative_to(output).as_posix().removesuffix(SUFFIX)) not in addresses
        and not path.name.startswith(".")
    )
    if strangers:
        say(
            f"{output} also holds scores of frames that are not in the source: "
            f"{some_of(strangers)}; remove them if they shall not be selected from"
        )
