"""`check STUDY`: the study's folder, its pictures, and each of its projects."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd
from PIL import Image

from ls_integration import study as studies
from ls_integration.errors import IntegrationError, some_of
from ls_integration.images.source_files import DAMAGED, without_warnings
from ls_integration.kinds import sted_rating
from ls_integration.kinds.registry import kind_of
from ls_integration.server.bucket import Bucket
from ls_integration.server.bucket_storage import check_bucket_pictures_load
from ls_integration.server.client import Client
from ls_integration.server.projects import find_project
from ls_integration.server.storage import check_pictures_load
from ls_integration.server.uploads import list_uploads
from ls_integration.study import Study
from ls_integration.workflows.check_lines import AGAIN, Line, fine, going_on, not_checked, wrong
from ls_integration.workflows.check_project import Expected, check_project
from ls_integration.workflows.connection import Connection
from ls_integration.workflows.uploading import (
    UPLOADS_KEY,
    UrlOf,
    bucket_of,
    images_shown,
    is_uploaded,
    picture_addresses,
)

LOADED_PICTURES = 5
"""So many are fetched through the server, spread over the study."""


def check_study(
    folder: Path, study: Study, connection: Connection | None, media: Path | None
) -> Iterator[Line]:
    """Look at one study, on this side and on the server.

    Parameters
    ----------
    folder : Path
        The study's folder.
    study : Study
        As read from it.
    connection : Connection or None
        None if the server could not be asked.
    media : Path or None
        The folder of pictures on this side.

    Yields
    ------
    Line
        Folder, server, pictures, then project by project.
    """
    items = predictions = None
    try:
        items = studies.read_items(folder)
        predictions = studies.read_predictions(folder)
    except IntegrationError as error:
        yield Line("!!", str(error))
    yield from going_on(_check_folder(folder, study, items, predictions))
    there: list[str] = []
    if items is not None and media is not None:
        there = [image for image in items["image"] if _is_picture(media / image)]
        yield _check_pictures(items["image"].tolist(), there, media)
    else:
        reason = "no folder is known; give --media" if media is None else "no items are known"
        yield not_checked("pictures on the disk", reason)
    if connection is None:
        return
    if study.server_url != connection.client.url:
        yield not_checked("the study's projects", "they are not on this server")
        return
    if items is None or predictions is None:
        yield not_checked("the study's projects", "the study's tables cannot be read")
        return
    images = items["image"].tolist()
    try:
        url_of = picture_addresses(folder, study)
        if is_uploaded(study):
            uploaded = studies.read_uploads(folder)
            yield from going_on(_check_uploads(connection.client, study, uploaded))
            images = list(uploaded)
            there = [] if media is None else [one for one in images if _is_picture(media / one)]
    except IntegrationError as error:
        yield Line("!!", str(error))
        return
    bucket = bucket_of(study)
    if bucket is not None:
        views = {project.view for project in study.projects}
        pages = partial(_make_pages, study, items, predictions, views)
        shown = images_shown(pages)
        yield from going_on(_check_bucket(connection.client, study, shown, media, bucket))
    elif images:
        yield from going_on(_check_loading(connection, images, there, media, url_of))
    expected = Expected(
        study,
        items,
        predictions,
        _server_folder(study, connection),
        url_of,
        connection.backend_password,
    )
    for project in study.projects:
        yield from check_project(connection.client, project, expected)


def _check_folder(
    folder: Path, study: Study, items: pd.DataFrame | None, predictions: pd.DataFrame | None
) -> Iterator[Line]:
    """Check that the folder is whole and no request of an import is open (11, 12)."""
    shown = "old ratings shown" if study.kind == sted_rating.KIND else "assisted"
    mode = "blind" if study.blind else shown
    if study.blind and predictions is not None and len(predictions):
        yield wrong(
            f"the study is blind and yet its folder holds {len(predictions)} predictions to show",
            "restore the folder from a backup",
        )
    if items is not None and predictions is not None:
        strangers = sorted(set(predictions["item_id"]) - set(items["item_id"]))
        if strangers:
            yield wrong(
                f"predictions of the study's folder are of unknown items: {some_of(strangers)}",
                "run the `extend` that was cut off again, or restore the folder from a backup",
            )
    n_open = len(studies.open_batches(studies.read_journal(folder)))
    unmade = [project.title for project in study.projects if project.project_id is None]
    if n_open or unmade or not study.projects:
        yield wrong("an import into the study was not finished", AGAIN)
    elif items is not None:
        left_out = f", {len(study.left_out)} left out as bad" if study.left_out else ""
        yield fine(
            f"study: {folder.name}, {study.kind}, {mode}, {len(items)} items{left_out}, "
            f"{len(study.projects)} project(s)"
        )


def _is_picture(path: Path) -> bool:
    try:
        # The header only.
        with without_warnings(), Image.open(path, formats=("WEBP", "PNG", "JPEG")):
            return True
    except (*DAMAGED, Image.DecompressionBombError):
        return False


def _check_pictures(images: Sequence[str], there: Sequence[str], media: Path) -> Line:
    """Check that all pictures lie where the import put them (7, 30)."""
    lost = sorted(set(images) - set(there))
    if lost:
        gone = [image for image in lost if not (media / image).exists()]
        if gone:
            return wrong(
                f"pictures are gone from {media}: {some_of(gone)}",
                "run the same import again, it draws them again (or correct --media)",
            )
        return wrong(
            f"files in {media} are no pictures: {some_of(lost)}",
            "delete them and run the same import again, it draws them again",
        )
    return fine(f"pictures: all {len(images)} are in {media}")


def _server_folder(study: Study, connection: Connection) -> str | None:
    """Name the folder of the study's pictures as the server sees it."""
    if connection.server_media is None:
        return None
    return f"{connection.server_media}/{study.pictures_folder}"


