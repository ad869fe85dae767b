"""An import that is killed, anywhere, and run again: every item exactly once.

`LS_INTEGRATION_KILLS=100` tries a hundred instants; by default a few, so that
the whole suite stays short. A quarter each is killed just after a proxy has
forwarded the body of an import, and just after it has forwarded the request
that makes the project, while the server still works on it.
"""

import random
import signal
import time
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
    import_words,
    kill,
    proxy_to,
    seeds,
    start_command,
    study_folder,
)

LONGEST_RUN_S = 6.0
"""An import of the sample takes about 3 s here; later kills find it finished."""

MOMENTS = {
    "any time": None,
    "import forwarded": IMPORTS,
    "project forwarded": PROJECTS,
    "any time again": None,
}


@pytest.mark.parametrize("seed", seeds(4))
def test_killed_and_run_again_every_item_is_there_once(
    seed: int,
    live_server: EmbeddedServer,
    client: Client,
    repository: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """One project, each item once, in the study's order; the study's server is the real one."""
    chance = random.Random(seed)
    moment, wanted = list(MOMENTS.items())[seed % len(MOMENTS)]
    title = f"Kill {seed}"
    words = import_words(repository, title)
    with proxy_to(live_server.url, wanted) as proxy:
        process = start_command(live_server, tmp_path, *words, url=proxy.url)
        if wanted is None:
            end_at(process, signal.SIGKILL, chance.uniform(0.3, LONGEST_RUN_S))
        else:
            sent = end_when(proxy, process, signal.SIGKILL, chance.uniform(0.0, 0.05))
            assert sent.wait(LIMIT_S)
        kill(process)
        # The same command, through the same address: the study knows its server by it.
        proxy.be_harmless()
        begun = time.monotonic()
        output = finish(start_command(live_server, tmp_path, *words, url=proxy.url))
    # For the figures of a long run, with `--junitxml`.
    request.node.user_properties += [
        ("moment", moment.removesuffix(" again")),
        ("second_run_s", round(time.monotonic() - begun, 2)),
        ("waited", "waiting up to" in output),
    ]
    assert_all_once(client, study_folder(tmp_path, title), answers={})
