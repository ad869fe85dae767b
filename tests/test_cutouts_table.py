"""The table of cutouts: what is computed, what is checked, what is refused."""

from pathlib import Path

import pandas as pd
import pytest

from ls_integration.errors import ConfigError, SourceError
from ls_integration.kinds.cutouts_complete import DEFAULT_THRESHOLD
from ls_integration.kinds.cutouts_table import read_predictions_table
from tests.cutout_tables import BARE, SMALL, parse


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Path:
    """Give the folder with the authors' own tables."""
    return shared_data / "des_cutouts"


def test_the_real_tables(real: Path) -> None:
    """204 FP, 11 FN, 111 TP, 1,522 TN, given or computed; the same cutouts are the errors."""
    given = read_predictions_table(real / "test_outputs.csv", threshold=0.95)
    computed = read_predictions_table(real / "predictions.csv")
    assert computed.threshold == DEFAULT_THRESHOLD
    counts = {"TN": 1522, "FP": 204, "TP": 111, "FN": 11}
    for table in (given, computed):
        assert table.frame["outcome"].value_counts().to_dict() == counts
        assert table.label_texts == ("0", "1")
        assert not table.notes
    same = ["row", "image_name", "grid_x", "grid_y", "label", "prediction", "score", "outcome"]
    pd.testing.assert_frame_equal(given.frame[same], computed.frame[same])
    is_error = computed.frame["error_id"] >= 0
    assert (is_error == (given.frame["error_id"] >= 0)).all()
    assert computed.frame.loc[is_error, "error_id"].tolist() == list(range(215))
    raw = pd.read_csv(real / "test_outputs.csv", dtype=str, keep_default_na=False)
    assert given.frame["error_id"].astype(str).tolist() == raw["error_id"].tolist()
    pd.testing.assert_frame_equal(given.texts, raw[list(given.texts.columns)], check_dtype=False)
    for name in ("deep_field", "ccd", "mask_all", "mask_small_gri", "image_id", "train_val_test"):
        assert given.frame[name].tolist() == raw[name].tolist()
    assert given.data == (real / "test_outputs.csv").read_bytes()


def test_columns_and_types() -> None:
    """Every column has the type that the contract promises."""
    frame = parse(SMALL).frame
    kinds = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    assert kinds == {
        "row": "int64",
        "image_name": "object",
        "grid_x": "int64",
        "grid_y": "int64",
        "label": "bool",
        "prediction": "bool",
        "score": "float64",
        "outcome": "object",
        "error_id": "int64",
        "label_new": "boolean",
        "grid_id": "object",
    }
    assert frame["error_id"].tolist() == [-1, 0, -1, 1, 2, -1]
    assert frame["label_new"].isna().tolist() == [False] * 5 + [True]
    assert parse(SMALL).present.tolist() == [False, False, True, True, False, True]
    assert parse(BARE).frame["grid_id"].tolist() == [None] * 6
    assert parse(BARE).frame["label_new"].isna().all()


def test_what_is_shown() -> None:
    """The notebook's nine columns in its order; what is absent is computed, grid_id left out."""
    assert list(parse(SMALL).texts.columns) == [
        *("image_name", "error_id", "grid_id", "grid_x", "grid_y"),
        *("label", "preds", "scores", "confmat_labels"),
    ]
    shown = parse(BARE.replace(",1,", ",True,").replace(",0,0.", ",False,0.")).texts
    assert "grid_id" not in shown
    assert shown.iloc[3].tolist() == ["A", "1", "200", "200", "True", "False", "0.5", "FN"]


def test_label_new_counts_before_label() -> None:
    """Reviewers start from label_new where it is given; outcomes stay those of label."""
    table = parse(SMALL.replace("FP,0,0\n", "FP,0,1\n"))
    assert table.present.tolist() == [False, True, True, True, False, True]
    assert table.frame["outcome"].tolist() == ["TN", "FP", "TP", "FN", "FP", "TP"]
    assert "differs from label in 1 rows" in table.notes[0]


