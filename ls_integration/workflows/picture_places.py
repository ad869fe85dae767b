"""The three places from which a server shows a study's pictures: folder, itself, bucket."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ls_integration.progress import Reporter, Say
from ls_integration.server.bucket import find_keys, put_pictures
from ls_integration.server.bucket_storage import check_bucket_pictures_load, ensure_bucket_storage
from ls_integration.server.storage import (
    check_pictures_load,
    ensure_local_storage,
    first_and_last,
    picture_url,
)
from ls_integration.study import Study
from ls_integration.workflows.connection import Connection
from ls_integration.workflows.uploading import (
    UrlOf,
    bucket_of,
    ensure_uploaded,
    is_uploaded,
)


@dataclass(frozen=True)
class Place:
    """Where a study's pictures are, ready to be shown.

    Attributes
    ----------
    url_of : callable
        Path below the media folder -> address for ``task.data``.
    permit : callable
        Takes a project's id and lets it show them.
    check : callable
        Takes a project's id, after that, and proves that they load.
    """

    url_of: UrlOf
    permit: Callable[[int], None]
    check: Callable[[int], None]


def place_pictures(
    folder: Path,
    study: Study,
    images: Sequence[str],
    connection: Connection,
    media: Path,
    *,
    say: Say,
    report: Reporter,
) -> Place:
    """Bring the pictures of pages to where the server will show them.

    Parameters
    ----------
    folder : Path
        The study's folder; its lock must be held.
    study : Study
        The study.
    images : sequence of str
        Paths below the media folder, each once.
    connection : Connection
        The server.
    media : Path
        The media folder.
    say : callable
        Takes lines for the user.
    report : Reporter
        Told of progress.

    Returns
    -------
    Place
        Of the study.

    Raises
    ------
    IntegrationError
        Of any kind; the same call finishes the rest.
    """
    client, ends = connection.client, first_and_last(images)
    if is_uploaded(study):
        url_of = ensure_uploaded(folder, study, images, connection, media, say=say, report=report)
        return Place(url_of, _nothing, _nothing)
    bucket = bucket_of(study)
    if bucket is None:
        shared = f"{connection.server_media}/{study.pictures_folder}"
        return Place(
            picture_url,
            lambda project_id: ensure_local_storage(client, project_id, shared),
            lambda _: check_pictures_load(client, ends, media),
        )
    keys = find_keys(connection.s3_server_profile)
    put_pictures(keys, bucket, {image: media / image for image in images}, report)
    return Place(
        bucket.uri,
        lambda project_id: ensure_bucket_storage(
            client, project_id, bucket, study.pictures_folder, keys
        ),
        lambda project_id: check_bucket_pictures_load(client, project_id, ends, media, bucket),
    )


def _nothing(project_id: int) -> None:
    """Do nothing: what is uploaded was checked, and every project may show it."""