def _check_uploads(client: Client, study: Study, uploaded: Mapping[str, str]) -> Iterator[Line]:
    """Check that the server still has every picture that was uploaded to it (7)."""
    to_do = "restore the server's backup, or import into a new study"
    if not uploaded:
        yield wrong("uploads: no picture was uploaded yet", AGAIN)
        return
    project_id = find_project(client, study.uuid, UPLOADS_KEY)
    if project_id is None:
        yield wrong("uploads: the project that holds the study's pictures is gone", to_do)
        return
    listed = list_uploads(client, project_id)
    if not listed:
        yield not_checked("uploads one by one", "another account has uploaded them")
        return
    there = {f"/data/{one['file']}" for one in listed if one["size"]}
    lost = [image for image, address in uploaded.items() if address not in there]
    if lost:
        yield wrong(f"uploads: pictures are gone from the server: {some_of(lost)}", to_do)
    else:
        yield fine(f"uploads: all {len(uploaded)} pictures are on the server")


def _make_pages(
    study: Study,
    items: pd.DataFrame,
    predictions: pd.DataFrame,
    views: Iterable[str],
    url_of: UrlOf,
) -> None:
    for view in views:
        kind_of(study).make_page(study, items, predictions, url_of, view)


def _check_bucket(
    client: Client, study: Study, shown: Sequence[str], media: Path | None, bucket: Bucket
) -> Iterator[Line]:
    """Fetch pictures of the bucket as a browser would (7, 8, 18)."""
    made = [project.project_id for project in study.projects if project.project_id is not None]
    there = [] if media is None else [one for one in shown if _is_picture(media / one)]
    if not made or not there or media is None:
        yield not_checked("loading of pictures", "no project or no picture is known to compare")
        return
    sample = spread(there, LOADED_PICTURES)
    check_bucket_pictures_load(client, made[0], sample, media, bucket)
    yield fine(f"loading: {len(sample)} pictures come from the bucket, byte for byte ours")


def _check_loading(
    connection: Connection,
    images: list[str],
    there: list[str],
    media: Path | None,
    url_of: UrlOf,
) -> Iterator[Line]:
    """Fetch pictures as a browser would, and compare both sides' (7, 8, 18, 20)."""
    if media is None:
        connection.client.get_bytes(url_of(images[0]))
        yield fine("loading: a picture comes through the server")
        yield not_checked("whether it is ours", "no folder is known; give --media")
        return
    if not there:
        yield not_checked("loading of pictures", "none is on the disk to compare with")
        return
    sample = spread(there, LOADED_PICTURES)
    check_pictures_load(connection.client, sample, media, url_of)
    yield fine(f"loading: {len(sample)} pictures come through the server, byte for byte ours")


def spread(values: Sequence[str], count: int) -> list[str]:
    """Choose values spread evenly over a sequence, the first and the last among them.

    Parameters
    ----------
    values : sequence of str
        At least one.
    count : int
        How many at the most, 2 or more.

    Returns
    -------
    list of str
        In their order.
    """
    if len(values) <= count:
        return list(values)
    return [values[round(step * (len(values) - 1) / (count - 1))] for step in range(count)]
