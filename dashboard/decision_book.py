"""What the Decisions page says: who was searched for, what was found, and one decision in plain words and tables."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from dashboard.answers import Answer
from dashboard.labels import NOT_KNOWN, moment, number, percent, plain
from pipeline import contract
from pipeline.project import Feature, ProjectConfig
from pipeline.serving.records import Decision, Value, as_document

if TYPE_CHECKING:
    from pipeline.serving.overrides import Override

OUTCOME_WORDS: Final = {contract.APPROVE: "approved", contract.REVIEW: "sent to review", contract.DECLINE: "declined"}
SOURCE_WORDS: Final = {
    contract.SOURCE_FORM: "form", contract.SOURCE_BATCH: "file", contract.SOURCE_HTTP: "HTTP", contract.SOURCE_REPLAY: "replay",
}  # fmt: skip


@dataclass(frozen=True)
class Query:
    """What to look for; empty parts do not narrow. Days are whole days in UTC, both included."""

    text: str = ""
    since: date | None = None
    until: date | None = None
    outcomes: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def is_narrow(self) -> bool:
        """True when anything narrows."""
        return self != Query()

    def as_search(self) -> dict[str, Any]:
        """Return the words that `pipeline.serving.decision_search` takes."""
        since = datetime.combine(self.since, time(), UTC) if self.since else None
        until = datetime.combine(self.until + timedelta(days=1), time(), UTC) if self.until else None
        return {
            "text": self.text.strip(), "since": since, "until": until,
            "outcomes": self.outcomes, "versions": self.versions, "sources": self.sources,
        }  # fmt: skip


def found(counts: Mapping[str, int], query: Query, counted_to: int) -> Answer:
    """Say how many decisions the search holds and how they went; counts: by outcome, each counted no further than counted_to.

    Beyond that the shares are not known, and none is stated.
    """
    n = sum(counts.values())
    if max(counts.values(), default=0) >= counted_to:
        verb = "match" if query.is_narrow else "are recorded"
        return Answer(f"At least {n:,} decisions {verb}.", "Narrow the search to see how they went.", is_firm=False)
    if n == 0:
        return Answer("No decision matches this search.", "Search by the start of an id, or widen the dates.", is_firm=False)
    shares = ", ".join(
        f"{percent(counts.get(outcome, 0) / n)} {OUTCOME_WORDS[outcome]}"
        for outcome in contract.OUTCOMES
        if counts.get(outcome)
    )
    noun = "decision" if n == 1 else "decisions"
    return Answer(f"{n:,} {noun}{' match' + 'es' * (n == 1) if query.is_narrow else ' recorded'}: {shares}.")


def headline(decision: Decision, overrides: "tuple[Override, ...]") -> Answer:
    """Say what was decided, when, and by which model and policy; the newest override stands above it."""
    who = f"version {decision.model_version} under {plain(decision.policy_id)}"
    said = f"{OUTCOME_WORDS[decision.outcome].capitalize()} on {moment(decision.decided_at)}"
    text = f"{said}: probability of default {percent(decision.pd)}, grade {plain(decision.grade)}."
    detail = f"Decided by {who}, from {_source(decision)}."
    if overrides:
        last = overrides[-1]
        detail += f" {plain(last.author)} then {OUTCOME_WORDS[last.outcome]} it on {moment(last.at)}: {plain(last.reason)}."
    return Answer(text, detail)


def _source(decision: Decision) -> str:
    words = {contract.SOURCE_FORM: "the form", contract.SOURCE_BATCH: "a file", contract.SOURCE_HTTP: "an HTTP request"}
    return words.get(decision.source, f"a {plain(decision.source)}")


def results(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the list of decisions as people read them; table: as `decision_search.find` returns it.

    What a person decided later stands in "Then", which is left out while nobody did.
    """
    shown = pd.DataFrame(
        {
            "Time (UTC)": pd.to_datetime(table["decided_at"], utc=True).dt.strftime("%Y-%m-%d %H:%M:%S"),
            "Decision": table["outcome"].map(OUTCOME_WORDS),
            "Then": table["override"].map(OUTCOME_WORDS),
            "PD": 100 * table["pd"].astype("float64"),
            "Grade": table["grade"],
            "Applicant": table["applicant_id"].map(lambda name: name or ""),
            "Version": table["model_version"],
            "From": table["source"].map(SOURCE_WORDS),
            "Reasons": table["reasons"],
            "Id": table["id"],
        }
    )
    return shown if shown["Then"].notna().any() else shown.drop(columns="Then")


