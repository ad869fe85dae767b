"""Connect ML backends to projects, each once, so that the page starts from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr

from ls_integration.errors import ServerError
from ls_integration.server.client import Client
from ls_integration.server.embedded_address import is_loopback
from ls_integration.server.session import new_session

_FIRST_TITLE = "ls-integration"
"""Stands until the backend has told Label Studio its model's name."""


_PROBE_TIMEOUT_S = (2.0, 5.0)
"""To connect, to answer. Label Studio itself waits 1 s and 3 s."""


@dataclass(frozen=True)
class BackendSigns:
    """What a backend shows to this machine.

    Attributes
    ----------
    is_up : bool
        It answers `/health`.
    is_open_to_others : bool
        It answers without a password, and not on this machine only.
    version : str or None
        Its model; None if it does not tell.
    problem : str or None
        Why the model's file is not what answers.
    """

    is_up: bool
    is_open_to_others: bool = False
    version: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Login:
    """How Label Studio shows a backend who it is.

    Attributes
    ----------
    user : str
        Name for basic auth.
    password : SecretStr
        Password for basic auth.
    event_headers : mapping of str to str
        What webhooks bring, which have no basic auth.
    """

    user: str
    password: SecretStr
    event_headers: Mapping[str, str]


def connect_backend(
    client: Client,
    project_id: int,
    backend_url: str,
    *,
    login: Login | None = None,
    keeps_start: bool = False,
) -> tuple[str, bool]:
    """Connect a backend to a project and let the page start from its predictions.

    Label Studio shows a backend's predictions while a person labels if the
    project's model version, the backend's title and the version that the
    backend gives are one and the same; all three are set to the last.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    backend_url : str
        Where the *server* reaches the backend.
    login : Login, optional
        What the backend asks.
    keeps_start : bool
        The page goes on starting from what it starts from now: Label Studio then
        tells the backend of answers, and asks it nothing.

    Returns
    -------
    model_version : str
        The name that the backend gives its model.
    changed : bool
        False if all was so already.

    Raises
    ------
    ServerError
        If Label Studio may not or cannot reach the backend, or the backend
        refuses the project's label page.
    """
    url = backend_url.rstrip("/")
    known = client.get("/api/ml", params={"project": project_id})
    backend = next((row for row in known if row["url"].rstrip("/") == url), None)
    changed = backend is None
    if backend is None:
        backend = _create(client, project_id, url, login)
    elif login is not None and not _is_let_in(backend, login):
        row = {**_row(project_id, url, str(backend["title"])), **_auth(login)}
        backend = client.patch(f"/api/ml/{backend['id']}", json=row)
        changed = True
    changed = _let_events_in(client, project_id, url, login) or changed
    version = _version(backend, url)
    if backend["title"] != version:
        row = {**_row(project_id, url, version), **_auth(login)}
        client.patch(f"/api/ml/{backend['id']}", json=row)
        changed = True
    project = client.get(f"/api/projects/{project_id}")
    wanted: dict[str, Any] = {"show_collab_predictions": True}
    if not keeps_start:
        wanted["model_version"] = version
    if any(project[name] != value for name, value in wanted.items()):
        client.patch(f"/api/projects/{project_id}", json=wanted)
        changed = True
    return version, changed


def _row(project_id: int, url: str, title: str) -> dict[str, Any]:
    return {"project": project_id, "url": url, "title": title}


def _auth(login: Login | None) -> dict[str, Any]:
    """Write who Label Studio is to the backend; what is not said stays as it is."""
    if login is None:
        return {}
    return {
        "auth_method": "BASIC_AUTH",
        "basic_auth_user": login.user,
        "basic_auth_pass": login.password.get_secret_value(),
    }


def _is_let_in(backend: Mapping[str, Any], login: Login) -> bool:
    """Tell whether the login that Label Studio has opens; it never gives the password back."""
    return (
        backend.get("auth_method") == "BASIC_AUTH"
        and backend.get("basic_auth_user") == login.user
        and backend.get("state") != "ER"
    )


def _let_events_in(client: Client, project_id: int, url: str, login: Login | None) -> bool:
    """Give the backend's webhook its headers; Label Studio made it without."""
    if login is None:
        return False
    wanted = dict(login.event_headers)
    changed = False
    for hook in client.get("/api/webhooks/", params={"project": project_id}):
        if str(hook["url"]) == f"{url}/webhook" and hook["headers"] != wanted:
            client.patch(f"/api/webhooks/{hook['id']}/", json={"headers": wanted})
            changed = True
    return changed


def _create(client: Client, project_id: int, url: str, login: Login | None) -> dict[str, Any]:
    row = {**_row(project_id, url, _FIRST_TITLE), **_auth(login)}
    try:
        backend: dict[str, Any] = client.post("/api/ml", json=row)
    except ServerError as error:
        if error.status == 403:
            msg = (
                f"Label Studio may not call {url}: it blocks private addresses, or your account "
                "may not change the project; docs/servers.md names the server's settings"
            )
        elif error.status == 400 and "401" in str(error):
            msg = (
                f"the ML backend at {url} asks for a password; set its own in "
                "LS_INTEGRATION_BACKEND_PASSWORD, or give --password-file"
            )
        elif error.status == 400 and "health check" in str(error):
            msg = (
                f"Label Studio cannot reach an ML backend at {url}; start `backend`, and give the "
                "address as the server sees it"
            )
        else:
            raise
        raise ServerError(msg, status=error.status, url=error.url) from None
    return backend


def _version(backend: dict[str, Any], url: str) -> str:
    """Name of the model that the backend gave at Label Studio's set-up call."""
    version = backend.get("model_version")
    if backend.get("state") != "CO" or not version:
        reason = str(backend.get("error_message") or "it does not answer").splitlines()[0][:300]
        msg = f"the ML backend at {url} is not ready: {reason}; see its own output, start it again"
        raise ServerError(msg)
    return str(version)


def probe_backend(url: str, user: str, password: SecretStr | None) -> BackendSigns:
    """Look at a backend from this machine; nothing is changed.

    Parameters
    ----------
    url : str
        Its address as the *server* has it, which need not lead there from here.
    user : str
        Name for basic auth.
    password : SecretStr or None
        Password for basic auth; None: nobody said.

    Returns
    -------
    BackendSigns
        What it showed.
    """
    auth = None if password is None else (user, password.get_secret_value())
    with new_session(url) as session:
        session.trust_env = False
        known = _asked(session, "GET", f"{url}/health", auth)
        if known is None or known.get("status") != "UP":
            return BackendSigns(is_up=False)
        stranger = _asked(session, "POST", f"{url}/versions", None)
    is_open = stranger is not None and not is_loopback(urlsplit(url).hostname or "")
    version, problem = known.get("model_version"), known.get("problem")
    return BackendSigns(
        is_up=True,
        is_open_to_others=is_open,
        version=None if version is None else str(version),
        problem=None if problem is None else str(problem),
    )


def _asked(
    session: requests.Session, method: str, url: str, auth: tuple[str, str] | None
) -> dict[str, Any] | None:
    """Give the answer if it is a good one."""
    body: dict[str, Any] | None = {} if method == "POST" else None
    try:
        response = session.request(
            method, url, json=body, auth=auth, timeout=_PROBE_TIMEOUT_S, allow_redirects=False
        )
        answer = response.json() if response.status_code == 200 else None
    except requests.exceptions.RequestException:
        return None
    return answer if isinstance(answer, dict) else None
