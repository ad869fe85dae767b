"""When a model learns again: after so many new answers, or when somebody presses the button.

The training itself is a command of its own, in a process of its own, so that
nobody waits for a prediction meanwhile. Events are hints only (Label Studio
sends each once, and not again if it is lost): that command reads the answers
themselves.
"""

import logging
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ls_integration.files import read_json, write_json
from ls_integration.serving.application import START_TRAINING

_log = logging.getLogger(__name__)

LEAST_ANSWERS = 50
"""Fewer new answers change a model by less than its cross-validation can tell."""

_ANSWERED = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED")
_KEPT_IDS = 100_000


class Retraining:
    """Counts new answers, and starts the training when there are enough.

    Parameters
    ----------
    command : sequence of str
        The training.
    environment : mapping of str to str
        Of the training: token and password, which belong on no command line.
    projects : callable
        Gives the ids of the study's projects; events of others do not count.
    after : int or None
        Train after so many new answers; None: only when asked to.
    state : Path
        File in which the new answers are remembered, over a restart.
    log : Path
        File to which the training writes what it does.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        projects: Callable[[], set[int]],
        after: int | None,
        state: Path,
        log: Path,
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._projects = projects
        self._after = after
        self._state = state
        self._output = log
        self._lock = threading.Lock()
        self._new = _read_ids(state)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_training(self) -> bool:  # numpydoc ignore=RT01
        """Whether a training runs."""
        return self._process is not None

    @property
    def n_new(self) -> int:  # numpydoc ignore=RT01
        """Number of answers that the model has not learnt from."""
        return len(self._new)

    def __call__(self, event: str, payload: Mapping[str, Any]) -> None:
        """Take an event.

        Parameters
        ----------
        event : str
            As Label Studio's webhooks call it.
        payload : mapping
            What came with it.
        """
        if event == START_TRAINING:
            with self._lock:
                self._start()
            return
        answer = payload.get("annotation")
        if event not in _ANSWERED or not isinstance(answer, Mapping):
            return
        # A skip is an annotation too.
        if answer.get("was_cancelled") or not isinstance(answer.get("id"), int):
            return
        if _project_of(payload) not in self._projects():
            return
        with self._lock:
            # By id: an answer that is corrected ten times is one answer.
            if answer["id"] in self._new or len(self._new) >= _KEPT_IDS:
                return
            self._new.add(answer["id"])
            self._remember()
            if self._after is not None and len(self._new) >= self._after:
                self._start()

    def _start(self) -> None:
        if self._process is not None:
            return
        try:
            with self._output.open("ab") as output:
                process = subprocess.Popen(
                    self._command,
                    env={**os.environ, **self._environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                )
        except OSError as error:
            _log.warning("cannot start the training: %s", error)
            return
        self._process = process
        _log.warning("training with %d new answers; see %s", len(self._new), self._output)
        threading.Thread(
            target=self._wait, args=(process, set(self._new)), name="training", daemon=True
        ).start()

    def _wait(self, process: subprocess.Popen[bytes], learnt: set[int]) -> None:
        code = process.wait()
        with self._lock:
            self._process = None
            # Also after a failure: the next one comes after as many answers again.
            self._new -= learnt
            self._remember()
            if code:
                _log.warning("the training failed (code %d); see %s", code, self._output)
            else:
                _log.warning("the training has ended; see %s", self._output)

    def _remember(self) -> None:
        try:
            write_json(self._state, {"new_annotation_ids": sorted(self._new)})
        except OSError as error:
            _log.warning("cannot write %s: %s", self._state, error)


def _project_of(payload: Mapping[str, Any]) -> int | None:
    project = payload.get("project")
    found = project.get("id") if isinstance(project, Mapping) else None
    return found if isinstance(found, int) else None


def _read_ids(state: Path) -> set[int]:
    try:
        content = read_json(state)
        ids = content["new_annotation_ids"]
        return {one for one in ids if isinstance(one, int)}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError):
        _log.warning("cannot read %s; new answers are counted from 0", state)
        return set()
