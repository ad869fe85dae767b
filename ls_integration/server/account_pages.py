"""The pages for signing up and logging in, filled in as a browser would."""

from collections.abc import Mapping

import requests
from pydantic import SecretStr

from ls_integration.errors import ServerError, ServerTimeout
from ls_integration.server.session import new_session

_TIMEOUT_S = 60.0


def sign_up(url: str, invite: str, email: str, password: SecretStr) -> SecretStr | None:
    """Fill in the sign-up page as a browser would.

    Parameters
    ----------
    url : str
        Address of the server, without a slash at its end.
    invite : str
        Token of the invitation link.
    email : str
        The login.
    password : SecretStr
        Of 8 to 128 characters.

    Returns
    -------
    SecretStr or None
        The new account's own token; None from servers that give no legacy tokens.

    Raises
    ------
    ServerError
        With the reason why there is no account.
    """
    page = f"{url}/user/signup/"
    try:
        with new_session(url) as session:
            answer = _send_form(session, page, email, password, {"token": invite})
            if answer.status_code != requests.codes.found:
                raise _not_taken(answer, email, url)
            token = session.get(f"{url}/api/current-user/token", timeout=_TIMEOUT_S)
            # Servers with legacy tokens switched off refuse; the account is good all the same.
            return SecretStr(str(token.json()["token"])) if token.ok else None
    except requests.exceptions.Timeout:
        msg = f"no answer to the sign-up of {email} in {_TIMEOUT_S:g} s; run the same command again"
        raise ServerTimeout(msg, url=page) from None
    except requests.exceptions.RequestException as error:
        msg = f"the sign-up of {email} at {url} failed ({type(error).__name__}); run it again"
        raise ServerError(msg, url=page) from None


def can_log_in(url: str, email: str, password: SecretStr) -> bool:
    """Try a password on the login page.

    Parameters
    ----------
    url : str
        Address of the server, without a slash at its end.
    email : str
        The login.
    password : SecretStr
        What to try.

    Returns
    -------
    bool
        True if it opens the account.

    Raises
    ------
    ServerError
        If nothing answers.
    """
    page = f"{url}/user/login/"
    try:
        with new_session(url) as session:
            answer = _send_form(session, page, email, password)
    except requests.exceptions.RequestException as error:
        msg = f"the login of {email} at {url} failed ({type(error).__name__}); run it again"
        raise ServerError(msg, url=page) from None
    return bool(answer.status_code == requests.codes.found)


def _send_form(
    session: requests.Session,
    page: str,
    email: str,
    password: SecretStr,
    params: Mapping[str, str] | None = None,
) -> requests.Response:
    session.get(page, params=params, timeout=_TIMEOUT_S).raise_for_status()
    return session.post(
        page,
        params=params,
        data={
            "email": email,
            "password": password.get_secret_value(),
            "csrfmiddlewaretoken": session.cookies.get("csrftoken", ""),
        },
        headers={"Referer": page},
        allow_redirects=False,
        timeout=_TIMEOUT_S,
    )


def _not_taken(answer: requests.Response, email: str, url: str) -> ServerError:
    if answer.status_code == requests.codes.forbidden:
        reason = "the invite link was refused; run the same command again"
    elif "already exists" in answer.text:
        reason = (
            "a former member, or one made just now, has that e-mail; run the same command again, "
            "or give another"
        )
    elif answer.ok:
        reason = "the page refused it; give another e-mail, or a password of 8 to 128 characters"
    else:
        reason = "look at the server's log, then run the same command again"
    msg = f"the sign-up of {email} at {url} was not taken ({answer.status_code}): {reason}"
    return ServerError(msg, status=answer.status_code, url=url)
