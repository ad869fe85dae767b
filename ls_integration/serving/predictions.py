"""Scores -> predictions in Label Studio's form, in the label page's own names."""

from collections.abc import Mapping, Sequence
from typing import Any

from ls_integration import label_config
from ls_integration.errors import TaskError, some_of
from ls_integration.serving.score_table import ScoreTable


def choices_for(table: ScoreTable, xml: str) -> label_config.Control:
    """Find the control on which the table's labels can be shown.

    Parameters
    ----------
    table : ScoreTable
        What will be served.
    xml : str
        The project's label config, as Label Studio sends it.

    Returns
    -------
    Control
        Its one ``Choices`` control.

    Raises
    ------
    ConfigError
        If the config is not XML or has not exactly one ``Choices``.
    TaskError
        If a label of the table is not among the choices.
    """
    control = label_config.parse(xml).choices()
    strange = [label for label in table.labels if label not in control.values]
    if strange:
        msg = (
            f"the scores of '{table.model_version}' have the labels {some_of(strange)}, "
            f"the page offers {', '.join(control.values)}; serve a table of this study"
        )
        raise TaskError(msg)
    return control


def predictions_for_tasks(
    tasks: Sequence[Mapping[str, Any]], table: ScoreTable, control: label_config.Control
) -> list[dict[str, Any] | list[dict[str, Any]]]:
    """Predict tasks from the table.

    Parameters
    ----------
    tasks : sequence of dict
        As Label Studio sends them: ``data`` with our ``item_id``.
    table : ScoreTable
        What the model says.
    control : Control
        The ``Choices`` that the prediction fills.

    Returns
    -------
    list
        One entry a task, in the tasks' order: ``result`` and ``score``, or an
        empty list where the table has no such item, which Label Studio takes
        as "no prediction". Never a ``model_version``: if it differed from what
        the set-up answered, each opening of a task would store one more.
    """
    return [_prediction(task, table, control) for task in tasks]


def _prediction(
    task: Mapping[str, Any], table: ScoreTable, control: label_config.Control
) -> dict[str, Any] | list[dict[str, Any]]:
    data = task.get("data")
    item_id = data.get("item_id") if isinstance(data, Mapping) else None
    score = table.scores.get(item_id) if isinstance(item_id, str) else None
    if score is None:
        return []
    return {"result": label_config.choice_result(control, score.label), "score": score.score}
