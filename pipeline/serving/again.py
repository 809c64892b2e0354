"""Show it again: score a recorded decision with the recorded version and policy, and compare to the last bit."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Engine

from pipeline import contract
from pipeline.registry.policies import PolicyError, read_policy
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.serving.live import LiveModel, load_version
from pipeline.serving.records import Decision, Reason, ServingError, Shadow
from pipeline.serving.scorer import assess, inputs_frame
from pipeline.settings import Settings

MAX_LOADED = 6
"""Versions kept loaded per process: a model may take 100 MB."""

Key = tuple[Settings, int, str, str, str]

_loaded: "OrderedDict[Key, LiveModel]" = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class Again:
    """What came out: ``differences`` one line each, ``problem`` why it could not be scored, ``notes`` what was not compared."""

    decision_id: str
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def is_identical(self) -> bool:
        """True when it was scored again and nothing differs in any bit."""
        return not self.problem and not self.differences

    @property
    def verdict(self) -> str:
        """The answer in a few words."""
        if self.problem:
            return f"cannot be shown again: {self.problem}"
        if self.differences:
            return f"{len(self.differences)} differ" if len(self.differences) > 1 else "1 differs"
        return "identical to the last bit"


def show_again(settings: Settings, engine: Engine, decision: Decision) -> Again:
    """Score the recorded inputs with the recorded run, model hash and policy, and compare PD, grade, outcome and reasons.

    The shadow score is compared where there was one. Reasons are those recorded; computing them again only shows that they
    still follow. Nothing is written. Never raises for a version that cannot be loaded: that is the answer then.
    """
    try:
        live = recorded_version(
            settings, engine, decision.model_version, decision.run_id, decision.model_sha256, decision.policy_id
        )
        differences, notes = _compared(live, decision)
    except (ServingError, TrackingUnavailable) as error:
        return Again(decision.id, problem=str(error))
    if decision.shadow is not None:
        more, said = _shadow_compared(settings, engine, decision, decision.shadow)
        differences, notes = [*differences, *more], [*notes, *said]
    return Again(decision.id, tuple(differences), tuple(notes))


def recorded_version(
    settings: Settings, engine: Engine, version: int, run_id: str, model_sha256: str, policy_id: str
) -> LiveModel:
    """Return a version as it was recorded, loaded and verified once per process. Raises as `load_version`."""
    key = (settings, version, run_id, model_sha256, policy_id)
    with _lock:
        if key in _loaded:
            _loaded.move_to_end(key)
            return _loaded[key]
    live = load_version(settings, engine, version, run_id, model_sha256, policy_id)
    with _lock:
        _loaded[key] = live
        while len(_loaded) > MAX_LOADED:
            _loaded.popitem(last=False)
    return live


def _compared(live: LiveModel, decision: Decision) -> tuple[list[str], list[str]]:
    frame = inputs_frame(live.config, [_inputs(live, decision)])
    said = assess(live, frame)
    now = {"pd": float(said.pd[0]), "grade": str(said.grade[0]), "outcome": str(said.outcome[0])}
    differences = [*_changed("", decision, now)]
    if decision.outcome == contract.APPROVE:
        return differences, []
    if not decision.reasons:
        return differences, ["no reasons were recorded with this decision, so none are compared"]
    return [*differences, *reason_differences(decision.reasons, live.reasoner.principal(frame, said.pd)[0])], []


def _shadow_compared(settings: Settings, engine: Engine, decision: Decision, shadow: Shadow) -> tuple[list[str], list[str]]:
    """A shadow that cannot be loaded is a note: it decided nothing."""
    try:
        run_id = read_policy(engine, shadow.policy_id).run_id
        live = recorded_version(settings, engine, shadow.model_version, run_id, shadow.model_sha256, shadow.policy_id)
        said = assess(live, inputs_frame(live.config, [_inputs(live, decision)]))
    except (PolicyError, ServingError, TrackingUnavailable) as error:
        return [], [f"the {shadow.role} in shadow was not compared: {error}"]
    now = {"pd": float(said.pd[0]), "outcome": str(said.outcome[0])}
    return [*_changed(f"{shadow.role} in shadow: ", shadow, now)], []


def _inputs(live: LiveModel, decision: Decision) -> dict[str, object]:
    absent = [name for name in live.config.feature_names if name not in decision.inputs]
    if absent:
        raise ServingError(f"version {live.version} needs {', '.join(absent)}, which was not recorded with the decision")
    return {name: decision.inputs[name] for name in live.config.feature_names}


def _changed(where: str, recorded: Decision | Reason | Shadow, now: Mapping[str, object]) -> Iterator[str]:
    for name, value in now.items():
        if not _same(getattr(recorded, name), value):
            yield f"{where}{_WORDS.get(name, name)}: {getattr(recorded, name)!r} then, {value!r} now"


_WORDS = {"pd": "PD", "pd_at_reference": "PD at the reference"}


def reason_differences(then: Sequence[Reason], now: Sequence[Reason]) -> list[str]:
    """Name what differs between two lists of reasons: which and in what order, else each field of each reason."""
    order_then, order_now = [reason.feature for reason in then], [reason.feature for reason in now]
    if order_then != order_now:
        return [f"reasons: {', '.join(order_then)} then, {', '.join(order_now) or 'none'} now"]
    return [
        line
        for before, after in zip(then, now, strict=True)
        for line in _changed(f"reason {before.feature}, ", before, {f.name: getattr(after, f.name) for f in fields(Reason)})
    ]


def _same(before: object, after: object) -> bool:
    """Equal in every bit; a number that came back from JSON as an integer is the same number."""
    if isinstance(before, int | float) and isinstance(after, int | float):
        return float(before).hex() == float(after).hex()
    return before == after
