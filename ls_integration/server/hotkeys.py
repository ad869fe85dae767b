"""Enter = submit for one person, on servers whose keymap is not ours."""

from ls_integration.server.client import Client

_PATH = "/api/current-user/hotkeys/"

SUBMIT, FOCUS_REGION = "annotation:annotation:submit", "regions:region:focus"
"""Label Studio's own form is ``section:element``, hence "annotation" twice."""

_ENTER_SUBMITS = {
    SUBMIT: {"key": "enter", "active": True},
    # Owns Enter by default.
    FOCUS_REGION: {"key": "alt+shift+enter", "active": True},
}


def ensure_enter_submits(client: Client) -> bool:
    """Set Enter as the submit key of the token's owner, keeping their other keys.

    Parameters
    ----------
    client : Client
        The person's own session: nobody can set another one's keys.

    Returns
    -------
    bool
        True if something was changed.

    Raises
    ------
    ServerError
        If Label Studio refuses.
    """
    current = (client.get(_PATH) or {}).get("custom_hotkeys") or {}
    if all(current.get(name) == key for name, key in _ENTER_SUBMITS.items()):
        return False
    client.patch(_PATH, json={"custom_hotkeys": {**current, **_ENTER_SUBMITS}})
    return True
