"""Accounts that can log in, and whose names stand on result files.

Label Studio makes an account with a password in one way only: through its
sign-up page, with the organization's invite link. The link is reset after each
use, so that one which was passed on lets nobody else in.
"""

import logging
import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from ls_integration.errors import ConfigError, ServerError
from ls_integration.server.account_pages import sign_up
from ls_integration.server.client import Client

EMAIL_DOMAIN = "people.invalid"
"""Domain of made-up e-mail addresses; it can never exist (RFC 2606)."""

_NAME_LENGTH = 100
"""Longer names are refused by Label Studio's own account page."""

_EMAIL_LENGTH = 255
_PASSWORD_BYTES = 12
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Person:
    """A member of the server.

    Attributes
    ----------
    name : str
        As it stands on result files.
    email : str
        The login.
    user_id : int
        Label Studio's number.
    password : SecretStr or None
        None if the account was there before.
    token : SecretStr or None
        Their legacy token; None if the account was there before, or the
        server gives none.
    """

    name: str
    email: str
    user_id: int
    password: SecretStr | None = None
    token: SecretStr | None = None


def new_password() -> SecretStr:
    """Generate a password for an account.

    Returns
    -------
    SecretStr
        16 characters from the operating system's random source.
    """
    return SecretStr(secrets.token_urlsafe(_PASSWORD_BYTES))


def members(client: Client) -> list[Person]:
    """List everybody who has an account.

    Parameters
    ----------
    client : Client
        Session of any member.

    Returns
    -------
    list of Person
        By user id, the owner first as a rule; without passwords and tokens.

    Raises
    ------
    ServerError
        If the server refuses.
    """
    users: Sequence[Mapping[str, Any]] = client.get("/api/users/")
    people = [
        Person(name=_name_of(user), email=str(user["email"]), user_id=int(user["id"]))
        for user in users
    ]
    return sorted(people, key=lambda person: person.user_id)


def ensure(
    client: Client, name: str, *, email: str | None = None, password: SecretStr | None = None
) -> Person:
    """Find the account of *name*, or make it.

    Parameters
    ----------
    client : Client
        Session of a member who may invite others.
    name : str
        As it shall stand on result files.
    email : str, optional
        Their login; by default that of the member called *name*, else
        ``<name in plain letters>@people.invalid``.
    password : SecretStr, optional
        8 to 128 characters; by default random. Used for a new account only.

    Returns
    -------
    Person
        With password and token if the account is new.

    Raises
    ------
    ConfigError
        If the name or e-mail cannot be used, or belongs to somebody else.
    ServerError
        If the server refuses.
    """
    name = _checked_name(name)
    people = members(client)
    namesakes = [person for person in people if person.name == name]
    if email is None:
        if len(namesakes) > 1:
            emails = ", ".join(person.email for person in namesakes)
            msg = f"several accounts are called '{name}'; say which with {name}=E-MAIL ({emails})"
            raise ConfigError(msg)
        if namesakes:
            return namesakes[0]
        address = made_up_email(name)
    else:
        address = _checked_email(email)
    known = next((person for person in people if person.email.lower() == address), None)
    if known is not None:
        return _same_person(client, known, name)
    if namesakes:
        msg = (
            f"'{name}' is already the account {namesakes[0].email}, so {address} would be a second "
            "one under that name on result files; leave the e-mail out, or choose another name"
        )
        raise ConfigError(msg)
    secret = password or new_password()
    invite = client.get("/api/invite")
    try:
        token = sign_up(client.url, str(invite["token"]), address, secret)
    finally:
        # The link is spent, also if the sign-up was refused.
        client.post("/api/invite/reset-token")
    made = next((person for person in members(client) if person.email.lower() == address), None)
    if made is None:
        msg = (
            f"the server took the sign-up of {address} but does not list it; look at its user list"
        )
        raise ServerError(msg, url=client.url)
    client.patch(f"/api/users/{made.user_id}/", json={"first_name": name})
    _log.info("made the account %s for %s", address, name)
    return Person(name, made.email, made.user_id, secret, token)


def made_up_email(name: str) -> str:
    """Build the login of somebody who gave no e-mail.

    Parameters
    ----------
    name : str
        Their name, in any script.

    Returns
    -------
    str
        ``ana-b@people.invalid`` for "Ana B". Two names may give the same.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    letters = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    # Names in scripts without Latin letters: their code points, unique for each.
    local = letters or "-".join(f"{ord(character):x}" for character in name if character.strip())
    return f"{local[:64].strip('-')}@{EMAIL_DOMAIN}"


def _name_of(user: Mapping[str, Any]) -> str:
    """Build a member's name as the account page shows it, their e-mail if they gave none."""
    parts = (str(user.get("first_name") or ""), str(user.get("last_name") or ""))
    return " ".join(part.strip() for part in parts if part.strip())


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > _NAME_LENGTH or not name.isprintable():
        msg = f"'{name}' cannot be a person's name; give 1 to {_NAME_LENGTH} printable characters"
        raise ConfigError(msg)
    return name


def _checked_email(email: str) -> str:
    email = email.strip().lower()
    if not _EMAIL.fullmatch(email) or len(email) > _EMAIL_LENGTH:
        msg = f"'{email}' is no e-mail address; give one like name@example.org, or none"
        raise ConfigError(msg)
    return email


def _same_person(client: Client, known: Person, name: str) -> Person:
    """Give back *known* if it may be called *name*."""
    if not known.name:
        client.patch(f"/api/users/{known.user_id}/", json={"first_name": name})
    elif known.name != name:
        msg = (
            f"the account {known.email} belongs to '{known.name}', not '{name}'; "
            f"give another e-mail ({name}=E-MAIL) or the name '{known.name}'"
        )
        raise ConfigError(msg)
    return Person(name, known.email, known.user_id)
