"""Which server, whose token, which folders: flags, then environment, then defaults.

The environment is read when `load` is called, never at import. A ``.env`` file
in the working folder counts as environment; keys of others in it are ignored.
"""

from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ls_integration.errors import ConfigError

DEFAULT_URL = "http://localhost:8080"
"""Where Label Studio listens if nobody says otherwise (its own default)."""


class Settings(BaseSettings):
    """What every command that talks to a server needs to know.

    Attributes
    ----------
    url : str or None
        Address of the server. None: the study's, else the embedded server
        found upwards from the working folder, else `DEFAULT_URL`.
    api_key : SecretStr or None
        Legacy token or personal access token. Printing it shows asterisks.
    media : Path or None
        Folder on this machine where rendered pictures are written.
    server_media : str or None
        The same folder as the server sees it (a container's mount point).
    request_limit_s : float
        After so many seconds the server has certainly ended a request whose
        client is gone; see `server.push.SETTLE_S`.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    url: str | None = Field(default=None, validation_alias="LABEL_STUDIO_URL")
    api_key: SecretStr | None = Field(default=None, validation_alias="LABEL_STUDIO_API_KEY")
    media: Path | None = Field(default=None, validation_alias="LS_INTEGRATION_MEDIA")
    server_media: str | None = Field(default=None, validation_alias="LS_INTEGRATION_SERVER_MEDIA")
    request_limit_s: float = Field(
        default=120.0, gt=0.0, validation_alias="LS_INTEGRATION_REQUEST_LIMIT_S"
    )


_ALIASES = {name: str(field.validation_alias) for name, field in Settings.model_fields.items()}


def load(
    *,
    url: str | None = None,
    api_key: SecretStr | None = None,
    token_file: Path | None = None,
    media: Path | None = None,
    server_media: str | None = None,
) -> Settings:
    """Read the settings: what is given here wins over the environment.

    Parameters
    ----------
    url : str, optional
        Address of the server, ``http://`` or ``https://``.
    api_key : SecretStr, optional
        The token itself, where a program knows it.
    token_file : Path, optional
        File whose only content is the token.
    media : Path, optional
        Folder on this machine where rendered pictures are written.
    server_media : str, optional
        The same folder as the server sees it.

    Returns
    -------
    Settings
        Frozen.

    Raises
    ------
    ConfigError
        If the token file cannot be read or is empty, or a value is malformed.
    """
    given: dict[str, Any] = {
        "url": url,
        "media": media,
        "server_media": server_media,
        "api_key": _read_token(token_file) if token_file else api_key,
    }
    flags = {_ALIASES[name]: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(**flags)
    except ValidationError as error:
        # The values are left out on purpose: one of them is the token.
        names = ", ".join(str(part["loc"][0]) for part in error.errors())
        msg = f"cannot read the setting {names}: not of the right form; correct it or unset it"
        raise ConfigError(msg) from None
    if settings.url is not None and not settings.url.startswith(("http://", "https://")):
        msg = (
            f"the server's address '{settings.url}' does not start with http:// or https://; "
            "correct --url or LABEL_STUDIO_URL"
        )
        raise ConfigError(msg)
    return settings


def _read_token(path: Path) -> SecretStr:
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the token file {path}: {error}; give a text file that holds the token"
        raise ConfigError(msg) from None
    if not token:
        msg = f"the token file {path} is empty; put the token of Account & Settings into it"
        raise ConfigError(msg)
    return SecretStr(token)
