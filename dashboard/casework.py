"""One applicant's case: decided by what is live, recorded, and only then returned with what explains it."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pipeline import contract
from pipeline.serving.peers import Peers, peers, position
from pipeline.serving.records import Application, Decision, Value
from pipeline.store.documents import canonical_json

if TYPE_CHECKING:
    from pipeline.serving.desk import Pair
    from pipeline.serving.live import LiveModel
    from pipeline.store.engine import Engine


@dataclass(frozen=True)
class Case:
    """A decision as the log holds it, and what stands behind it.

    share_below: share of past applicants with a lower PD; waterfall: as `Reasoner.difference` gives it, starting at
    ``start_pd``, the PD of applicants who just pass.
    """

    decision: Decision
    peers: Peers
    share_below: float
    waterfall: pd.DataFrame
    start: float
    group_size: int
    group_note: str


def decide_and_record(
    pair: "Pair", engine: "Engine", inputs: Mapping[str, Value], applicant_id: str | None, nonce: str
) -> Case:
    """Decide one validated application, record it, and return the case. The same inputs under the same nonce are recorded once.

    Raises LogError when the log cannot record: then there is no case to show.
    """
    from pipeline.serving.decision_log import record
    from pipeline.serving.scorer import decide

    started = time.perf_counter()
    application = Application(inputs, applicant_id, key_of(pair, inputs, applicant_id, nonce))
    recorded = record(engine, decide(pair, [application], contract.SOURCE_FORM, started=started))[0]
    return open_case(pair, recorded)


def open_case(pair: "Pair", decision: Decision) -> Case:
    """Explain a recorded decision by the model that made it. Raises LookupError when that model runs no more."""
    from pipeline.serving.scorer import inputs_frame

    live = decided_by(pair, decision)
    if live is None:
        raise LookupError(f"version {decision.model_version} under policy {decision.policy_id} decides no more")
    frame = inputs_frame(live.config, [decision.inputs])
    return Case(
        decision, peers(live.holdout, decision.pd), position(live.background, decision.pd), live.reasoner.difference(frame),
        live.reasoner.reference_score, live.reasoner.group_size, live.reasoner.group_note,
    )  # fmt: skip


def decided_by(pair: "Pair", decision: Decision) -> "LiveModel | None":
    """Return the model and policy that made a decision while both still run, else None."""
    for live in (pair.champion, pair.challenger):
        if live is not None and (live.version, live.policy.id) == (decision.model_version, decision.policy_id):
            return live
    return None


def key_of(pair: "Pair", inputs: Mapping[str, Value], applicant_id: str | None, nonce: str) -> str:
    """Return the idempotency key of a submission: a second press is the same decision, another model or input is not."""
    live = [(m.version, m.policy.id) for m in (pair.champion, pair.challenger) if m is not None]
    text = canonical_json({"nonce": nonce, "inputs": dict(inputs), "applicant": applicant_id, "live": live})
    return f"form-{hashlib.sha256(text.encode()).hexdigest()[:40]}"
