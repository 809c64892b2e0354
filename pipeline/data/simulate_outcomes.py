"""What becomes of the simulated loans: default and its month, loss and interest in money.

A proportional-hazards model in discrete months: with the cumulative baseline hazard H(t), H(12) = 1, and a score
eta, a loan defaults by month t when exp(intercept + eta) H(t) exceeds one standard exponential draw, so that
PD(12 months) = 1 - exp(-exp(intercept + eta)). One draw decides both whether and when, and the same draw serves with and
without an incident: an incident can only move the loans that it touches. Neither sex nor age enters eta.
"""

from typing import Final

import numpy as np
import pandas as pd

from pipeline.data.simulate_applicants import MEDIAN_INCOME_EUR, Floats, Streams

FIRST_DEFAULT_MONTH: Final = 3
WINDOW_MONTHS: Final = 12
BASELINE_HAZARD: Final[Floats] = np.cumsum([0.06, 0.09, 0.11, 0.12, 0.13, 0.12, 0.11, 0.10, 0.09, 0.07])
"""H(t) for t = 3..12: three missed instalments are needed, so nobody defaults in the first two months."""
LGD_MEAN, LGD_CONCENTRATION = 0.58, 14.0
FRAILTY_SD: Final = 0.65
"""What no column knows: it keeps the best possible model at the discrimination a lender would believe."""

_EMPLOYMENT: Final = {"public_sector": -0.30, "self_employed": 0.10, "fixed_term": 0.30, "student": 0.10}
_HOUSING: Final = {"owner": -0.20, "mortgage": -0.15, "tenant": 0.20}
_PURPOSE: Final = {"debt_consolidation": 0.25, "car": -0.20, "home_improvement": -0.20, "medical": 0.25, "education": -0.05}
_CHANNEL: Final = {"branch": -0.10, "partner": 0.15, "broker": 0.25}
_REGION: Final = {"capital": -0.06, "north_east": 0.10, "south": 0.08, "coast": -0.05}


def hazard_score(applicants: pd.DataFrame, income_weight: float | Floats = 1.0) -> Floats:
    """Return eta (n,), the log relative hazard that the columns explain, from their true values.

    `income_weight` pulls every use of income towards the median: 1 leaves it whole, 0 makes income say nothing.
    """
    log_income = income_weight * np.log(applicants["income"].to_numpy() / MEDIAN_INCOME_EUR)
    return _means(applicants, log_income) + _past(applicants) + _behaviour(applicants) + _category_effects(applicants)


def _means(applicants: pd.DataFrame, log_income: Floats) -> Floats:
    """Income against the loan asked for and the debt already carried: both burdens bite beyond a threshold only."""
    size = np.log(applicants["amount"].to_numpy() / 9_000)
    burden = applicants["monthly_debt"].to_numpy() / (MEDIAN_INCOME_EUR / 12 * np.exp(log_income))
    tenure = np.log1p(applicants["years_employed"].fillna(4).to_numpy())
    term = (applicants["term_months"].to_numpy() - 36) / 12
    overloaded = _ramp(burden, 0.22, 0.03)
    oversized = _ramp(size - log_income, 0.60, 0.12)
    return -0.70 * log_income + 0.20 * size + 0.10 * term + 0.75 * overloaded + 0.45 * oversized - 0.30 * tenure


def _past(applicants: pd.DataFrame) -> Floats:
    """Bureau record: thin files, recent delinquency, and a limit used up, worst together with a search for new credit."""
    history = np.log1p(applicants["credit_history_months"].to_numpy() / 24)
    late = np.minimum(applicants["delinquencies_2y"].to_numpy(), 3)
    recency = np.exp(-applicants["months_since_last_delinquency"].fillna(np.inf).to_numpy() / 12)
    searches = np.minimum(applicants["inquiries_6m"].to_numpy(), 5)
    stretched = _ramp(applicants["utilisation"].fillna(0.35).to_numpy(), 0.65, 0.04)
    thin = applicants["credit_lines"].to_numpy() == 0
    return (
        -0.35 * history + 0.35 * late + 0.60 * recency + 0.05 * searches + 0.55 * stretched
        + 0.30 * stretched * searches + 0.20 * thin
    )  # fmt: skip


def _behaviour(applicants: pd.DataFrame) -> Floats:
    """Long silence in the lender's app, and little saved (customers only; for others the lender cannot know)."""
    days = applicants["days_since_last_login"].to_numpy()
    silence = 0.25 * (np.log1p(days) - 2.4) + 0.75 * _ramp(np.log1p(days), np.log(28), 0.15)
    saved = np.log1p(applicants["savings_balance"].to_numpy() / 500) - 1.6
    is_customer = applicants["existing_customer"].to_numpy()
    return silence + np.where(is_customer, -0.12 - 0.25 * saved, 0.0)


