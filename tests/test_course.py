"""Accuracy over the course of a session and against the decision time."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from ls_integration.annotations import check_annotations
from ls_integration.results.lined_up import line_up_study
from ls_integration.results.metrics import build_metrics
from ls_integration.results.metrics.course import score_course
from ls_integration.results.report import make_report
from ls_integration.results.tables import check_items
from ls_integration.scoring.course import find_odds_ratio, score_by_time, score_session
from tests.test_metrics import check

N_ITEMS = 400


def make_study(
    right: np.ndarray, *, name: str = "Ann", **columns: object
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Items whose label alternates, and one person who is right where *right* says so."""
    n = len(right)
    truth = np.arange(n) % 2 == 0
    items = pd.DataFrame({"item_id": [f"i{row}" for row in range(n)]})
    items["label"] = np.where(truth, "anomaly", "normal")
    answers = pd.DataFrame({"item_id": items["item_id"], "annotator": name})
    answers["label"] = np.where(truth == right, "anomaly", "normal")
    return check_items(items), check_annotations(answers.assign(**columns))


def simulate(slope: float, n: int = N_ITEMS, seed: int = 0) -> np.ndarray:
    """Draw right answers whose log odds change by *slope* from beginning to end."""
    position = np.linspace(0, 1, n)
    chance = 1 / (1 + np.exp(-(1.5 + slope * position)))
    return np.random.default_rng(seed).random(n) < chance


def test_parts_by_hand() -> None:
    """Twenty-three answers in ten parts: counts, shares and Wilson's bounds worked out."""
    # array_split: three parts of three answers, then seven of two.
    right = np.array([1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0] + [1] * 12, dtype=bool)
    parts, trend = score_session(right)
    assert [part.n for part in parts] == [3, 3, 3, 2, 2, 2, 2, 2, 2, 2]
    assert [part.n_right for part in parts] == [2, 3, 0, 1, 2, 2, 2, 2, 2, 2]
    z2 = 1.959963984540054**2
    centre, half = (2 + z2 / 2) / (3 + z2), math.sqrt(z2) / (3 + z2) * math.sqrt(2 / 3 + z2 / 4)
    assert parts[0].accuracy.value == pytest.approx(2 / 3)
    assert parts[0].accuracy.ci95 == pytest.approx((centre - half, centre + half))
    assert (parts[0].low, parts[-1].high) == (0, 1)
    assert trend.value is not None
    assert trend.value > 1


def test_quarters_keep_equal_times_together() -> None:
    """Half of the times are one second: the first two quarters are one part."""
    times = np.array([1.0] * 10 + [2.0] * 5 + [4.0] * 4 + [9.0, math.nan, 0.0])
    right = np.arange(22) % 3 != 0
    parts, trend = score_by_time(right, times)
    assert [(part.low, part.high, part.n) for part in parts] == [(1, 1, 10), (2, 2, 5), (4, 9, 5)]
    assert sum(part.n_right for part in parts) == int(right[:20].sum())
    assert trend.value is not None


def test_a_table_of_two_has_the_odds_ratio_of_school() -> None:
    """With two values of x the slope is the cross ratio of the table, Woolf's interval with it."""
    x = np.repeat([0.0, 1.0], [50, 60])
    right = np.concatenate([np.arange(50) < 40, np.arange(60) < 30])
    found = find_odds_ratio(right, x)
    ratio = (30 / 30) / (40 / 10)
    half = 1.959963984540054 * math.sqrt(1 / 30 + 1 / 30 + 1 / 40 + 1 / 10)
    assert found.value == pytest.approx(ratio)
    assert found.ci95 == pytest.approx((ratio * math.exp(-half), ratio * math.exp(half)))


