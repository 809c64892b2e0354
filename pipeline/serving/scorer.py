"""The scorer: the one way from validated inputs to decisions, for the form, the file and HTTP alike. It writes nothing."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import contract
from pipeline.evaluation.inputs import BoolArray, FloatArray
from pipeline.project import ProjectConfig
from pipeline.serving.desk import Pair
from pipeline.serving.ids import new_id
from pipeline.serving.live import LiveModel
from pipeline.serving.records import Application, Decision, Reason, Shadow
from pipeline.serving.steps import Steps, pd_of_matrix, through
from pipeline.serving.warn import FEW_ROWS

TextArray = npt.NDArray[np.object_]
TEXT: Final[Any] = pd.StringDtype(na_value=np.nan)
"""The pandas type ``str``."""


@dataclass(frozen=True)
class Assessed:
    """What one model and its policy say, one value per application."""

    pd: FloatArray
    grade: TextArray
    outcome: TextArray
    steps: Steps | None = None
    """The applications on their way through the pipeline, for the reasons."""


@dataclass(frozen=True)
class Judged:
    """What both models say, and which of them decides each application."""

    champion: Assessed
    challenger: Assessed | None
    by_challenger: BoolArray

    def decided(self, name: str) -> npt.NDArray[Any]:
        """Return ``pd``, ``grade`` or ``outcome`` of the model that decides."""
        ours: npt.NDArray[Any] = getattr(self.champion, name)
        return ours if self.challenger is None else np.where(self.by_challenger, getattr(self.challenger, name), ours)

    def without_steps(self) -> "Judged":
        """Return the same without what only the reasons need, which is larger than all the rest."""
        challenger = None if self.challenger is None else replace(self.challenger, steps=None)
        return Judged(replace(self.champion, steps=None), challenger, self.by_challenger)


def assess(live: LiveModel, frame: pd.DataFrame) -> Assessed:
    """Score typed rows (as `inputs_frame` makes them) with one model and decide by its policy, shape (n,) each."""
    steps = through(live.model, frame)
    pds = pd_of_matrix(live.model, steps.X)
    return Assessed(pds, grades(live.config, pds), outcomes(live, pds), steps)


def grades(config: ProjectConfig, pds: FloatArray) -> TextArray:
    """Return the grade of each PD: a PD on an edge has the worse grade."""
    names = np.asarray(config.underwriting.grades, dtype=object)
    return np.asarray(names[np.searchsorted(config.underwriting.grade_edges, pds, side="right")], dtype=object)


def outcomes(live: LiveModel, pds: FloatArray) -> TextArray:
    """Approve when PD < approve_below, decline when PD >= decline_above, review between."""
    policy, names = live.policy, np.asarray(contract.OUTCOMES, dtype=object)
    return np.asarray(names[(pds >= policy.approve_below).astype(int) + (pds >= policy.decline_above)], dtype=object)


def judge(pair: Pair, frame: pd.DataFrame, applicant_ids: Sequence[str | None]) -> Judged:
    """Score by champion and challenger, and let the canary decide the share of applicants that falls to it."""
    n = len(frame)
    champion = assess(pair.champion, frame)
    if pair.challenger is None or pair.routing is None:
        return Judged(champion, None, np.zeros(n, dtype=np.bool_))
    share = pair.routing.share if pair.routing.mode == contract.ROUTE_CANARY else 0.0
    chosen = [
        applicant is not None and canary_position(pair.champion.project, applicant) < share for applicant in applicant_ids
    ]
    return Judged(champion, assess(pair.challenger, frame), np.array(chosen, dtype=np.bool_))


def canary_position(project: str, applicant_id: str) -> float:
    """Return where an applicant stands in [0, 1) by the hash of the id: the same applicant always meets the same model."""
    digest = hashlib.sha256(f"{project}\0{applicant_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def decide(
    pair: Pair, applications: Sequence[Application], source: str, *, with_reasons: bool = True, started: float | None = None
) -> list[Decision]:
    """Decide validated applications; the decisions are not recorded yet and must not be shown before they are.

    Reasons go with every decline and review. ``started`` is the `time.perf_counter` at which the request came in. The
    challenger's answer stands in ``shadow``, or the champion's where a canary decided. An application that another project's
    rules validated raises KeyError.
    """
    started = time.perf_counter() if started is None else started
    if not applications:
        return []
    frame = inputs_frame(pair.champion.config, [a.inputs for a in applications])
    judged = judge(pair, frame, [a.applicant_id for a in applications])
    outcome, pds, grade = judged.decided("outcome"), judged.decided("pd"), judged.decided("grade")
    reasons = explain(pair, judged, frame) if with_reasons else [()] * len(frame)
    warnings = _warnings(pair.champion, applications, frame)
    shadows = shadows_of(pair, judged)
    now = datetime.now(UTC)
    latency = 1000.0 * (time.perf_counter() - started)
    decisions = []
    for i, application in enumerate(applications):
        live = pair.challenger if pair.challenger is not None and judged.by_challenger[i] else pair.champion
        decisions.append(
            Decision(
                id=new_id(now), project=live.project, decided_at=now, source=source, model_version=live.version,
                model_sha256=live.model_sha256, run_id=live.run_id, policy_id=live.policy.id, inputs=application.inputs,
                pd=float(pds[i]), grade=str(grade[i]), outcome=str(outcome[i]), reasons=reasons[i], warnings=warnings[i],
                shadow=shadows[i], applicant_id=application.applicant_id, idempotency_key=application.idempotency_key,
                latency_ms=latency,
            )
        )  # fmt: skip
    return decisions


def explain(pair: Pair, judged: Judged, frame: pd.DataFrame) -> list[tuple[Reason, ...]]:
    """Return the principal reasons of every row that is not approved, by the model that decides it; () for the others."""
    found: list[tuple[Reason, ...]] = [()] * len(frame)
    refused = judged.decided("outcome") != contract.APPROVE
    for live, assessed, mine in (
        (pair.champion, judged.champion, refused & ~judged.by_challenger),
        (pair.challenger, judged.challenger, refused & judged.by_challenger),
    ):
        rows = np.flatnonzero(mine)
        if live is not None and assessed is not None and rows.size:
            steps = None if assessed.steps is None else assessed.steps.at(rows)
            for row, reasons in zip(rows, live.reasoner.principal(frame.iloc[rows], assessed.pd[rows], steps), strict=True):
                found[row] = reasons
    return found


def inputs_frame(config: ProjectConfig, inputs: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Return validated inputs as the typed frame that models take: float64 for numbers and booleans, str for categories."""
    columns: dict[str, Any] = {}
    for feature in config.features:
        values: list[Any] = [row[feature.name] for row in inputs]
        if feature.kind == "category":
            columns[feature.name] = pd.array(values, dtype=TEXT)  # a Series would take four times as long
        else:
            columns[feature.name] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return pd.DataFrame(columns, copy=False)


def _warnings(live: LiveModel, applications: Sequence[Application], frame: pd.DataFrame) -> list[tuple[str, ...]]:
    if len(applications) > FEW_ROWS:
        return live.watch.warnings(frame)
    return [live.watch.of_one(application.inputs) for application in applications]


def shadows_of(pair: Pair, judged: Judged) -> list[Shadow | None]:
    """Return per row what the model that does not decide it says; None everywhere without a challenger."""
    if pair.challenger is None or judged.challenger is None:
        return [None] * len(judged.by_challenger)
    challenger, champion = (
        [Shadow(role, live.version, live.model_sha256, live.policy.id, *values) for values in _pd_and_outcome(said)]
        for role, live, said in (
            (contract.ALIAS_CHALLENGER, pair.challenger, judged.challenger),
            (contract.ALIAS_CHAMPION, pair.champion, judged.champion),
        )
    )
    return [champion[i] if decides else challenger[i] for i, decides in enumerate(judged.by_challenger.tolist())]


def _pd_and_outcome(said: Assessed) -> Iterator[tuple[float, str]]:
    return zip(said.pd.tolist(), said.outcome.tolist(), strict=True)
