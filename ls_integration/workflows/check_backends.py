"""`check STUDY`: the ML backends and webhooks of a project."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ls_integration.errors import some_of
from ls_integration.workflows.check_lines import Line, fine, wrong


def check_backends(
    backends: Sequence[Mapping[str, Any]], model_version: str, is_blind: bool
) -> Iterator[Line]:
    """Check that the *server* reaches each backend and the page uses it (18, 20, 21, 23).

    Parameters
    ----------
    backends : sequence of dict
        Label Studio's rows, just asked for: it calls each backend then.
    model_version : str
        The project's.
    is_blind : bool
        There must be none.

    Yields
    ------
    Line
        One for each backend, none without.
    """
    for backend in backends:
        url, version = backend["url"], str(backend.get("model_version") or "")
        if is_blind:
            yield wrong(
                f"blind: the ML backend {url} is connected",
                "remove it under Settings, Model; it would show the model's answers",
            )
        elif backend.get("state") != "CO":
            reason = str(backend.get("error_message") or "it does not answer").splitlines()[0]
            yield wrong(
                f"ML backend: the server cannot use {url} ({reason[:200]})",
                "start `ls-integration backend` at an address that the server reaches",
            )
        elif not model_version == version == backend.get("title"):
            yield wrong(
                f"ML backend: {url} is '{version}', the page starts from '{model_version}'",
                f"run `ls-integration connect-backend STUDY --backend-url {url}`",
            )
        else:
            yield fine(f"ML backend: the server reaches {url} ('{version}')")


def check_webhooks(
    hooks: Sequence[Mapping[str, Any]], backends: Sequence[Mapping[str, Any]]
) -> Iterator[Line]:
    """Find webhooks that a removed backend has left behind: Label Studio keeps them (23).

    Parameters
    ----------
    hooks : sequence of dict
        The project's webhooks.
    backends : sequence of dict
        Its ML backends, each with a webhook of its own.

    Yields
    ------
    Line
        None if there are no others.
    """
    own = {f"{str(backend['url']).rstrip('/')}/webhook" for backend in backends}
    others = [str(hook["url"]) for hook in hooks if str(hook["url"]) not in own]
    left_over = [url for url in others if url.endswith("/webhook")]
    if left_over:
        yield wrong(
            f"webhooks: left over from a backend that is gone: {some_of(left_over)}",
            "delete them under Settings, Webhooks",
        )
    elif others:
        yield fine(f"webhooks: every answer is also sent to {some_of(others)}")
