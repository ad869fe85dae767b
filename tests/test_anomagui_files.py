"""Session files as AnomaGUI wrote them: the real three, and what is not one."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ls_integration.annotations import check_annotations, empty
from ls_integration.errors import SourceError
from ls_integration.results.anomagui import read_session, write_sessions
from ls_integration.results.tables import check_items
from ls_integration.workflows.score import Scored, score_source

REAL = Path(__file__).resolve().parents[1].parent / "shared/data/anomagui"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is not on this machine")
SESSIONS = ["Fred/Fred", "Julia/Julia", "Theresa/Theresa_2ndAnnotation"]


def make_items() -> pd.DataFrame:
    """Four items: 0.700 is normal, 0.699 is not."""
    return check_items(
        pd.DataFrame(
            {
                "item_id": list("abcd"),
                "source_path": [
                    f"./actin/test/{n}.npz" for n in ("1-0.700", "2-0.2", "3-0.9", "4-0.699")
                ],
                "rating": [0.7, 0.2, 0.9, 0.699],
                "label": ["normal", "anomaly", "normal", "anomaly"],
                "model_score": [0.1, 0.9, np.nan, 0.3],
            }
        )
    )


def make_answers(labels: dict[str, str | None], annotator: str = "Ann") -> pd.DataFrame:
    return check_annotations(
        pd.DataFrame(
            {
                "item_id": list(labels),
                "annotator": annotator,
                "label": list(labels.values()),
                "lead_time_s": [1.5] * len(labels),
            }
        )
    )


def read_row(path: Path) -> dict[str, str]:
    with path.open(newline="") as stream:
        return next(csv.DictReader(stream))


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Scored:
    """Score the three real sessions as the command does."""
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not on this machine")
    return score_source(
        REAL,
        [REAL / f"{name}.npz" for name in SESSIONS],
        tmp_path_factory.mktemp("scored") / "results",
        model_threshold=0.213,
    )


@pytest.mark.parametrize("name", SESSIONS)
def test_the_real_sessions_come_out_as_they_were(scored: Scored, name: str) -> None:
    """CSV byte-identical, NPZ equal: nothing is lost against the old tool."""
    stem = name.split("/")[1]
    assert (scored.folder / f"{stem}.csv").read_bytes() == (REAL / f"{name}.csv").read_bytes()
    with np.load(REAL / f"{name}.npz") as old, np.load(scored.folder / f"{stem}.npz") as new:
        assert sorted(new) == sorted(old)
        np.testing.assert_array_equal(new["classifications"], old["classifications"])
        for key in ("fp_errors", "fn_errors"):
            assert new[key].tolist() == old[key].tolist()
            assert new[key].dtype == old[key].dtype


def test_the_real_model(scored: Scored) -> None:
    """AUC 0.7077 and accuracy 0.6867 at 0.213, as the authors report."""
    model = scored.metrics["model"]
    assert round(model["auc"], 4) == 0.7077
    assert round(model["accuracy"], 4) == 0.6867
    assert model["threshold"] == 0.213
    assert scored.metrics["people"]["Fred"]["accuracy"] == 402 / 549


@needs_real
def test_another_order_is_refused() -> None:
    """A session of these items in another order does not fit, and the first row is named."""
    with np.load(REAL / "Fred/Fred.npz") as old:
        ratings = old["classifications"][:, 1]
    items = pd.DataFrame({"item_id": [str(row) for row in range(549)], "rating": ratings[::-1]})
    with pytest.raises(SourceError, match=r"row 1 has the rating 0\.793"):
        read_session(REAL / "Fred/Fred.npz", items)


def test_there_and_back(tmp_path: Path) -> None:
    """What is written is read back: decisions, times, ids."""
    answers = make_answers({"a": "normal", "b": "normal", "c": "anomaly", "d": "anomaly"})
    written = write_sessions(tmp_path, make_items(), answers, positive="anomaly")
    assert [path.name for path in written] == ["Ann.csv", "Ann.npz"]
    back = read_session(tmp_path / "Ann.npz", make_items())
    pd.testing.assert_frame_equal(back, answers)
    assert (tmp_path / "Ann.csv").read_bytes() == (
        b"Name,Accuracy,TPR,FPR,FP,FN,Classified\r\nAnn,0.5,0.5,0.5,1,1,4\r\n"
    )
    with np.load(tmp_path / "Ann.npz") as archive:
        assert archive["fp_errors"].tolist() == ["./actin/test/3-0.9.npz"]
        assert archive["fn_errors"].tolist() == ["./actin/test/2-0.2.npz"]


def test_an_unfinished_session(tmp_path: Path) -> None:
    """What was not judged or skipped is NaN, keeps its rating, and counts nowhere."""
    answers = make_answers({"c": None, "a": "normal"})
    write_sessions(tmp_path, make_items(), answers, positive="anomaly")
    with np.load(tmp_path / "Ann.npz", allow_pickle=False) as archive:
        table = archive["classifications"]
        assert archive["fp_errors"].dtype.kind == "U"
        assert archive["fp_errors"].shape == (0,)
    assert table[:, 1].tolist() == [0.7, 0.2, 0.9, 0.699]
    np.testing.assert_array_equal(table[:, 0], [0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(table[:, 3], [1.5, np.nan, np.nan, np.nan])
    row = read_row(tmp_path / "Ann.csv")
    assert row["Classified"] == "1"
    assert row["Accuracy"] == "1.0"
    # An old script's float() must not fail where there was no anomaly to find.
    assert np.isnan(float(row["TPR"]))
    assert read_session(tmp_path / "Ann.npz", make_items())["item_id"].tolist() == ["a"]


def test_rounds_and_awkward_names_get_files_of_their_own(tmp_path: Path) -> None:
    """A second round, a name with a slash and one that is a file of ours stay apart."""
    answers = pd.concat(
        [
            make_answers({"a": "normal"}),
            make_answers({"a": "anomaly"}).assign(round=2),
            make_answers({"a": "normal"}, "../x/y"),
            make_answers({"a": "normal"}, "items"),
            make_answers({"a": "normal"}, "ANN"),
            make_answers({"a": "normal"}, "=cmd"),
        ],
        ignore_index=True,
    )
    write_sessions(tmp_path, make_items(), answers, positive="anomaly")
    names = sorted(path.name for path in tmp_path.glob("*.csv"))
    assert names == sorted(
        ["Ann.csv", "Ann_round2.csv", "__x_y.csv", "items_.csv", "ANN-2.csv", "_cmd.csv"]
    )
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []


def test_a_study_without_truth_and_answers(tmp_path: Path) -> None:
    """No labels, no ratings: decisions are written, rates are nan; no answers, no files."""
    items = check_items(pd.DataFrame({"item_id": ["a"], "source_path": ["x.npz"]}))
    write_sessions(tmp_path, items, make_answers({"a": "anomaly"}), positive="anomaly")
    assert read_row(tmp_path / "Ann.csv")["Accuracy"] == "nan"
    with np.load(tmp_path / "Ann.npz") as archive:
        assert archive["classifications"][0, 0] == 1
        assert np.isnan(archive["classifications"][0, 1:3]).all()
    assert write_sessions(tmp_path, items, empty(), positive="anomaly") == []


def test_an_older_session_has_two_columns(tmp_path: Path) -> None:
    """Decision and rating only: times are unknown."""
    table = np.column_stack([[0, 1, 0, 1], make_items()["rating"]])
    np.savez(tmp_path / "Old.npz", classifications=table, fp_errors=[], fn_errors=[])
    answers = read_session(tmp_path / "Old.npz", make_items())
    assert answers["label"].tolist() == ["normal", "anomaly", "normal", "anomaly"]
    assert answers["lead_time_s"].isna().all()
    assert answers["annotator"].unique().tolist() == ["Old"]


def save_and_read(folder: Path, **arrays: object) -> None:
    np.savez(folder / "S.npz", **arrays)  # type: ignore[arg-type]
    read_session(folder / "S.npz", make_items())


def test_what_is_no_session_is_refused(tmp_path: Path) -> None:
    """Other lengths, ratings, decisions, shapes, pickles and files: one line each."""
    ratings = make_items()["rating"].to_numpy()
    good = np.column_stack([[0, 1, 0, 1], ratings, ratings, np.ones(4)])
    with pytest.raises(SourceError, match="has 3 answers, but there are 4 items"):
        save_and_read(tmp_path, classifications=good[:3])
    other = good.copy()
    other[2, 1] = np.float32(0.9)
    with pytest.raises(SourceError, match=r"row 3 has the rating 0\.89999997.*the item 0\.9 \(1 "):
        save_and_read(tmp_path, classifications=other)
    other = good.copy()
    other[3, 0] = 2
    with pytest.raises(SourceError, match="other than 0 and 1 in row 4: 2"):
        save_and_read(tmp_path, classifications=other)
    with pytest.raises(SourceError, match=r"shape \(4, 3\)"):
        save_and_read(tmp_path, classifications=good[:, :3])
    with pytest.raises(SourceError, match="no readable array"):
        save_and_read(tmp_path, something=good)
    with pytest.raises(SourceError, match="no readable array"):
        save_and_read(tmp_path, classifications=good.astype(object))
    (tmp_path / "S.npz").write_bytes(b"not a zip file")
    with pytest.raises(SourceError, match="no readable array"):
        read_session(tmp_path / "S.npz", make_items())
    with pytest.raises(SourceError, match="no session file"):
        read_session(tmp_path / "T.npz", make_items())
