"""`check`: walk the chain that users complain about, one line a link.

The numbers in the docstrings here and in `check_study` and `check_project` are
those of the list of complaints in Label Studio's own issue trackers that the
project was planned with.
"""

import tempfile
from collections.abc import Generator, Iterator, Mapping
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from ls_integration import __version__
from ls_integration import study as studies
from ls_integration.errors import ConfigError, IntegrationError, ServerError, some_of
from ls_integration.server import embedded_files
from ls_integration.server.checks import ServerSigns, enter_submits, probe
from ls_integration.settings import Settings
from ls_integration.study import Study
from ls_integration.workflows.check_lines import Line, fine, going_on, not_checked, wrong
from ls_integration.workflows.check_study import check_study
from ls_integration.workflows.connection import Connection, choose_url, connect, person_name
from ls_integration.workflows.uploading import shares_folder, with_own_pictures

TESTED_SERVER, TESTED_SDK = "1.23.2", "2.1"
"""The pair of versions that the tests run with: release of Label Studio, minor of the SDK."""


def check(folder: Path | None, settings: Settings, start: Path) -> Iterator[Line]:
    """Look at everything between this folder and the people's screens.

    Parameters
    ----------
    folder : Path or None
        The study; None: the server only, and which studies there are.
    settings : Settings
        Which server, whose token, which folders.
    start : Path
        The working folder.

    Yields
    ------
    Line
        As soon as it is known. What fails does not stop what does not need it.
    """
    study, unreadable = None, None
    if folder is not None:
        try:
            study = studies.load(folder)
            settings = with_own_pictures(settings, folder, is_shared=shares_folder(study))
        except IntegrationError as error:
            unreadable = Line("!!", str(error))
    connection = yield from _check_server(settings, study, start)
    if unreadable is not None:
        yield unreadable
    elif folder is None:
        yield _studies_here(start)
    elif study is not None:
        media = connection.media if connection else settings.media
        yield from check_study(folder, study, connection, media)


def _check_server(
    settings: Settings, study: Study | None, start: Path
) -> Generator[Line, None, Connection | None]:
    """Check address, versions, clock, token, folder and members; give the session."""
    try:
        url = _address(settings, study, start)
        signs = probe(url)
    except ServerError as error:
        yield Line("!!", str(error))
        yield from _check_same_server(study, error.url or "")
        yield not_checked("token, members and projects", "no server answers")
        yield from _check_media(settings.media)
        return None
    except ConfigError as error:
        yield Line("!!", str(error))
        return None
    yield fine(f"address: Label Studio answers at {url}")
    yield from _check_same_server(study, url)
    yield check_versions(signs.release, package_version("label-studio-sdk"))
    yield check_clocks(signs)
    try:
        connection = connect(settings.model_copy(update={"url": url}), None, start)
    except IntegrationError as error:
        yield Line("!!", str(error))
        yield not_checked("members and projects", "they need a token that works")
        yield from _check_media(settings.media)
        return None
    # 17, 34: both kinds of token are good, and which it is gets said.
    whose = f"{connection.owner_name} ({connection.user['email']})"
    yield fine(f"token: the {connection.client.token_kind} of {whose} is accepted")
    yield from _check_media(connection.media)
    yield from going_on(_check_members(connection, study))
    return connection


def _check_same_server(study: Study | None, url: str) -> Iterator[Line]:
    """Check that the study was sent to this server and to no other."""
    if study is None:
        return
    if study.server_url is None:
        yield wrong("server: the study was never sent to one", "run its import")
    elif study.server_url != url:
        yield wrong(
            f"server: the study is on {study.server_url}, not on {url}",
            "correct --url or LABEL_STUDIO_URL",
        )
    else:
        release = study.versions.get("label_studio", "unknown")
        yield fine(f"server: it is the study's (Label Studio {release} at the import)")


def _address(settings: Settings, study: Study | None, start: Path) -> str:
    """Choose the address by the rule of `connection.connect`, but let it differ from the study's.

    That they differ shall be one line among others here.
    """
    data_dir = embedded_files.find(start)
    embedded_url = embedded_files.read_credentials(data_dir).url if data_dir else None
    study_url = study.server_url if study else None
    return choose_url(settings, study_url, embedded_url)


