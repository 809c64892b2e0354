"""The three incidents of the simulated book, as counts of recorded decisions show them: where, since when, what price."""

from collections.abc import Iterator
from datetime import date

import pandas as pd
import pytest

from pipeline import contract
from pipeline.data.simulate import BookSpec, simulate_book
from pipeline.monitoring.drift import Asked, Drift, assess_drift, drift_signals
from pipeline.monitoring.drift_words import BLIND, verdict
from pipeline.monitoring.signals import MEASURES, SIGNAL_COLUMNS
from tests.monitoring.made_drift import Decided, decided_home, of_months
from tests.serving.conftest import PROJECT, LiveHome, live_once

__all__ = ["live_once"]

FIRST, LAST = date(2025, 3, 1), date(2025, 12, 31)
CAMPAIGN, RENAME = pd.Timestamp("2025-05-01"), pd.Timestamp("2025-09-01")


@pytest.fixture(scope="module")
def decided(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decided]:
    book = simulate_book(BookSpec(n=24_000))
    with decided_home(live_once, tmp_path_factory.mktemp("drift")) as made:
        made.record(of_months(book, FIRST, LAST))
        yield made


@pytest.fixture(scope="module")
def drift(decided: Decided) -> Drift:
    found = assess_drift(decided.profiles, Asked(FIRST, LAST, "month"))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def signals(decided: Decided) -> pd.DataFrame:
    return drift_signals(decided.settings, decided.engine, PROJECT, LAST)


def values(signals: pd.DataFrame, measure: str, subject: str = "") -> dict[str, float]:
    mine = signals[(signals["measure"] == measure) & (signals["subject"] == subject)]
    return dict(zip(mine["period"], mine["value"], strict=True))


def test_the_campaign_is_found_in_its_month_its_features_and_its_channel(drift: Drift) -> None:
    found = {finding.feature: finding for finding in drift.findings}
    assert found["channel"].since == found["credit_history_months"].since == CAMPAIGN
    assert found["channel"].moved_bin == "partner"
    source = found["credit_history_months"].source
    assert source is not None
    assert (source.column, source.value) == ("channel", "partner")
    assert source.share > 0.8


def test_the_rename_is_found_in_its_month_in_its_column_and_in_no_group(drift: Drift) -> None:
    found = next(finding for finding in drift.findings if finding.feature == "days_since_last_login")
    assert found.since == RENAME
    assert found.source is None
    assert found.psi > 0.5


def test_nothing_but_what_the_incidents_move_is_claimed(drift: Drift) -> None:
    assert {finding.feature for finding in drift.findings} == {"channel", "credit_history_months", "days_since_last_login"}


def test_the_recession_is_claimed_by_no_input_signal_when_it_begins(drift: Drift) -> None:
    assert not [finding for finding in drift.findings if finding.since == pd.Timestamp("2025-07-01")]
    text = verdict(drift)
    assert "July" not in text.text
    assert "default more" not in text.text
    assert BLIND in text.detail


def test_months_before_the_first_incident_are_calm(drift: Drift) -> None:
    before = drift.inputs[drift.inputs["period"] < CAMPAIGN]
    assert len(before) == 2 * 19
    assert (before["verdict"] == "stable").all()


def test_the_sentence_names_period_price_features_and_group(drift: Drift) -> None:
    said = verdict(drift)
    assert said.is_firm
    assert said.text.startswith("Since May 2025 the live policy approves ")
    assert " points fewer [" in said.text
    assert " EUR less margin a month): " in said.text
    assert "Channel and Length of credit history, mostly Channel: Partner shop or site" in said.text
    assert "since September 2025 Days since last login" in said.text
    assert f"n = {drift.n:,}" in said.detail


def test_a_calm_window_is_said_to_be_calm_with_n(decided: Decided) -> None:
    found = assess_drift(decided.profiles, Asked(FIRST, date(2025, 4, 30), "month"))
    assert found is not None
    said = verdict(found)
    assert said.text.startswith("Nothing has moved beyond chance: 19 features over 2 months, n = ")
    assert said.is_firm


