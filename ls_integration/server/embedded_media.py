"""Which folders a Label Studio server may serve.

Any member can add a local storage over anything below the document root, and
then reads every file in it. So it must hold rendered pictures and nothing else.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from ls_integration.errors import ConfigError

STUDY_FILE = "study.json"
"""The file that makes a folder a study."""

PICTURES = "pictures"
"""Folder in the data dir that is served unless another is asked for."""


def check_media(media: Path, data_dir: Path, working_dir: Path) -> Path:
    """Refuse a document root through which members could read more than pictures.

    Parameters
    ----------
    media : Path
        The folder to serve; it need not exist.
    data_dir : Path
        Folder of the server's database and secrets.
    working_dir : Path
        The user's working folder.

    Returns
    -------
    Path
        *media* with every symbolic link resolved.

    Raises
    ------
    ConfigError
        If *media*, or a symbolic link in it, is, contains or lies in the data
        dir (but for its ``pictures``) or a study folder, or is or contains the
        working folder or the home folder.
    """
    root, data = media.expanduser().resolve(), data_dir.expanduser().resolve()
    if root.exists() and not root.is_dir():
        msg = f"the media folder {media} is a file; give a folder with --media"
        raise ConfigError(msg)
    own_pictures = data / PICTURES
    protected = {
        "the server's data folder": data,
        "the working folder": working_dir.resolve(),
        "your home folder": Path.home().resolve(),
    }
    # One after the other: links are looked for only in a folder that is fit itself.
    for path in chain([root], _link_targets(root)):
        for name, folder in protected.items():
            if folder.is_relative_to(path):
                raise _refused(media, path, root, f"is or contains {name} {folder}")
        if path.is_relative_to(own_pictures):
            continue
        if path.is_relative_to(data):
            raise _refused(media, path, root, f"lies in the server's data folder {data}")
        study = _study_around(path) or _study_below(path)
        if study is not None:
            raise _refused(media, path, root, f"is, contains or lies in the study folder {study}")
    study = _study_below(own_pictures) if root.is_relative_to(own_pictures) else None
    if study is not None:
        raise _refused(media, root, root, f"contains the study folder {study}")
    return root


def _refused(media: Path, path: Path, root: Path, reason: str) -> ConfigError:
    which = f"the media folder {media}"
    if path != root:
        which += f" has a symbolic link to {path}, which"
    msg = (
        f"{which} {reason}, and every member could read it through the server; "
        "give a folder of its own with --media, or leave --media out"
    )
    return ConfigError(msg)


def _link_targets(root: Path) -> Iterator[Path]:
    """Name what the symbolic links below *root* point at; links are not followed further."""
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            # A link that we cannot follow, the server cannot follow either.
            with suppress(OSError, RuntimeError):
                if path.is_symlink():
                    yield path.resolve()


def _study_around(path: Path) -> Path | None:
    return next((f for f in (path, *path.parents) if (f / STUDY_FILE).is_file()), None)


def _study_below(path: Path) -> Path | None:
    return next((Path(folder) for folder, _, files in os.walk(path) if STUDY_FILE in files), None)
