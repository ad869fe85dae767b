"""Which file of a folder is meant by the name of a frame in a table."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ls_integration.errors import SourceError, some_of
from ls_integration.images.frames import has_suffix

_PACKED = (".fz", ".gz")


def find_frames(folder: Path, image_names: Iterable[str]) -> dict[str, Path]:
    """Find the file of each frame, below a folder.

    A name may be a file's name or its path below the folder, with its ending
    or without (``a.b`` finds ``a.b.fits.fz``), or with that of another file
    (``a.fits`` finds ``a.jpg`` where there is no ``a.fits``). Hidden files are
    not looked at.

    Parameters
    ----------
    folder : Path
        Where the frames are, also in folders below.
    image_names : iterable of str
        As the table has them; repeated ones count once.

    Returns
    -------
    dict of str to Path
        In the order of `image_names`.

    Raises
    ------
    SourceError
        If any name has no file or several; all of them are counted, the first
        are named.
    """
    chosen = match_frames(list_frames(folder), image_names, str(folder))
    return {name: folder / file for name, file in chosen.items()}


def find_bands(
    folder: Path, image_names: Iterable[str], bands: Sequence[str]
) -> dict[str, tuple[Path, ...]]:
    """Find the files of frames whose bands are in files of their own.

    The file of the band ``g`` of the frame ``a`` is that of ``a_g``, ``a-g``,
    ``a.g`` or, in a folder of the band, ``g/a``.

    Parameters
    ----------
    folder : Path
        Where the frames are.
    image_names : iterable of str
        As the table has them, without the band.
    bands : sequence of str
        The names of the bands, red first.

    Returns
    -------
    dict of str to tuple of Path
        A file a band, in the order of `bands`.

    Raises
    ------
    SourceError
        If any band of a frame has no file or several.
    """
    chosen = match_bands(list_frames(folder), image_names, bands, str(folder))
    return {name: tuple(folder / file for file in files) for name, files in chosen.items()}


def list_frames(folder: Path) -> list[str]:
    """List all frames below a folder, hidden ones left out.

    Parameters
    ----------
    folder : Path
        Where the frames are.

    Returns
    -------
    list of str
        Paths below the folder, with slashes, sorted.

    Raises
    ------
    SourceError
        If it is no folder.
    """
    if not folder.is_dir():
        msg = f"{folder} is not a folder; give the folder of the frames"
        raise SourceError(msg)
    names = (
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if has_suffix(path.name)
    )
    return sorted(name for name, path in names if is_shown(name) and path.is_file())


def is_shown(name: str) -> bool:
    """Tell whether no part of a path is hidden.

    Parameters
    ----------
    name : str
        A path below a folder, with slashes.

    Returns
    -------
    bool
        False if a part begins with a dot.
    """
    return not any(part.startswith(".") for part in name.split("/"))


def match_frames(files: Iterable[str], image_names: Iterable[str], folder: str) -> dict[str, str]:
    """Find the file of each frame among those of a folder, see `find_frames`.

    Parameters
    ----------
    files : iterable of str
        Paths below the folder, with slashes, sorted.
    image_names : iterable of str
        As the table has them; repeated ones count once.
    folder : str
        Its name, for messages.

    Returns
    -------
    dict of str to str
        Name -> path below the folder, in the order of `image_names`.

    Raises
    ------
    SourceError
        If any name has no file or several.
    """
    found = _Files(files)
    chosen: dict[str, str] = {}
    missing: list[str] = []
    several: list[str] = []
    for name in dict.fromkeys(image_names):
        _choose(found.named(name), name, chosen, missing, several)
    _refuse(folder, missing, several)
    return chosen


def match_bands(
    files: Iterable[str], image_names: Iterable[str], bands: Sequence[str], folder: str
) -> dict[str, tuple[str, ...]]:
    """Find the files of frames with a file a band among those of a folder, see `find_bands`.

    Parameters
    ----------
    files : iterable of str
        Paths below the folder, with slashes, sorted.
    image_names : iterable of str
        As the table has them, without the band.
    bands : sequence of str
        The names of the bands, red first.
    folder : str
        Its name, for messages.

    Returns
    -------
    dict of str to tuple of str
        Name -> a path a band, in the order of `bands`.

    Raises
    ------
    SourceError
        If any band of a frame has no file or several.
    """
    found = _Files(files)
    chosen: dict[str, str] = {}
    missing: list[str] = []
    several: list[str] = []
    names = list(dict.fromkeys(image_names))
    for name in names:
        for band in bands:
            spellings = (f"{name}_{band}", f"{name}-{band}", f"{name}.{band}", f"{band}/{name}")
            matching = sorted({file for text in spellings for file in found.named(text)})
            _choose(matching, f"{name} in {band}", chosen, missing, several)
    _refuse(folder, missing, several)
    return {name: tuple(chosen[f"{name} in {band}"] for band in bands) for name in names}


class _Files:
    """The frames below a folder, by every way of naming them."""

    def __init__(self, files: Iterable[str]) -> None:
        # One table for each degree of likeness; the first that knows a name decides.
        self._tables = [defaultdict[str, list[str]](list) for _ in range(4)]
        for whole in files:
            name = whole.rpartition("/")[2]
            self._tables[0][whole].append(whole)
            for stem in _stems(whole):
                self._tables[1][stem].append(whole)
            self._tables[2][name].append(whole)
            for stem in _stems(name):
                self._tables[3][stem].append(whole)

    def named(self, name: str) -> list[str]:
        for spelling in (name, *_stems(name)):
            for table in self._tables:
                if spelling in table:
                    return table[spelling]
        return []


def _stems(name: str) -> Iterator[str]:
    """Yield the name without its packing, then without its ending."""
    suffix = has_suffix(name)
    for packed in _PACKED:
        if suffix.lower().endswith(packed):
            yield name[: -len(packed)]
    if suffix:
        yield name[: -len(suffix)]


def _choose(
    files: Sequence[str],
    name: str,
    chosen: dict[str, str],
    missing: list[str],
    several: list[str],
) -> None:
    if len(files) == 1:
        chosen[name] = files[0]
    elif files:
        several.append(f"{name}: {', '.join(files[:3])}")
    else:
        missing.append(name)


def _refuse(folder: str, missing: list[str], several: list[str]) -> None:
    problems = []
    if missing:
        problems.append(f"no file for the frames {some_of(missing)}; add them")
    if several:
        problems.append(f"several files for {some_of(several)}; leave one of each there")
    if problems:
        msg = f"{folder} has {'; it has '.join(problems)}"
        raise SourceError(msg)
