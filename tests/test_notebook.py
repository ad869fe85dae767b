"""What a scientist has in a notebook: few names, tables that add up, plain errors."""

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

import ls_integration
from ls_integration import study as studies
from ls_integration.errors import ConfigError, IntegrationError, SourceError
from ls_integration.notebook import ScoredStudy, open_study, sample_results, score
from ls_integration.server.embedded import free_port
from ls_integration.study import Project, Study
from ls_integration.workflows.score import score_folder

KINDS = ("sted-quality", "sted-rating", "cutouts")
HOSTILE = '<script>alert("x")</script>'
CALLS = {"agreement", "annotations", "consensus", "figures", "items", "metrics", "report", "scores"}
CALLS |= {"comparison", "course", "subgroups"}

FRESH = """
import sys
before = set(sys.modules)
import ls_integration
print(sorted(set(sys.modules) - before))
print([name for name in vars(ls_integration) if not name.startswith("_")], end=" ")
print(dir(ls_integration))
from ls_integration import *
print(sorted(name for name in dir() if not name.startswith("_")))
"""


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write made-up results, one kind after the other."""
    return sample_results(request.param, tmp_path_factory.mktemp("results") / request.param)


@pytest.fixture(scope="module")
def quality(tmp_path_factory: pytest.TempPathFactory) -> ScoredStudy:
    """Open made-up results of normal and anomaly."""
    return open_study(sample_results("sted-quality", tmp_path_factory.mktemp("quality") / "r"))


def test_importing_the_package_loads_nothing_and_shows_three_names() -> None:
    """In a new Python: no library, no accidental name; the two functions come when asked for."""
    answer = subprocess.run(
        [sys.executable, "-c", FRESH], check=True, capture_output=True, text=True
    )
    loaded, names, starred = answer.stdout.splitlines()
    assert loaded == "['ls_integration']"
    assert names == "[] ['__version__', 'open_study', 'score']"
    assert starred == "['before', 'ls_integration', 'open_study', 'score', 'sys']"


def test_public_names_are_those_that_are_meant() -> None:
    """Whoever adds one writes it here."""
    assert ls_integration.__all__ == ["__version__", "open_study", "score"]
    assert ls_integration.open_study is open_study
    assert {name for name in dir(ScoredStudy) if not name.startswith("_")} == CALLS | {"title"}
    with pytest.raises(AttributeError, match="has no attribute 'scores'"):
        ls_integration.scores  # noqa: B018


def test_the_numbers_are_those_of_score(folder: Path) -> None:
    """`score` on the same folder writes what the notebook shows, down to the report."""
    study = open_study(folder)
    scored = score_folder(folder)
    assert study.metrics == scored.metrics
    table = study.scores()
    assert list(table.columns) == ["who", "measure", "value", "low", "high", "n", "reason"]
    for name, entry in scored.metrics["people"].items():
        own = table.loc[table["who"] == name].set_index("measure")
        for measure, row in own.iterrows():
            value, interval = entry[measure], entry.get(f"{measure}_ci95")
            assert row["value"] == value if value is not None else np.isnan(row["value"])
            assert ([row["low"], row["high"]] == interval) if interval else np.isnan(row["low"])
            assert value is not None or row["reason"]
    assert set(table["who"]) > set(scored.metrics["people"])

    def without_time(html: str) -> str:
        return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "", html)

    written = scored.report.read_text(encoding="utf-8")
    assert without_time(study.report().html) == without_time(written)
    name = "ratings.csv" if scored.metrics["kind"] == "sted-rating" else "consensus.csv"
    together = pd.read_csv(folder / name)
    assert list(study.consensus().columns) == list(together.columns)
    assert study.consensus()["item_id"].tolist() == together["item_id"].tolist()
    plots = {path.stem for path in (folder / "plots").glob("*.png")}
    assert set(study.figures()) == plots


def test_what_a_value_is_over(quality: ScoredStudy) -> None:
    """Of TPR it is the anomalies that were judged, of FPR the others, of accuracy both."""
    table = quality.scores()
    ada = table.loc[table["who"] == "Ada"].set_index("measure")
    entry = quality.metrics["people"]["Ada"]
    assert ada.loc["tpr", "n"] == entry["tp"] + entry["fn"] == 30
    assert ada.loc["fpr", "n"] == entry["fp"] + entry["tn"] == 30
    assert ada.loc["accuracy", "n"] == 60
    assert ada.loc["tpr", "value"] == entry["tp"] / ada.loc["tpr", "n"]
    pairs = set(quality.agreement()["who"])
    assert pairs == {"all", "Ada – Ben", "Ada – Cleo", "Ben – Cleo"}


def test_consensus_by_hand() -> None:
    """Two of three decide, one against one is a tie, nobody is nothing."""
    rows = [("a", "Ann", "yes"), ("a", "Bob", "yes"), ("a", "Cas", "no"), ("b", "Ann", "yes")]
    rows += [("b", "Bob", "no")]
    answers = pd.DataFrame(rows, columns=["item_id", "annotator", "label"])
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "label": ["yes", "no", "no"]})
    table = score(answers, items, positive="yes").consensus()
    assert table["majority"].tolist() == ["yes", None, None]
    assert table["tied"].tolist() == [False, True, False]
    assert table[["n_answers", "votes_no", "votes_yes"]].to_numpy().tolist() == [
        *([3, 1, 2], [2, 1, 1]),
        [0, 0, 0],
    ]
    assert table["known_label"].tolist() == ["yes", "no", "no"]


def test_any_table_of_answers() -> None:
    """Without items there is agreement and consensus; what has no number has its reason."""
    answers = pd.DataFrame(
        {"item_id": list("aabb"), "annotator": ["Ann", "Bob"] * 2, "label": list("xxyx")}
    )
    study = score(answers, positive="x", title="Mine")
    scores = study.scores().set_index(["who", "measure"])
    assert np.isnan(scores.loc[("Ann", "accuracy"), "value"])
    assert scores.loc[("Ann", "accuracy"), "reason"]
    agreement = study.agreement().set_index(["who", "measure"])
    assert agreement.loc[("Ann – Bob", "observed_agreement"), "value"] == 0.5
    assert len(study.items) == 2
    assert "Mine" in study.report().html


def test_ratings_of_any_table() -> None:
    """A table with ratings instead of labels is scored as ratings, old ones or not."""
    answers = pd.DataFrame(
        {"item_id": list("abcabc"), "annotator": list("AAABBB"), "rating": [0.1, 0.5, 0.8] * 2}
    )
    study = score(answers)
    agreement = study.agreement().set_index(["who", "measure"])
    assert agreement.loc[("all", "icc_2_1"), "value"] == pytest.approx(1.0)
    assert study.consensus()["mean"].tolist() == [0.1, 0.5, 0.8]
    old = pd.DataFrame({"item_id": list("abc"), "rating": [0.2, 0.6, 0.9]})
    moved = score(answers, old).scores().set_index(["who", "measure"])
    assert moved.loc[("A", "mean_change"), "value"] == pytest.approx(-0.1)
    assert moved.loc[("A", "mean_change"), "n"] == 3


def test_tables_are_copies(quality: ScoredStudy) -> None:
    """Who plays with a table does not change the study."""
    for table in (quality.items, quality.annotations()):
        table["label"] = "normal"
    assert (
        set(quality.items["label"]) == set(quality.annotations()["label"]) == {"normal", "anomaly"}
    )


def test_everything_shows_itself(folder: Path) -> None:
    """Study, tables, figures and report have HTML; a figure is also a PNG of its size."""
    study = open_study(folder)
    assert "60 items" in repr(study) or "240 items" in repr(study)
    assert "3 people" in study._repr_html_()
    scores = study.scores()._repr_html_()
    assert re.search(r">0\.\d{3}<", scores)
    assert not re.search("NaN|None|NA&gt;", scores)
    assert "<th>0</th>" not in scores
    for name, picture in study.figures().items():
        assert isinstance(picture.figure, Figure)
        assert len(picture.numbers)
        data, size = picture._repr_png_()
        with Image.open(io.BytesIO(data)) as image:
            assert image.width == pytest.approx(2 * size["width"], abs=2)
        assert f"'{name}'" in repr(picture)
    assert study.figures()._repr_html_().count("<img") == len(study.figures())
    with pytest.raises(KeyError, match="there is no figure 'rok'; there are: "):
        study.figures()["rok"]


def test_cut_out_tables_show_themselves_too(quality: ScoredStudy) -> None:
    """Also with an index of its own, and long ones are cut."""
    wide = quality.scores().pivot_table("value", "who", "measure")
    assert "Ada" in wide._repr_html_()
    long = pd.concat([quality.consensus()] * 3, ignore_index=True)
    assert "180 rows" in long._repr_html_()


def test_a_name_is_only_a_name() -> None:
    """People, labels, titles and items that look like HTML are text in every repr."""
    answers = pd.DataFrame(
        {"item_id": [HOSTILE, "b"], "annotator": HOSTILE, "label": [HOSTILE, "y"]}
    )
    study = score(answers, positive=HOSTILE, title=HOSTILE)
    shown = [study, study.scores(), study.consensus(), study.figures(), study.report()]
    for one in shown:
        assert "<script" not in one._repr_html_()
    assert "&lt;script&gt;" in study._repr_html_()


def test_the_report_is_shown_and_saved(quality: ScoredStudy, tmp_path: Path) -> None:
    """In a frame that can run nothing; the file is the same page."""
    page = quality.report(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page.html
    assert page.save(str(tmp_path / "again.html")).read_bytes() == page.html.encode()
    frame = page._repr_html_()
    assert frame.startswith('<iframe title="Report" sandbox srcdoc="&lt;!DOCTYPE html&gt;')
    assert "kB" in repr(page)


def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items can be looked at; answers end with one line; no token in anything that is shown."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "very-secret-token")
    project = Project(key="Ann", title="T", annotator="Ann", round=1, project_id=1)
    url = f"http://127.0.0.1:{free_port()}"
    study = Study(kind="sted-quality", title="Far", blind=True, server_url=url, projects=[project])
    target = tmp_path / "studies" / "far"
    studies.save(target, study)
    items = sample_results("sted-quality", tmp_path / "r")
    studies.write_items(target, open_study(items).items.assign(image="x.webp"))
    for name in ("far", "studies/far", target):
        opened = open_study(name)
        assert len(opened.items) == 60
    assert "answers not read yet" in opened._repr_html_()
    with pytest.raises(IntegrationError) as error:
        opened.scores()
    line = str(error.value)
    assert url.removeprefix("http://") in line
    assert "\n" not in line
    for text in (line, repr(opened), opened._repr_html_(), repr(opened.__dict__)):
        assert "very-secret-token" not in text
        assert study.salt not in text


def test_what_cannot_be_opened_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong folder, a wrong table, a wrong option: one line each, which IPython shows alone."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        SourceError, match=r"^nowhere holds no annotations.csv, and there is no study"
    ):
        open_study("nowhere")
    with pytest.raises(SourceError, match="has no column annotator"):
        score(pd.DataFrame({"item_id": ["a"], "label": ["x"]}))
    answers = pd.DataFrame({"item_id": ["a", "b"], "annotator": "A", "label": ["x", "y"]})
    with pytest.raises(ConfigError, match="which label is the positive one") as error:
        score(answers, answers[["item_id", "label"]])
    assert error.value._render_traceback_() == [f"ConfigError: {error.value}"]
    with pytest.raises(ConfigError, match="no sample of the kind 'other'"):
        sample_results("other", tmp_path / "x")


def several_rounds() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ann rates twice, Bob saw an answer first; sixty items of two structures, a model."""
    generator = np.random.default_rng(2)
    label = np.where(generator.random(60) < 0.5, "anomaly", "normal")
    items = pd.DataFrame(
        {
            "item_id": [f"i{row}" for row in range(60)],
            "label": label,
            "structure": np.repeat(["actin", "tubulin: <b>"], 30),
            "day": [str(row % 3) for row in range(60)],
            "model_score": generator.normal(label == "anomaly"),
        }
    )
    parts = []
    for name, number in (("Ann", 1), ("Ann", 2), ("Bob", 1), ("Cas", 1)):
        wrong = generator.random(60) < 0.2
        said = np.where((label == "anomaly") != wrong, "anomaly", "normal")
        answers = {"item_id": items["item_id"], "annotator": name, "round": number, "label": said}
        times = generator.uniform(1, 9, 60)
        parts.append(pd.DataFrame({**answers, "lead_time_s": times, "prefilled": name == "Bob"}))
    return items, pd.concat(parts, ignore_index=True)