@pytest.mark.parametrize("threshold", [0.5, 0.96])
def test_a_score_at_the_threshold_is_positive(threshold: float) -> None:
    """Score >= threshold, at the very value."""
    table = parse(BARE, threshold=threshold)
    assert table.frame["prediction"].tolist() == (table.frame["score"] >= threshold).tolist()
    assert table.frame.loc[table.frame["score"] == threshold, "prediction"].all()


def test_given_predictions_are_trusted_without_a_threshold() -> None:
    """What no threshold explains passes, unless a threshold is given."""
    text = SMALL.replace(",0.1,", ",0.999,")
    assert parse(text).frame["prediction"].tolist() == parse(SMALL).frame["prediction"].tolist()
    assert parse(text).threshold is None
    # At the very value: 0.96 is positive in the file.
    assert parse(SMALL, threshold=0.96).threshold == 0.96
    with pytest.raises(SourceError, match=r"preds contradicts the threshold 0\.95.*line 2 .'0'"):
        parse(text, threshold=0.95)


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        (("0", "1"), ("0", "1")),
        (("0.0", "1.0"), ("0.0", "1.0")),
        (("False", "True"), ("False", "True")),
        (("FALSE", "TRUE"), ("FALSE", "TRUE")),
        (("false", "true"), ("false", "true")),
        (("0", "0"), ("0", "1")),
        (("1.0", "1.0"), ("0.0", "1.0")),
        (("True", "True"), ("False", "True")),
        (("fAlse", "fAlse"), ("fAlse", "true")),
    ],
)
def test_forms_of_the_label(forms: tuple[str, str], expected: tuple[str, str]) -> None:
    """Each way to write two labels is read, and known for writing; also if one is absent."""
    lines = ["image_name,grid_x,grid_y,label,scores"]
    lines += [f"A,{200 * n},0,{forms[n % 2]},0.5" for n in range(4)]
    assert parse("\n".join(lines)).label_texts == expected


HEADER = "image_name,grid_x,grid_y,label,scores"
BROKEN = [
    (b"", "is empty"),
    (b"\xef\xbb\xbf", "no column image_name"),
    (HEADER.encode(), "no rows"),
    (b"image_name,grid_x,label,scores\nA,0,0,1", "no column grid_y, only image_name"),
    (b"image_name,grid_x,grid_y,label\nA,0,0,1", "no column scores or confidence"),
    (b"image_name,grid_x,grid_y,label,scores,label\nA,0,0,1,1,1", r"twice: label \(1\)"),
    (BARE.encode().replace(b"A,0,200", b"\xe9,0,200"), "line 4 is not UTF-8 text .byte 0xe9"),
    (BARE.encode("utf-16"), "line 1 is not UTF-8"),
    (BARE.replace("A,0,200,1", "A,0,200").encode(), r"header's 5: line 4 \(4\)"),
    (BARE.replace("A,0,200,1", 'A,"0"x,200,1').encode(), "line 4 is not CSV"),
    (BARE.replace("A,0,200,1", '"A,0,200,1').encode(), "line 4 is not CSV"),
    (BARE.replace("A,0,200", "A,-200,200").encode(), r"grid_x is not a whole .* 4 \('-200'\)"),
    (BARE.replace("A,0,200", "A,0.5,200").encode(), r"grid_x is not a whole .* 4 \('0.5'\)"),
    (BARE.replace("A,0,200", "A,0,").encode(), r"grid_y is not a whole .* 4 \(''\)"),
    (BARE.replace("A,0,200", " ,0,200").encode(), "image_name is empty in line 4"),
    (BARE.replace("0.97", "nan").encode(), r"confidence is not a number in line 4 \('nan'\)"),
    (BARE.replace("0.97", "inf").encode(), r"confidence is not a number in line 4 \('inf'\)"),
    (BARE.replace("0.97", "1e999").encode(), r"confidence is not a number in line 4"),
    (BARE.replace("0.97", "").encode(), r"confidence is not a number in line 4 \(''\)"),
    (BARE.replace("1,0.97", "2,0.97").encode(), r"neither 0/1 nor true/false in line 4 \('2'\)"),
    (BARE.replace("1,0.97", "1.0,0.97").encode(), r"neither '0' nor '1' .* line 4 \('1.0'\)"),
    (BARE.replace("A,0,200", "A,200,0").encode(), r"stands again in line 4 \(1\)"),
    (BARE.replace("A,0,200", "A,200.0,0").encode(), r"stands again in line 4 \(1\)"),
    (SMALL.replace("1,1\ng4", "1,x\ng4").encode(), r"label_new is neither .* 5 \('x'\)"),
    (SMALL.replace("1,0.99", ",0.99").encode(), r"preds is neither .* 3 \(''\)"),
    (SMALL.replace("TP,-1,1", "FN,-1,1").encode(), r"confmat_labels contra.* 4 \('FN'\)"),
    (SMALL.replace("FP,2", "FP,-1").encode(), r"-1 for an error .* line 6 \(1\)"),
    (SMALL.replace("TN,-1", "TN,7").encode(), r"to what is no error .* line 2 \('7'\)"),
    (SMALL.replace("FP,2", "FP,0").encode(), r"error_id stands again in line 6 \('0'\)"),
    (SMALL.replace("FP,2", "FP,").encode(), r"error_id is not a whole number .* 6 \(''\)"),
]


