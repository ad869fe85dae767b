"""The token on every request, of either kind."""

import requests
from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.tokens.client_ext import TokensClientExt
from pydantic import SecretStr
from requests.auth import AuthBase

from ls_integration.errors import AuthError
from ls_integration.server.failures import refused


class TokenAuth(AuthBase):
    """Put the right Authorization header on every request.

    A legacy token goes as it is. A personal access token is exchanged for a
    bearer that lives five minutes, and again when that is over.

    Parameters
    ----------
    url : str
        Address of the server.
    api_key : SecretStr
        Either kind of token.
    """

    def __init__(self, url: str, api_key: SecretStr) -> None:
        token = api_key.get_secret_value()
        try:
            self._tokens = TokensClientExt(base_url=url, api_key=token)
        except ApiError as error:
            msg = (
                f"the token for {url} has expired or is malformed ({error.status_code}); "
                "make a new one under Account & Settings and set LABEL_STUDIO_API_KEY"
            )
            raise AuthError(msg, status=error.status_code, url=url) from None
        self.kind = "legacy token" if self._tokens._use_legacy_token else "personal access token"
        self._url = url

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header to *request*.

        Parameters
        ----------
        request : PreparedRequest
            What is about to be sent.

        Returns
        -------
        PreparedRequest
            The same, with its Authorization header.

        Raises
        ------
        AuthError
            If the server refuses to renew the bearer.
        """
        try:
            value = self._tokens.api_key
        except ApiError as error:
            raise refused(self._url, error.status_code) from None
        scheme = "Token" if self.kind == "legacy token" else "Bearer"
        request.headers["Authorization"] = f"{scheme} {value}"
        return request
