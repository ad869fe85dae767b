"""How files break: bytes flipped, cut and spliced, and forms with lies in their headers."""

import csv
import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Break = Callable[[Draw, bytes], bytes]

NUMBERS = (0, 1, 2, 3, 4, 7, 8, 16, 64, 255, 256, 1000, 32767, 65535, 65536, 10**6)
LARGE_NUMBERS = (2**31 - 1, 2**31, 2**32 - 1, 10**12, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 10**30)
TEXTS = (
    "",
    " ",
    "NaN",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "-0.0",
    "١٢",
    "²",
    "1_000",
    "0x10",
    "true",
    "null",
    "[]",
    '=HYPERLINK("http://x","y")',
    "+cmd|' /C calc'!A0",
    "@SUM(1)",
    "-1+1",
    "'=1",
    "../../up",
    "/etc/passwd",
    "a\\..\\..\\b",
    "C:\\x",
    "a\nb",
    "a\rb",
    "a\0b",
    "\ufeff",
    "\u202egpj.exe",
    "e\u0301",
    "\u00e9",
    "\U0001f52c",
    "x" * 4000,
    "9" * 5000,
    '"',
    "''",
    ";",
    "<script>",
    "{{7*7}}",
    "%s%n",
    "2026-13-45T99:99:99Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59+14:00",
)

any_number = st.sampled_from((*NUMBERS, *LARGE_NUMBERS, -1, -5, -(2**31), -(2**63)))
any_text = st.one_of(st.sampled_from(TEXTS), st.text(max_size=8))


def broken_bytes(draw: Draw, content: bytes) -> bytes:
    """Flip, overwrite, cut, repeat and insert, without knowing the form."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        how = draw(st.integers(0, 6))
        # Headers stand at either end: half of the places are there.
        near = draw(st.booleans())
        place = draw(st.integers(0, max(0, min(len(data), 600 if near else len(data)) - 1)))
        if near and draw(st.booleans()):
            place = max(0, len(data) - 1 - place)
        if how == 0 and data:
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif how == 1 and data:
            data[place] = draw(st.integers(0, 255))
        elif how == 2:
            form = draw(st.sampled_from(("<H", ">H", "<I", ">I", "<Q", ">Q")))
            size = struct.calcsize(form)
            number = draw(any_number) % 256**size
            data[place : place + size] = struct.pack(form, number)
        elif how == 3:
            del data[place:]
        elif how == 4:
            del data[place : place + draw(st.integers(1, 64))]
        elif how == 5:
            data[place:place] = data[place : place + draw(st.integers(1, 64))]
        else:
            data[place:place] = draw(st.binary(max_size=16))
    return bytes(data)


def broken_npy(draw: Draw, content: bytes) -> bytes:
    """Write another header before the values: shapes, types, orders and versions that lie."""
    values = content[10 + struct.unpack("<H", content[8:10])[0] :]
    return npy_bytes(draw, values)


def npy_bytes(draw: Draw, values: bytes) -> bytes:
    """Write an array whose header says anything."""
    shape = tuple(draw(st.lists(any_number, max_size=4)))
    dtype = draw(
        st.sampled_from(
            [
                "<f8",
                ">f4",
                "<i2",
                "|u1",
                "|b1",
                "<U9",
                "<U2147483647",
                "|S4",
                "|O",
                "<c16",
                "<M8[us]",
            ]
            + [[("a", "<f8"), ("b", "|O")], [("a", "<f4", (2, 2))], "|V8", "nonsense", None, 3]
        )
    )
    header: Any = {"descr": dtype, "fortran_order": draw(st.booleans()), "shape": shape}
    if draw(st.integers(0, 5)) == 0:
        header.pop(draw(st.sampled_from(sorted(header))))
    text = repr(header)
    if draw(st.integers(0, 5)) == 0:
        text = draw(st.sampled_from(("(" * 3000, "{'descr'", "__import__('os')", "", "9" * 9999)))
    version = draw(st.sampled_from(((1, 0), (2, 0), (3, 0), (9, 9))))
    raw = text.encode() + b"\n"
    length = len(raw) if draw(st.integers(0, 4)) else draw(any_number)
    form = "<H" if version == (1, 0) else "<I"
    size = struct.pack(form, length % 256 ** struct.calcsize(form))
    return b"\x93NUMPY" + bytes(version) + size + raw + values


def broken_zip(draw: Draw, content: bytes) -> bytes:
    """Break a member and pack the archive anew, so that its checksums are right."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw(st.sampled_from(sorted(members)))
    how = draw(st.integers(0, 4))
    if how == 0:
        del members[name]
    elif how == 1:
        members[draw(st.sampled_from(("../x.npy", "/x.npy", "x" * 4000, "é\n.npy", "a/")))] = (
            members[name]
        )
    elif how == 2 and name.endswith(".npy"):
        members[name] = broken_npy(draw, members[name])
    elif how == 3 and name.endswith(".json"):
        members[name] = broken_json(draw, members[name])
    else:
        members[name] = broken_bytes(draw, members[name])
    packing = draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", packing) as archive:
        for member, part in members.items():
            archive.writestr(member, part)
    return packed.getvalue()


