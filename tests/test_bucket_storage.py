"""What a browser would meet at a bucket is said in words."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from ls_integration.errors import ConfigError, ServerError
from ls_integration.server.bucket import Bucket, read_bucket
from ls_integration.server.bucket_storage import check_bucket_pictures_load
from ls_integration.server.client import Client

IMAGE = "f0/1.webp"


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (None, "give the bucket a CORS rule that allows GET from"),
        ("https://other.example", "give the bucket a CORS rule"),
        ("*", None),
        ("own", None),
    ],
)
def test_a_bucket_that_browsers_may_not_read_is_named(
    allowed: str | None, words: str | None, httpserver: HTTPServer, tmp_path: Path
) -> None:
    """Pages fetch pictures by script, which the bucket must allow; no signature is shown."""
    server = httpserver.url_for("").rstrip("/")
    (tmp_path / "f0").mkdir()
    (tmp_path / IMAGE).write_bytes(b"pixels")
    headers = {"Access-Control-Allow-Origin": server if allowed == "own" else allowed}
    signed = httpserver.url_for("/lab/f0/1.webp?X-Amz-Signature=abc")
    httpserver.expect_request("/projects/7/resolve/").respond_with_data(
        status=303, headers={"Location": signed}
    )
    httpserver.expect_request("/lab/f0/1.webp").respond_with_data(
        b"pixels", headers={name: value for name, value in headers.items() if value}
    )
    with Client(server, SecretStr("0" * 40)) as client:
        if words is None:
            check_bucket_pictures_load(client, 7, [IMAGE], tmp_path, Bucket("lab"))
            return
        with pytest.raises(ServerError, match=words) as caught:
            check_bucket_pictures_load(client, 7, [IMAGE], tmp_path, Bucket("lab"))
    assert "X-Amz" not in str(caught.value)
    # The token is Label Studio's: the bucket does not get it.
    fetched = [request for request, _ in httpserver.log if request.path.startswith("/lab")]
    assert all("Authorization" not in request.headers for request in fetched)


def test_a_bucket_is_read_as_users_write_it() -> None:
    """With and without a prefix and a scheme."""
    for text in ("lab/a/b", "s3://lab/a/b/", "lab//a/b/"):
        assert read_bucket(text, None) == Bucket("lab", "a/b/")
    assert read_bucket("lab", "https://s3.example.org").uri(IMAGE) == f"s3://lab/{IMAGE}"
    with pytest.raises(ConfigError, match="names no bucket"):
        read_bucket("s3:///a", None)
    with pytest.raises(ConfigError, match="does not start with http"):
        read_bucket("lab", "s3.example.org")
