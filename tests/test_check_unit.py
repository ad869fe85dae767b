"""What `check` concludes from what it has read; no server."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ls_integration.errors import StudyError
from ls_integration.kinds.sted_quality_page import read_answer
from ls_integration.label_config import choice_result, parse, with_image_width
from ls_integration.resources import label_config_xml
from ls_integration.server.checks import ServerSigns, _clock_ahead_s, enter_submits
from ls_integration.settings import Settings
from ls_integration.study import Study, open_batches, save
from ls_integration.workflows.check import check, check_clocks, check_enter, check_versions
from ls_integration.workflows.check_backends import check_backends, check_webhooks
from ls_integration.workflows.check_lines import Line, fine, going_on, not_checked, wrong
from ls_integration.workflows.check_predictions import check_predictions_shown
from ls_integration.workflows.check_project import check_page
from ls_integration.workflows.check_study import spread
from ls_integration.workflows.check_tasks import check_tasks

XML = label_config_xml("sted_quality")
CONTROL = parse(XML).choices()
READ = read_answer(parse(XML))
ENTER = {"annotation:annotation:submit": {"key": "enter", "active": True}}
FOCUS = {"regions:region:focus": {"key": "alt+shift+enter", "active": True}}
IMAGES = {item_id: f"/data/local-files/?d=p/{item_id[0]}.webp" for item_id in ("aaaa", "bbbb")}


def _bad(lines: Iterable[Line]) -> list[str]:
    return [line.text for line in lines if line.state == "!!"]


def _task(number: int, item_id: str, *predictions: tuple[str, str, float]) -> dict[str, Any]:
    return {
        "id": number,
        "data": {"item_id": item_id, "image": f"/data/local-files/?d=p/{item_id[0]}.webp"},
        "predictions": [
            {"model_version": version, "score": score, "result": choice_result(CONTROL, label)}
            for version, label, score in predictions
        ],
    }


def test_lines_are_printed_with_their_state() -> None:
    """Fine, wrong with what to do, not checked with the reason."""
    assert str(fine("tasks: 6")) == "ok  tasks: 6"
    assert str(wrong("it is so", "do that")) == "!!  it is so: do that"
    assert str(not_checked("pictures", "no folder")) == "--  not checked: pictures (no folder)"


def test_a_step_that_fails_is_a_line() -> None:
    """What it found before stands."""

    def step() -> Iterable[Line]:
        yield fine("one")
        msg = "two is broken; mend it"
        raise StudyError(msg)

    assert [str(line) for line in going_on(iter(step()))] == [
        "ok  one",
        "!!  two is broken; mend it",
    ]


@pytest.mark.parametrize(
    ("server", "sdk", "state"),
    [
        ("1.23.2", "2.1.2", "ok"),
        ("1.23.9", "2.1.0", "ok"),
        ("1.22.0", "2.1.2", "!!"),
        ("2.0.0", "2.1.2", "!!"),
        ("1.23.2", "2.10.0", "!!"),
        ("1.23.2", "1.0.20", "!!"),
    ],
)
def test_versions_are_compared_by_minor(server: str, sdk: str, state: str) -> None:
    """Patches may differ."""
    assert check_versions(server, sdk).state == state


def test_clocks_are_for_information() -> None:
    """Whole seconds are what HTTP tells; a missing date is no fault."""
    assert "agree" in check_clocks(ServerSigns("1.23.2", 1.4)).text
    assert "90 s behind ours" in check_clocks(ServerSigns("1.23.2", -90.2)).text
    assert check_clocks(ServerSigns("1.23.2", None)).state == "--"
    now_s = time.time()
    ahead_s = _clock_ahead_s("Thu, 01 Jan 1970 00:01:00 GMT", 30.0)
    assert ahead_s == pytest.approx(30.5)
    assert _clock_ahead_s(None, now_s) is None
    assert _clock_ahead_s("yesterday", now_s) is None


@pytest.mark.parametrize(
    ("hotkeys", "keymap_is_ours", "expected"),
    [
        ({}, True, True),
        ({}, False, None),
        ({**ENTER, **FOCUS}, False, True),
        (ENTER, False, False),
        (ENTER, True, True),
        ({"annotation:annotation:submit": {"key": "ctrl+enter"}}, True, False),
        (
            {"annotation:annotation:submit": {"key": "enter", "active": False}, **FOCUS},
            False,
            False,
        ),
    ],
)
def test_enter_submits_where_it_is_set_and_free(
    hotkeys: dict[str, Any], keymap_is_ours: bool, expected: bool | None
) -> None:
    """A person's own key wins; Label Studio gives Enter to something else by default."""
    user = {"custom_hotkeys": hotkeys}
    assert enter_submits(user, keymap_is_ours=keymap_is_ours) is expected


