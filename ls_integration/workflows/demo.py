"""`demo`: the whole loop on the synthetic sample, with simulated reviewers.

The reviewers answer as people do: each asks the server, with a token of their
own, for the next task of their own project and submits an answer to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from ls_integration import study as studies
from ls_integration.errors import ServerError, StudyError, some_of
from ls_integration.files import PRIVATE_MODE, read_texts, write_json
from ls_integration.kinds import sted_quality
from ls_integration.label_config import Control, choice_result, parse
from ls_integration.progress import Reporter, Say, silent
from ls_integration.resources import label_config_xml
from ls_integration.sample import SimulatedAnswers, simulate_answers, write_sample
from ls_integration.server import embedded, embedded_files
from ls_integration.server.client import Client
from ls_integration.server.people import Person
from ls_integration.settings import load
from ls_integration.workflows.export import export
from ls_integration.workflows.import_run import ImportOutcome
from ls_integration.workflows.import_study import import_sted_quality
from ls_integration.workflows.score import Scored, score_folder
from ls_integration.workflows.sted_options import ImportOptions

MODEL_THRESHOLD = 0.5
"""At which the sample's model decides."""

_TOKENS_FILE = "reviewers.json"


@dataclass(frozen=True)
class Reviewer:
    """A simulated person.

    Attributes
    ----------
    name : str
        Name on result files.
    tpr, fpr : float
        Probability of calling an anomaly, and a normal image, an anomaly.
    seed : int
        Of their chance.
    """

    name: str
    tpr: float
    fpr: float
    seed: int


REVIEWERS = (
    Reviewer("Ada", tpr=0.95, fpr=0.05, seed=1),
    Reviewer("Ben", tpr=0.70, fpr=0.15, seed=2),
    Reviewer("Cleo", tpr=0.90, fpr=0.60, seed=5),
)
"""A good one, a lenient one and a strict one. The seeds are such that all twelve
95 % intervals of the demo hold the simulated rate, which half of all choices of
seeds do; tests/test_scoring_truth.py measures the coverage over many seeds."""


@dataclass(frozen=True)
class DemoStudy:
    """One finished study of the demo.

    Attributes
    ----------
    imported : ImportOutcome
        The study and its projects.
    scored : Scored
        Its results.
    own_link : str
        Address of a project in which nobody has answered yet.
    """

    imported: ImportOutcome
    scored: Scored
    own_link: str


@dataclass(frozen=True)
class DemoOutcome:
    """What the demo leaves behind.

    Attributes
    ----------
    server : EmbeddedServer
        Still running.
    studies : list of DemoStudy
        The assisted one and the blind one.
    """

    server: embedded.EmbeddedServer
    studies: list[DemoStudy]


