"""Money: what a policy was promised to lose to wrong decisions, what its PDs expect, and what it really lost."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pandas import DataFrame

from pipeline import contract
from pipeline.evaluation.advice import Measured
from pipeline.evaluation.cost import CashCosts, LoanCosts, losses_by_decision
from pipeline.evaluation.inputs import FloatArray
from pipeline.monitoring.performance_belief import belief
from pipeline.monitoring.performance_book import Book
from pipeline.monitoring.performance_promise import NOT_MEASURED, Promise

MONEY_COLUMNS: Final = (
    "vintage", "n", "promised", "expected", "expected_lo", "expected_hi", "realised", "realised_lo", "realised_hi",
    "saving_promised", "saving", "saving_lo", "saving_hi", "cash_promised", "cash", "cash_lo", "cash_hi", "note",
)  # fmt: skip
_Z: Final = 1.959964


@dataclass(frozen=True)
class Losses:
    """What each case loses, shape (n,): were it to default, and were it to pay back."""

    if_default: FloatArray
    if_good: FloatArray

    def of(self, y: npt.ArrayLike) -> FloatArray:
        """Return the loss of each case; y: 0 and 1, or probabilities of default, then it is the expected one."""
        chance = np.asarray(y, dtype=np.float64)
        return chance * self.if_default + (1 - chance) * self.if_good


def losses_of(promise: Promise, rows: DataFrame) -> Losses:
    """Return what cases lose under a policy's own assumptions; rows: outcome, amount, cash.

    As `policy.policy_outcome` counts: a missed defaulter and a good customer refused cost what was assumed; a reviewed case
    costs the fee, and reviewers decide the assumed share rightly. Raises ValueError where an amount or cash is missing.
    """
    if_default, if_good = (_losses(promise, rows, y) for y in (1.0, 0.0))
    return Losses(if_default, if_good)


def cost_realised(book: Book, rows: DataFrame) -> tuple[Measured, str]:
    """Return money lost per 1,000 of these loans, outcomes known, with a 95 % interval (normal) and why it is not known."""
    found, note = _collected(book, rows)
    return (NOT_MEASURED, note) if found is None else (_mean(found.of(rows["y"])), "")


def saving_realised(book: Book, rows: DataFrame) -> tuple[Measured, str]:
    """Return money kept per 1,000 of these loans over the baseline that their policies were approved against.

    The same loans decided by the baseline's cut-offs on the same PDs; not known where the baseline is another run's.
    """
    decided, note = _by_baseline(book, rows)
    if decided is None:
        return NOT_MEASURED, note
    mine, note = _collected(book, rows)
    theirs, _ = _collected(book, decided)
    if mine is None or theirs is None:
        return NOT_MEASURED, note
    return _mean(theirs.of(rows["y"]) - mine.of(rows["y"])), ""


def cost_expected(book: Book, rows: DataFrame) -> tuple[Measured, str]:
    """Return money that the PDs expect to be lost per 1,000 of these loans, with the interval of what outcomes may make of it.

    The sum of independent losses, each of two values: its variance is exact. The errors of the PDs' calibration are added.
    """
    found, note = _collected(book, rows)
    if any(isinstance(book.promises[str(policy)].costs, CashCosts) for policy in rows["policy_id"].unique()):
        return NOT_MEASURED, "cash is known only once it has flowed; nothing can be expected of it"
    if found is None or rows.empty:
        return NOT_MEASURED, note
    believed = belief(book, rows)
    spread, gap = believed.pd * (1 - believed.pd), found.if_default - found.if_good
    variance = float(spread @ gap**2) + float(np.sum((believed.errors.T @ (spread * gap)) ** 2))
    return _around(1000 * float(found.of(believed.pd).mean()), 1000 * math.sqrt(variance) / len(rows)), ""


def cost_promised(book: Book, rows: DataFrame) -> float:
    """Return the money lost per 1,000 that was promised for the policies of these rows, by their share; NaN where it was not.

    What the proposal stated of test; where only some decisions can be measured, or nothing was stated, the run's test rows of
    those decisions under the policy's assumptions.
    """
    return _promised(book, rows, lambda promise: _stated_or_tested(promise, book))


def cash_realised(rows: DataFrame) -> Measured:
    """Return the cash that approved loans returned net of principal, per 1,000 of these rows; not known unless all of it is."""
    approved = (rows["outcome"] == contract.APPROVE).to_numpy()
    cash = np.where(approved, rows["cash"].to_numpy(dtype=np.float64), 0.0)
    return NOT_MEASURED if np.isnan(cash).any() else _mean(cash)


def cash_promised(book: Book, rows: DataFrame) -> float:
    """Return the cash per 1,000 that loans approved on the run's test rows returned, for the policies of these rows."""
    return _promised(book, rows, lambda promise: cash_realised(promise.rows(book.measured_on)).value)


