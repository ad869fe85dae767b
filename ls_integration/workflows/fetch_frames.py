"""Frames copied from where a survey lies to a folder, for a command that needs files."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from ls_integration.errors import ResultsError
from ls_integration.files import whole_file
from ls_integration.images.frame_files import match_frames
from ls_integration.progress import Reporter, silent
from ls_integration.workflows.frame_store import fetched, list_addresses

STEP = "fetching frames"
"""The name of this step for a `Reporter`."""


def fetch_frames(
    source: str, image_names: Sequence[str], folder: Path, *, report: Reporter = silent
) -> int:
    """Copy frames, each whole; those that are there stay.

    Parameters
    ----------
    source : str
        Folder or address of the survey.
    image_names : sequence of str
        As tables have them; repeated ones count once.
    folder : Path
        Where they are copied to, under their names below the source.
    report : Reporter, optional
        Told of progress, in frames.

    Returns
    -------
    int
        How many frames are there now.

    Raises
    ------
    ConfigError
        If the library for such an address is not installed.
    SourceError
        If a frame is not in the source, or cannot be fetched.
    ResultsError
        If a copy cannot be written.
    """
    addresses = list_addresses(source)
    files = sorted(set(match_frames(addresses, image_names, source).values()))
    for number, name in enumerate(files):
        report(STEP, number, len(files))
        target = folder / name
        if target.exists():
            continue
        with fetched([addresses[name]]) as (copy,):
            try:
                with whole_file(target) as temporary:
                    shutil.copyfile(copy, temporary)
            except OSError as error:
                msg = f"cannot write {target}: {error.strerror or error}; mend that, rerun"
                raise ResultsError(msg) from error
    report(STEP, len(files), len(files))
    return len(files)
