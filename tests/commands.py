"""The package's commands, run in a process of their own, as people run them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ls_integration.server.embedded import EmbeddedServer


def environment_of(server: EmbeddedServer, **more: str) -> dict[str, str]:
    """Give the variables that tell a command of *server*.

    Parameters
    ----------
    server : EmbeddedServer
        Running.
    **more : str
        Further variables.

    Returns
    -------
    dict of str to str
        Name -> value.
    """
    return {
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": server.token.get_secret_value(),
        "LS_INTEGRATION_MEDIA": str(server.media),
        **more,
    }


def run_command(
    folder: Path,
    *words: str,
    environment: Mapping[str, str] | None = None,
    limit_s: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command, and wait for its end.

    Parameters
    ----------
    folder : Path
        Where.
    *words : str
        Behind ``python -m ls_integration``.
    environment : mapping of str to str, optional
        Variables more than those of the tests.
    limit_s : float, optional
        `subprocess.TimeoutExpired` is raised after so many seconds.

    Returns
    -------
    CompletedProcess
        With both streams; they are pipes, as in a script.
    """
    return subprocess.run(
        [sys.executable, "-m", "ls_integration", *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        timeout=limit_s,
    )