def test_enter_is_said_for_each_person() -> None:
    """One line for each of the three cases."""
    users = [
        {"email": "a@x.org", "first_name": "Ada", "custom_hotkeys": {**ENTER, **FOCUS}},
        {"email": "b@x.org", "custom_hotkeys": ENTER},
        {"email": "c@x.org", "custom_hotkeys": None},
    ]
    lines = list(check_enter(users, keymap_is_ours=False))
    assert [line.state for line in lines] == ["ok", "!!", "--"]
    assert ["Ada" in lines[0].text, " b:" in lines[1].text, " c " in lines[2].text] == [True] * 3


def test_the_page_may_differ_in_style_but_not_in_the_question() -> None:
    """Width and text are free; choices, keys, names and the picture are not."""
    assert check_page(with_image_width(XML, 448), XML).state == "ok"
    assert check_page(XML.replace("Normal or anomaly?", "Which one?"), XML).state == "ok"
    for old, new in (
        ('value="anomaly"', 'value="bad"'),
        ('hotkey="1"', 'hotkey="5"'),
        ('name="label"', 'name="verdict"'),
        ('value="$image"', 'value="$picture"'),
        ('required="true"', 'required="false"'),
    ):
        assert old in XML
        assert check_page(XML.replace(old, new), XML).state == "!!", (old, new)
    assert check_page("<View>", XML).state == "!!"


def test_each_item_exactly_once() -> None:
    """Missing, doubled, foreign and moved are four faults."""
    good = [_task(1, "aaaa"), _task(2, "bbbb")]
    assert _bad(check_tasks(good, IMAGES, {"item_id", "image"})) == []
    assert "missing: bbbb" in _bad(check_tasks(good[:1], IMAGES, None))[0]
    assert "more than once: aaaa" in _bad(check_tasks([*good, _task(3, "aaaa")], IMAGES, None))[0]
    assert "task 3" in _bad(check_tasks([*good, _task(3, "cccc")], IMAGES, None))[0]
    assert "task 3" in _bad(check_tasks([*good, {"id": 3, "data": {}}], IMAGES, None))[0]
    swapped = [good[0], {"id": 2, "data": {**good[0]["data"], "item_id": "bbbb"}}]
    assert "another picture" in _bad(check_tasks(swapped, IMAGES, None))[0]
    assert "not ours: image" in _bad(check_tasks(good, IMAGES, {"item_id"}))[0]


SENT = pd.DataFrame(
    {
        "item_id": ["aaaa", "bbbb"],
        "label": ["normal", "anomaly"],
        "score": [0.1, 0.9],
        "model_version": "m",
    }
)
SHOWN = {"show_collab_predictions": True, "model_version": "m"}


def _shown(
    tasks: list[dict[str, Any]],
    project: dict[str, Any],
    sent: pd.DataFrame = SENT,
    served: frozenset[str] = frozenset(),
    *,
    is_blind: bool = False,
) -> list[str]:
    lines = check_predictions_shown(
        tasks,
        project,
        predictions=sent,
        served_versions=set(served),
        read=READ,
        is_blind=is_blind,
    )
    return _bad(lines)


def test_the_page_starts_from_what_was_sent() -> None:
    """Shown, of the right version, one a task, with the same answer and score."""
    first, second = ("m", "normal", 0.1), ("m", "anomaly", 0.9)
    tasks = [_task(1, "aaaa", first), _task(2, "bbbb", second)]
    assert _shown(tasks, SHOWN) == []
    assert "hidden" in _shown(tasks, {**SHOWN, "show_collab_predictions": False})[0]
    assert "names no model version" in _shown(tasks, {**SHOWN, "model_version": ""})[0]
    assert "no task has a prediction of 'x'" in _shown(tasks, {**SHOWN, "model_version": "x"})[0]
    assert "gone from items bbbb" in _shown([tasks[0], _task(2, "bbbb")], SHOWN)[0]
    for other in (("m", "normal", 0.9), ("m", "anomaly", 0.8)):
        assert "than was sent" in _shown([tasks[0], _task(2, "bbbb", other)], SHOWN)[0]
    doubled = [tasks[0], _task(2, "bbbb", second, second)]
    assert "task 2 (1)" in _shown(doubled, SHOWN)[0]
    assert (
        "nobody uses: x"
        in _shown([tasks[0], _task(2, "bbbb", second, ("x", "normal", 0))], SHOWN)[0]
    )


def test_a_backend_may_answer_instead() -> None:
    """Its version is shown, and its answers come when a page is opened."""
    tasks = [_task(1, "aaaa", ("m", "normal", 0.1)), _task(2, "bbbb", ("m", "anomaly", 0.9))]
    served = frozenset({"svm"})
    assert _shown(tasks, {**SHOWN, "model_version": "svm"}, served=served) == []
    tasks[0]["predictions"] += _task(1, "aaaa", ("svm", "normal", 0.2))["predictions"]
    assert _shown(tasks, {**SHOWN, "model_version": "svm"}, served=served) == []


