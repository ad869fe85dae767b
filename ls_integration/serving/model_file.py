"""A model in memory that follows its file."""

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ls_integration.errors import IntegrationError, ModelError

if TYPE_CHECKING:
    from ls_integration.models.model import Scorer

_log = logging.getLogger(__name__)

_SIDECAR_SUFFIX = ".toml"
"""Of what a network of a lab's own says about itself."""

_Stamp = tuple[tuple[int, int, int] | None, ...]


class ModelFile:
    """A model that is loaded once, and again when its file has changed.

    A file that cannot be used leaves the old model in its place.

    Parameters
    ----------
    path : Path
        The model's file.

    Raises
    ------
    ModelError
        If it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        # scikit-learn takes seconds to load: only who serves a model waits.
        from ls_integration.models.loading import load_scorer

        self.path = path
        self._load = load_scorer
        self._stamp = _stamp_of(path)
        self._model = load_scorer(path)
        self._problem: str | None = None
        self._busy = threading.Lock()

    @property
    def problem(self) -> str | None:  # numpydoc ignore=RT01
        """Why the file as it is now is not what answers; None if it is."""
        return self._problem

    def current(self) -> "Scorer":
        """Give the model, the new one if the file has changed.

        While one thread loads the new one the others go on with the old.

        Returns
        -------
        Scorer
            Ready to score.
        """
        if _stamp_of(self.path) != self._stamp and self._busy.acquire(blocking=False):
            try:
                self._reload()
            finally:
                self._busy.release()
        return self._model

    def _reload(self) -> None:
        stamp = _stamp_of(self.path)
        if stamp == self._stamp:
            return
        try:
            model = self._load(self.path)
            if model.kind != self._model.kind:
                msg = (
                    f"the model {self.path} is of {model.kind} now, not of {self._model.kind}; "
                    "start the backend again"
                )
                raise ModelError(msg)
        except IntegrationError as error:
            self._problem = str(error)
            _log.warning("%s; %s goes on answering", error, self._model.version)
        else:
            self._model, self._problem = model, None
            _log.warning("%s: %s answers from now on", self.path, model.version)
        # Of before the load: a file that changed meanwhile is looked at again.
        self._stamp = stamp


def _stamp_of(path: Path) -> _Stamp:
    """Tell one state of a model's files from another: time, size and number of each."""
    return tuple(_state(file) for file in (path, path.with_suffix(_SIDECAR_SUFFIX)))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