def same(row: pd.Series, entry: dict, measure: str) -> None:
    """Compare a row of a table with the entry of the metrics that it is of."""
    value, interval = entry[measure], entry.get(f"{measure}_ci95")
    assert row["value"] == value if value is not None else np.isnan(row["value"])
    bounds = [row["low"], row["high"]]
    assert bounds == interval if interval else np.isnan(bounds).all()
    complete = value is not None and (interval or f"{measure}_ci95" not in entry)
    assert bool(row["reason"]) != bool(complete)


def test_rounds_and_independent_people_are_among_the_agreements() -> None:
    """One person twice, and those alone who saw no answer: rows of the same table."""
    items, answers = several_rounds()
    study = score(answers, items, model_threshold=0.5)
    table = study.agreement().set_index(["who", "measure"])
    agreement = study.metrics["agreement"]
    (rounds,) = agreement["intra_rater"]
    for measure in ("cohen_kappa", "observed_agreement"):
        same(table.loc[("Ann, rounds 1 – 2", measure)], rounds, measure)
    assert table.loc[("Ann, rounds 1 – 2", "cohen_kappa"), "n"] == 60
    alone = agreement["independent_people"]
    for measure in ("observed_agreement", "krippendorff_alpha", "fleiss_kappa"):
        same(table.loc[("all who saw no answer", measure)], alone, measure)
        assert table.loc[("all", measure), "value"] == agreement[measure] != alone[measure]


