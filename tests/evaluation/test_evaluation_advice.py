import math

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.advice import NOTHING, RECALIBRATE, RETRAIN, Measured, advise
from pipeline.evaluation.bootstrap import bootstrap_metrics
from pipeline.evaluation.estimate import estimate_performance
from pipeline.evaluation.grades import grade_table

EDGES = [0.05, 0.10, 0.15, 0.25, 0.40]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def measured(table, metric="roc_auc"):
    return Measured(*table.set_index("metric").loc[metric, ["value", "lo", "hi"]])


def case(seed, level=0.0, signal=1.0, n=3_000, spread=1.0):
    """Loans whose log-odds are those of the PD, moved by `level` and with the score's weight at `signal`."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, spread, n)
    pd = sigmoid(score - 1.6)
    y = (rng.random(n) < sigmoid(signal * score + level - 1.6 + math.sqrt(1 - signal**2) * rng.normal(size=n))).astype(int)
    grades = grade_table(np.asarray(list("ABCDEF"))[np.digitize(pd, EDGES)], y, pd)
    return grades, measured(bootstrap_metrics(y, pd, 0.3, 60, seed)), pd


def reference_auc():
    return case(999, n=20_000)[1]


def actions(seeds, **how):
    before = reference_auc()
    return [advise(grades, before, auc).action for grades, auc, _ in (case(seed, **how) for seed in seeds)]


def test_on_good_data_the_advice_is_silent():
    found = actions(range(60))
    assert found.count(NOTHING) >= 57


def test_levels_off_with_the_ranking_kept_say_recalibrate():
    assert actions(range(30), level=0.4).count(RECALIBRATE) >= 29
    assert actions(range(30), level=-0.4).count(RECALIBRATE) >= 29


def test_a_ranking_that_fell_says_retrain_whatever_the_levels():
    assert set(actions(range(10), signal=0.5)) == {RETRAIN}
    assert set(actions(range(10), signal=0.5, level=0.4)) == {RETRAIN}


def test_applicants_who_became_alike_are_no_reason_for_a_new_model():
    before = reference_auc()
    grades, auc, pd = case(1, spread=0.5, n=6_000)
    expected = measured(estimate_performance(pd, 0.3))
    assert advise(grades, before, auc).action == RETRAIN
    advice = advise(grades, before, auc, auc_expected=expected)
    assert advice.action == NOTHING
    assert any("applicants have become more alike" in said for said in advice.evidence)


def grades_of(n, defaults, expected, light="green"):
    return pandas.DataFrame(
        {
            "grade": ["A"], "n": [n], "defaults": [defaults], "expected": [expected], "light": [light],
            "mean_pd": [expected / n if n else np.nan], "default_rate": [defaults / n if n else np.nan],
        }
    )  # fmt: skip


AUC = Measured(0.75, 0.73, 0.77)


def test_the_evidence_is_told_in_sentences():
    drift = pandas.DataFrame(
        {"feature": ["age", "dti", "term"], "psi": [0.3, 0.12, 0.01], "verdict": ["shifted", "moved", "stable"]}
    )
    advice = advise(grades_of(1_000, 150, 100.0), AUC, Measured(0.74, 0.71, 0.77), drift)
    assert advice.action == RECALIBRATE
    assert advice.headline.endswith("but PDs are too low; 1.50 times as many defaults came.")
    assert advice.evidence[0] == (
        "Of 1,000 matured loans 150 defaulted and 100.0 were expected; with right PDs the chance of that is under 0.01 %."
    )
    assert advice.evidence[1].startswith("Grade A: 15.0 % defaulted and 10.0 % were expected (n = 1,000)")
    assert advice.evidence[2] == (
        "The ranking holds (AUC 0.740 on matured loans, 0.750 at release: -0.010, 95 % interval -0.046 to +0.026)."
    )
    assert advice.evidence[3:] == ("Inputs that have shifted: age (PSI 0.30).", "Inputs that moved: dti (PSI 0.12).")


def test_drift_of_inputs_alone_is_no_reason_to_act():
    drift = pandas.DataFrame({"feature": ["age"], "psi": [2.0], "verdict": ["shifted"]})
    advice = advise(grades_of(1_000, 100, 100.0), AUC, AUC, drift)
    assert (advice.action, advice.is_judged) == (NOTHING, True)
    assert (
        advise(grades_of(1_000, 100, 100.0), AUC, AUC, drift.iloc[:0]).evidence[-1]
        == "No input that could be judged has moved."
    )


def test_too_few_defaults_are_not_called_good():
    advice = advise(grades_of(100, 9, 11.0), AUC, Measured(0.6, 0.5, 0.7))
    assert (advice.action, advice.is_judged) == (NOTHING, False)
    assert advice.headline == "Do nothing yet: only 9 defaults are known, 30 are needed."
    none = advise(grades_of(0, 0, 0.0), AUC, Measured(math.nan, math.nan, math.nan))
    assert not none.is_judged
    assert none.evidence[:2] == ("No matured loan is known.", "The ranking could not be measured on matured loans.")
    unknown = advise(grades_of(1_000, 100, 100.0), AUC, Measured(math.nan, math.nan, math.nan))
    assert (unknown.action, unknown.is_judged) == (NOTHING, False)


def test_defaults_that_stay_away_altogether_are_a_level_that_is_off():
    advice = advise(grades_of(1_000, 0, 100.0), AUC, Measured(math.nan, math.nan, math.nan))
    assert advice.action == RECALIBRATE
    assert "PDs are too high" in advice.headline


def test_a_sure_but_small_difference_is_left_alone():
    advice = advise(grades_of(1_000_000, 105_000, 100_000.0), AUC, Measured(0.745, 0.744, 0.746))
    assert advice.action == NOTHING
    assert "too small to matter" in advice.evidence[0]


def test_grades_off_both_ways_are_seen_though_the_total_fits():
    both = pandas.concat([grades_of(1_000, 150, 100.0), grades_of(1_000, 100, 150.0).assign(grade="B")], ignore_index=True)
    advice = advise(both, AUC, AUC)
    assert advice.action == RECALIBRATE
    assert "grade by grade" in advice.headline
    assert advise(both.assign(light="too few"), AUC, AUC).action == NOTHING


def test_a_difference_of_two_measurements_by_hand():
    change = Measured(0.7, 0.67, 0.73).minus(Measured(0.75, 0.71, 0.79))
    assert (change.value, change.lo, change.hi) == pytest.approx((-0.05, -0.1, 0.0))


@settings(deadline=None, max_examples=80)
@given(st.integers(1, 5_000), st.floats(0, 1), st.floats(0.001, 0.999), st.floats(0.5, 1), st.floats(0, 0.2))
def test_any_case_gets_one_action_and_a_reason(n, rate, pd, auc, half):
    advice = advise(grades_of(n, round(n * rate), n * pd), AUC, Measured(auc, auc - half, auc + half))
    assert advice.action in (NOTHING, RECALIBRATE, RETRAIN)
    assert advice.headline.lower().startswith(advice.action)
    assert all(said.endswith(".") for said in advice.evidence)
