"""Who is on the server: members with their projects, and new passwords."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ls_integration import study as studies
from ls_integration.errors import ConfigError, StudyError, some_of
from ls_integration.server import embedded_files
from ls_integration.server.embedded_passwords import set_password
from ls_integration.server.people import Person, members, new_password
from ls_integration.settings import Settings
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection, connect, project_link


@dataclass(frozen=True)
class Participant:
    """A person and their projects.

    Attributes
    ----------
    person : Person
        Name, login and user id.
    projects : list of (str, str)
        Title and link of each.
    """

    person: Person
    projects: list[tuple[str, str]]


def studies_here(start: Path) -> list[Study]:
    """Read the studies here and above; what cannot be read is left out.

    Parameters
    ----------
    start : Path
        The working folder.

    Returns
    -------
    list of Study
        The nearest folder's first, by name.
    """
    here = start.resolve()
    found = []
    for folder in (here, *here.parents):
        pattern = f"*/{studies.STUDY_FILE}"
        for file in sorted((folder / studies.STUDIES_FOLDER).glob(pattern)):
            with suppress(StudyError):
                found.append(studies.load(file.parent))
    return found


def list_people(connection: Connection, shown: Sequence[Study], *, only: bool) -> list[Participant]:
    """List accounts with their projects.

    Parameters
    ----------
    connection : Connection
        The server.
    shown : sequence of Study
        Studies whose projects are named, if they are on this server.
    only : bool
        Leave out whoever has no part in them.

    Returns
    -------
    list of Participant
        By user id.
    """
    url = connection.client.url
    projects: dict[int, list[Project]] = {}
    for study in shown:
        if study.server_url == url:
            for project in study.projects:
                whose = study.people.values() if project.shared else [project.user_id]
                for user_id in whose:
                    if user_id is not None and project.project_id is not None:
                        projects.setdefault(user_id, []).append(project)
    taking_part = {user_id for study in shown for user_id in study.people.values()}
    return [
        Participant(
            person,
            [
                (project.title, project_link(url, project.project_id))
                for project in projects.get(person.user_id, [])
                if project.project_id is not None
            ],
        )
        for person in members(connection.client)
        if not only or person.user_id in taking_part
    ]


def reset_password(name: str, settings: Settings, *, start: Path) -> tuple[str, Person]:
    """Give an account of the embedded server a new random password.

    Parameters
    ----------
    name : str
        A member's name or login.
    settings : Settings
        Which server.
    start : Path
        The working folder.

    Returns
    -------
    url : str
        The server.
    person : Person
        With the new password.

    Raises
    ------
    ConfigError
        If nobody or more than one is called so, it is the owner, or the server
        is not ours: then with the command to run there.
    ServerError
        If Label Studio refuses.
    """
    connection = connect(settings, None, start)
    person = find_member(members(connection.client), name)
    data_dir = embedded_files.find(start)
    state = embedded_files.read_state(data_dir) if data_dir else None
    if not connection.is_embedded or data_dir is None or state is None:
        msg = (
            f"{connection.client.url} was not started by `ls-integration up` from here, so its "
            "passwords are set on its own machine: docker compose exec label-studio label-studio "
            f"reset_password --username {person.email}"
        )
        raise ConfigError(msg)
    if person.email == embedded_files.read_credentials(data_dir).username:
        msg = (
            f"'{name}' is the owner of the server, whose password stays as it is in "
            f"{data_dir / embedded_files.CREDENTIALS}"
        )
        raise ConfigError(msg)
    secret = new_password()
    set_password(data_dir, state, person.email, secret)
    return connection.client.url, replace(person, password=secret)


def find_member(people: Sequence[Person], name: str) -> Person:
    """Find one member by name or login.

    Parameters
    ----------
    people : sequence of Person
        All members.
    name : str
        A name, or a login.

    Returns
    -------
    Person
        The only one.

    Raises
    ------
    ConfigError
        If there is none, or more than one; with their logins.
    """
    wanted = " ".join(name.split())
    found = [one for one in people if wanted == one.name or wanted.lower() == one.email.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        msg = (
            f"several accounts are called '{wanted}': {some_of([one.email for one in found])}; "
            "give the login"
        )
    else:
        there = some_of([one.name or one.email for one in people])
        msg = f"nobody on the server is called '{wanted}'; there are: {there}"
    raise ConfigError(msg)
