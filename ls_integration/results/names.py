"""What a person's files are called, and their entry in ``metrics.json``."""

import re
from collections.abc import Iterable

import pandas as pd

# What a file system, a spreadsheet or a shell would take for something else.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_UNSAFE_START = re.compile(r"^[\s.=+\-@'~]+")
_LONGEST, _LONGEST_BYTES = 80, 200
# On Windows these are devices, whatever stands behind a point.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)

RESERVED = frozenset(
    {"annotations", "items", "metrics", "manifest", "report", "plots", "ratings"}
    | {"reviewers", "test_outputs", "errors"}
)
"""Stems of our own files; a person of that name gets an underscore behind it."""


def name_rounds(rounds: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Give each person and round the stem of their files.

    Parameters
    ----------
    rounds : iterable of (str, int)
        Annotator and round (from 1), in order.

    Returns
    -------
    dict of (str, int) to str
        ``NAME`` for the first round, ``NAME_round2`` for the second. Characters
        that files cannot have are underscores; two that would share a file,
        also where capitals do not count, are told apart by a number.
    """
    named: dict[tuple[str, int], str] = {}
    taken: set[str] = set()
    for annotator, number in dict.fromkeys(rounds):
        stem = _UNSAFE_START.sub("_", _UNSAFE.sub("_", annotator)).strip()[:_LONGEST]
        stem = stem.encode()[:_LONGEST_BYTES].decode(errors="ignore").rstrip(" .") or "_"
        if _DEVICES.match(stem):
            stem = f"_{stem}"
        if stem.casefold() in RESERVED:
            stem += "_"
        if number > 1:
            stem += f"_round{number}"
        unique, count = stem, 1
        while unique.casefold() in taken:
            count += 1
            unique = f"{stem}-{count}"
        taken.add(unique.casefold())
        named[annotator, number] = unique
    return named


def rounds_of(annotations: pd.DataFrame) -> list[tuple[str, int]]:
    """List who answered in which round.

    Parameters
    ----------
    annotations : DataFrame
        A checked annotations table.

    Returns
    -------
    list of (str, int)
        Annotator and round: people as they first appear, rounds ascending.
    """
    pairs = annotations[["annotator", "round"]].drop_duplicates()
    order = {name: place for place, name in enumerate(dict.fromkeys(pairs["annotator"]))}
    found = [(str(name), int(number)) for name, number in pairs.itertuples(index=False)]
    return sorted(found, key=lambda pair: (order[pair[0]], pair[1]))
