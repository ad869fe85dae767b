"""Which server a command talks to, as whom, and where its pictures lie."""

import base64
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ls_integration.errors import ConfigError, StudyError
from ls_integration.server import embedded_files
from ls_integration.server.client import Client
from ls_integration.settings import DEFAULT_URL, Settings
from ls_integration.study import Study

_IN_FLIGHT = 2
"""Requests at once of a server with several workers: 1.2 times as fast as one with two workers
on a busy machine. More would take the workers away from the people who answer."""


@dataclass(frozen=True)
class Connection:
    """A session with a server, and what belongs to it.

    Attributes
    ----------
    client : Client
        The session.
    user : dict
        Label Studio's user whose token it is.
    media : Path or None
        Folder on this machine for rendered pictures; None if nobody said.
    server_media : str or None
        The same folder as the server sees it.
    is_embedded : bool
        Our own server: its Enter key submits.
    server_start : str or None
        Tells this start of our own server from every other; a request to an
        earlier one has ended with it. None for another server.
    request_limit_s : float
        How long a request that was cut off may still be carried out, in seconds.
    backend_password : SecretStr or None
        What an ML backend asks of whoever calls it.
    in_flight : int
        Requests that the server can work on at once.
    s3_server_profile : str or None
        Whose key Label Studio gets for a bucket; None: ours.
    """

    client: Client
    user: dict[str, Any]
    media: Path | None
    server_media: str | None
    is_embedded: bool
    server_start: str | None
    request_limit_s: float
    backend_password: SecretStr | None = None
    in_flight: int = 1
    s3_server_profile: str | None = None

    @property
    def owner_name(self) -> str:  # numpydoc ignore=RT01
        """Name of the token's owner as it stands on result files."""
        return person_name(self.user)


def connect(settings: Settings, study: Study | None, start: Path) -> Connection:
    """Open the session that a command needs, and prove that the token works.

    The address is the setting's, else the study's, else that of the embedded
    server found upwards from *start*, else Label Studio's default.

    Parameters
    ----------
    settings : Settings
        What the user said.
    study : Study or None
        The study that the command is about.
    start : Path
        The working folder.

    Returns
    -------
    Connection
        Ready to use.

    Raises
    ------
    ConfigError
        If no token is to be had.
    StudyError
        If the study is on another server than the settings name.
    ServerError
        If nothing answers there, or the token is refused.
    """
    data_dir = embedded_files.find(start)
    credentials = embedded_files.read_credentials(data_dir) if data_dir else None
    embedded_url = credentials.url if credentials else None
    study_url = study.server_url if study else None
    url = choose_url(settings, study_url, embedded_url)
    if study and study_url and study_url != url:
        msg = (
            f"the study '{study.title}' is on {study_url}, not on {url}; correct --url or "
            "LABEL_STUDIO_URL, or name another study folder with --study"
        )
        raise StudyError(msg)
    is_embedded = data_dir is not None and url == embedded_url
    token = settings.api_key or (credentials.token if credentials and is_embedded else None)
    if token is None:
        msg = (
            f"no token for {url}; copy yours (Account & Settings) into LABEL_STUDIO_API_KEY or "
            "a file for --token-file, or start a server of your own with `ls-integration up`"
        )
        raise ConfigError(msg)
    state = embedded_files.read_state(data_dir) if data_dir and is_embedded else None
    media = settings.media or (Path(state.media) if state else None)
    client = Client(url, SecretStr(token.get_secret_value()))
    return Connection(
        client=client,
        user=client.whoami(),
        media=media.absolute() if media else None,
        server_media=settings.server_media or (str(media.absolute()) if media else None),
        is_embedded=is_embedded,
        server_start=f"{state.pid} {state.create_time}" if state else None,
        request_limit_s=settings.request_limit_s,
        backend_password=settings.backend_password,
        in_flight=settings.in_flight or (1 if is_embedded else _IN_FLIGHT),
        s3_server_profile=settings.s3_server_profile,
    )