@pytest.mark.parametrize("grouped", [False, True])
def test_slopes_are_those_of_a_glm_by_formula(grouped: bool) -> None:
    """A binomial GLM by formula gives the same odds ratios, and with groups robust bounds."""
    generator = np.random.default_rng(3)
    right = simulate(-1.2)
    times = np.exp(generator.normal(0, 0.7, N_ITEMS))
    groups = np.sort(generator.integers(0, 40, N_ITEMS)) if grouped else None
    frame = pd.DataFrame({"right": right.astype(int), "time": times})
    frame["position"] = np.arange(N_ITEMS) / (N_ITEMS - 1)
    options = {"cov_type": "cluster", "cov_kwds": {"groups": groups}, "use_t": True}
    for found, formula, term in (
        (score_session(right, groups=groups)[1], "right ~ position", "position"),
        (score_by_time(right, times, groups=groups)[1], "right ~ np.log2(time)", "np.log2(time)"),
    ):
        model = smf.glm(formula, frame, family=sm.families.Binomial())
        fit = model.fit(**(options if grouped else {}))
        assert found.value == pytest.approx(math.exp(fit.params[term]), rel=1e-6)
        assert found.ci95 == pytest.approx(np.exp(fit.conf_int().loc[term]), rel=1e-5)


def test_answers_of_one_group_are_not_independent() -> None:
    """Each item ten times: by groups the interval is as wide as without the copies."""
    right, x = simulate(-1.0), np.linspace(0, 1, N_ITEMS)
    once = find_odds_ratio(right, x).ci95
    copies = np.repeat(right, 10), np.repeat(x, 10)
    naive = find_odds_ratio(*copies).ci95
    robust = find_odds_ratio(*copies, groups=np.repeat(np.arange(N_ITEMS), 10)).ci95
    assert once is not None
    assert naive is not None
    assert robust is not None
    width, naive_width, robust_width = (math.log(b / a) for a, b in (once, naive, robust))
    assert naive_width < 0.4 * width
    assert robust_width == pytest.approx(width, rel=0.1)


def test_simulated_fatigue_is_found_and_steadiness_too() -> None:
    """Of 200 steady people 5 % or so have a trend; of 200 tired ones nearly all, the right one."""

    def bounds(slope: float) -> np.ndarray:
        found = [score_session(simulate(slope, seed=seed))[1].ci95 for seed in range(200)]
        return np.array([pair for pair in found if pair is not None])

    steady, tired = bounds(0.0), bounds(-1.5)
    assert len(steady) == len(tired) == 200
    assert 0.9 <= np.mean((steady[:, 0] <= 1) & (steady[:, 1] >= 1)) <= 0.99
    assert np.mean(tired[:, 1] < 1) > 0.9
    covered = (tired[:, 0] <= math.exp(-1.5)) & (tired[:, 1] >= math.exp(-1.5))
    assert 0.9 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize(
    ("right", "times", "trend", "by_time"),
    [
        ([True, False] * 9 + [True], [1.0, 2.0] * 9 + [3.0], "only 19", "only 19"),
        ([True] * 30, list(range(1, 31)), "all answers are right", "all answers are right"),
        ([False] * 30, list(range(1, 31)), "no answer is right", "no answer is right"),
        ([True] * 15 + [False] * 15, list(range(1, 31)), "are separated", "are separated"),
        ([False] * 15 + [True] * 15, [1.0] * 15 + [2.0] * 15, "are separated", "are separated"),
        ([True, False] * 15, [math.nan] * 30, None, "no decision time"),
        ([True, False] * 15, [0.0] * 30, None, "no decision time"),
        ([True, False] * 15, [1.0] * 19 + [math.nan] * 11, None, "only 19"),
        ([True, False] * 15, [1.5] * 30, None, "all decision times are the same"),
        ([True, False] * 15, [1.5, 1.5 + 1e-15] * 15, None, "separated"),
    ],
)
def test_what_is_undefined_says_why(
    right: list[bool], times: list[float], trend: str | None, by_time: str
) -> None:
    """Too few, all the same, separated, no times: a reason, no number, no library warning."""
    items, answers = make_study(np.array(right), lead_time_s=times)
    metrics = build_metrics(items, answers, positive="anomaly")
    check(metrics)
    entry = metrics["course"]["Ann"]
    reasons = dict(warning.split(": ", 1) for warning in metrics["warnings"])
    assert entry["time_odds_ratio"] is None
    assert by_time in reasons["course.Ann.time_odds_ratio"]
    assert (entry["trend_odds_ratio"] is None) == (trend is not None)
    if trend is not None:
        assert trend in reasons["course.Ann.trend_odds_ratio"]
    assert len(entry["parts"]) == (10 if len(right) >= 20 else 0)


