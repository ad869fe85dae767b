"""`check STUDY`: the ML backends and webhooks of a project."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from ls_integration.errors import some_of
from ls_integration.kinds.cutouts import PRESENT_LABEL
from ls_integration.server.backends import BackendSigns, probe_backend
from ls_integration.serving.guard import USERNAME
from ls_integration.workflows.check_lines import Line, fine, not_checked, wrong


def check_backends(
    backends: Sequence[Mapping[str, Any]],
    model_version: str,
    is_blind: bool,
    *,
    keeps_start: bool = False,
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
    keeps_start : bool
        The pages may go on starting from the present label.

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
        elif keeps_start and model_version == PRESENT_LABEL:
            yield fine(
                f"ML backend: the server reaches {url} ('{version}'); the pages start from the "
                "present label"
            )
        elif not model_version == version == backend.get("title"):
            yield wrong(
                f"ML backend: {url} is '{version}', the page starts from '{model_version}'",
                f"run `ls-integration connect-backend STUDY --backend-url {url}`",
            )
        else:
            yield fine(f"ML backend: the server reaches {url} ('{version}')")


def check_from_here(
    backends: Sequence[Mapping[str, Any]], password: SecretStr | None, own_url: str | None
) -> Iterator[Line]:
    """Ask each backend from this side whether it follows its file and is closed to others.

    Parameters
    ----------
    backends : sequence of dict
        Label Studio's rows.
    password : SecretStr or None
        What the study's own backend asks.
    own_url : str or None
        Where that one is. Members can connect others, which must not be told.

    Yields
    ------
    Line
        One for each backend.
    """
    for backend in backends:
        url = str(backend["url"]).rstrip("/")
        signs = probe_backend(url, USERNAME, password if url == own_url else None)
        yield _from_here(url, signs)


def _from_here(url: str, signs: BackendSigns) -> Line:
    if not signs.is_up:
        return not_checked(f"ML backend from here: {url}", "this machine does not reach it")
    if signs.is_open_to_others:
        return wrong(
            f"ML backend: {url} answers whoever reaches it",
            "start it with LS_INTEGRATION_BACKEND_PASSWORD, and run connect-backend again",
        )
    if signs.version is None:
        return not_checked(
            f"ML backend from here: {url}", "it asks for LS_INTEGRATION_BACKEND_PASSWORD"
        )
    if signs.problem:
        return wrong(
            f"ML backend: '{signs.version}' goes on, its new file cannot be used ({signs.problem})",
            "train again, or put the old file back",
        )
    return fine(f"ML backend from here: {url} serves '{signs.version}'")


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
