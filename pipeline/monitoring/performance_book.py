"""The book: every decision with what became of it as of a day, and what its policy promised. Read once; all else is pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
from pandas import DataFrame, DateOffset, Timestamp, concat
from sqlalchemy import Engine, select

from pipeline import contract
from pipeline.evaluation.inputs import BoolArray, FloatArray
from pipeline.evaluation.months import as_date, as_dates, months_passed
from pipeline.evaluation.segments import MIN_N
from pipeline.evaluation.vintages import KNOWN_SHARE, MATURED, TOO_FEW, WAITING, maturity_table
from pipeline.monitoring.baseline import Artifacts, TrackedArtifacts
from pipeline.monitoring.clock import as_of_day
from pipeline.monitoring.outcomes import with_outcomes
from pipeline.monitoring.performance_promise import Promise, product_of, promise_of
from pipeline.project import ProjectConfig
from pipeline.registry.policies import read_policy
from pipeline.settings import Settings
from pipeline.store.tables import decisions, outcomes

MONTHS_SHOWN: Final = 24
"""Vintages that pages and signals look back on, the current month among them."""
GRACE_MONTHS: Final = 3
"""So long a vintage whose months have passed is waited for while outcomes are missing."""
COMES_IN: Final = 0.8
"""Of the share of approved loans with an outcome: below it the others' outcomes stay away, above it they are only late."""
LOAN_COLUMNS: Final = (
    "id", "applicant_id", "decided_at", "vintage", "model_version", "policy_id", "outcome", "is_declined", "pd", "grade",
    "amount", "y", "known_at", "cash", "is_measured",
)  # fmt: skip
"""``y`` is 1 or 0 where the outcome is known by the day, else NaN; ``is_declined``: the live model of that day declined it;
``is_measured``: its outcome can be known, see `Book.measured_on`."""


@dataclass(frozen=True, eq=False)
class Book:
    """Decisions of one product with their outcomes as they were known by the end of a day."""

    config: ProjectConfig
    as_of: date
    loans: DataFrame = field(repr=False)
    """Columns `LOAN_COLUMNS`, by decided_at; the vintage is the first day of the month of decision."""
    labels: DataFrame
    """A row per decision (approve, review, decline) of loans whose months have passed: outcome, n, n_known, known_share."""
    promises: Mapping[str, Promise]
    """By policy id."""

    @property
    def outcome_months(self) -> int:
        """Months on book after which an outcome is known."""
        return self.config.data.outcome_months

    @cached_property
    def measured_on(self) -> tuple[str, ...]:
        """Decisions whose outcomes come in; anything realised is measured on these alone."""
        return _measured_on(self.labels)

    @property
    def is_approved_only(self) -> bool:
        """True where nobody learns what the declined would have done: then recall cannot be computed, nor anything like it."""
        return contract.DECLINE not in self.measured_on

    @cached_property
    def measured(self) -> DataFrame:
        """The loans on which anything realised is measured."""
        return self.loans[self.loans["is_measured"]]

    @cached_property
    def maturity(self) -> DataFrame:
        """As `vintages.maturity_table` over the measured loans, with ``status`` matured, waiting or too few, every vintage."""
        return _maturity(self)

    def vintages(self, status: str) -> tuple[Timestamp, ...]:
        """Vintages in that state, oldest first."""
        table = self.maturity
        return tuple(table.loc[table["status"] == status, "vintage"])

    @cached_property
    def matured(self) -> DataFrame:
        """Measured loans of matured vintages whose outcome is known."""
        loans = self.measured
        return loans[loans["vintage"].isin(self.vintages(MATURED)) & loans["y"].notna()]

    @cached_property
    def waiting(self) -> DataFrame:
        """All loans of vintages that have not matured, measured or not."""
        return self.loans[self.loans["vintage"].isin(self.vintages(WAITING))]


def load_book(
    settings: Settings, engine: Engine, project: str, as_of: date | None = None, *, artifacts: Artifacts | None = None,
    months: int = MONTHS_SHOWN,
) -> Book | None:  # fmt: skip
    """Return the decisions of the last `months` calendar months up to a day, with what was known by its end.

    as_of: by default the day of the newest decision or outcome. None where nothing was decided by then. Raises StoreError or
    LogError when the store cannot be read, PolicyError for a policy that was changed after it was written. Where the
    tracking store does not answer, promises say so and the rest stands.
    """
    day = as_of or as_of_day(engine, project)
    if day is None:
        return None
    found = artifacts or TrackedArtifacts(settings)
    config = product_of(engine, project, found)
    first = (Timestamp(day).replace(day=1) - DateOffset(months=months - 1)).date()
    rows = with_outcomes(engine, project, first=first, last=day, as_of=day, config=config)
    if rows.empty:
        return None
    with engine.connect() as connection:
        policies = [read_policy(connection, str(policy)) for policy in rows["policy_id"].unique()]
    return make_book(config, rows, day, {policy.id: promise_of(policy, config, found) for policy in policies})


