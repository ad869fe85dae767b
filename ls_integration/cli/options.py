"""Options that mean the same in every command."""

from pathlib import Path
from typing import Annotated

import typer

_SERVER = "Server"

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        rich_help_panel=_SERVER,
        help="Address of Label Studio: else LABEL_STUDIO_URL, else the study's, else the "
        "embedded server's, else http://localhost:8080.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        rich_help_panel=_SERVER,
        help="File that holds the token: else LABEL_STUDIO_API_KEY, else the embedded server's.",
    ),
]
Media = Annotated[
    Path | None,
    typer.Option(
        "--media",
        metavar="DIR",
        rich_help_panel=_SERVER,
        help="Folder here for rendered pictures: else LS_INTEGRATION_MEDIA, else the embedded "
        "server's.",
    ),
]
ServerMedia = Annotated[
    str | None,
    typer.Option(
        "--server-media",
        metavar="PATH",
        rich_help_panel=_SERVER,
        help="The same folder as the server sees it, for example a container's mount point.",
    ),
]
StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name or folder of the study.", show_default=False)
]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="DIR", help="Folder for the results.", show_default=False
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, results only.")]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite files in DIR that are not ours or were edited.")
]
