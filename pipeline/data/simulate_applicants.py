"""The people of the simulated book: who applies, what they earn and owe, what they ask for. No outcome is known here.

Every concern (people, work, bureau, ...) draws from a generator of its own, so that a change to one concern, or an
incident switched on or off, leaves the draws of all others as they were.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Strings = NDArray[Any]

CHANNELS: Final = ("branch", "web", "partner", "broker")
REGIONS: Final = ("capital", "north", "north_east", "east", "south_east", "south", "west", "coast")
EMPLOYMENT: Final = ("permanent", "public_sector", "self_employed", "fixed_term", "retired", "student")
HOUSING: Final = ("owner", "mortgage", "tenant", "with_family")
PURPOSES: Final = (
    "debt_consolidation", "car", "home_improvement", "household_goods", "medical", "education", "travel", "other",
)  # fmt: skip
TERMS: Final = (12, 24, 36, 48, 60)
AGE_MIN, AGE_MAX, CAMPAIGN_AGE_MAX = 18, 79, 27
MEDIAN_INCOME_EUR: Final = 32_000.0

_INCOME_EUR: Final = {
    "permanent": 33_000, "public_sector": 34_000, "self_employed": 36_000, "fixed_term": 25_500, "retired": 25_000,
    "student": 12_500,
}  # fmt: skip
_AMOUNT_EUR: Final = dict(zip(PURPOSES, (11_500, 12_500, 11_000, 4_500, 5_500, 7_000, 4_800, 6_500), strict=True))


@dataclass(frozen=True)
class Streams:
    """Independent generators by name: the same seed, part of the book and concern give the same draws, whatever else runs."""

    seed: int
    part: str

    def of(self, concern: str) -> np.random.Generator:
        """Return a fresh generator for one concern, e.g. ``"bureau"``."""
        key = (zlib.crc32(self.part.encode()), zlib.crc32(concern.encode()))
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def pick(rng: np.random.Generator, n: int, names: Sequence[Any], weights: Sequence[Any]) -> Strings:
    """Draw n of `names`; each weight is a number or an array (n,), not necessarily summing to one."""
    table = np.stack([np.broadcast_to(np.asarray(weight, dtype=float), n) for weight in weights], axis=1)
    edges = np.cumsum(table, axis=1)
    position = (rng.random(n) * edges[:, -1])[:, None] >= edges[:, :-1]
    return np.asarray(names)[position.sum(axis=1)]


def draw_applicants(streams: Streams, n: int, *, is_campaign: bool = False) -> pd.DataFrame:
    """Draw n applicants with their true values: nothing is missing yet but what cannot exist.

    Args:
        streams: the generators of this part of the book.
        n: how many.
        is_campaign: True draws the campaign's applicants, 18 to 27 years old and all through the partner channel; what
            follows from youth (income, time in work, credit history) follows by the same rules as for everybody.

    Returns:
        One row per applicant: money in EUR, ages in years, utilisation as a share of the limit.
    """
    people = _people(streams.of("people"), n, is_campaign=is_campaign)
    work = _work(streams.of("work"), people)
    household = _household(streams.of("household"), people, work)
    stress = streams.of("stress").normal(size=n)
    bureau = _bureau(streams.of("bureau"), people, work, stress)
    request = _request(streams.of("request"), people, work)
    behaviour = _behaviour(streams.of("behaviour"), people, work, stress)
    return pd.concat([request, people, work, household, bureau, behaviour], axis=1)


def _people(rng: np.random.Generator, n: int, *, is_campaign: bool) -> pd.DataFrame:
    years = rng.gamma(2.4, 9.5, n)
    age = AGE_MIN + (np.minimum(years / 6, CAMPAIGN_AGE_MAX - AGE_MIN) if is_campaign else years)
    age = np.clip(np.floor(age), AGE_MIN, AGE_MAX).astype(np.int64)
    sex = pick(rng, n, ("female", "male"), (0.46, 0.54))
    region = pick(rng, n, REGIONS, (0.22, 0.11, 0.09, 0.10, 0.12, 0.14, 0.13, 0.09))
    online = 1 / (1 + np.exp((age - 48) / 12))
    channel = pick(rng, n, CHANNELS, (0.42 - 0.2 * online, 0.22 + 0.3 * online, 0.13, 0.17))
    channel = np.full(n, "partner") if is_campaign else channel
    return pd.DataFrame({"age": age, "sex": sex, "region": region, "channel": channel})


def _work(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    age, is_female = people["age"].to_numpy(), (people["sex"] == "female").to_numpy()
    n = len(age)
    retired = 1 / (1 + np.exp(-(age - 64) / 1.5))
    student = 0.45 * np.exp(-(age - AGE_MIN) / 3.5)
    working = 1 - np.minimum(retired + student, 0.99)
    fixed = 0.12 + 0.02 * is_female + 0.15 * np.exp(-(age - AGE_MIN) / 8)
    weights = (0.58 * working, (0.11 + 0.02 * is_female) * working, (0.15 - 0.03 * is_female) * working, fixed * working)
    status = pick(rng, n, EMPLOYMENT, (*weights, retired, student))
    tenure = np.minimum(rng.gamma(1.1, 5.5, n), np.maximum(age - AGE_MIN, 0.3))
    has_job = ~np.isin(status, ("retired", "student"))
    level = pd.Series(status).map(_INCOME_EUR).to_numpy(dtype=float)
    career = np.where(has_job, 0.70 * (1 - np.exp(-(age - AGE_MIN) / 12)) - 0.48, 0.0)
    spread = np.where(status == "self_employed", 0.60, 0.36)
    log_income = np.log(level) + career - 0.08 * is_female + 0.10 * (people["region"] == "capital").to_numpy()
    income = np.exp(log_income + spread * rng.normal(size=n))
    return pd.DataFrame({
        "employment_status": status,
        "years_employed": np.where(has_job, np.round(tenure, 1), np.nan),
        "income": np.round(np.clip(income, 4_800, 400_000), -2),
    })  # fmt: skip


def _household(rng: np.random.Generator, people: pd.DataFrame, work: pd.DataFrame) -> pd.DataFrame:
    age, n = people["age"].to_numpy(), len(people)
    settled = 1 / (1 + np.exp(-(age - 38) / 7))
    wealth = np.clip(np.log(work["income"].to_numpy() / MEDIAN_INCOME_EUR), -1, 1)
    weights = (0.05 + 0.30 * settled * (age / 60), (0.04 + 0.36 * settled) * (1 + 0.4 * wealth), 0.48, 0.5 * (1 - settled))
    housing = pick(rng, n, HOUSING, weights)
    known = people["channel"].map({"branch": 0.72, "web": 0.45, "partner": 0.18, "broker": 0.22}).to_numpy(dtype=float)
    return pd.DataFrame({"housing": housing, "existing_customer": rng.random(n) < known})


def _bureau(rng: np.random.Generator, people: pd.DataFrame, work: pd.DataFrame, stress: Floats) -> pd.DataFrame:
    n, income = len(people), work["income"].to_numpy()
    history = np.floor((people["age"].to_numpy() - AGE_MIN + rng.random(n)) * 12 * rng.beta(2.2, 1.6, n)).astype(np.int64)
    lines = rng.poisson(0.5 + 4.2 * (1 - np.exp(-history / 90)))
    delinquencies = rng.poisson(0.16 * np.exp(0.75 * stress - 0.28)) * (history >= 3)
    recent, older = np.floor(rng.random(n) * 24), 24 + np.floor(rng.random(n) * 60)
    had_older = (rng.random(n) < 0.14 / (1 + np.exp(-stress))) & (history > 36)
    since = np.where(delinquencies > 0, np.minimum(recent, history), np.where(had_older, np.minimum(older, history), np.nan))
    share = 1 / (1 + np.exp(-(-0.35 + 0.75 * stress + 0.95 * rng.normal(size=n))))
    burden = np.exp(np.log(0.11) + 0.22 * stress + 0.55 * rng.normal(size=n))
    return pd.DataFrame({
        "credit_history_months": history,
        "credit_lines": lines,
        "utilisation": np.where(lines > 0, np.round(share, 3), np.nan),
        "delinquencies_2y": delinquencies,
        "months_since_last_delinquency": since,
        "inquiries_6m": rng.poisson(0.85 * np.exp(0.45 * stress - 0.1)),
        "monthly_debt": np.round(np.minimum(burden, 0.8) * income / 12 * (lines > 0)),
    })  # fmt: skip


def _request(rng: np.random.Generator, people: pd.DataFrame, work: pd.DataFrame) -> pd.DataFrame:
    n, is_young = len(people), (people["age"] < 28).to_numpy()
    weights = (0.26, 0.17, 0.16 - 0.10 * is_young, 0.13, 0.06, 0.04 + 0.06 * is_young, 0.07 + 0.04 * is_young, 0.11)
    purpose = pick(rng, n, PURPOSES, weights)
    typical = pd.Series(purpose).map(_AMOUNT_EUR).to_numpy(dtype=float)
    log_amount = np.log(typical) + 0.45 * np.log(work["income"].to_numpy() / MEDIAN_INCOME_EUR) + 0.5 * rng.normal(size=n)
    amount = np.round(np.clip(np.exp(log_amount), 1_000, 50_000), -2)
    aim = 26 + 13 * np.log(amount / 5_000)
    term = pick(rng, n, TERMS, [np.exp(-(((months - aim) / 15) ** 2) / 2) + 1e-9 for months in TERMS])
    return pd.DataFrame({"amount": amount, "term_months": term, "purpose": purpose})


def _behaviour(rng: np.random.Generator, people: pd.DataFrame, work: pd.DataFrame, stress: Floats) -> pd.DataFrame:
    n = len(people)
    days = np.floor(np.exp(2.4 + 0.15 * stress + 1.15 * rng.normal(size=n)))
    log_savings = np.log(0.06 * work["income"].to_numpy()) - 0.55 * stress + 1.0 * rng.normal(size=n)
    return pd.DataFrame({
        "days_since_last_login": np.minimum(days, 365.0),
        "savings_balance": np.round(np.minimum(np.exp(log_savings), 250_000), 2),
    })  # fmt: skip
