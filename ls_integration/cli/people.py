"""``people``: accounts that can log in, their projects and their passwords."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ls_integration.cli.accounts import account_keeper
from ls_integration.cli.console import GROUP_PEOPLE, print_note, print_result, progress_bars
from ls_integration.cli.options import Media, Quiet, ServerMedia, StudyName, TokenFile, Url

if TYPE_CHECKING:
    from ls_integration.workflows.people import Invitation

people_app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

Passwords = Annotated[
    Path | None,
    typer.Option("--passwords", metavar="FILE", help="Write new passwords there (0600)."),
]


@people_app.callback()
def people() -> None:
    """Add people to a study, list them, give one a new password."""


def register(app: typer.Typer) -> None:
    """Add ``people`` and its commands to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.add_typer(people_app, name="people", rich_help_panel=GROUP_PEOPLE)


@people_app.command("add")
def add(
    context: typer.Context,
    study: StudyName,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME[=EMAIL]",
            help="As it shall stand on result files; a login is made up where no e-mail is given.",
            show_default=False,
        ),
    ],
    round_number: Annotated[
        int, typer.Option("--round", min=1, help="Which round the projects ask.")
    ] = 1,
    passwords: Passwords = None,
    url: Url = None,
    token_file: TokenFile = None,
    media: Media = None,
    server_media: ServerMedia = None,
    quiet: Quiet = False,
) -> None:
    """Give people an account and a project of their own, or part in the shared one.

    Example: ls-integration people add sted-quality-lab Ada "Ben B=ben@example.org"

    Prints an invitation for each. Running it again changes nothing.
    """
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.workflows import people as workflow

    persons, emails = split_names(names)
    folder = studies.find(study, Path.cwd())
    known = studies.load(folder)
    print_note(f"{known.server_url or 'no server yet'}, study {folder.name}")
    keep = account_keeper(passwords)
    with progress_bars(context, quiet) as report:
        invitations = workflow.add_people(
            folder,
            settings.load(url=url, token_file=token_file, media=media, server_media=server_media),
            persons,
            emails=emails,
            round_number=round_number,
            start=Path.cwd(),
            say=print_note,
            on_account=keep,
            report=report,
        )
    shown = passwords is None and sys.stderr.isatty()
    for invitation in invitations:
        kept = "as shown above" if shown else f"in {passwords or folder / 'passwords.txt'}"
        _print_invitation(invitation, kept)


def split_names(words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Take ``NAME=EMAIL`` apart.

    Parameters
    ----------
    words : sequence of str
        As the user typed them.

    Returns
    -------
    names : list of str
        With single spaces, in the order given.
    emails : dict of str to str
        Of those who have one.

    Raises
    ------
    typer.BadParameter
        If a name or an e-mail is empty, or a name has two e-mails.
    """
    emails: dict[str, str] = {}
    names = []
    for word in words:
        name, sign, email = word.partition("=")
        name, email = " ".join(name.split()), email.strip()
        if not name or (sign and not email):
            msg = f"'{word}' is not of the form NAME or NAME=EMAIL"
            raise typer.BadParameter(msg)
        if email and emails.setdefault(name, email) != email:
            msg = f"'{name}' is given two e-mails: {emails[name]} and {email}"
            raise typer.BadParameter(msg)
        names.append(name)
    return names, emails


def _print_invitation(invitation: "Invitation", kept: str) -> None:
    person, push = invitation.person, invitation.project.push
    sent = f"{push.sent} tasks sent" if push.sent else f"all {push.already_there} tasks are there"
    print_result(f"{invitation.project.project.title}: {sent}")
    print_result(f"  invitation for {person.name}")
    print_result(f"    Label Studio: {invitation.url}")
    print_result(f"    login: {person.email}")
    print_result(f"    password: {kept if person.password else 'the one they have'}")
    print_result(f"    label here: {invitation.project.link}")


@people_app.command("list")
def list_all(
    study: Annotated[
        str | None,
        typer.Argument(metavar="STUDY", help="Its people only.", show_default=False),
    ] = None,
    url: Url = None,
    token_file: TokenFile = None,
) -> None:
    """List names, logins, user ids, and projects with their links.

    Example: ls-integration people list sted-quality-lab

    Without STUDY: all members of the server, with their projects in the studies here.
    """
    from ls_integration import settings
    from ls_integration import study as studies
    from ls_integration.workflows import members as workflow
    from ls_integration.workflows.connection import connect

    here = Path.cwd()
    known = None if study is None else studies.load(studies.find(study, here))
    connection = connect(settings.load(url=url, token_file=token_file), known, here)
    print_note(connection.client.url if known is None else f"{connection.client.url}, {study}")
    shown = [known] if known else workflow.studies_here(here)
    for participant in workflow.list_people(connection, shown, only=known is not None):
        person = participant.person
        print_result(f"{person.name or '(no name)'}  {person.email}  user {person.user_id}")
        for title, link in participant.projects:
            print_result(f"  {title}  {link}")


@people_app.command("reset")
def reset(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or login.", show_default=False)],
    passwords: Passwords = None,
    url: Url = None,
    token_file: TokenFile = None,
) -> None:
    """Give somebody a new password, on a server that `up` has started.

    Example: ls-integration people reset Ada
    """
    from ls_integration import settings
    from ls_integration.workflows import members as workflow
    from ls_integration.workflows import new_accounts

    if passwords is not None:
        new_accounts.check_passwords_file(passwords)
    elif not sys.stderr.isatty():
        msg = "there is no terminal to show the password on; name a file with --passwords"
        raise typer.BadParameter(msg)
    server, person = workflow.reset_password(
        name, settings.load(url=url, token_file=token_file), start=Path.cwd()
    )
    if passwords is None:
        print_note(new_accounts.login_line(person))
        print_result(f"{person.name} has a new password at {server}, as shown above")
    else:
        new_accounts.keep_in_file(passwords, person)
        print_result(f"{person.name} has a new password at {server}: it is in {passwords}")