def inputs_table(decision: Decision, config: ProjectConfig | None) -> pd.DataFrame:
    """Return what the applicant stated: Field and Value with its unit, in the order of the form."""
    features = {feature.name: feature for feature in config.features} if config else {}
    ordered = [*[name for name in features if name in decision.inputs], *[n for n in decision.inputs if n not in features]]
    rows = [
        {
            "Field": features[name].label if name in features else name,
            "Value": value_text(features.get(name), decision.inputs[name]),
        }
        for name in ordered
    ]
    return pd.DataFrame(rows, columns=["Field", "Value"])


def value_text(feature: Feature | None, value: Value) -> str:
    """Write one input as the form shows it, with its unit: choices by their label, booleans as yes or no."""
    if value is None:
        return "not known"
    if feature is not None and feature.kind == "boolean":
        return "yes" if value else "no"
    if feature is not None and feature.kind == "category" and feature.choice_labels:
        labels = {str(choice): label for choice, label in zip(feature.choices, feature.choice_labels, strict=True)}
        return labels.get(str(value), str(value))
    text = f"{value:,.10g}" if isinstance(value, float) else str(value)
    return f"{text} {feature.unit}".strip() if feature is not None else text


def reasons_table(decision: Decision, config: ProjectConfig | None) -> pd.DataFrame:
    """Return the recorded reasons in order: what was stated, what those who just pass have, and the PD with that instead."""
    features = {feature.name: feature for feature in config.features} if config else {}
    rows = [
        {
            "Reason": reason.text,
            "Stated": value_text(features.get(reason.feature), _rounded(reason.value)),
            "Just passing": value_text(features.get(reason.feature), _rounded(reason.reference)),
            "PD then": percent(reason.pd_at_reference),
        }
        for reason in decision.reasons
    ]
    return pd.DataFrame(rows)


def _rounded(value: Value) -> Value:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def record_table(decision: Decision) -> pd.DataFrame:
    """Return what the record names: What and Value, hashes in full."""
    latency = NOT_KNOWN if decision.latency_ms is None else f"{number(decision.latency_ms, 1)} ms"
    rows = {
        "Decision": decision.id,
        "Decided": decision.decided_at.isoformat(timespec="milliseconds"),
        "Applicant": decision.applicant_id or NOT_KNOWN,
        "Source": SOURCE_WORDS.get(decision.source, decision.source),
        "Model version": str(decision.model_version),
        "Model (sha256)": decision.model_sha256,
        "MLflow run": decision.run_id,
        "Policy": decision.policy_id,
        "PD, every digit": repr(decision.pd),
        "Computing time": latency,
        "Idempotency key": decision.idempotency_key or NOT_KNOWN,
        "Number in the log": str(decision.seq),
    }
    return pd.DataFrame({"What": list(rows), "Value": list(rows.values())})


def as_json(decision: Decision, overrides: "tuple[Override, ...]") -> str:
    """Return the whole record as JSON, to be kept with a case file."""
    document = {
        **{key: value for key, value in decision.__dict__.items() if key not in ("reasons", "shadow", "decided_at", "inputs")},
        "decided_at": decision.decided_at.isoformat(),
        "inputs": dict(decision.inputs),
        "reasons": [as_document(reason) for reason in decision.reasons],
        "shadow": as_document(decision.shadow) if decision.shadow else None,
        "overrides": [asdict(one) | {"at": one.at.isoformat()} for one in overrides],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, default=list)