def test_everybody_against_the_model() -> None:
    """People, majority and Dawid-Skene, with p as it is and adjusted; why there is none."""
    items, answers = several_rounds()
    for threshold in (0.5, None):
        study = score(answers, items, model_threshold=threshold)
        table = study.comparison().set_index(["who", "measure"])
        names = ["Ann", "Bob", "Cas", "Majority", "Dawid-Skene"]
        assert list(dict.fromkeys(who for who, _ in table.index)) == names
        for name, entry in zip(names, study.metrics["comparison"], strict=True):
            for measure in ("accuracy_difference", "tpr_above_model", "p", "p_holm"):
                same(table.loc[(name, measure)], entry, measure)
            assert table.loc[(name, "first_right_only"), "value"] == entry["first_right_only"]
            assert table.loc[(name, "p"), "n"] == entry["n_items"]
            assert table.loc[(name, "tpr_above_model"), "n"] == entry["n_items_scored"] > 0
    assert "no threshold" in table.loc[("Ann", "p"), "reason"]
    assert not len(score(answers, items.drop(columns="model_score")).comparison())


def test_the_course_of_a_session_is_a_table() -> None:
    """Tenths in the order of answering, quarters of the time with their bounds, both trends."""
    items, answers = several_rounds()
    study = score(answers, items)
    table = study.course()
    assert set(table["who"]) == {"Ann", "Ann_round2", "Bob", "Cas"}
    own, entry = table[table["who"] == "Cas"], study.metrics["course"]["Cas"]
    for measure, key, n_parts in (("accuracy", "parts", 10), ("accuracy_by_time", "by_time", 4)):
        rows = own[own["measure"] == measure]
        assert rows["part"].tolist() == list(range(1, n_parts + 1))
        for (_, row), part in zip(rows.iterrows(), entry[key], strict=True):
            same(row, part, "accuracy")
            assert row["n"] == part["n"]
    times = own[own["measure"] == "accuracy_by_time"]
    assert times["from_s"].tolist() == [part["from_s"] for part in entry["by_time"]]
    assert times["to_s"].tolist() == [part["to_s"] for part in entry["by_time"]]
    for measure in ("trend_odds_ratio", "time_odds_ratio"):
        (row,) = (row for _, row in own[own["measure"] == measure].iterrows())
        same(row, entry, measure)
        assert row["n"] == 60
    assert not len(score(answers, items[["item_id"]]).course())


