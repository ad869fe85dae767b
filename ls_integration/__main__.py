"""Entry point of ``ls-integration`` and of ``python -m ls_integration``."""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

EXIT_INTERRUPTED = 130
"""What a shell makes of a command that Ctrl+C has ended."""


def main() -> NoReturn:
    """Run the command line; Ctrl+C and SIGTERM end it with one line, at any moment.

    Raises
    ------
    SystemExit
        As `cli.main`.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # Loaded here: an interrupt meanwhile shall be no traceback either.
        from ls_integration.cli import main as run_command

        run_command()
    except KeyboardInterrupt:
        left = SystemExit(EXIT_INTERRUPTED)
    except SystemExit as done:
        left = done
    # Nothing is left to break off: a late signal shall not change the exit code.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if left.code != EXIT_INTERRUPTED:
        raise left
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.write("error: interrupted; the same command goes on where this one stopped\n")
        sys.stderr.flush()
    # Python would end itself with SIGINT if the interrupt fell into an `exec`, as of a dataclass.
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
