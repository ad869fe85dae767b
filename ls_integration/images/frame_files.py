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
    found = _Files(folder)
    chosen: dict[str, Path] = {}
    missing: list[str] = []
    several: list[str] = []
    for name in dict.fromkeys(image_names):
        _choose(found.named(name), name, folder, chosen, missing, several)
    _refuse(folder, missing, several)
    return chosen


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
    found = _Files(folder)
    chosen: dict[str, Path] = {}
    missing: list[str] = []
    several: list[str] = []
    names = list(dict.fromkeys(image_names))
    for name in names:
        for band in bands:
            spellings = (f"{name}_{band}", f"{name}-{band}", f"{name}.{band}", f"{band}/{name}")
            files = sorted({path for text in spellings for path in found.named(text)})
            _choose(files, f"{name} in {band}", folder, chosen, missing, several)
    _refuse(folder, missing, several)
    return {name: tuple(chosen[f"{name} in {band}"] for band in bands) for name in names}


class _Files:
    """The frames below a folder, by every way of naming them."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            msg = f"{folder} is not a folder; give the folder of the frames"
            raise SourceError(msg)
        # One table for each degree of likeness; the first that knows a name decides.
        self._tables = [defaultdict[str, list[Path]](list) for _ in range(4)]
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            hidden = any(part.startswith(".") for part in inside.parts)
            if hidden or not has_suffix(path.name) or not path.is_file():
                continue
            whole = inside.as_posix()
            self._tables[0][whole].append(path)
            for stem in _stems(whole):
                self._tables[1][stem].append(path)
            self._tables[2][path.name].append(path)
            for stem in _stems(path.name):
                self._tables[3][stem].append(path)

    def named(self, name: str) -> list[Path]:
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
    files: Sequence[Path],
    name: str,
    folder: Path,
    chosen: dict[str, Path],
    missing: list[str],
    several: list[str],
) -> None:
    if len(files) == 1:
        chosen[name] = files[0]
    elif files:
        several.append(f"{name}: {', '.join(str(file.relative_to(folder)) for file in files[:3])}")
    else:
        missing.append(name)


def _refuse(folder: Path, missing: list[str], several: list[str]) -> None:
    problems = []
    if missing:
        problems.append(f"no file for the frames {some_of(missing)}; add them")
    if several:
        problems.append(f"several files for {some_of(several)}; leave one of each there")
    if problems:
        msg = f"{folder} has {'; it has '.join(problems)}"
        raise SourceError(msg)