def test_subgroups_are_a_table() -> None:
    """By structure, or by whatever column is asked for: scores and agreement of each value."""
    items, answers = several_rounds()
    study = score(answers, items, model_threshold=0.5)
    table = study.subgroups()
    assert list(table.columns[:4]) == ["column", "subgroup", "who", "measure"]
    assert set(table["subgroup"]) == {"actin", "tubulin: <b>"}
    cells = table.set_index(["subgroup", "who", "measure"])
    for value, part in study.metrics["by"]["structure"].items():
        same(cells.loc[(value, "Ann", "accuracy")], part["people"]["Ann"], "accuracy")
        same(cells.loc[(value, "Model", "auc")], part["model"], "auc")
        same(cells.loc[(value, "all", "fleiss_kappa")], part["agreement"], "fleiss_kappa")
        pair = part["agreement"]["pairwise"][0]
        same(cells.loc[(value, "Ann – Bob", "cohen_kappa")], pair, "cohen_kappa")
        assert cells.loc[(value, "Ann", "accuracy"), "n"] == 30
    none = answers[
        ~answers["item_id"].isin(items["item_id"][30:]) | (answers["annotator"] != "Bob")
    ]
    missing = score(none, items).subgroups().set_index(["subgroup", "who", "measure"])
    assert missing.loc[("tubulin: <b>", "Bob", "accuracy"), "reason"]
    by_day = score(answers, items, group_by="day")
    assert set(by_day.subgroups()["subgroup"]) == {"0", "1", "2"}
    assert "By day" in by_day.report().html
    with pytest.raises(ConfigError, match="no column 'dye' to group by"):
        score(answers, items, group_by=["dye"]).subgroups()
    assert not len(score(answers, items.drop(columns="structure")).subgroups())


