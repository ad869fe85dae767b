"""`--order uncertain`: what is most worth a look comes first, and the study keeps that order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ls_integration.errors import ConfigError, StudyError
from ls_integration.kinds.cutouts import make_items as make_cutouts
from ls_integration.kinds.cutouts_table import parse_predictions_table
from ls_integration.models.queue import relevance
from ls_integration.models.queue_scale import find_threshold, scale_scores
from ls_integration.study import Study
from ls_integration.workflows.import_items import (
    SOURCE_ORDER,
    check_same_source,
    imported_paths,
    read_table,
    select_rows,
)
from ls_integration.workflows.import_options import check_same_options, remembered
from ls_integration.workflows.import_ratings import check_selection
from ls_integration.workflows.item_pictures import make_items
from ls_integration.workflows.session_rows import in_source_order
from ls_integration.workflows.sted_options import ImportOptions, RatingOptions, check_options
from ls_integration.workflows.uncertain_order import rank_cutouts, rank_items, rank_sted


def options_for(repository: Path, **given: Any) -> ImportOptions:
    """Give the options of an import of the sample."""
    source = repository / "data" / "sted_sample"
    wanted = {"source": source, "model_threshold": 0.5, "order": "uncertain", **given}
    return ImportOptions(**wanted)


def imported(options: ImportOptions, **changes: Any) -> tuple[Study, pd.DataFrame]:
    """Make study and items as an import would, without pictures."""
    selection = select_rows(read_table(options), options, lambda _: None)
    study = Study(kind="sted-quality", title="Sample", blind=False, options=remembered(options))
    items = make_items(selection.rows, make_id=study.item_id, normal_at_least=0.70)
    found = selection.found(options.order, items["source_path"].tolist())
    return study.model_copy(update={"options": {**study.options, **found}, **changes}), items


def test_scores_of_any_scale_keep_order_and_threshold() -> None:
    """Probabilities stay; turned ones move up by 1; all else is stretched from end to end."""
    scores = np.array([0.02, 0.4, 0.3])
    same, cut = scale_scores(scores, 0.213)
    assert (same.tolist(), cut) == (scores.tolist(), 0.213)
    moved, cut = scale_scores(np.array([-0.75, -0.25]), -0.5)
    assert (moved.tolist(), cut) == ([0.25, 0.75], 0.5)
    # AnomaGUI's own scores reach 1.03.
    wide, cut = scale_scores(np.array([0.03, 0.53, 1.03]), 0.213)
    np.testing.assert_allclose(wide, [0, 0.5, 1])
    assert cut == pytest.approx(0.183)
    # A threshold beyond all scores is an end too.
    logits, cut = scale_scores(np.array([-4.0, 0.0, 2.0]), 4.0)
    np.testing.assert_allclose(logits, [0, 0.5, 0.75])
    assert cut == 1
    assert scale_scores(np.array([7.0, 7.0]), 7.0)[0].tolist() == [0, 0]


def test_a_threshold_is_found_from_decisions() -> None:
    """Halfway between the two sides; beyond the scores of one side; none where they mix."""
    scores = np.array([0.1, 0.4, 0.6, 0.9])
    assert find_threshold(scores, scores > 0.5) == pytest.approx(0.5)
    assert find_threshold(scores, np.ones(4, dtype=bool)) == 0.1
    beyond = find_threshold(scores, np.zeros(4, dtype=bool))
    assert beyond == pytest.approx(1.7)
    assert find_threshold(scores, np.array([True, False, True, False])) is None
    assert find_threshold(np.array([0.5, 0.5]), np.array([True, False])) is None


def test_doubt_and_contradiction_come_first_and_no_score_last() -> None:
    """By hand: at the threshold, then the sure error, then the rest by doubt."""
    scores = np.array([0.9, np.nan, 0.1, 0.48, 0.95, np.nan, 0.3])
    positive = np.array([True, True, False, False, False, False, False])
    order = rank_items(scores, 0.5, positive, np.ones(7, dtype=bool))
    assert order.tolist() == [3, 4, 6, 0, 2, 1, 5]


def test_near_duplicates_are_kept_apart(repository: Path) -> None:
    """Of the same scores, the copy of an image waits until others were shown."""
    options = options_for(repository)
    rows = read_table(options).rows.head(6).assign(model_score=0.5, model_label="anomaly")
    rows = rows.assign(rating=np.nan)
    rows.loc[1, "file"] = rows.loc[0, "file"]
    order = rank_sted(rows, options, 0.5).tolist()
    assert order[0] == 0
    assert order[-1] == 1
    # One that cannot be opened is like nothing in particular, and stops nothing.
    rows.loc[2, "file"] = "gone.npz"
    assert sorted(rank_sted(rows, options, 0.5).tolist()) == list(range(6))


def test_an_import_puts_the_sample_in_that_order(repository: Path) -> None:
    """The first tenth is worth more than the rest; the same each time, and first of a limit."""
    options = options_for(repository)
    study, items = imported(options)
    worth = relevance(
        items["model_score"].to_numpy(), 0.5, (items["label"] == "anomaly").to_numpy()
    )
    assert worth[:6].min() > np.median(worth)
    assert len(items) == 60
    assert imported(options)[1]["source_path"].tolist() == items["source_path"].tolist()
    few = imported(replace(options, limit=7))[1]
    assert few["source_path"].tolist() == items["source_path"].tolist()[:7]
    straight = imported(replace(options, order="file"))[1]
    assert straight["source_path"].tolist() != items["source_path"].tolist()
    # An old session finds its rows.
    assert len(study.options[SOURCE_ORDER]) == 60
    ordered = in_source_order(items, study)
    assert ordered["source_path"].tolist() == straight["source_path"].tolist()


def test_an_imported_study_keeps_its_order(repository: Path) -> None:
    """Whatever the ranking would say now; what is new or gone is still found out."""
    options = options_for(repository)
    study, items = imported(options)
    shuffled = items.sample(frac=1, random_state=1).reset_index(drop=True)
    table = read_table(options)

    def again(asked: ImportOptions, known: pd.DataFrame) -> None:
        paths = imported_paths(known, study)
        selection = select_rows(table, asked, lambda _: None, known_paths=paths)
        check_same_source(selection, known, study)

    again(options, shuffled)
    again(replace(options, limit=50), shuffled.head(50))
    with pytest.raises(StudyError, match="new: "):
        again(options, shuffled.head(59))
    other = shuffled.assign(model_score=shuffled["model_score"] + 0.001)
    with pytest.raises(StudyError, match="the column model_score"):
        again(options, other)
    check_same_options(study, options, Path("study"))
    with pytest.raises(StudyError, match="order was 'uncertain', is 'file'"):
        check_same_options(study, replace(options, order="file"), Path("study"))


def test_decisions_without_a_threshold_will_do(repository: Path) -> None:
    """They tell where it lies, unless they keep to none."""
    options = options_for(repository, model_threshold=None)
    rows = read_table(options).rows
    rows = rows.assign(model_label=np.where(rows["model_score"] >= 0.5, "anomaly", "normal"))
    assert sorted(rank_sted(rows, options, None).tolist()) == list(range(len(rows)))
    mixed = rows.assign(model_label=["anomaly", "normal"] * (len(rows) // 2))
    with pytest.raises(ConfigError, match="keep to no threshold .* --model-threshold"):
        rank_sted(mixed, options, None)


def test_what_has_no_scores_or_is_blind_is_refused(repository: Path, tmp_path: Path) -> None:
    """In one line, before anything is drawn."""
    with pytest.raises(ConfigError, match="--blind with --order uncertain would tell"):
        check_options(options_for(repository, blind=True), "Sample")
    sample = repository / "data" / "sted_sample"
    (tmp_path / "sample").symlink_to(sample)
    manifest = pd.read_csv(sample / "manifest.csv", dtype=str)
    manifest["path"] = "sample/" + manifest["path"]
    manifest[["path", "rating"]].to_csv(tmp_path / "plain.csv", index=False)
    plain = options_for(repository, source=tmp_path / "plain.csv", model_threshold=None)
    with pytest.raises(ConfigError, match=r"needs a model's scores, and .*plain.csv has none"):
        select_rows(read_table(plain), plain, lambda _: None)


def test_a_threshold_without_the_order_is_refused_for_ratings(repository: Path) -> None:
    """The page of ratings shows nothing of a model; older studies go on."""
    options = RatingOptions(source=repository, range=(0.0, 1.0), model_threshold=0.5)
    with pytest.raises(ConfigError, match="leave it out: the page shows nothing of a model"):
        check_selection(options)
    check_selection(replace(options, order="uncertain"))
    plain = replace(options, model_threshold=None)
    kept = remembered(plain)
    older = {name: kept[name] for name in kept if not name.startswith(("model_", "score_"))}
    study = Study(kind="sted-rating", title="Older", blind=False, options=older)
    check_same_options(study, plain, Path("study"))


def test_the_random_floor_of_cutouts_keeps_its_places() -> None:
    """Else its surest items would stand where a review that stops early never comes."""
    generator = np.random.default_rng(4)
    scores = generator.random(60)
    lines = ["image_name,grid_x,grid_y,label,scores,preds"]
    for number, score in enumerate(scores):
        is_error = number % 3 == 0
        called = score >= 0.4
        lines.append(
            f"f,{10 * number},0,{int(called != is_error)},{score:.6f},{int(called)}",
        )
    table = parse_predictions_table("\n".join(lines).encode(), "t.csv", tile_px=10)
    items = make_cutouts(table, make_id=str, seed=1, random_floor=0.25)
    order = rank_cutouts(table, items)
    ranked = items.iloc[order]
    assert ranked["is_queue"].tolist() == items["is_queue"].tolist()
    is_floor = ~items["is_queue"].to_numpy(dtype=bool)
    assert is_floor.sum() == 10
    assert ranked["item_id"][is_floor].tolist() == items["item_id"][is_floor].tolist()
    queue = ranked.loc[ranked["is_queue"]]
    # No threshold was given: the predictions tell where it is.
    worth = relevance(
        queue["model_score"].to_numpy(), 0.4, (queue["label"] == "artifact").to_numpy()
    )
    assert (np.diff(worth) <= 0.05).all()
    assert worth[0] > 0.9
    mixed = lines[:1] + [line[:-1] + str(number % 2) for number, line in enumerate(lines[1:])]
    wrong = parse_predictions_table("\n".join(mixed).encode(), "t.csv", tile_px=10)
    with pytest.raises(ConfigError, match="keep to no threshold .* --threshold"):
        rank_cutouts(wrong, items)
