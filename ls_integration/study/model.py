"""What ``study.json`` holds: the question, its options, its people and projects."""

import hashlib
import hmac
import secrets
import uuid
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ITEM_ID_HEX_DIGITS = 16
"""64 bits: among a million items two share an id with probability 3e-8."""


class Project(BaseModel):
    """One Label Studio project of a study: one person's round, or everybody's.

    Attributes
    ----------
    key : str
        Unique within the study; stands in the project's description with the
        study's uuid, so that a project is found again after a kill.
    title : str
        As the server shows it.
    project_id : int or None
        None until the project has been made.
    annotator : str
        The person's name as it stands on result files; empty if it is shared.
    user_id : int or None
        The person's account; None if it is shared.
    round : int
        1, 2, ...
    shared : bool
        Every member answers in it.
    view : str
        Which of its kind's pages it shows; empty for the usual one.
    instructions_sha256 : str
        Of the instructions that the server has; Label Studio rewrites the
        text, so it cannot be compared itself.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    title: str
    project_id: int | None = None
    annotator: str = ""
    user_id: int | None = None
    round: int = Field(default=1, ge=1)
    shared: bool = False
    view: str = ""
    instructions_sha256: str = ""


class Extension(BaseModel):
    """Items that were added to a running study.

    Attributes
    ----------
    part : int
        2, 3, ...; stands beside these items in the items table.
    source : str
        Folder or manifest, absolute.
    ratings : str or None
        Ratings of a folder of images, absolute.
    limit : int or None
        Only so many images of the source were asked for.
    left_out : list of str
        Source paths that ``--skip-bad`` left out.
    """

    model_config = ConfigDict(frozen=True)

    part: int = Field(ge=2)
    source: str
    ratings: str | None = None
    limit: int | None = None
    left_out: list[str] = Field(default_factory=list)


class Study(BaseModel):
    """What ``study.json`` holds.

    Attributes
    ----------
    uuid : str
        Made with the study, written before the first request.
    kind : str
        Which question, for example ``sted-quality``.
    title : str
        Title of the study and of its projects.
    blind : bool
        True: the server holds nothing of rating, label or score.
    server_url : str or None
        The one server of the study; None until something was sent.
    salt : str
        Hex key of the item ids; lies here only.
    pictures_folder : str
        Folder of the rendered pictures below the media folder.
    options : dict
        Every option of the import, JSON values.
    instructions_html : str
        What is added to the kind's own instructions.
    left_out : list of str
        Source paths that ``--skip-bad`` left out.
    extensions : list of Extension
        What was added after the import. The last one has no items yet if a
        kill came before they were written.
    people : dict of str to int
        Name on files -> user id on the server.
    projects : list of Project
        In the order made.
    versions : dict of str to str
        Of this package, the SDK and the server.
    """

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1] = 1
    uuid: str = Field(default_factory=lambda: str(uuid.uuid4()))
    kind: str
    title: str
    blind: bool
    server_url: str | None = None
    salt: str = Field(
        default_factory=lambda: secrets.token_hex(32), pattern="^[0-9a-f]{64}$", repr=False
    )
    pictures_folder: str = Field(
        default_factory=lambda: secrets.token_hex(8), pattern="^[0-9a-f]{16}$"
    )
    options: dict[str, Any] = Field(default_factory=dict)
    instructions_html: str = ""
    left_out: list[str] = Field(default_factory=list)
    extensions: list[Extension] = Field(default_factory=list)
    people: dict[str, int] = Field(default_factory=dict)
    projects: list[Project] = Field(default_factory=list)
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def overlap(self) -> int | None:
        """Give the number of answers that each item of a shared study is asked for.

        Returns
        -------
        int or None
            1 or more; None if each person has a project of their own.
        """
        return int(self.options["overlap"]) if self.options.get("shared") else None

    @property
    def sources(self) -> dict[int, tuple[Path, Path | None]]:
        """Give where the images of each part were imported from.

        Returns
        -------
        dict of int to tuple
            Part (1 is the first import) -> folder, manifest or table, and the ratings
            that were given for a folder of images.
        """
        given = {1: (self.options["source"], self.options.get("ratings"))}
        given.update({part.part: (part.source, part.ratings) for part in self.extensions})
        return {
            part: (Path(source), Path(ratings) if ratings else None)
            for part, (source, ratings) in given.items()
        }

    def with_project(self, project: Project) -> "Study":
        """Give a copy in which *project* stands in the place of its key.

        Parameters
        ----------
        project : Project
            New or changed.

        Returns
        -------
        Study
            The copy.
        """
        keys = [known.key for known in self.projects]
        projects = list(self.projects)
        if project.key in keys:
            projects[keys.index(project.key)] = project
        else:
            projects.append(project)
        return self.model_copy(update={"projects": projects})

    def item_id(self, source_path: str) -> str:
        """Derive the opaque id of an item.

        An HMAC, since a plain hash of a public file name could be looked up.

        Parameters
        ----------
        source_path : str
            As the source wrote it.

        Returns
        -------
        str
            16 hex digits.

        References
        ----------
        RFC 2104, HMAC, with SHA-256.
        """
        digest = hmac.new(bytes.fromhex(self.salt), source_path.encode(), hashlib.sha256)
        return digest.hexdigest()[:ITEM_ID_HEX_DIGITS]
