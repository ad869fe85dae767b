"""Which labels of cutouts the review changed: by outcome, and frame by frame. Pure."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ls_integration.kinds.cutouts import POSITIVE, UNSURE
from ls_integration.results.cutouts import TIE, find_cutouts

OUTCOMES = ("FP", "FN", "TP", "TN")
"""Of the prediction against the label that was given, before the review."""

CHANGED, CONFIRMED, UNDECIDED, OPEN = "changed", "confirmed", "undecided", "not answered"
STATES = (CHANGED, CONFIRMED, UNDECIDED, OPEN)
"""What became of a cutout that was asked about or answered; undecided: unsure or tied."""


def label_flow(cutouts: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Say of each cutout what its label was, what it is, and how that came.

    Parameters
    ----------
    cutouts : DataFrame
        All cutouts, see `cutouts.check_cutouts`.
    decisions : DataFrame
        From `cutouts.decide`.

    Returns
    -------
    DataFrame
        A row for each cutout that was asked about or answered, in the order of
        *cutouts*: ``image_name``, ``outcome_before``, ``outcome_after`` (of
        `OUTCOMES`, against the label given and the new one), ``label`` (the one
        that reviewers started from), ``label_new``, ``state`` (of `STATES`).

    Raises
    ------
    SourceError
        If a decision is on a cutout that *cutouts* does not have.
    """
    place = find_cutouts(cutouts, decisions["item_id"])
    decision = np.full(len(cutouts), "", dtype=object)
    decision[place] = decisions["decision"].to_numpy(dtype=object)
    label = cutouts["label"].to_numpy(dtype=object)
    is_open = decision == ""
    is_undecided = np.isin(decision.astype(str), [UNSURE, TIE])
    is_changed = ~is_open & ~is_undecided & (decision != label)
    state = np.select(
        [is_open, is_undecided, is_changed], [OPEN, UNDECIDED, CHANGED], default=CONFIRMED
    )
    new = np.where(is_changed, decision, label)
    called = cutouts["model_label"].to_numpy(dtype=object) == POSITIVE
    flow = pd.DataFrame(
        {
            "image_name": cutouts["image_name"].to_numpy(dtype=object),
            "outcome_before": _outcomes(cutouts["given_label"].to_numpy(dtype=object), called),
            "outcome_after": _outcomes(new, called),
            "label": label,
            "label_new": new,
            "state": state,
        }
    )
    asked = (cutouts["is_queue"] | cutouts["sampling_rate"].notna()).to_numpy(dtype=bool)
    of_review: pd.DataFrame = flow.loc[asked | ~is_open].reset_index(drop=True)
    return of_review


def count_by_outcome(flow: pd.DataFrame) -> pd.DataFrame:
    """Count what became of the cutouts of each outcome.

    Parameters
    ----------
    flow : DataFrame
        From `label_flow`.

    Returns
    -------
    DataFrame
        A row for each of `OUTCOMES` and the label that it started from, where
        there are any: ``outcome``, ``label``, and the counts ``n_cutouts``,
        ``n_changed``, ``n_confirmed``, ``n_undecided``, ``n_not_answered``.
    """
    rows = []
    for outcome in OUTCOMES:
        of_outcome = flow.loc[flow["outcome_before"] == outcome]
        for label, group in of_outcome.groupby("label"):
            counts = {
                f"n_{state.replace(' ', '_')}": int((group["state"] == state).sum())
                for state in STATES
            }
            rows.append({"outcome": outcome, "label": label, "n_cutouts": len(group), **counts})
    names = [f"n_{state.replace(' ', '_')}" for state in STATES]
    return pd.DataFrame(rows, columns=["outcome", "label", "n_cutouts", *names])


def count_by_frame(flow: pd.DataFrame) -> pd.DataFrame:
    """Count changed labels frame by frame.

    Parameters
    ----------
    flow : DataFrame
        From `label_flow`.

    Returns
    -------
    DataFrame
        A row for each frame, most changes first, then by name: ``image_name``,
        ``n_cutouts`` (asked about or answered), ``n_answered``, ``n_changed``,
        ``n_now_artifact`` and ``n_now_no_artifact`` (changed to that).
    """
    changed = flow["state"] == CHANGED
    now_artifact = changed & (flow["label_new"] == POSITIVE)
    table = pd.DataFrame(
        {
            "image_name": flow["image_name"],
            "n_cutouts": 1,
            "n_answered": (flow["state"] != OPEN).astype("int64"),
            "n_changed": changed.astype("int64"),
            "n_now_artifact": now_artifact.astype("int64"),
            "n_now_no_artifact": (changed & ~now_artifact).astype("int64"),
        }
    )
    frames = table.groupby("image_name", as_index=False).sum()
    order = frames.sort_values(["n_changed", "image_name"], ascending=[False, True], kind="stable")
    return order.reset_index(drop=True)


def _outcomes(label: NDArray[np.object_], called: NDArray[np.bool_]) -> NDArray[np.str_]:
    is_artifact = label == POSITIVE
    outcomes: NDArray[np.str_] = np.select(
        [called & ~is_artifact, ~called & is_artifact, called & is_artifact],
        ["FP", "FN", "TP"],
        default="TN",
    )
    return outcomes
