"""Label Studio's settings in the container of docker-compose.yml, secrets among them.

Secrets come as files (compose's ``secrets``): unlike the environment of a
container they do not stand in ``docker inspect``, nor do they reach an image.
"""

import importlib
import os
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from ls_integration.errors import ConfigError

SECRETS = Path("/run/secrets")
"""Where compose puts them."""

_SECRET_SETTINGS = {
    "SECRET_KEY": "secret_key",
    "LABEL_STUDIO_POSTGRE_PASSWORD": "database_password",
}
"""Settings of Label Studio and the files that hold them."""

_SETTINGS_MODULE = "core.settings.label_studio"


def read_secret(name: str, folder: Path = SECRETS) -> str:
    """Read one secret.

    Parameters
    ----------
    name : str
        Its name in docker-compose.yml.
    folder : Path
        Where the files are.

    Returns
    -------
    str
        Without white space around it.

    Raises
    ------
    ConfigError
        If the file is missing, cannot be read or is empty.
    """
    try:
        secret = (folder / name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        msg = f"cannot read the secret {folder / name} ({reason}); run `ls-integration init`"
        raise ConfigError(msg) from None
    if not secret:
        msg = f"the secret {folder / name} is empty; put it back from a backup"
        raise ConfigError(msg)
    return secret


def fill_in_secrets(environment: MutableMapping[str, str], folder: Path = SECRETS) -> None:
    """Add the secrets to the environment of this process, where Label Studio reads them.

    Parameters
    ----------
    environment : mutable mapping
        Changed in place.
    folder : Path
        Where the files are.

    Raises
    ------
    ConfigError
        If one cannot be read.
    """
    for setting, name in _SECRET_SETTINGS.items():
        environment[setting] = read_secret(name, folder)


def set_up() -> Any:
    """Set Django up as Label Studio does.

    Returns
    -------
    callable
        The WSGI application, not mended yet.

    Raises
    ------
    ConfigError
        If a secret cannot be read.
    """
    fill_in_secrets(os.environ)
    package: Any = importlib.import_module("label_studio")
    sys.path.insert(0, str(Path(package.__file__).parent))
    os.environ["DJANGO_SETTINGS_MODULE"] = _SETTINGS_MODULE
    settings: Any = importlib.import_module("django.conf").settings
    database = settings.DATABASES["default"]
    # A connection for each thread stays open; one that the database has lost is made anew.
    database["CONN_MAX_AGE"] = None
    database["CONN_HEALTH_CHECKS"] = True
    return importlib.import_module("core.wsgi").application
