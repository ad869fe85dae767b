"""``report.html``: one self-contained page that says in words who was how right."""

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from ls_integration import __version__
from ls_integration.files import write_text
from ls_integration.kinds import cutouts
from ls_integration.progress import Reporter, silent
from ls_integration.results import plots
from ls_integration.results.cutouts_headline import say_review
from ls_integration.results.headline import FILTERS, write_headline
from ls_integration.results.people import find_labels, line_up, read_model, read_truth
from ls_integration.results.plots import Floats
from ls_integration.scoring.intervals import RESAMPLES
from ls_integration.scoring.roc import roc_points

PLOTS = "plots"
"""Name of the folder of figures."""

_PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn", "statsmodels", "matplotlib")


def write_report(
    folder: Path,
    items: pd.DataFrame,
    annotations: pd.DataFrame,
    metrics: Mapping[str, Any],
    *,
    made_at: datetime | None = None,
    report: Reporter = silent,
) -> list[Path]:
    """Write the report and its figures.

    Parameters
    ----------
    folder : Path
        Where ``report.html`` and ``plots/*.png`` go.
    items : DataFrame
        A checked items table.
    annotations : DataFrame
        A checked annotations table.
    metrics : mapping
        What `metrics.build_metrics` made of the two.
    made_at : datetime, optional
        The time that the report states; now by default.
    report : Reporter
        Told of each figure.

    Returns
    -------
    list of Path
        The report, then the figures.
    """
    positive = metrics["positive"]
    negative = name_negative(metrics)
    labels = find_labels(items, annotations)
    people = line_up(items, annotations, positive=positive, labels=labels)
    times = {
        person.name: person.lead_time_s[~np.isnan(person.lead_time_s)]
        for person in people
        if not np.isnan(person.lead_time_s).all()
    }
    curve = trace_model(items, positive, metrics["model"]["score_label"])
    figures: dict[str, Figure] = {}
    has_truth = metrics["n_items_with_known_label"] > 0
    if has_truth and (metrics["people"] or curve is not None):
        figures["roc"] = plots.plot_roc(metrics, curve)
        figures["rates"] = plots.plot_rates(metrics)
        figures["confusion"] = plots.plot_confusion(metrics, negative)
    if times:
        figures["decision_times"] = plots.plot_times(times)
    written: list[Path] = []
    # Every name, so that the template may ask for a figure that there is no data for.
    drawings = dict.fromkeys(("roc", "rates", "decision_times"), Markup())
    for done, (name, figure) in enumerate(figures.items()):
        report("Drawing figures", done, len(figures))
        written.append(plots.write_png(folder / PLOTS / f"{name}.png", figure))
        if name != "confusion":  # a table on the page, readable by a screen reader
            drawings[name] = Markup(plots.to_svg(figure))  # noqa: S704 - our own drawing
    report("Drawing figures", len(figures), len(figures))
    made_at = made_at or datetime.now(UTC)
    review = [say_review(metrics)] if metrics["kind"] == cutouts.KIND else []
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            metrics=metrics,
            title=metrics["study"] or "Results",
            negative=negative,
            headline=[*review, *write_headline(metrics, curve)],
            deciders=list_deciders(metrics),
            drawings=drawings,
            made_at=made_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            reasons=group_reasons(metrics),
            versions=list_versions(),
            resamples=RESAMPLES,
        )
    )
    path = folder / "report.html"
    write_text(path, page)
    return [path, *written]


def name_negative(metrics: Mapping[str, Any]) -> str:
    """Name what is not positive.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.

    Returns
    -------
    str
        The other label where there is one other, else ``not POSITIVE``.
    """
    others = [label for label in metrics["labels"] if label != metrics["positive"]]
    return others[0] if len(others) == 1 else f"not {metrics['positive']}"


def trace_model(
    items: pd.DataFrame, positive: str, score_label: str | None = None
) -> tuple[Floats, Floats] | None:
    """Trace the model's ROC curve over the items with a score and a known label.

    Parameters
    ----------
    items : DataFrame
        A checked items table.
    positive : str
        The positive label.
    score_label : str, optional
        The label that a high score speaks for; *positive* by default.

    Returns
    -------
    tuple of ndarray or None
        FPR and TPR; None where the curve is undefined.
    """
    truth, model = (
        read_truth(items, positive),
        read_model(items, positive, None, score_label=score_label),
    )
    both = truth.known & model.scored
    if not truth.positive[both].any() or truth.positive[both].all():
        return None
    fpr, tpr, _ = roc_points(truth.positive[both], model.score[both])
    return fpr, tpr


def list_deciders(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List everybody who decides, people first, as the tables show them.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.

    Returns
    -------
    list of dict
        The entries of ``metrics.json`` with ``name`` and ``role`` (``person``,
        ``together``, ``model``) added.
    """
    rows = [{"name": name, "role": "person", **entry} for name, entry in metrics["people"].items()]
    majority, model = metrics["consensus"]["majority"], metrics["model"]
    if majority["n_people"] > 2:
        rows.append({"name": "Majority", "role": "together", **majority})
    if model["accuracy"] is not None:
        rows.append({"name": "Model", "role": "model", **model})
    return rows


def group_reasons(metrics: Mapping[str, Any]) -> dict[str, list[str]]:
    """Put the warnings of one reason together.

    Parameters
    ----------
    metrics : mapping
        As `metrics.build_metrics` gives it.

    Returns
    -------
    dict of str to list of str
        Reason -> the keys of ``metrics.json`` that it explains.
    """
    grouped: dict[str, list[str]] = {}
    for warning in metrics["warnings"]:
        key, reason = warning.split(": ", 1)
        grouped.setdefault(reason, []).append(key)
    return grouped


def list_versions() -> list[str]:
    """List this package, Python and the libraries behind the numbers.

    Returns
    -------
    list of str
        For example ``numpy 2.2.6``.
    """
    libraries = [f"{name} {metadata.version(name)}" for name in _PACKAGES]
    return [f"ls_integration {__version__}", f"Python {platform.python_version()}", *libraries]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ls_integration.results"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment
