"""`replay`, `people add` and `export` killed, anywhere, and run again."""

import json
import random
import signal
import threading
from pathlib import Path

import pytest

from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.server.people import members
from tests.live.killing import (
    ANSWERS,
    IMPORTS,
    LIMIT_S,
    PROJECTS,
    SIGN_UPS,
    assert_all_once,
    end_at,
    end_when,
    finish,
    import_words,
    kill,
    log_in,
    proxy_to,
    seeds,
    start_command,
    study_folder,
    wait_for,
    write_session,
)

N_ITEMS = 20
LONGEST_RUN_S = 5.0


def make_study(server: EmbeddedServer, repository: Path, folder: Path, title: str, url: str) -> str:
    words = import_words(repository, title, "--limit", str(N_ITEMS))
    finish(start_command(server, folder, *words, url=url))
    return study_folder(folder, title).name


REPLAYS = {"bulk": IMPORTS, "one by one": ANSWERS, "any time": None}


@pytest.mark.parametrize("seed", seeds(1, 0.2))
def test_a_killed_replay(
    seed: int, live_server: EmbeddedServer, client: Client, repository: Path, tmp_path: Path
) -> None:
    """Whether answers go with their tasks or to tasks that are there: each is there once."""
    chance, title, name = random.Random(seed), f"Replay kill {seed}", f"Pia Kill {seed}"
    moment, wanted = list(REPLAYS.items())[seed % len(REPLAYS)]
    with proxy_to(live_server.url, None) as proxy:
        study = make_study(live_server, repository, tmp_path, title, proxy.url)
        folder = study_folder(tmp_path, title)
        path = write_session(folder, tmp_path / f"{name}.npz", seed)
        if moment == "one by one":
            add = ("people", "add", study, name)
            finish(start_command(live_server, tmp_path, *add, url=proxy.url))
        words = ("replay", study, str(path))
        proxy.look_for(wanted)
        process = start_command(live_server, tmp_path, *words, url=proxy.url)
        if wanted is None:
            end_at(process, signal.SIGKILL, chance.uniform(0.5, LONGEST_RUN_S))
        else:
            n_skipped = chance.randrange(N_ITEMS) if moment == "one by one" else 0
            delay_s = chance.uniform(0.0, 0.1)
            sent = end_when(proxy, process, signal.SIGKILL, delay_s, n_skipped=n_skipped)
            assert sent.wait(LIMIT_S)
        kill(process)
        proxy.be_harmless()
        finish(start_command(live_server, tmp_path, *words, url=proxy.url))
        output = finish(start_command(live_server, tmp_path, *words, url=proxy.url))
    assert f"nothing to do, all {N_ITEMS} answers are there" in output
    assert_all_once(client, folder, answers={name: N_ITEMS})


INVITATIONS = {"account": SIGN_UPS, "any time": None, "project": PROJECTS, "tasks": IMPORTS}


@pytest.mark.parametrize("seed", seeds(1, 0.2))
def test_a_killed_invitation(
    seed: int, live_server: EmbeddedServer, client: Client, repository: Path, tmp_path: Path
) -> None:
    """One account under the right name, one project, and the password that works kept once."""
    chance, title, name = random.Random(seed), f"Invitation kill {seed}", f"Quin Kill {seed}"
    wanted = list(INVITATIONS.values())[seed % len(INVITATIONS)]
    with proxy_to(live_server.url, None) as proxy:
        study = make_study(live_server, repository, tmp_path, title, proxy.url)
        proxy.look_for(wanted)
        words = ("people", "add", study, name)
        process = start_command(live_server, tmp_path, *words, url=proxy.url)
        if wanted is None:
            end_at(process, signal.SIGKILL, chance.uniform(0.5, LONGEST_RUN_S))
        else:
            delay_s = chance.uniform(0.0, 0.3)
            assert end_when(proxy, process, signal.SIGKILL, delay_s).wait(LIMIT_S)
        kill(process)
        proxy.be_harmless()
        finish(start_command(live_server, tmp_path, *words, url=proxy.url))
    folder = study_folder(tmp_path, title)
    assert_all_once(client, folder, answers={})
    assert [person.name for person in members(client)].count(name) == 1
    (line,) = (folder / "passwords.txt").read_text().splitlines()
    assert line.startswith(f"{name}: login quin-kill-{seed}@")
    assert log_in(live_server, line)
    assert not list(folder.glob("pending*"))


def test_a_killed_export(live_server: EmbeddedServer, repository: Path, tmp_path: Path) -> None:
    """Each results file is the old one or the new one, whole; again: all are new."""
    title = "Export kill"
    study = make_study(live_server, repository, tmp_path, title, live_server.url)
    folder = study_folder(tmp_path, title)

    def replay(name: str, seed: int) -> None:
        path = write_session(folder, tmp_path / f"{name}.npz", seed)
        finish(start_command(live_server, tmp_path, "replay", study, str(path)))

    def export(output: str) -> dict[str, bytes]:
        finish(start_command(live_server, tmp_path, "export", study, "--output", output))
        return files(tmp_path / output)

    replay("Rea Kill", 1)
    old = export("old")
    outputs = [f"killed {seed}" for seed in seeds(3, 0.2)]
    for output in outputs:
        assert export(output) == old
    replay("Sia Kill", 2)
    new = export("new")
    assert new.keys() > old.keys()
    assert all(new[name] != old[name] for name in ("annotations.csv", "manifest.json"))
    for seed, output in enumerate(outputs):
        chance = random.Random(seed)
        words = ("export", study, "--output", output)
        process = start_command(live_server, tmp_path, *words)
        if seed % 3 == 2:
            end_at(process, signal.SIGKILL, chance.uniform(0.5, 3.0))
        else:
            wait_for(lambda: list((tmp_path / output).glob(".results-unfinished")), process)  # noqa: B023
            threading.Event().wait(chance.uniform(0.0, 0.06))
        kill(process)
        for name, content in files(tmp_path / output).items():
            if name == "manifest.json":
                json.loads(content)
            else:
                assert content in (old.get(name), new.get(name)), name
        assert export(output) == new
        assert not list((tmp_path / output).glob(".*"))


def files(folder: Path) -> dict[str, bytes]:
    """Read a results folder; what has a hidden name is no result."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }
