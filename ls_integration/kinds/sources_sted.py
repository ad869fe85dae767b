"""The three forms in which STED images and their ratings lie on a disk."""

import re
from pathlib import Path, PurePosixPath

from ls_integration.errors import ConfigError, SourceError
from ls_integration.images.read import IMAGE_SUFFIXES
from ls_integration.kinds.sources_csv import inside, is_file, read_records, read_text
from ls_integration.kinds.sources_table import Collector, SourceTable

TEST_PATHS = "test_paths.csv"
TEST_SCORES = "test_scores.csv"
MANIFEST = "manifest.csv"

# AnomaGUI names its images <id>-<rating>.npz, for example 309-0.793.npz.
_RATED_NAME = re.compile(r"[^-]+-(?P<rating>\d*\.?\d+)\.(npz|npy)", re.IGNORECASE)
_KNOWN = ("path", "rating", "structure", "group", "model_score", "model_label", "item_id")


def read_anomagui(folder: Path, *, check_files: bool = True) -> SourceTable:
    """Read a folder as AnomaGUI's.

    ``test_paths.csv`` gives order and selection. Its paths are those of a
    cluster (``.../Actin/test/309-0.793.npy``): the last three parts, in lower
    case and with ``.npz``, name the file below `folder`. The rating is the
    decimal text in the file's name. ``test_scores.csv``, if it is there, gives
    the model's score in the same order.

    Parameters
    ----------
    folder : Path
        The folder; absolute.
    check_files : bool
        Whether an image that is not there is a problem.

    Returns
    -------
    SourceTable
        ``source_path`` is ``./actin/test/309-0.793.npz``, as in the files that
        AnomaGUI writes; ``structure`` is its first part.

    Raises
    ------
    SourceError
        If a list cannot be read, or the two have not the same length.
    """
    paths_file, scores_file = folder / TEST_PATHS, folder / TEST_SCORES
    paths = _lines(paths_file)
    scores = _lines(scores_file) if scores_file.exists() else None
    if scores is not None and len(scores) != len(paths):
        msg = (
            f"{scores_file} has {len(scores)} scores for the {len(paths)} paths of {paths_file}; "
            "give one score a path, in the same order"
        )
        raise SourceError(msg)
    collected = Collector()
    if scores is None:
        collected.notes.append(f"no {TEST_SCORES} in {folder}: a study without a model")
    for index, (number, written) in enumerate(paths):
        where = f"{paths_file} line {number}"
        parts = PurePosixPath(written.replace("\\", "/")).parts[-3:]
        if len(parts) < 3 or ".." in parts:
            message = f"{where}: '{written}' does not end in structure/split/name; correct it"
            collected.refuse(written, message)
            continue
        relative = PurePosixPath(*(part.lower() for part in parts)).with_suffix(".npz")
        named = _RATED_NAME.fullmatch(relative.name)
        cells = {
            "rating": named["rating"] if named else "",
            "structure": relative.parts[0],
        }
        if scores is not None:
            cells["model_score"] = scores[index][1]
        source_path, file = f"./{relative}", folder / relative
        collected.add(where, source_path, file, cells)
        if named is None:
            message = f"{where}: the name {relative.name} holds no rating; name it ID-RATING.npz"
            collected.refuse(source_path, message, last_row=True)
        _check_there(collected, where, source_path, file, check=check_files)
    return collected.table(folder.name, "anomagui", selects_itself=True)


def read_manifest(manifest: Path, *, check_files: bool = True) -> SourceTable:
    """Read a manifest: a CSV file with one image a line.

    Parameters
    ----------
    manifest : Path
        Columns ``path`` (relative to the manifest's folder) and any of
        ``rating``, ``structure``, ``group``, ``model_score``, ``model_label``
        (normal or anomaly) and ``item_id``; others are ignored with a note.
    check_files : bool
        Whether an image that is not there is a problem.

    Returns
    -------
    SourceTable
        In the order of the file; ``source_path`` is the path as written. Named
        after the file, or its folder if it is called ``manifest.csv``.

    Raises
    ------
    SourceError
        If the file cannot be read or has no column ``path``.
    """
    records = read_records(manifest, ["path"])
    folder = manifest.parent
    collected = Collector()
    _note_columns(collected, manifest, records)
    for number, cells in records:
        where = f"{manifest} line {number}"
        written = cells["path"].strip()
        file = inside(folder, written)
        if file is None:
            collected.refuse(written, _outside(where, written, folder))
            continue
        collected.add(where, written, file, cells)
        _check_there(collected, where, written, file, check=check_files)
    name = folder.name if manifest.name == MANIFEST else manifest.stem
    return collected.table(name, "manifest", selects_itself=False)