def test_a_study_without_scores_starts_empty() -> None:
    """Assisted was asked for, but the source had nothing to show."""
    project = {"show_collab_predictions": True, "model_version": None}
    assert _shown([_task(1, "aaaa")], project, SENT.head(0)) == []
    for asks_labels, text in ((True, "no model answers"), (False, "shows the old rating")):
        (line,) = check_predictions_shown(
            [_task(1, "aaaa")],
            project,
            predictions=SENT.head(0),
            served_versions=set(),
            read=READ,
            is_blind=False,
            asks_labels=asks_labels,
        )
        assert line.state == "ok"
        assert text in line.text
        assert ("assisted" in line.text) == asks_labels


def test_a_blind_study_has_nothing_to_hide() -> None:
    """Stored is already too much."""
    hidden = {"show_collab_predictions": False, "model_version": ""}
    assert _shown([_task(1, "aaaa")], hidden, SENT.head(0), is_blind=True) == []
    stored = [_task(1, "aaaa", ("m", "normal", 0.1))]
    assert "are stored" in _shown(stored, hidden, SENT.head(0), is_blind=True)[0]
    for shows in ({"show_collab_predictions": True}, {"model_version": "m"}):
        project = {**hidden, **shows}
        assert "would show" in _shown([_task(1, "aaaa")], project, SENT.head(0), is_blind=True)[0]


def test_backends_are_judged_from_the_servers_side() -> None:
    """Connected and of the version that the page starts from."""
    good = {"url": "http://b:9090", "state": "CO", "title": "svm", "model_version": "svm"}
    assert _bad(check_backends([good], "svm", is_blind=False)) == []
    assert "connect-backend" in _bad(check_backends([good], "m", is_blind=False))[0]
    assert "connect-backend" in _bad(check_backends([{**good, "title": "x"}], "svm", False))[0]
    away = {**good, "state": "DI", "error_message": "refused\nlong trace"}
    assert "(refused)" in _bad(check_backends([away], "svm", is_blind=False))[0]
    assert "blind" in _bad(check_backends([good], "svm", is_blind=True))[0]
    present = list(check_backends([good], "present-label", is_blind=False, keeps_start=True))
    assert [line.state for line in present] == ["ok"]
    assert "connect-backend" in _bad(check_backends([good], "present-label", is_blind=False))[0]


def test_webhooks_left_behind_are_told_from_others() -> None:
    """A backend's own is fine, anybody else's is said."""
    backend = {"url": "http://b:9090/"}
    hooks = [{"url": "http://b:9090/webhook"}]
    assert list(check_webhooks(hooks, [backend])) == []
    assert "left over" in _bad(check_webhooks(hooks, []))[0]
    (line,) = check_webhooks([{"url": "http://chat/hook"}], [backend])
    assert (line.state, "http://chat/hook" in line.text) == ("ok", True)


def test_open_batches_are_those_without_an_outcome() -> None:
    """Sent, refused and settled all close a batch."""
    batches = [{"event": "batch", "batch": name} for name in "abcd"]
    closed = [
        {"event": "sent", "batch": "a"},
        {"event": "refused", "batch": "b"},
        {"event": "settled", "batch": "c"},
    ]
    assert list(open_batches([*batches, *closed, {"event": "project", "key": "k"}])) == ["d"]


def test_pictures_are_sampled_from_end_to_end() -> None:
    """The first and the last are among them, none twice."""
    names = [str(number) for number in range(549)]
    chosen = spread(names, 5)
    assert (chosen[0], chosen[-1], len(set(chosen))) == ("0", "548", 5)
    assert spread(names[:3], 5) == names[:3]


def test_without_a_server_the_folder_is_still_looked_at(tmp_path: Path) -> None:
    """A damaged study and an address where nobody listens: a line each, no traceback."""
    study = tmp_path / "studies" / "toy"
    save(study, Study(kind="sted-quality", title="toy", blind=False))
    settings = Settings(LABEL_STUDIO_URL="http://127.0.0.1:9", LS_INTEGRATION_MEDIA=tmp_path / "no")
    lines = [str(line) for line in check(study, settings, tmp_path)]
    assert lines[0].startswith("!!  no Label Studio answers at http://127.0.0.1:9")
    assert any(line.startswith("!!  pictures cannot be written to") for line in lines)
    assert any(line.startswith("!!  cannot read") and "items.parquet" in line for line in lines)
    assert any(line.startswith("!!  an import into the study was not finished") for line in lines)
    (study / "study.json").write_text("{")
    lines = [str(line) for line in check(study, settings, tmp_path)]
    assert any(line.startswith("!!  cannot read") and "study.json" in line for line in lines)
    assert list(tmp_path.iterdir()) == [tmp_path / "studies"]