def run_demo(folder: Path, *, say: Say, report: Reporter = silent) -> DemoOutcome:
    """Run import, answers, export and scores of the sample, blind and assisted.

    Running it again in the same folder goes on where the last one stopped.

    Parameters
    ----------
    folder : Path
        Everything is kept in here.
    say : callable
        Takes lines for the user.
    report : Reporter, optional
        Told of progress.

    Returns
    -------
    DemoOutcome
        Server, studies, scores.

    Raises
    ------
    IntegrationError
        Of any kind.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    data_dir = folder / embedded_files.DEFAULT_NAME
    running = embedded.is_running(data_dir)
    say("starting Label Studio; the first time takes a minute or two")
    server = embedded.start(
        data_dir,
        # Known servers start where they ran last; a new one must be in nobody's way.
        port=None if (data_dir / embedded_files.STATE).exists() else embedded.free_port(),
        owner_name=None if running else "Demo",
        working_dir=folder,
        report=report,
    )
    source = folder / "sample"
    if not (source / "manifest.csv").exists():
        write_sample(source, report=report)
    finished = [
        _one_study(folder, source, server, blind=blind, say=say, report=report)
        for blind in (False, True)
    ]
    return DemoOutcome(server, finished)


def is_recovered(reviewer: Reviewer, scores: Mapping[str, Any]) -> bool:
    """Tell whether the scores agree with what a reviewer was simulated with.

    Parameters
    ----------
    reviewer : Reviewer
        The truth.
    scores : mapping
        The reviewer's entry in ``metrics.json``.

    Returns
    -------
    bool
        True if TPR and FPR both lie within their 95 % intervals.
    """
    return all(
        interval is not None and interval[0] <= rate <= interval[1]
        for rate, interval in (
            (reviewer.tpr, scores["tpr_ci95"]),
            (reviewer.fpr, scores["fpr_ci95"]),
        )
    )


def _one_study(
    folder: Path,
    source: Path,
    server: embedded.EmbeddedServer,
    *,
    blind: bool,
    say: Say,
    report: Reporter,
) -> DemoStudy:
    settings = load(
        url=server.url,
        api_key=server.token,
        # Not those of an environment that is meant for another server.
        media=server.media,
        server_media=str(server.media),
    )
    tokens_file = folder / _TOKENS_FILE
    options = ImportOptions(
        source=source,
        title=f"Demo {'blind' if blind else 'assisted'}",
        blind=blind,
        model_threshold=MODEL_THRESHOLD,
        model_version="sample-model",
    )
    imported = import_sted_quality(
        replace(options, people=tuple(reviewer.name for reviewer in REVIEWERS)),
        settings,
        start=folder,
        say=say,
        on_account=lambda _, person: _keep_token(tokens_file, person),
        report=report,
    )
    tokens = _read_tokens(tokens_file)
    items = studies.read_items(imported.folder)
    control = parse(label_config_xml(sted_quality.LABEL_CONFIG)).choices()
    for reviewer, done in zip(REVIEWERS, imported.projects, strict=True):
        simulated = simulate_answers(
            items["label"].tolist(), reviewer.tpr, reviewer.fpr, reviewer.seed + 10 * blind
        )
        with Client(server.url, tokens[reviewer.name]) as client:
            _answer_all(
                client,
                done.project_id,
                dict(zip(items["item_id"], range(len(items)), strict=True)),
                simulated,
                control,
                step=f"{reviewer.name} answers ({'blind' if blind else 'assisted'})",
                report=report,
            )
    # One more project, of the server's owner: for whoever wants to try the page.
    own = import_sted_quality(options, settings, start=folder, say=lambda _: None, report=report)
    results = folder / "results" / imported.folder.name
    export(imported.folder, settings, results, start=folder, report=report)
    scored = score_folder(results, media=server.media, report=report)
    return DemoStudy(imported, scored, own.projects[0].link)


def _answer_all(
    client: Client,
    project_id: int,
    positions: Mapping[str, int],
    simulated: SimulatedAnswers,
    control: Control,
    *,
    step: str,
    report: Reporter,
) -> None:
    """Ask for the next task until there is none."""
    n_items = len(positions)
    done = 0
    while (task := _next_task(client, project_id)) is not None:
        position = positions[task["data"]["item_id"]]
        predictions = task.get("predictions") or []
        client.post(
            f"/api/tasks/{task['id']}/annotations/",
            json={
                "result": choice_result(control, simulated.labels[position]),
                "lead_time": float(simulated.lead_time_s[position]),
                "parent_prediction": predictions[0]["id"] if predictions else None,
                "ground_truth": False,
            },
        )
        done += 1
        report(step, done, n_items)
    report(step, n_items, n_items)


def _next_task(client: Client, project_id: int) -> dict[str, Any] | None:
    try:
        task: dict[str, Any] = client.get(f"/api/projects/{project_id}/next")
    except ServerError as error:
        # Label Studio's word for "you have answered everything".
        if error.status == 404:
            return None
        raise
    return task


def _keep_token(path: Path, person: Person) -> None:
    """Remember a reviewer's token, so that another run can answer as them."""
    if person.token is not None:
        known = _read_known(path)
        write_json(path, {**known, person.name: person.token.get_secret_value()}, mode=PRIVATE_MODE)


def _read_tokens(path: Path) -> dict[str, SecretStr]:
    known = _read_known(path)
    lost = [reviewer.name for reviewer in REVIEWERS if reviewer.name not in known]
    if lost:
        msg = (
            f"{path} does not hold the token of {some_of(lost)}; run the demo in a new folder "
            "with --folder"
        )
        raise StudyError(msg)
    return {name: SecretStr(token) for name, token in known.items()}


def _read_known(path: Path) -> dict[str, str]:
    try:
        return read_texts(path)
    except (OSError, ValueError) as error:
        msg = (
            f"cannot read the tokens in {path} ({type(error).__name__}); run the demo in a new "
            "folder with --folder"
        )
        raise StudyError(msg) from None
