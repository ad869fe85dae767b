"""What stands before the web application: passwords and sizes, decided from the headers alone.

Label Studio sends basic auth with every call but its webhooks, which can carry
headers of their own: they bring a word that opens nothing else.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import SecretStr

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

USERNAME = "label-studio"
"""Whose the password is, in basic auth."""

WEBHOOK_HEADER = "X-Ls-Integration-Event"
"""Header of a webhook that proves where it comes from."""

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Larger requests are refused unread. A task of a cutout with all its boxes has about 6 kB:
5,000 of them in one batch."""

TRUSTED = "ls_integration.trusted"
"""Key of a request's environment: it may be told about the model."""

_OPEN = ("/", "/health")
_WEBHOOK = "/webhook"


def webhook_word(password: SecretStr) -> str:
    """Derive what a webhook brings from the password, which it does not tell.

    Members of a Label Studio can read its webhooks' headers.

    Parameters
    ----------
    password : SecretStr
        The backend's.

    Returns
    -------
    str
        64 hex digits: an HMAC with SHA-256 (RFC 2104).
    """
    key = password.get_secret_value().encode()
    return hmac.new(key, b"ls-integration webhook", "sha256").hexdigest()


def guarded(
    application: "WSGIApplication",
    password: SecretStr | None,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> "WSGIApplication":
    """Let through what may come in.

    Parameters
    ----------
    application : callable
        The web application, WSGI (PEP 3333).
    password : SecretStr or None
        Asked of every request but those for `/health`; None asks nobody.
    max_body_bytes : int
        Of a request's body, which nobody has begun to read.

    Returns
    -------
    callable
        WSGI: 401 without the password, 413 if the body is too large, 411 if
        nobody says how large it is.
    """

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO", ""))
        is_known = password is None or _has_password(environ, password)
        is_event = path == _WEBHOOK and password is not None and _has_word(environ, password)
        environ[TRUSTED] = is_known
        if not (is_known or is_event or path in _OPEN):
            return _refuse(start, "401 Unauthorized", "a password is needed; see docs/backend.md")
        if environ.get("HTTP_TRANSFER_ENCODING"):
            return _refuse(start, "411 Length Required", "say how long the body is")
        length = str(environ.get("CONTENT_LENGTH") or "0")
        # No more digits than any length has: int() of a million of them takes seconds.
        if not (length.isascii() and length.isdecimal() and len(length) <= 18):
            return _refuse(start, "400 Bad Request", "Content-Length is no length")
        if int(length) > max_body_bytes:
            detail = f"the body has more than {max_body_bytes:,} bytes; send fewer tasks at once"
            return _refuse(start, "413 Content Too Large", detail)
        return application(environ, start)

    return answer


def _has_password(environ: "WSGIEnvironment", password: SecretStr) -> bool:
    scheme, _, value = str(environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(value.strip().encode("latin-1"), validate=True)
    except (binascii.Error, ValueError):
        return False
    wanted = f"{USERNAME}:{password.get_secret_value()}".encode()
    return hmac.compare_digest(given, wanted)


def _has_word(environ: "WSGIEnvironment", password: SecretStr) -> bool:
    name = "HTTP_" + WEBHOOK_HEADER.upper().replace("-", "_")
    given = str(environ.get(name, "")).encode("latin-1", "replace")
    return hmac.compare_digest(given, webhook_word(password).encode())


def _refuse(start: "StartResponse", status: str, detail: str) -> list[bytes]:
    body = json.dumps({"detail": detail}).encode() + b"\n"
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    # What was not read must not be taken for the next request.
    headers.append(("Connection", "close"))
    if status.startswith("401"):
        headers.append(("WWW-Authenticate", 'Basic realm="ls-integration", charset="UTF-8"'))
    start(status, headers)
    return [body]
