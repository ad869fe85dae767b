"""`people add`: accounts and projects for those who take part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ls_integration import study as studies
from ls_integration.errors import IntegrationError
from ls_integration.kinds.registry import kind_of
from ls_integration.progress import Reporter, Say, silent
from ls_integration.server.client import Client
from ls_integration.server.hotkeys import ensure_enter_submits
from ls_integration.server.people import Person, members
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.connection import connect
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
from ls_integration.workflows.uploading import shares_folder, with_own_pictures


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
        settings = with_own_pictures(settings, study_folder, is_shared=shares_folder(study))
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
