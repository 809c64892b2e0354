"""What a version is compared with: its own development rows, as the policy that was last live for it would decide them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from pipeline import contract
from pipeline.evaluation.drift import drift_table
from pipeline.monitoring.baseline import BaselineError, decisions_of, grades_of, load_baseline
from pipeline.monitoring.profile_sums import natural_sums, sum_table
from pipeline.registry.policies import write_policy
from pipeline.settings import Settings
from tests.serving.conftest import PROJECT, LiveHome, live_engine, live_home, live_once, live_pair

__all__ = ["live_engine", "live_home", "live_once", "live_pair"]


@pytest.fixture
def holdout(live_home: LiveHome) -> Iterator[pd.DataFrame]:
    rows = pd.read_parquet(live_home.artifact(live_home.champion_run, contract.ARTIFACT_HOLDOUT))
    yield rows[rows["split"] == contract.VALID]


def test_the_reference_holds_every_input_the_pd_the_decision_and_the_grade(
    live_home: LiveHome, live_engine: Engine, holdout: pd.DataFrame
) -> None:
    baseline = load_baseline(live_home.settings, live_engine, PROJECT, 1)
    names = list(dict.fromkeys(baseline.reference["feature"]))
    assert names == [*baseline.config.feature_names, "pd", "(decision)", "(grade)"]
    assert set(baseline.reference.groupby("feature")["count"].sum()) == {len(holdout)} == {baseline.n}
    assert (baseline.version, baseline.run_id) == (1, live_home.champion_run)
    same = baseline.reference[["feature", "bin", "count"]]
    verdicts = drift_table(baseline.reference, same)
    assert (verdicts["psi"] == 0).all()


def test_development_rows_are_decided_as_the_policy_decides(
    live_home: LiveHome, live_engine: Engine, holdout: pd.DataFrame
) -> None:
    baseline = load_baseline(live_home.settings, live_engine, PROJECT, 1)
    pds, amounts = holdout["pd"].to_numpy(), holdout["amount"].to_numpy()
    by_hand = {"approve": pds < 0.15, "review": (pds >= 0.15) & (pds < 0.25), "decline": pds >= 0.25}
    counts = baseline.reference[baseline.reference["feature"] == "(decision)"].set_index("bin")["count"]
    assert {name: counts[name] for name in by_hand} == {name: chosen.sum() for name, chosen in by_hand.items()}
    for name, chosen in by_hand.items():
        assert baseline.sums[f"{name}:pd_millionths"] == pytest.approx(pds[chosen].sum(), abs=1e-6 * len(pds))
        assert baseline.sums[f"{name}:amount_hundredths"] == pytest.approx(amounts[chosen].sum())
        assert baseline.sums[f"{name}:pd_amount_hundredths"] == pytest.approx(
            (pds * amounts)[chosen].sum(), abs=0.01 * len(pds)
        )
        assert baseline.sums[f"{name}:n_amount"] == chosen.sum()


def test_decisions_and_grades_are_those_of_the_scorer(live_pair: object) -> None:
    from pipeline.serving.scorer import grades, outcomes

    live = live_pair.champion
    edges = [*live.config.underwriting.grade_edges, live.policy.approve_below, live.policy.decline_above]
    pds = np.array([0.0, 1.0, *edges, *(np.nextafter(edge, 0) for edge in edges)])
    assert decisions_of(live.policy, pds).tolist() == outcomes(live, pds).tolist()
    assert grades_of(live.config, pds).tolist() == grades(live.config, pds).tolist()


def test_a_version_that_was_never_live_is_judged_by_its_proposal(live_home: LiveHome, live_engine: Engine) -> None:
    baseline = load_baseline(live_home.settings, live_engine, PROJECT, 2)
    assert (baseline.policy.model_version, baseline.run_id) == (2, live_home.challenger_run)


def test_the_policy_is_the_one_under_which_the_version_was_last_live(live_home: LiveHome, live_engine: Engine) -> None:
    from pipeline.registry import releases

    newer = write_policy(
        live_engine, PROJECT, model_version=1, run_id=live_home.champion_run, approve_below=0.3, decline_above=0.3,
        rationale="wider", author="pm",
    )  # fmt: skip
    proposed = releases.propose(live_engine, PROJECT, version=1, policy_id=newer.id, actor="pm", reason="wider")
    assert load_baseline(live_home.settings, live_engine, PROJECT, 1).policy.approve_below == 0.15
    releases.approve(live_engine, proposed.seq, actor="risk-lead", reason="read")
    baseline = load_baseline(live_home.settings, live_engine, PROJECT, 1)
    assert baseline.policy == newer
    counts = baseline.reference[baseline.reference["feature"] == "(decision)"].set_index("bin")["count"]
    assert counts["review"] == 0


def test_an_unknown_version_and_a_missing_artifact_are_named(live_home: LiveHome, live_engine: Engine) -> None:
    with pytest.raises(BaselineError, match="version 7 of small was never proposed"):
        load_baseline(live_home.settings, live_engine, PROJECT, 7)
    live_home.artifact(live_home.champion_run, contract.ARTIFACT_RANGES).unlink()
    with pytest.raises(BaselineError, match=r"version 1 is compared with cannot be read: .*ranges\.parquet"):
        load_baseline(live_home.settings, live_engine, PROJECT, 1)


def test_copies_of_artifacts_are_read_in_place_of_the_store(live_home: LiveHome, live_engine: Engine) -> None:
    class Copies:
        def table(self, run_id: str, path: str) -> pd.DataFrame:
            return pd.read_parquet(live_home.artifact(run_id, path))

        def text(self, run_id: str, path: str) -> str:
            return live_home.artifact(run_id, path).read_text(encoding="utf-8")

    nowhere = Settings(live_home.home, "http://127.0.0.1:1", live_home.settings.database_url)
    mine = load_baseline(nowhere, live_engine, PROJECT, 1, artifacts=Copies())
    usual = load_baseline(live_home.settings, live_engine, PROJECT, 1)
    pd.testing.assert_frame_equal(mine.reference, usual.reference)
    assert mine.sums == usual.sums


# --- sums -------------------------------------------------------------------------------------------------------------


def test_sums_by_hand_in_whole_millionths_and_hundredths() -> None:
    outcome, pds, amounts = np.array([0, 0, 2]), np.array([0.1, 0.0000004, 0.5]), np.array([100.0, np.nan, 33.333])
    table = sum_table(outcome, pds, amounts)
    found = {b: n for b, n in zip(table["bin"], table["count"], strict=True) if n}
    assert found == {
        "approve:pd_millionths": 100_000, "approve:amount_hundredths": 10_000, "approve:pd_amount_hundredths": 1_000,
        "approve:n_amount": 1, "decline:pd_millionths": 500_000, "decline:amount_hundredths": 3_333,
        "decline:pd_amount_hundredths": 1_667, "decline:n_amount": 1,
    }  # fmt: skip
    natural = natural_sums(table)
    assert natural["approve:pd_millionths"] == 0.1
    assert natural["decline:amount_hundredths"] == 33.33
    assert set(natural) == set(contract.PROFILE_SUM_BINS)


def test_what_is_no_amount_adds_no_money() -> None:
    amounts = np.array([-5.0, np.inf, 1e300, np.nan])
    natural = natural_sums(sum_table(np.zeros(4, dtype=np.int64), np.full(4, 0.25), amounts))
    assert natural["approve:pd_millionths"] == 1.0
    assert natural["approve:amount_hundredths"] == natural["approve:n_amount"] == 0


def test_no_rows_have_no_sums() -> None:
    none = np.zeros(0)
    assert set(natural_sums(sum_table(none.astype(np.int64), none, none)).values()) == {0.0}