def check_versions(server: str, sdk: str) -> Line:
    """Compare the pair of versions with the one that is tested (34).

    Parameters
    ----------
    server : str
        Release of Label Studio.
    sdk : str
        Version of label-studio-sdk.

    Returns
    -------
    Line
        Wrong if either is of another minor version.
    """
    if not sdk.startswith(f"{TESTED_SDK}."):
        return wrong(
            f"label-studio-sdk is {sdk}, tested is {TESTED_SDK}.x",
            f"install it with `pip install 'label-studio-sdk=={TESTED_SDK}.*'`",
        )
    if server.split(".")[:2] != TESTED_SERVER.split(".")[:2]:
        return wrong(
            f"the server is Label Studio {server}, tested is {TESTED_SERVER}",
            f"have Label Studio {TESTED_SERVER} installed there",
        )
    return fine(
        f"versions: Label Studio {server}, label-studio-sdk {sdk}, ls-integration {__version__}"
    )


def check_clocks(signs: ServerSigns) -> Line:
    """Say how far the clocks differ (25, 31); results take the server's times only.

    Parameters
    ----------
    signs : ServerSigns
        What the server said.

    Returns
    -------
    Line
        Never wrong, since nothing depends on it.
    """
    if signs.clock_ahead_s is None:
        return not_checked("clocks", "the server's answers have no date")
    difference_s = round(signs.clock_ahead_s)
    if abs(difference_s) <= 2:
        return fine("clocks: the server's and ours agree")
    side = "ahead of" if difference_s > 0 else "behind"
    return fine(
        f"clocks: the server's is {abs(difference_s)} s {side} ours; "
        "times in the results are the server's"
    )


def _check_media(media: Path | None) -> Iterator[Line]:
    """Check the folder for pictures on this side (7, 20)."""
    if media is None:
        yield not_checked("folder for pictures", "none is known; give --media")
        return
    try:
        # Without a name, gone when closed: the one test that also holds for root and full disks.
        with tempfile.TemporaryFile(dir=media):
            pass
    except OSError as error:
        yield wrong(
            f"pictures cannot be written to {media} ({error.strerror or error})",
            "mend that, or give another folder with --media",
        )
    else:
        yield fine(f"folder for pictures: {media} can be written")


def _check_members(connection: Connection, study: Study | None) -> Iterator[Line]:
    """Say who has which power, and for whom Enter submits (6, 28)."""
    users = connection.client.get("/api/users/")
    powers = "Label Studio Community has no roles: each can open and change every project"
    yield fine(f"members: {len(users)}; {powers}")
    wanted = {int(connection.user["id"])}
    if study is not None and study.projects:
        wanted = {project.user_id for project in study.projects if project.user_id is not None}
    chosen = [user for user in users if int(user["id"]) in wanted]
    yield from check_enter(chosen, keymap_is_ours=connection.is_embedded)
    gone = sorted(wanted - {int(user["id"]) for user in users})
    if gone:
        yield wrong(
            f"accounts of the study are no longer on the server (user {some_of(gone)})",
            "restore the server's backup",
        )


def check_enter(users: list[Mapping[str, Any]], *, keymap_is_ours: bool) -> Iterator[Line]:
    """Check that Enter submits, as the instructions promise.

    Parameters
    ----------
    users : list of dict
        Label Studio's users who shall answer.
    keymap_is_ours : bool
        The server was started with Enter as everybody's submit key.

    Yields
    ------
    Line
        One for each of: in force, not in force, not to be seen.
    """
    names: dict[bool | None, list[str]] = {True: [], False: [], None: []}
    for user in users:
        in_force = enter_submits(user, keymap_is_ours=keymap_is_ours)
        names[in_force].append(person_name(dict(user)))
    if names[True]:
        yield fine(f"keys: Enter submits for {', '.join(names[True])}")
    if names[False]:
        yield wrong(
            f"Enter does not submit for {', '.join(names[False])}",
            "let each set Submit to Enter under Account & Settings, Hotkeys",
        )
    if names[None]:
        yield not_checked(
            f"Enter for {', '.join(names[None])}",
            "they set no key of their own, and the server does not tell its keys; try it there",
        )


def _studies_here(start: Path) -> Line:
    here = start.resolve()
    pattern = f"*/{studies.STUDY_FILE}"
    names = [
        file.parent.name
        for folder in (here, *here.parents)
        for file in sorted((folder / studies.STUDIES_FOLDER).glob(pattern))
    ]
    if not names:
        return fine("studies: none here or above")
    return fine(f"studies: {', '.join(names)}; `ls-integration check STUDY` looks at one")
