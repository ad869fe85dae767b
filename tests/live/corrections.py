"""Waiting until a corrected answer has arrived."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, Response


@contextmanager
def corrected(page: Page) -> Iterator[None]:
    """Wait, at the end of the block, until the server has overwritten an answer.

    The page's own words that it has stand there for moments only: on a busy machine they are gone
    before anybody looks.
    """
    with page.expect_response(_overwrites, timeout=60_000) as answered:
        yield
    assert answered.value.ok


def _overwrites(response: Response) -> bool:
    return response.request.method == "PATCH" and "/api/annotations/" in response.url
