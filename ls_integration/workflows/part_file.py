"""Finished parts of a long run, kept beside its output until that is whole."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ls_integration.errors import ResultsError
from ls_integration.files import parse_json


class PartFile:
    """A file to which finished parts are added, and in which they are found again.

    Its first line says what the parts are of: those of another run are
    forgotten. A line that a kill cut short is left out.

    Parameters
    ----------
    output : Path
        What the run will write; the parts are in a hidden file beside it.
    key : str
        Hash of all that decides about the parts.
    """

    def __init__(self, output: Path, key: str) -> None:
        self._path = output.with_name(f".{output.name}.part")
        self._key = key
        self._is_begun = False

    def read(self) -> dict[int, Any]:
        """Find what an earlier run has finished.

        Returns
        -------
        dict of int to object
            Number of the part -> its JSON value.

        Raises
        ------
        ResultsError
            If the file cannot be read.
        """
        try:
            lines = self._path.read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            msg = f"cannot read {self._path} ({error}); remove it"
            raise ResultsError(msg) from None
        entries = [entry for line in lines if (entry := _parsed(line)) is not None]
        if not entries or entries[0].get("key") != self._key:
            return {}
        self._is_begun = True
        return {
            entry["part"]: entry["value"]
            for entry in entries[1:]
            if isinstance(entry.get("part"), int) and "value" in entry
        }

    def add(self, part: int, value: Any) -> None:
        """Keep a finished part.

        Parameters
        ----------
        part : int
            Its number.
        value : object
            JSON value.

        Raises
        ------
        ResultsError
            If it cannot be written.
        """
        lines = [] if self._is_begun else [json.dumps({"key": self._key})]
        lines.append(json.dumps({"part": part, "value": value}, allow_nan=False))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a" if self._is_begun else "w", encoding="utf-8") as file:
                # In front too: a line that was cut short must not swallow this one.
                file.write("\n" + "\n".join(lines) + "\n")
        except OSError as error:
            msg = f"cannot write {self._path}: {error.strerror or error}; mend that, rerun"
            raise ResultsError(msg) from error
        self._is_begun = True

    def remove(self) -> None:
        """Forget the parts, since the output is whole."""
        self._path.unlink(missing_ok=True)


def _parsed(line: str) -> Mapping[str, Any] | None:
    try:
        entry = parse_json(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
