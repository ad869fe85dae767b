"""Commands that serve a model's predictions to people as they label."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ls_integration.cli.console import GROUP_MODELS, print_note, print_result

if TYPE_CHECKING:
    from ls_integration.settings import Settings
    from ls_integration.workflows.backend_server import Address


def register(app: typer.Typer) -> None:
    """Add ``backend`` and ``connect-backend`` to the command line.

    Parameters
    ----------
    app : typer.Typer
        The command line.
    """
    app.command(rich_help_panel=GROUP_MODELS)(backend)
    app.command(rich_help_panel=GROUP_MODELS)(connect_backend)


def backend(
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A trained model, or a network (.onnx).")
    ] = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Instead of a model: table with item_id or path, model_score[, model_label].",
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(help="Study whose images the model looks at, or whose items the table names."),
    ] = None,
    model_version: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="With --scores: name of the model [default: the table's]."
        ),
    ] = None,
    model_threshold: Annotated[
        float | None,
        typer.Option(
            metavar="T", help="With --scores: from here on anomalies [default: model_label]."
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 9090,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    password_file: Annotated[
        Path | None, typer.Option(help="File that holds the password to ask for.")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Label Studio, for images that are not in --media.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="File that holds your token.")] = None,
    media: Annotated[Path | None, typer.Option(help="Label Studio's folder of pictures.")] = None,
    retrain_after: Annotated[
        int | None,
        typer.Option(
            min=50, metavar="N", help="Train again after N new answers [default: when asked to]."
        ),
    ] = None,
) -> None:
    """Serve a model (or stored scores) as an ML backend, until Ctrl+C.

    Example: ls-integration backend --model sted.skops --study sted-quality

    Example: ls-integration backend --scores scores.csv --study sted-quality --model-threshold 0.213
    """
    from ls_integration import settings
    from ls_integration import study as study_folder
    from ls_integration.errors import ConfigError
    from ls_integration.workflows.backend_server import Address

    if (model is None) == (scores is None):
        msg = "give what to serve: --model FILE, or --scores CSV"
        raise ConfigError(msg)
    chosen = settings.load(url=url, token_file=token_file, media=media, password_file=password_file)
    address = Address(host, port, chosen.backend_password)
    folder = None if study is None else study_folder.find(study, Path.cwd())
    if scores is not None and retrain_after is not None:
        msg = "--retrain-after is for --model: stored scores learn nothing"
        raise ConfigError(msg)
    if scores is not None:
        _serve_scores(scores, folder, model_version, model_threshold, address)
    elif model is not None:
        if model_version is not None or model_threshold is not None:
            msg = "--model-version and --model-threshold are for --scores: a model has its own"
            raise ConfigError(msg)
        _serve_model(model, folder, chosen, address, retrain_after)


def _serve_scores(
    scores: Path,
    study: Path | None,
    model_version: str | None,
    threshold: float | None,
    address: "Address",
) -> None:
    from ls_integration.serving.application import application
    from ls_integration.serving.predictor import StoredScores
    from ls_integration.workflows.backend import read_scores
    from ls_integration.workflows.backend_server import check_password, run

    check_password(address)
    table = read_scores(scores, study=study, model_version=model_version, threshold=threshold)
    print_result(f"serving {len(table.scores)} scores of '{table.model_version}' at {address}")
    predictor = StoredScores(table)
    run(lambda folder: application(predictor, folder, password=address.password), address)


def _serve_model(
    model: Path,
    study: Path | None,
    chosen: "Settings",
    address: "Address",
    retrain_after: int | None,
) -> None:
    from ls_integration.workflows.backend_model import model_application, served_model
    from ls_integration.workflows.backend_server import run

    served = served_model(model, study, chosen, Path.cwd(), retrain_after=retrain_after)
    if served.study is None:
        print_note("without --study only images of measured values can be scored, no page of ours")

    def say(version: str) -> None:
        print_result(f"serving '{version}' at {address}")

    run(
        lambda folder: model_application(served, folder, password=address.password, say=say),
        address,
    )


def connect_backend(
    study: Annotated[str, typer.Argument(help="Name or folder of an assisted study.")],
    backend_url: Annotated[
        str, typer.Option(help="Address of the backend, as the server reaches it.")
    ],
    start_from_model: Annotated[
        bool,
        typer.Option(
            "--start-from-model",
            help="Pages of cutouts start from the model's answer, not from the present label.",
        ),
    ] = False,
    url: Annotated[str | None, typer.Option(help="Address of Label Studio.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File that holds your token.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File that holds the backend's password.")
    ] = None,
) -> None:
    """Let a study's label pages start from a running ML backend.

    Example: ls-integration connect-backend sted-quality --backend-url http://127.0.0.1:9090
    """
    from ls_integration import settings
    from ls_integration import study as study_folder
    from ls_integration.workflows import connection
    from ls_integration.workflows.backend import connect

    folder = study_folder.find(study, Path.cwd())
    plan = study_folder.load(folder)
    chosen = settings.load(url=url, token_file=token_file, password_file=password_file)
    with connection.connect(chosen, plan, Path.cwd()).client as client:
        print_note(f"{client.url} · {plan.title}")
        connected = connect(
            client,
            folder,
            backend_url,
            password=chosen.backend_password,
            start_from_model=start_from_model,
        )
        for one in connected:
            if one.starts_from_it:
                done = "now" if one.was_changed else "already"
                print_result(f"{one.title}: {done} starts from '{one.model_version}'")
            else:
                # Seen: Label Studio asks the backend that the page starts from, no other.
                print_result(
                    f"{one.title}: goes on starting from the present label; Label Studio asks "
                    f"'{one.model_version}' only with --start-from-model"
                )
