"""What becomes of the passwords of new accounts."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ls_integration.cli.console import print_note

if TYPE_CHECKING:
    from ls_integration.server.people import Person
    from ls_integration.workflows.new_accounts import OnAccount


def account_keeper(passwords: Path | None) -> "OnAccount":
    """Show each new password once, as soon as it is made: on a terminal, or in a file.

    Parameters
    ----------
    passwords : Path or None
        The file that the user named.

    Returns
    -------
    callable
        For the workflow that makes accounts.
    """
    from ls_integration.workflows import new_accounts

    if passwords is not None:
        new_accounts.check_passwords_file(passwords)

    def keep(folder: Path, person: "Person") -> None:
        if passwords is None and sys.stderr.isatty():
            print_note(new_accounts.login_line(person))
            return
        # Not into a pipe or a log: into a file of the owner's alone.
        path = passwords or folder / new_accounts.PASSWORDS_FILE
        new_accounts.keep_in_file(path, person)
        print_note(f"made an account for {person.name}; the password is in {path}")

    return keep
