"""Label Studio's connection to a bucket with a study's pictures.

It is never synchronised, which would make tasks of its own. Label Studio keeps the
key that it is given and signs addresses with it, which browsers fetch from the
bucket itself. It signs whatever in the bucket the key may read.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from ls_integration.errors import ServerError
from ls_integration.server.bucket import Bucket, Keys, region_of
from ls_integration.server.client import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, Client

PRESIGN_MINUTES = 60
"""So long a signed address opens a picture; the page asks for a new one each time."""

_TITLE = "pictures"


def ensure_bucket_storage(
    client: Client, project_id: int, bucket: Bucket, folder: str, keys: Keys
) -> None:
    """Let a project show pictures of a bucket.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    bucket : Bucket
        With the pictures in it: Label Studio refuses an empty prefix.
    folder : str
        Of the study's pictures, below the bucket's prefix.
    keys : Keys
        From `find_keys`.

    Raises
    ------
    ServerError
        If Label Studio does not reach the bucket, with what to do.
    """
    if any(
        is_connected(storage, bucket, folder) for storage in bucket_storages(client, project_id)
    ):
        return
    try:
        client.post(
            "/api/storages/s3",
            json={
                "project": project_id,
                "title": _TITLE,
                "bucket": bucket.name,
                "prefix": bucket.prefix + folder,
                "s3_endpoint": bucket.endpoint,
                "region_name": region_of(keys.session),
                "aws_access_key_id": keys.server.access_key,
                "aws_secret_access_key": keys.server.secret_key,
                "use_blob_urls": True,
                "presign": True,
                "presign_ttl": PRESIGN_MINUTES,
            },
        )
    except ServerError as error:
        if error.status not in (400, 500):
            raise
        msg = (
            f"Label Studio at {client.url} cannot read {bucket.uri(folder)} ({error.status}); "
            "check that it reaches the bucket's server and that its key may list and read there"
        )
        raise ServerError(msg, status=error.status, url=error.url) from None


def bucket_storages(client: Client, project_id: int) -> list[dict[str, Any]]:
    """List a project's connections to buckets.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.

    Returns
    -------
    list of dict
        Without their keys, which Label Studio shows to nobody.
    """
    found: list[dict[str, Any]] = client.get("/api/storages/s3", params={"project": project_id})
    return found


def is_connected(storage: Mapping[str, Any], bucket: Bucket, folder: str) -> bool:
    """Tell whether a connection is to a folder of a bucket.

    Parameters
    ----------
    storage : mapping
        From `bucket_storages`.
    bucket : Bucket
        The bucket.
    folder : str
        Of the study's pictures.

    Returns
    -------
    bool
        True if it is.
    """
    wanted = (bucket.name, bucket.prefix + folder, bucket.endpoint)
    return (storage["bucket"], storage["prefix"], storage["s3_endpoint"] or None) == wanted


def check_bucket_pictures_load(
    client: Client, project_id: int, images: Sequence[str], media: Path, bucket: Bucket
) -> None:
    """Fetch pictures as a browser does, and compare them with those on disk.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        A project that is connected to the bucket.
    images : sequence of str
        Paths below the media folder; a few are enough.
    media : Path
        The media folder on this side.
    bucket : Bucket
        The bucket.

    Raises
    ------
    ServerError
        If a picture does not load, or is another one.
    """
    for image in images:
        uri = bucket.uri(image)
        failed = f"the picture {uri} does not load"
        try:
            signed = client.get_redirect(
                f"/projects/{project_id}/resolve/",
                params={"fileuri": base64.urlsafe_b64encode(uri.encode()).decode()},
            )
        except ServerError as error:
            if error.status is None:
                raise
            msg = (
                f"{failed}: Label Studio at {client.url} gives no address for it "
                f"({error.status}); is the project's connection to the bucket still there? Run the "
                "same import again, it makes it"
            )
            raise ServerError(msg, status=error.status, url=error.url) from None
        content = _fetch(signed, "{0.scheme}://{0.netloc}".format(urlsplit(client.url)), failed)
        if content != (media / image).read_bytes():
            msg = (
                f"the bucket holds another picture as {uri} than {media / image}; delete it there "
                "and run the same import again, or correct --media"
            )
            raise ServerError(msg, url=client.url)


def _fetch(signed: str, page: str, failed: str) -> bytes:
    """Fetch a signed address, which is a secret itself and must stand in no message."""
    host = urlsplit(signed).netloc
    try:
        # Without the session: its token is Label Studio's and nobody else's.
        answer = requests.get(
            signed, headers={"Origin": page}, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        )
    except requests.exceptions.RequestException as error:
        msg = (
            f"{failed} from {host} ({type(error).__name__}); browsers fetch it there, so that "
            "address must be reached from everybody's network: give another --s3-endpoint"
        )
        raise ServerError(msg) from None
    if answer.status_code != 200:
        msg = (
            f"{failed}: {host} answers {answer.status_code}; check that it is still there (the "
            "same import puts back what is gone) and that Label Studio's key may read it"
        )
        raise ServerError(msg, status=answer.status_code)
    if answer.headers.get("Access-Control-Allow-Origin") not in ("*", page):
        msg = (
            f"{failed} in browsers: {host} does not let pages of {page} read it; give the bucket a "
            f"CORS rule that allows GET from {page}"
        )
        raise ServerError(msg)
    return answer.content
