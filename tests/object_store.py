"""As much of S3's protocol as reading a bucket takes: listing, HEAD, GET."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


@contextmanager
def serve_bucket(folder: Path) -> Iterator[str]:
    """Serve a folder as the bucket ``survey`` and give the address of the service."""

    class Service(http.server.BaseHTTPRequestHandler):
        def log_message(self, *words: Any) -> None: ...

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
            path = folder / key
            if bucket != "survey" or (key and not path.is_file()):
                return self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            if not key:
                return self.answer(200, listing(folder, parse_qs(parts.query)))
            data = path.read_bytes()
            tag = hashlib.sha256(data).hexdigest()
            return self.answer(200, data, ETag=f'"{tag}"', **{"Last-Modified": formatdate(0)})

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def listing(folder: Path, query: dict[str, list[str]]) -> bytes:
    """Answer ListObjectsV2: keys below a prefix, or the folders after it."""
    prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
    keys = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    lines, folders = [], set()
    for key in keys:
        rest = key.removeprefix(prefix)
        if not key.startswith(prefix):
            continue
        if delimiter and delimiter in rest:
            folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
            continue
        data = (folder / key).read_bytes()
        lines.append(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size><ETag>"
            f'"{hashlib.sha256(data).hexdigest()}"</ETag>'
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
        )
    lines += [
        f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
        for name in sorted(folders)
    ]
    body = "".join(lines)
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{body}</ListBucketResult>".encode()
