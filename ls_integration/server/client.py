"""One session with Label Studio: address, token, time limits, errors.

All requests are plain JSON over `requests`: the SDK repeats POSTs on its own
(up to three copies of every task), hides a 404 in the middle of a listing and
prints whole HTML pages in its errors. What it does well is used here: it
tells the two kinds of token apart and renews a personal access token's bearer.
"""

import json as json_module
import logging
from collections.abc import Mapping
from typing import Any, Self

import requests
from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.tokens.client_ext import TokensClientExt
from pydantic import SecretStr
from requests.auth import AuthBase
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from ls_integration.errors import AuthError, ServerError, ServerTimeout
from ls_integration.server.session import new_session

CONNECT_TIMEOUT_S = 10.0
"""Long enough for a busy development server to accept a connection."""

READ_TIMEOUT_S = 110.0
"""Just below the 120 s at which the official image kills a request (uwsgi
harakiri), so that our clock, and not a half-done request, ends the wait."""

ATTEMPTS = 5
"""Tries of a request whose answer was certainly "no"."""

_WAIT = wait_exponential(multiplier=0.5, max=8.0) + wait_random(0.0, 0.5)

_CERTAINLY_NOT_DONE = (429, 503)
"""Statuses that a server or proxy gives without having begun the work."""

_CUT_OFF = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
"""Faults of an answer's body: the request itself was carried out."""

_log = logging.getLogger(__name__)


