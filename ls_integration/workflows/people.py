"""`people`: who takes part, by which login, and in which projects."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ls_integration import study as studies
from ls_integration.errors import ConfigError, IntegrationError, StudyError, some_of
from ls_integration.kinds.registry import kind_of
from ls_integration.progress import Reporter, silent
from ls_integration.server import embedded_files
from ls_integration.server.client import Client
from ls_integration.server.embedded_passwords import set_password
from ls_integration.server.hotkeys import ensure_enter_submits
from ls_integration.server.people import Person, members, new_password
from ls_integration.settings import Settings
from ls_integration.study import Project, Study
from ls_integration.workflows.connection import Connection, connect, project_link
from ls_integration.workflows.import_items import Say
from ls_integration.workflows.new_accounts import OnAccount, keep_in_study
from ls_integration.workflows.project_answers import check_sent
from ls_integration.workflows.sending import (
    ProjectOutcome,
    check_pictures,
    media_folder,
    send_projects,
)
from ls_integration.workflows.study_projects import plan_projects
from ls_integration.workflows.titles import person_names


@dataclass(frozen=True)
class Invitation:
    """What a person needs to take part, the password apart.

    Attributes
    ----------
    person : Person
        Name and login; with a password if the account was made this moment.
    url : str
        The server.
    project : ProjectOutcome
        Their project or the shared one, and what was sent to it.
    """

    person: Person
    url: str
    project: ProjectOutcome


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


def add_people(
    study_folder: Path,
    settings: Settings,
    names: Sequence[str],
    *,
    emails: Mapping[str, str] | None = None,
    round_number: int = 1,
    start: Path,
    say: Say,
    on_account: OnAccount = keep_in_study,
    report: Reporter = silent,
) -> list[Invitation]:
    """Give people an account and a project of their own, or part in the shared one.

    Parameters
    ----------
    study_folder : Path
        The study; its source is not needed.
    settings : Settings
        Which server.
    names : sequence of str
        As they shall stand on result files, single-spaced, at least one.
    emails : mapping of str to str, optional
        Name -> login, for those who shall not have a made-up one.
    round_number : int
        Which round the projects ask, from 1.
    start : Path
        The working folder.
    say : callable
        Takes lines for the user.
    on_account : callable, optional
        Takes the study's folder and each account as soon as it is made.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    list of Invitation
        In the order of *names*. Running it again sends only what is missing.

    Raises
    ------
    IntegrationError
        Of any kind; without study and pictures no account is made.
    """
    made: dict[int, Person] = {}

    def note(folder: Path, person: Person) -> None:
        on_account(folder, person)
        made[person.user_id] = person

    with studies.locked(study_folder):
        study = studies.load(study_folder)
        check_can_grow(study)
        connection = connect(settings, study, start)
        items = studies.read_items(study_folder)
        check_pictures(items, media_folder(connection))
        try:
            study, planned = plan_projects(
                study_folder, study, names, round_number, connection, note, emails=emails
            )
        finally:
            if not connection.is_embedded:
                for person in made.values():
                    _set_enter(connection.client.url, person, say)
        study, outcomes = send_projects(
            study_folder, study, items, planned, connection, say=say, report=report
        )
    known = {person.user_id: person for person in members(connection.client)}
    user_ids = [study.people[name] for name in person_names(names)]
    # One for each person, or the shared one for all.
    theirs = outcomes * len(user_ids) if study.overlap else outcomes
    return [
        Invitation(made.get(user_id, known[user_id]), connection.client.url, outcome)
        for user_id, outcome in zip(user_ids, theirs, strict=True)
    ]


def check_can_grow(study: Study) -> None:
    """Refuse a study that cannot take more people.

    Parameters
    ----------
    study : Study
        The study.

    Raises
    ------
    StudyError
        If it was never sent, or is of a kind that this version does not know.
    """
    kind_of(study)
    check_sent(study)


def _set_enter(url: str, person: Person, say: Say) -> None:
    """Set Enter as the submit key of somebody new: nobody else's token can."""
    reason = "the server gave no token for the new account"
    if person.token is not None:
        try:
            with Client(url, person.token) as own:
                ensure_enter_submits(own)
        except IntegrationError as error:
            reason = str(error)
        else:
            return
    say(
        f"Enter could not be set as the submit key of {person.name} ({reason}); tell them to set "
        "it under Account & Settings, Hotkeys, or to press Ctrl+Enter"
    )


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
