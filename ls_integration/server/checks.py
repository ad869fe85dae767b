"""What of a server can be told from outside: is it one, which, and its clock."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from ls_integration.errors import ServerError
from ls_integration.server.hotkeys import FOCUS_REGION, SUBMIT
from ls_integration.server.session import new_session

_TIMEOUT_S = (10.0, 30.0)
"""To connect and to read: the answer is small and needs no database."""


@dataclass(frozen=True)
class ServerSigns:
    """What a server says to anybody who asks.

    Attributes
    ----------
    release : str
        Version of Label Studio.
    clock_ahead_s : float or None
        How much its clock is ahead of ours, to about 1 s; None if it does not
        tell the time.
    """

    release: str
    clock_ahead_s: float | None


def probe(url: str) -> ServerSigns:
    """Ask, without a token, whether a Label Studio answers at *url*.

    Parameters
    ----------
    url : str
        Address of the server, without a slash at its end.

    Returns
    -------
    ServerSigns
        Version and clock.

    Raises
    ------
    ServerError
        If nothing answers there, or something else than Label Studio.
    """
    path = "/api/version"
    sent_s = time.time()
    try:
        with new_session(url) as session:
            answer = session.get(url + path, timeout=_TIMEOUT_S, allow_redirects=False)
    except requests.exceptions.RequestException as error:
        msg = (
            f"no Label Studio answers at {url} ({type(error).__name__}): start one with "
            "`ls-integration up`, or correct --url or LABEL_STUDIO_URL"
        )
        raise ServerError(msg, url=url) from None
    middle_s = (sent_s + time.time()) / 2
    if 300 <= answer.status_code < 400:
        elsewhere = answer.headers.get("Location", "somewhere else").removesuffix(path)
        msg = f"{url} sends one on to {elsewhere}: give that address with --url"
        raise ServerError(msg, status=answer.status_code, url=url)
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or "release" not in body:
        msg = (
            f"what answers at {url} is no Label Studio ({answer.status_code}): correct --url or "
            "LABEL_STUDIO_URL"
        )
        raise ServerError(msg, status=answer.status_code, url=url)
    return ServerSigns(str(body["release"]), _clock_ahead_s(answer.headers.get("Date"), middle_s))


def _clock_ahead_s(date: str | None, now_s: float) -> float | None:
    """Compare an HTTP date, whole seconds cut off, with our clock."""
    try:
        return parsedate_to_datetime(date or "").timestamp() + 0.5 - now_s
    except ValueError:
        return None


def enter_submits(user: Mapping[str, Any], *, keymap_is_ours: bool) -> bool | None:
    """Tell whether Enter submits for a person.

    Parameters
    ----------
    user : mapping
        Label Studio's user, with ``custom_hotkeys``.
    keymap_is_ours : bool
        The server was started with Enter as everybody's submit key.

    Returns
    -------
    bool or None
        None if it depends on the server's keymap, which nobody can ask for.
    """
    own = user.get("custom_hotkeys") or {}
    submit, focus = own.get(SUBMIT), own.get(FOCUS_REGION)
    if submit is None:
        return True if keymap_is_ours else None
    is_enter = submit.get("key") == "enter" and submit.get("active", True)
    is_free = keymap_is_ours if focus is None else focus.get("key") != "enter"
    return bool(is_enter and is_free)
