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


MIN_PASSWORD_LENGTH = 12
"""Of an ML backend's password, which nobody has to type."""


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
    backend_password : SecretStr or None
        What an ML backend asks of whoever calls it.
    s3_server_profile : str or None
        Profile in ``~/.aws`` with the key that Label Studio gets for a bucket.
    request_limit_s : float
        After so many seconds the server has certainly ended a request whose
        client is gone; see `server.noted_requests.SETTLE_S`.
    in_flight : int or None
        Requests in flight while answers are read, and up to two while tasks are sent. None:
        one where our own server answers from a single process, else two.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", frozen=True
    )

    url: str | None = Field(default=None, validation_alias="LABEL_STUDIO_URL")
    api_key: SecretStr | None = Field(default=None, validation_alias="LABEL_STUDIO_API_KEY")
    media: Path | None = Field(default=None, validation_alias="LS_INTEGRATION_MEDIA")
    server_media: str | None = Field(default=None, validation_alias="LS_INTEGRATION_SERVER_MEDIA")
    backend_password: SecretStr | None = Field(
        default=None, validation_alias="LS_INTEGRATION_BACKEND_PASSWORD"
    )
    s3_server_profile: str | None = Field(
        default=None, validation_alias="LS_INTEGRATION_S3_SERVER_PROFILE"
    )
    request_limit_s: float = Field(
        default=120.0, gt=0.0, validation_alias="LS_INTEGRATION_REQUEST_LIMIT_S"
    )
    in_flight: int | None = Field(
        default=None, ge=1, le=16, validation_alias="LS_INTEGRATION_IN_FLIGHT"
    )


_ALIASES = {name: str(field.validation_alias) for name, field in Settings.model_fields.items()}


def load(
    *,
    url: str | None = None,
    api_key: SecretStr | None = None,
    token_file: Path | None = None,
    media: Path | None = None,
    server_media: str | None = None,
    password_file: Path | None = None,
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
    password_file : Path, optional
        File whose only content is the ML backend's password; for its owner only.

    Returns
    -------
    Settings
        Frozen.

    Raises
    ------
    ConfigError
        If a file of a secret cannot be read or is empty, or a value is malformed.
    """
    given: dict[str, Any] = {
        "url": url,
        "media": media,
        "server_media": server_media,
        "api_key": _read_token(token_file) if token_file else api_key,
        "backend_password": _read_password(password_file) if password_file else None,
    }
    flags = {_ALIASES[name]: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(**flags)
    except ValidationError as error:
        # The values are left out on purpose: one of them is the token.
        names = ", ".join(str(part["loc"][0]) for part in error.errors())
        msg = f"cannot read the setting {names}: not of the right form; correct it or unset it"
        raise ConfigError(msg) from None
    except UnicodeDecodeError as error:
        msg = f"the file .env is not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8"
        raise ConfigError(msg) from None
    if settings.url is not None and not settings.url.startswith(("http://", "https://")):
        msg = (
            f"the server's address '{settings.url}' does not start with http:// or https://; "
            "correct --url or LABEL_STUDIO_URL"
        )
        raise ConfigError(msg)
    _check_password(settings.backend_password)
    return settings


def _check_password(password: SecretStr | None) -> None:
    """Refuse what could be guessed, or could not stand in a header."""
    if password is None:
        return
    text = password.get_secret_value()
    if len(text) < MIN_PASSWORD_LENGTH or not text.isascii() or not text.isprintable():
        msg = (
            f"the ML backend's password must have {MIN_PASSWORD_LENGTH} or more printable ASCII "
            "characters; set another LS_INTEGRATION_BACKEND_PASSWORD or --password-file"
        )
        raise ConfigError(msg)


def _read_password(path: Path) -> SecretStr:
    try:
        is_open = bool(path.stat().st_mode & 0o077)
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read the password file {path}: {error}; give a text file that holds it"
        raise ConfigError(msg) from None
    if is_open:
        msg = f"others can open the password file {path}; close it: chmod 600 {path}"
        raise ConfigError(msg)
    return SecretStr(password)


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
