"""What the scoring threads do with requests: check, decide, record, in this order; nothing leaves before it is recorded."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from pipeline import contract
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.serving import decision_log
from pipeline.serving.decision_log import KeyConflict, LogError
from pipeline.serving.desk import Desk, Pair
from pipeline.serving.http.collect import Answer, Ask
from pipeline.serving.http.metrics import Metrics
from pipeline.serving.http.problems import Problem, refused
from pipeline.serving.records import Application, Decision, Fault, ServingError
from pipeline.serving.scorer import decide, inputs_frame
from pipeline.serving.service_events import OTHER, EventCounter

WARM_TRIES: Final = 3
_RETRY: Final = {"Retry-After": "2"}
_Record = Callable[[Sequence[Decision]], Sequence[Decision | KeyConflict]]
_Good = tuple[Ask, list[Application]]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Window:
    """Where requests are handed in: the desk that decides, the log, and what is counted."""

    desk: Desk
    engine: Engine
    metrics: Metrics
    events: EventCounter

    def answer_singles(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        """Answer requests of one applicant each by one prediction and one commit; the faults of one are its own."""
        return self._answer(asks, lambda decisions: decision_log.record_each(self.engine, decisions))

    def answer_lists(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        """Answer requests of many applicants, each in a commit of its own: all of a request is recorded, or nothing."""
        return [self._answer([ask], lambda decisions: decision_log.record(self.engine, decisions))[0] for ask in asks]

    def warm(self) -> None:
        """Load what is live and score a background row, without a record, so that the first applicant does not wait."""
        pair = self._first_pair()
        if pair is None:
            return  # nothing to warm yet: /readyz says why
        names = list(pair.champion.config.feature_names)
        row = pair.champion.background[names].iloc[:1]
        values, faults = pair.champion.rules.check(dict(zip(names, row.iloc[0], strict=True)), from_text=True)
        if not faults:
            decide(pair, [Application(values)], contract.SOURCE_HTTP)
            frame = inputs_frame(pair.champion.config, [values])
            pair.champion.reasoner.principal(frame, pair.champion.model.predict_proba(frame)[:, 1])

    def _first_pair(self) -> Pair | None:
        for _ in range(WARM_TRIES):
            try:
                return self.desk.pair()
            except TrackingUnavailable:
                continue  # a busy machine can take longer over its first look than a request may wait
            except ServingError:
                return None
        return None

    def _answer(self, asks: Sequence[Ask], record: _Record) -> list[Answer]:
        try:
            pair = self.desk.pair()
        except (ServingError, TrackingUnavailable) as error:
            self.metrics.errors.labels(kind="not-ready").inc(len(asks))
            return [Problem(503, "not-ready", str(error), headers=_RETRY)] * len(asks)
        checked = [self._check(pair, ask) for ask in asks]
        good = [(ask, found) for ask, found in zip(asks, checked, strict=True) if not isinstance(found, Problem)]
        settled = iter(self._settle(pair, good, record))
        return [found if isinstance(found, Problem) else next(settled) for found in checked]

    def _check(self, pair: Pair, ask: Ask) -> list[Application] | Problem:
        """Check every input of a request: its applications, or all its faults."""
        applications, faults = [], []
        for index, applicant in enumerate(ask.applicants):
            values, wrong = pair.champion.rules.check(applicant.inputs)
            faults += [(index if ask.is_list else None, fault) for fault in wrong]
            applications.append(Application(values, applicant.applicant_id, applicant.idempotency_key))
        if not faults:
            return applications
        self._count_refused(pair, (fault for _, fault in faults), len({index for index, _ in faults}))
        return refused(faults)

    def _settle(self, pair: Pair, good: Sequence[_Good], record: _Record) -> list[Answer]:
        """Decide together and record together; should deciding fail, each request is decided alone, so that one stops no other.

        What was handed to the log is never handed to it again: without a key that would be a second decision.
        """
        if not good:
            return []
        try:
            decisions = self._decide(pair, good)
        except Exception as error:
            if len(good) == 1:
                return [error]
            _log.warning("%d joined requests failed (%s); each is tried alone", len(good), type(error).__name__)
            return [answer for one in good for answer in self._settle(pair, [one], record)]
        try:
            recorded = record(decisions)
        except LogError as error:
            self.metrics.errors.labels(kind="log").inc(len(good))
            return [Problem(503, "not-recorded", str(error), headers=_RETRY)] * len(good)
        except KeyConflict as error:
            return [Problem(409, "key-conflict", str(error))] * len(good)
        self._count_decisions(decisions, recorded)
        done = iter(recorded)
        return [_answer_of([next(done) for _ in applications]) for _, applications in good]

    def _decide(self, pair: Pair, good: Sequence[_Good]) -> list[Decision]:
        applications = [application for _, ours in good for application in ours]
        self.metrics.batch_rows.observe(len(applications))
        decisions = decide(pair, applications, contract.SOURCE_HTTP, started=min(ask.started for ask, _ in good))
        for decision in decisions:
            if not math.isfinite(decision.pd):
                raise ValueError(f"version {decision.model_version} gives no PD; nothing is decided without one")
        return decisions

    def _count_decisions(self, decisions: Sequence[Decision], recorded: Sequence[Decision | KeyConflict]) -> None:
        pairs = [(d, r) for d, r in zip(decisions, recorded, strict=True) if isinstance(r, Decision)]
        new = Counter((r.outcome, str(r.model_version)) for d, r in pairs if d.id == r.id)
        for (outcome, version), n in new.items():
            self.metrics.decisions.labels(outcome=outcome, model_version=version).inc(n)
        self.metrics.repeated.inc(len(pairs) - new.total())

    def _count_refused(self, pair: Pair, faults: Iterable[Fault], applications: int) -> None:
        known = pair.champion.rules.fields
        fields = Counter(fault.field if fault.field in known else OTHER for fault in faults)
        for field, n in fields.items():
            self.metrics.refused.labels(field=field).inc(n)
        self.events.refuse(fields, applications)


def _answer_of(recorded: Sequence[Decision | KeyConflict]) -> Answer:
    decisions = [found for found in recorded if isinstance(found, Decision)]
    conflict = next((found for found in recorded if isinstance(found, KeyConflict)), None)
    return decisions if conflict is None else Problem(409, "key-conflict", str(conflict))
