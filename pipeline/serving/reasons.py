"""Principal reasons: what lifts an applicant's PD above applicants at or just above the cut-off, those who just pass.

12 CFR 1002.9 wants the specific principal reasons actually scored, and its commentary names that group as one to compare with.
A reason is given only when re-scoring proves it: with that factor at its reference, the PD is lower.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from pipeline import contract
from pipeline.evaluation.inputs import BoolArray, FloatArray, IntArray
from pipeline.project import ProjectConfig
from pipeline.serving.contributions import Explainer, logit
from pipeline.serving.records import Reason, Value
from pipeline.serving.reference_group import Stand, reference_group, value_of
from pipeline.serving.steps import Steps, through

CHUNK_ROWS: Final = 2000  # keeps the re-scored copies of a chunk near 10 MB
_WORKERS: Final = 2


@dataclass(frozen=True)
class _Rows:
    """Applicants on their way to reasons: matrix (n, m), PDs (n,), contributions and those above the group's mean (n, k)."""

    scored: pd.DataFrame
    X: FloatArray
    pds: FloatArray
    contributions: FloatArray
    above: FloatArray
    cells: dict[str, list[object]] = field(default_factory=dict)
    """Columns of the scored frame as lists, filled when first asked for."""

    def value(self, row: int, factor: str) -> Value:
        """What the applicant has."""
        if factor not in self.cells:
            self.cells[factor] = self.scored[factor].tolist()
        return value_of(self.cells[factor][row])