def broken_png(draw: Draw, content: bytes) -> bytes:
    """Change the header and order of the chunks, with checksums that are right."""
    chunks = []
    place = 8
    while place + 8 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        chunks.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    width, height = draw(any_number) % 2**32, draw(any_number) % 2**32
    if draw(st.booleans()):
        width, height = struct.unpack(">II", chunks[0][1][:8])
    depth, colour = draw(st.sampled_from((1, 2, 4, 8, 16, 3))), draw(st.integers(0, 7))
    if draw(st.booleans()):
        depth, colour = chunks[0][1][8], chunks[0][1][9]
    rest = bytes((depth, colour, 0, draw(st.integers(0, 1)), draw(st.integers(0, 1))))
    chunks[0] = (b"IHDR", struct.pack(">II", width, height) + rest)
    kind = draw(
        st.sampled_from((b"tEXt", b"zTXt", b"iTXt", b"PLTE", b"tRNS", b"acTL", b"iCCP", b"eXIf"))
    )
    text = draw(
        st.sampled_from((b"", b"a\0b", b"a\0\0" + zlib.compress(bytes(10**6)), b"\xff" * 9))
    )
    if draw(st.booleans()):
        chunks.insert(draw(st.integers(0, len(chunks))), (kind, text))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def broken_tiff(draw: Draw, content: bytes) -> bytes:
    """Change type, count or value of the first page's entries."""
    data = bytearray(content)
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack(f"{order}I", data[4:8])
    (count,) = struct.unpack(f"{order}H", data[start : start + 2])
    for _ in range(draw(st.integers(1, 3))):
        entry = start + 2 + 12 * draw(st.integers(0, count - 1))
        field, form = draw(
            st.sampled_from(((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "I"), (8, "H")))
        )
        number = draw(any_number) % 256 ** struct.calcsize(order + form)
        data[entry + field : entry + field + struct.calcsize(order + form)] = struct.pack(
            order + form, number
        )
    return bytes(data)


def broken_fits(draw: Draw, content: bytes) -> bytes:
    """Change cards of the header; gzipped as it was."""
    is_packed = content[:2] == b"\x1f\x8b"
    data = bytearray(gzip.decompress(content) if is_packed else content)
    cards = [at for at in range(0, min(len(data), 5760 * 3), 80) if data[at + 8 : at + 10] == b"= "]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.sampled_from(cards))
        value = draw(
            st.one_of(
                any_number.map(str),
                st.sampled_from(
                    ("T", "F", "'NONSENSE'", "1E400", "NaN", "", "-32", "-64", "'", "(1,2)")
                ),
            )
        )
        data[at + 10 : at + 80] = value[:70].rjust(20).ljust(70).encode()
    return gzip.compress(bytes(data), 1) if is_packed else bytes(data)


