"""Items of cutouts: the queue's order, the random floor, ids."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.errors import ConfigError
from ls_integration.kinds.cutouts import (
    all_cutouts,
    all_item_ids,
    further_items,
    make_items,
)
from ls_integration.kinds.cutouts_table import CutoutTable, read_predictions_table
from ls_integration.study import check_items
from tests.cutout_tables import BARE, SMALL, make_id, parse


@pytest.fixture(scope="module")
def real(shared_data: Path) -> CutoutTable:
    """Read the authors' own table."""
    return read_predictions_table(shared_data / "des_cutouts" / "test_outputs.csv")


def test_the_real_queue(real: CutoutTable) -> None:
    """215 items, 204 FP and 11 FN, in one stream by error_id over the frames."""
    items = make_items(real, make_id=make_id, seed=0)
    check_items(items)
    assert items["outcome"].value_counts().to_dict() == {"FP": 204, "FN": 11}
    assert items["error_id"].is_monotonic_increasing
    assert items["position"].tolist() == list(range(215))
    assert items["is_queue"].all()
    assert (items["sampling_rate"] == 1.0).all()
    assert items["image_name"].nunique() == 8


def test_both_real_tables_have_the_same_queue(real: CutoutTable, shared_data: Path) -> None:
    """The bare table gives the same 215 cutouts, in the same order, under the same ids."""
    bare = read_predictions_table(shared_data / "des_cutouts" / "predictions.csv")
    one, other = (make_items(table, make_id=make_id, seed=0) for table in (real, bare))
    different = ["error_id", "grid_id"]
    pd.testing.assert_frame_equal(one.drop(columns=different), other.drop(columns=different))


def test_one_item_by_hand() -> None:
    """The false negative of the small table, column by column."""
    text = SMALL.replace("FN,1,1", "FN,1,0")
    item = make_items(parse(text), make_id=make_id, seed=0).iloc[1]
    assert item.to_dict() == {
        "item_id": make_id("A/200/200"),
        "position": 1,
        "image": None,
        "source_path": "A/200/200",
        "label": "no artifact",
        "given_label": "artifact",
        "model_score": 0.5,
        "model_label": "no artifact",
        "outcome": "FN",
        "error_id": 1,
        "image_name": "A",
        "grid_id": "g3",
        "grid_x": 200,
        "grid_y": 200,
        "row": 3,
        "group": "A",
        "is_queue": True,
        "sampling_rate": 1.0,
    }


def test_what_is_in_the_queue() -> None:
    """Errors first, by error_id and not by row; then the rest in the order of the file."""
    text = SMALL.replace("FP,0,0", "FP,2,0").replace("FP,2,0\ng5", "FP,0,0\ng5")
    table = parse(text)

    def rows(show: str) -> list[int]:
        items = make_items(table, make_id=make_id, seed=0, show=show)  # type: ignore[arg-type]
        return items["row"].tolist()

    assert rows("errors") == [4, 3, 1]
    assert rows("positives") == [4, 3, 1, 2, 5]
    assert rows("all") == [4, 3, 1, 0, 2, 5]


@pytest.mark.parametrize(
    ("share", "expected"), [(0.05, 82), (0.0, 0), (1.0, 1633), (0.001, 2), (13 / 1633, 13)]
)
def test_the_random_floor(real: CutoutTable, share: float, expected: int) -> None:
    """A share of all cutouts outside the queue, drawn without doubles, with its probability."""
    items = make_items(real, make_id=make_id, seed=3, random_floor=share)
    floor = items.loc[~items["is_queue"]]
    assert len(floor) == expected
    assert items["row"].is_unique
    assert floor["outcome"].isin(["TP", "TN"]).all()
    assert np.allclose(floor["sampling_rate"], expected / 1633)
    queue = make_items(real, make_id=make_id, seed=3)
    assert items.loc[items["is_queue"], "row"].tolist() == queue["row"].tolist()
    check_items(items)


def test_the_floor_is_mixed_in_and_seeded(real: CutoutTable) -> None:
    """The same seed gives the same items, another one others; no end is without floor items."""
    items, same, other = (
        make_items(real, make_id=make_id, seed=seed, random_floor=0.05) for seed in (3, 3, 4)
    )
    pd.testing.assert_frame_equal(items, same)
    assert set(items["row"]) != set(other["row"])
    place = np.flatnonzero(~items["is_queue"])
    assert place.min() < 30
    assert place.max() > len(items) - 30
    # In random order too: a sorted floor would tell itself apart from the queue.
    assert not pd.Series(items["row"].to_numpy()[place]).is_monotonic_increasing


def test_the_floor_is_a_fair_sample() -> None:
    """Over many seeds each cutout outside the queue is drawn equally often."""
    table = parse(BARE)  # outside the errors: rows 0, 2, 5
    drawn = np.zeros(6)
    for seed in range(600):
        items = make_items(table, make_id=make_id, seed=seed, random_floor=0.3)
        drawn[items.loc[~items["is_queue"], "row"]] += 1
    # 200 expected, standard deviation 11.5.
    assert drawn.sum() == 600
    assert np.flatnonzero(drawn).tolist() == [0, 2, 5]
    assert np.abs(drawn[[0, 2, 5]] - 200).max() < 50


def test_ids_of_all_cutouts() -> None:
    """Neighbours have ids too: those that they would have as items."""
    table = parse(SMALL)
    items = make_items(table, make_id=make_id, seed=0)
    ids = all_item_ids(table, make_id)
    assert len(set(ids)) == 6
    assert ids[items["row"]].tolist() == items["item_id"].tolist()


def test_cutouts_that_were_not_asked() -> None:
    """They come behind the items, each once, known by no sampling rate."""
    table = parse(SMALL)
    items = make_items(table, make_id=make_id, seed=0)
    further = further_items(table, items, [5, 3, 0, 0], make_id=make_id)
    assert further["row"].tolist() == [0, 5]
    assert further["position"].tolist() == [3, 4]
    assert not further["is_queue"].any()
    assert further["sampling_rate"].isna().all()
    whole = all_cutouts(table, items, make_id=make_id)
    check_items(whole)
    assert whole["row"].tolist() == [1, 3, 4, 0, 2, 5]
    assert whole["item_id"].tolist() == all_item_ids(table, make_id)[whole["row"]].tolist()
    everything = make_items(table, make_id=make_id, seed=0, show="all")
    pd.testing.assert_frame_equal(all_cutouts(table, everything, make_id=make_id), everything)


def test_options_that_cannot_be() -> None:
    """An unknown queue, a floor above 1, and a queue without anything in it are named."""
    table = parse(SMALL)
    for options in ({"show": "some"}, {"random_floor": 1.1}, {"random_floor": float("nan")}):
        with pytest.raises(ConfigError):
            make_items(table, make_id=make_id, seed=0, **options)  # type: ignore[arg-type]
    right = "image_name,grid_x,grid_y,label,scores\nA,0,0,1,1\n"
    with pytest.raises(ConfigError, match="no cutouts of --show errors"):
        make_items(parse(right), make_id=make_id, seed=0)
