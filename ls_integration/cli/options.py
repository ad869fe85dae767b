"""Options that mean the same in every command."""

from pathlib import Path
from typing import Annotated, Literal

import typer

_SERVER, _PICTURES, _CUTOUTS = "Server", "Pictures", "Cutouts"
SCORES = "Model and ratings"
"""Where the help of an import lists these."""

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
Upload = Annotated[
    bool,
    typer.Option(
        "--upload",
        rich_help_panel=_SERVER,
        help="Send the pictures to Label Studio itself, where it shares no folder with us.",
    ),
]
BucketName = Annotated[
    str | None,
    typer.Option(
        "--bucket",
        metavar="NAME[/PREFIX]",
        rich_help_panel=_SERVER,
        help="Put the pictures into this S3 bucket; with the key of AWS_ACCESS_KEY_ID or "
        "AWS_PROFILE.",
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option(
        "--s3-endpoint",
        metavar="URL",
        rich_help_panel=_SERVER,
        help="Address of the bucket's server for us, Label Studio and browsers: else Amazon's.",
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
Annotator = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Cutouts: take this person's answers instead of everybody's majority.",
    ),
]
GroupBy = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Score each value of this items column on its own too: else structure; repeat it.",
    ),
]
ErrorPictures = Annotated[
    bool,
    typer.Option(
        "--error-pictures",
        help="Write a picture of each error, titled with decision and rating, into errors/.",
    ),
]
ResultsMedia = Annotated[
    Path | None,
    typer.Option(
        "--media",
        metavar="DIR",
        help="The study's folder of pictures, for the report: else LS_INTEGRATION_MEDIA, else "
        "the embedded server's.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, results only.")]
Full = Annotated[
    bool,
    typer.Option("--full", help="Read all answers again, not only those since the last export."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite files in DIR that are not ours or were edited.")
]

Ratings = Annotated[
    Path | None,
    typer.Option(metavar="CSV", help="path,rating of a folder of images.", rich_help_panel=SCORES),
]
NormalAtLeast = Annotated[
    float,
    typer.Option(metavar="R", help="Lowest rating of a normal image.", rich_help_panel=SCORES),
]
Blind = Annotated[
    bool, typer.Option("--blind", help="Nothing of rating or score goes to the server.")
]
Title = Annotated[str | None, typer.Option(help="Title of the study.")]
StudyDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the study: else studies/TITLE.")
]
People = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Who answers, each in a project of their own; repeat it."),
]
Shared = Annotated[
    bool, typer.Option("--shared", help="One project for all people, in Label Studio's order.")
]
Overlap = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="With --shared: answers per image, else 1."),
]
Round = Annotated[int, typer.Option("--round", min=1, help="Which round the projects ask.")]
Passwords = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the passwords of new accounts there (0600)."),
]
Order = Annotated[
    Literal["file", "random", "uncertain"],
    typer.Option(
        help="Random is one seeded order for all; uncertain: first what the model doubts or what "
        "contradicts it."
    ),
]
Seed = Annotated[int, typer.Option(help="Of the random order.")]
Instructions = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Markdown to add to the instructions.")
]
Examples = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Rated pictures NAME_RATING.png for the instructions."),
]
Limit = Annotated[int | None, typer.Option(metavar="N", help="Only the first N images.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be imported.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read everything, keep and send nothing.")]
Colormap = Annotated[
    str, typer.Option(metavar="NAME", help="Any of matplotlib's.", rich_help_panel=_PICTURES)
]
Scale = Annotated[
    str,
    typer.Option(
        help="minmax, percentile, or 'counts MAX' (a dim image stays dim).",
        rich_help_panel=_PICTURES,
    ),
]
Channel = Annotated[
    int | None, typer.Option(metavar="N", help="Of a stack, from 0.", rich_help_panel=_PICTURES)
]
Plane = Annotated[
    int | None,
    typer.Option("--slice", metavar="N", help="Of a stack, from 0.", rich_help_panel=_PICTURES),
]
Projection = Annotated[
    Literal["max", "mean"] | None,
    typer.Option(help="Of a stack, over its planes.", rich_help_panel=_PICTURES),
]

Predictions = Annotated[
    Path | None,
    typer.Option(
        metavar="CSV",
        help="Their table: image_name,grid_x,grid_y,label and scores.",
        rich_help_panel=_CUTOUTS,
    ),
]
Tile = Annotated[
    int, typer.Option(metavar="PX", min=1, help="Side of a cutout.", rich_help_panel=_CUTOUTS)
]
Origin = Annotated[
    Literal["upper", "lower"] | None,
    typer.Option(
        help="Edge from which grid_y counts; else upper for pictures, lower for FITS and NPY.",
        rich_help_panel=_CUTOUTS,
    ),
]
Hdu = Annotated[
    str | None,
    typer.Option(metavar="N|NAME", help="Unit of FITS files.", rich_help_panel=_CUTOUTS),
]
Bands = Annotated[
    tuple[str, str, str] | None,
    typer.Option(
        metavar="R G B",
        help="Three files of each frame by their bands' names, or three planes by number.",
        rich_help_panel=_CUTOUTS,
    ),
]

ModelFile = Annotated[
    Path,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A file of `train`, or net.onnx with its net.toml.",
        show_default=False,
    ),
]
