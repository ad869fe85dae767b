"""What a failed request means: whether it may be repeated, and which error says so."""

import json

import requests

from ls_integration.errors import AuthError, BrokenOff, ServerError, ServerTimeout

_CERTAINLY_NOT_DONE = (429, 503)
"""Statuses that a server or proxy gives without having begun the work."""


def may_repeat(method: str, error: BaseException) -> bool:
    """Say whether *error* proves that nothing was done, or that doing it twice is harmless.

    Parameters
    ----------
    method : str
        Of the request.
    error : BaseException
        What became of it.

    Returns
    -------
    bool
        True if the request may be sent again.
    """
    if not isinstance(error, ServerError) or isinstance(error, AuthError):
        return False
    if isinstance(error, BrokenOff):
        return method == "GET"
    if isinstance(error, ServerTimeout):
        return False
    if error.status in _CERTAINLY_NOT_DONE:
        return True
    # A dead server is refused at once: the user wants that line now, not in 8 s.
    return method == "GET" and error.status in (502, 504)


def never_connected(error: requests.exceptions.ConnectionError) -> bool:
    """Say whether the connection failed before a byte of the request was sent.

    Parameters
    ----------
    error : ConnectionError
        From `requests`.

    Returns
    -------
    bool
        True if the server saw nothing.
    """
    text = repr(error.args[0] if error.args else error)
    return any(
        sign in text for sign in ("NewConnectionError", "NameResolutionError", "ConnectTimeout")
    )


def unreachable(url: str) -> ServerError:
    """Say that nobody listens.

    Parameters
    ----------
    url : str
        Address of the server.

    Returns
    -------
    ServerError
        To be raised.
    """
    msg = (
        f"no Label Studio answers at {url}; start one with `ls-integration up`, "
        "or give its address with --url or LABEL_STUDIO_URL"
    )
    return ServerError(msg, url=url)


def broken_off(method: str, path: str, url: str) -> BrokenOff:
    """Say that the answer never came whole: the work may have been done.

    Parameters
    ----------
    method, path : str
        The request.
    url : str
        Address of the server.

    Returns
    -------
    BrokenOff
        To be raised.
    """
    msg = (
        f"Label Studio at {url} broke off the connection during {method} {path}; if it has "
        "ended, look at its log and start it (`ls-integration up`), then run the same command again"
    )
    return BrokenOff(msg, url=url + path)


def refused(url: str, status: int | None) -> AuthError:
    """Say that the token does not open the server.

    Parameters
    ----------
    url : str
        Address of the server.
    status : int or None
        Of its answer.

    Returns
    -------
    AuthError
        To be raised.
    """
    msg = (
        f"Label Studio at {url} refused the token ({status}); copy the token of your account "
        "(Account & Settings) into LABEL_STUDIO_API_KEY or a file for --token-file"
    )
    return AuthError(msg, status=status, url=url)


def error_of(response: requests.Response, method: str, path: str, url: str) -> ServerError:
    """Map an answer of 300 or more into the tree, with Label Studio's own reason.

    Parameters
    ----------
    response : Response
        The answer.
    method, path : str
        The request.
    url : str
        Address of the server.

    Returns
    -------
    ServerError
        `AuthError` for 401 and 403; to be raised.
    """
    status = response.status_code
    if status == 401:
        return refused(url, status)
    reason = _reason(response)
    if status == 403:
        msg = f"Label Studio at {url} does not allow {method} {path} (403): {reason}"
        return AuthError(msg, status=status, url=url + path)
    if status < 400:
        msg = (
            f"{url} answers {method} {path} with a redirect to "
            f"{response.headers.get('Location', 'somewhere else')}; give that address with --url"
        )
        return ServerError(msg, status=status, url=url + path)
    msg = f"Label Studio at {url} answered {status} to {method} {path}: {reason}"
    return ServerError(msg, status=status, url=url + path)


def _reason(response: requests.Response) -> str:
    """Get the human part of Label Studio's error body; never a page of HTML."""
    try:
        body = response.json()
    except ValueError:
        return response.reason or "no reason given"
    if not isinstance(body, dict):
        return json.dumps(body)[:300]
    detail = str(body.get("detail", "") or response.reason)
    fields = body.get("validation_errors")
    if isinstance(fields, dict) and fields:
        parts = [
            f"{name}: {' '.join(map(str, values)) if isinstance(values, list) else values}"
            for name, values in fields.items()
        ]
        detail = "; ".join(parts)
    return " ".join(detail.split())[:500]
