"""The reverse proxy of the profile `tls`, with a certificate made for the test."""

from urllib.parse import urlsplit

import requests

from tests.compose.stack import Stack

OWNER = "owner@server.invalid"


def test_people_log_in_by_https(stack: Stack, secure: str) -> None:
    """Login forms are accepted, an answer of Label Studio is whole, plain HTTP is not spoken."""
    certificate = str(stack.folder / "certificates" / "fullchain.pem")
    browser = requests.Session()
    browser.trust_env = False  # a bundle of certificates there would win
    browser.verify = certificate
    page = f"{secure}/user/login/"
    assert browser.get(page, timeout=60).headers["Strict-Transport-Security"]
    form = {
        "email": OWNER,
        "password": stack.secret("owner_password"),
        "csrfmiddlewaretoken": browser.cookies["csrftoken"],
    }
    headers = {"Referer": page, "Origin": secure}
    answer = browser.post(page, data=form, headers=headers, allow_redirects=False, timeout=60)
    assert answer.status_code == 302
    assert urlsplit(answer.headers["Location"]).scheme in ("", "https")
    assert browser.get(f"{secure}/api/current-user/whoami", timeout=60).json()["email"] == OWNER
    plain = browser.get(secure.replace("https", "http"), timeout=60)
    assert plain.status_code == 400
    token = {"Authorization": f"Token {stack.token.get_secret_value()}"}
    large = {"title": "Large", "description": "x" * 3_000_000}
    sent = browser.post(f"{secure}/api/projects", json=large, headers=token, timeout=60)
    assert sent.status_code == 201
