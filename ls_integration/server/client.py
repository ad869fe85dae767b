"""One session with Label Studio: address, time limits, repeats.

All requests are plain JSON over `requests`: the SDK repeats POSTs on its own
(up to three copies of every task), hides a 404 in the middle of a listing and
prints whole HTML pages in its errors. What it does well is used in `token_auth`: it
tells the two kinds of token apart and renews a personal access token's bearer.
"""

import json as json_module
import logging
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

import requests
from pydantic import SecretStr
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from ls_integration.errors import ServerError, ServerTimeout
from ls_integration.server.failures import (
    broken_off,
    error_of,
    may_repeat,
    never_connected,
    unreachable,
)
from ls_integration.server.session import new_session
from ls_integration.server.token_auth import TokenAuth

CONNECT_TIMEOUT_S = 10.0
"""Long enough for a busy development server to accept a connection."""

READ_TIMEOUT_S = 110.0
"""Just below the 120 s at which the official image kills a request (uwsgi
harakiri), so that our clock, and not a half-done request, ends the wait."""

ATTEMPTS = 5
"""Tries of a request whose answer was certainly "no"."""

JSON_TYPE = "application/json"
"""Content type of nearly every body."""

_WAIT = wait_exponential(multiplier=0.5, max=8.0) + wait_random(0.0, 0.5)

_CUT_OFF = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError)
"""Faults of an answer's body: the request itself was carried out."""

_log = logging.getLogger(__name__)


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
        self._api_key = api_key
        self._session = new_session(self.url)
        auth = TokenAuth(self.url, api_key)
        self.token_kind = auth.kind
        self._session.auth = auth
        self._session.headers["Accept"] = JSON_TYPE

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

    def get_dated(
        self, path: str, *, params: Mapping[str, Any] | None = None
    ) -> tuple[Any, datetime | None]:
        """Ask for *path*, and for the server's time.

        Parameters
        ----------
        path : str
            Below the server's address.
        params : mapping, optional
            The query.

        Returns
        -------
        content : dict or list or None
            As from `get`.
        now : datetime or None
            When the server answered, by its own clock, to the second before; None
            where it does not say.

        Raises
        ------
        ServerError
            As for `get`.
        """
        response = self._send("GET", path, params=params)
        try:
            now = parsedate_to_datetime(response.headers["Date"])
        except (KeyError, ValueError):
            now = None
        return self._json(response), now

    def another(self) -> Self:
        """Open one more session with the same server, for another thread.

        Returns
        -------
        Client
            With connections of its own; to be closed by its own.
        """
        return type(self)(self.url, self._api_key, timeout_s=self._timeout_s)

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

    def get_redirect(self, path: str, *, params: Mapping[str, Any] | None = None) -> str:
        """Ask where the server sends a browser that asks for *path*.

        Parameters
        ----------
        path : str
            Below the server's address.
        params : mapping, optional
            The query.

        Returns
        -------
        str
            The other address; it may be signed, and is then a secret.

        Raises
        ------
        ServerError
            As for `get`; also if the server sends it nowhere.
        """
        response = self._send("GET", path, params=params, redirects=True)
        address = response.headers.get("Location")
        if not response.is_redirect or address is None:
            msg = f"{self.url} answers GET {path} itself, where it should send on to a bucket"
            raise ServerError(msg, status=response.status_code, url=self.url + path)
        return address

    def post(
        self,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        content_type: str = JSON_TYPE,
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
        content_type : str, optional
            Of *body*.
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
        return self._json(
            self._send("POST", path, json=json, body=body, content_type=content_type, params=params)
        )

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
        content_type: str = JSON_TYPE,
        redirects: bool = False,
    ) -> requests.Response:
        if json is not None:
            body = json_module.dumps(json, allow_nan=False).encode()
        headers = {"Content-Type": content_type} if body is not None else None
        for attempt in Retrying(
            retry=retry_if_exception(lambda error: may_repeat(method, error)),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_WAIT,
            before_sleep=before_sleep_log(_log, logging.INFO),
            reraise=True,
        ):
            with attempt:
                return self._send_once(method, path, params, body, headers, redirects)
        raise AssertionError  # pragma: no cover  (Retrying returns or raises)

    def _send_once(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        redirects: bool,
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
            raise unreachable(self.url) from None
        except requests.exceptions.Timeout:
            msg = (
                f"Label Studio at {self.url} gave no answer to {method} {path} within "
                f"{self._timeout_s:g} s; run the same command again, it goes on from there"
            )
            raise ServerTimeout(msg, url=self.url + path) from None
        except requests.exceptions.ConnectionError as error:
            if never_connected(error):
                raise unreachable(self.url) from None
            raise broken_off(method, path, self.url) from None
        except _CUT_OFF:
            raise broken_off(method, path, self.url) from None
        except requests.exceptions.RequestException as error:
            msg = (
                f"cannot send {method} {path} to {self.url} ({type(error).__name__}); "
                "check the address given with --url or LABEL_STUDIO_URL"
            )
            raise ServerError(msg, url=self.url + path) from None
        if response.status_code >= 300 and not (redirects and response.is_redirect):
            raise error_of(response, method, path, self.url)
        return response

    def _json(self, response: requests.Response) -> Any:
        if not response.content:
            return None
        try:
            return response.json()
        except (ValueError, RecursionError):
            msg = (
                f"{self.url} did not answer with JSON; is it a Label Studio server? "
                "check the address given with --url or LABEL_STUDIO_URL"
            )
            raise ServerError(msg, status=response.status_code, url=self.url) from None
