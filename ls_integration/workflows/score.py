"""``score``: tables on disk become numbers and a report. No server is asked."""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ls_integration.errors import ConfigError, SourceError, some_of
from ls_integration.files import write_json
from ls_integration.kinds import sted_quality
from ls_integration.kinds.sted_source import (
    ANOMALY_BELOW,
    NORMAL,
    NORMAL_AT_LEAST,
    model_labels,
    read_source,
    select,
)
from ls_integration.progress import Reporter, silent
from ls_integration.results.anomagui import read_session, write_sessions
from ls_integration.results.consensus_table import write_consensus
from ls_integration.results.error_pictures import ERRORS, write_error_pictures
from ls_integration.results.folder import open_results, read_manifest
from ls_integration.results.label_errors import LABEL_ERRORS_FILE, rank_labels, write_label_errors
from ls_integration.results.people import find_labels
from ls_integration.results.pictures import PictureOf
from ls_integration.results.report import PLOTS, write_report
from ls_integration.results.report.labels import line_up_results
from ls_integration.results.tables import (
    check_items,
    read_folder,
    write_annotations,
    write_items,
)
from ls_integration.workflows.result_pictures import source_pictures, study_pictures
from ls_integration.workflows.results_by_kind import check_annotator, results_of

METRICS_FILE, REPORT_FILE = "metrics.json", "report.html"

DEFAULT_POSITIVE = sted_quality.POSITIVE
"""The positive label where nobody says otherwise and some item or answer has it."""


@dataclass(frozen=True)
class Scored:
    """What came out of scoring.

    Attributes
    ----------
    folder : Path
        The results folder.
    metrics : dict
        What ``metrics.json`` holds.
    n_error_pictures : int or None
        How many pictures of errors were written; None if nobody asked for them.
    n_without_picture : int
        Errors on items that have no picture.
    """

    folder: Path
    metrics: dict[str, Any]
    n_error_pictures: int | None = None
    n_without_picture: int = 0

    @property
    def report(self) -> Path:
        """Locate the report.

        Returns
        -------
        Path
            ``report.html`` in the folder.
        """
        return self.folder / REPORT_FILE

    @property
    def numbers(self) -> Path:
        """Locate the numbers.

        Returns
        -------
        Path
            ``metrics.json`` in the folder.
        """
        return self.folder / METRICS_FILE

    @property
    def lines(self) -> list[str] | None:
        """Write what came out, where the kind has words of its own for it.

        Returns
        -------
        list of str or None
            None where a table of accuracies says it.
        """
        write_lines = results_of(self.metrics.get("kind")).write_lines
        return None if write_lines is None else write_lines(self.metrics)


