"""HTTP sessions that do not show a local server's secrets to a proxy."""

from urllib.parse import urlsplit

import requests

from ls_integration.server.embedded_address import is_loopback


def new_session(url: str) -> requests.Session:
    """Open a bare HTTP session for one server.

    Parameters
    ----------
    url : str
        The server that it is for.

    Returns
    -------
    Session
        It takes proxies and certificates from the environment, unless the
        server is on this machine: no proxy may see those tokens.
    """
    session = requests.Session()
    session.trust_env = not is_loopback(urlsplit(url).hostname or "")
    return session
