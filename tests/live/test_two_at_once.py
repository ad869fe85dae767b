"""Two commands at once: one works, the other is refused in a line, nothing is done twice."""

import random
import time
from pathlib import Path

import pytest

from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.people import members
from tests.live.killing import (
    LIMIT_S,
    assert_all_once,
    finish,
    import_words,
    log_in,
    seeds,
    start_command,
    study_folder,
    write_session,
)

REFUSED = "error: another command is working on the study {}; wait until it has ended"
PAIRS = ("import and import", "people and people", "replay and import")
LONGEST_LEAD_S = 1.5


@pytest.mark.parametrize("seed", seeds(2, 0.3))
def test_on_one_study(
    seed: int, live_server: EmbeddedServer, client: Client, repository: Path, tmp_path: Path
) -> None:
    """The second is refused by name or finds the first finished; then each has all of its own."""
    chance, pair = random.Random(seed), PAIRS[seed % len(PAIRS)]
    title = f"Two at once {seed}"
    folder = study_folder(tmp_path, title)
    importing = import_words(repository, title)
    first = second = importing
    ann, ben = f"Ann Once {seed}", f"Ben Once {seed}"
    answers: dict[str, int] = {}
    if pair != "import and import":
        finish(start_command(live_server, tmp_path, *importing))
    if pair == "people and people":
        first, second = (("people", "add", folder.name, name) for name in (ann, ben))
    elif pair == "replay and import":
        path = write_session(folder, tmp_path / f"{ann}.npz", seed)
        first, answers = ("replay", folder.name, str(path)), {ann: 60}
    n_done = 0
    both = [start_command(live_server, tmp_path, *first)]
    time.sleep(chance.uniform(0.0, LONGEST_LEAD_S))
    both.append(start_command(live_server, tmp_path, *second))
    for process in both:
        output, _ = process.communicate(timeout=LIMIT_S)
        if process.returncode == 0:
            n_done += 1
        else:
            assert (process.returncode, output.splitlines()[-1]) == (1, REFUSED.format(folder.name))
            assert output.count("error") == 1
    assert n_done
    for words in (first, second):
        finish(start_command(live_server, tmp_path, *words))
    assert_all_once(client, folder, answers=answers)
    names = [person.name for person in members(client)]
    wanted = {"people and people": (1, 1), "replay and import": (1, 0)}.get(pair, (0, 0))
    assert (names.count(ann), names.count(ben)) == wanted


def test_one_person_in_two_studies(
    live_server: EmbeddedServer, client: Client, repository: Path, tmp_path: Path
) -> None:
    """Two studies make one account at the same moment: there is one, and its password is kept."""
    name = "Cleo Once"
    titles = ("Two studies 1", "Two studies 2")
    commands = [("people", "add", study_folder(tmp_path, title).name, name) for title in titles]
    for title in titles:
        finish(start_command(live_server, tmp_path, *import_words(repository, title)))
    both = [start_command(live_server, tmp_path, *words) for words in commands]
    for process in both:
        output, _ = process.communicate(timeout=LIMIT_S)
        assert "Traceback" not in output
        if process.returncode != 0:
            assert process.returncode == 1
            assert output.splitlines()[-1].startswith("error: the sign-up of ")
            assert "run the same command again" in output.splitlines()[-1]
    for words in commands:
        finish(start_command(live_server, tmp_path, *words))
    assert [person.name for person in members(client)].count(name) == 1
    kept = []
    for title in titles:
        folder = study_folder(tmp_path, title)
        assert_all_once(client, folder, answers={})
        if (folder / "passwords.txt").exists():
            kept += (folder / "passwords.txt").read_text().splitlines()
    assert kept
    assert all(log_in(live_server, line) for line in kept)
