"""``test_outputs.csv``: the input's bytes but for the changed cells, whatever its form."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ls_integration.errors import SourceError
from ls_integration.kinds.cutouts_csv import BYTE_ORDER_MARK, find_spans, read_cells
from ls_integration.kinds.cutouts_edited import read_edited_outputs
from ls_integration.kinds.cutouts_table import read_predictions_table
from ls_integration.results.test_outputs import splice_labels
from tests.cutout_tables import BARE, SMALL, parse


def written(data: bytes, **form: object) -> bytes:
    """Write a table again in another form, cells the same."""
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    out = io.StringIO(newline="")
    csv.writer(out, **form).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue().encode()


def variants(data: bytes) -> dict[str, bytes]:
    """Give the forms in which people's programs save the same table."""
    return {
        "as it is": data,
        "CRLF": written(data, lineterminator="\r\n"),
        "CR": written(data, lineterminator="\r"),
        "BOM": BYTE_ORDER_MARK.encode() + data,
        "quoted, BOM": BYTE_ORDER_MARK.encode() + written(data, quoting=csv.QUOTE_ALL),
        "semicolon": written(data, delimiter=";", lineterminator="\n"),
        "tab, quoted": written(data, delimiter="\t", quoting=csv.QUOTE_ALL),
        "no last line end": data.rstrip(),
        "empty lines": data.replace(b"\n", b"\n\n") + b"\r\n\r\n",
        "more cells": b"\n".join(
            line + (b',"a ""b"", c\r\nd\xc3\xa9"' if n else b",note")
            for n, line in enumerate(data.rstrip().split(b"\n"))
        ),
    }


def differences(old: bytes, new: bytes) -> list[int]:
    """Give the places where two texts of one length differ."""
    assert len(old) == len(new)
    return [place for place, (one, two) in enumerate(zip(old, new, strict=True)) if one != two]


@pytest.mark.parametrize("form", list(variants(b"")))
def test_the_real_table_in_every_form(shared_data: Path, form: str) -> None:
    """Without answers every byte is the input's; seven answers change seven bytes."""
    path = shared_data / "des_cutouts" / "test_outputs.csv"
    data = variants(path.read_bytes())[form]
    table = parse(data, threshold=0.95)
    assert splice_labels(table, {}) == data
    as_they_are = {row: bool(label) for row, label in enumerate(table.present)}
    assert splice_labels(table, as_they_are) == data
    rows = [4, 8, 15, 700, 701, 1846, 1847]
    changes = {row: not table.present[row] for row in rows}
    new = splice_labels(table, changes)
    assert len(differences(data, new)) == 7
    again = parse(new, threshold=0.95)
    assert np.flatnonzero(again.present != table.present).tolist() == rows
    # And back: the same bytes as before.
    assert splice_labels(again, {row: not label for row, label in changes.items()}) == data


@pytest.mark.parametrize("form", list(variants(b"")))
def test_a_table_without_the_column_gets_it(shared_data: Path, form: str) -> None:
    """Every row has one more cell, the label or the change; the others are as they were."""
    path = shared_data / "des_cutouts" / "predictions.csv"
    data = variants(path.read_bytes())[form]
    table = parse(data)
    new = parse(splice_labels(table, {3: True}))
    assert new.cells.header == (*table.cells.header, "label_new")
    assert [row[:-1] for row in new.cells.rows] == list(table.cells.rows)
    expected = table.cells.column("label")
    expected[3] = "1"
    assert new.cells.column("label_new") == expected
    assert (new.cells.text.count("\n"), new.cells.text.count("\r")) == (
        *(table.cells.text.count("\n"), table.cells.text.count("\r")),
    )
    if "quoted" in form:
        assert new.cells.text.count('"') == table.cells.text.count('"') + 2 * (1848 + 1)


def test_appended_by_hand() -> None:
    """The very bytes: nothing but a delimiter and a value before each line end."""
    text = 'image_name;grid_x;grid_y;"label";scores\r\nA;0;0;"True";0.5\n\n"A";200;0;True;1'
    assert splice_labels(parse(text), {1: False}).decode() == (
        'image_name;grid_x;grid_y;"label";scores;"label_new"\r\nA;0;0;"True";0.5;"True"\n\n'
        '"A";200;0;True;1;False'
    )


def test_values_in_the_form_of_the_label() -> None:
    """False and True where the label has them; a quoted cell stays quoted, an empty one is filled.

    The last cell is empty and its label 1: the answer 1 writes nothing there, the answer 0 does.
    """
    text = SMALL.replace(",1,1,", ",True,1,").replace(",1,0,", ",True,0,")
    text = text.replace(",0,1,", ",False,1,").replace("0,0,0,0.1", "0,False,0,0.1")
    text = text.replace("TP,-1,1", 'TP,-1,"1"')
    table = parse(text)
    assert splice_labels(table, {5: True, 1: False}).decode() == text
    new = splice_labels(table, {1: True, 2: False, 5: False}).decode()
    assert new == (
        text.replace("FP,0,0", "FP,0,True")
        .replace('TP,-1,"1"', 'TP,-1,"False"')
        .replace("TP,-1,\n", "TP,-1,False\n")
    )


def test_an_unknown_row() -> None:
    """A row that the table does not have is no silent nothing."""
    for row in (6, -1):
        with pytest.raises(IndexError, match="6 rows"):
            splice_labels(parse(SMALL), {row: True})


