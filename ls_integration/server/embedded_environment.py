"""What the embedded Label Studio is told: its environment and its command.

Label Studio reads every setting with and without its prefix (``HOST``,
``DEBUG``, ``POSTGRE_HOST``), so the child gets an environment of its own: what
is named here and nothing of the user's.
"""

import json
import os
import site
import sys
from collections.abc import Mapping
from pathlib import Path

from ls_integration.server.embedded_address import allowed_hosts

_INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
"""All that the child keeps of the user's environment. Pythons of clusters find
their shared libraries by LD_LIBRARY_PATH; Label Studio reads none of these."""

MAIN_MODULE = "ls_integration.server.embedded_main"
"""Label Studio's own command line with a hole closed, see there."""

EDITOR_KEYMAP: Mapping[str, Mapping[str, str]] = {
    "annotation:submit": {"key": "enter", "mac": "enter", "description": "Submit"},
    # Enter belongs to this one by default. Alt+Enter would be Skip on a Mac;
    # Alt+J belongs to nothing in the editor, the data manager or a browser.
    "region:focus": {"key": "alt+j", "mac": "alt+j", "description": "Focus first region"},
    # The button's hint says Ctrl+Space on a Mac too, where only Alt+Enter would skip. macOS may
    # keep Ctrl+Space for its input sources: both.
    "annotation:skip": {
        "key": "ctrl+space",
        "mac": "ctrl+space,alt+enter",
        "description": "Skip task",
    },
}
"""Changes to the editor's keys: Enter submits, Ctrl+Space skips on every machine."""

BANNED_SUBNETS = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "233.252.0.0/24",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:0000::/32",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
)
"""Networks that the server may not call: Label Studio's own list
(``label_studio/core/utils/io.py``, 1.23.2) without 127.0.0.0/8, where the ML
backend listens. A test compares the two."""


def environment(
    data_dir: Path,
    media: Path,
    host: str,
    *,
    first_start: Mapping[str, str] | None = None,
    inherited: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Build the whole environment of the embedded server.

    Parameters
    ----------
    data_dir : Path
        Absolute folder of database, secret key and uploads; also its HOME.
    media : Path
        Absolute folder of the rendered pictures, the only one it may serve.
    host : str
        Address or name to listen on.
    first_start : mapping, optional
        ``username``, ``password`` and ``token`` of the owner, for the start
        that makes the database. Label Studio applies them only then.
    inherited : mapping, optional
        The environment to take the few harmless variables from; by default
        this process's.

    Returns
    -------
    dict of str to str
        Nothing that is not named in this module.

    Notes
    -----
    Each name carries Label Studio's prefix, which wins over the bare name.
    """
    source = os.environ if inherited is None else inherited
    child = {name: source[name] for name in _INHERITED if name in source}
    settings = {
        "BASE_DATA_DIR": str(data_dir),
        "DJANGO_DB": "sqlite",
        "LOCAL_FILES_SERVING_ENABLED": "true",
        "LOCAL_FILES_DOCUMENT_ROOT": str(media),
        "ALLOWED_HOSTS": ",".join(allowed_hosts(host)),
        "CORS_ALLOW_ALL_ORIGINS": "false",
        "DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "ENABLE_LEGACY_API_TOKEN": "true",
        "USE_DEFAULT_BANNED_SUBNETS": "false",
        "USER_ADDITIONAL_BANNED_SUBNETS": ",".join(BANNED_SUBNETS),
        "EDITOR_KEYMAP": json.dumps(EDITOR_KEYMAP),
        "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LATEST_VERSION_CHECK": "false",
    }
    if first_start is not None:
        settings |= {
            "USERNAME": first_start["username"],
            "PASSWORD": first_start["password"],
            "USER_TOKEN": first_start["token"],
        }
    child |= {f"LABEL_STUDIO_{name}": value for name, value in settings.items()}
    # With another HOME Python would miss packages installed with --user.
    return child | {
        "HOME": str(data_dir),
        "PYTHONUSERBASE": site.getuserbase(),
        "PYTHONUNBUFFERED": "1",
    }


def command(data_dir: Path, host: str, port: int) -> list[str]:
    """Build the command of the embedded server; it holds no secret.

    Parameters
    ----------
    data_dir : Path
        Absolute; named so that the process can be told from others.
    host : str
        Address or name to listen on.
    port : int
        1 to 65535.

    Returns
    -------
    list of str
        For `subprocess.Popen`.

    Notes
    -----
    ``--debug`` has one effect in 1.23.2: a taken port ends the server with a
    message. Without it Label Studio silently takes the next free one.
    """
    # -P: the working folder must not come before the installed packages.
    python = [sys.executable, "-P", "-m", MAIN_MODULE]
    options = ["start", "--no-browser", "--debug", "--data-dir", str(data_dir)]
    return [*python, *options, "--internal-host", host, "--port", str(port)]
