"""Let Label Studio serve the rendered pictures from its own disk."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from ls_integration.errors import ServerError
from ls_integration.server.client import Client

_TITLE = "pictures"


def picture_url(image: str) -> str:
    """Write the address under which Label Studio serves a picture.

    Parameters
    ----------
    image : str
        Path below the media folder, with ``/`` between its parts.

    Returns
    -------
    str
        For ``task.data``; relative to the server.
    """
    return f"/data/local-files/?d={quote(str(PurePosixPath(image)))}"


def ensure_local_storage(client: Client, project_id: int, folder: str) -> None:
    """Permit a project to show the pictures of one folder.

    The storage's existence is the permission; it is never synchronised, which
    would make tasks of its own.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    folder : str
        The folder as the server sees it: absolute, below its document root.

    Raises
    ------
    ServerError
        If the server does not see the folder, with what to do.
    """
    known = client.get("/api/storages/localfiles", params={"project": project_id})
    if any(storage["path"] == folder for storage in known):
        return
    try:
        client.post(
            "/api/storages/localfiles",
            json={"project": project_id, "title": _TITLE, "path": folder, "use_blob_urls": True},
        )
    except ServerError as error:
        if error.status != 400:
            raise
        msg = (
            f"Label Studio at {client.url} does not serve the folder {folder} ({error}); give "
            "--media (the folder here) and --server-media (the same folder as the server sees it)"
        )
        raise ServerError(msg, status=error.status, url=error.url) from None


def first_and_last(images: Sequence[str]) -> Sequence[str]:
    """Choose the pictures by which a wrong folder shows.

    Parameters
    ----------
    images : sequence of str
        Paths below the media folder.

    Returns
    -------
    sequence of str
        The first and the last; fewer where there are fewer.
    """
    return images[:: max(1, len(images) - 1)]


def check_pictures_load(
    client: Client,
    images: Sequence[str],
    media: Path,
    url_of: Callable[[str], str] = picture_url,
) -> None:
    """Fetch pictures through the server and compare them with those on disk.

    Parameters
    ----------
    client : Client
        The session.
    images : sequence of str
        Paths below the media folder; a few are enough.
    media : Path
        The media folder on this side.
    url_of : callable, optional
        Path below the media folder -> address; for pictures that were uploaded.

    Raises
    ------
    ServerError
        If a picture does not load, or is another one.
    """
    is_shared = url_of is picture_url
    for image in images:
        url = url_of(image)
        try:
            content, _ = client.get_bytes(url)
        except ServerError as error:
            if error.status is None:
                raise
            reason = (
                f"check that it sees {media} and has local file serving switched on"
                if is_shared
                else f"its uploaded file {url} is gone there: restore the server's backup, or "
                "import into a new study folder with --study"
            )
            msg = (
                f"Label Studio at {client.url} cannot show the picture {image} ({error.status}); "
                f"{reason}"
            )
            raise ServerError(msg, status=error.status, url=error.url) from None
        if content != (media / image).read_bytes():
            reason = (
                "--media and --server-media must be the same folder"
                if is_shared
                else f"restore that one, or correct --media (uploaded was {url})"
            )
            msg = (
                f"Label Studio at {client.url} shows another picture for {image} than {media} "
                f"holds; {reason}"
            )
            raise ServerError(msg, url=client.url)