def broken_text(draw: Draw, content: bytes) -> bytes:
    """Replace words, drop and double lines, change the encoding."""
    lines = content.decode(errors="replace").split("\n")
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.integers(0, 4))
        if how == 0 and len(lines) > 1:
            del lines[at]
        elif how == 1:
            lines.insert(at, lines[at])
        elif how == 2:
            lines[at] = draw(any_text)
        else:
            place = draw(st.integers(0, len(lines[at])))
            length = draw(st.integers(0, 12))
            lines[at] = lines[at][:place] + draw(any_text) + lines[at][place + length :]
    return encoded(draw, "\n".join(lines))


def encoded(draw: Draw, text: str) -> bytes:
    """Write a text in this or that encoding, mostly in UTF-8."""
    if draw(st.integers(0, 4)):
        return text.encode(errors="surrogatepass")
    form = draw(st.sampled_from(("utf-8-sig", "utf-16", "utf-32", "latin-1", "cp037")))
    return text.encode(form, errors="replace")


def broken_csv(draw: Draw, content: bytes) -> bytes:
    """Drop, double and rename columns, replace cells, change how the table is written."""
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    for _ in range(draw(st.integers(1, 4))):
        how = draw(st.integers(0, 5))
        at = draw(st.integers(0, len(rows) - 1))
        if how == 0:
            column = draw(st.integers(0, len(rows[0]) - 1))
            rows = [row[:column] + row[column + 1 :] for row in rows]
            if not rows[0]:
                break
        elif how == 1:
            column = draw(st.integers(0, len(rows[0]) - 1))
            rows[0][column] = draw(st.one_of(any_text, st.sampled_from(rows[0])))
        elif how == 2:
            rows.insert(at, list(rows[at]))
        elif how == 3:
            rows[at] = [*rows[at], draw(any_text)]
        elif rows[at]:
            rows[at][draw(st.integers(0, len(rows[at]) - 1))] = draw(
                st.one_of(any_text, any_number.map(str))
            )
    out = io.StringIO(newline="")
    form: dict[str, Any] = {
        "delimiter": draw(st.sampled_from((",", ",", ",", ";", "\t", "|"))),
        "lineterminator": draw(st.sampled_from(("\n", "\r\n", "\r"))),
        "quoting": draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))),
    }
    csv.writer(out, **form).writerows(rows)
    return encoded(draw, out.getvalue())


any_json: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    any_number,
    st.sampled_from((float("nan"), float("inf"), -float("inf"), 1e308, 0.1, 5e-324)),
    any_text,
    st.sampled_from(("\ud800", [], {}, [[]], {"": None}, ["a"], [1, "x", None], {"id": 1})),
)


