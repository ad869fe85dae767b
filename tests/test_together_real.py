"""Agreement and consensus of the real sessions against other libraries."""

from itertools import combinations
from pathlib import Path

import krippendorff
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from ls_integration.workflows.score import Scored, score_source

SESSIONS = ("Fred/Fred.npz", "Julia/Julia.npz", "Theresa/Theresa_2ndAnnotation.npz")


@pytest.fixture(scope="module")
def decisions(shared_data: Path) -> np.ndarray:
    """1 = anomaly, straight from the sessions' own files: items x people."""
    folder = shared_data / "anomagui"
    return np.column_stack(
        [np.load(folder / name)["classifications"][:, 0] for name in SESSIONS]
    ).astype("int64")


@pytest.fixture(scope="module")
def scored(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    folder = shared_data / "anomagui"
    output = tmp_path_factory.mktemp("real") / "scores"
    return score_source(folder, [folder / name for name in SESSIONS], output, model_threshold=0.213)


def test_agreement_is_that_of_other_libraries(decisions: np.ndarray, scored: Scored) -> None:
    """Fleiss by statsmodels, Cohen by scikit-learn, alpha by krippendorff: to nine digits."""
    agreement = scored.metrics["agreement"]
    pairs = list(combinations(range(3), 2))
    kappas = [cohen_kappa_score(decisions[:, a], decisions[:, b]) for a, b in pairs]
    same = [accuracy_score(decisions[:, a], decisions[:, b]) for a, b in pairs]
    alpha = krippendorff.alpha(
        reliability_data=decisions.T.astype(float), level_of_measurement="nominal"
    )
    assert agreement["krippendorff_alpha"] == pytest.approx(alpha, abs=1e-9)
    expected = fleiss_kappa(aggregate_raters(decisions)[0])
    assert agreement["fleiss_kappa"] == pytest.approx(expected, abs=1e-9)
    assert agreement["mean_pairwise_cohen_kappa"] == pytest.approx(np.mean(kappas), abs=1e-9)
    assert agreement["observed_agreement"] == pytest.approx(np.mean(same), abs=1e-9)
    for pair, kappa, share in zip(agreement["pairwise"], kappas, same, strict=True):
        assert pair["cohen_kappa"] == pytest.approx(kappa, abs=1e-9)
        assert pair["observed_agreement"] == pytest.approx(share, abs=1e-9)


def test_consensus_by_its_definition(decisions: np.ndarray, scored: Scored) -> None:
    """Majority of three, and posteriors that follow from the estimated rates by Bayes."""
    table = pd.read_csv(scored.folder / "consensus.csv")
    by_votes = np.where(decisions.sum(axis=1) >= 2, "anomaly", "normal")
    assert (table["majority"] == by_votes).all()
    skene = scored.metrics["consensus"]["dawid_skene"]
    assert skene["converged"]
    likelihood = np.column_stack(
        [np.full(len(decisions), skene["prior"][label]) for label in ("anomaly", "normal")]
    )
    for answers, entry in zip(decisions.T, skene["people"].values(), strict=True):
        for column, label in enumerate(("anomaly", "normal")):
            rates = entry["confusion"][label]
            likelihood[:, column] *= np.where(answers == 1, rates["anomaly"], rates["normal"])
    posterior = likelihood[:, 0] / likelihood.sum(axis=1)
    assert table["dawid_skene_anomaly"].to_numpy() == pytest.approx(posterior, abs=2e-3)
    sure = np.maximum(posterior, 1 - posterior)
    assert ((table["needs_opinion"] == "doubtful") == (sure < 0.9)).all()
    assert scored.metrics["consensus"]["needs_opinion"]["n_items"] == (sure < 0.9).sum() == 15
