"""What is odd in the tables and has no number of its own: lines for ``warnings``."""

import pandas as pd

from ls_integration.annotations import KEY, newest_answers
from ls_integration.errors import some_of
from ls_integration.results.lined_up import LinedUp


def remark_on_answers(study: LinedUp, annotations: pd.DataFrame, warnings: list[str]) -> None:
    """Say which answers count where that could be taken otherwise.

    Parameters
    ----------
    study : LinedUp
        The study.
    annotations : DataFrame
        The checked annotations table that it was made of.
    warnings : list of str
        Gets the lines.
    """
    _remark_on_repeated(study, annotations, warnings)
    _remark_on_ratings(study, annotations, warnings)
    annotators = list(dict.fromkeys(person.annotator for person in study.people))
    for path, texts, what in (("labels", study.labels, "label"), ("people", annotators, "person")):
        warnings.extend(
            f"{path}: {some_of(alike)} differ only in spaces or capitals, and each counts as a "
            f"{what} of its own"
            for alike in _find_alike(texts)
        )


def _remark_on_repeated(study: LinedUp, annotations: pd.DataFrame, warnings: list[str]) -> None:
    answers = annotations.loc[~annotations["skipped"].to_numpy(dtype=bool), KEY]
    repeated = answers.loc[answers.duplicated()].drop_duplicates()
    numbers = repeated.groupby(["annotator", "round"], sort=False).size()
    for person in study.people:
        number = int(numbers.get((person.annotator, person.number), 0))
        if number:
            warnings.append(
                f"people.{person.name}.classified: {number} items were answered more than once in "
                "this round; the last answer to each counts"
            )


def _remark_on_ratings(study: LinedUp, annotations: pd.DataFrame, warnings: list[str]) -> None:
    has_no_label = (
        ~annotations["skipped"] & annotations["label"].isna() & annotations["rating"].notna()
    ).to_numpy(dtype=bool)
    if not has_no_label.any():
        return
    newest = newest_answers(annotations.loc[has_no_label])
    numbers = newest.groupby(["annotator", "round"], sort=False).size()
    for person in study.people:
        number = int(numbers.get((person.annotator, person.number), 0))
        if number:
            warnings.append(
                f"people.{person.name}.classified: {number} answers are a rating without a label; "
                "only labels are scored here"
            )


def _find_alike(texts: list[str]) -> list[list[str]]:
    """Find texts that people would take for one, as they are shown in a message."""
    if not texts:
        return []
    plain = pd.Series([" ".join(text.split()).casefold() for text in texts])
    shown = pd.Series([f"'{text}'" for text in texts])
    groups = [list(alike) for _, alike in shown.groupby(plain.to_numpy(), sort=False)]
    return [alike for alike in groups if len(alike) > 1]
