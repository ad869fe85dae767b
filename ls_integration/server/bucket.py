"""Rendered pictures in an S3-compatible bucket.

Keys come from where every S3 tool looks for them (environment, ``~/.aws``), never
from the command line, and stand in no file of ours.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ls_integration.errors import ConfigError, ServerError, some_of
from ls_integration.progress import Reporter, silent

_DEFAULT_REGION = "us-east-1"
_THREADS = 8
"""Requests at a time; boto3 keeps ten connections."""

_TYPES = {".webp": "image/webp", ".png": "image/png", ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class Bucket:
    """Where pictures go.

    Attributes
    ----------
    name : str
        The bucket's.
    prefix : str
        What stands before every path in it; empty, or with a slash at its end.
    endpoint : str or None
        Address of a server that is not Amazon's; the same for us, Label Studio
        and the browsers.
    """

    name: str
    prefix: str = ""
    endpoint: str | None = None

    def uri(self, image: str) -> str:
        """Write what stands in ``task.data`` for a picture.

        Parameters
        ----------
        image : str
            Path below the media folder.

        Returns
        -------
        str
            Label Studio turns it into an address of its own.
        """
        return f"s3://{self.name}/{self.prefix}{image}"


@dataclass(frozen=True)
class Keys:
    """What opens a bucket.

    Attributes
    ----------
    session : Session
        Of boto3, with our own credentials.
    server : Credentials
        Those that Label Studio is given.
    """

    session: Any
    server: Any


def read_bucket(text: str, endpoint: str | None) -> Bucket:
    """Read the name of a bucket as a user writes it.

    Parameters
    ----------
    text : str
        ``NAME`` or ``NAME/PREFIX``, perhaps with ``s3://`` before it.
    endpoint : str or None
        Address of the S3 server.

    Returns
    -------
    Bucket
        Checked in form only.

    Raises
    ------
    ConfigError
        If it has no name, or the endpoint is no address.
    """
    name, _, prefix = text.removeprefix("s3://").partition("/")
    prefix = prefix.strip("/")
    if not name:
        msg = f"--bucket '{text}' names no bucket; give NAME or NAME/PREFIX"
        raise ConfigError(msg)
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        msg = f"--s3-endpoint '{endpoint}' does not start with http:// or https://; correct it"
        raise ConfigError(msg)
    return Bucket(name, f"{prefix}/" if prefix else "", endpoint)


def find_keys(server_profile: str | None) -> Keys:
    """Find the credentials where S3 tools keep them.

    Parameters
    ----------
    server_profile : str or None
        Name of the profile in ``~/.aws`` whose key Label Studio shall get; None:
        ours.

    Returns
    -------
    Keys
        Ready to use.

    Raises
    ------
    ConfigError
        If boto3 is not installed, or there is no lasting key.
    """
    try:
        import boto3  # an extra, and half a second to load
        from botocore.exceptions import BotoCoreError
    except ImportError:
        msg = "--bucket needs boto3; install it with `pip install 'ls-integration[s3]'`"
        raise ConfigError(msg) from None
    try:
        session = boto3.Session()
        chosen = boto3.Session(profile_name=server_profile) if server_profile else session
        ours, server = session.get_credentials(), chosen.get_credentials()
    except BotoCoreError as error:
        msg = f"cannot read the keys of the bucket ({error}); correct ~/.aws or the environment"
        raise ConfigError(msg) from None
    if ours is None or server is None:
        msg = (
            "no key for the bucket; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_PROFILE with a profile in ~/.aws/credentials"
        )
        raise ConfigError(msg)
    if server.token:
        msg = (
            "the key for Label Studio ends by itself (it has a session token), and the pictures "
            "with it; name a profile with a lasting one in LS_INTEGRATION_S3_SERVER_PROFILE"
        )
        raise ConfigError(msg)
    return Keys(session, server)


def put_pictures(
    keys: Keys, bucket: Bucket, files: Mapping[str, Path], report: Reporter = silent
) -> int:
    """Bring every picture to the bucket; a name has one object, so none is there twice.

    Parameters
    ----------
    keys : Keys
        From `find_keys`.
    bucket : Bucket
        Where to.
    files : mapping of str to Path
        Path below the media folder -> the file here.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    int
        How many were not there yet.

    Raises
    ------
    ServerError
        If the bucket cannot be read or written; the same call goes on.
    """
    with _said_in_words(bucket):
        s3 = keys.session.client(
            "s3", endpoint_url=bucket.endpoint, region_name=region_of(keys.session)
        )
        there = _sizes(s3, bucket, {image.partition("/")[0] for image in files})
        missing = [
            image for image, path in files.items() if there.get(image) != path.stat().st_size
        ]

        def put(image: str) -> None:
            s3.put_object(
                Bucket=bucket.name,
                Key=bucket.prefix + image,
                Body=files[image].read_bytes(),
                ContentType=_TYPES.get(files[image].suffix, "application/octet-stream"),
            )

        with ThreadPoolExecutor(_THREADS) as pool:
            n_there = len(files) - len(missing)
            for number, _ in enumerate(pool.map(put, missing)):
                report("pictures to the bucket", n_there + number, len(files))
        report("pictures to the bucket", len(files), len(files))
        there = _sizes(s3, bucket, {image.partition("/")[0] for image in files})
    lost = [image for image, path in files.items() if there.get(image) != path.stat().st_size]
    if lost:
        msg = (
            f"pictures are not in the bucket {bucket.name} although it took them: "
            f"{some_of(lost)}; run the same command again"
        )
        raise ServerError(msg)
    return len(missing)


def region_of(session: Any) -> str:
    """Name the region of a bucket.

    Parameters
    ----------
    session : Session
        Of boto3.

    Returns
    -------
    str
        The user's, else Amazon's first one: other servers ask for none.
    """
    return str(session.region_name or _DEFAULT_REGION)


def _sizes(s3: Any, bucket: Bucket, folders: set[str]) -> dict[str, int]:
    """List the pictures of a study's folder: path below the media folder -> bytes."""
    found = {}
    for folder in folders:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket.name, Prefix=f"{bucket.prefix}{folder}/"
        )
        for page in pages:
            for one in page.get("Contents", ()):
                found[str(one["Key"]).removeprefix(bucket.prefix)] = int(one["Size"])
    return found


@contextmanager
def _said_in_words(bucket: Bucket) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        reason = f"{detail.get('Code', 'error')} {detail.get('Message', '')}".strip()
    except BotoCoreError as error:
        reason = " ".join(str(error).split())[:300]
    else:
        return
    msg = (
        f"the bucket {bucket.name} at {bucket.endpoint or 'Amazon S3'} cannot be used ({reason}); "
        "check its name, --s3-endpoint and that your key may list and write, then run the same "
        "command again"
    )
    raise ServerError(msg)