def score_folder(
    folder: Path,
    *,
    output: Path | None = None,
    positive: str | None = None,
    model_threshold: float | None = None,
    group_by: Sequence[str] | None = None,
    annotator: str | None = None,
    media: Path | None = None,
    error_pictures: bool = False,
    force: bool = False,
    report: Reporter = silent,
) -> Scored:
    """Score the tables of a folder.

    Parameters
    ----------
    folder : Path
        Holds ``annotations.csv`` or ``.parquet`` (``item_id, annotator, label``
        at least) and, where there is a truth or a model, ``items``.
    output : Path, optional
        Where the results go; *folder* by default.
    positive : str, optional
        The positive label; what `export` noted by default, else "anomaly".
    model_threshold : float, optional
        A ``model_score`` from here on is positive; what `export` noted by
        default, else ``model_label`` decides.
    group_by : sequence of str, optional
        Columns of the items whose values are scored on their own too; by
        default ``structure`` where it has two values or more.
    annotator : str, optional
        In a study of cutouts: take this person's answers only; what `export`
        noted by default.
    media : Path, optional
        Folder of the rendered pictures, for the report.
    error_pictures : bool
        Write a picture of each error.
    force : bool
        Overwrite what would otherwise be refused.
    report : Reporter
        Told of each step.

    Returns
    -------
    Scored
        The numbers, and where they were written.

    Raises
    ------
    SourceError
        If a table is missing or breaks its contract.
    ConfigError
        If the positive label is not known, a threshold has no scores, or
        pictures of errors are asked for that are not there.
    ResultsError
        If files are in the way.
    """
    if not folder.is_dir():
        msg = f"there is no folder {folder}; give the one that `export` wrote"
        raise SourceError(msg)
    study = dict(read_manifest(folder)["study"])
    if not study:
        name = folder.resolve()
        study = {"uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, name.as_uri())), "title": name.name}
    check_annotator(study.get("kind"), annotator)
    annotations, items = read_folder(folder)
    if items is None:
        # No truth: the items are those that somebody was asked about.
        items = check_items(pd.DataFrame({"item_id": annotations["item_id"].unique()}))
    positive = choose_positive(items, annotations, positive, study.get("positive"))
    if model_threshold is None:
        model_threshold = study.get("model_threshold")
    elif "model_score" not in items.columns or items["model_score"].isna().all():
        msg = f"--model-threshold {model_threshold:g} is given, but no model scores; leave it out"
        raise ConfigError(msg)
    target = output or folder
    # Not noted: the table in the folder is still made of whose answers it was.
    about = study if annotator is None else {**study, "annotator": annotator}
    picture_of = study_pictures(items, media)
    check_error_pictures(error_pictures, study.get("kind"), picture_of)
    renews = _stale(error_pictures)
    with open_results(target, study, force=force, renews=renews) as staged:
        metrics = write_scores(
            staged,
            items,
            annotations,
            study=about,
            positive=positive,
            model_threshold=model_threshold,
            group_by=group_by,
            picture_of=picture_of,
            report=report,
        )
        counts = _write_errors(
            staged, items, annotations, metrics, picture_of if error_pictures else None, report
        )
    return Scored(target, metrics, *counts)


def score_source(
    source: Path,
    sessions: Sequence[Path],
    output: Path,
    *,
    ratings: Path | None = None,
    model_threshold: float | None = None,
    score_high_means: Literal["anomaly", "normal"] = "anomaly",
    normal_at_least: float = NORMAL_AT_LEAST,
    anomaly_below: float = ANOMALY_BELOW,
    positive: str | None = None,
    group_by: Sequence[str] | None = None,
    error_pictures: bool = False,
    force: bool = False,
    report: Reporter = silent,
) -> Scored:
    """Score finished AnomaGUI sessions of a source; the images may be absent.

    Parameters
    ----------
    source : Path
        What the sessions judged, as ``import sted-quality`` takes it.
    sessions : sequence of Path
        ``NAME.npz``; the file's stem is the person.
    output : Path
        The results folder.
    ratings : Path, optional
        CSV file ``path,rating`` for a folder of images.
    model_threshold : float, optional
        Score from which the model says anomaly, on the source's scale; without
        one, and without decisions in the source, the model has an AUC only.
    score_high_means : {"anomaly", "normal"}
        What a high score of the source says.
    normal_at_least : float
        Lowest rating of a normal image, 0 to 1.
    anomaly_below : float
        Ratings from here up to *normal_at_least* are left out of a source that
        is not a selection already.
    positive : str, optional
        The positive label, ``anomaly`` by default or ``normal``.
    group_by : sequence of str, optional
        Columns of the items whose values are scored on their own too; by
        default ``structure`` where it has two values or more.
    error_pictures : bool
        Write a picture of each error, drawn as an import draws it by default.
    force : bool
        Overwrite what would otherwise be refused.
    report : Reporter
        Told of each step.

    Returns
    -------
    Scored
        The numbers, and where they were written.

    Raises
    ------
    SourceError
        If the source or a session is faulty, or they do not fit together.
    ConfigError
        If an option contradicts the source, or pictures of errors are asked
        for and no image is there.
    ResultsError
        If files are in the way.
    """
    table = read_source(source, ratings=ratings, check_files=False)
    if table.problems:
        messages = [problem.message for problem in table.problems]
        msg = f"{messages[0]} ({len(messages)} faulty images in {table.name})"
        raise SourceError(msg)
    rows = table.rows
    if model_threshold is None and rows["model_label"].isna().all():
        sign = -1.0 if score_high_means == NORMAL else 1.0
        rows, threshold = rows.assign(model_score=sign * rows["model_score"]), None
    else:
        decisions = model_labels(rows, model_threshold, score_high_means=score_high_means)
        rows, threshold = decisions.rows, decisions.threshold
    rows, _ = select(
        rows,
        selects_itself=table.selects_itself,
        normal_at_least=normal_at_least,
        anomaly_below=anomaly_below,
    )
    items = sted_quality.make_items(rows, make_id=_local_id, normal_at_least=normal_at_least)
    identity = uuid.uuid5(uuid.NAMESPACE_URL, "\n".join(items["source_path"]))
    study = {
        "uuid": str(identity),
        "title": f"Sessions of {source.resolve().name}",
        "kind": sted_quality.KIND,
        "positive": positive or DEFAULT_POSITIVE,
        "model_threshold": threshold,
        "normal_at_least": normal_at_least,
        "anomaly_below": anomaly_below,
    }
    files = [Path(file) if Path(file).is_file() else None for file in rows["file"]]
    return score_sessions(
        items,
        sessions,
        output,
        study=study,
        group_by=group_by,
        picture_of=source_pictures(files) if any(files) else None,
        error_pictures=error_pictures,
        force=force,
        report=report,
    )


def score_sessions(
    items: pd.DataFrame,
    sessions: Sequence[Path],
    output: Path,
    *,
    study: Mapping[str, Any],
    group_by: Sequence[str] | None = None,
    picture_of: PictureOf | None = None,
    error_pictures: bool = False,
    force: bool = False,
    report: Reporter = silent,
) -> Scored:
    """Score finished AnomaGUI sessions of these items.

    Parameters
    ----------
    items : DataFrame
        The items in the order of the sessions.
    sessions : sequence of Path
        ``NAME.npz``; the file's stem is the person.
    output : Path
        The results folder: tables, ``NAME.csv`` and ``NAME.npz``, scores.
    study : mapping
        For the manifest: ``uuid``, ``title``, ``kind``, ``positive``,
        ``model_threshold``.
    group_by : sequence of str, optional
        Columns of the items whose values are scored on their own too; by
        default ``structure`` where it has two values or more.
    picture_of : callable, optional
        Gives the picture of a row of *items*.
    error_pictures : bool
        Write a picture of each error.
    force : bool
        Overwrite what would otherwise be refused.
    report : Reporter
        Told of each step.

    Returns
    -------
    Scored
        The numbers, and where they were written.

    Raises
    ------
    SourceError
        If a session does not fit the items.
    ConfigError
        If two sessions have the same person's name, or pictures of errors are
        asked for that are not there.
    ResultsError
        If files are in the way.
    """
    stems = [path.stem for path in sessions]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        msg = f"more than one session is called {some_of(twice)}; rename the files"
        raise ConfigError(msg)
    if not sessions:
        msg = "no session is given; name at least one NAME.npz"
        raise ConfigError(msg)
    items = check_items(items)
    answers = []
    for done, path in enumerate(sessions):
        report("Reading sessions", done, len(sessions))
        answers.append(read_session(path, items))
    report("Reading sessions", len(sessions), len(sessions))
    annotations = pd.concat(answers, ignore_index=True)
    positive = str(study["positive"])
    choose_positive(items, annotations, positive, None)
    check_error_pictures(error_pictures, study.get("kind"), picture_of)
    renews = _stale(error_pictures)
    with open_results(output, study, force=force, renews=renews) as staged:
        write_annotations(staged, annotations)
        write_items(staged, items)
        # AnomaGUI's 1 is an anomaly, whichever label the rates are of.
        write_sessions(staged, items, annotations, positive=sted_quality.POSITIVE)
        metrics = write_scores(
            staged,
            items,
            annotations,
            study=study,
            positive=positive,
            model_threshold=study.get("model_threshold"),
            group_by=group_by,
            picture_of=picture_of,
            report=report,
        )
        counts = _write_errors(
            staged, items, annotations, metrics, picture_of if error_pictures else None, report
        )
    return Scored(output, metrics, *counts)


def write_scores(
    folder: Path,
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    *,
    study: Mapping[str, Any],
    positive: str,
    model_threshold: float | None = None,
    group_by: Sequence[str] | None = None,
    picture_of: PictureOf | None = None,
    report: Reporter = silent,
) -> dict[str, Any]:
    """Write the numbers, the consensus, the doubtful labels, report and plots into a folder.

    Parameters
    ----------
    folder : Path
        Where they go: a folder of `results.folder.open_results`.
    items : DataFrame
        A checked items table.
    annotations : DataFrame
        A checked annotations table.
    study : mapping
        ``title``, ``kind``, ``blind``, where known.
    positive : str
        The positive label.
    model_threshold : float, optional
        A ``model_score`` from here on is positive.
    group_by : sequence of str, optional
        Columns of the items whose values are scored on their own too; by
        default ``structure`` where it has two values or more.
    picture_of : callable, optional
        Gives the picture of a row of *items*.
    report : Reporter
        Told of each step.

    Returns
    -------
    dict
        What ``metrics.json`` holds.
    """
    report("Scoring", 0, 1)
    results = results_of(study.get("kind"))
    metrics = results.measure(
        items, annotations, positive, model_threshold, {**study, "group_by": group_by}
    )
    write_json(folder / METRICS_FILE, metrics)
    if metrics.get("label_errors", {}).get("n_ranked"):
        lined_up = line_up_results(items, annotations, metrics)
        write_label_errors(folder, lined_up, rank_labels(lined_up))
    if results.tabulate_consensus:
        write_consensus(folder, results.tabulate_consensus(items, annotations, positive))
    report("Scoring", 1, 1)
    write_report(
        folder,
        items,
        annotations,
        metrics,
        about=study,
        picture_of=picture_of,
        report=report,
    )
    return metrics


def check_error_pictures(is_wanted: bool, kind: str | None, picture_of: PictureOf | None) -> None:
    """Refuse to write pictures that are not there, before anything is written.

    Parameters
    ----------
    is_wanted : bool
        Whether somebody asked for pictures of the errors.
    kind : str or None
        The study's kind.
    picture_of : callable or None
        Gives the pictures.

    Raises
    ------
    ConfigError
        If there are none, or no answer of the kind is an error.
    """
    if not is_wanted:
        return
    if not results_of(kind).answers_are_labels:
        msg = f"--error-pictures: a rating is no error ({kind}); leave it out"
        raise ConfigError(msg)
    if picture_of is None:
        msg = (
            "--error-pictures: no pictures are there; give the study's folder of pictures with "
            "--media, or --from a source with its images"
        )
        raise ConfigError(msg)


def _stale(has_error_pictures: bool) -> list[str]:
    """List what would be of other answers or options, were it not written anew."""
    return [PLOTS, LABEL_ERRORS_FILE, *([ERRORS] if has_error_pictures else [])]


def _write_errors(
    folder: Path,
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    metrics: Mapping[str, Any],
    picture_of: PictureOf | None,
    report: Reporter,
) -> tuple[int | None, int]:
    """Write pictures of the errors; count them, and those without one."""
    if picture_of is None:
        return None, 0
    study = line_up_results(items, annotations, metrics)
    errors = write_error_pictures(folder, study, picture_of, report=report)
    n_written = int(errors["file"].notna().sum())
    return n_written, len(errors) - n_written


def choose_positive(
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    given: str | None,
    noted: str | None,
    *,
    argument: str = "--positive",
) -> str:
    """Decide which label TPR and FPR are of.

    Parameters
    ----------
    items : DataFrame
        A checked items table.
    annotations : DataFrame
        A checked annotations table.
    given : str or None
        What the user asked for: some item or answer must have it.
    noted : str or None
        What the study says.
    argument : str
        What the error lines call the way to give it.

    Returns
    -------
    str
        *given*, else *noted*, else `DEFAULT_POSITIVE`, else, where no number
        depends on it, the last label.

    Raises
    ------
    ConfigError
        If nothing says it, or nothing has the label that was given.
    """
    labels = find_labels(items, annotations)
    there = f"there are: {', '.join(labels)}" if labels else "there are none"
    if given is not None:
        # "anomaly" is right for a study in which nobody ever called one.
        if given not in labels and given != DEFAULT_POSITIVE:
            msg = f"no item and no answer has the label '{given}' ({there}); correct {argument}"
            raise ConfigError(msg)
        return given
    if noted is not None:
        return noted
    if labels and DEFAULT_POSITIVE not in labels:
        if not _needs_positive(items):
            # The last of "absent, present", "no, yes", "0, 1" is also the natural one.
            return labels[-1]
        msg = f"which label is the positive one is not known ({there}); give {argument}"
        raise ConfigError(msg)
    return DEFAULT_POSITIVE


def _needs_positive(items: pd.DataFrame) -> bool:
    """Tell whether there is a truth or a model to compare answers with."""
    return any(
        name in items.columns and items[name].notna().any()
        for name in ("label", "model_label", "model_score")
    )


def _local_id(source_path: str) -> str:
    """Make an id that never leaves this machine's results, so without a salt."""
    return hashlib.sha256(source_path.encode("utf-8")).hexdigest()[:16]
