"""Connect ML backends to projects, each once, so that the page starts from them."""

from typing import Any

from ls_integration.errors import ServerError
from ls_integration.server.client import Client

_FIRST_TITLE = "ls-integration"
"""Stands until the backend has told Label Studio its model's name."""


def connect_backend(client: Client, project_id: int, backend_url: str) -> tuple[str, bool]:
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
    is_new = backend is None
    if backend is None:
        backend = _create(client, project_id, url)
    version = _version(backend, url)
    changed = is_new
    if backend["title"] != version:
        row = {"project": project_id, "url": url, "title": version}
        client.patch(f"/api/ml/{backend['id']}", json=row)
        changed = True
    project = client.get(f"/api/projects/{project_id}")
    wanted = {"show_collab_predictions": True, "model_version": version}
    if any(project[name] != value for name, value in wanted.items()):
        client.patch(f"/api/projects/{project_id}", json=wanted)
        changed = True
    return version, changed


def _create(client: Client, project_id: int, url: str) -> dict[str, Any]:
    row = {"project": project_id, "url": url, "title": _FIRST_TITLE}
    try:
        backend: dict[str, Any] = client.post("/api/ml", json=row)
    except ServerError as error:
        if error.status == 403:
            msg = (
                f"Label Studio may not call {url}: it blocks private addresses, or your account "
                "may not change the project; docs/servers.md names the server's settings"
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
