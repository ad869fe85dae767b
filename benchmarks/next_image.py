"""Seconds from Enter to the next image, as a person in a browser sees it.

An embedded server is started in a temporary folder, a study imported, a person
added; headless Chromium logs in as that person and labels by keyboard, with a
pause to look at each image. A wait ends when the next task's text stands on the
page and its picture is decoded and painted. The old tool's median decision time
stands beside it where its sessions lie at hand. Run it with the server extra:

    python benchmarks/next_image.py [--images 50] [--plain]

``--plain`` measures Label Studio's own command line with the same settings as
well, image by image in turns: on a busy machine only the ratio means something.
"""

import argparse
import re
import shutil
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Request, ViewportSize, sync_playwright

from ls_integration.server import embedded, embedded_environment, people
from ls_integration.server.client import Client
from ls_integration.server.embedded import EmbeddedServer
from ls_integration.settings import load
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.sted_options import ImportOptions

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared/data/anomagui"
PERSON = "Bea Bench"
SCREEN: ViewportSize = {"width": 1366, "height": 768}

# The two frames at the end: the first one paints, the second comes after it.
WATCH = """
window.addEventListener('keydown', event => {
    if (event.key !== 'Enter' || event.repeat) return;
    const entered = performance.now();
    const before = document.querySelector('.lsf-image img')?.src;
    const text = /Image (\\d+) of \\d+/;
    const old = document.body.innerText.match(text)?.[1];
    const seen = {entered: performance.timeOrigin + entered};
    const look = () => {
        const now = document.body.innerText.match(text)?.[1];
        const picture = document.querySelector('.lsf-image img');
        const fresh = now && now !== old;
        if (fresh && !seen.text) seen.text = performance.now() - entered;
        if (fresh && picture?.complete && picture.naturalWidth > 0 && picture.src !== before
            && picture.checkVisibility({opacityProperty: true, visibilityProperty: true})) {
            picture.decode().then(() => requestAnimationFrame(() => requestAnimationFrame(() => {
                seen.picture = performance.now() - entered;
                window.seen = seen;
            })));
        } else requestAnimationFrame(look);
    };
    window.seen = undefined;
    requestAnimationFrame(look);
}, true);
"""

KINDS = (
    ("POST annotation", "POST", r"/api/tasks/\d+/annotations"),
    ("next task", "POST|GET", r"/api/dm/actions\?id=next_task|/api/projects/\d+/next"),
    ("POST draft", "POST|PATCH|DELETE", r"/drafts"),
    ("picture", "GET", r"/data/local-files"),
)


@dataclass
class Sample:
    """One wait: when Enter was pressed and what was seen after it."""

    entered_ms: float
    text_s: float
    picture_s: float
    requests: list[tuple[str, float, float]] = field(default_factory=list)


def kind_of(request: Request) -> str:
    """Name what a request is for; else its method and path without numbers."""
    path = request.url.partition("://")[2].partition("/")[2]
    for name, methods, pattern in KINDS:
        if request.method in methods.split("|") and re.search(pattern, f"/{path}"):
            return name
    if request.url.startswith("blob:"):
        return "picture, from memory"
    return f"{request.method} /" + re.sub(r"\d+", "N", path.partition("?")[0])


def old_decision_times_s() -> list[float]:
    """Read the median decision time of each session of the old tool, in s."""
    sessions = sorted(REAL.glob("[A-Z]*/*.npz"))
    tables = [np.load(path)["classifications"] for path in sessions]
    return [float(np.median(table[:, 3])) for table in tables if table.shape[1] == 4]


class Annotator:
    """A person's page, and what was seen on it so far."""

    def __init__(self, browser: Browser, server: EmbeddedServer, source: Path) -> None:
        """Import the study, add the person, log in and open the first image."""
        with Client(server.url, server.token) as client:
            person = people.ensure(client, PERSON)
        study = import_sted_quality(
            ImportOptions(source=source, blind=True, people=(PERSON,)),
            load(url=server.url, api_key=server.token, media=server.media),
            start=server.data_dir.parent,
            say=lambda _: None,
        )
        self.samples: list[Sample] = []
        self.finished: list[Request] = []
        self.page = browser.new_context(viewport=SCREEN).new_page()
        self.page.add_init_script(WATCH)
        self.page.on("requestfinished", self._finish)
        self.page.goto(f"{server.url}/user/login/")
        self.page.fill('input[name="email"]', person.email)
        self.page.fill('input[name="password"]', person.password.get_secret_value())
        self.page.click('button[type="submit"]')
        self.page.wait_for_url(lambda url: "/user/login" not in url)
        self.page.goto(study.projects[0].link)
        self.page.get_by_text("Labeling Instructions").wait_for(timeout=60_000)
        self.page.keyboard.press("Escape")
        self.page.wait_for_function("document.querySelector('.lsf-image img')?.naturalWidth > 0")

    def _finish(self, request: Request) -> None:
        self.finished.append(request)

    def answer(self, key: str, look_s: float) -> None:
        """Look at the image, answer, and wait for the next one."""
        self.page.bring_to_front()
        self.page.wait_for_timeout(look_s * 1000)
        self.page.keyboard.press(key)
        self.page.wait_for_timeout(50)
        self.page.keyboard.press("Enter")
        seen = self.page.wait_for_function("window.seen", timeout=60_000).json_value()
        sample = Sample(seen["entered"], seen["text"] / 1000, seen["picture"] / 1000)
        self.samples.append(sample)

    def sort_requests(self) -> None:
        """Give each request to the wait in which it was begun."""
        self.page.wait_for_timeout(1000)
        for request in self.finished:
            begun_ms, took_ms = request.timing["startTime"], request.timing["responseEnd"]
            before = [sample for sample in self.samples if sample.entered_ms <= begun_ms]
            if before:
                offset_ms = begun_ms - before[-1].entered_ms
                before[-1].requests.append((kind_of(request), offset_ms, took_ms))