def mark_of(engine: Engine, project: str) -> tuple[int, int]:
    """Return the numbers of the newest decision and outcome of a project, 0 for none: a book is good as long."""
    with engine.connect() as connection:
        newest = [
            connection.scalar(select(table.c.seq).where(table.c.project == project).order_by(table.c.seq.desc()).limit(1))
            for table in (decisions, outcomes)
        ]
    return newest[0] or 0, newest[1] or 0


def make_book(config: ProjectConfig, rows: DataFrame, as_of: date, promises: Mapping[str, Promise]) -> Book:
    """Return the book of rows as `outcomes.with_outcomes` gives them; whatever lies after the day is left out or not known."""
    decided = as_dates(rows["decided_at"])
    day = as_date(as_of)
    rows = rows[np.asarray(decided <= day)].reset_index(drop=True)
    decided, known = as_dates(rows["decided_at"]), as_dates(rows["known_at"])
    y = rows["y"].to_numpy(dtype=np.float64)
    is_known = ~np.isnan(y) & ~np.asarray(known > day)
    loans = rows.assign(
        decided_at=decided,
        vintage=decided.to_period("M").to_timestamp(),
        is_declined=(rows["outcome"] == contract.DECLINE).to_numpy(),
        y=np.where(is_known, y, np.nan),
        known_at=known.where(is_known),
        cash=np.where(is_known, rows["cash"].to_numpy(dtype=np.float64), np.nan),
    )
    labels = _labels(loans, day, config.data.outcome_months)
    loans = loans.assign(is_measured=loans["outcome"].isin(_measured_on(labels)))
    return Book(config, as_of, loans[list(LOAN_COLUMNS)], labels, promises)


def _labels(loans: DataFrame, day: Timestamp, outcome_months: int) -> DataFrame:
    """How many outcomes came in, by decision, among loans each of which has been on book long enough."""
    days = as_dates(loans["decided_at"])
    old: BoolArray = months_passed(days, as_dates([day] * len(loans))) >= outcome_months
    grouped = loans[old].groupby("outcome")["y"]
    n = grouped.size().reindex(list(contract.OUTCOMES), fill_value=0)
    known = grouped.count().reindex(list(contract.OUTCOMES), fill_value=0)
    share: FloatArray = np.divide(known, n, out=np.full(len(n), np.nan), where=n > 0)
    return DataFrame({"outcome": n.index, "n": n.to_numpy(), "n_known": known.to_numpy(), "known_share": share})


def _measured_on(labels: DataFrame) -> tuple[str, ...]:
    """Approved loans always; others where outcomes come in nearly as they do for the approved, or nothing is old enough."""
    approved = labels.loc[labels["outcome"] == contract.APPROVE, "known_share"].fillna(1.0).iloc[0]
    come_in = labels["known_share"].isna() | (labels["known_share"] >= COMES_IN * approved)
    return tuple(labels.loc[come_in | (labels["outcome"] == contract.APPROVE), "outcome"])


def _maturity(book: Book) -> DataFrame:
    measured = book.measured
    # All of them: defaults are known first, so at 95 % known a vintage still looks a twentieth worse than it is.
    table = maturity_table(
        measured["decided_at"], measured["y"], book.as_of, book.outcome_months, measured["known_at"], known_share=1.0
    )
    # Of outcomes that come late defaults come first, so what is in would look too bad; in the end it is all there will be.
    last_call = as_date(book.as_of) >= table["matures_on"] + DateOffset(months=GRACE_MONTHS)
    table["is_matured"] &= (table["known_share"] >= KNOWN_SHARE) | last_call
    only = sorted(set(book.loans["vintage"]) - set(table["vintage"]))
    unmeasured = DataFrame({"vintage": only, "n": 0, "n_known": 0, "known_share": np.nan, "is_matured": False, "note": ""})
    whole = concat([table, unmeasured], ignore_index=True) if only else table
    status = [
        WAITING if not is_matured else TOO_FEW if n_known < MIN_N else MATURED
        for is_matured, n_known in zip(whole["is_matured"].to_numpy(dtype=bool), whole["n_known"], strict=True)
    ]
    return whole.assign(status=status).sort_values("vintage", ignore_index=True)