def shortfall(book: Book, rows: DataFrame) -> tuple[float, str]:
    """Return how much of the promised money did not come, as a share of it, and why it is not known.

    Of cash, where every approved loan's is known here and on test; else of money lost to wrong decisions, where more than was
    promised is a shortfall.
    """
    promised, came = cash_promised(book, rows), cash_realised(rows).value
    if math.isnan(promised - came):
        lost, note = cost_realised(book, rows)
        promised, came = -cost_promised(book, rows), -lost.value
        if math.isnan(promised - came):
            return math.nan, note or "what was promised is not known"
    return ((promised - came) / abs(promised), "") if promised else (math.nan, "nothing was promised")


def money_by_vintage(book: Book) -> DataFrame:
    """Return promised, expected and realised money of each matured vintage, per 1,000 measured cases: `MONEY_COLUMNS`.

    ``promised``, ``expected`` (from the PDs of those who came) and ``realised`` are money lost to wrong decisions; ``saving``
    is what the policy kept over its baseline; ``cash`` what approved loans really returned net of principal, promised by the
    same on the run's test rows.
    """
    rows = [_vintage(book, vintage, part) for vintage, part in book.matured.groupby("vintage", sort=True)]
    return DataFrame(rows, columns=list(MONEY_COLUMNS))


def _vintage(book: Book, vintage: object, part: DataFrame) -> tuple[object, ...]:
    (realised, note), (expected, _) = cost_realised(book, part), cost_expected(book, part)
    saving, cash = saving_realised(book, part)[0], cash_realised(part)
    saving_promised = math.nan if book.is_approved_only else _promised(book, part, lambda promise: promise.stated_saving)
    return (
        vintage, len(part), cost_promised(book, part),
        expected.value, expected.lo, expected.hi, realised.value, realised.lo, realised.hi,
        saving_promised, saving.value, saving.lo, saving.hi, cash_promised(book, part), cash.value, cash.lo, cash.hi, note,
    )  # fmt: skip


def _losses(promise: Promise, rows: DataFrame, y: float) -> FloatArray:
    amount = rows["amount"] if isinstance(promise.costs, LoanCosts) else None
    cash = rows["cash"] if isinstance(promise.costs, CashCosts) else None
    if_approved, if_declined = losses_by_decision(np.full(len(rows), y), promise.costs, amount, cash)
    right = promise.review.share_right
    declined = right if y else 1 - right
    reviewed = declined * if_declined + (1 - declined) * if_approved + promise.review.cost
    decided = rows["outcome"].to_numpy(dtype=object)
    return np.select([decided == contract.DECLINE, decided == contract.REVIEW], [if_declined, reviewed], if_approved)


def _collected(book: Book, rows: DataFrame) -> tuple[Losses | None, str]:
    """The losses of each row under the policy that decided it, or why they are not known."""
    if_default, if_good = np.zeros(len(rows)), np.zeros(len(rows))
    for policy, places in rows.groupby("policy_id").indices.items():
        try:
            found = losses_of(book.promises[str(policy)], rows.iloc[places])
        except ValueError as error:
            return None, str(error)
        if_default[places], if_good[places] = found.if_default, found.if_good
    return Losses(if_default, if_good), ""


def _by_baseline(book: Book, rows: DataFrame) -> tuple[DataFrame | None, str]:
    """The rows as the baselines of their policies would have decided them, or why that is not known."""
    baselines = {str(policy): book.promises[str(policy)].policy for policy in rows["policy_id"].unique()}
    for policy in baselines.values():
        if "name" not in policy.baseline:
            return None, f"policy {policy.number} was approved against no stated baseline"
        if policy.baseline.get("run_id") not in ("", None, policy.run_id):
            return None, f"policy {policy.number} was approved against another run, whose PDs of these loans are not known"
    low, high = (
        rows["policy_id"].map({key: _end(policy.baseline.get(name)) for key, policy in baselines.items()}).to_numpy()
        for name in ("approve_below", "decline_from")
    )
    pds = rows["pd"].to_numpy(dtype=np.float64)
    return rows.assign(outcome=np.select([pds < low, pds < high], [contract.APPROVE, contract.REVIEW], contract.DECLINE)), ""


def _end(cutoff: float | None) -> float:
    """JSON knows no infinity: what is not there declines nobody."""
    return math.inf if cutoff is None else float(cutoff)


def _stated_or_tested(promise: Promise, book: Book) -> float:
    if not math.isnan(promise.stated_cost) and len(book.measured_on) == len(contract.OUTCOMES):
        return promise.stated_cost
    rows = promise.rows(book.measured_on)
    try:
        return _mean(losses_of(promise, rows).of(rows["y"])).value
    except ValueError:
        return math.nan


def _promised(book: Book, rows: DataFrame, of: Callable[[Promise], float]) -> float:
    """The mean over policies by how many of the rows each decided."""
    shares = rows["policy_id"].value_counts(normalize=True)
    return float(sum(share * of(book.promises[str(policy)]) for policy, share in shares.items())) if len(shares) else math.nan


def _mean(money: FloatArray) -> Measured:
    if not money.size:
        return NOT_MEASURED
    return _around(1000 * float(money.mean()), 1000 * float(money.std()) / math.sqrt(money.size))


def _around(value: float, sd: float) -> Measured:
    return Measured(value, value - _Z * sd, value + _Z * sd)