def test_what_was_so_from_the_first_period_shown_is_said_to_be_at_least_as_old(decided: Decided) -> None:
    found = assess_drift(decided.profiles, Asked(date(2025, 7, 1), LAST, "month"))
    assert found is not None
    assert verdict(found).text.startswith("Since at least July 2025 ")


def test_a_few_days_are_too_few_to_say_anything(decided: Decided) -> None:
    found = assess_drift(decided.profiles, Asked(FIRST, date(2025, 3, 31), "month", segment="region=coast"))
    assert found is not None
    said = verdict(found)
    assert said.text.startswith("Too few decisions to judge drift: at most ")
    assert not said.is_firm


def test_nobody_decided_is_none(decided: Decided) -> None:
    assert assess_drift(decided.profiles, Asked(date(2031, 1, 1), date(2031, 2, 1), "month")) is None


def test_against_a_past_window_the_same_shift_is_found_and_split_by_mix_and_within(decided: Decided) -> None:
    asked = Asked(date(2025, 5, 1), LAST, "month", against=(FIRST, date(2025, 4, 30)))
    found = assess_drift(decided.profiles, asked)
    assert found is not None
    assert found.impact.n_before == _n(decided, FIRST, date(2025, 4, 30))
    sources = {finding.feature: finding.source for finding in found.findings}
    assert sources["credit_history_months"] is not None
    assert "decisions of the reference window" in verdict(found).detail


def _n(decided: Decided, first: date, last: date) -> int:
    counts = decided.profiles.counts(first, last, "month", ("",), (contract.REFERENCE_PD,))
    return int(counts["count"].sum())


def test_one_group_is_judged_alone(decided: Decided) -> None:
    found = assess_drift(decided.profiles, Asked(FIRST, LAST, "month", (FIRST, date(2025, 4, 30)), "channel=web"))
    assert found is not None
    moved = {finding.feature for finding in found.findings}
    assert moved <= {"days_since_last_login"}  # the campaign came through partners


def test_signals_have_every_measure_for_every_feature_and_period(signals: pd.DataFrame) -> None:
    assert tuple(signals.columns) == SIGNAL_COLUMNS
    assert (signals["layer"] == signals["measure"].map(MEASURES)).all()
    assert set(signals["measure"]) == {
        "psi", "missing", "missing_rise", "unseen", "out_of_range", "constant", "pd_psi", "approval_rate_change",
        "expected_default_change", "expected_loss_change",
    }  # fmt: skip
    per_feature = signals[signals["subject"] != ""].groupby(["measure", "subject"]).size()
    assert (per_feature == 10).all()
    assert not signals.duplicated(["measure", "subject", "period"]).any()


def test_signals_cross_the_alert_line_in_the_first_month_of_each_incident_and_not_before(signals: pd.DataFrame) -> None:
    channel, login = values(signals, "psi", "channel"), values(signals, "psi", "days_since_last_login")
    assert next(month for month, psi in channel.items() if psi >= 0.25) == "2025-05-01"
    assert next(month for month, psi in login.items() if psi >= 0.25) == "2025-09-01"
    assert max(psi for month, psi in login.items() if month < "2025-09-01") < 0.10


def test_the_business_signals_fall_with_the_campaign(signals: pd.DataFrame) -> None:
    approved, defaults = values(signals, "approval_rate_change"), values(signals, "expected_default_change")
    assert approved["2025-06-01"] < -0.03
    assert defaults["2025-06-01"] > 0.01


def test_signals_stop_at_the_day_that_was_asked_for(decided: Decided) -> None:
    found = drift_signals(decided.settings, decided.engine, PROJECT, date(2025, 6, 15))
    assert max(found["period"]) == "2025-06-01"
    assert drift_signals(decided.settings, decided.engine, PROJECT, date(2024, 1, 1)).empty


def test_the_note_of_a_moved_feature_names_the_group_that_carries_it(signals: pd.DataFrame) -> None:
    mine = signals[(signals["measure"] == "psi") & (signals["subject"] == "credit_history_months")]
    assert mine["note"].iloc[-1] == "mostly channel=partner"