def broken_value(draw: Draw, value: Any) -> Any:
    """Replace, remove or double something somewhere inside a JSON value."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
        return draw(any_json)
    key: Any
    if isinstance(value, dict):
        key = draw(st.sampled_from(sorted(value)))
        how = draw(st.integers(0, 6))
        if how == 0:
            return {name: inner for name, inner in value.items() if name != key}
        if how == 1:
            return {**value, draw(any_text): value[key]}
        return {**value, key: broken_value(draw, value[key])}
    key = draw(st.integers(0, len(value) - 1))
    how = draw(st.integers(0, 6))
    if how == 0:
        return [*value[:key], *value[key + 1 :]]
    if how == 1:
        return [*value, value[key]]
    return [*value[:key], broken_value(draw, value[key]), *value[key + 1 :]]


def broken_json(draw: Draw, content: bytes) -> bytes:
    """Break a JSON text in its values, or nest it beyond all depth."""
    value = json.loads(content)
    for _ in range(draw(st.integers(1, 3))):
        value = broken_value(draw, value)
    text = json.dumps(value)
    how = draw(st.integers(0, 19))
    if how == 0:
        text = "[" * 100_000
    elif how == 1:
        text = '{"a":' * 100_000
    elif how == 2:
        text = text.replace("1", "1" * 5000, 1)
    return encoded(draw, text)


def broken_json_lines(draw: Draw, content: bytes) -> bytes:
    """Break a line of a file of JSON lines."""
    lines = content.splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    lines[at] = broken_json(draw, lines[at])
    return b"\n".join(lines) + b"\n"


def broken_parquet(draw: Draw, content: bytes) -> bytes:
    """Write the table anew with columns dropped, renamed, retyped, and cells of anything."""
    frame = pd.read_parquet(io.BytesIO(content))
    for _ in range(draw(st.integers(1, 3))):
        if not len(frame.columns):
            break
        name = draw(st.sampled_from(sorted(frame.columns)))
        how = draw(st.integers(0, 6))
        if how == 0:
            frame = frame.drop(columns=name)
        elif how == 1:
            frame = frame.rename(columns={name: draw(any_text)})
            if not frame.columns.is_unique:
                frame = frame.loc[:, ~frame.columns.duplicated()]
        elif how == 2:
            frame = pd.concat([frame, frame.iloc[:1]], ignore_index=True)
        elif how == 3:
            frame = frame.iloc[:0]
        else:
            kinds: Sequence[Any] = (
                [draw(any_text)] * len(frame),
                np.full(len(frame), draw(st.sampled_from((np.nan, np.inf, -1.0, 1e300)))),
                np.full(len(frame), draw(st.sampled_from((0, -1, 2**62)))),
                [None] * len(frame),
                [True] * len(frame),
                [b"\xff\0"] * len(frame),
                [[1, 2]] * len(frame),
                [{"a": 1}] * len(frame),
                pd.date_range("2026-01-01", periods=len(frame), tz="UTC"),
                pd.Categorical(["a"] * len(frame)),
            )
            frame[name] = draw(st.sampled_from(kinds))
    out = io.BytesIO()
    frame.to_parquet(out, index=False)
    return out.getvalue()


def broken_xml(draw: Draw, content: bytes) -> bytes:
    """Break a label config: entities without end, other encodings, odd names."""
    how = draw(st.integers(0, 9))
    text = content.decode()
    if how == 0:
        laughs = "".join(
            f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, draw(st.integers(2, 12)))
        )
        head = f'<!DOCTYPE v [<!ENTITY a0 "ha">{laughs}]>'
        return (head + text.replace('name="', 'name="&a1;', 1)).encode()
    if how == 1:
        return (
            f'<?xml version="1.0" encoding="{draw(st.sampled_from(("utf-7", "x", "utf-16")))}"?>'
            + text
        ).encode()
    if how == 2:
        depth = draw(st.sampled_from((50, 2000, 100_000)))
        return ("<View>" * depth + text + "</View>" * depth).encode()
    if how == 3:
        return text.replace(">", ">" + draw(any_text), 1).encode(errors="surrogatepass")
    return broken_text(draw, content)


def as_broken(seeds: Sequence[bytes], *breaks: Break) -> st.SearchStrategy[bytes]:
    """Give valid files that were broken in one of these ways, and bytes of no form at all."""

    @st.composite
    def strategy(draw: Draw) -> bytes:
        seed = draw(st.sampled_from(list(seeds)))
        how = draw(st.integers(0, 11))
        if how == 0:
            return bytes(draw(st.binary(max_size=300)))
        if how == 1:
            other = draw(st.sampled_from(list(seeds)))
            return bytes(
                seed[: draw(st.integers(0, len(seed)))] + other[draw(st.integers(0, len(other))) :]
            )
        if how == 2:
            return bytes(seed[:12] + draw(st.binary(max_size=300)))
        return draw(st.sampled_from(breaks))(draw, seed)

    return strategy()
