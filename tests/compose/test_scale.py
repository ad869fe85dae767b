"""Two of Label Studio and two ML backends: the profile `scale`."""

from pathlib import Path

import pytest
import requests

from ls_integration import study as studies
from tests.compose.stack import Stack, run

BACKENDS = "http://ml-backends:9090"


def _requests(stack: Stack, service: str, path: str) -> int:
    return run(stack.folder, ["docker", "logs", stack.container(service)]).count(path)


def test_two_answer_in_turn_and_one_alone(stack: Stack, scaled: str, certificates: Path) -> None:
    """Both get requests, with one session; without one of them the other answers all."""
    browser = requests.Session()
    browser.trust_env = False  # a bundle of certificates there would win
    browser.verify = str(certificates / "fullchain.pem")
    browser.headers["Authorization"] = f"Token {stack.token.get_secret_value()}"
    # A connection of its own each: one that stays open stays with whom it has.
    for _ in range(20):
        assert browser.get(f"{scaled}/api/current-user/whoami", timeout=60).ok
    for service in ("label-studio", "label-studio-2"):
        assert _requests(stack, service, "GET /api/current-user/whoami 200") > 0, service
    made = browser.post(f"{scaled}/api/projects", json={"title": "By either"}, timeout=60)
    assert made.status_code == 201
    for _ in range(6):
        found = browser.get(f"{scaled}/api/projects/{made.json()['id']}", timeout=60)
        assert found.json()["title"] == "By either"
    run(stack.folder, ["docker", "kill", stack.container("label-studio-2")])
    for _ in range(20):
        assert browser.get(f"{scaled}/api/current-user/whoami", timeout=60).ok


@pytest.mark.parametrize("gone", ["ml-backend", "ml-backend-2"])
def test_either_backend_serves_the_page(
    stack: Stack, scaled: str, backend_study: Path, gone: str
) -> None:
    """By one name for both; the page starts from the model with either."""
    stack.ours("connect-backend", "from-a-backend", "--backend-url", BACKENDS)
    run(stack.folder, ["docker", "kill", stack.container(gone)])
    project_id = studies.load(backend_study).projects[0].project_id
    with stack.client() as client:
        backends = client.get("/api/ml", params={"project": project_id})
    assert "CO" in {one["state"] for one in backends if one["url"] == BACKENDS}
    stack.up("database", *("label-studio", "ml-backend"))