class TokenAuth(AuthBase):
    """Put the right Authorization header on every request.

    A legacy token goes as it is. A personal access token is exchanged for a
    bearer that lives five minutes, and again when that is over.

    Parameters
    ----------
    url : str
        Address of the server.
    api_key : SecretStr
        Either kind of token.
    """

    def __init__(self, url: str, api_key: SecretStr) -> None:
        token = api_key.get_secret_value()
        try:
            self._tokens = TokensClientExt(base_url=url, api_key=token)
        except ApiError as error:
            msg = (
                f"the token for {url} has expired or is malformed ({error.status_code}); "
                "make a new one under Account & Settings and set LABEL_STUDIO_API_KEY"
            )
            raise AuthError(msg, status=error.status_code, url=url) from None
        self.kind = "legacy token" if self._tokens._use_legacy_token else "personal access token"
        self._url = url

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header to *request*.

        Parameters
        ----------
        request : PreparedRequest
            What is about to be sent.

        Returns
        -------
        PreparedRequest
            The same, with its Authorization header.

        Raises
        ------
        AuthError
            If the server refuses to renew the bearer.
        """
        try:
            value = self._tokens.api_key
        except ApiError as error:
            raise _refused(self._url, error.status_code) from None
        scheme = "Token" if self.kind == "legacy token" else "Bearer"
        request.headers["Authorization"] = f"{scheme} {value}"
        return request


class Client:
    """A session with one Label Studio server.

    Parameters
    ----------
    url : str
        Address of the server, with or without a slash at its end.
    api_key : SecretStr
        Legacy token or personal access token.
    timeout_s : float
        How long one request may take, in seconds.

    Attributes
    ----------
    url : str
        Address without the slash.
    token_kind : str
        "legacy token" or "personal access token".
    """

    def __init__(self, url: str, api_key: SecretStr, *, timeout_s: float = READ_TIMEOUT_S) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._session = new_session(self.url)
        auth = TokenAuth(self.url, api_key)
        self.token_kind = auth.kind
        self._session.auth = auth
        self._session.headers["Accept"] = "application/json"

    def __enter__(self) -> Self:
        """Give the session itself.

        Returns
        -------
        Client
            This session.
        """
        return self

    def __exit__(self, *_: object) -> None:
        """Close the session's connections.

        Parameters
        ----------
        *_ : object
            Ignored.
        """
        self._session.close()

    def get(self, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        """Ask for *path*; repeated where the server was busy or away.

        Parameters
        ----------
        path : str
            Below the server's address, for example ``/api/projects``.
        params : mapping, optional
            The query.

        Returns
        -------
        dict or list or None
            The answer's JSON, None if it is empty.

        Raises
        ------
        ServerError
            `AuthError` for 401 and 403, `ServerTimeout` without an answer in
            time, else `ServerError` with the status.
        """
        return self._json(self._send("GET", path, params=params))

    def get_bytes(self, path: str) -> tuple[bytes, str]:
        """Fetch a file through the server, as a browser would.

        Parameters
        ----------
        path : str
            Below the server's address, query included.

        Returns
        -------
        content : bytes
            The file.
        content_type : str
            As the server declares it.
        """
        response = self._send("GET", path)
        return response.content, response.headers.get("Content-Type", "")

    def post(
        self,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send *json* to *path*, once; repeated only if it certainly did not arrive.

        Parameters
        ----------
        path : str
            Below the server's address.
        json : dict or list, optional
            The body.
        body : bytes, optional
            The body in place of *json*, where the caller has encoded it.
        params : mapping, optional
            The query.

        Returns
        -------
        dict or list or None
            The answer's JSON, None if it is empty.

        Raises
        ------
        ServerError
            As for `get`. After a `ServerTimeout` the work may have been done.
        """
        return self._json(self._send("POST", path, json=json, body=body, params=params))

    def patch(self, path: str, *, json: Any) -> Any:
        """Change what *path* names.

        Parameters
        ----------
        path : str
            Below the server's address.
        json : dict
            The fields to set.

        Returns
        -------
        dict or None
            The answer's JSON.

        Raises
        ------
        ServerError
            As for `get`.
        """
        return self._json(self._send("PATCH", path, json=json))

    def delete(self, path: str, *, json: Any = None) -> Any:
        """Remove what *path* names.

        Parameters
        ----------
        path : str
            Below the server's address.
        json : dict, optional
            The body, for the few addresses that want one.

        Returns
        -------
        dict or None
            The answer's JSON.

        Raises
        ------
        ServerError
            As for `get`.
        """
        return self._json(self._send("DELETE", path, json=json))

    def whoami(self) -> dict[str, Any]:
        """Tell whose token this is; the cheapest proof that it works.

        Returns
        -------
        dict
            Label Studio's user: ``id, email, first_name, ...``.

        Raises
        ------
        ServerError
            As for `get`.
        """
        user: dict[str, Any] = self.get("/api/current-user/whoami")
        return user

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        body: bytes | None = None,
    ) -> requests.Response:
        if json is not None:
            body = json_module.dumps(json, allow_nan=False).encode()
        headers = {"Content-Type": "application/json"} if body is not None else None
        for attempt in Retrying(
            retry=retry_if_exception(lambda error: _may_repeat(method, error)),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_WAIT,
            before_sleep=before_sleep_log(_log, logging.INFO),
            reraise=True,
        ):
            with attempt:
                return self._send_once(method, path, params, body, headers)
        raise AssertionError  # pragma: no cover  (Retrying returns or raises)

    def _send_once(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> requests.Response:
        try:
            response = self._session.request(
                method,
                self.url + path,
                params=params,
                data=body,
                headers=headers,
                timeout=(CONNECT_TIMEOUT_S, self._timeout_s),
                allow_redirects=False,
            )
        except requests.exceptions.ConnectTimeout:
            raise _unreachable(self.url) from None
        except requests.exceptions.Timeout:
            msg = (
                f"Label Studio at {self.url} gave no answer to {method} {path} within "
                f"{self._timeout_s:g} s; run the same command again, it goes on from there"
            )
            raise ServerTimeout(msg, url=self.url + path) from None
        except requests.exceptions.ConnectionError as error:
            if _never_connected(error):
                raise _unreachable(self.url) from None
            raise _broken_off(method, path, self.url) from None
        except _CUT_OFF:
            raise _broken_off(method, path, self.url) from None
        except requests.exceptions.RequestException as error:
            msg = (
                f"cannot send {method} {path} to {self.url} ({type(error).__name__}); "
                "check the address given with --url or LABEL_STUDIO_URL"
            )
            raise ServerError(msg, url=self.url + path) from None
        if response.status_code >= 300:
            raise _error_of(response, method, path, self.url)
        return response

    def _json(self, response: requests.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            msg = (
                f"{self.url} did not answer with JSON; is it a Label Studio server? "
                "check the address given with --url or LABEL_STUDIO_URL"
            )
            raise ServerError(msg, status=response.status_code, url=self.url) from None


def _may_repeat(method: str, error: BaseException) -> bool:
    """Say whether *error* proves that nothing was done, or that doing it twice is harmless."""
    if not isinstance(error, ServerError) or isinstance(error, AuthError):
        return False
    if isinstance(error, ServerTimeout):
        return False
    if error.status in _CERTAINLY_NOT_DONE:
        return True
    # A dead server is refused at once: the user wants that line now, not in 8 s.
    return method == "GET" and error.status in (502, 504)


def _never_connected(error: requests.exceptions.ConnectionError) -> bool:
    """Say whether the connection failed before a byte of the request was sent."""
    text = repr(error.args[0] if error.args else error)
    return any(
        sign in text for sign in ("NewConnectionError", "NameResolutionError", "ConnectTimeout")
    )


def _unreachable(url: str) -> ServerError:
    msg = (
        f"no Label Studio answers at {url}; start one with `ls-integration up`, "
        "or give its address with --url or LABEL_STUDIO_URL"
    )
    return ServerError(msg, url=url)


def _broken_off(method: str, path: str, url: str) -> ServerTimeout:
    msg = (
        f"Label Studio at {url} broke off the connection during {method} {path}; if it has "
        "ended, look at its log and start it (`ls-integration up`), then run the same command again"
    )
    return ServerTimeout(msg, url=url + path)


def _refused(url: str, status: int | None) -> AuthError:
    msg = (
        f"Label Studio at {url} refused the token ({status}); copy the token of your account "
        "(Account & Settings) into LABEL_STUDIO_API_KEY or a file for --token-file"
    )
    return AuthError(msg, status=status, url=url)


def _error_of(response: requests.Response, method: str, path: str, url: str) -> ServerError:
    """Map an answer of 300 or more into the tree, with Label Studio's own reason."""
    status = response.status_code
    if status == 401:
        return _refused(url, status)
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
        return json_module.dumps(body)[:300]
    detail = str(body.get("detail", "") or response.reason)
    fields = body.get("validation_errors")
    if isinstance(fields, dict) and fields:
        parts = [
            f"{name}: {' '.join(map(str, values)) if isinstance(values, list) else values}"
            for name, values in fields.items()
        ]
        detail = "; ".join(parts)
    return " ".join(detail.split())[:500]
