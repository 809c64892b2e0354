"""A seeded personal-loan book that a lender would believe, with three dated incidents whose truth is known.

The calendar (months counted from 1; dates for the default first month, 2024-01):

- months 1 to 14 (January 2024 to February 2025): development, no incident, default rate 18.5 %;
- months 15 and 16 (March and April 2025): clean, for a test out of time;
- from month 17 (May 2025) the **campaign**: applicants of 18 to 27 come through the partner channel, on top of the usual ones;
- from month 19 (July 2025) the **recession**: income weakens as a predictor, the default rate rises by about 4 points;
- from month 21 (September 2025) the **rename**: 38 % of the login recencies are silently filled with 0.

An incident acts on the applications of its months; loans made earlier are not touched.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from pipeline.data.simulate_applicants import Floats, Ints, Streams, draw_applicants
from pipeline.data.simulate_calendar import add_months, application_dates, campaign_months, usual_months
from pipeline.data.simulate_outcomes import (
    calibrate_intercept,
    draw_outcomes,
    expected_rate,
    frailty,
    hazard_score,
    interest_rate,
)
from pipeline.data.simulate_spec import (
    CAMPAIGN,
    CLEAN_MONTHS,
    DEFAULT_RATE,
    DEVELOPMENT_MONTHS,
    INCIDENTS,
    RECESSION,
    RECESSION_RISE,
    RENAME,
    BookSpec,
    Incident,
)

__all__ = [
    "CAMPAIGN",
    "CLEAN_MONTHS",
    "COLUMNS",
    "DEFAULT_RATE",
    "DEVELOPMENT_MONTHS",
    "INCIDENTS",
    "RECESSION",
    "RECESSION_RISE",
    "RENAME",
    "BookSpec",
    "Incident",
    "simulate_book",
]

_ID_SPACE, _ID_STEP = 100_000_000, 61_803_399

COLUMNS: Final = (
    "application_id", "application_date", "amount", "term_months", "purpose", "channel", "region", "age", "sex",
    "employment_status", "years_employed", "income", "housing", "existing_customer", "savings_balance", "monthly_debt",
    "credit_history_months", "credit_lines", "utilisation", "delinquencies_2y", "months_since_last_delinquency",
    "inquiries_6m", "days_since_last_login", "interest_rate", "default", "outcome_known_date", "realised_loss",
    "realised_interest",
)  # fmt: skip


def simulate_book(spec: BookSpec) -> pd.DataFrame:
    """Simulate the book; the same spec gives the same frame, bit for bit.

    Args:
        spec: seed, size, calendar and incidents. Switching an incident changes only what it touches: without the campaign
            the other applications are identical; without the recession all inputs are; without the rename all but one column.

    Returns:
        One row per application, by date, columns `COLUMNS`; EUR, years, months and days as named, ``utilisation`` as a share,
        ``default`` 1 for a default within 12 months, ``outcome_known_date`` the day that became known.
    """
    usual = _Part.draw(spec, "usual", usual_months(spec))
    is_development = usual.month <= DEVELOPMENT_MONTHS
    intercept = calibrate_intercept(usual.risk(None)[is_development], DEFAULT_RATE)
    shock = _recession_shock(spec.recession, usual, intercept)
    parts = [usual]
    if spec.campaign is not None and len(extra := campaign_months(spec, spec.campaign)):
        parts.append(_Part.draw(spec, "campaign", extra))
    frames = [part.finish(spec, intercept, shock) for part in parts]
    book = pd.concat(frames, ignore_index=True)
    ids = np.arange(len(book)) * _ID_STEP % _ID_SPACE
    # The step shares no factor with the space, so no id repeats, and an id betrays neither date nor campaign.
    book["application_id"] = pd.Series(ids).astype(str).str.zfill(8).radd("PL-")
    book = book.sort_values(["application_date", "application_id"], ignore_index=True)
    return book[list(COLUMNS)]


@dataclass(frozen=True)
class _Part:
    """Applicants drawn together (the usual ones, or the campaign's), with the month (from 1) in which each applied."""

    streams: Streams
    month: Ints
    applicants: pd.DataFrame
    frailty: Floats

    @classmethod
    def draw(cls, spec: BookSpec, name: str, month: Ints) -> "_Part":
        streams, n = Streams(spec.seed, name), len(month)
        return cls(streams, month, draw_applicants(streams, n, is_campaign=name == "campaign"), frailty(streams, n))

    def risk(self, recession: Incident | None) -> Floats:
        """Log hazard before intercept and shock, with income weakened in the recession's months."""
        weight: float | Floats = 1.0
        if recession is not None:
            weight = np.where(self.month >= recession.start_month, 1.0 - recession.strength, 1.0)
        return hazard_score(self.applicants, weight) + self.frailty

    def finish(self, spec: BookSpec, intercept: float, shock: float) -> pd.DataFrame:
        """Price, outcomes, dates, then what the lender gets to see of it."""
        loans = self.applicants.assign(interest_rate=interest_rate(self.streams, hazard_score(self.applicants)))
        in_recession = spec.recession is not None and (self.month >= spec.recession.start_month)
        outcomes = draw_outcomes(self.streams, loans, self.risk(spec.recession) + intercept + shock * in_recession)
        dates = application_dates(self.streams, spec, self.month)
        known = add_months(dates, outcomes["known_after_months"].to_numpy())
        seen = _rename(self.streams, _hide(self.streams, loans), self.month, spec.rename)
        return pd.concat([seen, outcomes], axis=1).assign(application_date=dates, outcome_known_date=known)


def _recession_shock(recession: Incident | None, usual: _Part, intercept: float) -> float:
    """Shift of the intercept at which the usual applicants of the recession default `RECESSION_RISE` more often."""
    if recession is None or not (hit := usual.month >= recession.start_month).any():
        return 0.0
    calm = expected_rate(usual.risk(None)[hit], intercept)
    return calibrate_intercept(usual.risk(recession)[hit], calm + RECESSION_RISE) - intercept


def _hide(streams: Streams, loans: pd.DataFrame) -> pd.DataFrame:
    """Blank what the lender does not get to see; income goes missing more where it is low or self-made: not at random."""
    draw = streams.of("missing").random((len(loans), 4))
    is_customer, channel = loans["existing_customer"], loans["channel"]
    through_others = channel.isin(["partner", "broker"])
    unstated = 0.012 + 0.05 * (loans["employment_status"] == "self_employed") + 0.03 * (loans["income"] < 18_000)
    no_account = np.where(is_customer, 0.03, np.where(channel == "web", 0.0, 0.22))
    return loans.assign(
        income=loans["income"].mask(draw[:, 0] < unstated),
        years_employed=loans["years_employed"].mask(draw[:, 1] < 0.02),
        housing=loans["housing"].mask(draw[:, 2] < np.where(through_others, 0.04, 0.005)),
        days_since_last_login=loans["days_since_last_login"].mask(draw[:, 3] < no_account),
        savings_balance=loans["savings_balance"].where(is_customer),
    )


def _rename(streams: Streams, seen: pd.DataFrame, month: Ints, rename: Incident | None) -> pd.DataFrame:
    """Fill login recency with 0 where the renamed upstream field was not found."""
    if rename is None:
        return seen
    lost = (month >= rename.start_month) & (streams.of("rename").random(len(seen)) < rename.strength)
    return seen.assign(days_since_last_login=seen["days_since_last_login"].mask(lost, 0.0))