def test_every_kind_has_every_table(folder: Path) -> None:
    """Of ratings there is no model and no course: no rows, the same columns."""
    study = open_study(folder, group_by=["structure"] if "sted" in folder.name else None)
    tables = [study.comparison(), study.course(), study.subgroups()]
    for table in tables:
        assert {"who", "measure", "value", "low", "high", "n", "reason"} <= set(table.columns)
        assert "<table" in table._repr_html_()
    is_ratings = folder.name == "sted-rating"
    assert [len(table) > 0 for table in tables[:2]] == [not is_ratings] * 2
    if is_ratings:
        cells = tables[2].set_index(["subgroup", "who", "measure"])
        ben = study.metrics["by"]["structure"]["actin"]["people"]["Ben"]
        for measure in ("mean_change", "spearman_with_old", "crossed_to_not_normal"):
            same(cells.loc[("actin", "Ben", measure)], ben, measure)
        together = study.metrics["by"]["structure"]["actin"]
        same(cells.loc[("actin", "Mean of all", "mean_change")], together["mean"], "mean_change")
        same(cells.loc[("actin", "all", "icc_2_1")], together["agreement"], "icc_2_1")


def test_what_is_asked_for_is_an_argument(tmp_path: Path) -> None:
    """Lines of a notebook name `positive=`, which both functions take, and no option."""
    answers = pd.DataFrame({"item_id": ["a", "b"], "annotator": "A", "label": ["x", "y"]})
    items = answers[["item_id", "label"]]
    items.to_csv(tmp_path / "items.csv", index=False)
    answers.to_csv(tmp_path / "annotations.csv", index=False)
    opened = open_study(tmp_path)
    for ask in (lambda: score(answers, items), opened.scores):
        with pytest.raises(ConfigError, match=r"; give positive=$"):
            ask()
    for ask in (
        lambda: score(answers, items, positive="z"),
        lambda: open_study(tmp_path, positive="z"),
    ):
        with pytest.raises(ConfigError, match=r"'z' .*; correct positive=$"):
            ask()
    assert open_study(tmp_path, positive="x").metrics["positive"] == "x"
    with pytest.raises(ConfigError, match=r"; give --positive$"):
        score_folder(tmp_path)
