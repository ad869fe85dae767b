"""Passwords of new accounts: kept at once, since nobody else has them.

A password is written to the study's folder before the account is made, and
taken away again when it has been handed over: a kill in between loses none.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from ls_integration.errors import ConfigError, StudyError
from ls_integration.files import PRIVATE_MODE, read_texts, write_json, write_text
from ls_integration.server import people
from ls_integration.server.account_pages import can_log_in
from ls_integration.server.client import Client
from ls_integration.server.people import Person
from ls_integration.study.disk import writing

PASSWORDS_FILE = "passwords.txt"
"""In the study's folder, which is the owner's alone."""

_PENDING_FILE = "pending-passwords.json"

OnAccount = Callable[[Path, Person], None]
"""Takes the study's folder and a person whose account was made this moment."""


def ensure_account(
    folder: Path,
    client: Client,
    name: str,
    on_account: OnAccount,
    *,
    email: str | None = None,
) -> Person:
    """Find a person's account, or make it and hand its password over.

    Parameters
    ----------
    folder : Path
        The study's folder; its lock must be held.
    client : Client
        Session of a member who may invite others.
    name : str
        As it shall stand on result files.
    on_account : callable
        Called once for an account that this study made.
    email : str, optional
        Their login, as `server.people.ensure`.

    Returns
    -------
    Person
        As `server.people.ensure`.

    Raises
    ------
    IntegrationError
        As `server.people.ensure`.
    """
    pending = _read_pending(folder)
    was_begun = name in pending
    if not was_begun and any(
        name == member.name or (email or "").strip().lower() == member.email.lower()
        for member in people.members(client)
    ):
        return people.ensure(client, name, email=email)
    secret = pending.setdefault(name, people.new_password().get_secret_value())
    _write_pending(folder, pending)
    try:
        person = people.ensure(client, name, email=email, password=SecretStr(secret))
        # Another command, for another study, may have made the account meanwhile.
        if person.password is None and can_log_in(client.url, person.email, SecretStr(secret)):
            person = replace(person, password=SecretStr(secret))
        if person.password is not None:
            on_account(folder, person)
    except ConfigError:
        # The name cannot be used: no account was made.
        _write_pending(folder, {**pending, name: None})
        raise
    _write_pending(folder, {**pending, name: None})
    return person


def _read_pending(folder: Path) -> dict[str, str]:
    path = folder / _PENDING_FILE
    try:
        return read_texts(path)
    except (OSError, ValueError) as error:
        msg = (
            f"cannot read {path} ({type(error).__name__}), which holds passwords of accounts that "
            "were being made; mend it, or move it away: those accounts then need new passwords"
        )
        raise StudyError(msg) from None


def _write_pending(folder: Path, pending: Mapping[str, str | None]) -> None:
    """Write those that have a password; no file for none."""
    path = folder / _PENDING_FILE
    kept = {name: secret for name, secret in pending.items() if secret is not None}
    with writing(folder):
        if kept:
            write_json(path, kept, mode=PRIVATE_MODE)
        else:
            path.unlink(missing_ok=True)


def login_line(person: Person) -> str:
    """Write what a person needs to log in.

    Parameters
    ----------
    person : Person
        With a password.

    Returns
    -------
    str
        One line; a secret.
    """
    password = person.password.get_secret_value() if person.password else ""
    return f"{person.name}: login {person.email} password {password}"


def keep_in_study(folder: Path, person: Person) -> None:
    """Add a person's login to the passwords file of the study.

    Parameters
    ----------
    folder : Path
        The study's folder.
    person : Person
        With a password.
    """
    keep_in_file(folder / PASSWORDS_FILE, person)


def keep_in_file(path: Path, person: Person) -> None:
    """Add a person's login to a file of the owner's alone.

    Parameters
    ----------
    path : Path
        The file; what it holds is kept.
    person : Person
        With a password.

    Raises
    ------
    StudyError
        If it cannot be written; the study keeps the password until it can.
    """
    try:
        _add_login(path, person)
    except OSError as error:
        msg = (
            f"cannot write the passwords file {path} ({error.strerror or error}); mend that and "
            "run the same command again, the study keeps the password until then"
        )
        raise StudyError(msg) from None


def _add_login(path: Path, person: Person) -> None:
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    line = login_line(person)
    # A run that was killed after this hands the same password over again.
    if line not in known.splitlines():
        write_text(path, f"{known}{line}\n", mode=PRIVATE_MODE)


def check_passwords_file(path: Path) -> None:
    """Refuse a file that cannot be written, before an account is made.

    Parameters
    ----------
    path : Path
        As the user gave it.

    Raises
    ------
    ConfigError
        Naming the path.
    """
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        msg = f"--passwords {path} cannot be written; give a file in a folder that is there"
        raise ConfigError(msg)
