"""The summary of a batch, added up chunk by chunk: decisions, money expected to be lost, spread of PDs, what was refused."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import contract
from pipeline.evaluation.cost import LoanCosts
from pipeline.evaluation.inputs import BoolArray, FloatArray
from pipeline.registry.assumptions import costs_of_policy
from pipeline.serving.live import LiveModel

PD_BINS: Final = 50
"""Equal bins from 0 to 1: two points of PD each."""


@dataclass(frozen=True)
class Part:
    """One outcome: applicants, mean PD, and in money what they ask for and what of it is expected to be lost.

    The expected loss is PD x LGD x amount, summed over the applicants whose amount is known; ``amount`` and ``expected_loss``
    are NaN where none is.
    """

    n: int
    mean_pd: float
    amount: float
    expected_loss: float
    n_without_amount: int


@dataclass(frozen=True)
class Summary:
    """What came of a file. ``n_rows`` = ``n_decided`` + ``n_refused``; of the decided ``n_before`` were recorded earlier."""

    n_rows: int
    n_decided: int
    n_refused: int
    n_before: int
    parts: Mapping[str, Part]
    """By outcome, `contract.OUTCOMES` in order."""
    distribution: pd.DataFrame
    """``lower`` and ``upper`` of each PD bin and the applicants in it by outcome, one column each."""
    refused_by_field: Mapping[str, int]
    """Faults by the field's name, most frequent first; "" counts rows that do not fit the header."""
    versions: Mapping[int, int]
    """Applicants by the model version that decided them."""
    lgd: float
    currency: str


class Tally:
    """Adds up; one thread at a time."""

    def __init__(self, live: LiveModel) -> None:
        self.lgd = lgd_of(live)
        self._currency = live.config.project.currency
        self._counts = np.zeros((len(contract.OUTCOMES), PD_BINS), dtype=np.int64)
        self._sums = np.zeros((len(contract.OUTCOMES), 4))  # PD, amount, expected loss, applicants without an amount
        self._versions: Counter[int] = Counter()
        self._fields: Counter[str] = Counter()
        self._n_before = self._n_refused = 0

    def add(self, decided: pd.DataFrame, amounts: FloatArray, *, n_before: int) -> None:
        """Add decided rows (columns of `batch_log.DECIDED`) with the amount of each, NaN where it is not known."""
        pds = decided["pd"].to_numpy(dtype=np.float64)
        bins = np.minimum((pds * PD_BINS).astype(np.int64), PD_BINS - 1)
        for i, outcome in enumerate(contract.OUTCOMES):
            mine = decided["outcome"].to_numpy() == outcome
            self._counts[i] += np.bincount(bins[mine], minlength=PD_BINS)
            self._sums[i] += _sums(pds, amounts, mine, self.lgd)
        versions, counts = np.unique(decided["model_version"].to_numpy(dtype=np.int64), return_counts=True)
        self._versions.update(dict(zip(versions.tolist(), counts.tolist(), strict=True)))
        self._n_before += n_before

    def refuse(self, n: int, fields: "pd.Series[str]") -> None:
        """Add n refused rows and the field of each of their faults."""
        self._n_refused += n
        self._fields.update(fields.tolist())

    def summary(self) -> Summary:
        """Return the sums so far."""
        n_decided = int(self._counts.sum())
        return Summary(
            n_decided + self._n_refused, n_decided, self._n_refused, self._n_before,
            {name: self._part(i) for i, name in enumerate(contract.OUTCOMES)}, self._distribution(),
            dict(self._fields.most_common()), dict(sorted(self._versions.items())), self.lgd, self._currency,
        )  # fmt: skip

    def _part(self, i: int) -> Part:
        n, (pd_sum, amount, loss, without) = int(self._counts[i].sum()), self._sums[i]
        money = (float(amount), float(loss)) if n > without else (np.nan, np.nan)
        return Part(n, float(pd_sum / n) if n else np.nan, *money, int(without))

    def _distribution(self) -> pd.DataFrame:
        edges = np.linspace(0, 1, PD_BINS + 1)
        return pd.DataFrame(
            {"lower": edges[:-1], "upper": edges[1:], **dict(zip(contract.OUTCOMES, self._counts, strict=True))}
        )


def lgd_of(live: LiveModel) -> float:
    """Return the loss given default that the live policy was priced with, else the project's."""
    costs = costs_of_policy(live.policy.costs)
    return costs.lgd if isinstance(costs, LoanCosts) else live.config.costs.lgd


def _sums(pds: FloatArray, amounts: FloatArray, mine: BoolArray, lgd: float) -> npt.NDArray[np.float64]:
    pds, amounts = pds[mine], amounts[mine]
    return np.array([pds.sum(), np.nansum(amounts), np.nansum(pds * amounts) * lgd, np.isnan(amounts).sum()])
