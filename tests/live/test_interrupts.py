"""Ctrl+C and SIGTERM anywhere: 130, one line, and the same command finishes the work."""

import random
import re
import signal
from pathlib import Path

import pytest

from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from tests.live.killing import (
    IMPORTS,
    LIMIT_S,
    PROJECTS,
    assert_all_once,
    end_at,
    end_when,
    finish,
    has_begun,
    import_words,
    kill,
    proxy_to,
    seeds,
    start_command,
    study_folder,
    wait_for,
)

MOMENTS = ("reading", "rendering", "project made", "import sent", "any time")
SIGNALS = (signal.SIGINT, signal.SIGTERM)
LINE = "error: interrupted; the same command goes on where this one stopped"
LONGEST_RUN_S = 4.0


@pytest.mark.parametrize("seed", seeds(3, 0.4))
def test_interrupted_and_run_again(
    seed: int, live_server: EmbeddedServer, client: Client, repository: Path, tmp_path: Path
) -> None:
    """No traceback, one line that says that the same command finishes it; it does."""
    chance = random.Random(seed)
    moment = MOMENTS[seed % len(MOMENTS)]
    number = SIGNALS[(seed + seed // len(MOMENTS)) % len(SIGNALS)]
    title = f"Interrupt {seed}"
    words = import_words(repository, title)
    wanted = {"project made": PROJECTS, "import sent": IMPORTS}.get(moment)
    pictures = set(live_server.media.glob("*/*"))
    with proxy_to(live_server.url, wanted) as proxy:
        process = start_command(live_server, tmp_path, *words, url=proxy.url)
        if wanted is not None:
            delay_s = chance.uniform(0.0, 0.1)
            assert end_when(proxy, process, number, delay_s).wait(LIMIT_S)
        else:
            wait_for(lambda: has_begun(process), process)
            if moment == "rendering":
                wait_for(lambda: set(live_server.media.glob("*/*")) - pictures, process)
            longest_s = {"reading": 1.0, "rendering": 0.4}.get(moment, LONGEST_RUN_S)
            end_at(process, number, chance.uniform(0.0, longest_s))
        output, _ = process.communicate(timeout=LIMIT_S)
        if process.returncode != 0:
            assert process.returncode == 130, output
            assert [line for line in output.splitlines() if "error" in line.lower()] == [LINE]
        assert "Traceback" not in output
        proxy.be_harmless()
        finish(start_command(live_server, tmp_path, *words, url=proxy.url))
    assert_all_once(client, study_folder(tmp_path, title), answers={})


@pytest.mark.parametrize(
    ("number", "pattern", "reason"),
    [
        (signal.SIGINT, IMPORTS, "cut off while it sent 60 tasks; waiting up to"),
        (signal.SIGTERM, PROJECTS, "cut off while it made a project; waiting up to 10 s"),
    ],
    ids=["import", "project"],
)
def test_a_wait_says_why_and_can_be_interrupted(
    number: signal.Signals,
    pattern: re.Pattern[bytes],
    reason: str,
    live_server: EmbeddedServer,
    client: Client,
    repository: Path,
    tmp_path: Path,
) -> None:
    """A request that never arrived: who waits for it knows why, and may stop."""
    title = f"Wait {number.name}"
    words = import_words(repository, title)
    with proxy_to(live_server.url, pattern, swallow=True) as proxy:
        process = start_command(live_server, tmp_path, *words, url=proxy.url)
        assert end_when(proxy, process, signal.SIGKILL, 0.0).wait(LIMIT_S)
        kill(process)
        again = start_command(
            *(live_server, tmp_path, *words),
            url=proxy.url,
            more={"LS_INTEGRATION_REQUEST_LIMIT_S": "30"},
        )
        assert again.stdout is not None
        while reason not in (line := again.stdout.readline()):
            assert line, "it never said why it waits"
        again.send_signal(number)
        output, _ = again.communicate(timeout=LIMIT_S)
        assert again.returncode == 130
        assert output.splitlines() == [LINE]
        output = finish(start_command(live_server, tmp_path, *words, url=proxy.url))
    assert "60 tasks sent" in output
    assert_all_once(client, study_folder(tmp_path, title), answers={})
