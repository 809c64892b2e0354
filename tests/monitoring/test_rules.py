"""Rules: silent on good data, firing on bad, never on what is not computable, and only where it persists."""

import math
from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import contract
from pipeline.monitoring.rule_words import MEASURE_WORDS, limit_text, named, written
from pipeline.monitoring.rules import NOTHING, judge, period_number
from pipeline.monitoring.signals import signal_table
from pipeline.project_monitoring import Monitoring, Rule, usual_rules

PSI = Rule(name="moved", measure="psi", above=0.1)
USUAL = usual_rules(Monitoring())


def month(number: int) -> str:
    return date(2025 + number // 12, number % 12 + 1, 1).isoformat()


def signals(values: list[float], measure: str = "psi", subject: str = "income", n: int = 1000, note: str = "") -> pd.DataFrame:
    """One row a month from January 2025 on."""
    return signal_table((measure, subject, month(i), value, n, note) for i, value in enumerate(values))


def fired(rule: Rule, values: list[float], **more: object) -> list[int]:
    """Months, from 0, in which a rule fires."""
    judged = judge([rule], signals(values, rule.measure, **more), "month")
    return [period_number(date.fromisoformat(f.period), "month") - 2025 * 12 for f in judged.firings]


def test_a_firing_says_what_where_when_and_by_how_much() -> None:
    (firing,) = judge([PSI], signals([0.02, 0.713]), "month").firings
    assert (firing.rule, firing.layer, firing.subject, firing.period) == ("moved", "data", "income", "2025-02-01")
    assert (firing.value, firing.threshold, firing.n) == (0.713, 0.1, 1000)
    assert firing.evidence == "PSI of income in 2025-02: 0.713, above the limit of 0.1, on 1,000 rows."


@pytest.mark.parametrize(
    ("persist", "values", "months"),
    [
        ((1, 1), [0.2, 0.0, 0.2], [0, 2]),
        ((2, 2), [0.2, 0.0, 0.2, 0.2, 0.2], [3, 4]),
        ((2, 3), [0.2, 0.0, 0.2, 0.0, 0.0, 0.2], [2]),
        ((2, 3), [0.2, 0.2, 0.0], [1]),  # the newest period itself must be beyond the limit
        ((3, 3), [0.2, 0.2, math.nan, 0.2], []),
        ((1, 1), [0.1], []),  # strictly beyond
    ],
)
def test_a_rule_fires_when_k_of_the_last_n_periods_are_beyond_the_limit(
    persist: tuple[int, int], values: list[float], months: list[int]
) -> None:
    assert fired(PSI.model_copy(update={"persist": persist}), values) == months


def test_a_month_that_nobody_measured_counts_as_good() -> None:
    rule = PSI.model_copy(update={"persist": (2, 2)})
    table = signals([0.2, 0.2, 0.2])
    assert not judge([rule], table[table["period"] != month(1)], "month").firings


def test_each_subject_is_judged_by_itself() -> None:
    rule = PSI.model_copy(update={"persist": (2, 2)})
    table = pd.concat([signals([0.2, 0.0], subject="a"), signals([0.0, 0.2], subject="b")], ignore_index=True)
    assert not judge([rule], table, "month").firings
    both = pd.concat([signals([0.2, 0.2], subject="a"), signals([0.2, 0.0], subject="b")], ignore_index=True)
    assert [f.subject for f in judge([rule], both, "month").firings] == ["a"]


def test_below_is_the_other_side() -> None:
    rule = Rule(name="fewer", measure="approval_rate_change", below=-0.05)
    (firing,) = judge([rule], signals([0.2, -0.062], "approval_rate_change", ""), "month").firings
    assert firing.evidence.startswith("Change of the approval rate in 2025-02: −6.2 points, below the limit of −5 points")


def test_two_versions_in_one_period_count_once_by_the_worse() -> None:
    rule = PSI.model_copy(update={"persist": (2, 2)})
    table = pd.concat([signals([0.2]), signals([0.3])], ignore_index=True)
    assert not judge([rule], table, "month").firings
    assert judge([PSI], table, "month").firings[0].value == 0.3


def test_only_the_subjects_that_a_rule_names_are_judged() -> None:
    rule = PSI.model_copy(update={"subjects": ("age",)})
    judged = judge([rule], signals([0.9]), "month")
    assert not judged.firings and judged.unjudged[0].reason == NOTHING
    assert fired(PSI.model_copy(update={"subjects": ("income",)}), [0.9]) == [0]


def test_what_cannot_be_computed_never_fires_and_is_reported_with_its_reason() -> None:
    judged = judge([PSI], signals([0.05, math.nan], note="too few: 12 rows, needs 500"), "month")
    assert not judged.firings
    (left,) = judged.unjudged
    assert (left.subjects, left.period, left.reason) == (("income",), "2025-02-01", "too few: 12 rows, needs 500")
    assert judged.judged_to == {"moved": "2025-01-01"}
    assert judge([PSI], signals([]), "month").unjudged[0].reason == NOTHING


def test_a_rule_may_ask_for_more_rows_than_the_measure() -> None:
    rule = PSI.model_copy(update={"min_n": 2000})
    judged = judge([rule], signals([0.9]), "month")
    assert not judged.firings and judged.unjudged[0].reason == "1,000 rows, the rule needs 2,000"


def test_subjects_with_one_reason_are_reported_together() -> None:
    table = pd.concat([signals([math.nan], subject=s, note="no rows") for s in ("a", "b")], ignore_index=True)
    assert judge([PSI], table, "month").unjudged[0].subjects == ("a", "b")


def test_weeks_and_days_follow_each_other_over_the_year() -> None:
    monday = date(2025, 12, 29)
    table = signal_table(("psi", "x", (monday + timedelta(7 * i)).isoformat(), 0.2, 9, "") for i in range(3))
    rule = PSI.model_copy(update={"persist": (3, 3)})
    assert [f.period for f in judge([rule], table, "week").firings] == ["2026-01-12"]
    days = signal_table(("psi", "x", (date(2024, 2, 28) + timedelta(i)).isoformat(), 0.2, 9, "") for i in range(3))
    assert [f.period for f in judge([rule], days, "day").firings] == ["2024-03-01"]


def test_vintages_are_months_in_a_project_of_weeks() -> None:
    rule = Rule(name="ranks-worse", measure="auc_drop", above=0.05, persist=(2, 3))
    assert len(judge([rule], signals([0.1, 0.1], "auc_drop", ""), "week").firings) == 1


@pytest.mark.parametrize("rule", USUAL, ids=[r.name for r in USUAL])
@settings(max_examples=10)
@given(data=st.data())
def test_each_usual_rule_is_silent_on_good_data_and_fires_on_bad(rule: Rule, data: st.DataObject) -> None:
    sign = 1 if rule.direction == "above" else -1
    beyond = st.floats(0, 1e6, exclude_min=True).map(lambda gap: rule.limit + sign * max(gap, 1e-6))
    within = st.floats(0, 1e6).map(lambda gap: rule.limit - sign * gap)
    n = data.draw(st.integers(rule.min_n, 10**7))
    good = data.draw(st.lists(within, min_size=1, max_size=12))
    bad = data.draw(st.lists(beyond, min_size=rule.persist[0], max_size=6))
    cases = {
        "good": (good, n), "bad": ([*good, *bad], n), "unknown": ([*good, *([math.nan] * len(bad))], n),
        "few": ([*good, *bad], rule.min_n - 1),
    }  # fmt: skip
    table = pd.concat([signals(v, rule.measure, subject, rows) for subject, (v, rows) in cases.items()], ignore_index=True)
    firings = judge([rule], table if rule.min_n else table[table["subject"] != "few"], "month").firings
    assert {firing.subject for firing in firings} == {"bad"}
    assert firings[-1].period == month(len(good) + len(bad) - 1)


@settings(max_examples=40)
@given(st.lists(st.one_of(st.just(math.nan), st.floats(0, 1)), max_size=24), st.integers(1, 6), st.integers(0, 5))
def test_counting_by_windows_agrees_with_counting_one_by_one(values: list[float], k: int, more: int) -> None:
    rule = PSI.model_copy(update={"persist": (k, k + more), "above": 0.5})
    slow = [
        i
        for i, value in enumerate(values)
        if value > 0.5 and sum(v > 0.5 for v in values[max(0, i - k - more + 1) : i + 1]) >= k
    ]
    assert fired(rule, values) == slow


@settings(max_examples=20)
@given(st.permutations(range(8)))
def test_the_order_of_signals_changes_nothing(order: list[int]) -> None:
    table = pd.concat([signals([0.2, 0.0, 0.3, 0.3], subject=s) for s in ("a", "b")], ignore_index=True)
    rule = PSI.model_copy(update={"persist": (2, 3)})
    assert judge([rule], table.iloc[list(order)], "month") == judge([rule], table, "month")


def test_the_usual_rules_cover_all_four_layers_and_every_severity() -> None:
    assert {contract.MEASURES[rule.measure] for rule in USUAL} == set(contract.LAYERS)
    assert {rule.severity for rule in USUAL} == {"info", "warning", "critical"}
    assert len({rule.name for rule in USUAL}) == len(USUAL)


def test_the_usual_rules_keep_the_floors_of_the_project() -> None:
    rules = {rule.name: rule for rule in Monitoring(psi_warn=0.2, psi_alert=0.5, min_rows=300).rules_in_force}
    assert (rules["moved"].limit, rules["shifted"].limit, rules["shifted"].min_n) == (0.2, 0.5, 300)
    assert Monitoring(rules=()).rules_in_force == ()


def test_every_measure_has_words_and_every_value_can_be_written() -> None:
    assert set(MEASURE_WORDS) == set(contract.MEASURES)
    for measure in contract.MEASURES:
        assert MEASURE_WORDS[measure].help and named(measure, "x") and written(measure, 0.5) and limit_text(measure, 0.5)
        assert written(measure, math.nan) == "not computable"
    assert written("calibration_p", 1e-9) == "below 0.0001"
    assert named("psi", "") == "PSI"


def test_firings_of_a_period_come_gravest_first() -> None:
    graver = Rule(name="shifted", measure="psi", above=0.25, severity="critical")
    assert [f.rule for f in judge([PSI, graver], signals([0.5]), "month").firings] == ["shifted", "moved"]
    assert replace(judge([PSI], signals([0.5]), "month").firings[0], severity="info").severity == "info"