CELL = st.text(alphabet='ab",;\t\r\n é\ufeff\u2028\x85\x0b\x1c', max_size=6)
NAMES = ["image_name", "grid_x", "grid_y", "label", "scores"]


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[list[str]], list[int]]:
    """Write random cells as random CSV: text, the rows, the places of label_new's cells."""
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    header = draw(st.permutations([*NAMES, "label_new", "other", "more"]))
    n_rows = draw(st.integers(1, 5))
    rows: list[list[str]] = [list(header)]
    for number in range(n_rows):
        known = {"image_name": "A", "grid_x": str(number), "grid_y": "0", "label": "0"}
        known |= {"scores": "0.5", "label_new": draw(st.sampled_from(["0", "1", ""]))}
        rows.append([known.get(name) or ("" if name in known else draw(CELL)) for name in header])
    text = draw(st.sampled_from(["", BYTE_ORDER_MARK]))
    places = []
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            must = any(char in cell for char in (delimiter, "\r", "\n")) or cell.startswith('"')
            is_quoted = must or draw(st.booleans())
            if header[column] == "label_new":
                places.append(len(text))
            text += '"' + cell.replace('"', '""') + '"' if is_quoted else cell
            text += delimiter if column < len(row) - 1 else ""
        text += draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\r\n\r\n"]))
        if number == len(rows) - 1 and draw(st.booleans()):
            text = text.rstrip("\r\n")
    return text, rows, places


@settings(max_examples=200, deadline=None)
@given(files())
def test_any_file(made: tuple[str, list[list[str]], list[int]]) -> None:
    """Cells are the ones written and stand where they were put; splicing changes only them."""
    text, rows, places = made
    cells = read_cells(text.encode(), "any.csv", NAMES)
    assert list(cells.rows) == rows[1:]
    spans, ends = find_spans(cells, "label_new")
    assert spans[:, 0].tolist() == places
    assert [text[start:end].strip('"') for start, end in spans[1:]] == cells.column("label_new")
    assert all(end == len(text) or text[end] in "\r\n" for end in ends)
    table = parse(text)
    data = text.encode()
    assert splice_labels(table, {}) == data
    new = splice_labels(table, dict.fromkeys(range(len(rows) - 1), True)).decode()
    place = cells.header.index("label_new")
    read = [row for row in csv.reader(io.StringIO(new.removeprefix("\ufeff"), newline="")) if row]
    if cells.delimiter == ",":
        for old, row in zip(rows[1:], read[1:], strict=True):
            assert row[place] == "1"
            assert row[:place] + row[place + 1 :] == old[:place] + old[place + 1 :]


def edited(tmp_path: Path, frame: pd.DataFrame) -> Path:
    """Save a table as the notebook did."""
    path = tmp_path / "test_outputs.csv"
    frame.to_csv(path)
    return path


def read_small(labels: Sequence[object]) -> pd.DataFrame:
    """Read the small table as the notebook did, with other labels in label_new."""
    return pd.read_csv(io.StringIO(SMALL)).assign(label_new=labels)


def test_edited_outputs(tmp_path: Path) -> None:
    """Only cells that differ from the present value are answers; empty ones are none."""
    table = parse(SMALL)
    # Row 0 is not of the queue; row 5 is empty in the study and keeps its label.
    path = edited(tmp_path, read_small([1, 0, None, 0, 1, 1]))
    assert b",1.0," in path.read_bytes() or b",1.0\n" in path.read_bytes()
    assert read_edited_outputs(path, table) == {0: True, 3: False, 4: True}
    all_reviewed = read_edited_outputs(path, table, reviewed_rows=[1, 3, 4])
    assert all_reviewed == {0: True, 1: False, 3: False, 4: True}
    path = edited(tmp_path, read_small([0, 0, 1, 1, 0, 0]))
    assert read_edited_outputs(path, table) == {5: False}
    assert read_edited_outputs(path, parse(BARE)) == {5: False}


def test_the_real_table_edited_in_pandas(shared_data: Path, tmp_path: Path) -> None:
    """The authors' table, saved anew by pandas with three labels changed, gives these three."""
    source = shared_data / "des_cutouts" / "test_outputs.csv"
    frame = pd.read_csv(source)
    frame.loc[[4, 8, 1847], "label_new"] = 1 - frame.loc[[4, 8, 1847], "label_new"]
    table = read_predictions_table(source)
    assert read_edited_outputs(edited(tmp_path, frame), table) == {4: True, 8: True, 1847: True}


def test_edited_outputs_of_other_rows_are_refused(tmp_path: Path) -> None:
    """Rows sorted, left out, added or with another label: the first that differs is named."""
    table, frame = parse(SMALL), read_small([0] * 6)
    swapped = edited(tmp_path, frame.iloc[[0, 2, 1, 3, 4, 5]])
    with pytest.raises(SourceError, match=r"line 3 is A/0/200 .*study has A/200/0 with label 0"):
        read_edited_outputs(swapped, table)
    with pytest.raises(SourceError, match="has 5 rows, the study's table 6"):
        read_edited_outputs(edited(tmp_path, frame.iloc[:5]), table)
    with pytest.raises(SourceError, match="has 7 rows"):
        read_edited_outputs(edited(tmp_path, pd.concat([frame, frame.iloc[:1]])), table)
    other_label = edited(tmp_path, frame.assign(label=[0, 0, 0, 1, 0, 1]))
    with pytest.raises(SourceError, match="line 4 is A/0/200 with label 0, .* with label 1"):
        read_edited_outputs(other_label, table)
    with pytest.raises(SourceError, match="no column label_new"):
        read_edited_outputs(edited(tmp_path, frame.drop(columns="label_new")), table)
    with pytest.raises(SourceError, match=r"label_new is neither .* line 2 \('maybe'\)"):
        read_edited_outputs(edited(tmp_path, frame.assign(label_new=["maybe", *[0] * 5])), table)
