"""The study folder's disk: what goes wrong there is the user's to mend."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ls_integration.errors import StudyError


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in one line why a study folder cannot be written.

    Parameters
    ----------
    folder : Path
        The study's folder.

    Yields
    ------
    None
        For the block that writes.

    Raises
    ------
    StudyError
        If the disk is full, or the folder may not be written.
    """
    try:
        yield
    except OSError as error:
        msg = (
            f"cannot write the study folder {folder} ({error.strerror or error}); mend that, or "
            "name another folder with --study, and run the same command again"
        )
        raise StudyError(msg) from None