def test_nearly_separated_and_wild_scales_stay_finite() -> None:
    """One answer short of separation, and x of any size or place: numbers or a reason."""
    generator = np.random.default_rng(1)
    right = np.arange(1000) >= 500
    right[499], right[500] = True, False
    for scale in (1e-12, 1.0, 1e12):
        for x in (np.arange(1000.0), generator.normal(size=1000), generator.pareto(0.3, 1000)):
            found = find_odds_ratio(right, 5 + x * scale)
            assert (found.ci95 is None) == (found.reason is not None)
            assert found.value is None or math.isfinite(found.value)
            assert all(math.isfinite(bound) for bound in found.ci95 or ())


def test_few_groups_have_no_interval() -> None:
    """Nine groups: the odds ratio stands, its interval has a reason; the form stays valid."""
    right = simulate(-1.0, 90)
    items, answers = make_study(right, lead_time_s=np.arange(1.0, 91.0))
    items = check_items(items.assign(group=[f"g{row % 9}" for row in range(90)]))
    metrics = build_metrics(items, answers, positive="anomaly")
    check(metrics)
    entry = metrics["course"]["Ann"]
    assert entry["trend_odds_ratio"] == pytest.approx(score_session(right)[1].value)
    assert entry["trend_odds_ratio_ci95"] is None
    assert "course.Ann.trend_odds_ratio_ci95: fewer than 10 groups (9)" in metrics["warnings"]


def test_the_order_is_that_of_the_first_answers() -> None:
    """By creation, not by correction or row; without all times it is the study's order."""
    right = simulate(-2.0, 60)
    minutes = np.random.default_rng(5).permutation(60)
    start = pd.Timestamp("2025-01-01T10:00Z")
    times = start + pd.to_timedelta(minutes, unit="min")
    items, answers = make_study(right, created_at=times, submission=1)
    # The first item is answered again after everything else, wrongly at first.
    again = answers.iloc[[0]].assign(created_at=start + pd.Timedelta("1d"), submission=2)
    answers.loc[0, "label"] = {"anomaly": "normal", "normal": "anomaly"}[answers["label"][0]]
    both = check_annotations(pd.concat([again, answers], ignore_index=True))
    (ann,) = line_up_study(items, both, positive="anomaly").people
    assert ann.order == "answered"
    assert ann.turn.tolist() == minutes.tolist()
    entry = score_course(line_up_study(items, both, positive="anomaly"), 0, [])["Ann"]
    by_hand = right[np.argsort(minutes)].reshape(10, 6).sum(axis=1)
    assert [part["n_right"] for part in entry["parts"]] == by_hand.tolist()

    # Where created_at is missing, updated_at says when.
    updated = both.assign(updated_at=both["created_at"]).assign(created_at=pd.NaT)
    (ann,) = line_up_study(items, check_annotations(updated), positive="anomaly").people
    assert (ann.order, ann.turn.tolist()) == ("answered", minutes.tolist())

    # A replay that took two requests: nobody answers 30 images in an instant.
    requests = start + pd.to_timedelta(np.repeat([0, 5], 30), unit="s")
    sent = check_annotations(answers.assign(created_at=requests))
    (ann,) = line_up_study(items, sent, positive="anomaly").people
    assert (ann.order, ann.turn.tolist()) == ("study", list(range(60)))

    for lacking in (pd.NaT, start):
        partly = both.assign(created_at=lacking) if lacking is start else both.copy()
        if lacking is pd.NaT:
            partly.loc[7, "created_at"] = pd.NaT
        (ann,) = line_up_study(items, check_annotations(partly), positive="anomaly").people
        assert (ann.order, ann.turn.tolist()) == ("study", list(range(60)))