def report(name: str, samples: list[Sample]) -> None:
    """Print the waits and what the requests of a wait cost."""
    for what, waits in (
        ("next image", [sample.picture_s for sample in samples]),
        ("its text", [sample.text_s for sample in samples]),
    ):
        median, p90 = np.quantile(waits, [0.5, 0.9])
        print(f"{name:<6} {what:<10} median {median:.3f}  p90 {p90:.3f}  max {max(waits):.3f} s")
    by_kind: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for sample in samples:
        for kind, offset_ms, took_ms in sample.requests:
            by_kind[kind].append((offset_ms, took_ms))
    print(f"       {'request':<26} {'an image':>8} {'begun, ms':>10} {'took, ms':>9}  (medians)")
    for kind, found in sorted(by_kind.items(), key=lambda pair: np.median(pair[1], axis=0)[0]):
        offset_ms, took_ms = np.median(found, axis=0)
        count = len(found) / len(samples)
        print(f"       {kind:<26} {count:8.2f} {offset_ms:10.0f} {took_ms:9.0f}")


def compare(by_name: dict[str, list[Sample]]) -> None:
    """Report every server, and its waits beside the first one's and the old tool's."""
    first_s = 0.0
    for name, samples in by_name.items():
        report(name, samples)
        median_s = statistics.median(sample.picture_s for sample in samples)
        first_s = first_s or median_s
        if name != next(iter(by_name)):
            print(f"{next(iter(by_name))} / {name} = {first_s / median_s:.2f}")
    if sessions := old_decision_times_s():
        listed = ", ".join(f"{time_s:.2f}" for time_s in sessions)
        print(f"median decision time of the old tool's sessions: {listed} s")
        print(f"next image / the middle one = {first_s / statistics.median(sessions):.2f}")


@contextmanager
def server_in(folder: Path, main_module: str) -> Iterator[EmbeddedServer]:
    """Start an embedded server with *main_module* as its command, and stop it."""
    data_dir = folder / embedded.DEFAULT_NAME
    ours = embedded_environment.MAIN_MODULE
    folder.mkdir()
    try:
        embedded_environment.MAIN_MODULE = main_module
        yield embedded.start(data_dir, port=embedded.free_port(), working_dir=folder)
    finally:
        # Also what tells the process from others when it is stopped.
        embedded_environment.MAIN_MODULE = main_module
        embedded.stop(data_dir)
        embedded_environment.MAIN_MODULE = ours


def main() -> None:
    """Start, import, label, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--source", type=Path, default=ROOT / "data/sted_sample")
    parser.add_argument("--look", type=float, default=0.8, help="pause before each answer, s")
    parser.add_argument("--plain", action="store_true", help="and Label Studio's own command line")
    arguments = parser.parse_args()
    mains = {"ours": embedded_environment.MAIN_MODULE}
    if arguments.plain:
        mains["plain"] = "label_studio.server"
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {
            name: stack.enter_context(server_in(folder / name, module))
            for name, module in mains.items()
        }
        chromium = stack.enter_context(sync_playwright()).chromium
        browser = chromium.launch(executable_path=executable, args=["--no-sandbox"])
        annotators = {
            name: Annotator(browser, server, arguments.source) for name, server in servers.items()
        }
        for number in range(arguments.images):
            # In turns, so that a busy machine slows all alike.
            for annotator in annotators.values():
                annotator.answer("12"[number % 2], arguments.look)
        for annotator in annotators.values():
            annotator.sort_requests()
        browser.close()
    compare({name: annotator.samples for name, annotator in annotators.items()})


if __name__ == "__main__":
    main()
