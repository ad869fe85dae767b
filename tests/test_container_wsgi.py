"""The container's limit on requests."""

from collections.abc import Iterable
from typing import Any

from ls_integration.server.container_main import serve_command
from ls_integration.server.container_wsgi import limited


def test_a_request_that_takes_too_long_ends_the_process() -> None:
    """Not before its time, and not when it is over."""
    now = [0.0]
    ended: list[float] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        for now[0] in (100.0, 120.0, 120.5):
            look()
        return [b"done"]

    served, look = limited(application, 120.0, lambda: ended.append(now[0]), lambda: now[0])
    look()
    assert list(served({}, None)) == [b"done"]  # type: ignore[arg-type]
    assert ended == [120.5]
    now[0] = 1000.0
    look()
    assert ended == [120.5]


def test_the_limit_is_forgotten_where_the_application_fails() -> None:
    """An error is an answer too."""
    ended: list[int] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise ValueError

    now = [0.0]
    served, look = limited(application, 1.0, lambda: ended.append(1), lambda: now[0])
    try:
        served({}, None)  # type: ignore[arg-type]
    except ValueError:
        now[0] = 10.0
    look()
    assert ended == []


def test_the_servers_command_has_no_secret() -> None:
    """It can be seen with `ps`; workers and threads are those of .env."""
    command = serve_command("3", "5")
    assert command[command.index("--workers") + 1] == "3"
    assert command[command.index("--threads") + 1] == "5"
    assert not [word for word in command if "secret" in word or "password" in word]
