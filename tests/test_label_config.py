"""Label configs: controls, results, and the check of what is sent."""

import pytest

from ls_integration import label_config
from ls_integration.errors import ConfigError, TaskError
from ls_integration.resources import label_config_xml

XML = label_config_xml("sted_quality")


def prediction(choice: str = "normal", **changes: object) -> dict[str, object]:
    """Make a prediction that fits the page, then change it."""
    control = label_config.parse(XML).choices()
    fitting = {
        "result": label_config.choice_result(control, choice),
        "score": 0.25,
        "model_version": "m",
    }
    return {**fitting, **changes}


def test_the_page_asks_one_question_with_two_choices() -> None:
    """The names that everything is sent and read under come from the XML."""
    control = label_config.parse(XML).choices()
    assert (control.kind, control.to_name) == ("Choices", "image")
    assert control.values == ("normal", "anomaly")


def test_a_choice_comes_back_as_it_was_written() -> None:
    """Writing and reading a result are inverses, for every choice."""
    control = label_config.parse(XML).choices()
    for choice in control.values:
        result = label_config.choice_result(control, choice)
        assert label_config.read_choice(control, result) == choice


def test_results_of_other_controls_are_not_answers() -> None:
    """A region or another control's choice is not read as the answer."""
    control = label_config.parse(XML).choices()
    other = [{"from_name": "other", "value": {"choices": ["anomaly"]}}]
    assert label_config.read_choice(control, other) is None
    assert label_config.read_choice(control, []) is None


def test_an_unknown_choice_is_refused_by_name() -> None:
    """The message names the value and the choices that there are."""
    control = label_config.parse(XML).choices()
    with pytest.raises(TaskError, match=r"'artifact' is no choice.*normal, anomaly"):
        label_config.choice_result(control, "artifact")


def test_fitting_predictions_pass() -> None:
    """What the page can show is accepted."""
    label_config.check_predictions(
        label_config.parse(XML), [prediction("normal"), prediction("anomaly", score=-3.5)]
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"score": float("nan")}, "score"),
        ({"score": None}, "score"),
        ({"score": float("inf")}, "score"),
        ({"model_version": ""}, "model_version"),
        (
            {
                "result": [
                    {
                        "from_name": "wrong",
                        "to_name": "image",
                        "type": "choices",
                        "value": {"choices": ["normal"]},
                    }
                ]
            },
            "wrong",
        ),
        (
            {
                "result": [
                    {
                        "from_name": "label",
                        "to_name": "image",
                        "type": "choices",
                        "value": {"choices": ["unheard"]},
                    }
                ]
            },
            "unheard",
        ),
    ],
)
def test_predictions_that_the_page_cannot_show_are_refused(
    changes: dict[str, object], reason: str
) -> None:
    """The second of two is named, with the reason (Label Studio takes all of these)."""
    with pytest.raises(TaskError, match=rf"prediction 2 .*{reason}"):
        label_config.check_predictions(
            label_config.parse(XML), [prediction(), prediction(**changes)]
        )


def test_the_width_of_the_image_is_set() -> None:
    """Another width changes the Image tag and nothing that is sent or read."""
    wide = label_config.with_image_width(XML, 640)
    assert wide.count('="640px"') == 3
    assert label_config.parse(wide).controls == label_config.parse(XML).controls


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("<View", "not XML"),
        ('<View><Choices toName="image"/></View>', "lacks a name"),
        ("<View/>", "0 Choices"),
    ],
)
def test_a_broken_label_config_is_refused(xml: str, reason: str) -> None:
    """One line says what is wrong with it."""
    with pytest.raises(ConfigError, match=reason):
        label_config.parse(xml).choices()


def test_the_rating_page_knows_each_hundredth_once() -> None:
    """From 0.00 to 1.00, each by keys of its own, and nothing outside."""
    controls = label_config.parse(label_config_xml("sted_rating")).controls
    tenths, hundredths = controls["tenths"].values, controls["hundredths"].values
    ratings = [a + b for a in tenths if a != "1.00" for b in hundredths] + ["1.00"]
    assert sorted(ratings) == [f"{number / 100:.2f}" for number in range(101)]