@pytest.mark.parametrize(("data", "message"), BROKEN)
def test_what_is_refused(data: bytes, message: str) -> None:
    """Each fault is named with its column, its line in the file and its value, on one line."""
    with pytest.raises(SourceError, match=message) as caught:
        parse(data)
    assert "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_message_for_everything() -> None:
    """Faults of several columns come together, five lines of each and their number."""
    lines = [HEADER] + [f"A,{200 * n},x,0,y" for n in range(7)]
    with pytest.raises(SourceError) as caught:
        parse("\n".join(lines))
    assert str(caught.value) == (
        "t.csv: grid_y is not a whole number from 0 on in line 2 ('x'), 3 ('x'), 4 ('x'), 5 ('x'), "
        "6 ('x'), ... (7); scores is not a number in line 2 ('y'), 3 ('y'), 4 ('y'), 5 ('y'), "
        "6 ('y'), ... (7); correct these cells"
    )


def test_lines_are_those_of_the_file() -> None:
    """A cell with line ends in it, and empty lines, move the line and not the row."""
    text = f'note,{HEADER}\r\n"two\r\nlines",A,0,0,0,1\r\n\r\nx,A,0,0,0,1\r\n'
    with pytest.raises(SourceError, match=r"stands again in line 5 \(1\)"):
        parse(text)


def test_options_without_sense() -> None:
    """A threshold that nothing reaches or a tile without size is an option's fault."""
    for options in ({"threshold": float("nan")}, {"tile_px": 0}):
        with pytest.raises(ConfigError):
            parse(BARE, **options)


def test_columns_called_as_ours_are_kept() -> None:
    """A column score or row of the file stands beside ours, with its own texts."""
    lines = BARE.splitlines()
    text = "\n".join([f"{lines[0]},score,row,row_in_file"] + [f"{x},s,r,q" for x in lines[1:]])
    frame = parse(text).frame
    assert frame["score"].tolist() == [0.1, 0.99, 0.97, 0.5, 0.96, 1.0]
    assert frame["score_in_file"].tolist() == ["s"] * 6
    assert frame["row_in_file"].tolist() == ["q"] * 6
    assert frame["row_in_file_in_file"].tolist() == ["r"] * 6


def test_a_grid_that_does_not_fit_the_tile_is_noted() -> None:
    """Steps of 200 px and tiles of 128 px, or grid numbers instead of pixels, are told."""
    assert "grid_x goes in steps of 200 px" in parse(BARE, tile_px=128).notes[0]
    assert "give --tile 1" in parse(BARE.replace("00,", ",").replace("2,", "1,")).notes[0]
    assert not parse(BARE).notes


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """The path and the reason are in the message."""
    with pytest.raises(SourceError, match="No such file"):
        read_predictions_table(tmp_path / "none.csv")