def own_server(settings: Settings, start: Path) -> tuple[str | None, SecretStr | None, Path | None]:
    """Tell which server is set up here, without asking it anything.

    Parameters
    ----------
    settings : Settings
        What the user said.
    start : Path
        The working folder, from which an embedded server is looked for.

    Returns
    -------
    url : str or None
        The setting's, else that of the embedded server.
    api_key : SecretStr or None
        The setting's, else the embedded server's if that is the one.
    media : Path or None
        Folder of the pictures on this machine.
    """
    data_dir = embedded_files.find(start)
    credentials = embedded_files.read_credentials(data_dir) if data_dir else None
    state = embedded_files.read_state(data_dir) if data_dir else None
    url = settings.url or (credentials.url if credentials else None)
    is_embedded = credentials is not None and url == credentials.url
    api_key = settings.api_key or (credentials.token if credentials and is_embedded else None)
    media = settings.media or (Path(state.media) if state and is_embedded else None)
    return url, api_key, media.absolute() if media else None


def choose_url(settings: Settings, study_url: str | None, embedded_url: str | None) -> str:
    """Choose the server: the setting's, the study's, the embedded one, the default.

    Parameters
    ----------
    settings : Settings
        What the user said.
    study_url : str or None
        Where the study is.
    embedded_url : str or None
        Address of the embedded server found upwards from the working folder.

    Returns
    -------
    str
        Without a slash at its end.
    """
    return (settings.url or study_url or embedded_url or DEFAULT_URL).rstrip("/")


def person_name(user: dict[str, Any]) -> str:
    """Choose a user's name for result files.

    Parameters
    ----------
    user : dict
        Label Studio's user.

    Returns
    -------
    str
        First and last name, else the e-mail's local part.
    """
    full = f"{user.get('first_name') or ''} {user.get('last_name') or ''}".strip()
    return full or str(user["email"]).partition("@")[0]


def project_link(url: str, project_id: int) -> str:
    """Write the address of a project's label stream.

    Parameters
    ----------
    url : str
        The server.
    project_id : int
        The project.

    Returns
    -------
    str
        To open in a browser.
    """
    return f"{url}/projects/{project_id}/data?labeling=1"


def task_link(url: str, project_id: int, task_id: int) -> str:
    """Write the address of one task.

    Parameters
    ----------
    url : str
        The server.
    project_id : int
        The project.
    task_id : int
        The task.

    Returns
    -------
    str
        To open in a browser.
    """
    return f"{url}/projects/{project_id}/data?task={task_id}"


def tab_link(url: str, project_id: int, tab_id: int) -> str:
    """Write the address of the label stream of a tab of the Data Manager.

    Parameters
    ----------
    url : str
        The server.
    project_id : int
        The project.
    tab_id : int
        From `server.tabs.ensure_tabs`.

    Returns
    -------
    str
        To open in a browser: the tab's tasks in its order.
    """
    return f"{url}/projects/{project_id}/data?tab={tab_id}&labeling=1"


def stream_link(url: str, project_id: int, field: str, value: str) -> str:
    """Write the address of the label stream of those tasks that have a value.

    Label Studio's Data Manager takes a tab that is nowhere stored from the
    address: gzipped JSON in base64 for addresses (its ``snapshotFromUrl``).

    Parameters
    ----------
    url : str
        The server.
    project_id : int
        The project.
    field : str
        Of the tasks' data.
    value : str
        What it must be.

    Returns
    -------
    str
        To open in a browser.
    """
    wanted = {
        "filter": f"filter:tasks:data.{field}",
        "operator": "equal",
        "type": "String",
        "value": value,
    }
    tab = {
        "title": value,
        "filters": {"conjunction": "and", "items": [wanted]},
        "ordering": ["tasks:id"],
    }
    text = json.dumps(tab, separators=(",", ":")).encode()
    key = base64.urlsafe_b64encode(gzip.compress(text, mtime=0)).decode().rstrip("=")
    return f"{url}/projects/{project_id}/data?tab={key}&labeling=1"