def read_folder(
    folder: Path,
    *,
    ratings: Path | None = None,
    check_files: bool = True,
    only_rated_names: bool = False,
) -> SourceTable:
    """Read any folder of images, with or without a table of ratings.

    Parameters
    ----------
    folder : Path
        Searched to its depth, in natural order (2 before 10); absolute.
    ratings : Path, optional
        A CSV file as for `read_manifest`, with paths relative to `folder`.
        Without it, if every image is named as AnomaGUI's are
        (``309-0.793.npz``), the names give the ratings.
    check_files : bool
        Whether a rating of an image that is not there is a problem.
    only_rated_names : bool
        Take only images that are named as AnomaGUI's: it keeps its sessions,
        arrays too, in the same folder.

    Returns
    -------
    SourceTable
        ``source_path`` is relative to `folder`, with ``./`` before AnomaGUI's
        names; ``structure`` is the first folder below `folder`, None at the
        top.

    Raises
    ------
    SourceError
        If there is no image at all, or the ratings cannot be read.
    """
    images = sorted(_images(folder), key=_natural)
    if only_rated_names:
        images = [image for image in images if _RATED_NAME.fullmatch(image.name)]
    if not images:
        msg = f"{folder} holds no image ({', '.join(IMAGE_SUFFIXES)}); give another folder"
        raise SourceError(msg)
    collected = Collector()
    if ratings is not None:
        rated = _read_ratings(collected, folder, ratings, check_files=check_files)
        named: list[re.Match[str] | None] = [None for _ in images]
    else:
        rated = {}
        named = [_RATED_NAME.fullmatch(image.name) for image in images]
    from_names = all(named)
    for image, name in zip(images, named, strict=True):
        relative = image.relative_to(folder).as_posix()
        structure = relative.split("/", 1)[0] if "/" in relative else ""
        where, cells = rated.pop(image, (str(image), {}))
        if from_names and name is not None:
            cells = {"rating": name["rating"]}
        source_path = f"./{relative}" if from_names else relative
        stated = cells.get("structure", "").strip()
        collected.add(where, source_path, image, {**cells, "structure": stated or structure})
    unrated = sum(record["rating"] is None for record in collected.records)
    if unrated:
        collected.notes.append(f"{unrated} of {len(images)} images have no rating: no truth")
    return collected.table(folder.name, "folder", selects_itself=False)


def find_reader(source: Path, ratings: Path | None, *, check_files: bool = True) -> SourceTable:
    """Recognise which of the three forms a source has, and read it.

    Parameters
    ----------
    source : Path
        A folder or a manifest; absolute.
    ratings : Path or None
        A table of ratings, for a folder of images.
    check_files : bool
        Whether an image that is not there is a problem.

    Returns
    -------
    SourceTable
        With at least one row or one problem.

    Raises
    ------
    SourceError
        If there is no such folder or file, or it breaks the form that it has.
    ConfigError
        If `ratings` is given for a source that has its own.
    """
    if not source.exists():
        msg = f"{source} does not exist; give a folder of images or a manifest CSV"
        raise SourceError(msg)
    own: Path | None = None
    if source.is_file():
        own = source
    elif (source / TEST_PATHS).is_file():
        own = source / TEST_PATHS
    elif (source / MANIFEST).is_file():
        own = source / MANIFEST
    if own is None:
        return read_folder(source, ratings=ratings, check_files=check_files)
    if ratings is not None:
        msg = f"{own} gives the ratings itself; leave out --ratings {ratings}"
        raise ConfigError(msg)
    if own.name == TEST_PATHS:
        return read_anomagui(own.parent, check_files=check_files)
    if own.suffix.lower() != ".csv":
        msg = f"{own} is neither a folder nor a manifest CSV; give one of these"
        raise SourceError(msg)
    return read_manifest(own, check_files=check_files)


def find_all_images(source: Path, ratings: Path | None) -> SourceTable:
    """Read all images of a source, also those that its own list leaves out.

    Parameters
    ----------
    source : Path
        A folder or a manifest; absolute.
    ratings : Path or None
        A table of ratings, for a folder of images.

    Returns
    -------
    SourceTable
        As `find_reader`, but of AnomaGUI's folder what lies in it, not what
        ``test_paths.csv`` names.

    Raises
    ------
    SourceError
        As `find_reader`.
    ConfigError
        As `find_reader`.
    """
    if ratings is None and (source / TEST_PATHS).is_file():
        return read_folder(source, only_rated_names=True)
    return find_reader(source, ratings)


def _lines(path: Path) -> list[tuple[int, str]]:
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [(number, line.strip()) for number, line in lines if line.strip()]


def _images(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    ]


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort numbers in names by value: digits before letters, the text itself for ties."""
    pieces = re.split(r"(\d+)", str(path))
    keys = [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]
    return [*keys, (2, 0, str(path))]


def _read_ratings(
    collected: Collector, folder: Path, ratings: Path, *, check_files: bool
) -> dict[Path, tuple[str, dict[str, str]]]:
    records = read_records(ratings, ["path", "rating"])
    _note_columns(collected, ratings, records)
    rated: dict[Path, tuple[str, dict[str, str]]] = {}
    for number, cells in records:
        where = f"{ratings} line {number}"
        written = cells["path"].strip()
        file = inside(folder, written)
        if file is None:
            collected.refuse(written, _outside(where, written, folder))
        elif file in rated:
            message = f"{where}: {written} is listed before, at {rated[file][0]}; remove one"
            collected.refuse(written, message)
        elif check_files and not is_file(file):
            collected.refuse(written, _missing(where, file))
        else:
            rated[file] = (where, cells)
    return rated


def _note_columns(
    collected: Collector, path: Path, records: list[tuple[int, dict[str, str]]]
) -> None:
    if not records:
        msg = f"{path} names no image; add one line for each"
        raise SourceError(msg)
    columns = list(records[0][1])
    unknown = [column for column in columns if column not in _KNOWN]
    if unknown:
        collected.notes.append(f"{path}: ignored the columns {', '.join(unknown)}")
    if "rating" not in columns:
        collected.notes.append(f"{path} has no column rating: a study without truth")


def _check_there(
    collected: Collector, where: str, source_path: str, file: Path, *, check: bool
) -> None:
    if check and not is_file(file):
        collected.refuse(source_path, _missing(where, file), last_row=True)


def _missing(where: str, file: Path) -> str:
    return f"{where}: there is no file {file}; correct the path or remove the line"


def _outside(where: str, written: str, folder: Path) -> str:
    return f"{where}: '{written}' names no file inside {folder}; give a path relative to it"
