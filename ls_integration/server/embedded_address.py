"""Where an embedded server listens, and by which names it is called."""

import ipaddress
import socket

import psutil

from ls_integration.errors import ConfigError

LOOPBACK_NAMES = ("127.0.0.1", "localhost")
"""Hosts under which only this machine reaches the server."""

_CONNECT_S = 2.0


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a server on *host*.

    Parameters
    ----------
    host : str
        Address or name to listen on.

    Returns
    -------
    bool
        True for ``localhost`` and 127.0.0.0/8.
    """
    if host in LOOPBACK_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.version == 4 and address.is_loopback


def allowed_hosts(host: str) -> list[str]:
    """List the host names that the server answers to.

    Parameters
    ----------
    host : str
        Address or name to listen on; ``0.0.0.0`` is every address.

    Returns
    -------
    list of str
        Loopback; for another *host* also that, this machine's names and,
        for ``0.0.0.0``, its addresses. Without doubles, in this order.
    """
    names = [*LOOPBACK_NAMES]
    if not is_loopback(host):
        if host == "0.0.0.0":
            names += [
                address.address
                for addresses in psutil.net_if_addrs().values()
                for address in addresses
                if address.family == socket.AF_INET
            ]
        names += [host, socket.gethostname(), socket.getfqdn()]
    elif host not in names:
        names.append(host)
    # Django compares in lower case; 0.0.0.0 is no name that a browser sends.
    return [name for name in dict.fromkeys(map(str.lower, names)) if name not in ("", "0.0.0.0")]


def url_for(host: str, port: int) -> str:
    """Build the address under which this machine reaches the server.

    Parameters
    ----------
    host : str
        Address or name that the server listens on.
    port : int
        Its port, 1 to 65535.

    Returns
    -------
    str
        Without a slash at its end.
    """
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


def check_host(host: str) -> None:
    """Refuse a *host* that the server cannot listen on.

    Parameters
    ----------
    host : str
        IPv4 address or name.

    Raises
    ------
    ConfigError
        If it is not one of this machine's.
    """
    try:
        address = socket.gethostbyname(host)
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError as error:
        msg = (
            f"cannot listen on --host {host} ({error.strerror or error}); "
            "give an IPv4 address or name of this machine, or 0.0.0.0 for all of them"
        )
        raise ConfigError(msg) from None


def check_port(host: str, port: int) -> None:
    """Refuse a *port* on which something listens already.

    Parameters
    ----------
    host : str
        Address or name to listen on, checked before.
    port : int
        1 to 65535.

    Raises
    ------
    ConfigError
        If the port is taken, out of range or not ours to take.
    """
    if not 1 <= port <= 65535:
        msg = f"--port {port} is no port; give a number from 1024 to 65535"
        raise ConfigError(msg)
    with socket.socket() as probe:
        # As the server does it: a port that is only in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            msg = (
                f"port {port} on {host} is taken or not allowed "
                f"({error.strerror}); choose another with --port"
            )
            raise ConfigError(msg) from None
    # On a Mac an address can be bound although another listens on all of them.
    with socket.socket() as probe:
        probe.settimeout(_CONNECT_S)
        if probe.connect_ex((host, port)) == 0:
            msg = f"port {port} on {host} is taken; choose another with --port"
            raise ConfigError(msg)


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port on which nothing listens.

    Parameters
    ----------
    host : str
        Address or name to listen on.

    Returns
    -------
    int
        Free at this moment.
    """
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port
