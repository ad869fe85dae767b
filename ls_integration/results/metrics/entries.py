"""How a number is written into ``metrics.json``."""

from collections.abc import Mapping
from typing import Any

from ls_integration.scoring.binary import Counts
from ls_integration.scoring.measure import Measure


def put_measure(
    path: str, name: str, measure: Measure, entry: dict[str, Any], warnings: list[str]
) -> None:
    """Write a measure, its interval, and the reason why one is missing.

    Parameters
    ----------
    path : str
        Where *entry* stands, for the warnings.
    name : str
        Its key.
    measure : Measure
        What to write.
    entry : dict
        Gets ``name`` and ``name_ci95``.
    warnings : list of str
        Gets the reason.
    """
    entry[name] = measure.value
    entry[f"{name}_ci95"] = list(measure.ci95) if measure.ci95 else None
    if measure.value is None:
        warnings.append(f"{path}.{name}: {measure.reason}")
    elif measure.ci95 is None:
        warnings.append(f"{path}.{name}_ci95: {measure.reason}")


def write_decisions(
    path: str, counts: Counts, measures: Mapping[str, Measure], warnings: list[str]
) -> dict[str, Any]:
    """Write the four cells and what `scoring.decisions.score_decisions` made of them.

    Parameters
    ----------
    path : str
        Where the entry stands, for the warnings.
    counts : Counts
        The four cells.
    measures : mapping of str to Measure
        By their keys.
    warnings : list of str
        Gets the reasons of what is undefined.

    Returns
    -------
    dict
        The measures with their intervals, ``tp, fp, fn, tn``.
    """
    entry: dict[str, Any] = {}
    for name, measure in measures.items():
        put_measure(path, name, measure, entry, warnings)
    return entry | {"tp": counts.tp, "fp": counts.fp, "fn": counts.fn, "tn": counts.tn}
