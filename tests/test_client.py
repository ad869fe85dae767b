"""The client's errors and repeats, against a real socket."""

import json
import logging
import threading

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ls_integration.errors import AuthError, IntegrationError, ServerError, ServerTimeout
from ls_integration.server import client as client_module
from ls_integration.server.client import Client

TOKEN = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def client(httpserver: HTTPServer) -> Client:
    """Open a session with the test's server."""
    return Client(httpserver.url_for(""), SecretStr(TOKEN), timeout_s=10.0)


def answer(httpserver: HTTPServer, *statuses: int, body: str = "{}") -> list[Request]:
    """Answer with these statuses in turn, the last one for good; keep the requests."""
    requests: list[Request] = []

    def handle(request: Request) -> Response:
        requests.append(request)
        status = statuses[min(len(requests), len(statuses)) - 1]
        return Response(body, status=status, content_type="application/json")

    httpserver.expect_request("/api/x").respond_with_handler(handle)
    return requests


def test_a_legacy_token_goes_into_the_header(client: Client, httpserver: HTTPServer) -> None:
    """As Label Studio wants it, and JSON both ways."""
    requests = answer(httpserver, 200, body='{"a": 1}')
    assert client.post("/api/x", json={"b": 2}) == {"a": 1}
    assert requests[0].headers["Authorization"] == f"Token {TOKEN}"
    assert json.loads(requests[0].get_data()) == {"b": 2}
    assert client.token_kind == "legacy token"


@pytest.mark.parametrize("status", [500, 502, 504, 408, 409])
def test_a_post_is_never_repeated_when_it_may_have_been_done(
    client: Client, httpserver: HTTPServer, status: int
) -> None:
    """The SDK would send it three times: three copies of every task."""
    requests = answer(httpserver, status)
    with pytest.raises(ServerError) as caught:
        client.post("/api/x", json=[])
    assert caught.value.status == status
    assert len(requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_clear_no_is_tried_again(
    client: Client,
    httpserver: HTTPServer,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server says that it has not begun."""
    monkeypatch.setattr(client_module, "_WAIT", client_module.wait_exponential(0.001))
    requests = answer(httpserver, status, status, 201)
    assert client.post("/api/x", json=[]) == {}
    assert len(requests) == 3


def test_a_read_is_tried_again_when_a_proxy_gives_up(
    client: Client, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading twice is harmless."""
    monkeypatch.setattr(client_module, "_WAIT", client_module.wait_exponential(0.001))
    requests = answer(httpserver, 504, 200)
    assert client.get("/api/x") == {}
    assert len(requests) == 2


def test_a_read_is_tried_again_when_the_connection_breaks(
    client: Client, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half an answer is none; a request that writes is not sent again."""
    monkeypatch.setattr(client_module, "_WAIT", client_module.wait_exponential(0.001))
    cut = Response(b"no gzip", headers={"Content-Encoding": "gzip"})
    for method in ("GET", "PATCH"):
        httpserver.expect_ordered_request("/api/x", method=method).respond_with_response(cut)
        httpserver.expect_ordered_request("/api/x", method=method).respond_with_data("{}")
    assert client.get("/api/x") == {}
    with pytest.raises(ServerTimeout, match="broke off the connection during PATCH"):
        client.patch("/api/x", json={})
    assert len(httpserver.log) == 3


def test_no_answer_in_time_is_told_from_a_no(httpserver: HTTPServer) -> None:
    """Whether the work was done is unknown; the user learns what to do."""
    answered = threading.Event()

    def keep_waiting(_: Request) -> Response:
        answered.wait(30.0)
        return Response("{}")

    httpserver.expect_request("/api/x").respond_with_handler(keep_waiting)
    client = Client(httpserver.url_for(""), SecretStr(TOKEN), timeout_s=0.5)
    with pytest.raises(ServerTimeout, match=r"no answer to POST /api/x within 0\.5 s"):
        client.post("/api/x", json=[])
    answered.set()


def test_nobody_there_is_one_line() -> None:
    """With the way to start a server."""
    with pytest.raises(ServerError, match=r"no Label Studio answers at .*ls-integration up"):
        Client("http://127.0.0.1:9", SecretStr(TOKEN)).whoami()


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (401, AuthError, "refused the token"),
        (403, AuthError, "does not allow GET /api/x"),
        (400, ServerError, "title: too short; other: bad"),
        (302, ServerError, "redirect to"),
    ],
)
def test_label_studios_reason_is_passed_on(
    client: Client,
    httpserver: HTTPServer,
    status: int,
    error: type[ServerError],
    reason: str,
) -> None:
    """One line each, with the status beside it."""
    body = {
        "id": "a-uuid",
        "detail": "Validation error",
        "validation_errors": {"title": ["too short"], "other": "bad"},
    }
    answer(httpserver, status, body=json.dumps(body))
    with pytest.raises(error, match=reason) as caught:
        client.get("/api/x")
    assert caught.value.status == status
    assert "\n" not in str(caught.value)


def test_a_page_of_html_is_never_shown(client: Client, httpserver: HTTPServer) -> None:
    """Neither as an error's reason nor in place of JSON."""
    page = "<html><body><h1>Server Error</h1></body></html>"
    httpserver.expect_request("/bad").respond_with_data(page, status=500)
    httpserver.expect_request("/good").respond_with_data(page)
    for path, reason in (("/bad", "answered 500"), ("/good", "did not answer with JSON")):
        with pytest.raises(ServerError, match=reason) as caught:
            client.get(path)
        assert "<" not in str(caught.value)


def test_the_token_is_in_no_message_and_no_log(
    client: Client, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the server answers, and at every level."""
    caplog.set_level(logging.DEBUG)
    answer(httpserver, 401, body=json.dumps({"detail": f"bad token {TOKEN[:4]}"}))
    with pytest.raises(IntegrationError) as caught:
        client.get("/api/x")
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(caught.value.__dict__)
    assert TOKEN not in caplog.text


def test_a_damaged_personal_token_is_refused_with_what_to_do() -> None:
    """A token without an expiry date is none of Label Studio's."""
    import jwt

    malformed = jwt.encode({"token_type": "refresh"}, "k" * 32, algorithm="HS256")
    with pytest.raises(AuthError, match="make a new one under Account & Settings") as caught:
        Client("http://127.0.0.1:9", SecretStr(malformed))
    assert malformed not in str(caught.value)


def test_a_proxy_does_not_see_the_token_of_a_local_server(
    client: Client, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP_PROXY is for other machines."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    answer(httpserver, 200)
    assert client.get("/api/x") == {}


def test_an_answer_that_cannot_be_read_does_not_mean_no(
    client: Client, httpserver: HTTPServer
) -> None:
    """The request was carried out: its batch must not count as refused."""
    broken = Response(b"no gzip", status=201, headers={"Content-Encoding": "gzip"})
    httpserver.expect_request("/api/x").respond_with_response(broken)
    with pytest.raises(ServerTimeout, match="broke off the connection during POST"):
        client.post("/api/x", json=[])
