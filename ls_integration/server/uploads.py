"""Give Label Studio the rendered pictures themselves, each exactly once.

For a server that sees no folder of ours. A file that was uploaded belongs to a
project, and whoever is a member of the server may read it. The project must have
at most one object on its page: with two, Label Studio keeps the files and answers 400.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from urllib3.filepost import encode_multipart_formdata

from ls_integration.errors import PartialError, ServerError
from ls_integration.progress import Reporter, silent
from ls_integration.server.client import Client
from ls_integration.server.noted_requests import SETTLE_S, post_noted, settle
from ls_integration.study import UPLOADS_EVENT

MAX_REQUEST_FILES = 100
"""Label Studio answers 500 to more (its `DATA_UPLOAD_MAX_NUMBER_FILES`)."""

MAX_REQUEST_BYTES = 1_000_000
"""Below the 1 MiB that nginx lets through unless it is told otherwise
(`client_max_body_size`); a larger picture goes by itself."""

_PART_BYTES = 300
"""A file's head in a multipart body, generously."""


def upload_pictures(
    client: Client,
    project_id: int,
    files: Mapping[str, Path],
    *,
    study_folder: Path,
    settle_s: float = SETTLE_S,
    server_start: str | None = None,
    say: Callable[[str], None] | None = None,
    report: Reporter = silent,
) -> dict[str, str]:
    """Bring every picture to a project exactly once.

    Parameters
    ----------
    client : Client
        The session.
    project_id : int
        The project.
    files : mapping of str to Path
        Name on the server, which says which picture it is, -> the file here. Letters,
        digits and a suffix: Label Studio changes other names.
    study_folder : Path
        Where the journal lies; its lock must be held.
    settle_s : float
        How long an unfinished request may still be carried out, in seconds.
    server_start : str, optional
        Which start of our own server this is, see `server.push.push_tasks`.
    say : callable, optional
        Takes the line that tells the user why there is a wait.
    report : Reporter, optional
        Told of each batch.

    Returns
    -------
    dict of str to str
        Name -> address for ``task.data``; relative to the server.

    Raises
    ------
    PartialError
        If the server broke off, or lost a file; the same command finishes the rest.
    """
    settle(
        UPLOADS_EVENT,
        project_id,
        lambda _: {_name_of(upload) for upload in list_uploads(client, project_id)},
        noun="pictures",
        study_folder=study_folder,
        settle_s=settle_s,
        server_start=server_start,
        say=say,
        report=report,
    )
    sizes = {name: path.stat().st_size for name, path in files.items()}
    there = _whole(list_uploads(client, project_id), sizes)
    missing = [name for name in files if name not in there]
    n_there, sent = len(files) - len(missing), 0
    while sent < len(missing):
        report("uploading pictures", n_there + sent, len(files))
        names = _next_batch(missing[sent : sent + MAX_REQUEST_FILES], sizes)
        # A field name of its own for each: of several files with one name the last is kept.
        body, content_type = encode_multipart_formdata(
            {name: (name, files[name].read_bytes()) for name in names}
        )
        try:
            post_noted(
                client,
                # Committed, each file would also become a task.
                f"/api/projects/{project_id}/import?commit_to_project=false",
                body,
                {"event": UPLOADS_EVENT, "project_id": project_id, "item_ids": names},
                study_folder=study_folder,
                server_start=server_start,
                content_type=content_type,
            )
        except ServerError as error:
            hint = (
                f"; the server or a proxy before it takes no {len(body):,} bytes, raise its limit "
                "(nginx: client_max_body_size)"
                if error.status == 413
                else ""
            )
            msg = (
                f"{n_there + sent} of {len(files)} pictures are known to be on the server, "
                f"then: {error}{hint}"
            )
            raise PartialError(msg) from error
        sent += len(names)
    report("uploading pictures", len(files), len(files))
    listed = list_uploads(client, project_id)
    whole = _whole(listed, sizes)
    lost = [name for name in files if name not in whole]
    if lost:
        msg = (
            f"{len(lost)} of {len(files)} uploaded pictures are not on {client.url} as they were "
            "sent, although it took them; look at its disk, then run the same command again"
        )
        raise PartialError(msg)
    # What a request that outlived its wait has doubled: the first copy counts.
    kept = {upload["id"] for upload in whole.values()}
    surplus = [one["id"] for one in listed if _name_of(one) in files and one["id"] not in kept]
    if surplus:
        path = f"/api/projects/{project_id}/file-uploads"
        client.delete(path, json={"file_upload_ids": surplus})
    return {name: f"/data/{whole[name]['file']}" for name in files}


def list_uploads(client: Client, project_id: int) -> list[dict[str, Any]]:
    """List the files of a project.

    Parameters
    ----------
    client : Client
        The session; Label Studio lists only what its user has uploaded.
    project_id : int
        The project.

    Returns
    -------
    list of dict
        ``id``, ``file`` (below ``/data/``) and ``size`` in bytes, None where the
        file is gone from the server's disk; the oldest first.
    """
    listed: list[dict[str, Any]] = client.get(
        f"/api/projects/{project_id}/file-uploads", params={"all": "true"}
    )
    return sorted(listed, key=lambda upload: int(upload["id"]))


def _name_of(upload: Mapping[str, Any]) -> str:
    """Take away what Label Studio puts before a name: eight random digits and a hyphen."""
    return PurePosixPath(upload["file"]).name.partition("-")[2]


def _whole(
    listed: Sequence[Mapping[str, Any]], sizes_bytes: Mapping[str, int]
) -> dict[str, Mapping[str, Any]]:
    """Find the first copy of each picture that has all of its bytes."""
    whole: dict[str, Mapping[str, Any]] = {}
    for upload in listed:
        name = _name_of(upload)
        if sizes_bytes.get(name) == upload["size"]:
            whole.setdefault(name, upload)
    return whole


def _next_batch(names: Sequence[str], sizes_bytes: Mapping[str, int]) -> list[str]:
    batch: list[str] = []
    left_bytes = MAX_REQUEST_BYTES
    for name in names:
        left_bytes -= sizes_bytes[name] + _PART_BYTES
        if batch and left_bytes < 0:
            break
        batch.append(name)
    return batch
