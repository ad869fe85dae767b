"""Where a study's pages find its pictures: in a shared folder, or uploaded to the server.

Uploaded pictures belong to a project of their own without tasks, so that no
person's project takes everybody's pictures along when it is deleted, and since
Label Studio takes files only for pages with one picture.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from ls_integration import study as studies
from ls_integration.errors import StudyError
from ls_integration.progress import Reporter, Say, silent
from ls_integration.server.bucket import Bucket, read_bucket
from ls_integration.server.storage import check_pictures_load, first_and_last, picture_url
from ls_integration.server.uploads import upload_pictures
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.connection import Connection, project_link
from ls_integration.workflows.study_projects import find_or_make_project
from ls_integration.workflows.titles import project_title

UPLOAD = "upload"
"""Where a study keeps, among its options, that its pictures are uploaded."""

UPLOADS_KEY = "pictures"
"""Of the project that holds them."""

UrlOf = Callable[[str], str]
"""Path below the media folder -> address for ``task.data``."""

_PICTURES_FOLDER = "pictures"
_PAGE = '<View><Image name="image" value="$image"/></View>'
_TEXT = (
    "This project holds the pictures of a study. There is nothing to do in it. "
    "Without it the study's pages show no pictures: do not delete it."
)
_NAME_HEX_DIGITS = 32
"""128 bits of SHA-256: no two pictures share a name."""


def is_uploaded(study: Study) -> bool:
    """Tell whether a study's pictures are uploaded to its server.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    bool
        True if it was imported with ``--upload``.
    """
    return bool(study.options.get(UPLOAD))


def bucket_of(study: Study) -> Bucket | None:
    """Give the bucket in which a study's pictures are.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    Bucket or None
        None if it was imported without ``--bucket``.
    """
    name = study.options.get("bucket")
    return None if name is None else read_bucket(name, study.options.get("s3_endpoint"))


def shares_folder(study: Study) -> bool:
    """Tell whether the server shows a study's pictures from a folder that we see too.

    Parameters
    ----------
    study : Study
        The study.

    Returns
    -------
    bool
        False if they are uploaded or in a bucket.
    """
    return not is_uploaded(study) and bucket_of(study) is None


def with_own_pictures(settings: Settings, folder: Path, *, is_shared: bool) -> Settings:
    """Let a study that shares no folder with its server keep its pictures itself.

    Parameters
    ----------
    settings : Settings
        What the user said.
    folder : Path
        The study's.
    is_shared : bool
        Its server shows them from a folder that we see too.

    Returns
    -------
    Settings
        With the study's own folder of pictures where nobody named one.
    """
    if is_shared or settings.media is not None:
        return settings
    return settings.model_copy(update={"media": folder / _PICTURES_FOLDER})


def picture_addresses(folder: Path, study: Study) -> UrlOf:
    """Give the addresses that a study's pages have.

    Parameters
    ----------
    folder : Path
        The study's.
    study : Study
        The study.

    Returns
    -------
    callable
        Path below the media folder -> address. It raises `StudyError` for a
        picture that should have been uploaded and was not.

    Raises
    ------
    StudyError
        If the study's table of uploads cannot be read.
    """
    if shares_folder(study):
        return picture_url
    known, bucket = studies.read_uploads(folder), bucket_of(study)

    def address_of(image: str) -> str:
        if image in known:
            return known[image]
        if bucket is not None:
            return bucket.uri(image)
        msg = (
            f"the picture {image} of '{study.title}' has not been uploaded yet; run the same "
            "import again, or extend: it uploads what is missing"
        )
        raise StudyError(msg)

    return address_of


def images_shown(make: Callable[[UrlOf], object]) -> list[str]:
    """List the pictures that pages ask for.

    Parameters
    ----------
    make : callable
        Makes the pages, with the function that it is given.

    Returns
    -------
    list of str
        Paths below the media folder, each once.
    """
    asked: dict[str, None] = {}

    def note(image: str) -> str:
        asked[image] = None
        return picture_url(image)

    make(note)
    return list(asked)


def ensure_uploaded(
    folder: Path,
    study: Study,
    images: Iterable[str],
    connection: Connection,
    media: Path,
    *,
    say: Say,
    report: Reporter = silent,
) -> UrlOf:
    """Upload what the server has not got yet, and prove that it shows it.

    Parameters
    ----------
    folder : Path
        The study's folder; its lock must be held, and the study saved in it.
    study : Study
        The study.
    images : iterable of str
        Paths below the media folder.
    connection : Connection
        The server.
    media : Path
        The media folder.
    say : callable
        Takes lines for the user.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    callable
        As from `picture_addresses`.

    Raises
    ------
    IntegrationError
        Of any kind; the same call finishes the rest.
    """
    images = list(dict.fromkeys(images))
    known = studies.read_uploads(folder)
    # By content: a study that is begun anew draws its pictures into another folder.
    names = {image: _name(media / image) for image in images if image not in known}
    if names:
        project_id = find_or_make_project(
            folder,
            study,
            UPLOADS_KEY,
            {
                "title": project_title(study.title, None, 1, UPLOADS_KEY),
                "label_config": _PAGE,
                "expert_instruction": _TEXT,
                "show_instruction": True,
            },
            connection,
            say,
        )
        holder = project_link(connection.client.url, project_id).partition("?")[0]
        say(f"the pictures are uploaded to a project of their own, do not delete it: {holder}")
        addresses = upload_pictures(
            connection.client,
            project_id,
            {name: media / image for image, name in names.items()},
            study_folder=folder,
            settle_s=connection.request_limit_s,
            server_start=connection.server_start,
            say=say,
            report=report,
        )
        found = {image: addresses[name] for image, name in names.items()}
        studies.write_uploads(folder, {**known, **found})
    address_of = picture_addresses(folder, study)
    check_pictures_load(connection.client, first_and_last(images), media, address_of)
    return address_of


def _name(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:_NAME_HEX_DIGITS] + path.suffix
