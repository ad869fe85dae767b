"""Label configs: the XML's controls, results that fit them, a check of both.

Control names are written in ``label_configs/*.xml`` and nowhere else: what is
sent and what is read back both take them from here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from ls_integration.errors import ConfigError, TaskError

_CONTROL_TAGS = ("Choices", "Number", "TextArea", "RectangleLabels")


@dataclass(frozen=True)
class Control:
    """One control tag of a label config.

    Attributes
    ----------
    name : str
        ``from_name`` of its results.
    to_name : str
        Name of the object tag that it judges.
    kind : str
        The tag, for example ``Choices``.
    values : tuple of str
        Its choices or labels in the XML's order; empty for other tags.
    """

    name: str
    to_name: str
    kind: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class LabelConfig:
    """A parsed label config.

    Attributes
    ----------
    xml : str
        The text that is sent to the server.
    controls : mapping of str to Control
        By control name.
    """

    xml: str
    controls: Mapping[str, Control]

    def choices(self) -> Control:
        """Give the one ``Choices`` control that asks the study's question.

        Returns
        -------
        Control
            The only one of its kind.

        Raises
        ------
        ConfigError
            If there is none, or several.
        """
        found = [control for control in self.controls.values() if control.kind == "Choices"]
        if len(found) != 1:
            msg = f"the label config has {len(found)} Choices controls; it must have exactly one"
            raise ConfigError(msg)
        return found[0]


def parse(xml: str) -> LabelConfig:
    """Read the controls of a label config.

    Parameters
    ----------
    xml : str
        A Label Studio label config.

    Returns
    -------
    LabelConfig
        With every Choices, Number, TextArea and RectangleLabels control.

    Raises
    ------
    ConfigError
        If the text is not XML, or a control has no name or judges nothing.
    """
    controls: dict[str, Control] = {}
    for element in _root(xml).iter():
        if element.tag not in _CONTROL_TAGS:
            continue
        name, to_name = element.get("name"), element.get("toName")
        if not name or not to_name or name in controls:
            msg = f"a <{element.tag}> of the label config lacks a name of its own or its toName"
            raise ConfigError(msg)
        values = tuple(
            value
            for child in element
            if child.tag in ("Choice", "Label") and (value := child.get("value"))
        )
        controls[name] = Control(name, to_name, element.tag, values)
    return LabelConfig(xml=xml, controls=controls)


def with_image_width(xml: str, width_px: int) -> str:
    """Set how wide the images of a label config are shown.

    Parameters
    ----------
    xml : str
        A label config with ``Image`` tags.
    width_px : int
        Width on the screen in CSS pixels.

    Returns
    -------
    str
        The config with ``width``, ``maxWidth`` and ``maxHeight`` set.
    """
    root = _root(xml)
    for image in root.iter("Image"):
        for attribute in ("width", "maxWidth", "maxHeight"):
            image.set(attribute, f"{width_px}px")
    return ElementTree.tostring(root, encoding="unicode")


def choice_result(control: Control, choice: str) -> list[dict[str, Any]]:
    """Write a choice as Label Studio stores it in predictions and annotations.

    Parameters
    ----------
    control : Control
        A ``Choices`` control.
    choice : str
        One of its values.

    Returns
    -------
    list of dict
        The ``result`` with one item.

    Raises
    ------
    TaskError
        If the control has no such choice.
    """
    if choice not in control.values:
        msg = (
            f"'{choice}' is no choice of '{control.name}' (it has: {', '.join(control.values)}); "
            "correct the table or edit the label config"
        )
        raise TaskError(msg)
    return [
        {
            "from_name": control.name,
            "to_name": control.to_name,
            "type": "choices",
            "value": {"choices": [choice]},
        }
    ]


def read_choice(control: Control, result: Sequence[Mapping[str, Any]]) -> str | None:
    """Read the choice of one control from a ``result``.

    Parameters
    ----------
    control : Control
        A ``Choices`` control.
    result : sequence of dict
        Of an annotation or a prediction.

    Returns
    -------
    str or None
        The choice, None if the result does not hold one.
    """
    for item in result:
        if item.get("from_name") == control.name:
            choices = item.get("value", {}).get("choices", [])
            if len(choices) == 1:
                return str(choices[0])
    return None


def check_predictions(config: LabelConfig, predictions: Sequence[Mapping[str, Any]]) -> None:
    """Refuse predictions that the label page could not show.

    Label Studio stores whatever it is sent (facts: validation is off), and
    shows nothing where a name does not fit.

    Parameters
    ----------
    config : LabelConfig
        The page.
    predictions : sequence of dict
        ``result``, ``score`` and ``model_version`` each.

    Raises
    ------
    TaskError
        Naming the first prediction that does not fit, and why.
    """
    # The SDK's label interface takes seconds to load: only who sends predictions waits.
    from label_studio_sdk.label_interface.interface import LabelInterface

    validate: Any = LabelInterface(config.xml).validate_prediction
    for position, prediction in enumerate(predictions):
        # The SDK takes scores from 0 to 1 only; the server takes any, and a model's own
        # scale (a distance, a log-odds) must stay what the scientist knows.
        reasons = list(validate({**prediction, "score": 0.0}, return_errors=True) or [])
        score = prediction.get("score")
        if not isinstance(score, float) or not math.isfinite(score):
            reasons.append(f"the score is {score!r}, it must be a finite number")
        if not prediction.get("model_version"):
            reasons.append("it has no model_version")
        if reasons:
            msg = f"prediction {position + 1} does not fit the label config: {'; '.join(reasons)}"
            raise TaskError(msg)


def _root(xml: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError) as error:
        msg = f"the label config is not XML ({error}); correct it"
        raise ConfigError(msg) from None
