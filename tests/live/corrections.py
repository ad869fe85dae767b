"""Waiting until a corrected answer has arrived."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, Response

READY_MS = 1_500
"""After an image has appeared again. A key that comes in its first quarter of a second is shown,
but is no change to Label Studio: "Update" stays grey, and Enter does nothing (docs/study.md).
Nobody has looked at the image by then; this program has."""


@contextmanager
def corrected(page: Page) -> Iterator[None]:
    """Wait until a page can be corrected, and after the block until the server has overwritten.

    The page's own words that it has stand there for moments only: on a busy machine they are gone
    before anybody looks.
    """
    page.wait_for_timeout(READY_MS)
    with page.expect_response(_overwrites, timeout=60_000) as answered:
        yield
    assert answered.value.ok


def _overwrites(response: Response) -> bool:
    return response.request.method == "PATCH" and "/api/annotations/" in response.url