class Reasoner:
    """Explains the decisions of one model under one policy.

    Args:
        model: the saved pipeline.
        config: the project it was trained under.
        background: development rows, features and `contract.BACKGROUND_PD`, see `contract.ARTIFACT_BACKGROUND`.
        approve_below: the policy's cut-off, on which the reference group stands (`reference_group.nearest_passing`).
    """

    def __init__(self, model: Any, config: ProjectConfig, background: pd.DataFrame, approve_below: float) -> None:
        self.explainer = Explainer(model, config)
        self.factors = self.explainer.factors
        self.group = reference_group(self.explainer, config, background, approve_below)
        self._labels = (*(f.label for f in config.features), *(r.label for r in config.ratios))
        self._texts = (*(f.reason or f.label for f in config.features), *(r.reason or r.label for r in config.ratios))
        # A feature is never protected, the project sees to that; a ratio could still carry a protected column's name.
        self._nameable: BoolArray = np.array([name not in config.protected.columns for name in self.factors])

    @property
    def reference_score(self) -> float:
        """Mean logit of the reference group, where the waterfall starts."""
        return self.group.score

    @property
    def group_size(self) -> int:
        """Applicants in the reference group."""
        return self.group.size

    @property
    def group_note(self) -> str:
        """What is unusual about the group (nobody would be approved), or nothing."""
        return self.group.note

    def principal(self, frame: pd.DataFrame, pds: FloatArray, steps: Steps | None = None) -> list[tuple[Reason, ...]]:
        """Return up to `contract.MAX_REASONS` reasons per row, the weightiest first; ties in the project's order.

        `frame` holds typed inputs as `inputs_frame` makes them, `pds` (n,) what the model gave them, `steps` the same rows on
        their way through the pipeline where the scorer has taken them already. A reason is a factor that
        contributes more than the group's mean and whose reference alone lowers the PD; what re-scoring does not prove is passed
        over. Where nothing is left, each factor is tried by itself and weighs the log-odds that its reference takes away; where
        none suffices alone, see `_together`. Who has the lowest PD that the model gives, as everybody has under the prior, has
        no reason.
        """
        if steps is None and len(frame):
            steps = through(self.explainer.model, frame)
        if steps is None:
            return []
        chunks = [slice(at, at + CHUNK_ROWS) for at in range(0, len(frame), CHUNK_ROWS)]
        if len(chunks) <= 1:
            return self._principal(steps, pds)
        from joblib import Parallel, delayed

        work = Parallel(n_jobs=_WORKERS, prefer="threads")  # LightGBM and numpy let go of the interpreter lock
        parts = work(delayed(self._principal)(steps.at(chunk), pds[chunk]) for chunk in chunks)
        return [reasons for part in parts for reasons in part]

    def difference(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the waterfall of one applicant against the reference group, a row per factor in the project's order.

        Columns: feature, label, value and reference (None where missing), contribution (log-odds above the group's mean),
        pd_at_reference (the PD with this factor alone at its reference). `reference_score` plus the contributions is the logit
        of the PD. Raises ValueError for anything but one row.
        """
        if len(frame) != 1:
            raise ValueError(f"the frame has {len(frame)} rows; a waterfall shows one applicant")
        rows = self._rows(through(self.explainer.model, frame))
        every = np.arange(len(self.factors))
        return pd.DataFrame(
            {
                "feature": self.factors,
                "label": self._labels,
                "value": pd.Series([rows.value(0, name) for name in self.factors], dtype=object),
                "reference": pd.Series(self.group.typical.values, dtype=object),
                "contribution": rows.above[0],
                "pd_at_reference": self._rescored(rows, np.zeros_like(every), every),
            }
        )

    def _rows(self, steps: Steps, pds: FloatArray | None = None) -> _Rows:
        pds = self.explainer.pd_of_matrix(steps.X) if pds is None else pds
        contributions, _ = self.explainer.contributions_of_matrix(steps.X, pds)
        return _Rows(steps.scored, steps.X, pds, contributions, contributions - self.group.mean)

    def _principal(self, steps: Steps, pds: FloatArray) -> list[tuple[Reason, ...]]:
        rows = self._rows(steps, pds)
        weight, at_reference = self._weigh(rows)
        heaviest = np.argsort(-weight, axis=1, kind="stable")[:, : contract.MAX_REASONS]
        return [
            tuple(
                self._reason(rows, i, int(j), self.group.typical, weight[i, j], at_reference[i, j])
                for j in heaviest[i]
                if weight[i, j] > 0
            )
            or self._together(rows, i)
            for i in range(len(pds))
        ]

    def _weigh(self, rows: _Rows) -> tuple[FloatArray, FloatArray]:
        """Weights (n, k) of proved reasons, 0 for every other factor, and the PDs that proved them."""
        at_reference = self._rescored_where(rows, (rows.above > 0) & self._nameable)
        weight = np.where(at_reference < rows.pds[:, None], rows.above, 0.0)
        left = ~(weight > 0).any(axis=1, keepdims=True)
        if left.any():
            alone = self._rescored_where(rows, left & self._nameable)
            taken = np.where(alone < rows.pds[:, None], logit(rows.pds)[:, None] - logit(alone), 0.0)
            weight, at_reference = np.where(left, taken, weight), np.where(left, alone, at_reference)
        return weight, at_reference

    def _rescored_where(self, rows: _Rows, asked: BoolArray) -> FloatArray:
        """PDs (n, k) with one factor at its reference, infinite where not asked."""
        row, factor = np.nonzero(asked)
        pds = np.full(asked.shape, np.inf)
        if row.size:
            pds[row, factor] = self._rescored(rows, row, factor)
        return pds

    def _rescored(self, rows: _Rows, row: IntArray, factor: IntArray) -> FloatArray:
        """PD of each pair of row and factor, that factor alone at its reference; it may be set in the matrix, see there."""
        X = np.where(self.explainer.owner == factor[:, None], self.group.typical.row, rows.X[row])
        return self.explainer.pd_of_matrix(X)

    def _together(self, rows: _Rows, i: int) -> tuple[Reason, ...]:
        """Last resort, where no factor lowers the PD alone: the fewest that do so together, weightiest first.

        They are set to what is typical of the reference group; if even all of that does not help, to what its safest member
        has, which always does when somebody is approved. Each carries an even share of the log-odds they take away, and the PD
        of all of them together. Past `contract.MAX_REASONS` the lighter ones go unnamed.
        """
        own, pd_ = rows.X[i], rows.pds[i]
        for stand in (self.group.typical, self.group.safest):
            order = self._apart(rows, i, stand)
            rank = np.full(len(self.factors), len(order))
            rank[order] = np.arange(len(order))
            moved = rank[self.explainer.owner] <= np.arange(len(order))[:, None]
            lowered = self.explainer.pd_of_matrix(np.where(moved, stand.row, own)) if len(order) else np.empty(0)
            enough = np.flatnonzero(lowered < pd_)
            if enough.size:
                n, lower = int(enough[0]) + 1, lowered[enough[0]]
                share = (logit(rows.pds[[i]])[0] - logit(lowered[enough[:1]])[0]) / n
                return tuple(self._reason(rows, i, int(j), stand, share, lower) for j in order[: min(n, contract.MAX_REASONS)])
        return ()

    def _apart(self, rows: _Rows, i: int, stand: Stand) -> IntArray:
        """Factors in which an applicant differs from a stand, those that raise the PD most first."""
        own = rows.X[i]
        differs = np.zeros(len(self.factors), dtype=np.bool_)
        differs[self.explainer.owner[~((own == stand.row) | (np.isnan(own) & np.isnan(stand.row)))]] = True
        order = np.argsort(stand.contributions - rows.contributions[i], kind="stable")
        return order[(differs & self._nameable)[order]]

    def _reason(self, rows: _Rows, i: int, j: int, stand: Stand, contribution: float, pd_at_reference: float) -> Reason:
        return Reason(
            feature=self.factors[j],
            text=self._texts[j],
            value=rows.value(i, self.factors[j]),
            reference=stand.values[j],
            contribution=float(contribution),
            pd_at_reference=float(pd_at_reference),
        )
