"""What the web application asks for predictions: stored scores, or a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ls_integration.serving.predictions import choices_for, predictions_for_tasks
from ls_integration.serving.score_table import ScoreTable

Prediction = dict[str, Any] | list[dict[str, Any]]
"""``result`` and ``score`` of a task, or an empty list: none."""


class Predictor(Protocol):
    """Where predictions come from."""

    @property
    def model_version(self) -> str:
        """Name the model, as it stands on predictions."""

    @property
    def problem(self) -> str | None:
        """Say why the newest model is not the one that answers; None if it is."""

    def check_page(self, xml: str) -> None:
        """Refuse a label page on which no prediction could be shown.

        Parameters
        ----------
        xml : str
            The project's label config.

        Raises
        ------
        IntegrationError
            With the reason.
        """

    def predict(self, tasks: Sequence[Mapping[str, Any]], xml: str) -> list[Prediction]:
        """Predict.

        Parameters
        ----------
        tasks : sequence of dict
            As Label Studio sends them.
        xml : str
            The project's label config.

        Returns
        -------
        list
            One entry a task. Never a ``model_version`` in it: if it differed from
            what the set-up answered, each opening of a task would store one more.
        """


@dataclass(frozen=True)
class StoredScores:
    """The scores of a table.

    Attributes
    ----------
    table : ScoreTable
        In memory; nothing is read again.
    """

    table: ScoreTable
    problem: str | None = None

    @property
    def model_version(self) -> str:  # numpydoc ignore=RT01
        """Name of the table's model."""
        return self.table.model_version

    def check_page(self, xml: str) -> None:
        """Refuse a page without the table's labels.

        Parameters
        ----------
        xml : str
            The project's label config.
        """
        choices_for(self.table, xml)

    def predict(self, tasks: Sequence[Mapping[str, Any]], xml: str) -> list[Prediction]:
        """Look the tasks up.

        Parameters
        ----------
        tasks : sequence of dict
            As Label Studio sends them.
        xml : str
            The project's label config.

        Returns
        -------
        list
            One entry a task.
        """
        return predictions_for_tasks(tasks, self.table, choices_for(self.table, xml))
