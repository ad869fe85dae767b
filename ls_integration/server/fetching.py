"""Files of tasks, fetched from the one Label Studio that the backend belongs to."""

import time
from collections.abc import Callable
from urllib.parse import SplitResult, unquote, urlsplit

import requests
from pydantic import SecretStr

from ls_integration.errors import ServerError, TaskError
from ls_integration.server.session import new_session
from ls_integration.server.token_auth import TokenAuth

CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 10.0
"""Of one read; somebody waits for the page."""

WHOLE_TIMEOUT_S = 30.0
"""Of a whole file."""

_DATA = "/data/"
"""Below which Label Studio serves what tasks show; the rest of it is no picture."""

_CHUNK_BYTES = 256 * 1024


def fetcher(url: str, api_key: SecretStr) -> Callable[[str, int], bytes]:
    """Make the function that fetches the files of tasks.

    Parameters
    ----------
    url : str
        The Label Studio, as whoever started the backend named it: what its
        requests say of themselves could be anybody's.
    api_key : SecretStr
        Token; sent there and nowhere else.

    Returns
    -------
    callable
        An address from a task and how many bytes the file may have -> the
        file. Raises `TaskError` for an address of anything else, `ServerError`
        if Label Studio does not give it.
    """
    base = urlsplit(url.rstrip("/"))

    def fetch(address: str, max_bytes: int) -> bytes:
        path = path_on(base, address)
        # A session is for one thread; and none keeps cookies for the next.
        with new_session(url) as session:
            session.auth = TokenAuth(url, api_key)
            return _read(session, url.rstrip("/") + path, max_bytes)

    return fetch


def path_on(base: SplitResult, address: str) -> str:
    """Give the path and query of a file that a Label Studio serves as data.

    Parameters
    ----------
    base : SplitResult
        Address of that Label Studio.
    address : str
        From a task: relative to it, or absolute.

    Returns
    -------
    str
        Below *base*.

    Raises
    ------
    TaskError
        If it is on another host or port, or not below ``/data/``.
    """
    try:
        parts = urlsplit(address)
        is_elsewhere = bool(parts.scheme or parts.netloc) and (
            parts.scheme.lower(),
            (parts.hostname or "").lower(),
            _port(parts),
        ) != (base.scheme.lower(), (base.hostname or "").lower(), _port(base))
        is_elsewhere = is_elsewhere or bool(parts.username or parts.password)
    except ValueError:
        is_elsewhere = True
    if is_elsewhere:
        msg = f"an image of a task is not on {base.geturl()}; nothing is fetched from elsewhere"
        raise TaskError(msg)
    path = parts.path
    if parts.netloc and base.path:
        path = path.removeprefix(base.path)
    plain = unquote(path)
    is_odd = any(sign in plain + parts.query for sign in ("\\", "\0", "\r", "\n"))
    if not plain.startswith(_DATA) or ".." in plain.split("/") or "//" in plain or is_odd:
        msg = f"an image of a task is not below {_DATA} of Label Studio; nothing else is fetched"
        raise TaskError(msg)
    return f"{path}?{parts.query}" if parts.query else path


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme.lower() == "https" else 80)


def _read(session: requests.Session, url: str, max_bytes: int) -> bytes:
    end = time.monotonic() + WHOLE_TIMEOUT_S
    timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
    content = bytearray()
    try:
        with session.get(url, stream=True, allow_redirects=False, timeout=timeout) as response:
            if response.status_code != 200:
                msg = f"Label Studio does not give an image of a task ({response.status_code})"
                raise ServerError(msg, status=response.status_code)
            for chunk in response.iter_content(_CHUNK_BYTES):
                content += chunk
                if len(content) > max_bytes or time.monotonic() > end:
                    msg = f"an image of a task has more than {max_bytes:,} bytes, or takes too long"
                    raise ServerError(msg)
    except requests.exceptions.RequestException as error:
        msg = f"cannot fetch an image of a task ({type(error).__name__})"
        raise ServerError(msg) from None
    return bytes(content)
