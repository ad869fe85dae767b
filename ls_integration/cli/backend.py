"""Commands that serve a model's predictions to people as they label."""

from pathlib import Path
from typing import Annotated

import typer

from ls_integration.cli.console import GROUP_MODELS, print_note, print_result


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
    scores: Annotated[
        Path,
        typer.Option(metavar="CSV", help="Table with item_id or path, model_score[, model_label]."),
    ],
    study: Annotated[
        str | None, typer.Option(help="Study whose items the paths of the table name.")
    ] = None,
    model_version: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the model [default: the table's].")
    ] = None,
    model_threshold: Annotated[
        float | None,
        typer.Option(metavar="T", help="Scores from here on are anomalies [default: model_label]."),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 9090,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve stored scores as an ML backend, until Ctrl+C.

    Example: ls-integration backend --scores scores.csv --study sted-quality --model-threshold 0.213
    """
    from ls_integration import study as study_folder
    from ls_integration.workflows.backend import read_scores, serve

    folder = None if study is None else study_folder.find(study, Path.cwd())
    table = read_scores(
        scores, study=folder, model_version=model_version, threshold=model_threshold
    )
    print_result(
        f"serving {len(table.scores)} scores of '{table.model_version}' at http://{host}:{port}"
    )
    if host not in ("127.0.0.1", "localhost", "::1"):
        print_note("warning: everybody who reaches this address can ask for the model's answers")
    serve(table, host=host, port=port)


def connect_backend(
    study: Annotated[str, typer.Argument(help="Name or folder of an assisted study.")],
    backend_url: Annotated[
        str, typer.Option(help="Address of the backend, as the server reaches it.")
    ],
    url: Annotated[str | None, typer.Option(help="Address of Label Studio.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File that holds your token.")] = None,
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
    chosen = settings.load(url=url, token_file=token_file)
    with connection.connect(chosen, plan, Path.cwd()).client as client:
        print_note(f"{client.url} · {plan.title}")
        for title, version, changed in connect(client, folder, backend_url):
            done = "now starts" if changed else "already starts"
            print_result(f"{title}: {done} from '{version}'")