def test_only_answers_with_a_known_label_count() -> None:
    """Skips and unknown labels are in no part; who judged nothing known is not in the block."""
    items, answers = make_study(simulate(0.0, 50))
    items.loc[:9, "label"] = None
    answers.loc[10:14, "skipped"] = True
    other = answers.iloc[:10].assign(annotator="Bob")
    metrics = build_metrics(
        check_items(items),
        check_annotations(pd.concat([answers, other], ignore_index=True)),
        positive="anomaly",
    )
    check(metrics)
    assert list(metrics["course"]) == ["Ann"]
    entry = metrics["course"]["Ann"]
    assert sum(part["n"] for part in entry["parts"]) == 35
    people = metrics["people"]["Ann"]
    assert sum(part["n_right"] for part in entry["parts"]) == people["tp"] + people["tn"]


@pytest.fixture(scope="module")
def many() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fourteen people on 60 items: the first tires and hurries, the last has five answers."""
    parts = []
    for number in range(14):
        right = simulate(-4.0 if number == 0 else 0.0, 60, seed=number)
        times = np.where(right, 1.0, 3.0) * np.linspace(1, 2, 60)
        items, answers = make_study(right, name=f"P{number}", lead_time_s=times)
        parts.append(answers if number < 13 else answers.iloc[:5])
    return items, check_annotations(pd.concat(parts, ignore_index=True))


def test_the_report_says_who_tires(many: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """A sentence with the odds ratio of metrics.json, twelve panels, all numbers in the CSV."""
    metrics = build_metrics(*many, positive="anomaly")
    check(metrics)
    report = make_report(*many, metrics)
    drawings = {drawing.name: drawing for drawing in report.drawings}
    entry = metrics["course"]["P0"]
    low, high = entry["trend_odds_ratio_ci95"]
    assert (
        "P0 gets worse over the session: odds of a right answer "
        f"×{entry['trend_odds_ratio']:.2g} from beginning to end, 95 % interval "
        f"{low:.2g} to {high:.2g}."
    ) in report.html
    assert "No trend that the data can tell: " in report.html
    assert (
        "In the order of the study, since it is not known when each answer was given: everybody."
        in report.html
    )
    drawn = drawings["accuracy_over_session"]
    titles = [axes.get_title(loc="left") for axes in drawn.figure.axes]
    assert [title for title in titles if title] == [f"P{number}" for number in range(12)]
    assert "The first 12 people; 1 more are in metrics.json." in drawn.caption
    assert drawn.numbers.groupby("who")["n"].sum().to_dict() == {
        f"P{number}": 60 for number in range(13)
    }
    by_time = drawings["accuracy_by_time"].numbers
    assert by_time["n_right"].sum() == drawn.numbers["n_right"].sum()
    assert not by_time["from_s"].gt(by_time["to_s"]).any()


def test_a_small_study_has_no_such_section(many: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """With five answers, or without times, there is nothing to draw; the rest of the page is."""
    items, answers = many
    few = answers[answers["annotator"] == "P13"].reset_index(drop=True)
    report = make_report(items, few, build_metrics(items, few, positive="anomaly"))
    assert "Over the session" not in report.html
    untimed = answers[answers["annotator"] == "P0"].assign(lead_time_s=np.nan)
    untimed = untimed.reset_index(drop=True)
    report = make_report(items, untimed, build_metrics(items, untimed, positive="anomaly"))
    assert "Over the session" in report.html
    assert "Against the decision time" not in report.html
    assert "accuracy_by_time" not in {drawing.name for drawing in report.drawings}
