"""Start and stop the Label Studio of this machine: `up` and `down`."""

from pathlib import Path

from ls_integration.errors import ConfigError
from ls_integration.progress import Reporter, silent
from ls_integration.server import embedded
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.embedded_address import is_loopback


def up(
    start: Path,
    *,
    data_dir: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    name: str | None = None,
    media: Path | None = None,
    report: Reporter = silent,
) -> EmbeddedServer:
    """Start the embedded server, or find it running.

    Parameters
    ----------
    start : Path
        The working folder.
    data_dir : Path, optional
        Folder of its database; by default the nearest ``.label-studio`` from
        *start* upwards, else a new one in *start*.
    host : str, optional
        Address to listen on; by default what runs, else 127.0.0.1.
    port : int, optional
        Its port; by default what runs, else 8080.
    name : str, optional
        The owner's name as it shall stand on result files.
    media : Path, optional
        Folder to serve; by default ``pictures`` in the data dir.
    report : Reporter
        Told of the progress of the start.

    Returns
    -------
    EmbeddedServer
        Healthy, and its token works.

    Raises
    ------
    ConfigError
        If an option cannot be had.
    ServerError
        If the server does not come up.
    """
    folder = data_dir or embedded.find(start) or start / embedded.DEFAULT_NAME
    return embedded.start(
        folder,
        host=host,
        port=port,
        owner_name=name,
        media=media,
        working_dir=start,
        report=report,
    )


def down(start: Path, *, data_dir: Path | None = None) -> tuple[Path, bool]:
    """Stop the embedded server; its data stay.

    Parameters
    ----------
    start : Path
        The working folder.
    data_dir : Path, optional
        Folder of its database; by default the nearest ``.label-studio`` from
        *start* upwards.

    Returns
    -------
    folder : Path
        The data dir.
    was_running : bool
        False if there was nothing to stop.

    Raises
    ------
    ConfigError
        If there is no data dir.
    """
    folder = data_dir or embedded.find(start)
    if folder is None:
        msg = (
            f"no {embedded.DEFAULT_NAME} in {start} or above it; "
            "go to the folder where `up` was run, or name the data folder with --data-dir"
        )
        raise ConfigError(msg)
    return folder, embedded.stop(folder)


def warning(server: EmbeddedServer) -> str | None:
    """Say what it means that others reach *server*.

    Parameters
    ----------
    server : EmbeddedServer
        A running server.

    Returns
    -------
    str or None
        A warning for the user; None if only this machine reaches it.
    """
    if is_loopback(server.host):
        return None
    return (
        f"warning: everybody on the network reaches this server (--host {server.host}). It speaks "
        "plain HTTP, so passwords and pictures can be read on the way, and every member is in "
        "effect an administrator. For a few colleagues in a trusted network; for a lab use the "
        "server of docker-compose.yml behind HTTPS."
    )