def _ramp(x: Floats, middle: float, width: float) -> Floats:
    """A smooth step from 0 to 1 around `middle`."""
    return np.asarray(1 / (1 + np.exp(-(x - middle) / width)))


def _category_effects(applicants: pd.DataFrame) -> Floats:
    effects = {
        "employment_status": _EMPLOYMENT, "housing": _HOUSING, "purpose": _PURPOSE, "channel": _CHANNEL,
        "region": _REGION,
    }  # fmt: skip
    mapped = [applicants[name].map(effect).fillna(0.0).to_numpy(dtype=float) for name, effect in effects.items()]
    return np.asarray(np.sum(mapped, axis=0))


def frailty(streams: Streams, n: int) -> Floats:
    """Draw the part of the risk (n,) that no column shows."""
    return streams.of("frailty").normal(0.0, FRAILTY_SD, n)


def expected_rate(eta: Floats, intercept: float) -> float:
    """Return the mean 12-month PD of loans with scores `eta` (n,)."""
    return float(np.mean(-np.expm1(-np.exp(intercept + eta))))


def calibrate_intercept(eta: Floats, rate: float) -> float:
    """Return the intercept at which the expected default rate of `eta` (n,) is `rate`, by bisection to 1e-12.

    Raises:
        ValueError: when there are no loans, or the rate is not strictly between 0 and 1.
    """
    if len(eta) == 0 or not 0.0 < rate < 1.0:
        raise ValueError(f"cannot calibrate {len(eta)} loans to a default rate of {rate}: need loans and 0 < rate < 1")
    low, high = -30.0 - float(eta.max()), 30.0 - float(eta.min())
    while high - low > 1e-12 * max(1.0, abs(low)):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if expected_rate(eta, middle) < rate else (low, middle)
    return (low + high) / 2


def interest_rate(streams: Streams, eta: Floats) -> Floats:
    """Return the yearly rate (n,) the lender's old scorecard charged: risk-based, noisy, between 6 and 29 %."""
    noise = streams.of("price").normal(0.0, 0.02, len(eta))
    rate = np.clip(0.16 + 0.02 * (eta - 0.3) + noise, 0.06, 0.29)
    return np.asarray(np.round(rate, 4), dtype=np.float64)


def draw_outcomes(streams: Streams, loans: pd.DataFrame, log_hazard: Floats) -> pd.DataFrame:
    """Draw default, its month and the money that followed.

    Args:
        streams: the generators of this part of the book.
        loans: columns amount (EUR), term_months, interest_rate (yearly).
        log_hazard: intercept + eta + frailty (n,).

    Returns:
        ``default`` 0/1, ``known_after_months`` (3 to 12 for a default, 12 for a good loan), ``realised_loss`` (EUR, LGD
        times the balance at the first missed instalment) and ``realised_interest`` (EUR paid within the 12 months).
    """
    rng = streams.of("outcome")
    strain = rng.exponential(size=len(loans)) / np.exp(log_hazard)
    is_default = strain < BASELINE_HAZARD[-1]
    month = FIRST_DEFAULT_MONTH + np.minimum(np.searchsorted(BASELINE_HAZARD, strain), len(BASELINE_HAZARD) - 1)
    lgd = rng.beta(LGD_MEAN * LGD_CONCENTRATION, (1 - LGD_MEAN) * LGD_CONCENTRATION, len(loans))
    # A default is declared at the third missed instalment: the balance owed is that of three months earlier.
    paid = np.where(is_default, month - FIRST_DEFAULT_MONTH, np.minimum(WINDOW_MONTHS, loans["term_months"].to_numpy()))
    balance, interest = _annuity(loans, paid.astype(float))
    return pd.DataFrame({
        "default": is_default.astype(np.int64),
        "known_after_months": np.where(is_default, month, WINDOW_MONTHS),
        "realised_loss": np.where(is_default, np.round(lgd * balance, 2), 0.0),
        "realised_interest": np.round(interest, 2),
    })  # fmt: skip


def _annuity(loans: pd.DataFrame, paid: Floats) -> tuple[Floats, Floats]:
    """Balance owed and interest received after `paid` level instalments (the annuity formula)."""
    amount, term = loans["amount"].to_numpy(dtype=float), loans["term_months"].to_numpy(dtype=float)
    monthly = loans["interest_rate"].to_numpy() / 12
    growth, full = (1 + monthly) ** paid, (1 + monthly) ** term
    instalment = amount * monthly * full / (full - 1)
    balance = np.maximum(amount * growth - instalment * (growth - 1) / monthly, 0.0)
    return balance, np.maximum(instalment * paid - (amount - balance), 0.0)
